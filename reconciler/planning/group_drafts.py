"""What is the one change of a group's licences, and what does it do to each member?

Puts together what each member's sequence says. Nothing is judged here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.plan import Change, GroupRef, MemberEffect, fingerprint
from reconciler.planning.context import held
from reconciler.planning.drafts import Draft, difference
from reconciler.roles import roles_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model import Assignment
    from reconciler.planning.context import Context
    from reconciler.planning.drafting import Touch
    from reconciler.planning.drafts import Part
    from reconciler.planning.grouping import Step


def of_step(context: Context, step: Step, touches: Sequence[Touch]) -> Draft | None:
    """Return the change of a group's licences; None for a step of members. `touches` are its members'."""
    if step.delta is None:
        return None
    delta, group = step.delta, step.group
    change = Change(
        address=step.address,
        kind="set-group-licenses",
        group=GroupRef(id=group.id, name=group.name),
        assign=tuple(context.license(*row) for row in delta.assign),
        revoke=tuple(context.license(*row) for row in delta.revoke),
        modify=tuple(context.license(*row) for row in delta.modify),
        before={"assignments": rows(group.assignments), "members": _fingerprints(context, step)},
        after={"assignments": rows(delta.will)},
        roles=roles_with("group-licenses"),
        members=tuple(effect for touch in touches for effect in _effects(context, touch.part)),
    )
    parts = tuple(touch.part for touch in touches)
    return Draft(
        change=change,
        subject=step.subject,
        location=step.location,
        parts=parts,
        takes=tuple(sku for part in parts for sku in difference(held(part.will), held(part.was))),
        frees=tuple(sku for part in parts for sku in difference(held(part.was), held(part.will))),
        priority=step.wanted.priority,
        after=tuple(sorted({address for touch in touches for address in touch.after})),
    )


def rows(assignments: tuple[Assignment, ...]) -> list[dict[str, Any]]:
    """Return a group's licences in the shape of a change's `before`."""
    return [{"sku_id": a.sku_id, "disabled_plans": list(a.disabled_plans)} for a in assignments]


def _fingerprints(context: Context, step: Step) -> dict[str, str]:
    known: dict[int, str] = {}
    found = {}
    for user_id in step.group.members:
        user = context.by_id.get(user_id)
        if user:
            key = id(user.assignments)
            known[key] = known.get(key) or fingerprint(user.assignments)
            found[user_id] = known[key]
    return found


def _effects(context: Context, part: Part) -> tuple[MemberEffect, ...]:
    """Return what a member gains and loses, if that is anything."""
    gains, loses = (
        tuple(sorted(context.sku(sku_id).part_number for sku_id in skus))
        for skus in (held(part.will) - held(part.was), held(part.was) - held(part.will))
    )
    return (MemberEffect(user=part.user, gains=gains, loses=loses),) if gains or loses else ()
