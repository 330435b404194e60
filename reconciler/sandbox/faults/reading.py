"""What does a fault file say, or what is wrong with it?

YAML, and so JSON too. Every problem is told with its line and column, what was found and what was
expected; nothing is guessed. The presets are such files, beside this module.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from reconciler import regular
from reconciler.errors import UsageError
from reconciler.sandbox.faults import calls
from reconciler.sandbox.faults.description import DOCUMENTED, Faults, Limit, Rule, Throttle
from reconciler.sandbox.faults.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")
_FOLDER = Path(__file__).parent / "presets"
PRESETS = tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
"""Names that may stand in place of a file."""

_BIGGEST = 1 << 20
_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
_OF_EVERY_RULE = ("kind", "calls", "method", "path", "nth", "times", "probability", "committed")
_ALWAYS = "always"
_DOCUMENTED = "documented"
_INTEGER_FORM = "a whole number"


def load(name: str) -> Faults:
    """Return the faults of a preset, else of a file. Raises UsageError."""
    path = _FOLDER / f"{name}.yaml" if name in PRESETS else Path(name)
    try:
        regular.check(path)
        if path.stat().st_size > _BIGGEST:
            raise _bad(name, [(1, 1, "it is larger than 1 MiB, which no description of faults is")])
        return parse(path.read_text(encoding="utf-8"), name)
    except FileNotFoundError as error:
        near = get_close_matches(name, PRESETS, 1)
        params = {"nearest": near[0]} if near else {}
        raise UsageError("no-faults", file=name, presets=list(PRESETS), **params) from error
    except OSError as error:
        raise UsageError("unreadable-file", path=name, reason=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise _bad(name, [(1, 1, "it is not UTF-8 text")]) from error


def parse(text: str, name: str) -> Faults:
    """Return the faults that a text describes; `name` stands in front of each problem."""
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _bad(
            name, [(*where, f"it is neither YAML nor JSON: {error.problem or error.context}")]
        ) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise _bad(name, [(1, 1, f"it is neither YAML nor JSON: {error}")]) from error
    reader = _Reader()
    faults = reader.faults(node)
    if reader.problems:
        raise _bad(name, sorted(reader.problems))
    return faults


def _bad(name: str, problems: Iterable[tuple[int, int, str]]) -> UsageError:
    rows = [{"line": line, "column": column, "what": what} for line, column, what in problems]
    return UsageError("bad-faults", file=name, problems=rows)


class _Reader:
    """Reads nodes into values, and collects what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[tuple[int, int, str]] = []

    def faults(self, node: yaml.Node | None) -> Faults:
        """Read a whole file."""
        if node is None:
            self.problems.append((1, 1, "it is empty: expected `faults`, or another key"))
            return Faults()
        keys = ("version", "seed", "throttle", "page_size", "group_delay", "faults")
        given = self._mapping(node, keys, "the file")
        if "version" in given:
            self._choice(given["version"], ("1",), "version")
        rules = [self._rule(item) for item in self._items(given.get("faults"), "faults")]
        return Faults(
            rules=tuple(rule for rule in rules if rule),
            seed=self._if(given, "seed", lambda node: self._whole(node, "seed", 0)) or 0,
            throttle=self._if(given, "throttle", self._throttle),
            page_size=self._if(given, "page_size", lambda node: self._whole(node, "page_size")),
            group_delay=self._if(given, "group_delay", lambda node: self._number(node, "group_delay")) or 0.0,
        )

    def _throttle(self, node: yaml.Node) -> Throttle | None:
        if _is_scalar(node):
            return DOCUMENTED if self._choice(node, (_DOCUMENTED,), "throttle") else None
        given = self._mapping(node, ("writes", "resource_units", "reports"), "throttle")
        limits = {name: self._limit(each, name) for name, each in given.items()}
        return Throttle(
            writes=limits.get("writes"),
            resource_units=limits.get("resource_units"),
            reports=limits.get("reports"),
        )

    def _limit(self, node: yaml.Node, name: str) -> Limit | None:
        given = self._mapping(node, ("count", "seconds"), name)
        count = self._if(given, "count", lambda node: self._whole(node, "count"))
        seconds = self._if(given, "seconds", lambda node: self._number(node, "seconds"))
        if not count or not seconds:
            self._problem(node, f"{name} needs `count` and `seconds`, both above 0")
            return None
        return Limit(count=count, seconds=seconds)

    # ------------------------------------------------------------ one fault

    def _rule(self, node: yaml.Node) -> Rule | None:
        named = {key.value: value for key, value in node.value} if _is_mapping(node) else {}
        kind = self._choice(named["kind"], tuple(KINDS), "kind") if "kind" in named else None
        takes = KINDS[kind].takes if kind else tuple(each for one in KINDS.values() for each in one.takes)
        given = self._mapping(
            node, (*_OF_EVERY_RULE, *dict.fromkeys(takes)), f"a fault {kind or ''}".rstrip()
        )
        if "kind" not in given:
            if _is_mapping(node):
                self._problem(node, "a fault needs a `kind`")
            return None
        before = len(self.problems)
        readers: dict[str, Callable[[yaml.Node], Any]] = {
            "calls": self._calls,
            "method": lambda node: self._choice(node, _METHODS, "method"),
            "path": self._path,
            "nth": lambda node: self._whole(node, "nth"),
            "times": self._times,
            "probability": self._probability,
            "committed": self._truth,
            "retry_after": self._retry_after,
            "retry_after_date": lambda node: self._whole(node, "retry_after_date", 0),
            "seconds": lambda node: self._number(node, "seconds"),
            "field": lambda node: self._text(node, "field"),
            "count": lambda node: self._whole(node, "count"),
        }
        values = {name: readers[name](value) for name, value in given.items() if name != "kind"}
        if kind is None or len(self.problems) > before:
            return None
        if "committed" in values and KINDS[kind].committed is not None:
            fixed = "always" if KINDS[kind].committed else "never"
            self._problem(given["committed"], f"with {kind} the request is {fixed} carried out")
        if "probability" in values and "times" not in values:
            values["times"] = None
        return Rule(kind=kind, **values)

    def _calls(self, node: yaml.Node) -> tuple[str, ...]:
        known = (*calls.CLASSES, *calls.KINDS)
        nodes = [node] if _is_scalar(node) else self._items(node, "calls")
        return tuple(each for one in nodes if (each := self._choice(one, known, "calls")))

    def _path(self, node: yaml.Node) -> str | None:
        text = self._text(node, "path")
        if text is not None and not text.startswith("/"):
            self._problem(node, f'path "{text}" has to begin with /, as /users/*/assignLicense does')
        return text

    def _times(self, node: yaml.Node) -> int | None:
        if _is_scalar(node) and node.value == _ALWAYS:
            return None
        return self._whole(node, "times", form=f"{_INTEGER_FORM} or `{_ALWAYS}`")

    def _probability(self, node: yaml.Node) -> float | None:
        value = self._number(node, "probability")
        if value is not None and value > 1:
            self._problem(node, f"probability {node.value}: expected a number from 0 to 1")
        return value

    def _retry_after(self, node: yaml.Node) -> str | None:
        return None if self._number(node, "retry_after") is None else str(node.value)

    def _truth(self, node: yaml.Node) -> bool:
        return self._choice(node, ("true", "false"), "committed") == "true"

    # ------------------------------------------------------------ nodes

    def _problem(self, node: yaml.Node, what: str) -> None:
        self.problems.append((node.start_mark.line + 1, node.start_mark.column + 1, what))

    def _mapping(self, node: yaml.Node, known: tuple[str, ...], what: str) -> dict[str, yaml.Node]:
        """Return a mapping's values by key, those that are not known or come twice left out and told."""
        if not _is_mapping(node):
            self._problem(node, f"{what} has to be a mapping; expected {', '.join(known)}")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if _is_scalar(key) else ""
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f'did you mean "{near[0]}"?' if near else f"expected {', '.join(known)}"
                self._problem(key, f'"{name}" is no key of {what}; {hint}')
            elif name in found:
                self._problem(key, f'"{name}" stands twice in {what}')
            else:
                found[name] = value
        return found

    def _items(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self._problem(node, f"{what} has to be a list")
            return []
        return list(node.value)

    def _if(
        self, given: Mapping[str, yaml.Node], name: str, read: Callable[[yaml.Node], T | None]
    ) -> T | None:
        return read(given[name]) if name in given else None

    def _text(self, node: yaml.Node, what: str) -> str | None:
        if _is_scalar(node) and node.value:
            return str(node.value)
        self._problem(node, f"{what} has to be text")
        return None

    def _choice(self, node: yaml.Node, known: tuple[str, ...], what: str) -> str | None:
        text = str(node.value) if _is_scalar(node) else ""
        if text in known:
            return text
        near = get_close_matches(text, known, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"expected one of {', '.join(known)}"
        self._problem(node, f'"{text}" is no {what}; {hint}')
        return None

    def _whole(self, node: yaml.Node, what: str, least: int = 1, form: str = _INTEGER_FORM) -> int | None:
        text = str(node.value) if _is_scalar(node) else ""
        if text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least:  # noqa: PLR2004
            return int(text)
        self._problem(node, f'{what} "{text}": expected {form}, {least} or more')
        return None

    def _number(self, node: yaml.Node, what: str) -> float | None:
        text = str(node.value) if _is_scalar(node) else ""
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if 0 <= value < 1e9:  # noqa: PLR2004  neither endless nor no number
            return value
        self._problem(node, f'{what} "{text}": expected a number, 0 or more')
        return None


def _is_scalar(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode)


def _is_mapping(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode)
