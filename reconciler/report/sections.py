"""How is each part of a plan laid out on the page?

One function per section, each with nothing to print where there is nothing to say. The order of the
sections is text's; the words are those of messages and rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler import catalog
from reconciler.report import messages
from reconciler.report.conflict_words import OUTSIDE_ROLES
from reconciler.report.layout import Span, shorten, width_of
from reconciler.report.phrases import Facts, count, product
from reconciler.report.rows import what
from reconciler.report.sanitize import clean
from reconciler.report.warning_words import DATA_LOSS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler import plan as plans
    from reconciler.plan import Conflict, Plan, SeatRow
    from reconciler.report.layout import Page
    from reconciler.report.rows import Row

VERBS = ("create", "restore", "update", "assign", "swap", "modify")
"""The order of changes that take nothing away."""

STYLES = {
    "create": "green",
    "restore": "green",
    "assign": "green",
    "update": "cyan",
    "modify": "cyan",
    "swap": "cyan",
    "revoke": "red",
    "delete": "red",
    "buy": "yellow",
    "renewal": "yellow",
}

VERB_WIDTH = 9
NUMBER_WIDTH = 7
LABEL_WIDTH = len("until 2026-12-24") + 2
SUBJECT_LIMIT = 34
"""A longer subject does not push the others' second column out of the page."""


def refusals(page: Page, plan: Plan) -> None:
    """Show the guard rails that refuse the plan, and those that protect nobody."""
    nobody = Facts(plan.options).names("protects_nobody")
    if plan.refusals or nobody:
        page.heading("Refused by guard rails" if plan.refusals else "Guard rails")
    for name in nobody:
        page.put(
            Span(f"{page.symbols.attention} protected_users: ", "bold yellow"),
            Span(f"there is no user and no group {name}; this entry protects nobody."),
            hang=4,
        )
    for refusal in plan.refusals:
        page.put(
            Span(f"{page.symbols.attention} {clean(refusal.code)}: ", "bold red"),
            Span(messages.refusal(refusal)),
            hang=4,
        )
    if plan.refusals and plan.blocked:
        page.put(
            Span("Guard rails count what is ready; the figures above count what is blocked, too.", "dim")
        )


# ------------------------------------------------------------ purchases


def purchases(page: Page, plan: Plan, declared: Sequence[Row]) -> None:
    """Show the seats that are short and how to get them, then what the desired state buys."""
    if not plan.purchases and not declared:
        return
    page.heading("Purchases")
    for purchase in plan.purchases:
        cost = purchase.cost
        price = f"; {clean(cost.amount)} {clean(cost.currency)} per {clean(cost.per)}" if cost else ""
        page.put(
            Span(f"{page.symbols.attention} {product(purchase.sku, purchase.name)}: ", "bold yellow"),
            Span(f"buy {count(purchase.buy, 'seat')}", "bold"),
            Span(
                f" ({purchase.seats:,} owned, {purchase.in_use:,} in use, {purchase.needed:,} needed{price})"
            ),
            hang=4,
        )
        how = messages.purchase(purchase, plan.tenant.provider)
        page.put(Span(how.removesuffix(OUTSIDE_ROLES)), indent=6)
    if plan.purchases:
        page.put(Span(OUTSIDE_ROLES, "dim"), indent=4)
    _rows(page, declared, plan)


# ------------------------------------------------------------ conflicts


def conflicts(page: Page, plan: Plan) -> None:
    """Show conflicts by code, those with the same way out together."""
    if plan.conflicts:
        page.heading("Conflicts")
    by_code: dict[str, list[Conflict]] = {}
    for conflict in plan.conflicts:
        by_code.setdefault(conflict.code, []).append(conflict)
    for code, alike in by_code.items():
        number = f" ({len(alike):,})" if len(alike) > 1 else ""
        style = "bold red" if any(conflict.blocks for conflict in alike) else "bold yellow"
        page.put(Span(f"{page.symbols.attention} {clean(code)}{number}", style))
        by_remedies: dict[tuple[str, ...], list[tuple[str, Conflict]]] = {}
        for conflict in alike:
            told = messages.conflict(conflict)
            by_remedies.setdefault(told.remedies, []).append((told.message, conflict))
        for remedies, told_of in by_remedies.items():
            shown = page.some(told_of)
            for message, conflict in shown:
                page.put(Span(message), *_place(conflict), indent=4)
            if len(shown) < len(told_of):
                page.put(Span(f"{page.symbols.more} and {len(told_of) - len(shown):,} more", "dim"), indent=4)
            for number_of, remedy in enumerate(remedies, 1):
                page.put(Span(f"{number_of}. ", "dim"), Span(remedy), indent=6, hang=9)


