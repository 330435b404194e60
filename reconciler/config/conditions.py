"""What does a condition of a file say? A mapping of `when` or `scope` → model.Condition.

It also tells, for whoever reads the tenant, which fields and which groups a condition asks for. Whom it
means is a matter of planning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.config.dates import instant
from reconciler.model import Every, Not, Some, Test

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.config.source import Data, Path
    from reconciler.model import Condition

_LISTS = ("any", "all")
_READ_AS = {"created": "created_at"}
_NEED_NO_FIELD = frozenset({"domain", "member_of"})


def condition(said: dict[str, Data]) -> Condition:
    """Return the condition that a mapping states: all of its keys hold. Texts are casefolded."""
    return _every([_key(key, value) for key, value in said.items()])


def fields(said: dict[str, Data]) -> Iterator[str]:
    """Yield the fields of users, by the names of model.User, that a condition tests."""
    for field, _ in _tests(said):
        if field not in _NEED_NO_FIELD:
            yield _READ_AS.get(field, field)


def groups(said: dict[str, Data]) -> Iterator[str]:
    """Yield the names and ids of groups that a condition names, as written."""
    for field, value in _tests(said):
        if field == "member_of":
            yield from _listed(value["not"] if isinstance(value, dict) else value)


def places(said: dict[str, Data], path: Path) -> Iterator[tuple[Path, Data]]:
    """Yield path and value of every test in a condition that stands at `path`."""
    for key, value in said.items():
        if key == "not":
            yield from places(value, (*path, key))
        elif key in _LISTS:
            for number, one in enumerate(value):
                yield from places(one, (*path, key, number))
        else:
            yield (*path, key), value


def _tests(said: dict[str, Data]) -> Iterator[tuple[str, Data]]:
    """Yield field and value of every test in a condition."""
    return ((str(path[-1]), value) for path, value in places(said, ()))


def _key(key: str, value: Data) -> Condition:
    match key:
        case "any":
            return Some(conditions=tuple(map(condition, value)))
        case "all":
            return _every(list(map(condition, value)))
        case "not":
            return Not(condition=condition(value))
    if isinstance(value, dict):
        return _every([_operator(key, operator, operand) for operator, operand in value.items()])
    return _is(key, value)


def _operator(field: str, operator: str, operand: Data) -> Condition:
    match operator:
        case "not":
            return Not(condition=_is(field, operand))
        case "present":
            there = Test(field=field, operator="present")
            return there if operand else Not(condition=there)
        case "matches":
            return Test(field=field, operator="matches", values=_folded(operand))
        case "before":
            return Test(field=field, operator="before", values=(instant(operand),))
        case _:
            return Test(field=field, operator="after", values=(instant(operand),))


def _is(field: str, value: Data) -> Test:
    return Test(field=field, values=(value,) if isinstance(value, bool) else _folded(value))


def _every(conditions: list[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else Every(conditions=tuple(conditions))


def _folded(value: str | list[str]) -> tuple[str, ...]:
    """Return texts as they are compared, each once."""
    return tuple(dict.fromkeys(text.casefold() for text in _listed(value)))


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
