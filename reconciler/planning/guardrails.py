"""Does the plan take away more than a careful administrator would let through?

Judges the changes that will run, and fails closed: a refusal refuses the whole apply. Here are the rails
that look at both states; what a plan takes by the figures is counted in plan_rails.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.plan import Conflict, Topic
from reconciler.plan_rails import RAILS, SPANS, earlier, judge, limits, refusal, toll
from reconciler.planning import grouping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.plan import Change, Refusal
    from reconciler.plan_rails import Toll
    from reconciler.planning.context import Context
    from reconciler.planning.drafts import Draft

SHRINKAGE = 10
"""Percent of its users that a tenant may lose unseen; more looks as if not all of them could be read."""

ENTRIES, TENANT = "users", "tenant"
"""Topics (see plan.Topic): how many entries `users` has, and how many users the tenant."""


def refusals(context: Context, ready: Sequence[Draft], changes: Sequence[Change]) -> Iterator[Refusal]:
    """Yield what refuses a plan; `ready` are the drafts of the ready `changes`."""
    rails = {rail: getattr(context.rails, rail) for rail in RAILS}
    yield from judge(rails, taken(context, changes), context.current.deeds, context.options.now)
    yield from _renewals_off(changes)
    yield from _emptied_skus(context, ready)
    yield from _emptied_users(context)
    yield from _shrunken_tenant(context)


def weighed(context: Context, found: Iterable[Refusal]) -> tuple[tuple[Refusal, ...], tuple[Refusal, ...]]:
    """Return what refuses the plan, and what would if it were not allowed by name, each sorted by code."""
    refused: list[Refusal] = []
    allowed: list[Refusal] = []
    for one in sorted(found, key=lambda one: one.code):
        (allowed if one.code in context.options.allow else refused).append(one)
    return tuple(refused), tuple(allowed)


def taken(context: Context, changes: Sequence[Change]) -> Toll:
    """Return what the changes take, of what is held and of who is there before."""
    return toll(changes, held=context.counted.total(), users=len(context.current.users))


def _renewals_off(changes: Sequence[Change]) -> Iterator[Refusal]:
    for change in changes:
        if change.ready and change.kind == "set-auto-renew" and not change.after["auto_renew"]:
            sku = change.sku
            yield refusal("auto-renew-off", sku=sku.sku if sku else "", sku_name=sku.name if sku else "")


def _emptied_skus(context: Context, ready: Sequence[Draft]) -> Iterator[Refusal]:
    """Yield a refusal for each SKU that all who hold it lose, deleted users and those of 7 days before too.

    As many as always pass for max_revocations pass here, and one in any case; SKUs that are ignored don't
    count.
    """
    frees: Counter[str] = Counter()
    takes: Counter[str] = Counter()
    for draft in ready:
        frees.update(draft.frees)
        takes.update(draft.takes)
    free = context.rails.max_revocations.free
    for sku_id, lost in sorted(frees.items()):
        if sku_id in context.desired.ignored_skus:
            continue
        held = context.counted[sku_id]
        since = context.options.now - SPANS["7d"]
        recent = sum(deed.lost.get(sku_id, 0) for deed in context.current.deeds if deed.time > since)
        if lost + recent > max(free, 1) and lost >= held + takes[sku_id]:
            ref = context.sku_ref(sku_id)
            numbers = {"held": held, "free": free} | ({"recent": recent} if recent else {})
            yield refusal("sku-emptied", sku=ref.sku, sku_name=ref.name, **numbers)


def _emptied_users(context: Context) -> Iterator[Refusal]:
    """Yield a refusal where `users` has no entry, and had some at the last applied run or in a baseline."""
    if context.desired.entries:
        return
    was = _remembered(context, ENTRIES)
    if was:
        yield refusal("users-emptied", was=was)
        return
    for base in context.desired.baselines:
        if base.entries:
            yield refusal("users-emptied", was=base.entries, base=base.name)
            return


def _shrunken_tenant(context: Context) -> Iterator[Refusal]:
    """Yield a refusal where the tenant has far fewer users than the last applied run left in it.

    One user fewer is never far fewer.
    """
    was, now = _remembered(context, TENANT), len(context.current.users)
    if was - now > 1 and (was - now) * 100 > SHRINKAGE * was:
        yield refusal("tenant-shrank", now=now, was=was, percent=SHRINKAGE)


def _remembered(context: Context, topic: str) -> int:
    return next((row.count for row in context.current.remembered if row.topic == topic), 0)


def topics(context: Context, plan: Toll) -> tuple[Topic, ...]:
    """Return the figures that an applied run shall remember: what the plan deletes is gone by then."""
    return (
        Topic(topic=TENANT, count=plan.users - plan.deleted),
        Topic(topic=ENTRIES, count=len(context.desired.entries)),
    )


def protect_nobody(context: Context) -> list[str]:
    """Return the entries of `protected_users` that mean no user and no group: a slip protects nobody."""
    groups = {name for group in context.current.groups for name in (group.id, group.name.lower())}
    known = (context.by_upn, context.by_id, groups)
    return [name for name in context.rails.protected_users if not any(name in place for place in known)]


def conflicts(context: Context) -> Iterator[Conflict]:
    """Yield a conflict for each protection that means nobody, with whom or what it may have meant."""
    desired = context.desired
    places = dict(zip(desired.guardrails.protected_users, desired.protected_places, strict=False))
    for name in protect_nobody(context):
        place = places.get(name) or desired.guardrails_location
        yield Conflict(
            code="protects-nobody",
            params={"name": name, "nearest": context.nearest(name) or grouping.nearest(context, name)},
            subject="guardrails/protected_users",
            blocks=False,
            file=place.file if place else None,
            line=place.line if place else None,
        )


def in_force(context: Context, plan: Toll) -> dict[str, Any]:
    """Return the rails as the plan shows them, and what they count; protected SKUs by part number.

    `judged` is what the plan takes and what runs before it took: with that a saved plan is judged again.
    """
    deeds, now = context.current.deeds, context.options.now
    judged: dict[str, Any] = msgspec.structs.asdict(plan)
    for window in SPANS if deeds else ():
        counts = {noun: earlier(noun, deeds, now, window) for noun in ("revoked", "deleted", "bought")}
        judged[f"last_{window}"] = counts
    return {
        **{rail: limits(getattr(context.rails, rail)) for rail in RAILS},
        "protected_users": list(context.rails.protected_users),
        "protected_skus": [context.sku(sku_id).part_number for sku_id in context.rails.protected_skus],
        "judged": judged,
        **(
            {"stricter_of": ["tenant.yaml", *(base.name for base in context.desired.baselines)]}
            if context.desired.baselines
            else {}
        ),
    }
