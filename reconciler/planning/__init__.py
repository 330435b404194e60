"""What must change in the tenant? Desired and Current in, Plan out.

Pure: no I/O, no clock, no randomness, no logging. Same inputs, same bytes out.
"""

from reconciler.planning.horizon import look_ahead
from reconciler.planning.migration import migrate
from reconciler.planning.planner import make_plan
from reconciler.planning.undoing import undo

__all__ = ["look_ahead", "make_plan", "migrate", "undo"]
