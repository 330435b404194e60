"""What do the runs of the past tell the plans of today?

The licences that runs took away, and what plans asked to be remembered: folded line by line, since a
journal of years needn't fit into memory. Pure; nothing is read or written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.journal_lines import Intent, Result, RunStart
from reconciler.model import Removal
from reconciler.plan_memory import Memory
from reconciler.plan_rails import skus_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from reconciler.journal_lines import Damage, Line
    from reconciler.model import Remembered

    Taken = dict[tuple[str, str], tuple[datetime, str]]
    """(user id, SKU id) → when it was taken, and by which kind of change."""

WRITTEN = ("done", "unknown", "unsettled")
"""Statuses of a write that happened, may have, or was accepted and not shown in time."""
MEMBER_ERRORS = "member-errors"
"""The code of a group's change that was made, and failed to reach all of its members."""


def removals(lines: Iterable[Line | Damage], tenant_id: str | None) -> tuple[Removal, ...]:
    """Return the licences that runs took from users and that no later run gave back.

    Sorted by user and SKU; `tenant_id` leaves other tenants' runs out. A write whose outcome is not
    known counts as done: whoever asks compares with what the user holds now, and a deadline that
    may be real must not be missed.
    """
    taken: Taken = {}
    for intent, user, moment in writes(lines, tenant_id):
        _replay(intent, user, moment, taken)
    return tuple(
        Removal(user_id=user, sku_id=sku, removed_at=moment)
        for (user, sku), (moment, _) in sorted(taken.items())
    )


def writes(
    lines: Iterable[Line | Damage], tenant_id: str | None
) -> Iterator[tuple[Intent, str | None, datetime]]:
    """Yield each write that happened or may have, with the id of its user, and when.

    Those of a run that was killed while they were on their way are among them.
    """
    pending: dict[str, Intent] = {}
    ours = False
    for line in lines:
        if isinstance(line, Intent) and ours:
            pending[line.address] = line
        elif isinstance(line, Result) and line.address in pending:
            intent = pending.pop(line.address)
            if line.status in WRITTEN or line.code == MEMBER_ERRORS:
                yield intent, line.user_id or _user_of(intent), line.time
        elif isinstance(line, RunStart):
            yield from ((intent, _user_of(intent), intent.time) for intent in pending.values())
            pending.clear()
            ours = tenant_id in (None, line.tenant.id)
    yield from ((intent, _user_of(intent), intent.time) for intent in pending.values())


def _user_of(intent: Intent) -> str | None:
    return intent.user.id if intent.user else None


def _replay(intent: Intent, user: str | None, moment: datetime, taken: Taken) -> None:
    """Bring `taken` forward over one write."""
    for member in intent.members:
        taken.update({(member.id, sku): (moment, intent.kind) for sku in member.loses})
        for sku in member.gains:
            taken.pop((member.id, sku), None)
    if user is None:
        return
    held, kept = skus_in(intent.before), skus_in(intent.after)
    match intent.kind:
        case "restore-user":
            for key in [key for key, (_, by) in taken.items() if key[0] == user and by == "delete-user"]:
                del taken[key]
        case "delete-user":
            taken.update({(user, sku): (moment, intent.kind) for sku in held})
        case "set-licenses" | "add-member" | "remove-member":
            taken.update({(user, sku): (moment, intent.kind) for sku in held - kept})
            for sku in kept - held:
                taken.pop((user, sku), None)


def remembered(lines: Iterable[Line | Damage], tenant_id: str | None) -> tuple[Remembered, ...]:
    """Return what the plans of all runs, by topic, told later ones to remember, sorted by topic.

    A user is there since the run that first told of the user, or was switched off by a run; `tenant_id`
    leaves other tenants' runs out.
    """
    memory = Memory()
    pending: dict[str, Intent] = {}
    ours = False
    for line in lines:
        if isinstance(line, RunStart):
            ours = tenant_id in (None, line.tenant.id)
            pending.clear()
            memory.take(line.memory if ours else (), line.time)
        elif isinstance(line, Intent) and ours and line.kind == "update-user":
            pending[line.address] = line
        elif isinstance(line, Result) and line.status == "done" and line.address in pending:
            enabled = pending.pop(line.address).after.get("enabled")
            if line.user_id and isinstance(enabled, bool):
                memory.switched(line.user_id, line.time, on=enabled)
    return memory.rows()
