"""How do two states become a plan? The steps, in order; each step's rules are in its own module.

Who is meant, what would change, what stands in the way, who gets a seat, what is lost, which guard
rail refuses.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from reconciler import __version__
from reconciler.plan import ActorInfo, Plan, Summary, TenantInfo
from reconciler.plan_access import permitted
from reconciler.planning import (
    baseline,
    buying,
    checks,
    drafting,
    group_drafts,
    guardrails,
    leavers,
    losses,
    mailboxes,
    notes,
    ranking,
    rules,
    scene,
    shortages,
    targets,
    tenant,
    unlisted,
    warnings,
)
from reconciler.planning.choices import Choices
from reconciler.planning.context import Context
from reconciler.planning.identity import Found, in_doubt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from reconciler.catalog import Catalog
    from reconciler.model import Actor, Current, Desired, Options
    from reconciler.plan import Change, Conflict
    from reconciler.planning.drafting import Drafted, Touch
    from reconciler.planning.drafts import Draft
    from reconciler.planning.grouping import Step
    from reconciler.planning.people import Person
    from reconciler.planning.scene import Scene
    from reconciler.planning.seats import Settlement

LIFETIME = timedelta(hours=24)
LIFETIME_WITH_REMOVALS = timedelta(hours=4)


def make_plan(desired: Desired, current: Current, actor: Actor, catalog: Catalog, options: Options) -> Plan:
    """Return what must change so that `current` becomes `desired`, and what stands in the way.

    `current` must be a complete reading: a user or licence that is missing in it counts as gone.
    Raises UsageError ("unknown-target") where a target names nothing.
    """
    context = Context(desired, current, actor, catalog, options)
    return plan_of(context, scene.of(context))


def plan_of(context: Context, view: Scene) -> Plan:
    """Return the plan of a situation, given who and what it is about."""
    doubted = in_doubt(context, view.problems)
    revocations, kept = unlisted.drafts(context, view.people.listed, doubted)
    settled = _settled(context, view, revocations)
    return _plan(
        context, view, settled, kept, unchecked=bool(revocations) and context.current.mailboxes is None
    )


class _Settled(NamedTuple):
    """The drafts, what bars each, who gets seats, and what was drafted for whom."""

    drafts: list[Draft]
    barred: Mapping[str, Sequence[Conflict]]
    settlement: Settlement
    drafted: Sequence[tuple[Person, Drafted]]


def _settled(context: Context, view: Scene, revocations: Sequence[Draft]) -> _Settled:
    """Draft everything and settle the seats, until nobody has another option to try."""
    bought = [
        draft for row in context.desired.subscriptions for draft in buying.of_subscription(context, row)
    ]
    steps = _steps(context, view.groups.steps)
    choices = Choices()
    drafted = {
        person.upn: drafting.of_person(context, person, steps.get(person.upn, ()))
        for person in view.people.persons
    }
    barred: dict[str, list[Conflict]] = {}
    while True:
        drafts = targets.drafts_of(context, [*bought, *_in_order(context, view, drafted, revocations)])
        barred = {
            draft.address: barred[draft.address]
            if draft.address in barred
            else checks.conflicts(context, draft)
            for draft in drafts
        }
        settlement = ranking.settle(context, drafts, barred)
        moved = choices.advance(drafts, barred, settlement)
        if not moved:
            pairs = [(person, drafted[person.upn]) for person in view.people.persons]
            return _Settled(drafts, barred, settlement, pairs)
        for person in view.people.persons:
            if person.upn in moved:
                picks = choices.picks[person.upn]
                drafted[person.upn] = drafting.of_person(context, person, steps.get(person.upn, ()), picks)
        touched = {touch.address for upn in moved for touch in drafted[upn].touches}
        barred = {
            address: found
            for address, found in barred.items()
            if _owner(address) not in moved and address not in touched
        }


def _owner(address: str) -> str:
    """Return the UPN in the address of a user's own change."""
    return address.split("/")[1] if address.startswith("users/") else address.rpartition("/")[2]


def _steps(context: Context, steps: Iterable[Step]) -> dict[str, list[Step]]:
    """Return UPN → the steps of groups that change what this user holds."""
    found: dict[str, list[Step]] = {}
    for step in steps:
        if step.upn is not None:
            upn = step.user.upn if step.user else step.upn
            found.setdefault(upn, []).append(step)
        else:
            for user_id in step.group.members:
                if user_id in context.by_id:
                    found.setdefault(context.by_id[user_id].upn, []).append(step)
    return found


