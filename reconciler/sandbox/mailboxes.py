"""Who has a mailbox, and since when is it without a licence?

As far as data loss needs it: a mailbox is there while a mailbox plan is on, is disconnected when the
last one goes, comes back where one is on again within 30 days, and is then purged (lifecycle.py).
Shared, room and equipment mailboxes need no licence. Of all this the Graph face tells a purpose.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.sandbox.clock import stamp, utc

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from datetime import datetime

    from reconciler.catalog import Catalog
    from reconciler.sandbox.resources import Snapshot

KEPT = timedelta(days=30)
"""How long Exchange Online keeps a mailbox that lost its licence."""

_NEEDS_NONE = ("shared", "room", "equipment")
_PURPOSES = ("user", "linked", "shared", "room", "equipment", "others")


def mailbox_plans(catalog: Catalog) -> frozenset[str]:
    """Return the ids of the plans that make a mailbox; archive add-ons and the like do not."""
    services = {key for key, service in catalog.services.items() if service.kind == "mailbox"}
    return frozenset(
        plan.id for plan in catalog.plans.values() if plan.service in services and plan.level > 0
    )


def settle(db: sqlite3.Connection, user_id: str, *, licensed: bool, now: datetime) -> None:
    """Bring a user's mailbox in line with the licences that the user holds since `now`."""
    if licensed:
        db.execute(
            "INSERT INTO mailboxes (user_id, purpose) VALUES (?, 'user')"
            " ON CONFLICT (user_id) DO UPDATE SET disconnected_at = NULL",
            (user_id,),
        )
        return
    db.execute(
        "UPDATE mailboxes SET disconnected_at = ? WHERE user_id = ? AND disconnected_at IS NULL"
        " AND coalesce(purpose, 'user') NOT IN (SELECT value FROM json_each(?))",
        (stamp(now), user_id, json.dumps(_NEEDS_NONE)),
    )


def purge(db: sqlite3.Connection, now: datetime) -> None:
    """Delete for good the mailboxes that have been disconnected for 30 days."""
    db.execute("DELETE FROM mailboxes WHERE disconnected_at <= ?", (stamp(now - KEPT),))


def purpose(db: sqlite3.Connection, user_id: str) -> str | None:
    """Return what a user's mailbox is for, as Graph spells it; None: there is none, or it is disconnected."""
    row = db.execute(
        "SELECT coalesce(purpose, 'user') FROM mailboxes WHERE user_id = ? AND disconnected_at IS NULL",
        (user_id,),
    ).fetchone()
    if row is None:
        return None
    return row[0] if row[0] in _PURPOSES else "others"


def load(db: sqlite3.Connection, snapshot: Snapshot, plans: frozenset[str], now: datetime) -> None:
    """Make the mailboxes of a snapshot: those told, those licensed, those that lost their licence."""
    told = (
        (each.user_id.lower(), each.purpose, each.bytes, each.has_archive, each.on_hold)
        for each in snapshot.mailboxes
    )
    db.executemany(
        "INSERT OR REPLACE INTO mailboxes (user_id, purpose, bytes, has_archive, on_hold)"
        " SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM users WHERE id = ?1)",
        told,
    )
    db.executemany(
        "INSERT OR IGNORE INTO mailboxes (user_id, purpose) VALUES (?, 'user')", _licensed(db, plans)
    )
    makes_mailbox = {
        row.sku_id.lower()
        for row in snapshot.skus
        if plans.intersection(plan.service_plan_id.lower() for plan in row.service_plans or ())
    }
    lost = (
        (each.user_id.lower(), stamp(each.removed_at))
        for each in sorted(snapshot.removals, key=lambda each: utc(each.removed_at))
        if each.sku_id.lower() in makes_mailbox and utc(each.removed_at) + KEPT > now
    )
    db.executemany(
        "INSERT INTO mailboxes (user_id, purpose, disconnected_at)"
        " SELECT ?1, 'user', ?2 WHERE EXISTS (SELECT 1 FROM users WHERE id = ?1)"
        " ON CONFLICT (user_id) DO UPDATE SET disconnected_at = ?2 WHERE disconnected_at IS NOT NULL",
        lost,
    )


def _licensed(db: sqlite3.Connection, plans: frozenset[str]) -> Iterator[tuple[str]]:
    """Yield the users who have a mailbox plan on."""
    owned = {
        row["sku_id"]: plans.intersection(plan["servicePlanId"] for plan in json.loads(row["plans"]))
        for row in db.execute("SELECT sku_id, plans FROM skus")
    }
    makers = {sku_id: found for sku_id, found in owned.items() if found}
    rows = db.execute(
        "SELECT user_id, sku_id, disabled_plans FROM assignments WHERE state <> 'Error'"
        " AND sku_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(makers)),),
    ).fetchall()
    for user_id, sku_id, disabled in rows:
        if disabled == "[]" or makers[sku_id].difference(json.loads(disabled)):
            yield (user_id,)
