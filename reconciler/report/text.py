"""How is a plan shown to people who review it?

Summary first; then what stops or costs something: refusals, purchases, conflicts, removals with what
they destroy and until when; then the rest. Coloured on a terminal, plain in a pipe. The words come
from messages and rows; nothing here decides anything.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from reconciler.plan_rails import MONEY
from reconciler.report import changes, messages, outlook, sections
from reconciler.report.layout import Page, Span, Symbols, plain, wrap
from reconciler.report.phrases import actor, count, instant, listing, planned_for
from reconciler.report.rows import grouped
from reconciler.report.sanitize import clean, encodable
from reconciler.report.warning_words import DATA_LOSS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from reconciler.plan import Plan
    from reconciler.report.layout import Line
    from reconciler.report.rows import Row

SHOWN = 3
"""So many of a long list are shown; `everything`, and the JSON, show all of it."""

Count = tuple[str, str, int, str, str]
"""One figure of the summary: symbol, style, number, what is counted, and what to add to it."""

LEFT_COLUMN = 30
TWO_COLUMNS = 72
"""A page at least this wide has the summary in two columns."""


def render(plan: Plan, console: Console | None = None, *, everything: bool = False) -> None:
    """Print a plan on `console` (default: standard output); with `everything`, no list is cut short."""
    from rich.console import Console as Terminal  # noqa: PLC0415  only printing needs it, and it is slow
    from rich.segment import Segment, Segments  # noqa: PLC0415

    console = console or Terminal(highlight=False, markup=False, emoji=False)
    lines = lines_of(plan, width=console.width, encoding=console.encoding, everything=everything)
    if not console.is_terminal or console.no_color or console.color_system is None:
        segments = [Segment(encodable(plain(lines), console.encoding))]
    else:
        segments = [
            Segment(encodable(text, console.encoding), console.get_style(style) if style else None)
            for line in lines
            for text, style in (*line, Span("\n"))
        ]
    console.print(Segments(segments), soft_wrap=True, end="")


def lines_of(plan: Plan, *, width: int, encoding: str = "utf-8", everything: bool = False) -> list[Line]:
    """Return a plan as styled lines. This one list is the order in which a reviewer reads."""
    page = Page(width, Symbols.of(encoding), limit=None if everything else SHOWN)
    rows = grouped(plan.changes)
    _header(page, plan)
    _summary(page, plan)
    sections.refusals(page, plan)
    sections.purchases(page, plan, [row for row in rows if row.first.buys])
    sections.conflicts(page, plan)
    changes.removals(page, plan, rows)
    changes.others(page, plan, rows)
    sections.mailboxes(page, plan)
    sections.rules(page, plan)
    sections.seats(page, plan)
    outlook.horizon(page, plan)
    _closing(page, plan, rows)
    return page.lines


def _header(page: Page, plan: Plan) -> None:
    """Say which tenant the plan is for, who would apply it, and for which day its dates hold."""
    page.put(
        Span(f"Plan for {clean(plan.tenant.domain)}", "bold"), Span(f" ({plan.tenant.provider})"), indent=0
    )
    made, expires = instant(plan.created_at), instant(plan.expires_at)
    facts = [
        ("made", f"{made}; the dates below hold if applied on {clean(plan.created_at[:10])}"),
        ("expires", expires),
        ("actor", actor(plan.actor)),
        *([("for", planned_for(plan.options["for"]))] if plan.options.get("for") else []),
        *([("targets", listing(_texts(plan.options.get("targets"))))] if plan.options.get("targets") else []),
        *([("allows", listing(_texts(plan.options.get("allow"))))] if plan.options.get("allow") else []),
        *([("seats", "those in their grace period are used too")] if plan.options.get("use_grace") else []),
    ]
    for label, value in facts:
        page.row([(Span(label, "dim"), 9)], [Span(value)])


def _texts(value: object) -> list[str]:
    return [clean(str(item)) for item in value] if isinstance(value, (list, tuple)) else [clean(str(value))]


def _summary(page: Page, plan: Plan) -> None:
    """Count what would change on the left, and what wants attention on the right."""
    total, symbols = plan.summary, page.symbols
    deadlines = [
        w.recoverable_until
        for c in plan.ready
        for w in c.warnings
        if w.code in DATA_LOSS and w.recoverable_until
    ]
    first = f", first deadline {clean(min(deadlines))}" if deadlines else ""
    counts: list[Count] = [
        (symbols.add, "green", total.create, "user to create", ""),
        (symbols.add, "green", total.restore, "user to restore", ""),
        (symbols.change, "cyan", total.update, "user to update", ""),
        (symbols.add, "green", total.assign, "licence to assign", ""),
        (symbols.change, "cyan", total.modify, "licence to modify", ""),
        (symbols.remove, "red", total.revoke, "licence to revoke", ""),
        (symbols.remove, "red", total.delete, "user to delete", ""),
        (symbols.change, "cyan", total.group_licenses, "group to relicense", ""),
        (symbols.change, "cyan", total.members, "member to add or remove", ""),
    ]
    attention: list[Count] = [
        (symbols.attention, "red", len(plan.refusals), "guard rail that refuses the plan", ""),
        (symbols.attention, "yellow", total.purchase, "seat to buy", ""),
        (symbols.attention, "yellow", total.conflicts, "conflict", ""),
        (symbols.attention, "yellow", total.warnings, "warning", first),
        (symbols.blocked, "yellow", total.blocked, "blocked change", ""),
        (" ", "dim", total.unlisted_users, "unlisted user", _unlisted(plan)),
    ]
    counts, attention = ([item for item in column if item[2]] for column in (counts, attention))
    if not counts and not attention:
        return
    page.blank()
    digits = max(len(f"{number:,}") for _, _, number, _, _ in (*counts, *attention)) + 1
    if page.width < TWO_COLUMNS:
        page.lines += _column(page, counts + attention, digits, indent=2)
        return
    middle = 2 + LEFT_COLUMN + digits
    left = _column(page, counts, digits, indent=2)
    right = _column(page, attention, digits, indent=middle)
    for before, after in zip_longest(left, right, fillvalue=()):
        gap = middle - sum(len(span.text) for span in before)
        page.lines.append((*before, Span(" " * gap), *after[1:]) if after else before)


def _column(page: Page, counts: Iterable[Count], digits: int, indent: int) -> list[Line]:
    """Return one line for each count, or more where its words don't fit."""
    lines: list[Line] = []
    start = indent + 1 + digits + 1
    for symbol, style, number, noun, more in counts:
        first, *others = wrap([Span(_counted(number, noun) + more)], page.width, start, start)
        figures = (Span(symbol, f"bold {style}"), Span(f"{number:>{digits},} "))
        lines += [(Span(" " * indent), *figures, *first[1:]), *others]
    return lines


