"""What will a run of a plan not try, and why?

Blocked changes, purchases without leave, and every change that waits for one of them: nothing is read or
sent for those. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.apply.jobs import result_of
from reconciler.apply.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.apply.result import Result
    from reconciler.plan import Change, Plan


def aside(plan: Plan, *, buy: bool) -> tuple[Result, ...]:
    """Return what a run of this plan will not try, and why."""
    return tuple(take_off(plan, Schedule(plan.changes), buy=buy))


def take_off(plan: Plan, schedule: Schedule, *, buy: bool) -> list[Result]:
    """Take what will not be tried off the schedule; return its results."""
    results = []
    for change in plan.changes:
        if not change.ready:
            roles = [] if change.permitted else list(change.roles)
            results.append(
                result_of(change, "blocked", params={"by": list(change.blocked_by), "roles": roles})
            )
        elif change.buys and not buy:
            results.append(result_of(change, "left-out", code="needs-buy"))
    told = {result.address for result in results}
    causes: list[tuple[str, str]] = [(result.address, result.status) for result in results]
    causes += [(address, "missing") for address in schedule.unknown()]
    for address, status in causes:
        dropped = [change for change in schedule.drop(address) if change.address not in told]
        results += waiting(dropped, on=address, status=status)
    return results


def waiting(changes: Iterable[Change], *, on: str, status: str) -> list[Result]:
    """Return the results of changes that wait for one that was not carried out."""
    return [
        result_of(change, "skipped", code="waits", params={"on": on, "status": status}) for change in changes
    ]
