"""How is it told whose data can still be saved? Rows and sentences from looking.recoverable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.layout import Span
from reconciler.report.listing import paragraph, table
from reconciler.report.phrases import count, listing
from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from reconciler.looking.recoverable import Chance, Known, Log, Saving
    from reconciler.report.layout import Line

TITLES = ("UNTIL", "LEFT", "USER", "NAME", "WHAT", "HOW")

SOON = 7
"""With fewer days left than this, a row is red."""


def lines(found: Saving, now: datetime, known: Known, *, width: int | None) -> list[Line]:
    """Return the list and what is known beneath it; `width` is None in a pipe."""
    rows = [row(chance, now) for chance in found.chances]
    listed = [*table(TITLES, rows, width=width, right=frozenset({1})), ()] if rows else []
    beneath = (saved(found.chances), *undated(found.undated), *known_since(known))
    return [*listed, *(line for text in beneath for line in paragraph(text, width))]


def row(chance: Chance, now: datetime) -> tuple[str | Span, ...]:
    """Return one chance as cells."""
    left = chance.days_left(now)
    style = "bold red" if left < SOON else "yellow"
    return (
        Span(f"{chance.until:%Y-%m-%d}", style),
        Span(left_of(left), style),
        chance.upn,
        chance.name,
        what(chance),
        how(chance),
    )


def left_of(days: int) -> str:
    """Return "12 days"; "today" on the last day."""
    return count(days, "day") if days else "today"


def what(chance: Chance) -> str:
    """Return what is at stake: "user", "mailbox, Microsoft Teams", "OneDrive and SharePoint"; clean text."""
    return ", ".join(_things(chance)) or chance.what


def _things(chance: Chance) -> list[str]:
    """Return the services, the mailbox's under the name of what it keeps."""
    titles = [clean(title) for title in chance.services]
    return ["mailbox", *titles[1:]] if chance.what == "mailbox" else titles


def how(chance: Chance) -> str:
    """Return what to do, in a clause; clean text."""
    skus = [clean(sku) for sku in chance.skus]
    things = _things(chance)
    thing = "these" if len(things) > 1 else "a mailbox" if chance.what == "mailbox" else "".join(things)
    such = f", such as {listing(skus, 'or')}" if skus else ""
    again = f"assign a licence with {thing} again{such}"
    stays = f"; {clean(chance.keeps)}" if chance.keeps else ""
    match chance.way:
        case "restore":
            back = f"; {listing(skus)} comes back with the user if seats are free" if skus else ""
            return f"restore the user: an entry with the same name in tenant.yaml, or the admin center{back}"
        case "assign":
            return again + stays
        case "both":
            return f"restore the user, then {again}{stays}"


def saved(chances: Sequence[Chance]) -> str:
    """Return how much can be saved, in a sentence."""
    users = sum(chance.what == "user" for chance in chances)
    mailboxes = sum(chance.what == "mailbox" for chance in chances)
    others = len({chance.user_id for chance in chances if chance.what == "data"})
    parts = [
        *([count(users, "deleted user")] if users else []),
        *([count(mailboxes, "mailbox", "mailboxes")] if mailboxes else []),
        *([f"{'other ' if mailboxes else ''}data of {count(others, 'user')}"] if others else []),
    ]
    told = listing(parts) if parts else ""
    return (
        f"{told[0].upper()}{told[1:]} can still be saved." if told else "Nothing that can be saved is known."
    )


def undated(services: Sequence[tuple[str, int]]) -> list[str]:
    """Return a sentence on what was lost too, and nobody knows until when it can be saved."""
    if not services:
        return []
    told = listing([clean(title) for title, _ in services])
    return [f"Taken away too, with no deadline that is known: {told}."]


def known_since(known: Known) -> list[str]:
    """Return what can be known of removals: since when the log, the journal and the snapshot tell of them."""
    told = [
        *([f"the journal's first run on this tenant is of {_day(known.journal)}"] if known.journal else []),
        *([f"the snapshot's first removal is of {_day(known.snapshot)}"] if known.snapshot else []),
    ]
    both = " and ".join(told)
    if known.log_since:
        earlier = known.journal and known.journal < known.log_since
        rest = f"of earlier ones only apply's are known: {both}" if earlier else "earlier ones are unknown"
        return [
            f"The tenant's audit log tells of licences taken away since {_day(known.log_since)}; {rest}.",
            *_unread(known.unread),
        ]
    first = (
        f"{both[0].upper()}{both[1:]}; earlier removals, and those by other tools, are unknown."
        if told
        else "No removals are on record: the journal has no run of apply on this tenant. Licences that were "
        "taken away before, or by other tools, are unknown."
    )
    why = NOT_READ.get(known.log)
    return [first, *([f"The tenant's audit log was not read: {why}."] if why else [])]


NOT_READ: dict[Log | None, str] = {
    "forbidden": (
        "that takes the permission AuditLog.Read.All and, for a person, a role that may read the logs, "
        "such as Reports Reader"
    ),
    "unavailable": "the tenant does not offer it",
    "cloud": "Microsoft Graph does not offer it in China",
}
"""Why nothing is known from the log."""


def _unread(events: int) -> list[str]:
    """Return a sentence on events that Microsoft cut short, or spelt in a new way."""
    return [f"{count(events, 'event')} of the log could not be understood."] if events else []


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
