"""How is a list shown: aligned columns for people, CSV for a spreadsheet?

A terminal gets columns that fit it, the last one wrapped below itself; a pipe gets one line a row,
whatever its length, so that `grep` and `cut` work. It knows nothing of what the rows are about.
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

LAST_MIN = 24
"""The last column goes below its row where less than this is left beside it."""


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

    Without `width`, each row is one line and every column is aligned. With it, the last column wraps, and
    a few cells that are much longer than the others of their column move only what follows them.
    """
    cells = [[_cell(cell) for cell in row] for row in rows]
    head = [Span(title, "bold") for title in titles]
    columns = [[width_of(row[n].text) for row in (head, *cells)] for n in range(len(titles) - 1)]
    widths = [max(column) for column in columns]
    last = min(LAST_MIN, max((width_of(row[-1].text) for row in (head, *cells)), default=0))
    if width is not None and sum(widths) + GAP * len(widths) + last > width:
        widths = [max(column[0], sorted(column)[(len(column) - 1) * 9 // 10]) for column in columns]
    lines: list[Line] = []
    for row in (head, *cells):
        lines += _row(_padded(row[:-1], widths, right), row[-1], width)
    return lines


def _padded(cells: Sequence[Span], widths: Sequence[int], right: frozenset[int]) -> list[Span]:
    """Return cells filled up so that each begins in its column, or as soon after as the last one lets it."""
    padded = []
    behind = 0  # by how much the present cell is late
    for n, cell in enumerate(cells):
        room = widths[n] - behind
        fill = " " * max(0, room - width_of(cell.text))
        behind = max(0, width_of(cell.text) - room)
        padded.append(Span((fill + cell.text if n in right else cell.text + fill) + " " * GAP, cell.style))
    return padded


def _row(padded: list[Span], last: Span, width: int | None) -> list[Line]:
    """Return a row: on one line if it fits, else its last cell wrapped beside or below the others."""
    start = sum(width_of(cell.text) for cell in padded)
    if width is None or start + width_of(last.text) <= width:
        return [(*padded, last)]
    if width - start < LAST_MIN:
        *before, end = padded
        return [(*before, Span(end.text.rstrip(), end.style)), *wrap([last], width, 4, 4)]
    first, *others = wrap([last], width, start, start)
    return [(*padded, *first[1:]), *others]


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
