"""From when until when may a saved plan be carried out?

Pure, and by the tenant's clock. The day for which a plan was made need not be the day on which it was
made; neither makes it hold longer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from reconciler.plan import Plan

SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=7)
"""What somebody may ask for: time to apply it at all, and a week in which to approve it."""

SKEW = timedelta(minutes=10)
"""A plan against a snapshot has the clock of the machine that made it, which may be ahead by so much."""


def bounded(plan: Plan, clock: datetime, lifetime: timedelta | None = None) -> Plan:
    """Return a plan that was made at `clock` with its last instant: `lifetime`, or its own, from then on.

    One for an earlier day ends by that day: what it rests on is older.
    """
    made = datetime.fromisoformat(plan.created_at)
    own = datetime.fromisoformat(plan.expires_at) - made
    last = (min(made, clock) + (lifetime or own)).isoformat(timespec="seconds")
    return msgspec.structs.replace(plan, expires_at=last.replace("+00:00", "Z"))


def early(plan: Plan, now: datetime) -> bool:
    """Tell whether the day for which a plan was made has not come yet."""
    return datetime.fromisoformat(plan.created_at) > now + SKEW


def expired(plan: Plan, now: datetime) -> bool:
    """Tell whether a plan holds no longer; none holds beyond the longest time that can be asked for."""
    return now > min(
        datetime.fromisoformat(plan.expires_at), datetime.fromisoformat(plan.created_at) + LONGEST
    )
