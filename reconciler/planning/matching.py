"""Whom does a condition of a rule or a scope mean?

Three answers: yes, no, and untold, where the tenant does not tell the field; untold is never yes, not
even when negated. Conditions are compiled once and asked a hundred thousand times: users who are alike
in all fields that are tested are judged once. It knows no licences.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fnmatch import translate
from operator import attrgetter
from typing import TYPE_CHECKING, assert_never

from reconciler.model import Every, Not, Some, Test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from reconciler.model import Condition, Group, Rule, User

    Judge = Callable[[User, frozenset[str]], bool | None]

ALWAYS_TOLD = frozenset({"enabled", "user_type", "created"})
"""Fields of which every user has a value: one without was not told."""

_ATTRIBUTES = {"created": "created_at", "domain": "upn", "member_of": "id"}
_COMPUTED = frozenset({"domain", "member_of"})


class Matcher:
    """Tells which of some rules match a user."""

    def __init__(self, rules: Sequence[Rule], memberships: Mapping[str, frozenset[str]]) -> None:
        """Take the rules, and user id → names (casefolded) and ids of the groups that the user is in."""
        self.rules = tuple(rules)
        self.fields = frozenset(test.field for rule in rules for test in tests(rule.when))
        self._judges = [(rule, compiled(rule.when)) for rule in rules]
        self._memberships = memberships if "member_of" in self.fields else {}
        plain = sorted(_ATTRIBUTES.get(field, field) for field in self.fields - _COMPUTED)
        self._key = attrgetter("user_type", "enabled", *plain)  # two at least: always a tuple
        self._by_domain = "domain" in self.fields
        self._known: dict[tuple[object, ...], tuple[Rule, ...]] = {}

    def of(self, user: User) -> tuple[Rule, ...]:
        """Return the rules that match, by name."""
        groups = self._memberships.get(user.id, _NOWHERE)
        key = (*self._key(user), groups, user.upn.rpartition("@")[2] if self._by_domain else None)
        found = self._known.get(key)
        if found is None:
            found = tuple(rule for rule, judge in self._judges if judge(user, groups) is True)
            self._known[key] = found
        return found


_NEVER = datetime.max.replace(tzinfo=UTC)
_NOWHERE: frozenset[str] = frozenset()


def memberships(groups: Iterable[Group], keys: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return user id → the names (casefolded) and ids, among `keys`, of the groups that the user is in."""
    wanted = set(keys)
    found: dict[str, set[str]] = {}
    for group in groups:
        names = wanted & {group.id, group.name.casefold()}
        for member in group.members if names else ():
            found.setdefault(member, set()).update(names)
    shared: dict[frozenset[str], frozenset[str]] = {}
    return {member: shared.setdefault(frozenset(names), frozenset(names)) for member, names in found.items()}


def tests(condition: Condition) -> Iterator[Test]:
    """Yield every test of a condition."""
    match condition:
        case Test():
            yield condition
        case Not():
            yield from tests(condition.condition)
        case Every() | Some():
            for part in condition.conditions:
                yield from tests(part)
        case _:
            assert_never(condition)


def wanted(condition: Condition) -> Iterator[Test]:
    """Yield the tests of texts by which a condition means somebody: nothing below `not`, and no group."""
    match condition:
        case Test():
            if condition.operator == "is" and condition.field != "member_of":
                yield condition
        case Not():
            return
        case Every() | Some():
            for part in condition.conditions:
                yield from wanted(part)
        case _:
            assert_never(condition)


def values(users: Iterable[User], field: str) -> dict[str, str]:
    """Return the texts that users have in a field: casefolded, as conditions compare them → as written."""
    get = attrgetter(_ATTRIBUTES.get(field, field))
    texts = {str(get(user) or "") for user in users}
    if field == "domain":
        texts = {upn.rpartition("@")[2] for upn in texts}
    return {text.casefold(): text for text in sorted(texts) if text}


def groups_named(conditions: Iterable[Condition]) -> frozenset[str]:
    """Return the names and ids of groups that conditions test."""
    return frozenset(
        str(value)
        for condition in conditions
        for test in tests(condition)
        if test.field == "member_of"
        for value in test.values
    )


def compiled(condition: Condition) -> Judge:
    """Return the function that judges a user, given the groups that the user is in."""
    match condition:
        case Test():
            return _test(condition)
        case Not():
            inner = compiled(condition.condition)
            return lambda user, groups: _opposite(inner(user, groups))
        case Every():
            parts = [compiled(part) for part in condition.conditions]
            return lambda user, groups: _every([part(user, groups) for part in parts])
        case Some():
            parts = [compiled(part) for part in condition.conditions]
            return lambda user, groups: _opposite(_every([_opposite(part(user, groups)) for part in parts]))
        case _:
            assert_never(condition)


def _opposite(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def _every(answers: list[bool | None]) -> bool | None:
    if False in answers:
        return False
    return None if None in answers else True


def _test(test: Test) -> Judge:
    if test.field == "member_of":
        wanted = frozenset(map(str, test.values))
        return lambda _, groups: not wanted.isdisjoint(groups)
    value = _value_of(test.field)
    holds = _operator(test)
    untold = None if test.field in ALWAYS_TOLD else False

    def judge(user: User, _: frozenset[str]) -> bool | None:
        found = value(user)
        return untold if found is None else holds(found)

    return judge


def _value_of(field: str) -> Callable[[User], str | bool | datetime | None]:
    if field == "domain":
        return lambda user: user.upn.rpartition("@")[2]
    get = attrgetter(_ATTRIBUTES.get(field, field))

    def value(user: User) -> str | bool | datetime | None:
        found: str | bool | datetime | None = get(user)
        return found.casefold() if isinstance(found, str) else found

    return value


def _operator(test: Test) -> Callable[[object], bool]:
    """Return what is asked of a value that is there."""
    moment = next((value for value in test.values if isinstance(value, datetime)), _NEVER)
    match test.operator:
        case "is":
            wanted = frozenset(test.values)
            return lambda found: found in wanted
        case "matches":
            # translate() keeps to one pass a star: no pattern takes exponential time.
            patterns = [re.compile(translate(str(value).replace("[", "[[]"))) for value in test.values]
            return lambda found: any(pattern.match(str(found)) for pattern in patterns)
        case "present":
            return lambda _: True
        case "before":
            return lambda found: isinstance(found, datetime) and found < moment
        case "after":
            return lambda found: isinstance(found, datetime) and found >= moment
        case _:
            assert_never(test.operator)
