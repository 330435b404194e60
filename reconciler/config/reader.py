"""How does text become data? YAML 1.2 from libyaml's events, with a position for every node.

Refuses what makes a reviewed file hard to trust: duplicate keys, anchors, aliases, merge keys, tags,
several documents, depth. What is refused is left out and told, and reading goes on. It knows nothing of
tenants and licences.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import yaml
from yaml import MappingEndEvent, ScalarEvent, SequenceEndEvent

from reconciler.config import scalars, text
from reconciler.config.source import COLUMN_BITS, NOTED_DEPTH, Data, Source, member_nodes, packed
from reconciler.errors import UsageError
from reconciler.model import Location, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

Event = Any
"""One of libyaml's events; the type stubs do not tell that each of them has a place."""

MAX_DEPTH = 20
MAX_PROBLEMS = 100
"""Reading stops after so many problems in one file: a broken generator needs no million of lines."""

_MAX_KNOWN = 8192  # distinct scalars that are kept to be shared; people's names soon fill any table


def read(name: str, content: bytes) -> Source:
    """Return the file `name` with what it says; what is wrong with it stands in `problems`.

    Raises UsageError where PyYAML was built without libyaml, as its own wheels are not.
    """
    source = Source(name)
    try:
        clean = text.check(content)
    except text.Refused as refused:
        source.problems.append(refused.problem(name))
        return source
    if not yaml.__with_libyaml__:
        raise UsageError("no-libyaml")
    parser = yaml.CBaseLoader(clean)
    try:
        _Reader(source, parser.get_event).read()
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
    mark: Any = error.problem_mark
    params: dict[str, Any] = {"reason": error.problem}
    if error.context_mark is not None and error.context_mark.line != mark.line:
        params["began"] = error.context_mark.line + 1
    location = Location(file=name, line=mark.line + 1, column=mark.column + 1)
    return Problem(location=location, code="yaml-syntax", params=params)


class _Stop(Exception):
    """Nothing more can be read from this file."""


class _Open:
    """A mapping or list that is being read, and the member of it that is being read now."""

    __slots__ = ("at", "container", "firsts", "in_mapping", "key", "members", "node", "refused")

    def __init__(
        self, container: dict[str, Data] | list[Data], node: int, members: array[int] | None = None
    ) -> None:
        self.container: Data = container
        self.in_mapping = type(container) is dict
        self.node = node
        self.members = members  # where the nodes of its members are noted, if they are
        self.at = 0  # the node with which the present member begins
        self.key: str | None = None  # its key, once read
        self.refused = False  # it is read, but left out
        self.firsts: dict[str, int] | None = None  # key → node; made when a duplicate key is met


