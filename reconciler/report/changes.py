"""How are changes laid out on the page: one row for those that are alike, and what each row brings?

What a change does, for whom and why; below it names, members of a group, what blocks it, what it sets
up, and what it destroys or risks. The words are those of messages and rows; nothing here decides anything.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, assert_never

from reconciler.report import messages
from reconciler.report.layout import Span, width_of
from reconciler.report.phrases import count, listing
from reconciler.report.rows import likeness, what
from reconciler.report.sanitize import clean
from reconciler.report.warning_words import ADVICE, DATA_LOSS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler import plan as plans
    from reconciler.plan import Change, Plan
    from reconciler.report.layout import Page
    from reconciler.report.rows import Row

VERBS = ("create", "restore", "update", "assign", "swap", "modify", "add")
"""The order of changes that take nothing away."""

STYLES = {
    "create": "green",
    "restore": "green",
    "assign": "green",
    "update": "cyan",
    "add": "green",
    "modify": "cyan",
    "swap": "cyan",
    "revoke": "red",
    "remove": "red",
    "delete": "red",
    "buy": "yellow",
    "renewal": "yellow",
}

VERB_WIDTH = 9
START = 2 + 2 + VERB_WIDTH
"""Where subjects, and what stands below them, begin."""

LABEL_WIDTH = len("until 2026-12-24") + 2
SUBJECT_LIMIT = 34
"""A longer subject does not push the others' second column out of the page."""


def removals(page: Page, plan: Plan, found: Sequence[Row]) -> None:
    """Show what is taken away, what that destroys and until when: the first deadline first."""
    _changes(
        page,
        "Removals",
        sorted((row for row in found if row.removes), key=lambda row: (not row.first.ready, row.deadline)),
        plan,
    )


def others(page: Page, plan: Plan, found: Sequence[Row]) -> None:
    """Show the changes that take nothing away, by what they do."""
    rest = [row for row in found if not row.removes and not row.first.buys]
    _changes(
        page,
        "Other changes",
        sorted(rest, key=lambda row: (VERBS.index(row.verb), not row.first.ready)),
        plan,
    )


def _changes(page: Page, title: str, found: Sequence[Row], plan: Plan) -> None:
    if found:
        page.heading(title)
    rows(page, found, plan)


def rows(page: Page, found: Sequence[Row], plan: Plan) -> None:
    """Show rows with their subjects in one column."""
    widths = [width_of(row.subject) for row in found if not _flows(row)]
    width = min(max(widths, default=0), SUBJECT_LIMIT) + 2
    skus = {row.sku_id: row.sku for row in plan.seats}
    for row in found:
        _head(page, row, width, skus)
        _below(page, row)
        _warnings(page, row, clean(plan.created_at[:10]))


def _head(page: Page, row: Row, subject_width: int, skus: Mapping[str, str]) -> None:
    """Show what a row does, to whom and why; a group's long name flows with the rest."""
    symbols, ready = page.symbols, row.first.ready
    style = STYLES[row.verb] if ready else "dim"
    told = what(row, symbols.arrow, skus=skus)
    because = f"[{row.because}]" if row.because else ""
    if START + subject_width + width_of(told) + 1 + width_of(because) > page.width:
        told = what(row, symbols.arrow, short=True, skus=skus) if row.verb == "swap" else told
    sign = Span(_sign(page, row), f"bold {style}" if ready else "bold yellow")
    subject = Span(row.subject, "bold" if ready else "")
    rest = [Span(told), *([Span(" "), Span(because, "dim")] if because else [])]
    cells = [(sign, 2), (Span(row.verb, style), VERB_WIDTH)]
    if _flows(row):
        page.row(cells, [subject, Span(": "), *rest])
    else:
        page.row([*cells, (subject, subject_width)], rest)


def _flows(row: Row) -> bool:
    """Tell whether a subject of several words is too long for its column: what follows comes behind it."""
    return " " in row.subject and width_of(row.subject) > SUBJECT_LIMIT


def _sign(page: Page, row: Row) -> str:
    symbols = page.symbols
    if not row.first.ready:
        return symbols.blocked
    match row.verb:
        case "create" | "restore" | "add" | "assign" | "buy":
            return symbols.add
        case "update" | "modify" | "renewal":
            return symbols.change
        case "swap":
            return symbols.swap
        case "revoke" | "remove" | "delete":
            return symbols.remove
        case _:
            assert_never(row.verb)


