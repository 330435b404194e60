"""Who is concerned by what is declared, and what is asked of each one's direct licences?

Brings together the entries, the rules that match and what earlier runs remember of them. A rule looks
at a user as this plan leaves him: with the profile that his entry wants, in the groups that are
declared. Nothing is drafted here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reconciler.model import Entry, Location, User, Value
from reconciler.plan import Conflict
from reconciler.planning import demands, licenses
from reconciler.planning.context import held
from reconciler.planning.demands import Demand
from reconciler.planning.identity import Found, Meaning, Missing, Restorable, newcomer
from reconciler.planning.lapses import Lapses, kept_when_disabled
from reconciler.planning.leavers import stage
from reconciler.planning.rulebook import Rulebook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.planning.context import Context
    from reconciler.planning.grouping import Groups
    from reconciler.planning.rulebook import Matched


class Person(Value, frozen=True, kw_only=True):
    """Somebody of whom something is asked.

    `meaning` is None where no entry names him; `user` is as the tenant has him, or had him before he
    was deleted, None for one to be created. `waits` tells that rules ask it only of the profile and the
    groups that this plan gives him.
    """

    upn: str
    meaning: Meaning | None = None
    user: User | None = None
    demand: Demand = demands.NOTHING
    waits: bool = False

    @property
    def entry(self) -> Entry | None:
        """Return the entry that names him."""
        return self.meaning.entry if self.meaning else None

    @property
    def place(self) -> Location | None:
        """Return where something is declared of his licences: the entry, else a rule."""
        if self.entry:
            return self.entry.location
        excluded = next((exclusion.location for exclusion in self.demand.exclusions), None)
        return excluded or (self.demand.replaces[1] if self.demand.replaces else None)


class People(Value, frozen=True, kw_only=True):
    """Everybody of whom something is asked, and the ids of all users whom something declared means."""

    persons: tuple[Person, ...]
    listed: frozenset[str]
    rulebook: Rulebook
    conflicts: tuple[Conflict, ...]


def of(context: Context, meanings: Sequence[Meaning], groups: Groups) -> People:
    """Return everybody who is meant by an entry, a rule or a declared group.

    Those with whom nothing is to be done are left out of `persons`.
    """
    rulebook = Rulebook(context, groups.steps)
    census = _Census(context, rulebook, Lapses(context, rulebook.rules))
    by_user = {meaning.user.id: meaning for meaning in meanings if isinstance(meaning, Found)}
    moved = {step.user.id for step in groups.steps if step.user}
    moved.update(member for step in groups.steps if step.kind == "licences" for member in step.group.members)
    persons = []
    listed = {*groups.members, *by_user}
    listed.update(meaning.user.id for meaning in meanings if isinstance(meaning, Restorable))
    if rulebook or moved or census.lapses:
        for user in context.current.users:
            person, named = census.look(user, by_user.get(user.id), moves=user.id in moved)
            if person:
                persons.append(person)
            if named:
                listed.add(user.id)
    else:
        found = (census.look(meaning.user, meaning)[0] for meaning in by_user.values())
        persons += [person for person in found if person]
    persons += [census.absent(meaning) for meaning in meanings if not isinstance(meaning, Found)]
    return People(
        persons=tuple(sorted(persons, key=lambda person: person.upn)),
        listed=frozenset(listed),
        rulebook=rulebook,
        conflicts=(*rulebook.conflicts, *rulebook.outsiders(), *census.lapses.conflicts),
    )


def one(context: Context, groups: Groups, meaning: Meaning | None, user: User | None) -> Person:
    """Return what is asked of one user; `meaning` is that of an entry, `user` the tenant's."""
    rulebook = Rulebook(context, groups.steps)
    census = _Census(context, rulebook, Lapses(context, rulebook.rules))
    if isinstance(meaning, Missing | Restorable):
        return census.absent(meaning)
    person = census.look(user, meaning, moves=True)[0] if user else None
    return person or Person(upn=user.upn if user else "")