def _place(conflict: Conflict) -> list[Span]:
    """Return where in the desired state a conflict has its cause."""
    if conflict.file is None:
        return []
    line = f":{conflict.line}" if conflict.line else ""
    return [Span(" "), Span(f"[{clean(conflict.file)}{line}]", "dim")]


# ------------------------------------------------------------ changes


def removals(page: Page, plan: Plan, rows: Sequence[Row]) -> None:
    """Show what is taken away, what that destroys and until when: the first deadline first."""
    _changes(
        page,
        "Removals",
        sorted((row for row in rows if row.removes), key=lambda row: (not row.first.ready, row.deadline)),
        plan,
    )


def others(page: Page, plan: Plan, rows: Sequence[Row]) -> None:
    """Show the changes that take nothing away, by what they do."""
    rest = [row for row in rows if not row.removes and not row.first.buys]
    _changes(
        page,
        "Other changes",
        sorted(rest, key=lambda row: (VERBS.index(row.verb), not row.first.ready)),
        plan,
    )


def _changes(page: Page, title: str, rows: Sequence[Row], plan: Plan) -> None:
    if rows:
        page.heading(title)
    _rows(page, rows, plan)


def _rows(page: Page, rows: Sequence[Row], plan: Plan) -> None:
    """Show rows with their subjects in one column."""
    width = min(max((width_of(row.subject) for row in rows), default=0), SUBJECT_LIMIT) + 2
    for row in rows:
        _row(page, row, width, plan)


def _row(page: Page, row: Row, subject_width: int, plan: Plan) -> None:
    """Show one row: what, for whom and why; below it the names, the block, the effects, the warnings."""
    symbols = page.symbols
    signs = {
        "create": symbols.add,
        "restore": symbols.add,
        "assign": symbols.add,
        "buy": symbols.add,
        "update": symbols.change,
        "modify": symbols.change,
        "renewal": symbols.change,
        "swap": symbols.swap,
        "revoke": symbols.remove,
        "delete": symbols.remove,
    }
    ready = row.first.ready
    style = STYLES[row.verb] if ready else "dim"
    start = 2 + 2 + VERB_WIDTH
    told = what(row, symbols.arrow)
    because = f"[{row.because}]" if row.because else ""
    if start + subject_width + width_of(told) + 1 + width_of(because) > page.width:
        told = what(row, symbols.arrow, short=True) if row.verb == "swap" else told
    page.row(
        [
            (
                Span(
                    signs[row.verb] if ready else symbols.blocked, f"bold {style}" if ready else "bold yellow"
                ),
                2,
            ),
            (Span(row.verb, style), VERB_WIDTH),
            (Span(row.subject, "bold" if ready else ""), subject_width),
        ],
        [Span(told), *([Span(" "), Span(because, "dim")] if because else [])],
    )
    if len(row.changes) > 1:
        shown = page.some(row.names)
        more = len(row.names) - len(shown)
        cut = f" {symbols.more} and {more:,} more" if more else ""
        page.put(Span(", ".join(shown) + cut, "dim"), indent=start)
    for reason in (row.blocked_by, row.missing_role):
        if reason:
            page.put(Span(reason, "yellow"), indent=start)
    if ready:
        _effects(page, row, start)
    _warnings(page, row, plan)


def _effects(page: Page, row: Row, indent: int) -> None:
    """Show what a row waits for and what it sets up; the catalogue names what matters most first."""
    if row.waits_for:
        page.put(Span(row.waits_for, "dim"), indent=indent)
    if row.first.effects:
        shown = page.some(row.first.effects)
        rest = len(row.first.effects) - len(shown)
        more = f" {page.symbols.more} and {rest} more services" if rest else ""
        what = "costs" if row.first.buys else "sets up"
        page.put(Span(f"{what}: {'; '.join(shown)}{more}", "dim"), indent=indent)


