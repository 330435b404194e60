"""Which guard rails hold, where an earlier revision or a trusted file has some too?

The stricter of all for every figure, and everybody whom one of them protects. What the files loosen is
told: of rails, which then has no effect on this plan, and of other safeguards, which has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.model import Guardrails, Rail
from reconciler.plan import Conflict
from reconciler.plan_rails import RAILS, limits, of_plan, strictest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.catalog import Catalog
    from reconciler.model import Baseline, Desired, Location, Restriction
    from reconciler.plan import Plan
    from reconciler.planning.context import Context


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
        yield from _looser_settings(context, base)


def _looser_rail(desired: Desired, base: Baseline, rail: str) -> Iterator[Conflict]:
    was, now = getattr(base.guardrails, rail), getattr(desired.guardrails, rail)
    if strictest((was, now)) != now:
        place = desired.guardrails_location
        yield _loosened("guardrail-loosened", f"guardrails/{rail}", base, place, limits(was), limits(now))


def _unprotected(context: Context, base: Baseline) -> Iterator[Conflict]:
    """Yield a conflict for users, and one for SKUs, that the files protect no more."""
    own, was, place = context.desired.guardrails, base.guardrails, context.desired.guardrails_location
    users = sorted(set(was.protected_users) - set(own.protected_users))
    skus = sorted(set(was.protected_skus) - set(own.protected_skus))
    if users:
        yield _loosened("guardrail-loosened", "guardrails/protected_users", base, place, users, [])
    if skus:
        parts = [context.sku(sku_id).part_number for sku_id in skus]
        yield _loosened("guardrail-loosened", "guardrails/protected_skus", base, place, parts, [])


def _looser_settings(context: Context, base: Baseline) -> Iterator[Conflict]:
    desired = context.desired
    if base.unlisted_users == "keep" and desired.unlisted_users == "revoke":
        place = desired.unlisted_location
        yield _loosened("safeguard-loosened", "unlisted_users", base, place, "keep", "revoke")
    was, now = base.disable_before_delete or 0, desired.disable_before_delete or 0
    if now < was:
        subject = "defaults/disable_before_delete"
        yield _loosened("safeguard-loosened", subject, base, None, f"{was}d", f"{now}d" if now else None)
    gone = _restricted(context, base.restrictions) - _restricted(context, desired.restrictions)
    if gone:
        yield _loosened("safeguard-loosened", "restrictions", base, None, sorted(gone), [])


def _restricted(context: Context, rows: Iterable[Restriction]) -> set[str]:
    """Return each pair of a SKU or service plan and a country in which it is not to be assigned."""
    return {
        f"{context.sku(row.sku_id).part_number if row.sku_id else context.plan_name(row.plan_id or '')} "
        f"in {country}"
        for row in rows
        for country in row.countries
    }


def _loosened(
    code: str, subject: str, base: Baseline, place: Location | None, was: object, now: object
) -> Conflict:
    return Conflict(
        code=code,
        params={"setting": subject.replace("/", "."), "base": base.name, "was": was, "now": now},
        subject=subject,
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
