"""Which guard rails hold, where an earlier revision or a trusted file has some too?

The stricter of all for every figure, and everybody whom one of them protects. What the files loosen is
told: of rails, which then has no effect on this plan, and of other safeguards, which has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.model import Guardrails, Rail
from reconciler.plan import Conflict
from reconciler.plan_rails import RAILS, limits, of_plan, strictest
from reconciler.planning import mailboxes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.catalog import Catalog
    from reconciler.model import Baseline, Desired, Location, Restriction
    from reconciler.plan import Plan
    from reconciler.planning.context import Context


class _Looser(NamedTuple):
    """What the files loosen: of a list, `was` holds what is missing. `place` is where it stands in them."""

    setting: str
    was: object
    now: object
    place: Location | None = None
    subject: str | None = None


def in_force(desired: Desired) -> Guardrails:
    """Return the stricter of the files' rails and those of every baseline."""
    found = (desired.guardrails, *(base.guardrails for base in desired.baselines))
    return Guardrails(
        **{rail: strictest([getattr(one, rail) for one in found]) for rail in RAILS},
        protected_users=tuple(sorted({name for one in found for name in one.protected_users})),
        protected_skus=tuple(sorted({sku for one in found for sku in one.protected_skus})),
    )


def conflicts(context: Context) -> Iterator[Conflict]:
    """Yield what the files loosen against each baseline; none blocks anything."""
    desired = context.desired
    for base in desired.baselines:
        for rail in RAILS:
            yield from _looser_rail(desired, base, rail)
        yield from _unprotected(context, base)
        for one in _looser_settings(context, base):
            yield _loosened("safeguard-loosened", base, one)


def _looser_rail(desired: Desired, base: Baseline, rail: str) -> Iterator[Conflict]:
    was, now = getattr(base.guardrails, rail), getattr(desired.guardrails, rail)
    if strictest((was, now)) != now:
        place = desired.guardrails_location
        looser = _Looser(f"guardrails.{rail}", limits(was), limits(now), place)
        yield _loosened("guardrail-loosened", base, looser)


def _unprotected(context: Context, base: Baseline) -> Iterator[Conflict]:
    """Yield a conflict for users, and one for SKUs, that the files protect no more."""
    own, was, place = context.desired.guardrails, base.guardrails, context.desired.guardrails_location
    users = sorted(set(was.protected_users) - set(own.protected_users))
    skus = sorted(set(was.protected_skus) - set(own.protected_skus))
    parts = [context.sku(sku_id).part_number for sku_id in skus]
    for key, names in (("protected_users", users), ("protected_skus", parts)):
        if names:
            looser = _Looser(f"guardrails.{key}", names, [], place)
            yield _loosened("guardrail-loosened", base, looser)


def _looser_settings(context: Context, base: Baseline) -> Iterator[_Looser]:
    desired = context.desired
    if base.unlisted_users == "keep" and desired.unlisted_users == "revoke":
        yield _Looser("unlisted_users", "keep", "revoke", desired.unlisted_location)
    if base.default_mode == "add" and desired.default_mode == "replace":
        yield _Looser("defaults.licenses", "add", "replace")
    was, now = base.disable_before_delete or 0, desired.disable_before_delete or 0
    if now < was:
        yield _Looser("defaults.disable_before_delete", f"{was}d", f"{now}d" if now else None)
    gone = _restricted(context, base.restrictions) - _restricted(context, desired.restrictions)
    if gone:
        yield _Looser("restrictions", sorted(gone), [])
    counted = (base.ignored_skus - desired.ignored_skus) & context.owned.keys()
    if counted:
        yield _Looser("ignore_skus", sorted(context.sku(sku_id).part_number for sku_id in counted), [])
    for rule in desired.rules:
        was = base.graces.get(rule.name, 0)
        if rule.mode == "replace" and rule.grace < was:
            setting, place = f"rules.{rule.name}.grace", rule.location
            yield _Looser(setting, f"{was}d", f"{rule.grace}d", place, f"rules/{rule.name}")
    unheld = mailboxes.not_held(context, base.holds)
    if base.mailboxes_from and not desired.mailboxes:
        yield _Looser("mailboxes_from", base.mailboxes_from, None)
    elif unheld:
        yield _Looser("mailboxes_from", [f"hold on {upn}" for upn in unheld], [])


def _restricted(context: Context, rows: Iterable[Restriction]) -> set[str]:
    """Return each pair of a SKU or service plan and a country in which it is not to be assigned."""
    return {
        f"{context.sku(row.sku_id).part_number if row.sku_id else context.plan_name(row.plan_id or '')} "
        f"in {country}"
        for row in rows
        for country in row.countries
    }


def _loosened(code: str, base: Baseline, looser: _Looser) -> Conflict:
    setting, was, now, place, subject = looser
    return Conflict(
        code=code,
        params={"setting": setting, "base": base.name, "was": was, "now": now},
        subject=subject or setting.replace(".", "/"),
        blocks=False,
        file=place.file if place else None,
        line=place.line if place else None,
    )


def looser(plan: Plan, base: Baseline, catalog: Catalog) -> list[dict[str, Any]]:
    """Return in what a plan was made under looser rails than a baseline's: `setting`, `was` and `now`.

    A plan names its protected SKUs by part numbers: the tenant's own, else the catalogue's.
    """
    rails, _ = of_plan(plan)
    parts = {sku_id: facts.part_number for sku_id, facts in catalog.skus.items()}
    parts |= {row.sku_id: row.sku for row in plan.seats}
    kept = {
        "protected_users": set(base.guardrails.protected_users),
        "protected_skus": {parts[sku_id] for sku_id in base.guardrails.protected_skus},
    }
    found: list[dict[str, Any]] = []
    for rail in RAILS:
        was, now = getattr(base.guardrails, rail), rails.get(rail, Rail())
        if strictest((was, now)) != now:
            found.append({"setting": f"guardrails.{rail}", "was": limits(was), "now": limits(now)})
    for key, names in kept.items():
        gone = sorted(names - set(plan.guardrails.get(key, ())))
        if gone:
            found.append({"setting": f"guardrails.{key}", "was": gone, "now": []})
    return found
