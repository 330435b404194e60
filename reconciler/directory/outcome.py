"""What is asked of the tenant in one write, and what came of it? Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan import Change

Status = Literal["done", "failed", "unknown", "unsettled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One change to carry out.

    `user_id` is the id of a user who was created or restored in this run; None means the id that
    the plan holds. `password` is the first password of a user to be created; it is never shown.
    """

    change: Change
    user_id: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def target(self) -> str | None:
        """Return the id of the user that the change is about, where one is known."""
        if self.user_id is not None:
            return self.user_id
        return self.change.user.id if self.change.user is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one write.

    "done": the tenant said so, or shows it; of a group, its members too. "failed": nothing was changed;
    `code` is stable, `message` is the tenant's own text. Only "member-errors" fails with the group
    changed: `params` names the members whom it did not reach. "unknown": the answer was lost and the
    object is neither as before nor as wanted, or could not be read again. "unsettled": the group is
    changed, and its members did not all follow in time.
    """

    address: str
    status: Status
    user_id: str | None = None
    code: str | None = None
    message: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    client_request_id: str | None = None
    http_status: int | None = None
