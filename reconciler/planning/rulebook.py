"""Which rules match whom, before and after what this plan changes?

Leaves out the rules that can't be followed, keeps each rule inside the scope of its file, and notes
whom each matches. What rules grant is for demands.py to add up.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from reconciler.model import Every
from reconciler.plan import Conflict
from reconciler.planning import grouping, matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model import Group, Rule, User
    from reconciler.planning.context import Context
    from reconciler.planning.grouping import Step

Matched = tuple["Rule", ...]


class Rulebook:
    """The rules of a plan. It is asked once about every user, and remembers the answers."""

    def __init__(self, context: Context, steps: Iterable[Step]) -> None:
        """Take the steps of declared groups: a rule sees memberships as they will be."""
        self.conflicts: list[Conflict] = []
        self.rules = tuple(rule for rule in context.desired.rules if self._sound(context, rule))
        narrowed = [_narrowed(rule) for rule in self.rules]
        named = matching.groups_named(rule.when for rule in narrowed)
        groups = context.current.groups
        self._now = matching.Matcher(narrowed, matching.memberships(groups, named))
        later = matching.memberships(_moved(groups, steps), named)
        self._after = matching.Matcher(narrowed, later)
        scoped = [rule for rule in self.rules if rule.scope]
        self._wide = matching.Matcher(scoped, later) if scoped else None
        self._outside: dict[str, list[User]] = {}
        self._users: dict[int, tuple[Matched, list[User]]] = {}
        self.coming: Counter[str] = Counter()
        """Rule name → how many users it will match who are to be created or restored."""
        self.away: dict[str, set[str]] = {}
        """Rule name → ids of users whom it matched at an earlier run, and would if they could sign in."""
        self.sees_membership = "member_of" in self._after.fields
        self.sees_location = "usage_location" in self._after.fields
        self.sees_sign_in = "enabled" in self._after.fields

    def __bool__(self) -> bool:
        """Tell whether there is a rule to follow."""
        return bool(self.rules)

    def match(self, user: User, after: User) -> tuple[Matched, bool]:
        """Return the rules that match a user as he will be, and whether others match him now."""
        found = self._after.of(after)
        changes = after is not user or self.sees_membership
        if self._wide:
            for rule in self._wide.of(after):
                if all(one.name != rule.name for one in found):
                    self._outside.setdefault(rule.name, []).append(user)
        return found, changes and found != self._now.of(user)

    def note(self, matched: Matched, user: User) -> None:
        """Note that rules match an existing user."""
        if matched:
            self._users.setdefault(id(matched), (matched, []))[1].append(user)

    def signed_in(self, after: User) -> Matched:
        """Return the rules that would match a disabled account if it were not disabled."""
        return self._after.of(msgspec.structs.replace(after, enabled=True))

    @property
    def matched(self) -> Iterable[tuple[Matched, list[User]]]:
        """Return each set of rules that match together, with the users they match."""
        return self._users.values()

    def outsiders(self) -> Iterator[Conflict]:
        """Yield a conflict for each rule that also matches users outside the scope of its file."""
        for rule in self.rules:
            users = self._outside.get(rule.name)
            if users and rule.scope:
                about = grouping.strangers(rule.scope, users)
                yield conflict(rule, "out-of-scope", blocks=False, **about)

    def _sound(self, context: Context, rule: Rule) -> bool:
        """Tell whether a rule can be followed: it can't where a group that it names is not certain."""
        sound = True
        conditions = (rule.when, rule.scope.condition) if rule.scope else (rule.when,)
        for name in sorted(matching.groups_named(conditions)):
            found = grouping.find(context, name)
            if isinstance(found, Conflict):
                self.conflicts.append(conflict(rule, found.code, **found.params))
                sound = False
        return sound


def conflict(rule: Rule, code: str, *, blocks: bool = True, **params: object) -> Conflict:
    """Return a conflict about a rule."""
    return Conflict(
        code=code,
        params={"rule": rule.name, **params},
        subject=f"rules/{rule.name}",
        blocks=blocks,
        file=rule.location.file,
        line=rule.location.line,
    )


def _narrowed(rule: Rule) -> Rule:
    """Return the rule inside the scope of its file."""
    if rule.scope is None:
        return rule
    return msgspec.structs.replace(rule, when=Every(conditions=(rule.when, rule.scope.condition)))


def _moved(groups: Iterable[Group], steps: Iterable[Step]) -> Iterator[Group]:
    """Yield the groups with the members that they will have; who is to be created is there by UPN."""
    joins: dict[str, set[str]] = {}
    leaves: dict[str, set[str]] = {}
    for step in steps:
        if step.kind != "licences":
            moves = joins if step.kind == "join" else leaves
            user = step.user.id if step.user else f"new:{step.upn}"
            moves.setdefault(step.group.id, set()).add(user)
    for group in groups:
        if group.id in joins or group.id in leaves:
            members = {*group.members, *joins.get(group.id, ())} - leaves.get(group.id, set())
            yield msgspec.structs.replace(group, members=tuple(sorted(members)))
        else:
            yield group