class _Census:
    """Asks what is asked of each user; what is the same for many is worked out once."""

    def __init__(self, context: Context, rulebook: Rulebook, lapses: Lapses) -> None:
        self.context = context
        self.today = context.options.today
        self.rulebook = rulebook
        self.lapses = lapses
        self._of_rules: dict[tuple[int, bool], Demand] = {}
        self._met: dict[tuple[int, int], object] = {}  # by identity: what is compared is kept alive here
        self._bought = frozenset(sku for sku in context.subscriptions if context.self_service(sku))

    def look(self, user: User, meaning: Found | None, *, moves: bool = False) -> tuple[Person | None, bool]:
        """Return a user of whom something is asked that is not so yet, and whether anything means him.

        `moves` tells that a group changes what he holds.
        """
        entry = meaning.entry if meaning else None
        after = expected(user, entry)
        matched, waits = self._match(entry, user, after)
        stays = entry is None or (entry.present and not self._has_left(entry))
        remembered = stays and user.id in self.lapses
        special = moves or remembered or not self._bought.isdisjoint(held(user.assignments))
        if not special and not matched and (entry is None or settled(entry, user)):
            return None, False
        demand = self._demand(entry, matched, after)
        if self._needs_location(user, after, demand):
            after = msgspec.structs.replace(after, usage_location=self.context.desired.default_location)
            others, _ = self._match(entry, user, after)
            if others != matched:
                matched, waits = others, True
                demand = self._demand(entry, matched, after)
        self.rulebook.note(matched, user)
        if remembered:
            demand = self.lapses.of(user, after, demand, self.rulebook)
        named = bool(matched or demand.lapsed or user.id in self.lapses.waiting)
        if entry is None and not special and self._is_met(demand, user):
            return None, named
        return Person(upn=user.upn, meaning=meaning, user=user, demand=demand, waits=waits), named

    def absent(self, meaning: Missing | Restorable) -> Person:
        """Return somebody who will be created or restored."""
        entry = meaning.entry
        if isinstance(meaning, Restorable):
            direct = tuple(a for a in meaning.user.assignments if a.assigned_by is None)
            user = self.context.restored(meaning.user, direct, entry.upn)
            after = expected(user, entry)
        else:
            user, after = None, newcomer(self.context, entry)
        matched, _ = self._match(entry, after, after)
        demand = self._demand(entry, matched, after)
        if self._needs_location(after, after, demand):
            after = msgspec.structs.replace(after, usage_location=self.context.desired.default_location)
            matched, _ = self._match(entry, after, after)
            demand = self._demand(entry, matched, after)
        self.rulebook.coming.update(rule.name for rule in matched)
        return Person(upn=entry.upn, meaning=meaning, user=user, demand=demand)

    def _match(self, entry: Entry | None, user: User, after: User) -> tuple[Matched, bool]:
        """Return the rules that match; none does somebody who has left."""
        if not self.rulebook or self._has_left(entry):
            return (), False
        return self.rulebook.match(user, after)

    def _has_left(self, entry: Entry | None) -> bool:
        return entry is not None and stage(entry.leaver, self.today) != "working"

    def _demand(self, entry: Entry | None, matched: Matched, after: User) -> Demand:
        enabled = after.enabled is not False
        if entry is not None or (not enabled and self.rulebook.sees_sign_in):
            demand = demands.of(entry, matched, self.today, enabled=enabled)
            if enabled or not self.rulebook.sees_sign_in:
                return demand
            signed_in = () if self._has_left(entry) else self.rulebook.signed_in(after)
            kept = kept_when_disabled(matched, signed_in, self.today)
            return msgspec.structs.replace(demand, kept=kept)
        key = (id(matched), enabled)
        demand_ = self._of_rules.get(key)
        if demand_ is None:
            demand_ = self._of_rules[key] = demands.of(None, matched, self.today, enabled=enabled)
        return demand_

    def _needs_location(self, user: User, after: User, demand: Demand) -> bool:
        """Tell whether rules would see the location that the plan gives a user before a first licence."""
        default = self.context.desired.default_location
        if not self.rulebook.sees_location or after.usage_location or not default:
            return False
        delta = licenses.of_demand(demand, user.assignments, self.context.untouchable)
        return bool(delta.assign or delta.modify)

    def _is_met(self, demand: Demand, user: User) -> bool:
        """Tell whether a user holds what is asked; users alike are looked at once."""
        key = (id(demand), id(user.assignments))
        if key in self._met:
            return True
        delta = licenses.of_demand(demand, user.assignments, self.context.untouchable)
        if delta or delta.unreachable:
            return False
        self._met[key] = (demand, user.assignments)
        return True


def expected(user: User, entry: Entry | None) -> User:
    """Return the user with the profile that his entry wants; what is synced can't be changed here."""
    if entry is None or not (entry.profile or entry.usage_location):
        return user
    wanted = {} if user.synced else dict(entry.profile)
    if entry.usage_location:
        wanted["usage_location"] = entry.usage_location
    changes = {field: value for field, value in wanted.items() if getattr(user, field) != value}
    return msgspec.structs.replace(user, **changes) if changes else user


def settled(entry: Entry, user: User) -> bool:
    """Tell at a glance that a user is as his entry says: nearly all are, and a large tenant has many.

    False only means that it takes a closer look.
    """
    if not entry.present or entry.exclusions or entry.choices:
        return False
    if entry.grants is not None:
        if len(entry.grants) != len(user.assignments):
            return False
        for grant, held_ in zip(entry.grants, user.assignments, strict=True):
            same = grant.sku_id == held_.sku_id and held_.assigned_by is None
            if not same or grant.disabled_plans not in (None, held_.disabled_plans):
                return False
            if grant.start or grant.until:
                return False
    if entry.usage_location not in (None, user.usage_location):
        return False
    return all(getattr(user, field) == value for field, value in entry.profile)
