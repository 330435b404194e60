"""Which direct assignments shall a user have, and what must change for that?

Pure set arithmetic on one user: grants add up, exclusions beat bundles, inherited assignments are
never touched and satisfy a grant where they give the wanted plans.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from reconciler.model import Assignment, Value
from reconciler.planning.demands import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model import Grant
    from reconciler.planning.demands import Demand

Picks = tuple[int, ...]
Row = tuple[str, tuple[str, ...], tuple[Reason, ...]]
"""SKU id, ids of the plans that are off, reasons."""


class Delta(Value, frozen=True, kw_only=True):
    """What changes in a user's direct assignments.

    `will` are all assignments afterwards, inherited ones included. `unreachable` are SKU ids that
    `[]` or `exclude` asks to take away but that only a group gives.
    """

    assign: tuple[Row, ...] = ()
    modify: tuple[Row, ...] = ()
    revoke: tuple[Row, ...] = ()
    will: tuple[Assignment, ...] = ()
    unreachable: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether anything changes."""
        return bool(self.assign or self.modify or self.revoke)


def of_demand(
    demand: Demand, was: tuple[Assignment, ...], untouchable: frozenset[str], picks: Picks = ()
) -> Delta:
    """Return what `demand` changes for a user who has the assignments `was`.

    `untouchable` are SKU ids that are never revoked: ignored and self-service ones. `picks` are the
    numbers of the options to take of each choice where none is held yet (else the first).
    """
    excluded = {exclusion.sku_id: exclusion for exclusion in demand.exclusions}
    grants = (*demand.grants, *chosen(demand, was, picks))
    wanted = _merge(grant for grant in grants if grant.sku_id not in excluded)
    direct = {a.sku_id: a for a in was if a.assigned_by is None}
    assign: list[Row] = []
    modify: list[Row] = []
    revoke: list[Row] = []
    for sku_id, (disabled, reasons) in wanted.items():
        present = direct.get(sku_id)
        if present is None:
            given = demand.given or any(rule == "users" for rule, _ in reasons)
            if given and not _inherited(was, sku_id, disabled):
                assign.append((sku_id, disabled or (), reasons))
        elif disabled is not None and disabled != present.disabled_plans:
            modify.append((sku_id, disabled, reasons))
    ended = {grant.sku_id: (grant.rule, grant.location) for grant in demand.ended}
    lapsed = dict(demand.lapsed)
    for sku_id, present in direct.items():
        if sku_id in wanted or sku_id in untouchable:
            continue
        exclusion = excluded.get(sku_id)
        reason = (exclusion.rule, exclusion.location) if exclusion else ended.get(sku_id)
        reason = reason or lapsed.get(sku_id) or (None if sku_id in demand.kept else demand.replaces)
        if reason:
            revoke.append((sku_id, present.disabled_plans, (reason,)))
    unwanted = set(excluded)
    if demand.replaces and not demand.grants and not demand.choices:
        unwanted.update(a.sku_id for a in was)
    unreachable = {a.sku_id for a in was if a.assigned_by and a.active} & unwanted - untouchable
    return _delta(was, assign, modify, revoke, tuple(sorted(unreachable)))


def chosen(demand: Demand, was: tuple[Assignment, ...], picks: Picks) -> Iterator[Grant]:
    """Yield the option of each choice: one that is held or granted anyway, else the picked one."""
    excluded = {exclusion.sku_id for exclusion in demand.exclusions}
    present = {grant.sku_id for grant in demand.grants} | {a.sku_id for a in was if a.active}
    for number, choice in enumerate(demand.choices):
        options = [option for option in choice.options if option.sku_id not in excluded]
        kept = next((option for option in options if option.sku_id in present), None)
        pick = picks[number] if number < len(picks) else 0
        if options:
            yield kept or options[min(pick, len(options) - 1)]


def revocation(was: tuple[Assignment, ...], untouchable: frozenset[str], reason: Reason) -> Delta:
    """Return the loss of every direct licence: what `unlisted_users: revoke` asks for."""
    revoke: list[Row] = [
        (a.sku_id, a.disabled_plans, (reason,))
        for a in was
        if a.assigned_by is None and a.sku_id not in untouchable
    ]
    return _delta(was, [], [], revoke, ())


def _merge(grants: Iterable[Grant]) -> dict[str, tuple[tuple[str, ...] | None, tuple[Reason, ...]]]:
    """Return SKU id → plans off (None: not managed) and reasons.

    A plan is off only if every grant that manages plans turns it off.
    """
    merged: dict[str, tuple[tuple[str, ...] | None, tuple[Reason, ...]]] = {}
    for grant in grants:
        off, reasons = merged.get(grant.sku_id, (None, ()))
        if off is None:
            off = grant.disabled_plans
        elif grant.disabled_plans is not None:
            off = tuple(plan for plan in off if plan in grant.disabled_plans)
        merged[grant.sku_id] = (off, (*reasons, (grant.rule, grant.location)))
    return merged


def _inherited(was: tuple[Assignment, ...], sku_id: str, disabled: tuple[str, ...] | None) -> bool:
    """Tell whether groups give the SKU with every wanted plan on."""
    sources = [set(a.disabled_plans) for a in was if a.sku_id == sku_id and a.assigned_by and a.active]
    if not sources:
        return False
    return disabled is None or set.intersection(*sources) <= set(disabled)


def _delta(
    was: tuple[Assignment, ...],
    assign: list[Row],
    modify: list[Row],
    revoke: list[Row],
    unreachable: tuple[str, ...],
) -> Delta:
    if not (assign or modify or revoke):  # nearly every user of a large tenant
        return Delta(will=was, unreachable=unreachable)
    touched = {row[0] for row in (*modify, *revoke)}
    kept = [a for a in was if a.assigned_by or a.sku_id not in touched]
    new = [Assignment(sku_id=row[0], disabled_plans=row[1]) for row in (*assign, *modify)]
    will = tuple(sorted((*kept, *new), key=lambda a: (a.sku_id, a.assigned_by or "")))
    return Delta(
        assign=tuple(sorted(assign, key=itemgetter(0))),
        modify=tuple(sorted(modify, key=itemgetter(0))),
        revoke=tuple(sorted(revoke, key=itemgetter(0))),
        will=will,
        unreachable=unreachable,
    )