def _unlisted(plan: Plan) -> str:
    """Say what becomes of unlisted users; with `unlisted_users: revoke`, who is kept for what they are."""
    kept = plan.options.get("unlisted_kept")
    if not isinstance(kept, dict):
        return ", untouched"
    classes = [f"{number} {clean(str(kind))}" for kind, number in kept.items()]
    unknown = "; nobody told which accounts are shared" if plan.options.get("mailboxes_unknown") else ""
    but = f", but not of: {', '.join(classes)}" if classes else ""
    return f"; licences are revoked{but}{unknown}"


def _counted(number: int, noun: str) -> str:
    """Return the noun in the number's form: its first word but one takes the s, "users to create"."""
    head, *tail = noun.split(" ")
    if head == "guard":
        return noun if number == 1 else "guard rails that refuse the plan"
    if head in ("blocked", "unlisted"):
        return noun if number == 1 else f"{noun}s"
    return " ".join([head if number == 1 else f"{head}s", *tail])


def _closing(page: Page, plan: Plan, rows: list[Row]) -> None:
    """Say what apply would do, last, where a reader of a long plan ends."""
    ready, blocked = len(plan.ready), len(plan.blocked)
    page.blank()
    if page.cut:
        page.put(Span("Lists are cut short here: `show --all` and `--json` have all of it.", "dim"), indent=0)
    missing = messages.may_not(plan.actor, plan.changes)
    if not ready:
        page.put(Span("Nothing to do", "bold"), Span(_why_nothing(plan)), indent=0)
        if missing:
            page.put(Span(missing, "yellow"), indent=0)
        return
    told = f"{count(ready, 'change')} {'is' if ready == 1 else 'are'} ready to apply"
    are, them = ("is", "it") if blocked == 1 else ("are", "them")
    stuck = f"; {blocked:,} {are} blocked (`apply --partial` leaves {them} out)"
    if plan.refusals:
        rails, refuse = ("guard rails", "refuse") if len(plan.refusals) > 1 else ("a guard rail", "refuses")
        money = all(refusal.code in MONEY for refusal in plan.refusals)
        head = f"{'with `--buy`, ' if money else ''}{rails} {refuse} the plan as a whole: "
        page.put(
            Span(head[0].upper() + head[1:], "bold red"),
            Span(f"apply changes nothing without `{messages.allowing(plan)}`.", "bold red"),
            indent=0,
        )
        told = told if money else f"With that, {told}"
    page.put(Span(told + (stuck if blocked else "") + ".", "bold"), indent=0)
    if missing:
        page.put(Span(missing, "yellow"), indent=0)
    if any(row.first.buys and row.first.ready for row in rows):
        page.put(Span("What costs money is left out, unless applied with `--buy`."), indent=0)


def _why_nothing(plan: Plan) -> str:
    """Return the end of the sentence "Nothing to do"."""
    blocked = len(plan.blocked)
    if blocked:
        return f": {count(blocked, 'change')} {'is' if blocked == 1 else 'are'} blocked."
    if any(conflict.blocks for conflict in plan.conflicts):
        return ": conflicts stand in the way of the rest."
    return ": the tenant is as declared."
