"""Which users (or mailboxes) does a CSV file list, and where does it say so?

Rows become the same Source that a file with `users` gives, each cell with its place, so that the schema
and all checks judge them alike. Here only cells become what YAML would have told: a number, true or
false, a list; what cells of mailboxes mean is told by exchange.py. It knows no SKU, and decides nothing.
"""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Callable
from contextlib import suppress
from itertools import accumulate, chain, count, islice
from operator import add
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.config import text
from reconciler.config.nearest import nearest
from reconciler.config.source import Source, located, packed
from reconciler.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.config.source import Data

DELIMITERS = ",;\t"
"""What may stand between two cells; the one that finds most of the columns does, the first of equals."""

MAX_PROBLEMS = 100
"""Reading stops after so many problems in one file."""

_SHOWN, _COMPARED = 20, 200  # columns that are told, and compared, where one is missing
_BREAK = re.compile("\r\n|\r|\n")
_CELLS = {
    mark: re.compile(f'(?:"(?:[^"]|"")*"|[^{mark}\r\n]*)(?:{mark}|\r\n?|\n|\\Z)') for mark in DELIMITERS
}
_WHOLE = re.compile("[-+]?[0-9]{1,7}")
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read(
    name: str, content: bytes, columns: dict[str, str] | None, named_by: Source, kind: Kind | None = None
) -> Source:
    """Return the table `name` with what it lists; what is wrong with it stands in `problems`.

    `columns` maps our fields to names of columns, as the section of `named_by` does that names the table;
    what is wrong with that is added to the problems of `named_by`. Without it, those of the names that the
    kind of table knows are read, as far as they are there.
    """
    table = Source(name, named_by)
    try:
        written = text.check(content).decode()
    except text.Refused as refused:
        table.problems.append(refused.problem(name))
        return table
    reader = _Reader(table, named_by, columns, written, kind or USERS)
    with suppress(_Enough):
        try:
            reader.read()
        except csv.Error as error:
            reader.problem(packed(reader.line, 0), "csv-syntax", reason=str(error))
    return table


class _Enough(Exception):
    """There are so many problems that nobody reads more."""


Value = tuple["Data | None", int]
"""What a cell means, None where it means nothing, and how many nodes that has (see source.size)."""

Convert = Callable[[str], Value]


class Kind(NamedTuple):
    """What tables of one kind have in common.

    `named` is the section that names such a table, `rows` the one that its rows make up, `twice` the
    problem with a row that was there before. `conversions`: field → what makes a value of a cell.
    `blank` are fields of which an empty cell says something; `usual` the names of columns by field: one
    besides `upn` must then be there. `near` tells which of the usual names a column that is not read was
    most likely meant to have, given those of the fields that nothing tells.
    """

    named: str
    rows: str
    twice: str
    conversions: Mapping[str, Convert]
    blank: frozenset[str] = frozenset()
    usual: Mapping[str, tuple[str, ...]] = {}
    near: Callable[[str, Mapping[str, tuple[str, ...]]], str | None] | None = None


class _Column(NamedTuple):
    """A column that is read: the key that it fills, its number, and what makes a value of a cell."""

    key: str
    number: int
    convert: Convert | None
    blank: bool = False


