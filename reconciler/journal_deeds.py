"""What did applied runs take away, delete and buy that guard rails count again today?

Folded line by line, as in journal_recall; pure. What a later run gave back is not counted: what counts is
what is gone.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.journal_recall import writes
from reconciler.model import Deed
from reconciler.plan_rails import bought, skus_in

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reconciler.journal_lines import Damage, Intent, Line


class _Fold:
    """All that is gone so far, and since when; what was bought, by run and address."""

    def __init__(self) -> None:
        self.lost: dict[tuple[str, str], datetime] = {}
        self.deleted: dict[str, datetime] = {}
        self.bought: dict[tuple[str, str], tuple[datetime, int]] = {}

    def take(self, intent: Intent, user: str | None, moment: datetime) -> None:
        """Bring it forward over one write that happened, or may have."""
        for member in intent.members:
            self._lose(member.id, frozenset(member.loses), frozenset(member.gains), moment)
        if intent.kind == "buy-seats":
            seats = bought(intent.before, intent.after)
            self.bought[intent.run, intent.address] = (moment, seats)
        if user is None:
            return
        if intent.kind == "delete-user":
            self.deleted[user] = moment
        elif intent.kind == "restore-user":
            self.deleted.pop(user, None)
        elif intent.kind in ("set-licenses", "add-member", "remove-member"):
            held, kept = skus_in(intent.before), skus_in(intent.after)
            self._lose(user, held - kept, kept - held, moment)

    def _lose(self, user: str, gone: frozenset[str], new: frozenset[str], moment: datetime) -> None:
        self.lost |= {(user, sku): moment for sku in gone}
        for sku in new:
            self.lost.pop((user, sku), None)

    def deeds(self) -> tuple[Deed, ...]:
        lost: dict[datetime, Counter[str]] = {}
        for (_, sku), moment in self.lost.items():
            lost.setdefault(moment, Counter())[sku] += 1
        deleted = Counter(self.deleted.values())
        seats: Counter[datetime] = Counter()
        for moment, number in self.bought.values():
            seats[moment] += number
        return tuple(
            Deed(
                time=moment,
                lost=dict(sorted(lost.get(moment, {}).items())),
                deleted=deleted[moment],
                bought=seats[moment],
            )
            for moment in sorted({*lost, *deleted, *seats})
        )


def deeds(lines: Iterable[Line | Damage], tenant_id: str | None) -> tuple[Deed, ...]:
    """Return what runs took away, deleted and bought, by the moment; `tenant_id` leaves others' runs out.

    A write whose outcome is not known counts as done: a brake that trusts in luck is none.
    """
    fold = _Fold()
    for intent, user, moment in writes(lines, tenant_id):
        fold.take(intent, user, moment)
    return fold.deeds()
