"""What is left of a run that did not come to its end, and what became of the writes that were on their way?

What was done stays done. A write of which nobody knows the outcome is never sent again blindly: its object
is looked at, long enough for what was written to show; as wanted, it was done; as before, it may be sent like
any other change, through the same door; else nobody can tell. Nothing is written here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from reconciler.apply.approval import approve
from reconciler.apply.jobs import asking_id, verdict_on
from reconciler.apply.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from reconciler import journal
    from reconciler.apply.approval import Consent, Live
    from reconciler.apply.confirming import Watcher
    from reconciler.apply.jobs import Job
    from reconciler.plan import Change, Plan

LAG = timedelta(minutes=1)
"""So long after a write a live tenant may still show the state of before (Microsoft tells no bound)."""


class Former(NamedTuple):
    """What the journal tells of the run so far, by address.

    `done` are results of what was carried out, `doubts` the moments at which writes were intended whose
    outcome nobody knows; `verified` is what the tenant has shown.
    """

    done: Mapping[str, Result]
    doubts: Mapping[str, datetime]
    verified: Collection[str]


NOTHING = Former({}, {}, ())


def former(run: journal.Run) -> Former:
    """Return what is known of a run; what was accepted and not shown in time is to be looked at again."""
    fields = Result.__struct_fields__
    told = {one.address: Result(**{field: getattr(one, field) for field in fields}) for one in run.results}
    done = {
        address: msgspec.structs.replace(result, status="done", code=None)
        if result.status == "unsettled"
        else result
        for address, result in told.items()
        if result.carried or result.status == "unsettled"
    }
    return Former(
        done=done,
        doubts={
            intent.address: intent.time
            for intent in run.intents
            if intent.address not in told or told[intent.address].status == "unknown"
        },
        verified=run.verified,
    )


def approved(plan: Plan, live: Live, consent: Consent, done: Collection[str]) -> Plan:
    """Return the plan with what is left as this actor may carry it out now; see approval.approve."""
    left = tuple(change for change in plan.changes if change.address not in done)
    judged = {change.address: change for change in approve(_with(plan, left), live, consent).changes}
    return _with(plan, tuple(judged.get(change.address, change) for change in plan.changes))


def _with(plan: Plan, changes: tuple[Change, ...]) -> Plan:
    return msgspec.structs.replace(plan, changes=changes)


def decide(
    jobs: Sequence[Job], directory: Watcher, ids: Mapping[str, str], go_on: Callable[[int], bool]
) -> list[Result]:
    """Return the results of those whose outcome shows, done or unknown; the others are as before.

    `go_on` is asked before each pause, with the number of those that do not show what was wanted.
    """
    by_address = {job.change.address: job for job in jobs}

    def verdict(change: Change, values: Mapping[str, Any] | None) -> Result | None:
        return verdict_on(by_address[change.address], values)

    def shows(change: Change, values: Mapping[str, Any] | None) -> bool:
        found = verdict(change, values)
        return found is not None and found.carried

    changes = [asking_id(job.change) for job in jobs]
    seen: dict[str, Mapping[str, Any] | None] = {**directory.watch(changes, ids, shows, go_on=go_on)}
    left = [change for change in changes if change.address not in seen]
    seen |= directory.observe(left, ids) if left else {}
    verdicts = (verdict(change, seen.get(change.address)) for change in changes)
    return [_told(found) for found in verdicts if found]


def _told(verdict: Result) -> Result:
    if verdict.carried:
        code = "found-created" if verdict.kind == "create-user" else "found"
        return msgspec.structs.replace(verdict, status="done", code=code)
    code = "unread" if verdict.code == "unreadable" else "changed-meanwhile"
    return msgspec.structs.replace(verdict, status="unknown", code=code)
