"""How are the seats of a tenant shown: a line a SKU, and on a terminal a bar?

Red where more users hold a SKU than there are seats, yellow where none is left. Figures come from
looking.seats; nothing is counted here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.layout import Span, width_of
from reconciler.report.listing import GAP, paragraph, table
from reconciler.report.phrases import count, listing, product
from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from reconciler.looking.seats import SeatLine
    from reconciler.report.layout import Line, Symbols
    from reconciler.report.listing import Screen

SOON = 60
"""So many days before the end of a subscription that is not renewed, its date is shown in yellow."""

BAR_MIN, BAR_MAX = 8, 30
TITLES = ("SKU", "OWNED", "IN USE", "FREE", "GRACE", "TRIAL", "ENDS", "RENEWS")
NUMBERS = frozenset({1, 2, 3, 4, 5})
OPTIONAL = frozenset({4, 5})
"""Columns that a terminal has only where some SKU has a figure in them."""

FULL, EMPTY, OVER = "\N{BLACK SQUARE}", "\N{MIDDLE DOT}", "!"


def lines(rows: Sequence[SeatLine], today: date, screen: Screen, *, everything: bool) -> list[Line]:
    """Return the page: SKUs of users, company-wide ones apart, ignored ones in one line.

    `everything` shows ignored SKUs as the others. Bars, and only as many columns as say something, are
    for a terminal.
    """
    users = [row for row in rows if row.place == "users" or (everything and row.place == "ignored")]
    company = [row for row in rows if row.place == "company"]
    ignored = [row for row in rows if row.place == "ignored"] if not everything else []
    page: list[Line] = [(Span("No SKU that can be assigned to users."),)]
    if users:
        page = _table(users, today, screen)
    for row in (row for row in users if row.over):
        page += [(), *paragraph(_over(row), screen.columns, "bold red")]
    if company:
        page += [(), (Span("For the whole tenant, not assigned to users", "bold underline"),)]
        page += [line for row in company for line in paragraph(_company(row), screen.columns)]
    if ignored:
        names = listing([f"{clean(row.sku)} ({row.in_use:,} in use)" for row in ignored])
        told = f"Not counted as a licence: {names}; `--all` shows {'it' if len(ignored) == 1 else 'them'}."
        page += [(), *paragraph(told, screen.columns, "dim")]
    return page


def _table(rows: Sequence[SeatLine], today: date, screen: Screen) -> list[Line]:
    cells = [_cells(row, today) for row in rows]
    if screen.columns is None:
        return table(TITLES, cells, right=NUMBERS)
    kept = [n for n in range(len(TITLES)) if n not in OPTIONAL or any(row[n] for row in cells)]
    right = frozenset(new for new, old in enumerate(kept) if old in NUMBERS)
    head, *shown = table([TITLES[n] for n in kept], [[row[n] for n in kept] for row in cells], right=right)
    used = max(sum(width_of(span.text) for span in line) for line in (head, *shown)) + GAP
    room = min(BAR_MAX, screen.columns - used)
    page: list[Line] = [head]
    for row, line in zip(rows, shown, strict=True):
        if room >= BAR_MIN:
            gap = Span(" " * (used - sum(width_of(span.text) for span in line)))
            page.append((*line, gap, *_bar(row, room, screen.symbols)))
        else:  # below the row, where there is room
            page += [line, (Span(" " * GAP), *_bar(row, BAR_MAX, screen.symbols))]
    return page


def _cells(row: SeatLine, today: date) -> tuple[str | Span, ...]:
    style = "bold red" if row.over else "yellow" if not row.free else ""
    ending = any(0 <= (day - today).days <= SOON for day in row.ends) and row.auto_renew in ("no", "mixed")
    return (
        Span(row.sku, style),
        f"{row.owned:,}",
        Span(f"{row.in_use:,}", style),
        Span(f"-{row.over:,}" if row.over else f"{row.free:,}", style),
        f"{row.grace:,}" if row.grace else "",
        f"{row.trial:,}" if row.trial else "",
        Span(", ".join(day.isoformat() for day in row.ends), "yellow" if ending else ""),
        Span(row.auto_renew, "yellow" if ending else ""),
    )


def _bar(row: SeatLine, width: int, symbols: Symbols) -> tuple[Span, ...]:
    """Return how full the seats are; where over-allocated, the part beyond them in red."""
    full, empty = (FULL, EMPTY) if symbols.arrow != "->" else ("#", ".")
    total = max(row.owned + row.grace, row.in_use, 1)
    taken = round(width * min(row.in_use, row.owned + row.grace) / total)
    beyond = round(width * row.over / total)
    if row.over:
        beyond = max(1, beyond)
        taken = width - beyond
    elif row.in_use and not taken:
        taken = 1
    style = "red" if row.over else "yellow" if not row.free else "green"
    return (
        Span(full * taken, style),
        Span(OVER * beyond, "bold red"),
        Span(empty * (width - taken - beyond), "dim"),
    )


def _over(row: SeatLine) -> str:
    return (
        f"{product(row.sku, row.name)}: {count(row.over, 'user')} more than there are seats. "
        "`reconciler plan` names who could give one up."
    )


def _company(row: SeatLine) -> str:
    ends = ", ".join(day.isoformat() for day in row.ends)
    end = f"ends {ends}, renews: {row.auto_renew}" if ends else "no end known"
    return f"{product(row.sku, row.name)}: {row.owned:,} owned, {end}"
