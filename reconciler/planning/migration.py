"""How do the members of a group give up the direct licences that the group gives them?

A plan of its own: the group's declared licences and members, and for each member the direct licence
that goes once the same one is there through the group, active and with every service plan that the
direct one has on. What the files declare of the users otherwise is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reconciler.errors import UsageError
from reconciler.model import Location
from reconciler.plan import Conflict
from reconciler.planning import grouping, guardrails, planner
from reconciler.planning.context import Context
from reconciler.planning.demands import Demand
from reconciler.planning.people import People, Person
from reconciler.planning.rulebook import Rulebook
from reconciler.planning.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.catalog import Catalog
    from reconciler.model import Actor, Assignment, Current, Desired, Group, Options, User, WantedGroup
    from reconciler.plan import Plan
    from reconciler.planning.demands import Reason
    from reconciler.planning.grouping import Groups, Step


def migrate(
    desired: Desired, current: Current, actor: Actor, catalog: Catalog, options: Options, group: str
) -> Plan:
    """Return the plan that moves the members of a group (name or id) from direct to its licences.

    Raises UsageError ("unknown-group", "ambiguous-group").
    """
    everything = Context(desired, current, actor, catalog, options)
    found = grouping.find(everything, group)
    if isinstance(found, Conflict):
        raise UsageError(found.code, **found.params)
    wanted = [one for one in desired.groups if grouping.find(everything, one.id or one.name, one) == found]
    context = Context(only(desired, wanted), forgetful(current), actor, catalog, options)
    groups = grouping.resolve(context, coming=(), going=(), returning={})
    moves = _Moves(context, found, groups, wanted[0] if wanted else None)
    persons = tuple(sorted(moves.persons(), key=lambda person: person.upn))
    view = Scene(
        meanings=(),
        problems=(),
        groups=groups,
        people=People(
            persons=persons,
            listed=frozenset(person.user.id for person in persons if person.user),
            rulebook=Rulebook(context, ()),
            conflicts=tuple(moves.conflicts),
        ),
    )
    plan = planner.plan_of(context, view)
    return msgspec.structs.replace(plan, memory=())


def only(desired: Desired, groups: Sequence[WantedGroup]) -> Desired:
    """Return the desired state with these groups alone, and the rails as they are."""
    return msgspec.structs.replace(
        desired,
        entries=(),
        rules=(),
        groups=tuple(groups),
        subscriptions=(),
        unlisted_users="keep",
        baselines=tuple(msgspec.structs.replace(base, entries=None) for base in desired.baselines),
    )


def forgetful(current: Current) -> Current:
    """Return the state without how many entries there were: here they are left aside, not gone."""
    kept = tuple(row for row in current.remembered if row.topic != guardrails.ENTRIES)
    return msgspec.structs.replace(current, remembered=kept)


class _Moves:
    """What each member can give up, and what not."""

    def __init__(self, context: Context, group: Group, groups: Groups, wanted: WantedGroup | None) -> None:
        self.context = context
        self.group = group
        self.steps = groups.steps
        place = wanted.location if wanted else context.desired.tenant.location
        self.reason: Reason = ("groups", place or Location(file="tenant.yaml", line=1))
        self.conflicts: list[Conflict] = []

    def persons(self) -> Iterator[Person]:
        """Yield everybody whom the group is to give something, with the licences that go."""
        joining = {step.user.id for step in self.steps if step.kind == "join" and step.user}
        for user in self.context.current.users:
            if user.id in joining or user.id in self.group.members:
                demand = Demand(lapsed=tuple((sku_id, self.reason) for sku_id in self._covered(user)))
                yield Person(upn=user.upn, user=user, demand=demand)

    def _covered(self, user: User) -> Iterator[str]:
        """Yield the SKUs whose direct licence the group's replaces, and note why others stay."""
        after = user.assignments
        for step in self.steps:
            if _concerns(step, user):
                after = step.applied(after)
        through = {a.sku_id: a for a in after if a.assigned_by == self.group.id}
        for direct in user.assignments:
            given = through.get(direct.sku_id)
            if direct.assigned_by is not None or given is None:
                continue
            missing = self._plans(direct) - self._plans(given)
            if given.state == "Active" and not missing:
                yield direct.sku_id
            else:
                self.conflicts.append(self._kept(user, given, missing))

    def _plans(self, assignment: Assignment) -> frozenset[str]:
        return self.context.plans_of(assignment.sku_id).difference(assignment.disabled_plans)

    def _kept(self, user: User, given: Assignment, missing: frozenset[str]) -> Conflict:
        ref = self.context.sku_ref(given.sku_id)
        return Conflict(
            code="not-covered",
            params={
                "upn": user.upn,
                "group": self.group.name,
                "sku": ref.sku,
                "sku_name": ref.name,
                "state": given.state,
                "error": given.error,
                "plans": sorted(self.context.plan_name(plan) for plan in missing),
            },
            subject=f"users/{user.upn}",
            sku=ref.sku,
            blocks=False,
            file=self.reason[1].file,
            line=self.reason[1].line,
        )


def _concerns(step: Step, user: User) -> bool:
    return step.upn == user.upn if step.upn is not None else user.id in step.group.members
