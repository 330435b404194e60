"""How are seats bought, and renewal set, in the sandbox?

Microsoft Graph can do neither; this small face of its own (below /commerce/v1) stands in for Partner
Center and the like. It shares nothing with the Graph face but the way in. Reading takes a signed-in
user, writing one who may buy.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from reconciler import catalog
from reconciler.sandbox import fault, query, skus, wire
from reconciler.sandbox.clock import stamp
from reconciler.sandbox.wire import Context, Reply, Route

if TYPE_CHECKING:
    import sqlite3

MAX_SEATS = 2**31 - 1

_WITHOUT_USERS = "EXCHANGE_S_FOUNDATION"
"""The one plan of the catalogue that belongs to the company: nobody can switch it off for a user."""


def _list(context: Context) -> Reply:
    """GET /subscriptions."""
    query.read(context.call.query, ())
    rows = context.db.execute(f"{_SELECT} ORDER BY s.id")
    return Reply(status=200, body={"value": [_shown(row) for row in rows]})


def _change(context: Context) -> Reply:
    """PATCH /subscriptions/{id}: seats, renewal, or both."""
    db = context.db
    row = _found(context)
    context.actor.require("buy")
    given = wire.named(wire.json_object(context.call), ("totalLicenses", "autoRenew"))
    if not given:
        raise fault.refused("No property is named in the request.")
    if row["status"] in ("Deleted", "LockedOut"):
        raise fault.refused("The subscription is deleted; it can't be changed.")
    if "totalLicenses" in given:
        if row["status"] != "Enabled":
            raise fault.refused("The number of licenses can't be changed unless the subscription is enabled.")
        seats = _seats(given["totalLicenses"])
        db.execute("UPDATE subscriptions SET seats = ? WHERE id = ?", (seats, row["id"]))
    if "autoRenew" in given:
        _set_renewal(context, row, given["autoRenew"])
    skus.refresh_status(db, row["sku_id"])
    return Reply(status=200, body=_shown(_found(context)))


def _set_renewal(context: Context, row: sqlite3.Row, on: object) -> None:
    """Turn renewal on or off; on reactivates what has expired, for a new term from now."""
    if not isinstance(on, bool):
        raise fault.wrong_type("Boolean")
    context.db.execute("UPDATE subscriptions SET auto_renew = ? WHERE id = ?", (int(on), row["id"]))
    if on and row["status"] != "Enabled":
        end = stamp(context.now + timedelta(days=row["term_days"]))
        context.db.execute(
            "UPDATE subscriptions SET status = 'Enabled', next_at = ? WHERE id = ?", (end, row["id"])
        )


def _buy(context: Context) -> Reply:
    """POST /subscriptions: a SKU of the catalogue, for a year, with renewal on."""
    db = context.db
    context.actor.require("buy")
    given = wire.named(wire.json_object(context.call), ("skuId", "skuPartNumber", "totalLicenses"))
    sku_id = given.get("skuId")
    if not isinstance(sku_id, str):
        raise fault.wrong_type("Guid")
    sku_id = sku_id.lower()
    seats = _seats(given.get("totalLicenses"))
    owned = db.execute("SELECT part_number FROM skus WHERE sku_id = ?", (sku_id,)).fetchone()
    if owned is None:
        _add_from_catalogue(db, sku_id, given.get("skuPartNumber"))
    identity = str(uuid.uuid4())
    skus.add_subscription(
        db,
        skus.Subscription(
            id=identity,
            sku_id=sku_id,
            status="Enabled",
            seats=seats,
            created_at=stamp(context.now),
            next_at=stamp(context.now + timedelta(days=skus.YEAR)),
            auto_renew=True,
            owner_type="Organization",
            commerce_id=str(uuid.uuid4()),
        ),
    )
    skus.refresh_status(db, sku_id)
    row = db.execute(f"{_SELECT} WHERE s.id = ?", (identity,)).fetchone()
    return Reply(status=201, body=_shown(row))


def _add_from_catalogue(db: sqlite3.Connection, sku_id: str, part_number: object) -> None:
    sku = catalog.load().skus.get(sku_id)
    if sku is None or (part_number is not None and str(part_number).upper() != sku.part_number.upper()):
        raise fault.refused(f"{sku_id} is not a product on sale.")
    skus.add(db, sku_id, sku.part_number, plans_on_sale(sku_id), applies_to="User")


def plans_on_sale(sku_id: str) -> list[dict[str, str]]:
    """Return the service plans that a catalogued SKU brings to a tenant, as Graph's objects, by name."""
    facts = catalog.load()
    plans = sorted((facts.plans[each] for each in facts.skus[sku_id].plans), key=lambda plan: plan.name)
    return [
        {
            "servicePlanId": plan.id,
            "servicePlanName": plan.name,
            "provisioningStatus": "Success",
            "appliesTo": "Company" if plan.name == _WITHOUT_USERS else "User",
        }
        for plan in plans
    ]


def _found(context: Context) -> sqlite3.Row:
    key = context.params["key"]
    row: sqlite3.Row | None = context.db.execute(f"{_SELECT} WHERE s.id = ?", (key,)).fetchone()
    if row is None:
        raise fault.not_found(key)
    return row


def _seats(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise fault.wrong_type("Int32")
    if not 1 <= value <= MAX_SEATS:
        raise fault.refused(f"totalLicenses must lie between 1 and {MAX_SEATS}.")
    return value


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    renews = row["auto_renew"]
    return {
        "id": row["id"],
        "skuId": row["sku_id"],
        "skuPartNumber": row["part_number"],
        "autoRenew": None if renews is None else bool(renews),
        "totalLicenses": row["seats"],
    }


_SELECT = "SELECT s.*, k.part_number FROM subscriptions s JOIN skus k USING (sku_id)"

ROUTES = (
    Route(method="GET", path="/subscriptions", handler=_list),
    Route(method="PATCH", path="/subscriptions/<key>", handler=_change, writes=True),
    Route(method="POST", path="/subscriptions", handler=_buy, writes=True),
)
"""Every call of this face."""
