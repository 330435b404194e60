"""Which SKUs does the tenant own, with how many seats, and who sits on them?

Seats are sums over subscriptions, seats in use are counted from assignments: one a user and SKU,
however many sources give it, none for a source in state Error. Whether a licence may be assigned is
decided in licensing.py.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler import catalog
from reconciler.sandbox.clock import parse
from reconciler.sandbox.licensing import Product

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable

    from reconciler.sandbox import resources

STATUS_OF_UNIT = {
    "enabled": "Enabled",
    "warning": "Warning",
    "suspended": "Suspended",
    "locked_out": "LockedOut",
}
"""Member of prepaidUnits (our spelling) → the status of the subscriptions that it sums up, best first."""

MONTH, YEAR = 30, 365
_MONTHLY_AT_MOST = 35  # days; Graph tells no term, so its length is the best sign
_ASSIGNABLE = ("Enabled", "Warning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A row of `subscriptions`; instants are texts, `auto_renew` is None where nobody told."""

    id: str
    sku_id: str
    status: str
    seats: int
    created_at: str | None = None
    next_at: str | None = None
    is_trial: bool = False
    auto_renew: bool | None = None
    owner_type: str | None = None
    commerce_id: str | None = None


def add(
    db: sqlite3.Connection, sku_id: str, part_number: str, plans: list[dict[str, str]], *, applies_to: str
) -> None:
    """Add a SKU that has no seats yet; `plans` are Graph's servicePlanInfo objects."""
    db.execute(
        "INSERT INTO skus (sku_id, part_number, applies_to, status, plans) VALUES (?, ?, ?, 'Deleted', ?)",
        (sku_id, part_number, applies_to, json.dumps(plans)),
    )


def add_subscription(db: sqlite3.Connection, new: Subscription) -> None:
    """Add a subscription; the caller refreshes the SKU's status."""
    db.execute(
        "INSERT INTO subscriptions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.id,
            new.sku_id,
            new.status,
            new.seats,
            new.created_at,
            new.next_at,
            int(new.is_trial),
            None if new.auto_renew is None else int(new.auto_renew),
            new.owner_type,
            new.commerce_id,
            _term_days(new.created_at, new.next_at),
        ),
    )


def _term_days(created_at: str | None, next_at: str | None) -> int:
    """Return the term of a subscription: a month where its dates lie so, else a year."""
    if created_at is None or next_at is None:
        return YEAR
    days = (parse(next_at) - parse(created_at)).days
    return MONTH if 0 < days <= _MONTHLY_AT_MOST else YEAR


def new_subscription_id(*names: str) -> str:
    """Return an id that is always the same for the same names."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("reconciler:subscription", *names))))


def keep_told(db: sqlite3.Connection, sku_id: str, told: resources.Sku) -> None:
    """Keep what a snapshot tells of a SKU beyond its parts, so that it reads the same afterwards."""
    units = told.prepaid_units
    counted = units_of(db, (sku_id,))[sku_id]
    more = [0, 0, 0, 0]
    if units is not None:
        more = [(getattr(units, unit) or 0) - counted[unit] for unit in STATUS_OF_UNIT]
    unseen = max(0, (told.consumed_units or 0) - consumed(db, (sku_id,))[sku_id])
    db.execute(
        "UPDATE skus SET consumed_more = ?, enabled_more = ?, warning_more = ?, suspended_more = ?,"
        " locked_out_more = ? WHERE sku_id = ?",
        (unseen, *more, sku_id),
    )
    refresh_status(db, sku_id)
    if told.capability_status is not None:
        db.execute("UPDATE skus SET status = ? WHERE sku_id = ?", (told.capability_status, sku_id))


def refresh_status(db: sqlite3.Connection, sku_id: str) -> None:
    """Derive a SKU's capabilityStatus: the best status that any of its units has."""
    units = units_of(db, (sku_id,))[sku_id]
    status = next((status for unit, status in STATUS_OF_UNIT.items() if units[unit] > 0), "Deleted")
    db.execute("UPDATE skus SET status = ? WHERE sku_id = ?", (status, sku_id))


