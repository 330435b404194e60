"""Has one file the shape that schemas/tenant.schema.json asks for?

jsonschema-rs decides, in a thousandth of the time that explaining takes; where it says no, jsonschema
explains the members that fail, and only those. The schema is the only description of the shape: this
module knows its keywords, not its keys.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler import schemas
from reconciler.config import countries
from reconciler.config.nearest import nearest
from reconciler.model import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import jsonschema_rs

    from reconciler.config.source import Data, Path, Source

_BY_FIELD = frozenset({"users", "groups", "rules"})
"""Sections of whose members a field that fails is left out alone, so that the rest can be judged."""

_MAX_EXPLAINED = 200  # members; beyond them jsonschema-rs' own account stands, which takes no time
MAX_FAULTS = 10_000  # of one file; a person reads the first few
_NUMBER = re.compile(r"\+?[0-9]{1,19}")
_FIELD = 3  # steps to a field of such a member

_TYPES: dict[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a mapping",
}


class Fault(NamedTuple):
    """A keyword of the schema that a value fails: where the value is, and what the keyword says."""

    path: Path
    keyword: str
    wanted: Any  # the keyword's value
    schema: dict[str, Any]  # the schema that the keyword stands in
    found: Any  # the value

    @property
    def title(self) -> str:
        """Return what is expected, as the schema names it."""
        return str(self.schema.get("title", ""))


def check(source: Source) -> None:
    """Add what is wrong with the shape of `source` to its problems, and to the paths that fail.

    A path that fails is a member (something in a section, or a section that has none); of a user, a group
    or a rule it is the field, so that the rest of it can be judged in the same run.
    """
    validator = _validator()
    if validator.is_valid(source.data):
        return
    finder = _Finder()
    failing: dict[Path, list[Fault]] = {}
    errors = list(islice(validator.iter_errors(source.data), MAX_FAULTS + 1))
    for error in errors[:MAX_FAULTS]:
        path = next(finder.paths(source.data, error.instance_path))
        failing.setdefault(_member(path)[0], []).append(_own_fault(path, error))
    problems: dict[tuple[Any, ...], Problem] = {}
    for number, (member, own) in enumerate(failing.items()):
        explained = list(_explain(source.data, member)) if number < _MAX_EXPLAINED else own
        for fault in explained or own:
            for path, problem in _problems(source, fault):
                problems.setdefault((problem.location, problem.code, str(problem.params)), problem)
                source.failing.add(path[:_FIELD] if path and path[0] in _BY_FIELD else member or path)
    source.problems.extend(problems.values())
    if len(errors) > MAX_FAULTS:
        last = source.problems[-1].location
        source.problems.append(Problem(location=last, code="too-many-problems", params={"limit": MAX_FAULTS}))


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    """Return the validator that decides, made once. It knows days of the calendar."""
    from jsonschema_rs import Draft202012Validator  # noqa: PLC0415  `--help` validates nothing

    return Draft202012Validator(schemas.load("tenant"), validate_formats=True)


class _Finder:
    """Finds what jsonschema-rs speaks of: it tells keys such as "0", "007" and "+7" as numbers."""

    def __init__(self) -> None:
        self._numbers: dict[int, dict[int, list[str]]] = {}  # id of a mapping → number → its keys

    def paths(self, data: Data, steps: Sequence[str | int]) -> Iterator[Path]:
        """Yield the paths in `data` that `steps` may mean: one, unless two keys are the same number."""
        if steps:
            for key in self._keys(data, steps[0]):
                yield from ((key, *path) for path in self.paths(data[key], steps[1:]))
        else:
            yield ()

    def _keys(self, data: Data, step: str | int) -> Sequence[str | int]:
        """Return the keys or the item of `data` that `step` may mean."""
        if isinstance(data, list):
            return range(len(data))[step : step + 1] if isinstance(step, int) else ()
        if not isinstance(data, dict):
            return ()
        if isinstance(step, str):
            return (step,) if step in data else ()
        if id(data) not in self._numbers:
            numbers = self._numbers[id(data)] = {}
            for key in filter(_NUMBER.fullmatch, data):
                numbers.setdefault(int(key), []).append(key)
        return self._numbers[id(data)].get(step, ())


def _own_fault(path: Path, error: jsonschema_rs.ValidationError) -> Fault:
    """Return what jsonschema-rs found; the schema path leads to the keyword."""
    schema: Any = schemas.load("tenant")
    *way, keyword = error.schema_path
    for step in way:
        schema = schema[step]
    return Fault(path, str(keyword), schema[keyword], schema, error.instance)


def _member(path: Path) -> tuple[Path, dict[str, Any]]:
    """Return the member that `path` leads into, and the schema that it has to meet."""
    root = schemas.load("tenant")
    if not path:
        return (), {**root, "properties": dict.fromkeys(root["properties"], True)}
    section: dict[str, Any] = root["properties"][path[0]]
    each = section.get("items") or section.get("additionalProperties")
    if len(path) > 1 and each:
        return path[:2], {"$defs": root["$defs"], **each}
    return path[:1], {"$defs": root["$defs"], **section}


def _explain(data: Data, member: Path) -> Iterator[Fault]:
    """Yield what jsonschema finds wrong with one member."""
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415  takes longer than all else

    value: Any = data
    for step in member:
        value = value[step]
    formats = FormatChecker(["date"])
    for error in Draft202012Validator(_member(member)[1], format_checker=formats).iter_errors(value):
        path = member + tuple(error.absolute_path)
        yield Fault(path, error.validator, error.validator_value, error.schema, error.instance)


def _problems(source: Source, fault: Fault) -> Iterator[tuple[Path, Problem]]:
    """Yield the problems that a fault stands for, one for each key where it is about keys, with the path
    of what must not be used.
    """
    if fault.keyword == "additionalProperties":
        known = tuple(fault.schema["properties"])
        for key in fault.found:
            if key not in known:
                path = (*fault.path, key)
                location = source.locate(path, key=True)
                params = {"key": key, "nearest": nearest(key, known), "known": list(known)}
                yield path, Problem(location=location, code="unknown-key", params=params)
        return
    if fault.keyword == "required":
        location = source.locate(fault.path, key=True)
        for key in fault.wanted:
            if key not in fault.found:
                params = {"key": key, "path": list(fault.path)}
                if "properties" not in fault.schema and fault.title:  # a `then`: another key would do, too
                    params["any"] = fault.title.split(" or ")
                yield fault.path, Problem(location=location, code="missing-key", params=params)
        return
    code, params = _value_problem(fault)
    params = {"path": list(fault.path), **params}
    yield fault.path, Problem(location=source.locate(fault.path), code=code, params=params)


def _value_problem(fault: Fault) -> tuple[str, dict[str, Any]]:
    """Return code and params of a fault that is about a value."""
    if fault.found is None:
        return "null-value", {"expected": fault.title}
    keyword = _VALUE_PROBLEMS.get(fault.keyword)
    return keyword(fault) if keyword else ("bad-value", {"value": fault.found, "expected": fault.title})


def _wrong_type(fault: Fault) -> tuple[str, dict[str, Any]]:
    """Tell a value of the wrong type; a number where text is wanted has probably lost its quotes."""
    wanted = [fault.wanted] if isinstance(fault.wanted, str) else fault.wanted
    as_text = re.search(fault.schema.get("pattern", ""), str(fault.found))
    quote = "string" in wanted and isinstance(fault.found, int | float) and as_text is not None
    return "wrong-type", {"found": _TYPES[type(fault.found)], "expected": fault.title, "quote": quote}


def _not_listed(fault: Fault) -> tuple[str, dict[str, Any]]:
    """Tell a value that is not in the list, which may be that of the countries."""
    found = str(fault.found)
    if len(fault.wanted) == len(countries.NAMES):
        code = countries.nearest(found)
        return "unknown-country", {
            "value": fault.found,
            "nearest": code,
            "name": countries.NAMES.get(code or ""),
        }
    return "bad-value", {
        "value": fault.found,
        "options": fault.wanted,
        "nearest": nearest(found, tuple(fault.wanted)),
    }


def _too_few(fault: Fault) -> tuple[str, dict[str, Any]]:
    """Tell a list that is empty, or shorter than it makes sense."""
    if fault.found:
        return "too-few", {"count": len(fault.found), "minimum": fault.wanted}
    return "empty-list", {"none": "replace" in fault.schema.get("properties", ())}


def _keys(fault: Fault) -> tuple[str, dict[str, Any]]:
    """Tell a mapping that is empty, or that takes one key and has another number of them."""
    keys = list(fault.schema["properties"])
    return ("one-key" if "maxProperties" in fault.schema else "empty-mapping"), {"keys": keys}


def _no_day(fault: Fault) -> tuple[str, dict[str, Any]]:
    """Tell a day that the calendar doesn't have, with the last one of its month if there is such a month."""
    from calendar import monthrange  # noqa: PLC0415  for problems only

    year, month = (int(part) for part in fault.found.split("-")[:2])
    last = monthrange(year, month)[1] if 1 <= month <= 12 else None  # noqa: PLR2004  months
    return "bad-date", {"value": fault.found, "last": last}


_VALUE_PROBLEMS: dict[str, Callable[[Fault], tuple[str, dict[str, Any]]]] = {
    "type": _wrong_type,
    "enum": _not_listed,
    "const": lambda fault: ("bad-value", {"value": fault.found, "options": [fault.wanted]}),
    "minItems": _too_few,
    "minLength": lambda _: ("empty-text", {}),
    "maxLength": lambda fault: ("too-long", {"length": len(fault.found), "limit": fault.wanted}),
    "minimum": lambda fault: ("out-of-range", {"value": fault.found, "minimum": fault.wanted}),
    "maximum": lambda fault: ("out-of-range", {"value": fault.found, "maximum": fault.wanted}),
    "minProperties": _keys,
    "maxProperties": _keys,
    "format": _no_day,
}
"""Keyword of the schema → problem; every other keyword is told by the title of its schema."""
