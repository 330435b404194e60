"""Whose data can still be saved, until when, and how?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options, output, seen
from reconciler.cli.commands import Command

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.cli.seen import Seen
    from reconciler.looking.recoverable import Chance, Known, Saving
    from reconciler.model import Removal

COLUMNS = ("until", "days_left", "upn", "name", "what", "how", "skus", "lost_at", "user_id", "services")
"""The header of the CSV; the keys of the JSON document's rows are the same."""


@click.command(
    cls=Command,
    examples=[
        ("reconciler recoverable", "what can still be saved today, the most urgent first"),
        ("reconciler recoverable --at 2026-12-24", "what will be left on that day"),
        ("reconciler recoverable --json", "for a monitor that warns in time"),
    ],
)
@options.file
@options.connection
@seen.snapshot
@seen.at
@options.catalog
@options.as_json
@seen.as_csv
def command(*, as_json: bool, as_csv: bool, **where: Any) -> None:
    """Show whose data can still be saved, until when, and how.

    Deleted users can be restored for 30 days. A mailbox, a OneDrive or other data whose licence was taken
    away can be saved until a day of its own by assigning a licence with that service again; who has got
    one meanwhile is not listed. Removals are known from the tenant's audit log, where it may be read, for 7
    or 30 days back, from the journal of apply, and from the snapshot: the list says since when.
    """
    from reconciler.looking.recoverable import Known, saving

    seen.one_format(as_json=as_json, as_csv=as_csv)
    state = seen.see(**where, asks=("log",))
    journal, began = _journal(state)
    audited = state.audited
    # Some removals stand in several: a live tenant's removals are the journal's.
    found = saving(state.context, {*state.current.removals, *journal, *(audited.removals if audited else ())})
    of_snapshot = state.current.removals if where["snapshot"] is not None else ()
    known = Known(
        journal=began,
        snapshot=min((removal.removed_at for removal in of_snapshot), default=None),
        log=state.log,
        log_since=audited.since if audited else None,
        unread=audited.unread if audited else 0,
    )
    if as_json:
        from reconciler.cli.telling import json_text

        rows = [dict(zip(COLUMNS, _values(one, state.now), strict=True)) for one in found.chances]
        output.write(
            json_text(
                {
                    "at": _instant(state.now),
                    "known_since": known.since and _instant(known.since),
                    "journal_since": began and _instant(began),
                    "audit_log": known.log,
                    "audit_log_since": known.log_since and _instant(known.log_since),
                    "audit_log_unread": known.unread,
                    "recoverable": rows,
                    "undated": [{"service": title, "users": users} for title, users in found.undated],
                }
            )
        )
    elif as_csv:
        from reconciler.report.listing import as_csv as written

        output.write(written(COLUMNS, [_cells(one, state.now) for one in found.chances]))
    else:
        _show(found, state.now, known)


def _journal(state: Seen) -> tuple[tuple[Removal, ...], datetime | None]:
    """Return what the journal tells of this tenant: licences taken away, and when its first run was."""
    from reconciler import journal

    path = state.journal
    tenant = state.current.organization.id
    starts = [run.start.time for run in journal.runs(path) if run.start.tenant.id == tenant]
    return journal.removals(path, tenant), min(starts, default=None)


def _show(found: Saving, now: datetime, known: Known) -> None:
    from reconciler.report import chances, listing

    listing.show(lambda screen: chances.lines(found, now, known, width=screen.columns))


def _values(chance: Chance, now: datetime) -> list[Any]:
    """Return a row's values, in the order of COLUMNS."""
    from reconciler.report.chances import how

    return [
        _instant(chance.until),
        chance.days_left(now),
        chance.upn,
        chance.name,
        chance.what,
        how(chance),
        list(chance.skus),
        _instant(chance.lost_at),
        chance.user_id,
        list(chance.services),
    ]


def _cells(chance: Chance, now: datetime) -> list[object]:
    *values, services = _values(chance, now)
    return [*(" ".join(value) if isinstance(value, list) else value for value in values), "; ".join(services)]


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
