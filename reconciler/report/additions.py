"""How is it shown what would be added to tenant.yaml? A unified diff, the seats, and who is left out.

The words of `users --assign`; what is added was decided elsewhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.report.layout import Span
from reconciler.report.listing import paragraph
from reconciler.report.listing import show as shown
from reconciler.report.phrases import count, listing, product
from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.looking.additions import Additions, LeftOut
    from reconciler.report.layout import Line

_BREAK = re.compile(r"\r\n|\r|\n")
CONTEXT = 2
"""Lines that are shown before and behind a difference."""

_STYLES = {"+": "green", "-": "red", "@": "cyan"}

ON_PURPOSE = "`--only` with this user adds it all the same"
REASONS = {
    "absent": "shall be deleted (`ensure: absent`)",
    "excluded": "its entry excludes this SKU",
    "listed": "its entry asks for it already; `reconciler apply` assigns it",
    "unclear": "an entry seems to mean this user, but not for certain; `reconciler why` says more",
}


def diff(name: str, before: bytes, after: bytes, changes: Sequence[tuple[int, int, int, int]]) -> str:
    """Return a unified diff of a file, as git shows it, with clean text and without the line ends.

    `changes` are the lines that differ, from 0: start and end before, start and end after. They are
    told, not sought: to compare two files of many alike lines takes minutes.
    """
    old, new = _lines(before), _lines(after)
    shown_name = clean(name).lstrip("/")
    told = [f"--- a/{shown_name}", f"+++ b/{shown_name}"]
    for hunk in _hunks(changes):
        first, last = hunk[0], hunk[-1]
        at, end = max(0, first[0] - CONTEXT), min(len(old), last[1] + CONTEXT)
        grown = last[3] - last[1] - first[2] + first[0]
        told.append(f"@@ -{at + 1},{end - at} +{at + 1 + first[2] - first[0]},{end - at + grown} @@")
        for start, stop, new_start, new_stop in hunk:
            told += [f" {line}" for line in old[at:start]]
            told += [f"-{line}" for line in old[start:stop]]
            told += [f"+{line}" for line in new[new_start:new_stop]]
            at = stop
        told += [f" {line}" for line in old[at:end]]
    return "\n".join(told)


def _hunks(changes: Sequence[tuple[int, int, int, int]]) -> list[list[tuple[int, int, int, int]]]:
    """Return the changes in groups whose context touches."""
    hunks: list[list[tuple[int, int, int, int]]] = []
    for change in changes:
        if hunks and change[0] - hunks[-1][-1][1] <= 2 * CONTEXT:
            hunks[-1].append(change)
        else:
            hunks.append([change])
    return hunks


def _lines(content: bytes) -> list[str]:
    lines = [clean(line) for line in _BREAK.split(content.decode())]
    return lines[:-1] if lines and not lines[-1] else lines


def show(proposed: Additions, diffs: Sequence[str]) -> None:
    """Print everything that a person needs to agree."""
    shown(
        lambda screen: [
            *_diffs(diffs),
            *(line for text in sentences(proposed) for line in paragraph(text, screen.columns)),
        ]
    )


def _diffs(diffs: Sequence[str]) -> Iterator[Line]:
    for text in diffs:
        for line in text.split("\n"):
            style = "bold" if line.startswith(("--- ", "+++ ")) else _STYLES.get(line[:1], "")
            yield (Span(line, style),)
        yield ()


def sentences(proposed: Additions) -> list[str]:
    """Return what the difference means: who gets the licence, the seats, and who is left out."""
    name = product(proposed.sku.sku, proposed.sku.name)
    told = []
    if proposed.entries:
        told.append(f"{name} for {count(len(proposed.entries), 'user')}.")
        told.append(seats(proposed))
    else:
        told.append(f"Nothing to add: nobody here would get {name}.")
    if proposed.nowhere:
        told.append(
            f"No usage location: {listing([clean(upn) for upn in proposed.nowhere])}. Without one no licence "
            "can be assigned; set `usage_location` for the user or under `defaults`."
        )
    if proposed.promised:
        told.append(
            f"Listed with other licences already: {listing([clean(upn) for upn in proposed.promised])}. "
            "`reconciler plan` tells whether they go together."
        )
    told += [_left_out(one) for one in proposed.left_out]
    return told


def seats(proposed: Additions) -> str:
    """Return the seats before and after: "Seats: 25 owned, 17 in use, 8 free; afterwards 5 free."."""
    short = f", {proposed.short:,} short: buy or free them before apply" if proposed.short else ""
    return (
        f"Seats: {proposed.owned:,} owned, {proposed.in_use:,} in use, {proposed.free_before:,} free; "
        f"afterwards {proposed.free_after:,} free{short}."
    )


def _left_out(one: LeftOut) -> str:
    place = f" ({clean(one.file)}:{one.line})" if one.file else ""
    note = clean(one.note)
    match one.reason:
        case "protected":
            why = f"`guardrails.protected_users` names {note}; {ON_PURPOSE}"
        case "none":
            why = f"its entry says `licenses: []`{f' ({note})' if note else ''}; {ON_PURPOSE}"
        case _:
            why = REASONS[one.reason]
    return f"Left out: {clean(one.upn)}{place}: {why}."


def done(proposed: Additions, files: Sequence[str]) -> str:
    """Return what was done, and what comes next."""
    users = count(len(proposed.entries), "user")
    names = listing([clean(name) for name in files])
    return (
        f"Added {clean(proposed.sku.sku)} for {users} to {names}. The tenant is as it was: "
        "`reconciler plan` shows what this changes there."
    )
