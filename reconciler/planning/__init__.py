"""What must change in the tenant? Desired and Current in, Plan out.

Pure: no I/O, no clock, no randomness, no logging. Same inputs, same bytes out.
"""

from reconciler.planning.horizon import look_ahead
from reconciler.planning.migration import migrate
from reconciler.planning.planner import make_plan

__all__ = ["look_ahead", "make_plan", "migrate"]
