"""How are users and their licences listed for people?

Rows of text from looking.users, and the sentences beneath a list. It selects nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.assignment_errors import meaning
from reconciler.report.layout import Span
from reconciler.report.listing import paragraph, table
from reconciler.report.phrases import count, listing
from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from reconciler.looking.users import Filter, Found, Holding, Kind, Person
    from reconciler.report.layout import Line

TITLES = ("UPN", "NAME", "DEPARTMENT", "LOC", "LICENCES")
LAST_TITLE: dict[Filter, str] = {"errors": "ERRORS", "double": "HELD TWICE"}

CLASSES: dict[Kind, tuple[str, str]] = {
    "guest": ("guest", "guests"),
    "disabled": ("disabled account", "disabled accounts"),
    "resource": ("resource account", "resource accounts"),
    "shared": ("shared mailbox", "shared mailboxes"),
    "unknown": ("account of an unknown kind", "accounts of an unknown kind"),
    "member": ("member", "members"),
}
"""Class → how one and several of its users are called."""

WHO: dict[Filter, str] = {
    "all": "",
    "unlicensed": " without a licence",
    "sku": " with this licence",
    "disabled": " who can't sign in",
    "guests": " from outside",
    "errors": " with a licence in error",
    "double": " with a licence held directly and through a group",
}


def lines(found: Found, wanted: Filter, *, width: int | None) -> list[Line]:
    """Return a list and the sentence beneath it; `width` is None in a pipe."""
    titles = (*TITLES[:-1], LAST_TITLE.get(wanted, TITLES[-1]))
    rows = [row(person, wanted) for person in found.people]
    listed = [*table(titles, rows, width=width), ()] if rows else []
    return [*listed, *paragraph(beneath(found, wanted), width)]


def row(person: Person, wanted: Filter) -> tuple[str | Span, ...]:
    """Return one user as cells."""
    user = person.user
    style = "dim" if person.kind != "member" else ""
    return (
        Span(user.upn, style),
        Span(_named(person), style),
        user.department or "",
        user.usage_location or "",
        _last(person, wanted),
    )


def _named(person: Person) -> str:
    """Return the name, and the class of whoever is no ordinary member."""
    if person.kind == "member":
        return person.user.name
    return f"{person.user.name} ({person.kind})".strip()


def _last(person: Person, wanted: Filter) -> str | Span:
    match wanted:
        case "errors":
            return Span("; ".join(error(one) for one in person.holdings if one.failed), "yellow")
        case "double":
            return ", ".join(held(one) for one in person.holdings if one.sku_id in person.double)
        case _:
            return ", ".join(held(one) for one in person.holdings)


def held(one: Holding) -> str:
    """Return a licence as a list names it: "EMS", "POWER_BI_PRO (group Analysts)", "EMS (in error)"."""
    notes = [
        *([f"group {clean(one.group)}"] if one.group else []),
        *(["in error"] if one.failed else []),
    ]
    return clean(one.sku) + (f" ({', '.join(notes)})" if notes else "")


def error(one: Holding) -> str:
    """Return what went wrong with a licence: "EMS (group Sales), CountViolation: no seat was free …"."""
    group = f" (group {clean(one.group)})" if one.group else ""
    works = " (it works from here all the same)" if one.state == "ActiveWithError" else ""
    return f"{clean(one.sku)}{group}, {clean(one.error)}: {meaning(one)}{works}"


def beneath(found: Found, wanted: Filter) -> str:
    """Return the sentence beneath a list: how many users, and how many are put aside, by class."""
    total = f"{count(len(found.people), 'user')}{WHO[wanted]}."
    if not found.aside:
        return total
    aside = listing([f"{number:,} {CLASSES[kind][number != 1]}" for kind, number in found.aside])
    flags = " ".join(f"--include {kind}" for kind, _ in found.aside)
    return f"{total} Not listed: {aside} (`{flags}`)."