def _in_order(
    context: Context, view: Scene, drafted: Mapping[str, Drafted], revocations: Iterable[Draft]
) -> list[Draft]:
    """Return the drafts of groups and users by subject; a user's in the order in which they are made."""
    touches: dict[str, list[Touch]] = {}
    for one in drafted.values():
        for touch in one.touches:
            touches.setdefault(touch.address, []).append(touch)
    groups = (
        group_drafts.of_step(context, step, touches.get(step.address, ())) for step in view.groups.steps
    )
    everything = [draft for one in drafted.values() for draft in one.drafts]
    everything += [draft for draft in groups if draft]
    everything += revocations
    return sorted(everything, key=lambda draft: draft.subject)


def _plan(context: Context, view: Scene, settled: _Settled, kept: dict[str, int], *, unchecked: bool) -> Plan:
    """Return the plan of what is settled."""
    current, options = context.current, context.options
    drafts, barred, settlement, drafted = settled
    by_address = {draft.address: draft for draft in drafts}
    ready = [by_address[address] for address in settlement.order]
    leaving = {
        draft.address: draft.target.id
        for draft in drafts
        if draft.change.kind == "delete-user" and draft.target
    }
    staying = {user_id for address, user_id in leaving.items() if address not in settlement.order}
    missing = shortages.short_seats(context, by_address, settlement)
    unreachable = [
        (who, sku) for who, one in drafted if one.delta is not None for sku in one.delta.unreachable
    ]
    book = view.people.rulebook
    conflicts = _ordered(
        targets.conflicts_of(context, (*view.problems, *view.groups.conflicts, *view.people.conflicts)),
        targets.conflicts_of(context, rules.conflicts(context, book)),
        (conflict for found in barred.values() for conflict in found),
        shortages.conflicts(context, by_address, settlement, staying),
        tenant.conflicts(context, unreachable, leaving.values()),
        baseline.conflicts(context),
        guardrails.conflicts(context),
        targets.conflicts_of(context, mailboxes.conflicts(context)),
    )
    changes = _judged(context, drafts, settlement, barred)
    purchases = shortages.purchases(context, missing)
    taken = guardrails.taken(context, changes)
    found = (*guardrails.refusals(context, ready, changes), *rules.refusals(context, book))
    refusals, allowed = guardrails.weighed(context, found)
    persons = [who for who, _ in drafted]
    return Plan(
        tool_version=__version__,
        created_at=_instant(options.now),
        expires_at=_instant(options.now + _lifetime(ready)),
        desired_digest=context.desired.digest,
        tenant=_tenant(context),
        actor=ActorInfo.of(context.actor),
        guardrails=guardrails.in_force(context, taken),
        options=notes.options(context, persons, kept, unchecked=unchecked),
        summary=_summary(
            changes,
            conflicts=len(conflicts),
            purchase=sum(row.buy for row in purchases),
            unlisted_users=sum(user.id not in view.people.listed for user in current.users),
        ),
        changes=changes,
        purchases=purchases,
        conflicts=conflicts,
        seats=shortages.seat_rows(context, ready, missing),
        refusals=refusals,
        allowed=allowed,
        rules=rules.rows(book),
        memory=(*rules.topics(context, book, _resting(context, view)), *guardrails.topics(context, taken)),
    )


def _resting(context: Context, view: Scene) -> list[str]:
    """Return the ids of accounts that can't sign in and shall be deleted, now or as their leaver's day comes.

    Empty where accounts need not rest before they are deleted.
    """
    if not context.desired.disable_before_delete:
        return []
    today = context.options.today
    return [
        meaning.user.id
        for meaning in view.meanings
        if isinstance(meaning, Found)
        and meaning.user.enabled is False
        and (not meaning.entry.present or leavers.stage(meaning.entry.leaver, today) != "working")
    ]


