"""What did a run do that a plan may undo? Data only: the journal tells it, planning reads it."""

from __future__ import annotations

from datetime import datetime

from reconciler.model import Value
from reconciler.plan import Change


class Past(Value, frozen=True, kw_only=True):
    """A run, when it began, and the changes that it carried out, or may have, in the order of writing.

    Of each change its address, kind, user (by id where that is known), group, `before` and `after` count.
    """

    run: str
    moment: datetime
    changes: tuple[Change, ...] = ()