def _warnings(page: Page, row: Row, plan: Plan) -> None:
    """Show what a row destroys or risks: the deadline in the margin, then what, then how to prevent it."""
    day = clean(plan.created_at[:10])
    for alike in _merged(page, row.first.warnings):
        warning = alike[0]
        told = messages.warnings(alike, about=row.each, day=day)
        lost = warning.code in DATA_LOSS
        style = "bold red" if lost else "yellow"
        page.row(
            [(Span(_margin(warning), style), LABEL_WIDTH)],
            [Span(f"{clean(warning.code)}: ", style), Span(told.message)],
            indent=4,
        )
        if told.prevent:
            page.put(Span("To prevent it: ", "bold"), Span(told.prevent), indent=4 + LABEL_WIDTH)


def _merged(page: Page, warnings: Sequence[plans.Warning]) -> list[list[plans.Warning]]:
    """Return warnings one by one; of services lost with one deadline all together, on a short page."""
    merged: dict[object, list[plans.Warning]] = {}
    for number, warning in enumerate(warnings):
        together = page.limit is not None and warning.code == "data-deletion"
        key = (warning.params.get("known"), warning.recoverable_until) if together else number
        merged.setdefault(key, []).append(warning)
    page.cut = page.cut or len(merged) < len(warnings)
    return list(merged.values())


def _margin(warning: plans.Warning) -> str:
    """Return what stands in the margin of a warning: the deadline, seen at a glance."""
    if warning.recoverable_until:
        return f"until {clean(warning.recoverable_until)}"
    return {
        "data-deletion": "date unknown",
        "mailbox-downgrade": "at once",
        "storage-downgrade": "at once",
    }.get(warning.code, "note")


# ------------------------------------------------------------ seats


def seats(page: Page, plan: Plan) -> None:
    """Show seats before and after, of the SKUs where something moves or is short."""
    shown = [row for row in plan.seats if page.limit is None or _moves(row)]
    fewer = [Facts(row) for row in plan.options.get("fewer_seats_declared", ()) if isinstance(row, dict)]
    bought = [Facts(row) for row in plan.options.get("self_service_kept", ()) if isinstance(row, dict)]
    if shown or fewer or bought:
        page.heading("Seats")
    if shown:
        _seat_table(page, plan, shown)
    for row in fewer:
        page.put(
            Span(f"{page.symbols.attention} {row.text('sku')}: ", "yellow"),
            Span(
                f"{row.number('declared'):,} declared, {row.number('owned'):,} owned; "
                "a plan gives no seats back."
            ),
        )
    for row in bought:
        page.put(
            Span(f"{page.symbols.attention} {row.text('upn')}: ", "yellow"),
            Span(f"bought {row.text('sku')} by self-service and keeps it; only the user can give it up."),
        )


def _seat_table(page: Page, plan: Plan, shown: Sequence[SeatRow]) -> None:
    names = _names(plan)
    facts = catalog.load()
    labels = [product(row.sku, names.get(row.sku_id) or facts.sku_name(row.sku_id, row.sku)) for row in shown]
    columns = ("owned", "before", "after", "free", "short")
    room = page.width - 2 - NUMBER_WIDTH * len(columns)
    width = min(max(width_of(label) for label in labels), room)
    head = "".join(f"{name:>{NUMBER_WIDTH}}" for name in columns)
    page.lines.append((Span("  " + " " * width), Span(head, "dim")))
    for row, label in zip(shown, labels, strict=True):
        name = shorten(label, width, page.symbols.more)
        numbers = (row.seats, row.in_use_before, row.in_use_after, row.free_after)
        page.lines.append(
            (
                Span("  " + name + " " * (width - width_of(name))),
                Span("".join(f"{number:>{NUMBER_WIDTH},}" for number in numbers)),
                Span(f"{row.short:>{NUMBER_WIDTH},}", "bold red" if row.short else ""),
            )
        )
    rest = len(plan.seats) - len(shown)
    if rest:
        page.put(Span(f"{count(rest, 'other SKU')} without change", "dim"))


def _moves(row: SeatRow) -> bool:
    """Tell whether a reviewer needs this row."""
    return row.in_use_before != row.in_use_after or bool(row.short) or row.in_use_after > row.seats


def _names(plan: Plan) -> dict[str, str]:
    """Return SKU id → product name, as far as the plan tells."""
    licences = (x for c in plan.changes for part in (c.assign, c.revoke, c.modify) for x in part)
    return {
        **{licence.sku_id: licence.name for licence in licences},
        **{change.sku.sku_id: change.sku.name for change in plan.changes if change.sku},
        **{purchase.sku_id: purchase.name for purchase in plan.purchases},
    }
