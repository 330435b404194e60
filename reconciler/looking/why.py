"""Why does a user hold, get or lose each licence?

Brings together what the tenant holds, what the desired state says and by which line, and what a plan
would do, for one user. It plans nothing itself: the plan is an argument.
"""

from __future__ import annotations

import difflib
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from reconciler.looking import users
from reconciler.looking.users import Holding, Person
from reconciler.model import DeletedUser, Entry, Exclusion, Location, User, Value
from reconciler.plan import Change, Conflict
from reconciler.planning import demands, licenses, people, scene
from reconciler.planning.identity import Found, Meaning, Missing, Restorable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.journal import Run
    from reconciler.model import Grant
    from reconciler.plan import Plan
    from reconciler.planning.context import Context
    from reconciler.planning.demands import Demand
    from reconciler.planning.grouping import Step

Fate = Literal["keep", "assign", "revoke", "modify", "restore"]
FoundBy = Literal["id", "upn", "restore"]

_MANY = 5000


class Wish(Value, frozen=True, kw_only=True):
    """One line of the desired state that asks for a licence; `bundle` is the bundle's name, if any.

    `rule` is as in model.Grant: "users", "groups" (then `group` is the tenant's name of it), or the name of
    a rule. It asks to the end of the day `until`; None: without bound.
    """

    rule: str
    bundle: str | None
    location: Location
    group: str | None = None
    until: date | None = None


class Since(Value, frozen=True, kw_only=True):
    """When and in which run of apply a licence was assigned, as the journal tells."""

    at: datetime
    run: str


class LicenseLine(Value, frozen=True, kw_only=True):
    """One SKU of the user: where it comes from, who wants it, and what becomes of it.

    `off` are names of service plans that the user does not have through any source, `will_off` those
    after apply. `excluded` is the exception that forbids the SKU. `blocked` tells that the change named
    by `fate` can't be applied now.
    """

    sku: str
    sku_id: str
    name: str
    held: tuple[Holding, ...] = ()
    wanted: tuple[Wish, ...] = ()
    excluded: Exclusion | None = None
    off: tuple[str, ...] = ()
    will_off: tuple[str, ...] = ()
    since: Since | None = None
    ignored: bool = False
    fate: Fate = "keep"
    blocked: bool = False


class _Asked(NamedTuple):
    """What is asked of one user: directly, and through groups."""

    demand: Demand
    steps: tuple[Step, ...]


class Account(Value, frozen=True, kw_only=True):
    """One user, present or not, as everybody sees it.

    `person` is None where the user does not exist (yet, or any more). `entry` is the one that means
    this user, or that claims the UPN; `found_by` is None where it means nobody for certain. `listed`
    tells whether anything declared means the user: an entry, a rule, or a group.
    """

    upn: str
    person: Person | None = None
    deleted: DeletedUser | None = None
    entry: Entry | None = None
    found_by: FoundBy | None = None
    listed: bool = False
    roles: tuple[str, ...] = ()
    lines: tuple[LicenseLine, ...] = ()
    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def account(context: Context, plan: Plan, upn: str, runs: Iterable[Run] = ()) -> Account | None:
    """Return what there is to say of the user who has this UPN, id or mail address; None: nobody.

    `runs` are those of the journal on this tenant: they tell since when a licence is there.
    """
    user = context.by_upn.get(upn) or context.by_id.get(upn)
    holders = context.by_address.get(upn, ())
    if len(holders) == 1:  # of an address that several claim, nobody knows who is meant
        user = user or holders[0]
    view = scene.of(context)
    entry: Entry | None = None
    found_by: FoundBy | None = None
    deleted: DeletedUser | None = None
    meant: Meaning | None = None
    for meaning in view.meanings:
        match meaning:
            case Found(entry=known, user=same) if user and same.id == user.id:
                meant, entry, found_by = meaning, known, "id" if known.id == user.id else "upn"
            case Restorable(entry=known, user=gone) if not user and known.upn == upn:
                meant, entry, found_by, deleted = meaning, known, "restore", gone
            case Missing(entry=known) if not user and known.upn == upn:
                meant, entry, found_by = meaning, known, "upn"
    entry = entry or next((one for one in context.desired.entries if one.upn == upn), None)
    deleted = deleted or (None if user else next(iter(context.deleted_by_upn.get(upn, ())), None))
    if not (user or entry or deleted):
        return None
    names = {name for name in (upn, user and user.upn, entry and entry.upn) if name}
    changes = tuple(_of(change, names) for change in plan.changes if _about(change, names))
    who = people.one(context, view.groups, meant, user)
    asked = _Asked(who.demand, tuple(step for step in view.groups.steps if _moves(step, user, names)))
    person = next(iter(users.people(context, (user,))), None) if user else None
    since = since_of(runs, user.id) if user else {}
    return Account(
        upn=user.upn if user else upn,
        person=person,
        deleted=deleted,
        entry=entry,
        found_by=found_by,
        listed=user is not None and user.id in view.people.listed,
        roles=context.roles_of.get(user.id, ()) if user else (),
        lines=_lines(context, person, asked, changes, since),
        changes=changes,
        conflicts=tuple(one for one in plan.conflicts if _touches(one, names)),
    )


