"""What falls due on the days to come, and when will seats run short?

Plans again for each day on which something begins or ends, as if everything due until then had been
applied. It changes nothing of the plan of today.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from reconciler.plan import Day, Due
from reconciler.plan_memory import DISABLED
from reconciler.planning import leavers, simulation
from reconciler.planning.lapses import topic_of
from reconciler.planning.planner import make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from reconciler.catalog import Catalog
    from reconciler.model import Actor, Choice, Current, Desired, Exclusion, Grant, Options
    from reconciler.plan import Change, Plan

_DAY = timedelta(days=1)


def look_ahead(
    plan: Plan,
    desired: Desired,
    current: Current,
    actor: Actor,
    catalog: Catalog,
    options: Options,
    days: int,
) -> Plan:
    """Return the plan with what falls due within `days` days after its own, day by day."""
    last = options.today + timedelta(days=days)
    known = set(_declared(desired))
    state = simulation.applied(current, plan, options.now)
    told = {_due(change) for change in plan.changes}
    found: list[Day] = []
    day = options.today
    while True:
        coming = (one for one in chain(known, _running(desired, state)) if day < one <= last)
        day = min(coming, default=last + _DAY)
        if day > last:
            return msgspec.structs.replace(plan, horizon=tuple(found))
        now = datetime.combine(day, time(), UTC)
        state = simulation.renewed(state, now)
        later = make_plan(desired, state, actor, catalog, msgspec.structs.replace(options, now=now))
        due = tuple(_due(change) for change in later.changes)
        found.append(
            Day(date=day.isoformat(), due=tuple(one for one in due if one not in told), seats=later.seats)
        )
        told = set(due)
        state = simulation.applied(state, later, now)


def _due(change: Change) -> Due:
    return Due(
        address=change.address,
        kind=change.kind,
        assign=tuple(item.sku for item in change.assign),
        revoke=tuple(item.sku for item in change.revoke),
        blocked_by=change.blocked_by,
        warnings=tuple(sorted({warning.code for warning in change.warnings})),
    )


def _declared(desired: Desired) -> Iterator[date]:
    """Yield the days on which something that the files say begins, or no longer holds."""
    for entry in desired.entries:
        yield from _bounds((*(entry.grants or ()), *_options(entry.choices)), entry.exclusions)
        leaver = entry.leaver
        if leaver:
            ends = (leaver.last_day + _DAY, leavers.revocation(leaver), leavers.deletion(leaver))
            yield from (day for day in ends if day)
    for rule in desired.rules:
        yield from _bounds((*rule.grants, *_options(rule.choices)), rule.exclusions)
    for group in desired.groups:
        yield from _bounds(group.grants or (), ())


def _options(choices: tuple[Choice, ...]) -> tuple[Grant, ...]:
    return tuple(option for choice in choices for option in choice.options)


def _bounds(grants: tuple[Grant, ...], exclusions: tuple[Exclusion, ...]) -> Iterator[date]:
    for grant in grants:
        if grant.start:
            yield grant.start
        if grant.until:
            yield grant.until + _DAY
    for exclusion in exclusions:
        if exclusion.until:
            yield exclusion.until + _DAY


def _running(desired: Desired, state: Current) -> Iterator[date]:
    """Yield the days on which a term that is running ends: of grace, of rest, of a subscription."""
    remembered = {row.topic: row for row in state.remembered}
    for rule in desired.rules:
        row = remembered.get(topic_of(rule))
        for left in row.left.values() if row else ():
            yield left.date() + timedelta(days=rule.grace)
    row = remembered.get(DISABLED)
    if row and desired.disable_before_delete:
        for since in row.since.values():
            yield since.date() + timedelta(days=desired.disable_before_delete)
    for subscription in state.subscriptions:
        ends = subscription.next_lifecycle
        if ends and subscription.auto_renew is False and subscription.status == "Enabled":
            yield ends.date() if ends.time() == time() else ends.date() + _DAY