class _Reader:
    """Turns rows into the nodes and the data of a source; `line` is that with which a row begins."""

    def __init__(
        self, table: Source, named_by: Source, columns: dict[str, str] | None, written: str, kind: Kind
    ) -> None:
        self.table = table
        self.named_by = named_by
        self.columns = columns
        self.kind = kind
        self.written = written
        self._wanted = columns.values() if columns else list(chain.from_iterable(kind.usual.values()))
        self.delimiter = max(DELIMITERS, key=self._columns_by)
        self.line = 0
        self._next_line = 0
        self._raw: list[str] = []  # the lines of the present row

    def read(self) -> None:
        """Read the whole table."""
        rows = self._rows(csv.reader(self._lines(), delimiter=self.delimiter, strict=True))
        header = [cell.strip() for cell in next(rows, [])]
        if not header:
            self.problem(0, "table-empty", named=self.kind.named)
            return
        if self.columns is None:
            self.columns = _usual(header, self.kind)
            self._nearly(header, self.columns)
        columns = {column.key: column for column in self._found(header)}
        upn = columns.pop("upn", None)
        if upn is None:
            return
        if self.kind.usual and set(self.columns) == {"upn"}:
            self._without_facts()
            return
        last = 1 + max(column.number for column in (upn, *columns.values()))
        table = self.table
        users: dict[str, Data] = {}
        section = self.kind.rows
        table.data = {"version": 1, section: users}
        table.nodes.extend([0] * (1 + len(table.data) * 2))  # the whole, and two sections
        table.members[""] = array("L", [1, 3])
        table.members[section] = array("L")
        for cells in rows:
            if len(cells) != len(header):
                self.problem(packed(self.line, 0), "row-length", found=len(cells), expected=len(header))
                continue
            places = self._places(cells[:last])
            name = cells[upn.number].strip()
            if not name:
                self.problem(places[upn.number], "no-upn", column=header[upn.number])
            elif name in users:
                first = table.location(table.members[section][list(users).index(name)])
                params = {"file": first.file, "line": first.line, "column": first.column}
                self.problem(places[upn.number], self.kind.twice, name=name, **params)
            else:
                entry, nodes = self._entry(cells, places, columns.values())
                table.members[section].append(len(table.nodes))
                table.nodes.extend([places[upn.number]] * 2)  # the key and its mapping
                table.nodes.extend(nodes)
                users[name] = entry
        if not users and not table.problems:
            self.problem(0, "table-without-rows", named=self.kind.named)

    def problem(self, place: int, code: str, **params: Any) -> None:
        """Note a problem at a place of the table; raises _Enough when there are too many."""
        problems = self.table.problems
        location = located(self.table.name, place)
        problems.append(Problem(location=location, code=code, params=params))
        if len(problems) >= MAX_PROBLEMS:
            params = {"limit": MAX_PROBLEMS}
            problems.append(Problem(location=location, code="too-many-problems", params=params))
            raise _Enough

    def _columns_by(self, delimiter: str) -> int:
        """Return how many of the wanted columns a delimiter finds in the header."""
        try:
            header = next(csv.reader(io.StringIO(self.written, newline=""), delimiter=delimiter), [])
        except csv.Error:
            return 0
        return len(set(map(str.strip, header)).intersection(self._wanted))

    def _lines(self) -> Iterator[str]:
        """Yield the lines, and keep those of the present row."""
        for line in io.StringIO(self.written, newline=""):
            self._raw.append(line)
            self._next_line += 1
            yield line

    def _rows(self, rows: Iterator[list[str]]) -> Iterator[list[str]]:
        """Yield the rows that are not blank."""
        while True:
            self.line, self._raw = self._next_line, []
            cells = next(rows, None)
            if cells is None:
                return
            if cells and (cells[0].strip() or any(map(str.strip, cells))):
                yield cells

    def _found(self, header: list[str]) -> Iterator[_Column]:
        """Yield the columns that are wanted and there; tell what is wrong with the others."""
        places = self._places(header)
        firsts: dict[str, str] = {}
        for field, written in (self.columns or {}).items():
            name = written.strip()
            if name not in header:
                known = [column for column in header if column][:_SHOWN]
                near = nearest(name, tuple(header[:_COMPARED]))
                self._column_problem(field, "unknown-column", name=name, nearest=near, known=known)
                continue
            if firsts.setdefault(name, field) != field:
                self._column_problem(field, "column-twice", name=name, first=firsts[name])
            number = header.index(name)
            if header.count(name) > 1:
                self.problem(places[header.index(name, number + 1)], "duplicate-column", name=name)
            key = "leaver" if field == "last_day" else field
            yield _Column(key, number, self.kind.conversions.get(field), field in self.kind.blank)

    def _nearly(self, header: list[str], read: Mapping[str, str]) -> None:
        """Tell of the columns that are nearly called what this kind of table knows, and so are not read."""
        usual = self.kind.usual
        known = set(chain.from_iterable(usual.values()))
        missing = {field: names for field, names in usual.items() if field not in read}
        places = self._places(header)
        for place, name in zip(places, header[:_COMPARED], strict=False):
            near = self.kind.near(name, missing) if self.kind.near and name and name not in known else None
            if near:
                self.problem(place, "near-column", name=name, nearest=near)

    def _without_facts(self) -> None:
        """Tell of a table that names its rows and tells nothing of them, unless a near name explains it."""
        if not self.table.problems:
            usual = [names[0] for field, names in self.kind.usual.items() if field != "upn"]
            self.problem(0, "table-without-facts", named=self.kind.named, usual=usual)

    def _column_problem(self, field: str, code: str, **params: Any) -> None:
        """Note a problem with a column, where the file that names the table maps it."""
        named = self.kind.named
        said = "columns" in self.named_by.data[named]
        location = self.named_by.locate((named, "columns", field) if said else (named, "csv"))
        params["file"] = self.table.name
        self.named_by.problems.append(Problem(location=location, code=code, params=params))

    def _places(self, cells: list[str]) -> list[int]:
        """Return where each of the first cells of the present row begins, packed."""
        here = packed(self.line, 0)
        raw = "".join(self._raw)
        if '"' not in raw:
            return list(map(add, accumulate(map(len, cells), initial=here), count()))
        found = islice(_CELLS[self.delimiter].finditer(raw), len(cells))
        if len(self._raw) == 1:
            return [here + cell.start() for cell in found]
        row, places = self.line, []
        begin = 0  # of the line in which the cell begins
        for cell in found:
            places.append(packed(row, cell.start() - begin))
            for line_end in _BREAK.finditer(cell[0]):
                row += 1
                begin = cell.start() + line_end.end()
        return places

    def _entry(
        self, cells: list[str], places: list[int], columns: Iterable[_Column]
    ) -> tuple[dict[str, Data], list[int]]:
        """Return what a row says of its user, and the nodes of that."""
        entry: dict[str, Data] = {}
        nodes: list[int] = []
        for key, number, convert, blank in columns:
            cell = cells[number].strip()
            if not cell and not blank:
                continue
            place = places[number]
            if convert is None:
                entry[key] = intern(cell)  # equal texts share one object
                nodes += (place, place)
                continue
            value, size = convert(cell)
            if value is None:
                self.problem(place, "bad-cell", key=key, value=cell)
                continue
            entry[key] = value
            nodes += [place] * (1 + size)
        return entry, nodes


def _usual(header: Sequence[str], kind: Kind) -> dict[str, str]:
    """Return the columns of a header by the names that this kind of table knows; `upn` must be there."""
    found = {
        field: next((name for name in names if name in header), None) for field, names in kind.usual.items()
    }
    return {field: name or kind.usual[field][0] for field, name in found.items() if name or field == "upn"}


def truth(cell: str) -> Value:
    """Return true or false, as spreadsheets and PowerShell write it."""
    return _TRUTHS.get(cell.lower()), 1


def _whole(cell: str) -> Value:
    return int(cell) if _WHOLE.fullmatch(cell) else None, 1


def _names(cell: str) -> Value:
    """Return the names in a cell; one without any does not say that there shall be none."""
    names = [intern(name.strip()) for name in cell.split(";") if name and not name.isspace()]
    return names or None, 1 + len(names)


def _last_day(cell: str) -> Value:
    return {"last_day": cell}, 3


USERS = Kind(
    "users_from",
    "users",
    "duplicate-user",
    {"enabled": truth, "priority": _whole, "licenses": _names, "last_day": _last_day},
)
"""A table of users; fields that are not named here are texts."""
