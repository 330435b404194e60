"""What does one file say, and where does it say it?

Reads YAML 1.2 from libyaml's events into plain dicts, lists and scalars, and keeps the position of
every key and value. Refuses what makes a reviewed file hard to trust: duplicate keys, anchors, aliases,
merge keys, tags, several documents, depth. It knows nothing of tenants and licences.

A node is a key, a value or an item. Positions stand in one flat array in the order of the text (a
mapping's node, then for each key: its node, its value's nodes), which takes a tenth of the memory that
an object for each node would.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import yaml

from reconciler.config import scalars, text
from reconciler.model import Location, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MAX_DEPTH = 20
MAX_PROBLEMS = 100
"""Reading stops after so many problems in one file: a broken generator needs no million of lines."""

_COLUMN_BITS = 32
_COLUMN_MASK = (1 << _COLUMN_BITS) - 1
_MAX_KNOWN = 8192  # distinct scalars that are kept to be shared; names of people soon fill any table

_NOTED_DEPTH = 2  # the nodes of sections and of their members are noted: a file has many of the latter


def size(value: Any) -> int:
    """Return how many nodes `value` has, itself included."""
    if type(value) is dict:
        return 1 + len(value) + sum(map(size, value.values()))
    if type(value) is list:
        return 1 + sum(map(size, value))
    return 1


class Source:
    """One file: `data` is its content (None where it could not be read), `problems` why not.

    `members` maps a section (a key of the top level; "" is the top level itself) to the nodes with
    which its members begin: a key, or an item of a list.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.data: Any = None
        self.problems: list[Problem] = []
        self.nodes = array("Q")
        self.members: dict[str, array[int]] = {}
        self._ordinals: dict[str, dict[str, int]] = {}

    def location(self, node: int) -> Location:
        """Return where `node` stands."""
        packed = self.nodes[node]
        return Location(
            file=self.name, line=(packed >> _COLUMN_BITS) + 1, column=(packed & _COLUMN_MASK) + 1
        )

    def locate(self, path: Sequence[str | int], *, key: bool = False) -> Location:
        """Return where the value at `path` stands, or its key."""
        node, value = 0, self.data
        for depth, step in enumerate(path):
            first = self._first_node(path, depth, node, value)
            wants_key = key and depth == len(path) - 1
            node = first if wants_key or isinstance(step, int) else first + 1
            value = value[step]
        return self.location(node)

    def _first_node(self, path: Sequence[str | int], depth: int, node: int, value: Any) -> int:
        """Return the node with which step `depth` of `path` begins; `value` stands at `node`."""
        step = path[depth]
        if depth >= _NOTED_DEPTH:
            return child_node(value, step, node)
        section = str(path[0]) if depth else ""
        if isinstance(step, str):
            if section not in self._ordinals:
                self._ordinals[section] = {name: number for number, name in enumerate(value)}
            step = self._ordinals[section][step]
        return self.members[section][step]


def child_node(value: Any, step: str | int, node: int) -> int:
    """Return the node with which key or item `step` begins, in `value` that stands at `node`."""
    if isinstance(step, str):
        return dict(_members(value, node))[step]
    return node + 1 + sum(map(size, value[:step]))


def _members(mapping: dict[str, Any], node: int) -> Iterator[tuple[str, int]]:
    """Yield each key of `mapping`, which stands at `node`, with the key's node."""
    node += 1
    for key, value in mapping.items():
        yield key, node
        node += 1 + size(value)


def read(name: str, data: bytes) -> Source:
    """Return the file `name` with content `data`; what is wrong with it stands in `problems`."""
    source = Source(name)
    try:
        clean = text.check(data)
    except text.Refused as refused:
        location = Location(file=name, line=refused.line, column=refused.column)
        source.problems.append(Problem(location=location, code=refused.code, params=refused.params))
        return source
    parser = yaml.CBaseLoader(clean)
    try:
        _Builder(source, parser).build()
    except _Stop:
        source.data = None
    except yaml.MarkedYAMLError as error:
        source.data = None
        source.problems.append(_syntax(name, error))
    finally:
        parser.dispose()
    return source


def _syntax(name: str, error: yaml.MarkedYAMLError) -> Problem:
    """Return libyaml's complaint as a problem: its words, and where what it was reading began."""
    mark = error.problem_mark or error.context_mark
    began = error.context_mark
    location = Location(file=name, line=mark.line + 1 if mark else 1, column=mark.column + 1 if mark else 1)
    params: dict[str, Any] = {"reason": error.problem or "", "context": error.context or ""}
    if began is not None:
        params["began"] = began.line + 1
    return Problem(location=location, code="yaml-syntax", params=params)


class _Stop(Exception):
    """Nothing more can be read from this file."""


class _Open:
    """A mapping or list that is being read, and the member of it that is being read now."""

    __slots__ = ("at", "container", "firsts", "in_mapping", "key", "members", "node", "refused")

    def __init__(self, container: Any, node: int, members: array[int] | None = None) -> None:
        self.container = container
        self.in_mapping = type(container) is dict
        self.node = node
        self.members = members  # where the nodes of its members are noted, if they are
        self.at = 0  # the node with which the present member begins
        self.key: str | None = None  # its key, once read
        self.refused = False  # it is read, but left out
        self.firsts: dict[str, int] | None = None  # key → node; made when a duplicate key is met


