"""What does the tenant's report on the usage of mailboxes tell?

As in Graph, the call is answered with the address of a file, which takes no token: whoever has the address
may fetch it. Here it stands beside the Graph face. What a snapshot did not tell is an empty cell.
"""

from __future__ import annotations

import csv
import io
import uuid
from typing import TYPE_CHECKING

from reconciler.sandbox import audit, fault, tenant
from reconciler.sandbox.resources import USAGE_COLUMNS
from reconciler.sandbox.wire import Context, Reply

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

FILES = "/reports/"
"""Below it stand the files, outside the Graph face."""

_PERIODS = ("D7", "D30", "D90", "D180")


def mailbox_usage(context: Context) -> Reply:
    """GET /reports/getMailboxUsageDetail(period='…')."""
    audit.require_reader(context.actor, "reports")
    if context.params["period"] not in _PERIODS or context.call.query:
        raise fault.malformed("Invalid period or query option.")
    site = context.call.root.removesuffix("/v1.0")
    return Reply(status=302, headers={"Location": f"{site}{FILES}{_name(context.db)}"})


def file(db: sqlite3.Connection, path: str, now: datetime) -> Reply:
    """GET the file that an address names."""
    if path != f"{FILES}{_name(db)}":
        raise fault.not_found(path)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(USAGE_COLUMNS)
    rows = db.execute(
        "SELECT upn, json_extract(resource, '$.displayName') AS name, bytes, has_archive FROM mailboxes"
        " JOIN users ON users.id = user_id WHERE deleted_at IS NULL AND disconnected_at IS NULL ORDER BY upn"
    )
    for row in rows:
        told = {
            "Report Refresh Date": f"{now:%Y-%m-%d}",
            "User Principal Name": row["upn"],
            "Display Name": row["name"] or "",
            "Is Deleted": "False",
            "Storage Used (Byte)": row["bytes"],
            "Has Archive": None if row["has_archive"] is None else str(bool(row["has_archive"])),
            "Report Period": "7",
        }
        writer.writerow([told.get(name, "") for name in USAGE_COLUMNS])
    return Reply(status=200, body="\ufeff" + text.getvalue())


def _name(db: sqlite3.Connection) -> str:
    """Return the name of this tenant's file, which nobody can guess who does not know the tenant."""
    key = f"reconciler:mailboxUsage/{tenant.organization(db)['id']}"
    return f"{uuid.uuid5(uuid.NAMESPACE_URL, key)}.csv"
