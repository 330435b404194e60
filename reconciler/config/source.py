"""What does one file say, and where does it say it?

Holds the content of a file, plain dicts, lists and scalars, beside the position of every key and value.
It is filled by config.reader; it knows neither YAML nor licences.

A node is a key, a value or an item. Positions stand in one flat array in the order of the text (a
mapping's own node; then for each member the key's node and the nodes of its value), which takes a tenth
of the memory that an object for each node would.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from reconciler.model import Location, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Data = Any
"""What a file can hold: dict, list, str, int, float, bool or None. Which of them is the schema's affair."""

Path = tuple[str | int, ...]
"""Keys, and numbers of items from 0, from the top of a file."""

NOTED_DEPTH = 2
"""So deep, the nodes of members are noted: a file may have many users, and a user has few keys."""

COLUMN_BITS = 32
_COLUMN_MASK = (1 << COLUMN_BITS) - 1


def packed(line: int, column: int) -> int:
    """Return line and column, from 0, as `Source.nodes` holds them."""
    return line << COLUMN_BITS | column


def located(file: str, place: int) -> Location:
    """Return where a packed place of a file is."""
    return Location(file=file, line=(place >> COLUMN_BITS) + 1, column=(place & _COLUMN_MASK) + 1)


def size(value: Data) -> int:
    """Return how many nodes `value` has, itself included."""
    if isinstance(value, dict):
        return 1 + len(value) + sum(map(size, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(size, value))
    return 1


class Source:
    """One file. `data` is None where it could not be read; `problems` say why, or what was left out.

    `named_by` is the file that names this one, where it is a table.

    `failing` are the paths of what does not have the shape that the schema asks for. `names_lost` tells
    that something was left out that may declare bundles: a name that is not there may be among them.

    `members` maps a section (a key of the top level; "" is the top level itself) to the nodes with
    which its members begin: a key, or an item of a list.
    """

    def __init__(self, name: str, named_by: Source | None = None) -> None:
        self.name = name
        self.named_by = named_by
        self.data: Data = None
        self.problems: list[Problem] = []
        self.failing: set[Path] = set()
        self.names_lost = False
        self.nodes = array("Q")
        self.members: dict[str, array[int]] = {}
        self._ordinals: dict[str, dict[str, int]] = {}

    def location(self, node: int) -> Location:
        """Return where `node` stands."""
        place = self.nodes[node]
        return Location(file=self.name, line=(place >> COLUMN_BITS) + 1, column=(place & _COLUMN_MASK) + 1)

    def locate(self, path: Sequence[str | int], *, key: bool = False) -> Location:
        """Return where the value at `path` stands, or its key."""
        node = 0
        value = self.data
        for depth, step in enumerate(path):
            first = self._first_node(path, depth, node, value)
            wants_key = key and depth == len(path) - 1
            node = first if wants_key or isinstance(step, int) else first + 1
            value = value[step]
        return self.location(node)

    def _first_node(self, path: Sequence[str | int], depth: int, node: int, value: Data) -> int:
        """Return the node with which step `depth` of `path` begins; `value` stands at `node`."""
        step = path[depth]
        if depth >= NOTED_DEPTH:
            return _member_node(value, step, node)
        section = str(path[0]) if depth else ""
        if isinstance(step, str):
            if section not in self._ordinals:
                self._ordinals[section] = {name: number for number, name in enumerate(value)}
            step = self._ordinals[section][step]
        return self.members[section][step]


def member_nodes(mapping: dict[str, Data], node: int) -> Iterator[tuple[str, int]]:
    """Yield each key of `mapping`, which stands at `node`, with the key's node."""
    node += 1
    for key, value in mapping.items():
        yield key, node
        node += 1 + size(value)


def _member_node(value: Data, step: str | int, node: int) -> int:
    """Return the node with which key or item `step` of `value`, which stands at `node`, begins."""
    if isinstance(step, str):
        return dict(member_nodes(value, node))[step]
    return node + 1 + sum(map(size, value[:step]))
