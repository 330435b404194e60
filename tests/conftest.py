"""Which settings do all tests share? Hypothesis profiles; fixtures live beside the tests that use them.

The default profile has no deadline: a slow machine is no failure. `make fuzz` selects the profile `fuzz`.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("default", deadline=None, print_blob=True)
settings.register_profile(
    "fuzz", deadline=None, print_blob=True, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("default")
