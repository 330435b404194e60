"""How is each part of a plan laid out on the page?

One function per section, each with nothing to print where there is nothing to say. The order of the
sections is text's; the words are those of messages and rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler import catalog
from reconciler.report import changes, messages
from reconciler.report.conflict_words import OUTSIDE_ROLES
from reconciler.report.layout import Span, shorten, width_of
from reconciler.report.phrases import Facts, count, product, sample
from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.plan import Conflict, Plan, SeatRow
    from reconciler.report.layout import Page
    from reconciler.report.rows import Row

NUMBER_WIDTH = 7
NAME_LIMIT = 34
MODE_WIDTH = len("replace") + 2
RULES_SHOWN = 10
"""So many rules are shown at least: a line each is what a reviewer of rules reads first."""


def refusals(page: Page, plan: Plan) -> None:
    """Show the guard rails that refuse the plan, and those that are let pass."""
    if plan.refusals or plan.allowed:
        page.heading("Refused by guard rails" if plan.refusals else "Guard rails")
    for refusal in plan.refusals:
        page.put(
            Span(f"{page.symbols.attention} {clean(refusal.code)}: ", "bold red"),
            Span(messages.refusal(refusal)),
            hang=4,
        )
    for passed in plan.allowed:
        page.put(
            Span(f"{page.symbols.attention} {clean(passed.code)}, allowed by name: ", "bold yellow"),
            Span(messages.allowed(passed)),
            hang=4,
        )
    if (plan.refusals or plan.allowed) and plan.blocked:
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
    changes.rows(page, declared, plan)


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


# ------------------------------------------------------------ mailboxes


def mailboxes(page: Page, plan: Plan) -> None:
    """Say how much of an export from Exchange is about users of this tenant."""
    told = Facts(plan.options).facts("mailboxes_told")
    if told is None:
        return
    page.heading("Mailboxes")
    rows, matched, unmatched = told.number("rows"), told.number("matched"), told.names("unmatched")
    style = "" if matched == rows else "yellow"
    page.put(
        Span(
            f"{count(rows, 'mailbox', 'mailboxes')} in the export, {matched:,} matched with a user here",
            style,
        )
    )
    if unmatched:
        page.put(Span(f"of nobody here: {sample(unmatched, rows - matched)}", "dim"), indent=4)


# ------------------------------------------------------------ rules


def rules(page: Page, plan: Plan) -> None:
    """Show the rules and how many users each of them matches."""
    if not plan.rules:
        return
    page.heading("Rules")
    shown = page.some(plan.rules, least=RULES_SHOWN)
    numbers = [count(rule.matched, "user") if rule.matched else "nobody" for rule in shown]
    wide = max(map(len, numbers))
    limit = min(NAME_LIMIT, page.width - 2 - 2 - MODE_WIDTH - wide)
    names = [shorten(clean(rule.name), limit, page.symbols.more) for rule in shown]
    for rule, name, number in zip(shown, names, numbers, strict=True):
        cells = [
            (Span(name), max(map(width_of, names)) + 2),
            (Span(rule.mode, "dim"), MODE_WIDTH),
            (Span(f"{number:>{wide}}", "" if rule.matched else "yellow"), wide + 2),
        ]
        page.row(cells, [Span(f"[{clean(rule.file)}:{rule.line}]", "dim")])
    if len(shown) < len(plan.rules):
        page.put(Span(f"{page.symbols.more} and {len(plan.rules) - len(shown):,} more", "dim"))


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
    labels = labels_of(plan, shown)
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


def labels_of(plan: Plan, rows: Iterable[SeatRow]) -> list[str]:
    """Return "SPE_E5 (Microsoft 365 E5)" for each row of seats, named by the plan or by the catalogue."""
    licences = (x for c in plan.changes for part in (c.assign, c.revoke, c.modify) for x in part)
    names = {
        **{licence.sku_id: licence.name for licence in licences},
        **{change.sku.sku_id: change.sku.name for change in plan.changes if change.sku},
        **{purchase.sku_id: purchase.name for purchase in plan.purchases},
    }
    facts = catalog.load()
    return [product(row.sku, names.get(row.sku_id) or facts.sku_name(row.sku_id, row.sku)) for row in rows]
