"""Which groups are declared, what shall they give, and who shall be in them?

Finds each declared group, and works out the steps that bring it to what is declared: its licences
first, then who joins and who leaves. A step tells what each member holds through the group
afterwards; in which order a user's steps are made is for sequence.py to say.
"""

from __future__ import annotations

import difflib
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from reconciler.model import Assignment, Group, Location, User, Value, WantedGroup, WantedMember
from reconciler.plan import Conflict
from reconciler.planning import demands, licenses
from reconciler.planning.context import replaced
from reconciler.planning.licenses import Delta

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from reconciler.model import Scope
    from reconciler.planning.context import Context

SHOWN = 20
"""How many users a conflict names at most."""


class Step(Value, frozen=True, kw_only=True):
    """One change of a group; `gives` is what each user of it holds through the group afterwards.

    `upn` is None for a change of the group's licences. `user` is None for somebody to be created.
    `follows` tells that the group's licences change too: membership comes after that.
    """

    kind: Literal["licences", "join", "leave"]
    group: Group
    wanted: WantedGroup
    location: Location
    gives: tuple[Assignment, ...] = ()
    delta: Delta | None = None
    upn: str | None = None
    user: User | None = None
    follows: bool = False

    @property
    def subject(self) -> str:
        """Return the group's address."""
        return f"groups/{self.group.name}"

    @property
    def address(self) -> str:
        """Return the change's address."""
        return f"{self.subject}/licenses" if self.upn is None else f"{self.subject}/members/{self.upn}"

    def applied(self, assignments: tuple[Assignment, ...]) -> tuple[Assignment, ...]:
        """Return a user's assignments once the step is made."""
        return replaced(assignments, self.group.id, self.gives)


class Groups(Value, frozen=True, kw_only=True):
    """All that is declared of groups: the steps, who is listed through them, what stands in the way."""

    steps: tuple[Step, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    members: frozenset[str] = frozenset()  # ids of the users of declared groups, as the plan leaves them


def resolve(
    context: Context, coming: Collection[str], going: Collection[str], returning: Mapping[str, User]
) -> Groups:
    """Return the steps of every declared group.

    `coming` are UPNs of users who will be created, `returning` UPN → users who will be restored,
    `going` ids of users who will be deleted: they leave their groups with that.
    """
    steps: list[Step] = []
    conflicts: list[Conflict] = []
    members: set[str] = set()
    seen: dict[str, WantedGroup] = {}
    people = _People(context, coming, going, returning)
    for wanted in context.desired.groups:
        group = find(context, wanted.id or wanted.name, wanted)
        if isinstance(group, Conflict):
            conflicts.append(group)
            continue
        if seen.setdefault(group.id, wanted) is not wanted:
            candidates = [{"id": group.id, "name": group.name}]
            conflicts.append(conflict(wanted, group, "ambiguous-group", candidates=candidates))
            continue
        found, problems = _of_group(context, wanted, group, people)
        conflicts += problems
        leaving = {step.user.id for step in found if step.kind == "leave" and step.user}
        members.update(one for one in group.members if one not in leaving)
        members.update(step.user.id for step in found if step.kind == "join" and step.user)
        steps += found
    return Groups(steps=tuple(steps), conflicts=tuple(conflicts), members=frozenset(members))


def find(context: Context, name: str, wanted: WantedGroup | None = None) -> Group | Conflict:
    """Return the group with an id or a display name, in any case, or why none is certain."""
    folded = name.casefold()
    known = context.groups
    found = [known[folded]] if folded in known else context.groups_by_name.get(folded, [])
    if len(found) == 1:
        return found[0]
    place = wanted.location if wanted else None
    params: dict[str, Any] = {"group": wanted.name if wanted else name}
    if found:
        params["group"] = wanted.name if wanted else found[0].name
        params["candidates"] = [{"id": group.id, "name": group.name} for group in found]
    else:
        params["nearest"] = nearest(context, name)
    return Conflict(
        code="ambiguous-group" if found else "unknown-group",
        params=params,
        subject=f"groups/{params['group']}",
        file=place.file if place else None,
        line=place.line if place else None,
    )


def nearest(context: Context, name: str) -> str | None:
    """Return the name of the group that was most likely meant, of those that were read, if any comes near."""
    names = {group.name.casefold(): group.name for group in context.current.groups}
    near = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.8)
    return names[near[0]] if near else None


def conflict(
    wanted: WantedGroup,
    group: Group,
    code: str,
    place: Location | None = None,
    *,
    blocks: bool = True,
    **params: Any,
) -> Conflict:
    """Return a conflict about a declared group."""
    place = place or wanted.location
    return Conflict(
        code=code,
        params={"group": group.name, **params},
        subject=f"groups/{group.name}",
        blocks=blocks,
        file=place.file,
        line=place.line,
    )


class _People:
    """Who may be meant by a member's UPN."""

    def __init__(
        self,
        context: Context,
        coming: Collection[str],
        going: Collection[str],
        returning: Mapping[str, User],
    ) -> None:
        self.context = context
        self.coming = frozenset(coming)
        self.going = frozenset(going)
        self.returning = returning

    def user(self, upn: str) -> User | None:
        return self.context.by_upn.get(upn) or self.returning.get(upn)


