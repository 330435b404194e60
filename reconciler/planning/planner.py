"""How do two states become a plan? The steps, in order; each step's rules are in its own module.

Who is meant, what would change, what stands in the way, who gets a seat, what is lost, which guard
rail refuses.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler import __version__
from reconciler.errors import UsageError
from reconciler.plan import ActorInfo, Plan, Summary, TenantInfo
from reconciler.planning import (
    checks,
    drafting,
    guardrails,
    losses,
    seats,
    shortages,
    tenant,
    unlisted,
    warnings,
)
from reconciler.planning.context import Context
from reconciler.planning.identity import Found, Missing, identify, in_doubt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from reconciler.catalog import Catalog
    from reconciler.model import Actor, Current, Desired, Options
    from reconciler.plan import Change, Conflict
    from reconciler.planning.drafts import Draft
    from reconciler.planning.identity import Meaning
    from reconciler.planning.seats import Settlement

LIFETIME = timedelta(hours=24)
LIFETIME_WITH_REMOVALS = timedelta(hours=4)


def make_plan(desired: Desired, current: Current, actor: Actor, catalog: Catalog, options: Options) -> Plan:
    """Return what must change so that `current` becomes `desired`, and what stands in the way.

    `current` must be a complete reading: a user or licence that is missing in it counts as gone.
    Raises UsageError ("unknown-target") where a target names nothing.
    """
    context = Context(desired, current, actor, catalog, options)
    meanings, problems = identify(context)
    listed = {meaning.user.id for meaning in meanings if not isinstance(meaning, Missing)}
    revocations, kept = unlisted.drafts(context, listed, in_doubt(context, problems))
    drafts = [draft for row in desired.subscriptions for draft in drafting.of_subscription(context, row)]
    drafts += sorted(
        [draft for meaning in meanings for draft in drafting.of_meaning(context, meaning)] + revocations,
        key=lambda draft: draft.subject,
    )
    drafts, problems = _targeted(context, drafts, problems)
    by_address = {draft.address: draft for draft in drafts}

    barred = {draft.address: checks.conflicts(context, draft) for draft in drafts}
    settlement = _settle(context, drafts, barred)
    ready = [by_address[address] for address in settlement.order]
    leaving = {
        draft.address: draft.target.id
        for draft in drafts
        if draft.change.kind == "delete-user" and draft.target
    }
    staying = {user_id for address, user_id in leaving.items() if address not in settlement.order}
    seat_conflicts = shortages.conflicts(context, by_address, settlement, staying)
    missing = shortages.short_seats(context, by_address, settlement)
    conflicts = _ordered(
        problems,
        (conflict for found in barred.values() for conflict in found),
        seat_conflicts,
        tenant.conflicts(context, meanings, leaving.values()),
    )
    changes = _judged(context, drafts, settlement, barred)
    purchases = shortages.purchases(context, missing)
    return Plan(
        tool_version=__version__,
        created_at=_instant(options.now),
        expires_at=_instant(options.now + _lifetime(ready)),
        desired_digest=desired.digest,
        tenant=_tenant(context),
        actor=ActorInfo(name=actor.name, roles=actor.roles),
        guardrails=guardrails.in_force(context),
        options=_options(context, meanings, kept, unchecked=bool(revocations) and current.mailboxes is None),
        summary=_summary(
            changes,
            conflicts=len(conflicts),
            purchase=sum(row.buy for row in purchases),
            unlisted_users=len(current.users) - sum(isinstance(meaning, Found) for meaning in meanings),
        ),
        changes=changes,
        purchases=purchases,
        conflicts=conflicts,
        seats=shortages.seat_rows(context, ready, missing),
        refusals=guardrails.refusals(context, ready),
    )


def _targeted(
    context: Context, drafts: list[Draft], problems: list[Conflict]
) -> tuple[list[Draft], list[Conflict]]:
    """Keep what the targets name (a UPN, an address, or the beginning of one), and its first steps."""
    wanted = {target if "/" in target else f"users/{target}" for target in context.options.targets}
    if not wanted:
        return drafts, problems

    def named(address: str) -> bool:
        return any(address == target or address.startswith(f"{target}/") for target in wanted)

    known = {f"users/{entry.upn}" for entry in context.desired.entries}
    known |= {f"users/{upn}" for upn in context.by_upn}
    known |= {f"subscriptions/{context.sku_ref(row.sku_id).sku}" for row in context.desired.subscriptions}
    for target in sorted(wanted):
        if "/".join(target.split("/")[:2]) not in known:
            raise UsageError("unknown-target", target=target)
    chosen = {draft.address for draft in drafts if named(draft.address)}
    chosen.update(*(draft.after for draft in drafts if draft.address in chosen))
    return (
        [draft for draft in drafts if draft.address in chosen],
        [problem for problem in problems if named(problem.subject)],
    )


def _settle(
    context: Context, drafts: Sequence[Draft], conflicts: Mapping[str, Sequence[Conflict]]
) -> Settlement:
    """Settle the seats of the drafts that nothing else bars; what follows a barred one is barred."""
    barred: set[str] = set()
    for draft in drafts:
        if any(conflict.blocks for conflict in conflicts[draft.address]) or barred.intersection(draft.after):
            barred.add(draft.address)
    candidates = [draft for draft in drafts if draft.address not in barred]
    takes = Counter(pool for draft in candidates for pool in draft.takes)
    moves = [
        seats.Move(
            key=draft.address,
            takes=draft.takes,
            frees=draft.frees + _useful(context, draft, takes),
            after=draft.after,
            buys=draft.bought > 0,
        )
        for draft in candidates
    ]
    pools = {pool for move in moves for pool in (*move.takes, *move.frees)}
    return seats.settle(moves, {pool: context.assignable(pool) for pool in pools})


def _useful(context: Context, draft: Draft, takes: Mapping[str, int]) -> tuple[str, ...]:
    """Return the seats that a draft buys, as far as anybody could want them: one SKU id for each."""
    if not draft.change.sku:
        return ()
    pool = draft.change.sku.sku_id
    wanted = takes.get(pool, 0) + max(0, -context.assignable(pool))
    return (pool,) * min(draft.bought, wanted)


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
        before, after = context.enabled_plans(draft.was), context.enabled_plans(draft.will)
        changes.append(
            msgspec.structs.replace(
                draft.change,
                permitted=bool(set(draft.change.roles) & set(context.actor.roles)),
                status="ready" if is_ready else "blocked",
                blocked_by=() if is_ready else tuple(sorted(blocked_by)),
                depends_on=settlement.depends_on[draft.address] if is_ready else draft.after,
                effects=losses.effects(context, before, after)
                if draft.change.assign
                else draft.change.effects,
                warnings=warnings.of_draft(context, draft, grace),
            )
        )
    return tuple(sorted(changes, key=lambda c: (not c.ready, position.get(c.address, 0), c.address)))


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
    return Summary(
        create=kinds["create-user"],
        restore=kinds["restore-user"],
        update=kinds["update-user"],
        assign=sum(len(change.assign) for change in changes),
        revoke=sum(len(change.revoke) for change in changes),
        modify=sum(len(change.modify) for change in changes),
        delete=kinds["delete-user"],
        warnings=sum(len(change.warnings) for change in changes),
        blocked=sum(not change.ready for change in changes),
        **counts,
    )


def _tenant(context: Context) -> TenantInfo:
    organization = context.current.organization
    declared = context.desired.tenant.domain
    default = next((row.name for row in organization.domains if row.is_default), "")
    return TenantInfo(
        id=organization.id, domain=declared or default, provider=context.desired.tenant.provider
    )


def _options(
    context: Context, meanings: Iterable[Meaning], kept: dict[str, int], *, unchecked: bool
) -> dict[str, Any]:
    """Return what the command line added, and what the desired state says without changing anything.

    `unchecked`: unlisted users lose licences, and nobody told which of them are shared accounts.
    """
    shown: dict[str, Any] = {
        "allow": list(context.options.allow),
        "targets": list(context.options.targets),
        "use_grace": context.options.use_grace,
    }
    if context.desired.unlisted_users == "revoke":
        shown["unlisted_kept"] = kept
    if unchecked:
        shown["mailboxes_unknown"] = True
    own = list(drafting.self_bought(context, meanings))
    if own:
        shown["self_service_kept"] = own
    nobody = guardrails.protect_nobody(context)
    if nobody:
        shown["protects_nobody"] = nobody
    fewer = [
        {"sku": ref.sku, "declared": row.seats, "owned": context.sku(row.sku_id).enabled}
        for row in context.desired.subscriptions
        for ref in (context.sku_ref(row.sku_id),)
        if row.seats is not None and row.seats < context.sku(row.sku_id).enabled
    ]
    if fewer:
        shown["fewer_seats_declared"] = fewer
    return shown


def _lifetime(ready: Sequence[Draft]) -> timedelta:
    return LIFETIME_WITH_REMOVALS if any(draft.change.removes for draft in ready) else LIFETIME


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
