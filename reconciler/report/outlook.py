"""How is it shown what falls due on later days, and when seats run short?

The last part of a plan that was made with a horizon. Words and layout only: which day brings what was
found out by planning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.layout import Span
from reconciler.report.phrases import count, listing
from reconciler.report.sanitize import clean
from reconciler.report.sections import labels_of
from reconciler.report.warning_words import DATA_LOSS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.plan import Due, Plan, SeatRow
    from reconciler.report.layout import Page

DAYS_SHOWN = 10
"""So many days are shown at least."""

DATE_WIDTH = len("2026-12-24") + 2
VERB_WIDTH = 9

VERBS: dict[str, tuple[str, str, str]] = {
    "create-user": ("create", "add", "green"),
    "restore-user": ("restore", "add", "green"),
    "update-user": ("update", "change", "cyan"),
    "delete-user": ("delete", "remove", "red"),
    "add-member": ("add", "add", "green"),
    "remove-member": ("remove", "remove", "red"),
    "buy-seats": ("buy", "add", "yellow"),
    "set-auto-renew": ("renewal", "change", "yellow"),
}
"""Kind → verb, the symbol's name, style; what licences do is seen from what is assigned and revoked."""


def horizon(page: Page, plan: Plan) -> None:
    """Show day by day what falls due, then for each SKU when it runs short and by how many seats."""
    if plan.horizon is None:
        return
    page.heading("Falling due")
    days = [day for day in plan.horizon if day.due]
    shown = page.some(days, least=DAYS_SHOWN)
    for day in shown:
        for number, alike in enumerate(_alike(day.due)):
            _due(page, "" if number else clean(day.date), alike)
    if len(shown) < len(days):
        page.put(Span(f"{page.symbols.more} and {count(len(days) - len(shown), 'more day')}", "dim"))
    if not days:
        page.put(Span("Nothing falls due within the horizon."))
    _shortages(page, plan)


def _alike(due: Sequence[Due]) -> list[list[Due]]:
    """Return the changes of a day, those that do the same to different users together."""
    found: dict[object, list[Due]] = {}
    for one in due:
        _, group = _meant(one)
        members = one.kind in ("add-member", "remove-member")
        apart = "" if one.address.startswith("users/") or members else one.address
        key = (one.kind, one.assign, one.revoke, one.blocked_by, one.warnings, group, apart)
        found.setdefault(key, []).append(one)
    return list(found.values())


def _meant(one: Due) -> tuple[str, str]:
    """Return whom or what a change is about, and which group a user joins or leaves; clean text."""
    part, _, name = clean(one.address).partition("/")
    if one.kind in ("add-member", "remove-member"):
        group, _, upn = name.rpartition("/members/")
        return upn, group
    if part == "groups":
        return f"group {name.removesuffix('/licenses')}", ""
    return name.split("/")[0], ""


def _due(page: Page, date: str, alike: Sequence[Due]) -> None:
    """Show what is the same for one or several: the verb, whom, what, and what comes of it."""
    first = alike[0]
    verb, symbol, style = _verb(first)
    blocked = bool(first.blocked_by)
    sign = page.symbols.blocked if blocked else getattr(page.symbols, symbol)
    names = [_meant(one)[0] for one in alike]
    subject = names[0] if len(names) == 1 else count(len(names), "user")
    loses = any(code in DATA_LOSS for code in first.warnings)
    page.row(
        [
            (Span(date, "bold"), DATE_WIDTH),
            (Span(sign, "bold yellow" if blocked else f"bold {style}"), 2),
            (Span(verb, "dim" if blocked else style), VERB_WIDTH),
        ],
        [
            Span(subject, "bold"),
            Span(_what(page, first)),
            *([Span(f"; blocked by {listing(_texts(first.blocked_by))}", "yellow")] if blocked else []),
            *(
                [Span(f" ({listing(_texts(first.warnings))})", "red" if loses else "dim")]
                if first.warnings
                else []
            ),
        ],
    )
    if len(names) > 1:
        shown = page.some(names)
        more = len(names) - len(shown)
        cut = f" {page.symbols.more} and {more:,} more" if more else ""
        page.put(Span(", ".join(shown) + cut, "dim"), indent=2 + DATE_WIDTH + 2 + VERB_WIDTH)


def _verb(one: Due) -> tuple[str, str, str]:
    if one.kind in VERBS:
        return VERBS[one.kind]
    if one.assign:
        return ("swap", "swap", "cyan") if one.revoke else ("assign", "add", "green")
    return ("revoke", "remove", "red") if one.revoke else ("modify", "change", "cyan")


def _what(page: Page, one: Due) -> str:
    """Return what changes: the group, or the licences."""
    _, group = _meant(one)
    if group:
        return f" {'to' if one.kind == 'add-member' else 'from'} group {group}"
    gone, new = (", ".join(_texts(skus)) for skus in (one.revoke, one.assign))
    return (
        f": {gone} {page.symbols.arrow} {new}" if gone and new else f": {gone or new}" if gone or new else ""
    )


def _texts(words: Sequence[str]) -> list[str]:
    return [clean(word) for word in words]


# ------------------------------------------------------------ seats


def _shortages(page: Page, plan: Plan) -> None:
    """Show the SKUs that run short of seats: from when, and by how many."""
    found = [(row, steps) for row, steps in _steps(plan) if steps]
    labels = labels_of(plan, (row for row, _ in found))
    for (_, steps), label in zip(found, labels, strict=True):
        told = [
            f"{count(number, 'seat') if number else 'none'} short {f'from {clean(date)}' if date else 'now'}"
            for date, number in steps
        ]
        page.put(
            Span(f"{page.symbols.attention} {label}: ", "bold yellow"),
            Span(f"{', '.join(told)}."),
            hang=4,
        )
    if not found:
        page.put(Span("No SKU runs short of seats.", "dim"))


def _steps(plan: Plan) -> list[tuple[SeatRow, list[tuple[str, int]]]]:
    """Return for each SKU from which day on how many seats are short, wherever that changes; "" is now.

    Short are those that somebody waits for, and those in use beyond what is owned.
    """
    days = [("", plan.seats), *((day.date, day.seats) for day in plan.horizon or ())]
    found: dict[str, tuple[SeatRow, list[tuple[str, int]]]] = {}
    for date, rows in days:
        for row in rows:
            _, steps = found.setdefault(row.sku_id, (row, []))
            lacking = max(row.short, -row.free_after, 0)
            if lacking != (steps[-1][1] if steps else 0):
                steps.append((date, lacking))
    return list(found.values())
