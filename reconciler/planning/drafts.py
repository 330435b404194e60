"""What passes between the steps of planning? A change that is not judged yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model import Assignment, Entry, Location, User, Value
from reconciler.plan import Change, UserRef
from reconciler.planning.demands import NOTHING, Demand

if TYPE_CHECKING:
    from collections.abc import Collection

Holdings = tuple[Assignment, ...]


class Part(Value, frozen=True, kw_only=True):
    """What a change does to one user's assignments, over all sources: from `was` to `will`.

    `whole` is what is held before the whole plan, where something goes with this change that isn't there
    in the end; else None.
    `target` is None for a user to be created. `country` is the usage location that counts when the
    change's turn comes.
    """

    user: UserRef
    target: User | None = None
    was: Holdings = ()
    will: Holdings = ()
    country: str | None = None
    whole: Holdings | None = None


class Draft(Value, frozen=True, kw_only=True):
    """A change with what the later steps need to judge it.

    `parts` are the users whose assignments it changes: one, or the members of a group. `takes` and
    `frees` are SKU ids, one per seat; `bought` is the number of seats of the change's SKU that it buys.
    `after` are addresses of changes that must be done first. `target` is None for a user to be
    created, for groups and for subscriptions.
    """

    change: Change
    subject: str
    location: Location | None = None
    entry: Entry | None = None
    demand: Demand = NOTHING
    target: User | None = None
    parts: tuple[Part, ...] = ()
    takes: tuple[str, ...] = ()
    frees: tuple[str, ...] = ()
    bought: int = 0
    priority: int = 0
    after: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Return the change's address."""
        return self.change.address

    @property
    def alters(self) -> bool:
        """Tell whether this change is one of licences, a user's or through a group."""
        return self.change.kind in ("set-licenses", "set-group-licenses", "add-member", "remove-member")


def difference(more: Collection[str], less: Collection[str]) -> tuple[str, ...]:
    """Return the ids in `more` that `less` lacks, sorted."""
    return tuple(sorted(set(more) - set(less)))
