"""How many seats are there, how many are free, and when do they end?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options, output, seen
from reconciler.cli.commands import Command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from reconciler.looking.seats import SeatLine

COLUMNS = (
    "sku",
    "sku_id",
    "name",
    "place",
    "status",
    "owned",
    "in_use",
    "free",
    "over",
    "grace",
    "suspended",
    "trial",
    "ends",
    "auto_renew",
)
"""The header of the CSV; the keys of a SKU in the JSON document are the same, and `subscriptions`."""


@click.command(
    cls=Command,
    examples=[
        ("reconciler seats", "every SKU: owned, in use, free, and when it ends"),
        ("reconciler seats --all", "free and viral SKUs too"),
        ("reconciler seats --snapshot state.json --csv", "of a saved state, for a spreadsheet"),
    ],
)
@options.file
@options.connection
@seen.snapshot
@options.catalog
@options.as_json
@seen.as_csv
@options.everything
def command(*, as_json: bool, as_csv: bool, everything: bool, **where: Any) -> None:
    """Show owned, used and free seats, and when they end.

    In use counts each user once, however the licence came. Grace: past the end of the subscription and
    still working. Auto-renew is unknown where the tenant does not tell, as Microsoft Graph does not.
    """
    from reconciler.looking.seats import lines

    seen.one_format(as_json=as_json, as_csv=as_csv)
    state = seen.see(**where)
    rows = lines(state.context)
    if as_json:
        from reconciler.cli.telling import json_text

        output.write(json_text({"at": _instant(state.now), "skus": [_document(row) for row in rows]}))
    elif as_csv:
        from reconciler.report.listing import as_csv as written

        shown = [row for row in rows if everything or row.place != "ignored"]
        output.write(written(COLUMNS, [_cells(row) for row in shown]))
    else:
        _show(rows, state.now, everything=everything)


def _show(rows: Sequence[SeatLine], now: datetime, *, everything: bool) -> None:
    from reconciler.report import listing, seat_bars

    listing.show(lambda screen: seat_bars.lines(rows, now.date(), screen, everything=everything))


def _document(row: SeatLine) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in COLUMNS} | {"ends": [day.isoformat() for day in row.ends]}
    return values | {
        "subscriptions": [
            {
                "id": one.id,
                "status": one.status,
                "seats": one.seats,
                "trial": one.is_trial,
                "next_lifecycle": one.next_lifecycle and _instant(one.next_lifecycle),
                "auto_renew": one.auto_renew,
                "self_service": one.owner_type == "User",
            }
            for one in row.subscriptions
        ]
    }


def _cells(row: SeatLine) -> list[object]:
    values = {name: getattr(row, name) for name in COLUMNS}
    return list((values | {"ends": " ".join(day.isoformat() for day in row.ends)}).values())


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
