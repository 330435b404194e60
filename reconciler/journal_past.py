"""What did one run of the past do, as far as it may be undone? Pure: nothing is read here."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from reconciler.journal_recall import MEMBER_ERRORS, WRITTEN
from reconciler.plan import Change
from reconciler.plan_past import Past

if TYPE_CHECKING:
    from reconciler.journal_lines import Run
    from reconciler.plan import Kind


def past(run: Run) -> Past:
    """Return what a run carried out; a write whose outcome nobody knows may have been.

    Whoever undoes it compares with what the tenant holds now.
    """
    results = {result.address: result for result in run.results}
    changes = []
    for intent in run.intents:
        result = results.get(intent.address)
        if result and result.status not in WRITTEN and result.code != MEMBER_ERRORS:
            continue
        user = intent.user
        if user and result and result.user_id:
            user = msgspec.structs.replace(user, id=result.user_id)
        changes.append(
            Change(
                address=intent.address,
                kind=cast("Kind", intent.kind),
                user=user,
                group=intent.group,
                before=intent.before,
                after=intent.after,
            )
        )
    return Past(run=run.id, moment=run.start.time, changes=tuple(changes))
