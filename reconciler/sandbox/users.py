"""What does the tenant know of a user, and how does Graph show it?

Finding users, listing them in pages, their licences, and the JSON of a user for a $select. Who may see
or change what is decided elsewhere.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.sandbox.licensing import Held
from reconciler.sandbox.resources import LICENSE_PROPERTIES, USER_LISTS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from reconciler.sandbox.query import Condition

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def find(db: sqlite3.Connection, key: str) -> sqlite3.Row | None:
    """Return the row of a user who is not deleted, by id or UPN in any case."""
    row: sqlite3.Row | None = None
    for column in ("id", "upn"):
        sql = f"SELECT * FROM users WHERE {column} = ? AND deleted_at IS NULL"  # noqa: S608  two constants
        row = row or db.execute(sql, (key.lower(),)).fetchone()
    return row


def find_deleted(db: sqlite3.Connection, key: str) -> sqlite3.Row | None:
    """Return the row of a soft-deleted user, by id."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM users WHERE id = ? AND deleted_at IS NOT NULL", (key.lower(),)
    ).fetchone()
    return row


def by_id(db: sqlite3.Connection, ids: Iterable[str]) -> list[sqlite3.Row]:
    """Return the rows of those users who are there and not deleted."""
    return db.execute(
        "SELECT * FROM users WHERE deleted_at IS NULL AND id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    ).fetchall()


def page(
    db: sqlite3.Connection, conditions: Sequence[Condition], *, after: str, limit: int, deleted: bool = False
) -> list[sqlite3.Row]:
    """Return up to `limit` rows whose id follows `after`, by id, that meet every condition."""
    where, values = _where(conditions, deleted=deleted)
    return db.execute(
        f"SELECT * FROM users WHERE {where}"  # noqa: S608  query.py's own terms, values bound
        " AND id > ? ORDER BY id LIMIT ?",
        (*values, after, limit),
    ).fetchall()


def count(db: sqlite3.Connection, conditions: Sequence[Condition], *, deleted: bool = False) -> int:
    """Return how many users meet every condition."""
    where, values = _where(conditions, deleted=deleted)
    sql = f"SELECT COUNT(*) FROM users WHERE {where}"  # noqa: S608  as in page
    number: int = db.execute(sql, values).fetchone()[0]
    return number


def _where(conditions: Sequence[Condition], *, deleted: bool) -> tuple[str, list[Any]]:
    parts = ["deleted_at IS NOT NULL" if deleted else "deleted_at IS NULL"]
    parts += [condition.sql for condition in conditions]
    return " AND ".join(parts), [value for condition in conditions for value in condition.values]


def members(db: sqlite3.Connection, group_id: str, *, after: str, limit: int) -> list[sqlite3.Row]:
    """Return up to `limit` rows of a group's members whose id follows `after`, by id."""
    return db.execute(
        "SELECT users.* FROM members JOIN users ON users.id = member_id"
        " WHERE group_id = ? AND deleted_at IS NULL AND id > ? ORDER BY id LIMIT ?",
        (group_id, after, limit),
    ).fetchall()


def resource(row: sqlite3.Row) -> dict[str, Any]:
    """Return the Graph properties that a user's row holds, less those that it lacks."""
    return _decode(row["resource"])


def show(db: sqlite3.Connection, rows: Iterable[sqlite3.Row], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return users as Graph's JSON with the properties `names` and no others."""
    found = list(rows)
    licences: dict[str, tuple[Any, Any]] = {}
    if LICENSE_PROPERTIES.intersection(names):
        licences = _licences(db, [row["id"] for row in found])
    return [_shown(row, names, licences) for row in found]


def _shown(row: sqlite3.Row, names: Sequence[str], licences: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
    whole = _decode(row["resource"])
    shown: dict[str, Any] = {}
    for name in names:
        if name in LICENSE_PROPERTIES:
            merged, states = licences.get(row["id"], ((), ()))
            shown[name] = merged if name == "assignedLicenses" else states
        elif name in USER_LISTS:
            shown[name] = whole.get(name) or []
        else:
            shown[name] = whole.get(name)
    deleted_at = row["deleted_at"]
    if deleted_at is not None and "userPrincipalName" in shown:
        shown["userPrincipalName"] = row["id"].replace("-", "") + whole["userPrincipalName"]
    if "deletedDateTime" in shown:
        shown["deletedDateTime"] = deleted_at
    return shown


def _licences(db: sqlite3.Connection, ids: list[str]) -> dict[str, tuple[Any, Any]]:
    """Return assignedLicenses and licenseAssignmentStates of each user who has any."""
    rows = db.execute(
        "SELECT * FROM assignments WHERE user_id IN (SELECT value FROM json_each(?))"
        " ORDER BY user_id, sku_id, group_id",
        (json.dumps(ids),),
    )
    states: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        disabled = row["disabled_plans"]
        states.setdefault(row["user_id"], []).append(
            {
                "skuId": row["sku_id"],
                "assignedByGroup": row["group_id"] or None,
                "disabledPlans": [] if disabled == "[]" else json.loads(disabled),
                "state": row["state"],
                "error": row["error"],
                "lastUpdatedDateTime": row["updated_at"],
            }
        )
    return {user_id: (_merged(each), each) for user_id, each in states.items()}


def _merged(states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return assignedLicenses: one item a SKU that any source gives; a plan is off where all turn it off."""
    off: dict[str, set[str]] = {}
    for state in states:
        if state["state"] != "Error":
            plans = set(state["disabledPlans"])
            off[state["skuId"]] = off[state["skuId"]] & plans if state["skuId"] in off else plans
    return [{"disabledPlans": sorted(plans), "skuId": sku_id} for sku_id, plans in off.items()]


def held(db: sqlite3.Connection, user_id: str) -> tuple[Held, ...]:
    """Return a user's licences from every source, remembered ones of a deleted user too."""
    rows = db.execute("SELECT * FROM assignments WHERE user_id = ? ORDER BY sku_id, group_id", (user_id,))
    return tuple(
        Held(
            sku_id=row["sku_id"],
            group_id=row["group_id"] or None,
            disabled_plans=tuple(json.loads(row["disabled_plans"])),
            state=row["state"],
            error=row["error"],
        )
        for row in rows
    )


def keep_held(
    db: sqlite3.Connection, user_id: str, before: Sequence[Held], after: Sequence[Held], at: str
) -> None:
    """Write a user's licences; sources that did not change keep the instant of their last change."""
    old, new = set(before), set(after)
    for each in old - new:
        db.execute(
            "DELETE FROM assignments WHERE user_id = ? AND sku_id = ? AND group_id = ?",
            (user_id, each.sku_id, each.group_id or ""),
        )
    for each in new - old:
        plans = json.dumps(list(each.disabled_plans))
        db.execute(
            "INSERT INTO assignments VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            (user_id, each.sku_id, each.group_id or "", plans, each.state, each.error, at),
        )
    db.execute("UPDATE assignments SET remembered = 0 WHERE user_id = ?", (user_id,))


def save(db: sqlite3.Connection, user: dict[str, Any]) -> None:
    """Write a user's own properties and, from them, what the tenant looks users up by."""
    compact = {name: value for name, value in user.items() if value is not None}
    mail = user["mail"].lower() if user.get("mail") else None
    db.execute(
        "INSERT INTO users VALUES (?, ?, ?, NULL, ?) ON CONFLICT (id) DO UPDATE"
        " SET upn = excluded.upn, mail = excluded.mail, resource = excluded.resource",
        (user["id"], user["userPrincipalName"].lower(), mail, json.dumps(compact)),
    )
    index_addresses(db, user)


def index_addresses(db: sqlite3.Connection, user: dict[str, Any]) -> None:
    """Make a user's proxy addresses findable (and taken)."""
    db.execute("DELETE FROM addresses WHERE user_id = ?", (user["id"],))
    db.executemany(
        "INSERT OR IGNORE INTO addresses VALUES (?, ?)",
        ((address.lower(), user["id"]) for address in user.get("proxyAddresses") or ()),
    )


def address_taken(db: sqlite3.Connection, addresses: Iterable[str], except_id: str) -> bool:
    """Tell whether another user who is not deleted has one of these proxy addresses."""
    wanted = json.dumps([address.lower() for address in addresses])
    row = db.execute(
        "SELECT 1 FROM addresses WHERE address IN (SELECT value FROM json_each(?)) AND user_id <> ?",
        (wanted, except_id),
    ).fetchone()
    return row is not None


def upn_taken(db: sqlite3.Connection, upn: str, except_id: str) -> bool:
    """Tell whether another user who is not deleted has this UPN."""
    row = db.execute(
        "SELECT 1 FROM users WHERE upn = ? AND deleted_at IS NULL AND id <> ?", (upn.lower(), except_id)
    ).fetchone()
    return row is not None