def _below(page: Page, row: Row) -> None:
    """Show whom a row is about, what blocks it, what it waits for and what it sets up."""
    change = row.first
    if len(row.changes) > 1:
        page.put(Span(_names(page, row.names), "dim"), indent=START)
    if change.kind == "set-group-licenses":
        _members(page, change)
    for reason in (row.blocked_by, row.missing_role):
        if reason:
            page.put(Span(reason, "yellow"), indent=START)
    if not change.ready:
        return
    if row.waits_for:
        page.put(Span(row.waits_for, "dim"), indent=START)
    if row.effects:  # the catalogue names what matters most first
        shown = page.some(row.effects)
        rest = len(row.effects) - len(shown)
        more = f" {page.symbols.more} and {rest} more services" if rest else ""
        does = "costs" if change.buys else "sets up"
        page.put(Span(f"{does}: {'; '.join(shown)}{more}", "dim"), indent=START)


def _names(page: Page, names: Sequence[str]) -> str:
    """Return names, of many the first ones and how many more there are."""
    shown = page.some(names)
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" {page.symbols.more} and {more:,} more" if more else "")


def _members(page: Page, change: Change) -> None:
    """Show which members a change of a group's licences gives something and takes something from."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for member in change.members:
        alike.setdefault((member.gains, member.loses), []).append(clean(member.user.upn))
    for (gains, loses), names in alike.items():
        does = [
            f"{verb if len(names) > 1 else once} {listing([clean(sku) for sku in skus])}"
            for verb, once, skus in (("get", "gets", gains), ("lose", "loses", loses))
            if skus
        ]
        page.put(
            Span(f"{count(len(names), 'member')} {' and '.join(does)}: "),
            Span(_names(page, names), "dim"),
            indent=START,
        )
    if not change.members and (change.assign or change.revoke):
        page.put(Span("no member gets or loses a licence by it", "dim"), indent=START)


# ------------------------------------------------------------ warnings


class Told(NamedTuple):
    """Warnings that one message tells together, and the members of a group whom it is about, if any."""

    warnings: Sequence[plans.Warning]
    members: Sequence[str] = ()

    def about(self, row: Row) -> str:
        """Return whom the message is about: its verb stays in the singular."""
        if len(self.members) > 1:
            return f"each of these {count(len(self.members), 'member')}"
        return f"user {self.members[0]}" if self.members else row.each


def _warnings(page: Page, row: Row, day: str) -> None:
    """Show what a row destroys or risks: the deadline in the margin, then what, then how to prevent it."""
    for told in _told(page, row):
        warning = told.warnings[0]
        words = messages.warnings(told.warnings, about=told.about(row), day=day)
        style = "bold red" if warning.code in DATA_LOSS else "yellow"
        page.row(
            [(Span(_margin(warning), style), LABEL_WIDTH)],
            [Span(f"{clean(warning.code)}: ", style), Span(words.message)],
            indent=4,
        )
        if len(told.members) > 1:
            page.put(Span(_names(page, told.members), "dim"), indent=4 + LABEL_WIDTH)
        if words.prevent:
            advice = ADVICE.get(warning.code, "To prevent it: ")
            page.put(Span(advice, "bold"), Span(words.prevent), indent=4 + LABEL_WIDTH)


def _told(page: Page, row: Row) -> list[Told]:
    """Return the warnings of a row; of a group, those that many members share stand once."""
    if row.first.kind != "set-group-licenses":
        return [Told(alike) for alike in _merged(page, row.first.warnings)]
    of_member: dict[str, list[plans.Warning]] = {}
    for warning in row.first.warnings:
        of_member.setdefault(str(warning.params.get("upn") or ""), []).append(warning)
    shared: dict[str, tuple[list[plans.Warning], list[str]]] = {}
    for upn, warnings in of_member.items():
        for alike in _merged(page, warnings):
            key = json.dumps([likeness(warning) for warning in alike])
            _, upns = shared.setdefault(key, (alike, []))
            upns += [clean(upn)] if upn else []
    return [Told(alike, upns) for alike, upns in shared.values()]


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
