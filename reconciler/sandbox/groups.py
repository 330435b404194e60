"""What does the tenant know of a group, and how does Graph show it?

Finding groups, their licences, who is in them, and the JSON of a group for a $select. Who may change
one is decided in group_changes.py, what its members get in processing.py.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.sandbox import processing
from reconciler.sandbox.resources import GROUP_LISTS, PROCESSING_STATE

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from reconciler.sandbox.licensing import Wanted
    from reconciler.sandbox.query import Condition


def find(db: sqlite3.Connection, key: str) -> sqlite3.Row | None:
    """Return the row of a group, by id."""
    row: sqlite3.Row | None = db.execute("SELECT * FROM groups WHERE id = ?", (key.lower(),)).fetchone()
    return row


def by_id(db: sqlite3.Connection, ids: Iterable[str]) -> list[sqlite3.Row]:
    """Return the rows of those groups that there are."""
    wanted = json.dumps(list(ids))
    return db.execute(
        "SELECT * FROM groups WHERE id IN (SELECT value FROM json_each(?))", (wanted,)
    ).fetchall()


def page(
    db: sqlite3.Connection, conditions: Sequence[Condition], *, after: str, limit: int
) -> list[sqlite3.Row]:
    """Return up to `limit` rows whose id follows `after`, by id, that meet every condition."""
    where, values = _where(conditions)
    sql = f"SELECT * FROM groups WHERE {where} AND id > ? ORDER BY id LIMIT ?"  # noqa: S608  query.py's own terms
    return db.execute(sql, (*values, after, limit)).fetchall()


def count(db: sqlite3.Connection, conditions: Sequence[Condition]) -> int:
    """Return how many groups meet every condition."""
    where, values = _where(conditions)
    sql = f"SELECT COUNT(*) FROM groups WHERE {where}"  # noqa: S608  as in page
    number: int = db.execute(sql, values).fetchone()[0]
    return number


def _where(conditions: Sequence[Condition]) -> tuple[str, list[Any]]:
    where = " AND ".join(condition.sql for condition in conditions) or "1"
    return where, [value for condition in conditions for value in condition.values]


def show(
    db: sqlite3.Connection, rows: Iterable[sqlite3.Row], names: Sequence[str], now: datetime
) -> list[dict[str, Any]]:
    """Return groups as Graph's JSON with the properties `names` and no others."""
    return [_shown(db, row, names, now) for row in rows]


def _shown(db: sqlite3.Connection, row: sqlite3.Row, names: Sequence[str], now: datetime) -> dict[str, Any]:
    whole = json.loads(row["resource"])
    if PROCESSING_STATE in names and whole.get("assignedLicenses") is not None:
        whole[PROCESSING_STATE] = {"state": processing.state(db, row["id"], now)}
    return {name: whole.get(name, [] if name in GROUP_LISTS else None) for name in names}


def keep_licences(db: sqlite3.Connection, row: sqlite3.Row, licences: Iterable[Wanted]) -> None:
    """Write what a group gives its members."""
    whole = json.loads(row["resource"])
    whole["assignedLicenses"] = [
        {"skuId": each.sku_id, "disabledPlans": list(each.disabled_plans)} for each in licences
    ]
    db.execute("UPDATE groups SET resource = ? WHERE id = ?", (json.dumps(whole), row["id"]))


def members(db: sqlite3.Connection, group_id: str, *, after: str, limit: int) -> list[sqlite3.Row]:
    """Return up to `limit` rows (their ids only) of the users and groups in a group."""
    return db.execute(
        "SELECT member_id AS id FROM members WHERE group_id = ? AND member_id > ?"
        " AND (EXISTS (SELECT 1 FROM users WHERE id = member_id AND deleted_at IS NULL)"
        " OR EXISTS (SELECT 1 FROM groups WHERE id = member_id)) ORDER BY member_id LIMIT ?",
        (group_id, after, limit),
    ).fetchall()


def nested(db: sqlite3.Connection, group_id: str, *, after: str, limit: int) -> list[sqlite3.Row]:
    """Return up to `limit` rows of the groups in a group whose id follows `after`, by id."""
    return db.execute(
        "SELECT groups.* FROM members JOIN groups ON id = member_id"
        " WHERE group_id = ? AND id > ? ORDER BY id LIMIT ?",
        (group_id, after, limit),
    ).fetchall()


def holding(db: sqlite3.Connection, member_id: str, *, after: str, limit: int) -> list[sqlite3.Row]:
    """Return up to `limit` rows of the groups that somebody is in (itself) and whose id follows `after`."""
    return db.execute(
        "SELECT groups.* FROM members JOIN groups ON id = group_id"
        " WHERE member_id = ? AND id > ? ORDER BY id LIMIT ?",
        (member_id, after, limit),
    ).fetchall()


def in_error(db: sqlite3.Connection, group_id: str, *, after: str, limit: int) -> list[sqlite3.Row]:
    """Return up to `limit` rows (their ids only) of the users whom the group's licences don't reach well."""
    return db.execute(
        "SELECT DISTINCT user_id AS id FROM assignments WHERE group_id = ? AND remembered = 0"
        " AND error <> 'None' AND user_id > ? ORDER BY user_id LIMIT ?",
        (group_id, after, limit),
    ).fetchall()


def is_member(db: sqlite3.Connection, group_id: str, member_id: str) -> bool:
    """Tell whether a user or a group is in a group itself (not through another)."""
    sql = "SELECT 1 FROM members WHERE group_id = ? AND member_id = ?"
    return db.execute(sql, (group_id, member_id)).fetchone() is not None


def above(db: sqlite3.Connection, member_id: str) -> list[sqlite3.Row]:
    """Return the rows of the groups that somebody is in, through other groups too, by id."""
    return db.execute(
        "WITH RECURSIVE above (id) AS (SELECT group_id FROM members WHERE member_id = ?"
        " UNION SELECT group_id FROM members JOIN above ON member_id = above.id)"
        " SELECT groups.* FROM above JOIN groups USING (id) ORDER BY id",
        (member_id,),
    ).fetchall()