class _Builder:
    """Turns events into values. What is refused is left out, with its key and its nodes."""

    def __init__(self, source: Source, parser: Any) -> None:
        self.source = source
        self.nodes = source.nodes
        self.next_event: Callable[[], Any] = parser.get_event
        self.keys: dict[str, str] = {}
        self.known: dict[str, scalars.Scalar] = {}  # equal scalars share one object

    def build(self) -> None:
        """Read the one document of the file into the source."""
        self.next_event()  # the start of the stream
        event = self.next_event()
        if type(event) is yaml.DocumentStartEvent:
            if event.version not in {None, (1, 2)}:
                self.problem(event, "yaml-version", version="{}.{}".format(*event.version))
            self.source.data = self.document()
            event = self.next_event()
            if type(event) is not yaml.StreamEndEvent:
                self.problem(event, "several-documents")
        if self.source.data is None and not self.source.problems:
            self.problem(event, "empty-file")

    def document(self) -> Any:
        """Return the value of the document, read without recursion."""
        nodes, next_event, stack = self.nodes, self.next_event, []
        here = _Open([], 0)
        while True:
            event = next_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                at = len(nodes)
                mark = event.start_mark
                nodes.append(mark.line << _COLUMN_BITS | mark.column)
                if here.in_mapping and here.key is None:
                    self.key(here, event, at)
                    continue
                if not here.in_mapping:
                    here.at = at
                self.store(here, self.scalar(here, event))
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                value, here = here.container, stack.pop()
                self.store(here, value)
            elif kind is yaml.DocumentEndEvent:
                return here.container[0] if here.container else None
            else:
                child = self.open(here, event, depth=len(stack))
                if child is not None:
                    stack.append(here)
                    here = child

    def key(self, here: _Open, event: Any, at: int) -> None:
        """Take the key of the next member; refuses merge keys and keys that were there before."""
        text = self.keys.setdefault(event.value, event.value)
        here.key, here.at = text, at
        self.refuse_marks(here, event)
        if text == "<<" and not event.style:
            self.refuse(here, event, "merge-key")
        elif text in here.container:
            if here.firsts is None:
                here.firsts = dict(_members(here.container, here.node))
            first = self.source.location(here.firsts[text])
            self.refuse(here, event, "duplicate-key", key=text, line=first.line, column=first.column)
        elif here.firsts is not None:
            here.firsts[text] = at

    def scalar(self, here: _Open, event: Any) -> scalars.Scalar:
        """Return the value of a scalar; quoted ones are text."""
        if event.anchor is not None or event.tag is not None:
            self.refuse_marks(here, event)
        text: str = event.value
        if event.style:
            return text
        if text in self.known:
            return self.known[text]
        try:
            value = scalars.resolve(text)
        except scalars.NumberRefused:
            self.refuse(here, event, "bad-number", value=text)
            return None
        if len(self.known) < _MAX_KNOWN:
            self.known[text] = value
        return value

    def open(self, here: _Open, event: Any, *, depth: int) -> _Open | None:
        """Return the mapping or list that begins here; None for an alias, which is refused."""
        if here.in_mapping and here.key is None:
            self.problem(event, "key-not-text")
            raise _Stop
        if depth > MAX_DEPTH:
            self.problem(event, "too-deep", limit=MAX_DEPTH)
            raise _Stop
        node = len(self.nodes)
        self.nodes.append(event.start_mark.line << _COLUMN_BITS | event.start_mark.column)
        if not here.in_mapping:
            here.at = node
        if type(event) is yaml.AliasEvent:
            self.refuse(here, event, "alias", name=event.anchor)
            self.store(here, None)
            return None
        self.refuse_marks(here, event)
        members = None
        if depth < _NOTED_DEPTH and not here.refused:
            members = self.source.members.setdefault(here.key or "", array("L"))
        return _Open({} if type(event) is yaml.MappingStartEvent else [], node, members)

    def store(self, here: _Open, value: Any) -> None:
        """Finish the present member: put `value` in its place, or leave it out with its nodes."""
        if here.refused:
            del self.nodes[here.at :]
            here.refused = False
        else:
            if here.in_mapping:
                here.container[here.key] = value
            else:
                here.container.append(value)
            if here.members is not None:
                here.members.append(here.at)
        here.key = None

    def refuse_marks(self, here: _Open, event: Any) -> None:
        """Refuse a member that bears a tag; an anchor is told, and otherwise of no account."""
        if event.anchor is not None:
            self.problem(event, "anchor", name=event.anchor)
        if event.tag is not None:
            self.refuse(here, event, "tag", tag=event.tag)

    def refuse(self, here: _Open, event: Any, code: str, **params: Any) -> None:
        """Leave the present member out, and tell why unless that was told."""
        if not here.refused:
            here.refused = True
            self.problem(event, code, **params)

    def problem(self, event: Any, code: str, **params: Any) -> None:
        """Note a problem where `event` begins; raises _Stop when there are too many."""
        mark = event.start_mark
        location = Location(file=self.source.name, line=mark.line + 1, column=mark.column + 1)
        self.source.problems.append(Problem(location=location, code=code, params=params))
        if len(self.source.problems) >= MAX_PROBLEMS:
            raise _Stop
