"""Does the plan take away more than a careful administrator would let through?

Judges the changes that will run, and fails closed: a refusal refuses the whole apply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.plan import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model import Guardrails, Rail
    from reconciler.planning.context import Context
    from reconciler.planning.drafts import Draft


def refusals(context: Context, ready: Sequence[Draft]) -> tuple[Refusal, ...]:
    """Return the rails that refuse the ready changes, sorted by code.

    Units: one (user, SKU) pair that a change of licences, of a group's or of its members takes from a
    user, whatever replaces it; one user deleted. Percent of the pairs held, and of the users there,
    before.
    """
    return tuple(sorted(_refusals(context, ready), key=lambda refusal: refusal.code))


def _refusals(context: Context, ready: Sequence[Draft]) -> Iterator[Refusal]:
    rails = context.desired.guardrails
    lost = sum(len(draft.frees) for draft in ready if draft.alters)
    total = sum(context.counted.values())
    if _exceeds(rails.max_revocations, lost, total):
        yield _refusal("max-revocations", lost=lost, held=total, **_limits(rails.max_revocations))
    deleted = sum(draft.change.kind == "delete-user" for draft in ready)
    users = len(context.current.users)
    if _exceeds(rails.max_deletions, deleted, users):
        yield _refusal("max-deletions", deleted=deleted, users=users, **_limits(rails.max_deletions))
    for draft in ready:
        if draft.change.kind == "set-auto-renew" and not draft.change.after["auto_renew"]:
            sku = draft.change.sku
            yield _refusal("auto-renew-off", sku=sku.sku if sku else "", sku_name=sku.name if sku else "")


def _exceeds(rail: Rail, lost: int, total: int) -> bool:
    """Tell whether `lost` of `total` is more than a rail lets through; up to `free` always pass."""
    if lost <= rail.free:
        return False
    over_count = rail.count is not None and lost > rail.count
    over_percent = rail.percent is not None and lost * 100 > rail.percent * total
    return over_count or over_percent


def _limits(rail: Rail) -> dict[str, Any]:
    limits = {"count": rail.count, "percent": rail.percent, "free": rail.free}
    return {name: value for name, value in limits.items() if value is not None}


def _refusal(code: str, **params: Any) -> Refusal:
    return Refusal(code=code, params=params, allow=f"--allow {code}")


def protect_nobody(context: Context) -> list[str]:
    """Return the entries of `protected_users` that mean no user and no group: a slip protects nobody."""
    groups = {name for group in context.current.groups for name in (group.id, group.name.lower())}
    known = (context.by_upn, context.by_id, groups)
    names = context.desired.guardrails.protected_users
    return [name for name in names if not any(name in place for place in known)]


def in_force(context: Context) -> dict[str, Any]:
    """Return the rails as the plan shows them; protected SKUs by part number."""
    rails: Guardrails = context.desired.guardrails
    return {
        "max_revocations": _limits(rails.max_revocations),
        "max_deletions": _limits(rails.max_deletions),
        "protected_users": list(rails.protected_users),
        "protected_skus": [context.sku(sku_id).part_number for sku_id in rails.protected_skus],
    }