def nearest(upn: str, upns: Iterable[str]) -> list[str]:
    """Return up to three UPNs that `upn` was most likely meant to be, the nearest first.

    Local parts are compared, since everybody shares the domain. Of very many only those that begin or
    end alike are: a comparison with each would take seconds.
    """
    known, local = sorted(set(upns)), _local(upn)
    if len(known) > _MANY:
        known = [name for name in known if name.startswith(local[:2]) or _local(name).endswith(local[-3:])]
    names = {_local(name): name for name in reversed(known)}
    return [names[close] for close in difflib.get_close_matches(local, names, n=3, cutoff=0.75)]


def _local(upn: str) -> str:
    return upn.partition("@")[0]


def since_of(runs: Iterable[Run], user_id: str) -> dict[str, Since]:
    """Return SKU id → the run that assigned it to the user, for those not taken away since."""
    found: dict[str, Since] = {}
    for run in runs:
        results = {result.address: result for result in run.results}
        for intent in run.intents:
            result = results.get(intent.address)
            if intent.kind != "set-licenses" or not result or result.status != "done":
                continue
            if user_id not in (result.user_id, intent.user and intent.user.id):
                continue
            before, after = _direct(intent.before), _direct(intent.after)
            for sku_id in before - after:
                found.pop(sku_id, None)
            found.update({sku_id: Since(at=result.time, run=run.id) for sku_id in after - before})
    return found


def _direct(state: Mapping[str, object]) -> frozenset[str]:
    """Return the SKUs that a journal's `before` or `after` holds directly."""
    rows = state.get("assignments")
    return frozenset(
        str(row["sku_id"])
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict) and "sku_id" in row and not row.get("assigned_by")
    )


def _touches(conflict: Conflict, names: set[str]) -> bool:
    """Tell whether a conflict is about one of these users, or will hit one."""
    if conflict.subject.partition("/")[2] in names and conflict.subject.startswith("users/"):
        return True
    hit = conflict.params.get("users", ())
    return conflict.params.get("upn") in names or (
        isinstance(hit, list | tuple) and any(name in hit for name in names)
    )


def _lines(
    context: Context,
    person: Person | None,
    asked: _Asked,
    changes: Sequence[Change],
    since: Mapping[str, Since],
) -> tuple[LicenseLine, ...]:
    assignments = person.user.assignments if person else ()
    wishes = _wishes(context, asked, person)
    excluded = {one.sku_id: one for one in asked.demand.exclusions}
    fates, blocked = _fates(context, changes, person)
    will = _will(context, asked, person)
    sku_ids = {one.sku_id for one in assignments} | wishes.keys() | fates.keys()
    lines = []
    for sku_id in sku_ids:
        ref = context.sku_ref(sku_id)
        held = tuple(one for one in (person.holdings if person else ()) if one.sku_id == sku_id)
        direct = any(one.group_id is None and one.active for one in held)
        lines.append(
            LicenseLine(
                sku=ref.sku,
                sku_id=sku_id,
                name=ref.name,
                held=held,
                wanted=wishes.get(sku_id, ()),
                excluded=excluded.get(sku_id),
                off=_off(context, [one.disabled_plans for one in held if one.active]),
                will_off=_off(context, will.get(sku_id, [])),
                since=since.get(sku_id) if direct else None,
                ignored=sku_id in context.desired.ignored_skus,
                fate=fates.get(sku_id, "keep"),
                blocked=sku_id in blocked,
            )
        )
    return tuple(sorted(lines, key=lambda line: (line.sku, line.sku_id)))


def _about(change: Change, names: set[str]) -> bool:
    """Tell whether a change is about one of these users, or does something to him through a group."""
    if change.user:
        return change.user.upn in names
    return any(effect.user.upn in names for effect in change.members)


def _of(change: Change, names: set[str]) -> Change:
    """Return a change with what it does to these users, of a group's licences without the other members."""
    if change.kind != "set-group-licenses":
        return change
    return msgspec.structs.replace(
        change,
        members=tuple(effect for effect in change.members if effect.user.upn in names),
        warnings=tuple(one for one in change.warnings if one.params.get("upn") in names),
    )