def _judged(
    context: Context,
    drafts: Sequence[Draft],
    settlement: Settlement,
    barred: Mapping[str, Sequence[Conflict]],
) -> tuple[Change, ...]:
    """Return the finished changes: the ready ones in safe order, then the blocked ones by address."""
    codes: dict[str, set[str]] = {
        address: {conflict.code for conflict in found if conflict.blocks} for address, found in barred.items()
    }
    for address in (*settlement.short, *settlement.circles):
        codes[address].add("swap-cycle" if address in settlement.circles else "no-seats")
    position = {address: place for place, address in enumerate(settlement.order)}
    grace = _grace(context, drafts, position)
    changes = []
    for draft in drafts:
        is_ready = draft.address in position
        blocked_by = set(codes[draft.address])
        blocked_by.update(address for address in draft.after if address not in position)
        changes.append(
            msgspec.structs.replace(
                draft.change,
                permitted=permitted(draft.change, context.actor),
                status="ready" if is_ready else "blocked",
                blocked_by=() if is_ready else tuple(sorted(blocked_by)),
                depends_on=settlement.depends_on[draft.address] if is_ready else draft.after,
                effects=_effects(context, draft),
                warnings=warnings.of_draft(context, draft, grace),
            )
        )
    return tuple(sorted(changes, key=lambda c: (not c.ready, position.get(c.address, 0), c.address)))


def _effects(context: Context, draft: Draft) -> tuple[str, ...]:
    """Return what is set up: of a group's licences, for a member who has nothing else."""
    change = draft.change
    if change.kind == "set-group-licenses" and change.assign:
        was, will = (
            frozenset().union(
                *(context.plans_of(row["sku_id"]).difference(row["disabled_plans"]) for row in rows)
            )
            for rows in (change.before["assignments"], change.after["assignments"])
        )
        return losses.effects(context, was, will)
    if change.assign or (change.kind == "add-member" and draft.parts[0].will != draft.parts[0].was):
        (part,) = draft.parts
        return losses.effects(context, context.enabled_plans(part.was), context.enabled_plans(part.will))
    return change.effects


def _grace(context: Context, drafts: Sequence[Draft], ready: Mapping[str, int]) -> frozenset[str]:
    """Return the SKUs of which the ready changes take more seats than are enabled."""
    after: Counter[str] = Counter()
    for draft in drafts:
        if draft.address in ready:
            after.update(draft.takes)
            after.subtract(draft.frees)
    return frozenset(
        sku_id
        for sku_id, change in after.items()
        if context.options.use_grace and context.in_use(sku_id) + change > context.sku(sku_id).enabled
    )


def _ordered(*found: Iterable[Conflict]) -> tuple[Conflict, ...]:
    """Return all conflicts: blocking ones first, then by subject, code and SKU."""
    return tuple(
        sorted(
            (conflict for conflicts in found for conflict in conflicts),
            key=lambda c: (not c.blocks, c.subject, c.code, c.sku or ""),
        )
    )


def _summary(changes: Sequence[Change], **counts: int) -> Summary:
    kinds = Counter(change.kind for change in changes)
    bought = sum(
        change.after["seats"] - change.before["seats"] for change in changes if change.kind == "buy-seats"
    )
    counts["purchase"] += bought
    own = [change for change in changes if change.kind == "set-licenses"]
    return Summary(
        create=kinds["create-user"],
        restore=kinds["restore-user"],
        update=kinds["update-user"],
        assign=sum(len(change.assign) for change in own),
        revoke=sum(len(change.revoke) for change in own),
        modify=sum(len(change.modify) for change in own),
        delete=kinds["delete-user"],
        warnings=sum(len(change.warnings) for change in changes),
        blocked=sum(not change.ready for change in changes),
        group_licenses=kinds["set-group-licenses"],
        members=kinds["add-member"] + kinds["remove-member"],
        **counts,
    )


def _tenant(context: Context) -> TenantInfo:
    organization = context.current.organization
    declared = context.desired.tenant.domain
    default = next((row.name for row in organization.domains if row.is_default), "")
    tenant = context.desired.tenant
    return TenantInfo(
        id=organization.id,
        domain=declared or default,
        provider=tenant.provider,
        cloud=None if tenant.cloud == "global" else tenant.cloud,
    )


def _lifetime(ready: Sequence[Draft]) -> timedelta:
    return LIFETIME_WITH_REMOVALS if any(draft.change.removes for draft in ready) else LIFETIME


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")  # strftime writes the year 1 as "1"
