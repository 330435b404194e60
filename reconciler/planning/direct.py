"""What is the one change of a user's direct licences?"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from reconciler.plan import Change, UserRef
from reconciler.planning.context import held
from reconciler.planning.drafts import Draft, Holdings, Part, difference
from reconciler.roles import Ability, roles_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import User
    from reconciler.planning.context import Context
    from reconciler.planning.licenses import Delta
    from reconciler.planning.sequence import Placed


def set_licenses(
    context: Context,
    part: Part,
    delta: Delta,
    placed: Placed,
    *,
    start: Mapping[str, Any] = MappingProxyType({}),
    planned: Mapping[str, Any] = MappingProxyType({}),
) -> Draft:
    """Return the change of a user's direct licences.

    `start` is what the account will be created with, `planned` what other changes of this plan make
    of it.
    """
    ref, target = part.user, part.target
    abilities: list[Ability] = []
    if delta.assign or delta.modify:
        abilities.append("assign")
    if delta.revoke:
        abilities.append("revoke")
    before = {
        "assignments": rows_of(placed.expected),
        "usage_location": target.usage_location if target else start.get("usage_location"),
        "enabled": target.enabled if target else start.get("enabled"),
    }
    change = Change(
        address=f"users/{ref.upn}/licenses",
        kind="set-licenses",
        user=ref,
        assign=tuple(context.license(*row) for row in delta.assign),
        revoke=tuple(context.license(*row) for row in delta.revoke),
        modify=tuple(context.license(*row) for row in delta.modify),
        before=before,
        after={**before, **planned, "assignments": rows_of(placed.move.applied(placed.expected))},
        roles=roles_with(*abilities),
    )
    rows = (*delta.assign, *delta.modify, *delta.revoke)
    return Draft(
        change=change,
        subject=f"users/{ref.upn}",
        location=next(place for row in rows for _, place in row[2]),
        target=target,
        parts=(part,),
        takes=difference(held(placed.will), held(placed.was)),
        frees=difference(held(placed.was), held(placed.will)),
        after=placed.after,
    )


def part_of(ref: UserRef, target: User | None, placed: Placed) -> Part:
    """Return what a user's only change does."""
    country = target.usage_location if target else None
    return Part(
        user=ref, target=target, was=placed.was, will=placed.will, country=country, whole=placed.whole
    )


def rows_of(assignments: Holdings) -> list[dict[str, Any]]:
    """Return assignments in the shape of a change's `before` (those that give service)."""
    return [
        {"sku_id": a.sku_id, "disabled_plans": list(a.disabled_plans), "assigned_by": a.assigned_by}
        for a in assignments
        if a.active
    ]