def _moves(step: Step, user: User | None, names: set[str]) -> bool:
    """Tell whether a step of a group changes what a user holds."""
    if step.upn is not None:
        return step.upn in names
    return user is not None and user.id in step.group.members


def _wishes(context: Context, asked: _Asked, person: Person | None) -> dict[str, tuple[Wish, ...]]:
    """Return SKU id → the lines that ask for it: the entry's, rules', and those of declared groups."""
    assignments = person.user.assignments if person else ()
    grants: list[tuple[Grant, str | None]] = [
        (grant, None) for grant in (*asked.demand.grants, *licenses.chosen(asked.demand, assignments, ()))
    ]
    through = {one.assigned_by for one in assignments if one.assigned_by}
    through |= {step.group.id for step in asked.steps if step.gives}
    through -= {step.group.id for step in asked.steps if step.kind == "leave"}
    for wanted in context.desired.groups:
        group_id = wanted.id or _group_id(context, wanted.name)
        if group_id in through:
            of_group = demands.of_group(wanted, context.options.today)
            grants += [(grant, context.groups[group_id].name) for grant in of_group.grants]
    wishes: dict[str, tuple[Wish, ...]] = {}
    for grant, group in grants:
        wish = Wish(
            rule=grant.rule, bundle=grant.bundle, location=grant.location, group=group, until=grant.until
        )
        wishes[grant.sku_id] = (*wishes.get(grant.sku_id, ()), wish)
    return wishes


def _group_id(context: Context, name: str) -> str | None:
    """Return the id of the only group with a display name."""
    found = context.groups_by_name.get(name.casefold(), [])
    return found[0].id if len(found) == 1 else None


def _fates(
    context: Context, changes: Sequence[Change], person: Person | None
) -> tuple[dict[str, Fate], set[str]]:
    """Return what the changes of a user do to each SKU, and which SKUs' changes are blocked.

    What one change gives and another takes again, as where somebody leaves a group, comes to nothing.
    """
    fates: dict[str, Fate] = {}
    blocked: set[str] = set()
    undone: dict[Fate, Fate] = {"assign": "revoke", "revoke": "assign"}
    for change in changes:
        for fate, sku_ids in _rows(context, change, person):
            for sku_id in sku_ids:
                if fates.get(sku_id, fate) == undone.get(fate):
                    del fates[sku_id]
                else:
                    fates[sku_id] = fate
                if not change.ready:
                    blocked.add(sku_id)
    return fates, blocked


def _rows(context: Context, change: Change, person: Person | None) -> Iterable[tuple[Fate, Iterable[str]]]:
    """Return the SKUs that one change gives, takes or alters."""
    match change.kind:
        case "delete-user" | "restore-user":
            held = [one["sku_id"] for one in change.before["assignments"]]
            return [("revoke" if change.kind == "delete-user" else "restore", held)]
        case "add-member" | "remove-member":
            before, after = (
                {one["sku_id"] for one in state["assignments"]} for state in (change.before, change.after)
            )
            return [("assign", after - before), ("revoke", before - after)]
        case "set-group-licenses":
            upn = person.user.upn if person else ""
            ids = {
                context.sku(one.sku_id).part_number: one.sku_id for one in (*change.assign, *change.revoke)
            }
            mine = [effect for effect in change.members if effect.user.upn == upn]
            return [
                ("assign", [ids[sku] for effect in mine for sku in effect.gains if sku in ids]),
                ("revoke", [ids[sku] for effect in mine for sku in effect.loses if sku in ids]),
            ]
        case _:
            return [
                ("assign", [one.sku_id for one in change.assign]),
                ("revoke", [one.sku_id for one in change.revoke]),
                ("modify", [one.sku_id for one in change.modify]),
            ]


def _will(context: Context, asked: _Asked, person: Person | None) -> dict[str, list[tuple[str, ...]]]:
    """Return SKU id → the plans that are off in each source, once everything declared is fulfilled."""
    after = person.user.assignments if person else ()
    for step in asked.steps:
        after = step.applied(after)
    after = licenses.of_demand(asked.demand, after, context.untouchable).will
    found: dict[str, list[tuple[str, ...]]] = {}
    for one in after:
        if one.active:
            found.setdefault(one.sku_id, []).append(one.disabled_plans)
    return found


def _off(context: Context, sources: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the names of the plans that every source turns off: one that any source has on is on."""
    off = set(sources[0]).intersection(*sources[1:]) if sources else set()
    return tuple(sorted(context.plan_name(plan) for plan in off))
