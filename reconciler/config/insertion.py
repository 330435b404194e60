"""Where in a YAML text do new members go, so that nothing else of it changes?

Finds mappings and lists by libyaml's marks and puts text between the bytes that are there: comments,
quotes, indentation and line ends stay because they are never written. It does not know what the text
means; whoever inserts must read the result again and compare (adding.py does).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INDENT = "  "

_BREAK = re.compile(r"\r\n|\r|\n")
_COMMENT_LINE = re.compile(r"(?P<indent>[ \t]*)#[^\r\n]*")
_BLANK_LINE = re.compile(r"[ \t]*")
_COMMA = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*[\r\n])*(?P<comma>,)")


@dataclass(slots=True)
class Node:
    """A value in the text, from character `start` to `end`.

    `parts` of a mapping or list: the key ("" in a list), where the part begins, and its value.
    `column` is that of the parts in block style.
    """

    start: int
    end: int
    column: int = 0
    flow: bool = False
    is_list: bool = False
    parts: list[tuple[str, int, Node]] = field(default_factory=list)

    def get(self, key: str) -> Node | None:
        """Return the value of a key; None where it is not there."""
        return next((value for name, _, value in self.parts if name == key), None)


def parse(text: str, wanted: Callable[[tuple[str, ...]], bool]) -> Node:
    """Return the value of the one document of `text`, which must be sound and hold no alias.

    Of mappings only the members are looked into whose path of keys is `wanted`.
    """
    parser = yaml.CBaseLoader(text)
    try:
        return _Tree(parser.get_event, wanted).root()
    finally:
        parser.dispose()


class _Tree:
    """Turns events into nodes; `event` is the one that is looked at."""

    def __init__(self, next_event: Callable[[], Any], wanted: Callable[[tuple[str, ...]], bool]) -> None:
        self._next_event = next_event
        self._wanted = wanted
        self.event: Any = None

    def advance(self) -> None:
        self.event = self._next_event()

    def root(self) -> Node:
        for _ in ("the start of the stream", "the start of the document", "its value"):
            self.advance()
        return self.node(())

    def node(self, path: tuple[str, ...]) -> Node:
        """Return the value that begins with the present event, with those of its parts that are wanted."""
        event = self.event
        node = Node(event.start_mark.index, event.end_mark.index, column=event.start_mark.column)
        if isinstance(event, yaml.ScalarEvent):
            return node
        node.flow = event.flow_style
        node.is_list = isinstance(event, yaml.SequenceStartEvent)
        self.advance()
        while not isinstance(self.event, yaml.CollectionEndEvent):
            key, begin = "", self.event.start_mark.index
            if not node.is_list:
                key = self.event.value
                self.advance()
            inside = (*path, key)
            value = self.node(inside) if self._wanted(inside) else self.skipped()
            node.parts.append((key, begin, value))
            node.end = value.end
            self.advance()
        closing: Any = self.event
        if node.flow:
            node.end = closing.end_mark.index
        return node

    def skipped(self) -> Node:
        """Return the value that begins with the present event, without its parts."""
        node = Node(self.event.start_mark.index, self.event.end_mark.index)
        depth = 0
        while True:
            depth += isinstance(self.event, yaml.CollectionStartEvent)
            depth -= isinstance(self.event, yaml.CollectionEndEvent)
            # Where a block ends libyaml has gone on to what follows; such an event has no text of its own.
            node.end = max(node.end, self.event.end_mark.index if self._has_text() else 0)
            if depth == 0:
                return node
            self.advance()

    def _has_text(self) -> bool:
        return bool(self.event.start_mark.index < self.event.end_mark.index)


class Change(NamedTuple):
    """Lines that differ, from 0, the end not included: `start` to `end` became `new_start` to `new_end`."""

    start: int
    end: int
    new_start: int
    new_end: int


def _position(piece: tuple[int, str]) -> int:
    return piece[0]


class Insertion:
    """A text and what shall be put into it; `text` stays as it is, `result` has both."""

    def __init__(self, text: str) -> None:
        self.text = text
        first = _BREAK.search(text)
        self._eol = first[0] if first else "\n"
        self._pieces: list[tuple[int, str]] = []

    def result(self) -> str:
        """Return the text with everything in its place."""
        out, at = [], 0
        for position, piece in sorted(self._pieces, key=_position):
            out += [self.text[at:position], piece]
            at = position
        return "".join([*out, self.text[at:]])

    def changes(self) -> tuple[Change, ...]:
        """Return which lines differ, in order."""
        ends = [found.start() for found in _BREAK.finditer(self.text)]
        inside: dict[int, bool] = {}  # line → whether something was put into it, not just behind it
        more: Counter[int] = Counter()  # line → lines that were added in it or behind it
        for position, piece in sorted(self._pieces, key=_position):
            line = bisect_left(ends, position)
            behind = position == (ends[line] if line < len(ends) else len(self.text))
            inside[line] = inside.get(line, False) or not (behind and _BREAK.match(piece))
            more[line] += len(_BREAK.findall(piece))
        found, added = [], 0
        for line, changed in inside.items():
            start = line if changed else line + 1
            found.append(Change(start, line + 1, start + added, line + 1 + added + more[line]))
            added += more[line]
        return tuple(found)

    def add(self, node: Node, members: list[str], *, spaced: bool = False) -> None:
        """Put members (`key: value`, or items of a list; one line each) behind those of a mapping or list.

        `spaced`: in block style an empty line goes before them, where the text has empty lines at all.
        """
        if not node.flow:
            self._into_block(node, members, spaced=spaced)
        elif not node.parts:
            self._into_empty(node, members)
        else:
            self._into_flow(node, members)

    def _put(self, position: int, piece: str) -> None:
        self._pieces.append((position, piece))

    # ------------------------------------------------------------ block style

    def _into_block(self, node: Node, members: list[str], *, spaced: bool) -> None:
        at = self._line_end(self._content_end(node))
        if not node.is_list:
            at = self._behind_comments(at, node.column)
        head = " " * node.column + ("- " if node.is_list else "")
        gap = self._eol if spaced and re.search(r"(\r\n|\r|\n)[ \t]*\1", self.text) else ""
        eol = self._eol
        self._put(
            at,
            gap + "".join(eol + eol.join(head + line for line in member.split("\n")) for member in members),
        )

    def _content_end(self, node: Node) -> int:
        """Return where the last thing of a node ends; the end of a block scalar is that of its last line."""
        end = node.end
        while self.text[end - 1] in " \t\r\n":
            end -= 1
        return end

    def _line_end(self, position: int) -> int:
        """Return where the line of `position` ends, before its break."""
        found = _BREAK.search(self.text, position)
        return found.start() if found else len(self.text)

    def _behind_comments(self, at: int, column: int) -> int:
        """Return the end of the comments that follow and are indented as the members are, or deeper."""
        end = at
        for start, stop in self._lines_after(at):
            comment = _COMMENT_LINE.fullmatch(self.text, start, stop)
            if comment and len(comment["indent"]) >= column:
                end = stop
            elif not _BLANK_LINE.fullmatch(self.text, start, stop):
                break
        return end

    def _lines_after(self, at: int) -> Iterator[tuple[int, int]]:
        while found := _BREAK.match(self.text, at):
            at = self._line_end(found.end())
            yield found.end(), at

    # ------------------------------------------------------------ flow style

    def _into_empty(self, node: Node, members: list[str]) -> None:
        """Fill `{}` or `[]`: one member stays on its line, several get a line each."""
        if len(members) == 1 or node.is_list:
            self._put(node.start + 1, ", ".join(members))
            return
        margin = self._margin(node.start)
        lines = f",{self._eol}{margin}{INDENT}".join(members)
        self._put(node.start + 1, f"{self._eol}{margin}{INDENT}{lines}{self._eol}{margin}")

    def _into_flow(self, node: Node, members: list[str]) -> None:
        _, begin, last = node.parts[-1]
        found = _COMMA.match(self.text, last.end, node.end - 1)
        comma = found["comma"] and found.end() if found else None
        line_end = self._line_end(comma or last.end)
        margin = self._margin(begin)
        on_own_line = self.text[self._line_start(begin) : begin] == margin
        if not on_own_line or line_end >= node.end:
            self._put(
                comma or last.end,
                "".join(f"{'' if comma and not n else ','} {one}" for n, one in enumerate(members)),
            )
            return
        if not comma:
            self._put(last.end, ",")
        self._put(
            line_end, ",".join(f"{self._eol}{margin}{member}" for member in members) + ("," if comma else "")
        )

    def _line_start(self, position: int) -> int:
        return max(self.text.rfind("\n", 0, position), self.text.rfind("\r", 0, position)) + 1

    def _margin(self, position: int) -> str:
        """Return the white space with which the line of `position` begins."""
        start = self._line_start(position)
        found = _BLANK_LINE.match(self.text, start)
        return self.text[start : found.end()] if found else ""
