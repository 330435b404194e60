"""How does everything come back to what it was before a run, as far as the tenant still can?

A plan of its own: of what the run changed, and of nothing else, each part goes back to its former value where
it still has the one that the run gave it. What somebody changed since is left as it is, and what can't come
back is told. What the files declare is left aside, but for rails, protections and restrictions.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from reconciler.model import Entry, Grant, Location, WantedGroup, WantedMember
from reconciler.plan import Conflict
from reconciler.planning import grouping, losses, migration, planner
from reconciler.planning.context import SOFT_DELETE, Context
from reconciler.planning.demands import NOTHING, Demand
from reconciler.planning.identity import Found, Restorable
from reconciler.planning.people import People, Person
from reconciler.planning.rulebook import Rulebook
from reconciler.planning.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from reconciler.catalog import Catalog
    from reconciler.model import Actor, Assignment, Current, Desired, Group, Options, User
    from reconciler.plan import Change, Plan
    from reconciler.plan_past import Past
    from reconciler.planning.identity import Meaning

    Held = Mapping[str, tuple[str, ...]]
    """SKU id → ids of the plans that are off."""

MADE = ("create-user", "restore-user")
LASTING = ("name", "usage_location")
"""Fields that can be changed and never emptied (Microsoft Learn: update user)."""


def undo(
    desired: Desired, current: Current, actor: Actor, catalog: Catalog, options: Options, past: Past
) -> Plan:
    """Return the plan that takes back what a run did, where nobody did something else since."""
    declared, current = migration.only(desired, ()), migration.forgetful(current)
    undoing = _Undoing(Context(declared, current, actor, catalog, options), past)
    persons = {person.upn: person for person in undoing.persons()}
    meanings = tuple(person.meaning for person in persons.values() if person.meaning)
    declared = migration.only(desired, tuple(undoing.groups(meanings)))
    context = Context(declared, current, actor, catalog, options)
    groups = grouping.resolve(
        context,
        coming=(),
        going=[one.user.id for one in meanings if isinstance(one, Found) and not one.entry.present],
        returning={one.entry.upn: one.user for one in meanings if isinstance(one, Restorable)},
    )
    for user in _touched(context, groups.steps):
        persons.setdefault(user.upn, Person(upn=user.upn, user=user))
    view = Scene(
        meanings=meanings,
        problems=(),
        groups=groups,
        people=People(
            persons=tuple(sorted(persons.values(), key=lambda person: person.upn)),
            listed=frozenset(person.user.id for person in persons.values() if person.user),
            rulebook=Rulebook(context, ()),
            conflicts=tuple(undoing.conflicts),
        ),
    )
    plan = planner.plan_of(context, view)
    return msgspec.structs.replace(plan, memory=(), options={**plan.options, "undoes": past.run})


def _touched(context: Context, steps: Iterable[grouping.Step]) -> Iterator[User]:
    """Yield the users who gain or lose something through a group."""
    for step in steps:
        if step.upn is None:
            yield from (context.by_id[one] for one in step.group.members if one in context.by_id)
        elif step.user and step.user.id in context.by_id:
            yield step.user


class _Undoing:
    """What each user and group goes back to, and what does not."""

    def __init__(self, context: Context, past: Past) -> None:
        self.context = context
        self.past = past
        self.place = Location(file=f"run {past.run}", line=1)
        self.conflicts: list[Conflict] = []
        self.deleted = {user.id: user for user in context.restorable}

    # ------------------------------------------------------------ users

    def persons(self) -> Iterator[Person]:
        """Yield everybody of whom the run changed something that can go back."""
        by_user: dict[str, list[Change]] = defaultdict(list)
        for change in self.past.changes:
            if change.kind in ("buy-seats", "set-auto-renew"):
                reason = "bought" if change.kind == "buy-seats" else "renewal"
                self._cannot(change.address.rpartition("/")[0], reason)
            elif change.user and not change.group:
                if change.user.id:
                    by_user[change.user.id].append(change)
                else:
                    self._cannot(f"users/{change.user.upn}", "unknown", upn=change.user.upn)
        for user_id, changes in by_user.items():
            person = self._person(user_id, changes)
            if person:
                yield person

    def _person(self, user_id: str, changes: Sequence[Change]) -> Person | None:
        kinds: dict[str, Change] = {change.kind: change for change in changes}
        user = self.context.by_id.get(user_id)
        if not kinds.keys().isdisjoint(MADE):
            return self._gone(user)
        if user is None:
            return self._restored(user_id, kinds)
        entry = self._entry(user, kinds.get("update-user"))
        return Person(
            upn=user.upn,
            meaning=Found(entry=entry, user=user),
            user=user,
            demand=self._demand(user, user.assignments, kinds),
        )

    def _gone(self, user: User | None) -> Person | None:
        """Return somebody whom the run created or restored: before it, the account was not there."""
        if user is None:
            return None
        entry = Entry(upn=user.upn, id=user.id, present=False, location=self.place)
        return Person(upn=user.upn, meaning=Found(entry=entry, user=user), user=user)

    def _restored(self, user_id: str, kinds: Mapping[str, Change]) -> Person | None:
        """Return somebody whom the run deleted, as far as the account can be restored."""
        change = next(iter(kinds.values()))
        upn = change.user.upn if change.user else ""
        user = self.deleted.get(user_id)
        if user is None:
            reason = "purged" if "delete-user" in kinds else "user-gone"
            self._cannot(f"users/{upn}", reason, upn=upn)
        elif "delete-user" not in kinds:
            self._cannot(f"users/{upn}", "user-deleted", upn=upn)
        elif user.upn in self.context.by_upn:
            self._cannot(f"users/{upn}", "name-taken", upn=upn)
        else:
            direct = tuple(a for a in user.assignments if a.assigned_by is None)
            back = self.context.restored(user, direct, user.upn)
            entry = self._entry(back, kinds.get("update-user"))
            return Person(
                upn=user.upn,
                meaning=Restorable(entry=entry, user=user),
                user=back,
                demand=self._demand(back, direct, kinds),
            )
        return None

    def _entry(self, user: User, change: Change | None) -> Entry:
        """Return what a user's fields go back to."""
        fields: dict[str, Any] = {}
        for field, after in change.after.items() if change else ():
            before, now = change.before.get(field) if change else None, getattr(user, field, None)
            if now == before:
                continue
            if now != after:
                self._changed(f"users/{user.upn}", field.replace("_", " "), upn=user.upn)
            elif before is None and field in LASTING:
                self._cannot(f"users/{user.upn}", "never-empty", upn=user.upn, field=field.replace("_", " "))
            else:
                fields[field] = before
        location = fields.pop("usage_location", None)
        return Entry(
            upn=user.upn,
            id=user.id,
            location=self.place,
            profile=tuple(sorted(fields.items())),
            usage_location=location,
        )

    def _demand(self, user: User, now: Iterable[Assignment], kinds: Mapping[str, Change]) -> Demand:
        """Return what a user's direct licences go back to."""
        change = kinds.get("delete-user") or kinds.get("set-licenses")
        if change is None:
            return NOTHING
        first = kinds.get("set-licenses", change)
        merged = _merged(_direct(first.before), _direct(change.after), _plans(now))
        self._told(f"users/{user.upn}", merged, upn=user.upn)
        self._mailbox(user, merged.back)
        return Demand(
            grants=tuple(self._grants(merged.back)),
            lapsed=tuple((sku_id, ("undo", self.place)) for sku_id in merged.gone),
        )

    def _mailbox(self, user: User, back: Held) -> None:
        """Tell of a mailbox whose data are gone for good: the licence makes an empty one."""
        given = (self.context.plans_of(sku_id).difference(off) for sku_id, off in back.items())
        comes = any(losses.mailbox_level(self.context, plans) for plans in given)
        has = losses.mailbox_level(self.context, self.context.enabled_plans(user.assignments))
        if comes and not has and self.context.options.now > self.past.moment + SOFT_DELETE:
            self._cannot(f"users/{user.upn}", "mailbox-gone", upn=user.upn)

    def _grants(self, back: Held) -> Iterator[Grant]:
        for sku_id, off in sorted(back.items()):
            yield Grant(sku_id=sku_id, disabled_plans=off, rule="undo", location=self.place)

    # ------------------------------------------------------------ groups

    def groups(self, meanings: Sequence[Meaning]) -> Iterator[WantedGroup]:
        """Yield the groups of which the run changed something, with what they go back to."""
        names = {one.user.id: one.entry.upn for one in meanings if isinstance(one, Restorable)}
        by_group: dict[str, list[Change]] = defaultdict(list)
        for change in self.past.changes:
            if change.group:
                by_group[change.group.id].append(change)
        for group_id, changes in by_group.items():
            group = self.context.groups.get(group_id)
            if group is None:
                name = next(change.group.name for change in changes if change.group)
                self._cannot(f"groups/{name}", "group-gone", group=name)
            else:
                yield WantedGroup(
                    name=group.name,
                    id=group.id,
                    location=self.place,
                    mode="replace",
                    grants=self._licences(group, changes),
                    members=self._members(group, changes, names),
                )

    def _licences(self, group: Group, changes: Sequence[Change]) -> tuple[Grant, ...] | None:
        change = next((change for change in changes if change.kind == "set-group-licenses"), None)
        if change is None:
            return None
        now = _plans(group.assignments)
        merged = _merged(_direct(change.before), _direct(change.after), now)
        self._told(f"groups/{group.name}", merged, group=group.name)
        kept = {sku_id: off for sku_id, off in now.items() if sku_id not in merged.gone}
        return tuple(self._grants({**kept, **merged.back}))

    def _members(
        self, group: Group, changes: Sequence[Change], returning: Mapping[str, str]
    ) -> tuple[WantedMember, ...] | None:
        """Return everybody who is to be a member; None where the run moved nobody."""
        moved = [change for change in changes if change.user]
        if not moved:
            return None
        upns = {one: user.upn for one, user in self.context.by_id.items()} | dict(returning)
        members = {one for one in group.members if one in upns}
        for change in moved:
            user_id = change.user.id if change.user else None
            if change.kind == "add-member":
                members.discard(str(user_id))
            elif user_id in upns:
                members.add(str(user_id))
            elif user_id not in self.deleted:
                upn = change.user.upn if change.user else ""
                self._cannot(f"groups/{group.name}", "user-gone", upn=upn, group=group.name)
        return tuple(
            WantedMember(upn=upn, location=self.place) for upn in sorted(upns[one] for one in members)
        )

    # ------------------------------------------------------------ what is told

    def _told(self, subject: str, merged: _Merged, **about: str) -> None:
        for sku_id in merged.changed:
            ref = self.context.sku_ref(sku_id)
            self._changed(subject, f"licence {ref.sku}", sku=ref.sku, **about)

    def _changed(self, subject: str, what: str, *, sku: str | None = None, **about: str) -> None:
        self._conflict(subject, "changed-since", sku, what=what, **about)

    def _cannot(self, subject: str, reason: str, **about: str) -> None:
        self._conflict(subject, "not-undone", None, reason=reason, **about)

    def _conflict(self, subject: str, code: str, sku: str | None, **params: str) -> None:
        """Tell of something that stays as it is; it stands in no change's way."""
        told = {"run": self.past.run, **params}
        self.conflicts.append(Conflict(code=code, params=told, subject=subject, sku=sku, blocks=False))


class _Merged(NamedTuple):
    """Licences that come `back` as they were, those that go again, and those that somebody changed since."""

    back: Held
    gone: Collection[str]
    changed: Collection[str]


def _merged(before: Held, after: Held, now: Held) -> _Merged:
    """Return what goes back to `before`: what is still as the run left it."""
    back: dict[str, tuple[str, ...]] = {}
    gone, changed = [], []
    for sku_id in sorted(before.keys() | after.keys()):
        was, made, there = before.get(sku_id), after.get(sku_id), now.get(sku_id)
        if was in (there, made):
            continue
        if there != made:
            changed.append(sku_id)
        elif was is None:
            gone.append(sku_id)
        else:
            back[sku_id] = was
    return _Merged(back, gone, changed)


def _direct(state: Mapping[str, Any]) -> Held:
    """Return the licences of one's own in a change's `before` or `after`."""
    rows = state.get("assignments") or ()
    return {
        str(row["sku_id"]): tuple(sorted(row.get("disabled_plans", ())))
        for row in rows
        if "sku_id" in row and not row.get("assigned_by")
    }


def _plans(assignments: Iterable[Assignment]) -> Held:
    return {a.sku_id: tuple(sorted(a.disabled_plans)) for a in assignments if a.assigned_by is None}
