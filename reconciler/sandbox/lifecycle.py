"""What has happened by the time the clock stands later?

Moving the clock (`advance`) is the only thing that runs this: subscriptions renew, or go from Enabled
to Warning, Suspended and Deleted; mailboxes without a licence and deleted users go for good. A
snapshot that is loaded stays as it is until then, however old its dates are.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler import catalog
from reconciler.sandbox import audit, mailboxes, skus, users
from reconciler.sandbox.clock import parse, stamp
from reconciler.sandbox.licensing import enabled_plans

if TYPE_CHECKING:
    import sqlite3

KEPT = timedelta(days=30)
"""How long a deleted user can be restored."""

GRACE = timedelta(days=30)
"""Warning: users work normally, an administrator should act."""

DISABLED = timedelta(days=90)
"""Suspended: users are locked out, data is kept."""


def move(db: sqlite3.Connection, before: datetime, after: datetime) -> None:
    """Make happen what is due by `after`.

    What was overdue at `before` (an old snapshot) happens at `before`, so that the steps that follow
    keep their length.
    """
    touched: set[str] = set()
    while due := _next_due(db, after):
        touched.add(due["sku_id"])
        _step(db, due, max(parse(due["next_at"]), before))
    for sku_id in sorted(touched):
        skus.refresh_status(db, sku_id)
        _drop_licences_of_deleted(db, sku_id, after)
    mailboxes.purge(db, after)
    audit.purge(db, after)
    _purge_users(db, after)


def _purge_users(db: sqlite3.Connection, after: datetime) -> None:
    """Delete for good the users who have been deleted for 30 days, with all that hangs on them."""
    gone = db.execute("SELECT id FROM users WHERE deleted_at <= ?", (stamp(after - KEPT),)).fetchall()
    for statement in (
        "DELETE FROM members WHERE member_id = ?",
        "DELETE FROM role_assignments WHERE principal_id = ?",
        "DELETE FROM users WHERE id = ?",
    ):
        db.executemany(statement, gone)


def _next_due(db: sqlite3.Connection, after: datetime) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM subscriptions WHERE next_at <= ? AND status IN ('Enabled', 'Warning', 'Suspended')"
        " ORDER BY next_at, id LIMIT 1",
        (stamp(after),),
    ).fetchone()
    return row


def _step(db: sqlite3.Connection, row: sqlite3.Row, at: datetime) -> None:
    """Take one subscription one step on; renewal that nobody told of is on, as Microsoft sells it.

    A trial that is renewed is a trial no longer: it is billed from then on.
    """
    status, next_at, is_trial = row["status"], None, row["is_trial"]
    if status == "Enabled" and row["auto_renew"] != 0:
        is_trial = 0
        next_at = at + timedelta(days=row["term_days"])
    elif status == "Enabled":
        status, next_at = "Warning", at + GRACE
    elif status == "Warning":
        status, next_at = "Suspended", at + DISABLED
    else:
        status = "Deleted"
    db.execute(
        "UPDATE subscriptions SET status = ?, next_at = ?, is_trial = ? WHERE id = ?",
        (status, stamp(next_at) if next_at else None, is_trial, row["id"]),
    )


def _drop_licences_of_deleted(db: sqlite3.Connection, sku_id: str, at: datetime) -> None:
    """Take the licences of a SKU that is gone for good; mailboxes that hung on it go with it."""
    if db.execute("SELECT status FROM skus WHERE sku_id = ?", (sku_id,)).fetchone()[0] != "Deleted":
        return
    holders = db.execute("SELECT DISTINCT user_id FROM assignments WHERE sku_id = ?", (sku_id,)).fetchall()
    db.execute("DELETE FROM assignments WHERE sku_id = ?", (sku_id,))
    db.execute("UPDATE skus SET consumed_more = 0 WHERE sku_id = ?", (sku_id,))
    plans = mailboxes.mailbox_plans(catalog.load())
    for (user_id,) in holders:
        held = users.held(db, user_id)
        enabled = enabled_plans(held, skus.products(db, {each.sku_id for each in held}))
        mailboxes.settle(db, user_id, licensed=not plans.isdisjoint(enabled), now=at - mailboxes.KEPT)