def units_of(db: sqlite3.Connection, sku_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return the seats of each SKU by member of prepaidUnits (our spelling)."""
    wanted = json.dumps(list(sku_ids))
    found = {
        row["sku_id"]: {unit: row[f"{unit}_more"] for unit in STATUS_OF_UNIT}
        for row in db.execute(
            "SELECT * FROM skus WHERE sku_id IN (SELECT value FROM json_each(?))", (wanted,)
        )
    }
    unit_of = {status: unit for unit, status in STATUS_OF_UNIT.items()}
    sums = db.execute(
        "SELECT sku_id, status, SUM(seats) FROM subscriptions"
        " WHERE sku_id IN (SELECT value FROM json_each(?)) GROUP BY sku_id, status",
        (wanted,),
    )
    for sku_id, status, seats in sums:
        if status in unit_of:
            found[sku_id][unit_of[status]] += seats
    return {sku_id: {unit: max(0, n) for unit, n in units.items()} for sku_id, units in found.items()}


def consumed(db: sqlite3.Connection, sku_ids: Iterable[str]) -> dict[str, int]:
    """Return the seats in use of each SKU that the tenant owns."""
    rows = db.execute(
        "SELECT sku_id, consumed_more + (SELECT COUNT(DISTINCT user_id) FROM assignments"
        " WHERE assignments.sku_id = skus.sku_id AND remembered = 0 AND state <> 'Error')"
        " FROM skus WHERE sku_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(sku_ids)),),
    )
    return dict(rows.fetchall())


def products(
    db: sqlite3.Connection, sku_ids: Iterable[str], *, seats_of: Collection[str] = ()
) -> dict[str, Product]:
    """Return what the licence rules need to know of each SKU that the tenant owns.

    Free seats are counted for `seats_of` only, since that takes time in a large tenant; of the others
    none is free.
    """
    wanted = list(sku_ids)
    units, used = units_of(db, seats_of), consumed(db, seats_of)
    rows = db.execute(
        "SELECT * FROM skus WHERE sku_id IN (SELECT value FROM json_each(?))", (json.dumps(wanted),)
    )
    found = {}
    for row in rows:
        sku_id = row["sku_id"]
        seats = units.get(sku_id, {})
        usable = seats.get("enabled", 0) + seats.get("warning", 0) if row["status"] in _ASSIGNABLE else 0
        found[sku_id] = Product(
            sku_id=sku_id,
            part_number=row["part_number"],
            applies_to=row["applies_to"],
            owned=row["status"] not in ("Deleted", "LockedOut"),
            free=usable - used.get(sku_id, 0),
            plans={plan["servicePlanId"]: plan["appliesTo"] for plan in json.loads(row["plans"])},
        )
    return found


def premium(db: sqlite3.Connection) -> bool:
    """Tell whether the tenant has Entra ID P1 or P2, in whichever SKU."""
    facts = catalog.load()
    wanted = {plan.id for plan in facts.plans.values() if plan.name in ("AAD_PREMIUM", "AAD_PREMIUM_P2")}
    for row in db.execute("SELECT sku_id, status, plans FROM skus"):
        told = {plan["servicePlanId"] for plan in json.loads(row["plans"])}
        known = facts.skus.get(row["sku_id"])
        if row["status"] in _ASSIGNABLE and wanted.intersection(told or (known.plans if known else ())):
            return True
    return False


def subscribed_skus(db: sqlite3.Connection, tenant_id: str, tenant_name: str) -> list[dict[str, Any]]:
    """Return every SKU as Graph's subscribedSku, by part number."""
    rows = db.execute("SELECT * FROM skus ORDER BY part_number, sku_id").fetchall()
    ids = [row["sku_id"] for row in rows]
    units, used = units_of(db, ids), consumed(db, ids)
    subscriptions: dict[str, list[str]] = {}
    for sku_id, each in db.execute("SELECT sku_id, id FROM subscriptions ORDER BY id"):
        subscriptions.setdefault(sku_id, []).append(each)
    return [
        {
            "id": f"{tenant_id}_{row['sku_id']}",
            "accountId": tenant_id,
            "accountName": tenant_name,
            "appliesTo": row["applies_to"],
            "capabilityStatus": row["status"],
            "consumedUnits": used[row["sku_id"]],
            "prepaidUnits": {
                "enabled": units[row["sku_id"]]["enabled"],
                "suspended": units[row["sku_id"]]["suspended"],
                "warning": units[row["sku_id"]]["warning"],
                "lockedOut": units[row["sku_id"]]["locked_out"],
            },
            "servicePlans": json.loads(row["plans"]),
            "skuId": row["sku_id"],
            "skuPartNumber": row["part_number"],
            "subscriptionIds": subscriptions.get(row["sku_id"], []),
        }
        for row in rows
    ]


def company_subscriptions(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return every subscription as Graph's companySubscription; renewal is not among its members."""
    rows = db.execute(
        "SELECT s.*, k.part_number, k.plans FROM subscriptions s JOIN skus k USING (sku_id) ORDER BY s.id"
    )
    return [
        {
            "id": row["id"],
            "commerceSubscriptionId": row["commerce_id"],
            "createdDateTime": row["created_at"],
            "isTrial": bool(row["is_trial"]),
            "nextLifecycleDateTime": row["next_at"],
            "ownerId": None,
            "ownerTenantId": None,
            "ownerType": row["owner_type"],
            "serviceStatus": json.loads(row["plans"]),
            "skuId": row["sku_id"],
            "skuPartNumber": row["part_number"],
            "status": row["status"],
            "totalLicenses": row["seats"],
        }
        for row in rows
    ]