class _Reader:
    """Turns the events of one file into values."""

    def __init__(self, source: Source, next_event: Callable[[], Event]) -> None:
        self.source = source
        self.nodes = source.nodes
        self.next_event = next_event
        self.keys: dict[str, str] = {}  # equal keys share one object
        self.known: dict[str, scalars.Scalar] = {}  # and so do equal scalars

    def read(self) -> None:
        """Read the one document of the file into the source."""
        self.next_event()  # the start of the stream
        event = self.next_event()
        if type(event) is yaml.DocumentStartEvent:
            if event.version not in {None, (1, 2)}:
                self.problem(event, "yaml-version", version=".".join(map(str, event.version)))
            self.source.data = self.document()
            event = self.next_event()
            if type(event) is not yaml.StreamEndEvent:
                self.problem(event, "several-documents")
        if self.source.data is None and not self.source.problems:
            location = Location(file=self.source.name, line=1, column=1)
            self.source.problems.append(Problem(location=location, code="empty-file"))

    def document(self) -> Data:
        """Return the value of the document, read without recursion: as the only item of a list."""
        nodes, next_event = self.nodes, self.next_event
        stack: list[_Open] = []
        here = _Open([], 0)
        while True:
            event = next_event()
            kind = type(event)
            if kind is ScalarEvent:
                mark = event.start_mark
                at = len(nodes)
                nodes.append(mark.line << COLUMN_BITS | mark.column)  # packed, without the call
                if here.in_mapping and here.key is None:
                    self.key(here, event, at)
                    continue
                if not here.in_mapping:
                    here.at = at
                value = self.scalar(here, event)
                if here.key is None or here.refused or here.members is not None:
                    self.store(here, value)
                else:  # the same, without the call
                    here.container[here.key] = value
                    here.key = None
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                value, here = here.container, stack.pop()
                self.store(here, value)
            elif kind is yaml.DocumentEndEvent:
                return here.container[0] if here.container else None
            else:
                child = self.open(here, event, depth=len(stack))
                if child is not None:
                    stack.append(here)
                    here = child

    def key(self, here: _Open, event: Event, at: int) -> None:
        """Take the key of the next member; refuses merge keys and keys that were there before."""
        name: str = event.value
        name = self.keys.setdefault(name, name)
        here.key, here.at = name, at
        if event.anchor is not None or event.tag is not None:
            self.refuse_marks(here, event)
        if name == "<<" and not event.style:
            self.refuse(here, event, "merge-key")
        elif not name:
            self.refuse(here, event, "empty-key")
        elif name in here.container:
            if here.firsts is None:
                here.firsts = dict(member_nodes(here.container, here.node))
            first = self.source.location(here.firsts[name])
            self.refuse(here, event, "duplicate-key", key=name, line=first.line, column=first.column)
        elif here.firsts is not None:
            here.firsts[name] = at

    def scalar(self, here: _Open, event: Event) -> scalars.Scalar:
        """Return the value of a scalar; quoted ones are text."""
        if event.anchor is not None or event.tag is not None:
            self.refuse_marks(here, event)
        written: str = event.value
        if event.style:
            return written
        if written in self.known:
            return self.known[written]
        try:
            value = scalars.resolve(written)
        except scalars.NumberRefused:
            self.refuse(here, event, "bad-number", value=written)
            return None
        if len(self.known) < _MAX_KNOWN:
            self.known[written] = value
        return value

    def open(self, here: _Open, event: Event, *, depth: int) -> _Open | None:
        """Return the mapping or list that begins here; None for an alias, which is refused."""
        if here.in_mapping and here.key is None:
            self.problem(event, "key-not-text")
            raise _Stop
        if depth >= MAX_DEPTH:
            self.problem(event, "too-deep", limit=MAX_DEPTH)
            raise _Stop
        node = len(self.nodes)
        self.nodes.append(packed(event.start_mark.line, event.start_mark.column))
        if not here.in_mapping:
            here.at = node
        if type(event) is yaml.AliasEvent:
            self.refuse(here, event, "alias", name=event.anchor)
            self.store(here, None)
            return None
        self.refuse_marks(here, event)
        members = None
        if depth < NOTED_DEPTH and not here.refused:
            members = self.source.members.setdefault(here.key or "", array("L"))
        return _Open({} if type(event) is yaml.MappingStartEvent else [], node, members)

    def store(self, here: _Open, value: Data) -> None:
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

    def refuse_marks(self, here: _Open, event: Event) -> None:
        """Refuse a member that bears a tag; an anchor is told, and otherwise of no account."""
        if event.anchor is not None:
            self.problem(event, "anchor", name=event.anchor)
        if event.tag is not None:
            self.refuse(here, event, "tag", tag=event.tag)

    def refuse(self, here: _Open, event: Event, code: str, **params: object) -> None:
        """Leave the present member out, and tell why unless that was told."""
        if not here.refused:
            here.refused = True
            if any(here.members is self.source.members.get(section, self) for section in ("", "bundles")):
                self.source.names_lost = True
            self.problem(event, code, **params)

    def problem(self, event: Event, code: str, **params: object) -> None:
        """Note a problem where `event` begins; raises _Stop when there are too many."""
        mark = event.start_mark
        location = Location(file=self.source.name, line=mark.line + 1, column=mark.column + 1)
        self.source.problems.append(Problem(location=location, code=code, params=params))
        if len(self.source.problems) >= MAX_PROBLEMS:
            more = Problem(location=location, code="too-many-problems", params={"limit": MAX_PROBLEMS})
            self.source.problems.append(more)
            raise _Stop