def _of_group(
    context: Context, wanted: WantedGroup, group: Group, people: _People
) -> tuple[list[Step], list[Conflict]]:
    outside = _outside(context, wanted, group)
    if outside:
        return [], [outside]
    steps: list[Step] = []
    conflicts: list[Conflict] = []
    demand = demands.of_group(wanted, context.options.today)
    delta = licenses.of_demand(demand, group.assignments, context.untouchable) if demand else None
    rows = delta.will if delta else group.assignments
    gives = tuple(
        Assignment(sku_id=a.sku_id, disabled_plans=a.disabled_plans, assigned_by=group.id) for a in rows
    )
    if delta:
        steps.append(
            Step(
                kind="licences",
                group=group,
                wanted=wanted,
                location=wanted.location,
                gives=gives,
                delta=delta,
            )
        )
    if wanted.members is not None and (group.dynamic or group.synced):
        code = "dynamic-group" if group.dynamic else "synced-group"
        conflicts.append(conflict(wanted, group, code))
    elif wanted.members is not None:
        moves, problems = _membership(wanted, group, people, gives, follows=bool(delta))
        steps += moves
        conflicts += problems
    gone = people.going | {step.user.id for step in steps if step.kind == "leave" and step.user}
    conflicts += _told(context, wanted, group, gone)
    if steps and group.role_assignable:
        action = "licenses" if delta else "members"
        refused = conflict(wanted, group, "protected", action=action, reason="role-assignable", names=[])
        return [], [*conflicts, refused]
    return steps, conflicts


def _membership(
    wanted: WantedGroup, group: Group, people: _People, gives: tuple[Assignment, ...], *, follows: bool
) -> tuple[list[Step], list[Conflict]]:
    """Return who joins and who leaves; nobody leaves for whom it is not certain who is meant."""
    steps: list[Step] = []
    conflicts: list[Conflict] = []
    stay: set[str] = set()
    settled = {*group.members, *people.going}
    for member in wanted.members or ():
        user = people.user(member.upn)
        if user is None and member.upn not in people.coming:
            near = people.context.nearest(member.upn)
            conflicts.append(
                conflict(wanted, group, "unknown-user", member.location, upn=member.upn, nearest=near)
            )
            named = people.context.by_address.get(member.upn, ())
            stay.update(one.id for one in named)
            stay.update(one.id for one in (people.context.by_upn.get(near or ""),) if one)
        elif user is None or user.id not in settled:
            steps.append(_step("join", wanted, group, member, user, gives, follows))
        if user:
            stay.add(user.id)
    for user_id in group.members:
        leaver = people.context.by_id.get(user_id)
        if leaver and user_id not in stay and user_id not in people.going:
            member = WantedMember(upn=leaver.upn, location=wanted.location)
            steps.append(_step("leave", wanted, group, member, leaver, (), follows))
    return steps, conflicts


def _step(
    kind: Literal["join", "leave"],
    wanted: WantedGroup,
    group: Group,
    member: WantedMember,
    user: User | None,
    gives: tuple[Assignment, ...],
    follows: bool,
) -> Step:
    return Step(
        kind=kind,
        follows=follows,
        group=group,
        wanted=wanted,
        location=member.location,
        gives=gives,
        upn=member.upn,
        user=user,
    )


def _told(context: Context, wanted: WantedGroup, group: Group, gone: Collection[str]) -> Iterator[Conflict]:
    """Yield what people should know of a group, and what stands in no change's way.

    `gone` are ids of users who will be members no more.
    """
    if group.nested:
        yield conflict(wanted, group, "nested-group", blocks=False, nested=list(group.nested))
    failed = {  # all of the licences fail together, for one reason
        user.upn: a.error
        for user in (context.by_id.get(user_id) for user_id in group.members if user_id not in gone)
        if user
        for a in user.assignments
        if a.assigned_by == group.id and a.state in ("Error", "ActiveWithError")
    }
    if failed:
        shown = [{"upn": upn, "error": error} for upn, error in islice(failed.items(), SHOWN)]
        yield conflict(wanted, group, "group-errors", blocks=False, members=shown, count=len(failed))


def _outside(context: Context, wanted: WantedGroup, group: Group) -> Conflict | None:
    """Return the conflict of a group with members whom its file may declare nothing of."""
    if wanted.scope is None:
        return None
    named = {member.upn for member in wanted.members or ()}
    users = [
        user
        for user in context.current.users
        if user.id in group.members or user.upn in named
        if not context.in_scope(wanted.scope, user)
    ]
    if not users:
        return None
    return conflict(wanted, group, "out-of-scope", **strangers(wanted.scope, users))


def strangers(scope: Scope, users: Collection[User]) -> dict[str, Any]:
    """Return how a conflict tells of users outside a scope."""
    return {
        "owner": scope.owner,
        "file": scope.location.file,
        "users": sorted(user.upn for user in users)[:SHOWN],
        "count": len(users),
    }
