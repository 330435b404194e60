"""Which seats are short, what would help, and what would it cost?

Remedies are told in a fixed order (buy; delete users who have left; revoke) and never become changes.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.plan import Conflict, Cost, Purchase, SeatRow
from reconciler.planning import losses
from reconciler.planning.context import held
from reconciler.roles import roles_with

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from reconciler.model import Assignment, User
    from reconciler.planning.context import Context
    from reconciler.planning.drafts import Draft
    from reconciler.planning.seats import Settlement

CANDIDATES = 20
"""How many users of each kind a remedy names at most."""


def holders(context: Context, sku_id: str) -> Iterator[User]:
    """Yield the users who hold a SKU from any source, by UPN."""
    return (user for user in context.current.users if sku_id in held(user.assignments))


def candidates(context: Context, sku_id: str, leaving: Collection[str]) -> dict[str, Any]:
    """Return who could give up a seat of a SKU: leavers, disabled accounts (only to check), covered.

    `leaving` are ids of users whose entry says `ensure: absent` but whose deletion is not ready.
    Covered is a user whose other SKUs give every service that this one gives.
    """
    leavers, disabled, covered = [], [], []
    covers: dict[tuple[Assignment, ...], str | None] = {}
    for user in holders(context, sku_id):
        if user.id in leaving:
            leavers.append(user.upn)
        elif user.enabled is False:
            disabled.append(user.upn)
        else:
            if user.assignments not in covers:
                covers[user.assignments] = _cover(context, user.assignments, sku_id)
            if cover := covers[user.assignments]:
                covered.append({"upn": user.upn, "by": cover})
    return {
        "leavers": leavers[:CANDIDATES],
        "disabled": disabled[:CANDIDATES],
        "covered": covered[:CANDIDATES],
    }


def _cover(context: Context, assignments: tuple[Assignment, ...], sku_id: str) -> str | None:
    """Return the part number of the SKU that covers `sku_id` for whoever holds these, if any does."""
    others = tuple(a for a in assignments if a.sku_id != sku_id)
    before = context.enabled_plans(assignments)
    after = context.enabled_plans(others)
    given = context.catalog.held
    if not others or given(before) != given(after) or losses.warnings(context, before, after):
        return None
    shared = {
        a.sku_id: len(context.plans_of(a.sku_id) & context.plans_of(sku_id)) for a in others if a.active
    }
    return context.sku(max(sorted(shared), key=lambda other: shared[other])).part_number


def conflicts(
    context: Context, drafts: Mapping[str, Draft], settlement: Settlement, leaving: Collection[str]
) -> list[Conflict]:
    """Return `no-seats` and `swap-cycle` for every draft that the settlement left out."""
    missing = short_seats(context, drafts, settlement)
    lacking = {pool for pools in settlement.short.values() for pool in pools}
    help_for = {pool: candidates(context, pool, leaving) for pool in lacking}
    found = []
    for address, pools in settlement.short.items():
        for sku_id in pools:
            ref = context.sku_ref(sku_id)
            needed, buy = missing.get(sku_id, (context.in_use(sku_id) + 1, 1))
            params = {
                "sku": ref.sku,
                "sku_name": ref.name,
                "seats": context.sku(sku_id).enabled,
                "in_use": context.in_use(sku_id),
                "needed": needed,
                "buy": buy,
                **_others(context, drafts[address], sku_id),
                **help_for[sku_id],
            }
            found.append(_seat_conflict(drafts[address], "no-seats", ref.sku, params))
    for address, circle in settlement.circles.items():
        skus = sorted({context.sku(sku_id).part_number for key in circle for sku_id in drafts[key].takes})
        users = [_name(drafts[key]) for key in circle]
        found.append(_seat_conflict(drafts[address], "swap-cycle", None, {"users": users, "skus": skus}))
    return found


def _others(context: Context, draft: Draft, sku_id: str) -> dict[str, list[str]]:
    """Return what else a `one_of` with this SKU names: whoever is still short of it tried all of that."""
    demand = draft.demand
    excluded = {exclusion.sku_id for exclusion in demand.exclusions}
    certain = {grant.sku_id for grant in demand.grants}
    for choice in demand.choices:
        options = [option.sku_id for option in choice.options if option.sku_id not in excluded]
        if sku_id in options and sku_id not in certain and len(options) > 1:
            return {"others": [context.sku(other).part_number for other in options if other != sku_id]}
    return {}


def _seat_conflict(draft: Draft, code: str, sku: str | None, params: dict[str, Any]) -> Conflict:
    return Conflict(
        code=code,
        params={**_about(draft), **params},
        subject=draft.subject,
        sku=sku,
        roles=roles_with("buy"),
        file=draft.location.file if draft.location else None,
        line=draft.location.line if draft.location else None,
    )


def _about(draft: Draft) -> dict[str, str]:
    """Return whom a conflict about seats is about: a user, a group, or a user who joins one."""
    about = {"upn": draft.change.user.upn} if draft.change.user else {}
    return {**about, **({"group": draft.change.group.name} if draft.change.group else {})}


def _name(draft: Draft) -> str:
    return draft.change.user.upn if draft.change.user else draft.subject


def short_seats(
    context: Context, drafts: Mapping[str, Draft], settlement: Settlement
) -> dict[str, tuple[int, int]]:
    """Return SKU id → seats needed in all and seats to buy, so that everybody could be served.

    What the plan itself buys counts as owned: only what is short beyond that is to be bought. A circle
    of trades needs one seat of one of its SKUs: the first by part number.
    """
    wanted = Counter({sku_id: 0 for pools in settlement.short.values() for sku_id in pools})
    bought: Counter[str] = Counter()
    runs = {*settlement.order, *settlement.short, *settlement.circles, *settlement.waiting}
    for address in runs:
        draft = drafts[address]
        wanted.update(draft.takes)
        if address not in settlement.waiting:  # what is given back later is no help to what comes first
            wanted.subtract(draft.frees)
        if draft.change.sku:
            bought[draft.change.sku.sku_id] += draft.bought
    found = {}
    extra: Counter[str] = Counter()
    for circle in set(settlement.circles.values()):
        pools = {sku_id for key in circle for sku_id in drafts[key].takes}
        extra[min(pools, key=lambda sku_id: context.sku(sku_id).part_number)] += 1
    for sku_id, change in sorted(wanted.items()):
        seats = context.in_use(sku_id) + context.assignable(sku_id) + bought[sku_id]
        needed = context.in_use(sku_id) + change + extra[sku_id]
        takers = any(sku_id in drafts[key].takes for key in (*settlement.short, *settlement.circles))
        if needed > seats and takers:
            found[sku_id] = (needed, needed - seats)
    return found


def purchases(context: Context, missing: Mapping[str, tuple[int, int]]) -> tuple[Purchase, ...]:
    """Return one row for each SKU that is short of seats, by part number."""
    prices = {row.sku_id: row.price for row in context.desired.subscriptions if row.price}
    rows = []
    for sku_id, (needed, buy) in missing.items():
        ref = context.sku_ref(sku_id)
        price = prices.get(sku_id)
        cost = None
        if price:
            amount = str(Decimal(price.amount) * buy)
            cost = Cost(amount=amount, currency=price.currency, per=price.per)
        rows.append(
            Purchase(
                sku=ref.sku,
                sku_id=sku_id,
                name=ref.name,
                seats=context.sku(sku_id).enabled,
                in_use=context.in_use(sku_id),
                needed=needed,
                buy=buy,
                roles=roles_with("buy"),
                cost=cost,
            )
        )
    return tuple(sorted(rows, key=lambda row: row.sku))


def seat_rows(
    context: Context, ready: Sequence[Draft], missing: Mapping[str, tuple[int, int]]
) -> tuple[SeatRow, ...]:
    """Return the seats of every SKU that matters, before and after the ready changes."""
    change: Counter[str] = Counter()
    bought: Counter[str] = Counter()
    for draft in ready:
        change.update(draft.takes)
        change.subtract(draft.frees)
        if draft.change.sku:
            bought[draft.change.sku.sku_id] += draft.bought
    ids = {sku.id for sku in context.current.skus if sku.applies_to != "Company"}
    ids |= {*change, *bought, *missing}
    rows = []
    for sku_id in ids - context.desired.ignored_skus:
        before = context.in_use(sku_id)
        seats = context.seats(sku_id)
        rows.append(
            SeatRow(
                sku=context.sku(sku_id).part_number,
                sku_id=sku_id,
                seats=seats,
                in_use_before=before,
                in_use_after=before + change[sku_id],
                free_after=seats + bought[sku_id] - before - change[sku_id],
                short=missing[sku_id][1] if sku_id in missing else 0,
            )
        )
    return tuple(sorted(rows, key=lambda row: row.sku))
