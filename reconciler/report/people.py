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
    from datetime import datetime

    from reconciler.looking.users import Filter, Found, Holding, Kind, Person, Silence, Told
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


def lines(found: Found, wanted: Filter, silence: Silence | None = None, *, width: int | None) -> list[Line]:
    """Return a list and the sentences beneath it; `width` is None in a pipe.

    With `silence` everybody's last sign-in is shown.
    """
    titles = (*TITLES[:-1], *(["LAST SIGN-IN"] if silence else []), LAST_TITLE.get(wanted, TITLES[-1]))
    rows = []
    for person in found.people:
        *cells, last = row(person, wanted)
        rows.append((*cells, *([last_sign_in(person, silence.now)] if silence else []), last))
    listed = [*table(titles, rows, width=width), ()] if rows else []
    told = [caution(silence)] if silence else []
    if silence is None or silence.told == "told":
        told.insert(0, beneath(found, wanted, silence))
    return [*listed, *(line for text in told for line in paragraph(text, width))]


def last_sign_in(person: Person, now: datetime) -> str:
    """Return when somebody last signed in: "2026-05-05 (203 days ago)"; "never", as far as is known."""
    last = person.user.sign_in.last if person.user.sign_in else None
    if last is None:
        return "never"
    return f"{last:%Y-%m-%d} ({count((now.date() - last.date()).days, 'day')} ago)"


def caution(silence: Silence) -> str:
    """Return what a list of the inactive does not say, or why there is none."""
    if silence.told != "told":
        return f"Nobody is listed, since nobody's sign-ins are known: {UNKNOWN[silence.told]}."
    return (
        "A date proves nothing by itself: attempts that failed count too, and whoever uses a mailbox through "
        "a phone, a shared account or a service may leave none. Ask before a licence is taken."
    )


UNKNOWN: dict[Told, str] = {
    "no-premium": "the tenant tells them only with Entra ID P1 or P2",
    "forbidden": "reading them takes the permission AuditLog.Read.All and, for a person, a role that may "
    "read the logs, such as Reports Reader",
    "not-told": "the snapshot holds none",
}
"""Why nobody's sign-ins are known."""


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


def beneath(found: Found, wanted: Filter, silence: Silence | None = None) -> str:
    """Return the sentence beneath a list: how many users, and how many are put aside, by class."""
    quiet = f", not signed in for {count(silence.days, 'day')}" if silence else ""
    total = f"{count(len(found.people), 'user')}{WHO[wanted]}{quiet}."
    if not found.aside:
        return total
    aside = listing([f"{number:,} {CLASSES[kind][number != 1]}" for kind, number in found.aside])
    flags = " ".join(f"--include {kind}" for kind, _ in found.aside)
    return f"{total} Not listed: {aside} (`{flags}`)."
