"""How are seats bought and renewal switched, where the tenant has a commerce API?

Graph has no such calls; this is the small face that the sandbox has beside it. Which seats to buy
is the plan's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.directory import reader
from reconciler.directory.exchange import Request

if TYPE_CHECKING:
    from typing import Any

    from reconciler.directory.transport import Transport
    from reconciler.directory.wire import Subscription
    from reconciler.plan import Change


def state_of(change: Change, transport: Transport, commerce: Transport) -> dict[str, Any]:
    """Return what the keys of a change of a subscription hold now."""
    sku_id = _sku_id(change)
    keys = (*change.before, *change.after)
    found: dict[str, Any] = {}
    if "seats" in keys:
        skus = transport.listing(reader.SKUS, reader.SKU_PAGE, list)
        seats = [
            row.prepaid_units.enabled or 0
            for row in skus
            if row.sku_id.lower() == sku_id and row.prepaid_units
        ]
        found["seats"] = sum(seats)
    if "auto_renew" in keys:
        wanted = change.after.get("auto_renew")
        rows = sorted(_subscriptions(commerce, sku_id), key=lambda row: row.id.lower())
        # The first that is not yet as wanted speaks for the SKU, as it does in the plan.
        differing = [row.auto_renew for row in rows if row.auto_renew is not wanted]
        found["auto_renew"] = next(iter(differing), wanted if rows else None)
    return found


def requests_for(change: Change, transport: Transport, commerce: Transport) -> list[Request]:
    """Return the requests that carry a change of a subscription out; it looks first, and writes nothing.

    Seats are added to the SKU's largest enabled subscription; one that expired can't grow, so that a new
    one is bought where there is no other.
    """
    sku_id = _sku_id(change)
    rows = _subscriptions(commerce, sku_id)
    if change.kind == "set-auto-renew":
        wanted = change.after["auto_renew"]
        return [_patch(row, {"autoRenew": wanted}) for row in rows if row.auto_renew is not wanted]
    more = change.after["seats"] - change.before["seats"]
    states = {
        row.id.lower(): row.status
        for row in transport.listing(reader.SUBSCRIPTIONS, reader.SUBSCRIPTION_PAGE, list)
    }
    running = [row for row in rows if states.get(row.id.lower()) == "Enabled"]
    running.sort(key=lambda row: (-(row.total_licenses or 0), row.id))
    if running:
        return [_patch(running[0], {"totalLicenses": (running[0].total_licenses or 0) + more})]
    sku = change.sku
    body = {"skuId": sku_id, "skuPartNumber": sku.sku if sku else None, "totalLicenses": more}
    return [Request(method="POST", link=reader.COMMERCE, body=body)]


def _patch(row: Subscription, body: dict[str, Any]) -> Request:
    return Request(method="PATCH", link=f"{reader.COMMERCE}/{row.id}", body=body)


def _subscriptions(commerce: Transport, sku_id: str) -> list[Subscription]:
    rows = commerce.listing(reader.COMMERCE, reader.SUBSCRIPTION_PAGE, list)
    return [row for row in rows if row.sku_id.lower() == sku_id]


def _sku_id(change: Change) -> str:
    if change.sku is None:
        raise ValueError(f"{change.address} names no SKU")
    return change.sku.sku_id
