"""What does a plan take away, together with the runs before it, and is that more than the rails allow?

Judged when a plan is made, and again when a saved one is applied: other runs may have come between.
Pure; what earlier runs did is told by the journal (model.Deed).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from reconciler.errors import UsageError
from reconciler.model import Rail, Value
from reconciler.plan import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from reconciler.model import Deed
    from reconciler.plan import Change, Plan

SPANS = {"24h": timedelta(hours=24), "7d": timedelta(days=7)}
"""Beside the plan itself: over how long each rail looks back. The first that refuses is told."""

RAILS = ("max_revocations", "max_deletions", "max_purchases")
"""The rails that have figures, as tenant.yaml names them."""

MONEY = ("max-purchases",)
"""Rails on what runs only with `apply --buy`: without it they refuse nothing."""


class Toll(Value, frozen=True, kw_only=True):
    """What the ready changes of a plan take and buy, and out of how many.

    `revoked`: pairs of user and SKU that changes of licences, of a group's or of its members take, whatever
    replaces them; `held` of all there are. `deleted` of `users`. `bought` counts seats.
    """

    revoked: int = 0
    held: int = 0
    deleted: int = 0
    users: int = 0
    bought: int = 0


WORDS = {"revoked": "lost"}
"""What is counted → what params of the refusal call it, where that is another word."""


class _Count(NamedTuple):
    """What one rail counts: how much now, how much earlier, out of how many; and what params call it."""

    code: str
    rail: str
    noun: str
    now: int
    whole: str | None = None
    total: int = 0


def of_plan(plan: Plan) -> tuple[dict[str, Rail], Toll]:
    """Return the rails that a plan was made under, and what it takes; raises UsageError ("bad-plan")."""
    own = {name: rail for name, rail in plan.guardrails.items() if name in RAILS}
    try:
        return msgspec.convert(own, dict[str, Rail]), msgspec.convert(plan.guardrails.get("judged", {}), Toll)
    except msgspec.ValidationError as error:
        raise UsageError("bad-plan", path="the plan", reason=str(error), at="$.guardrails") from error


def strictest(rails: Iterable[Rail]) -> Rail:
    """Return the rail that lets pass what all of these do."""
    several = tuple(rails)
    counts = [rail.count for rail in several if rail.count is not None]
    percents = [rail.percent for rail in several if rail.percent is not None]
    return Rail(
        count=min(counts, default=None),
        percent=min(percents, default=None),
        free=min(rail.free for rail in several),
    )


def toll(changes: Iterable[Change], *, held: int, users: int) -> Toll:
    """Return what the ready ones of `changes` take and buy."""
    ready = [change for change in changes if change.ready]
    return Toll(
        revoked=sum(map(revoked, ready)),
        held=held,
        deleted=sum(change.kind == "delete-user" for change in ready),
        users=users,
        bought=sum(bought(change.before, change.after) for change in ready if change.kind == "buy-seats"),
    )


def revoked(change: Change) -> int:
    """Return how many pairs of user and SKU a change of licences takes away."""
    if change.kind == "set-group-licenses":
        return sum(len(member.loses) for member in change.members)
    if change.kind in ("set-licenses", "add-member", "remove-member"):
        return len(skus_in(change.before) - skus_in(change.after))
    return 0


def skus_in(state: Mapping[str, Any]) -> frozenset[str]:
    """Return the SKUs that a change's `before` or `after` holds, from whichever source."""
    held = state.get("assignments")
    if not isinstance(held, list):
        return frozenset()
    return frozenset(str(one["sku_id"]) for one in held if isinstance(one, dict) and "sku_id" in one)


def bought(before: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    """Return how many seats a purchase adds."""
    had, wanted = before.get("seats"), after.get("seats")
    return max(wanted - had, 0) if isinstance(had, int) and isinstance(wanted, int) else 0


def judge(rails: Mapping[str, Rail], plan: Toll, recent: Iterable[Deed], now: datetime) -> Iterator[Refusal]:
    """Yield a refusal for each rail that the plan exceeds, by itself or with the runs of a span before it.

    `rails` by their names in tenant.yaml. A plan that adds nothing to what a rail counts is not refused
    for what others did.
    """
    deeds = tuple(recent)
    counts = (
        _Count("max-deletions", "max_deletions", "deleted", plan.deleted, "users", plan.users),
        _Count("max-purchases", "max_purchases", "bought", plan.bought),
        _Count("max-revocations", "max_revocations", "revoked", plan.revoked, "held", plan.held),
    )
    for one in counts:
        rail = rails.get(one.rail)
        if rail and one.now:
            yield from _judged(one, rail, deeds, now)


def _judged(one: _Count, rail: Rail, deeds: Iterable[Deed], now: datetime) -> Iterator[Refusal]:
    """Yield the refusal of the shortest span over which the rail is exceeded, if it is."""
    for window in (None, *SPANS):
        recent = earlier(one.noun, deeds, now, window) if window else 0
        if exceeds(rail, one.now + recent, one.total + recent if one.whole else None):
            params: dict[str, Any] = {WORDS.get(one.noun, one.noun): one.now}
            if one.whole:
                params[one.whole] = one.total
            if window:
                params |= {"window": window, "recent": recent}
            yield refusal(one.code, **params, **limits(rail))
            return


def earlier(noun: str, deeds: Iterable[Deed], now: datetime, window: str) -> int:
    """Return how much was revoked, deleted or bought by runs within a span before `now`."""
    return sum(getattr(deed, noun) for deed in deeds if deed.time > now - SPANS[window])


def exceeds(rail: Rail, taken: int, total: int | None) -> bool:
    """Tell whether `taken` of `total` is more than a rail lets through; up to `free` always pass.

    Where there is no total, a percentage says nothing.
    """
    if taken <= rail.free:
        return False
    over_count = rail.count is not None and taken > rail.count
    over_percent = rail.percent is not None and total is not None and taken * 100 > rail.percent * total
    return over_count or over_percent


def limits(rail: Rail) -> dict[str, Any]:
    """Return the figures of a rail that are in force, as plans show them."""
    figures = {"count": rail.count, "percent": rail.percent, "free": rail.free}
    return {name: value for name, value in figures.items() if value is not None}


def refusal(code: str, **params: Any) -> Refusal:
    """Return a refusal and the flag that lets the plan pass it."""
    return Refusal(code=code, params=params, allow=f"--allow {code}")
