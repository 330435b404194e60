"""What passes between the steps of planning? A change that is not judged yet."""

from __future__ import annotations

from reconciler.model import Assignment, Entry, Location, User, Value
from reconciler.plan import Change


class Draft(Value, frozen=True, kw_only=True):
    """A change with what the later steps need to judge it.

    `was` and `will` are the user's assignments before and after this change, over all sources.
    `takes` and `frees` are SKU ids, one per seat; `bought` is the number of seats of the change's SKU
    that it buys. `after` are addresses of changes of the same user that must be done first. `target`
    is None for a user to be created and for subscriptions.
    """

    change: Change
    subject: str
    location: Location | None = None
    entry: Entry | None = None
    target: User | None = None
    was: tuple[Assignment, ...] = ()
    will: tuple[Assignment, ...] = ()
    takes: tuple[str, ...] = ()
    frees: tuple[str, ...] = ()
    bought: int = 0
    after: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Return the change's address."""
        return self.change.address
