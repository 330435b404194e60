"""How is a list shown: aligned columns for people, CSV for a spreadsheet?

A terminal gets columns that fit it, cells wrapped below themselves; a pipe gets one line a row, whatever
its length, so that `grep` and `cut` work. It knows nothing of what the rows are about.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, NamedTuple

from reconciler.report.layout import Span, Symbols, plain, width_of, wrap
from reconciler.report.sanitize import clean, csv_cell, encodable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console

    from reconciler.report.layout import Line

NOTHING = "-"
"""Stands in a cell that has no value: an empty one would shift the columns of `cut`."""

GAP = 2

NARROW = 12
"""A column is not made narrower than this for the sake of others, nor than its words."""

LAST_MIN = 20
"""The last column goes below its row, in all rows, where less than this, or than one of its words takes, is
left beside it."""

BELOW = 4
"""How far the last column is indented there."""


def as_csv(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a header and rows as CSV: harmless in a spreadsheet, a line feed at the end of each line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows([_csv(value) for value in row] for row in rows)
    return out.getvalue()


def _csv(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return csv_cell(value)
        case _:
            return str(value)


def table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str | Span]],
    *,
    width: int | None = None,
    right: frozenset[int] = frozenset(),
) -> list[Line]:
    """Return a title line and rows as lines; cells of the columns `right` stand at the right.

    Every cell begins in its column. Without `width`, each row is one line. With it, cells wrap; where a word
    is wider than its column, as few names are, what follows it in the row stands on the next line.
    """
    cells = [[_cell(cell) for cell in row] for row in ([Span(title, "bold") for title in titles], *rows)]
    columns = [[row[n].text for row in cells] for n in range(len(titles))]
    widths, beside = _widths(columns, width)
    starts = [sum(widths[:n]) + GAP * n for n in range(len(titles))]
    return [line for row in cells for line in _row(row, starts, widths, right, width, beside=beside)]


def _widths(columns: Sequence[Sequence[str]], width: int | None) -> tuple[list[int], bool]:
    """Return each column's width but the last one's, and whether the last one stands beside the others."""
    *firsts, last = [[width_of(text) for text in column] for column in columns]
    natural = [max(column) for column in firsts]
    gaps = GAP * len(natural)
    longest = max(last)
    words = (width_of(word) for text in columns[-1] for word in text.split(" "))
    need = min(longest, max(LAST_MIN, *words))
    if width is None or sum(natural) + gaps + need <= width:
        return natural, True
    # One cell in ten may be wider than its column, lest a single name makes all others narrow.
    usual = [_usual(column) for column in firsts]
    floors = [
        max(_usual([max(map(width_of, text.split(" "))) for text in column]), min(NARROW, wide))
        for column, wide in zip(columns, usual, strict=False)
    ]
    least = sum(floors) + gaps + need
    if least <= width:
        return _shrunk(usual, floors, width - gaps - min(longest, max(need, width // 4))), True
    return _shrunk(usual, floors, width - gaps + GAP), False


def _usual(column: Sequence[int]) -> int:
    """Return the width that nine cells in ten have, and the title."""
    return max(column[0], sorted(column)[-(-(len(column) - 1) * 9 // 10)])


def _shrunk(widths: Sequence[int], floors: Sequence[int], room: int) -> list[int]:
    """Return widths that together take no more than `room`, as far as `floors` let them; widest first."""
    shrunk = list(widths)
    for _ in range(sum(shrunk) - room):
        wide = [n for n in range(len(shrunk)) if shrunk[n] > floors[n]]
        if not wide:
            break
        shrunk[max(wide, key=lambda n: shrunk[n])] -= 1
    return shrunk


def _row(
    cells: Sequence[Span],
    starts: Sequence[int],
    widths: Sequence[int],
    right: frozenset[int],
    width: int | None,
    *,
    beside: bool,
) -> list[Line]:
    """Return a row as lines, each cell in its column; `beside` tells that the last one has one, too."""
    *firsts, last = cells
    lines: list[list[tuple[int, Span]]] = []
    top = 0  # the line on which the next cell begins
    for n, cell in enumerate(firsts):
        pieces = _pieces(cell, widths[n]) if width else [cell]
        for at, piece in enumerate(pieces, top):
            free = widths[n] - width_of(piece.text)
            _put(lines, at, starts[n] + (max(0, free) if n in right else 0), piece)
            top = at + 1 if free < 0 else top
    start = starts[-1] if beside else BELOW
    pieces = _pieces(last, width - start) if width else [last]
    for at, piece in enumerate(pieces, top if beside else len(lines)):
        _put(lines, at, start, piece)
    return [_spaced(line) for line in lines]


def _pieces(cell: Span, room: int) -> list[Span]:
    """Return a cell as lines of at most `room`, broken between words only."""
    if width_of(cell.text) <= room:
        return [cell]
    return [Span("".join(span.text for span in line), cell.style) for line in wrap([cell], room, 0, 0)]


def _put(lines: list[list[tuple[int, Span]]], at: int, start: int, piece: Span) -> None:
    while len(lines) <= at:
        lines.append([])
    lines[at].append((start, piece))


def _spaced(pieces: Sequence[tuple[int, Span]]) -> Line:
    """Return a line in which each piece begins where it has to."""
    line: list[Span] = []
    used = 0
    for start, piece in pieces:
        if start > used:
            line.append(Span(" " * (start - used)))
        line.append(piece)
        used = start + width_of(piece.text)
    return tuple(line)


def paragraph(text: str, width: int | None, style: str = "") -> list[Line]:
    """Return a sentence as lines of at most `width` cells; as one line without."""
    return wrap([Span(text, style)], width, 0, 0) if width else [(Span(text, style),)]


def _cell(cell: str | Span) -> Span:
    span = cell if isinstance(cell, Span) else Span(cell)
    return Span(clean(span.text) or NOTHING, span.style)


class Screen(NamedTuple):
    """What lines are made for. `width` holds for sentences; `columns` for tables: None in a pipe."""

    width: int
    columns: int | None
    symbols: Symbols


def show(lines_for: Callable[[Screen], Iterable[Line]], console: Console | None = None) -> None:
    """Print what `lines_for` makes on `console` (default: standard output), styled on a terminal."""
    from rich.console import Console as Terminal  # noqa: PLC0415  rich is slow to import
    from rich.text import Text  # noqa: PLC0415

    console = console or Terminal(highlight=False, markup=False, emoji=False)
    terminal = console.is_terminal
    screen = Screen(console.width, console.width if terminal else None, Symbols.of(console.encoding))
    lines = list(lines_for(screen))
    if not terminal or console.no_color or console.color_system is None:
        console.out(encodable(plain(lines), console.encoding), end="", highlight=False)
        return
    for line in lines:
        text = Text.assemble(*((encodable(span.text, console.encoding), span.style) for span in line))
        console.print(text, soft_wrap=True, highlight=False)
