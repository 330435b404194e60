"""Where is somebody who leaves, on a given day?

Turns an entry with `leaver` into what the entry means on that day: as it stands, signed out, without
licences, deleted. It knows no tenant.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from datetime import date

    from reconciler.model import Entry, Leaver

Stage = Literal["working", "left", "stripped", "gone"]
"""Before and on the last day; signed out, licences kept; licences taken; to be deleted."""


def stage(leaver: Leaver | None, today: date) -> Stage:
    """Return where a leaver is on `today`."""
    if leaver is None or today <= leaver.last_day:
        return "working"
    ends = deletion(leaver)
    if ends is not None and today >= ends:
        return "gone"
    return "stripped" if today >= revocation(leaver) else "left"


def revocation(leaver: Leaver) -> date:
    """Return the first day without licences."""
    return _later(leaver, leaver.keep_licenses)


def deletion(leaver: Leaver) -> date | None:
    """Return the day on which the account is deleted; None: it stays."""
    return None if leaver.delete_after is None else _later(leaver, leaver.delete_after)


def _later(leaver: Leaver, days: int) -> date:
    return leaver.last_day + timedelta(days=1 + days)


def staged(entry: Entry, today: date) -> Entry:
    """Return what an entry means on `today`.

    Someone who left is signed out and otherwise left alone until the licences go; then nothing may be
    held directly, whatever rules say (see demands).
    """
    reached = stage(entry.leaver, today)
    if reached == "working":
        return entry
    if reached == "gone":
        return msgspec.structs.replace(
            entry, present=False, profile=(), usage_location=None, grants=None, choices=(), exclusions=()
        )
    profile = tuple(sorted({**dict(entry.profile), "enabled": False}.items()))
    return msgspec.structs.replace(
        entry,
        profile=profile,
        grants=() if reached == "stripped" else None,
        choices=(),
        exclusions=(),
        mode="replace",
    )
