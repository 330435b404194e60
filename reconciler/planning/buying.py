"""What must be bought, or set to renew, so that the subscriptions are as declared?"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from reconciler.plan import Change
from reconciler.planning.drafts import Draft
from reconciler.roles import roles_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model import WantedSubscription
    from reconciler.planning.context import Context


def of_subscription(context: Context, wanted: WantedSubscription) -> Iterator[Draft]:
    """Yield what must be bought or set to renew for one row of `subscriptions`."""
    ref = context.sku_ref(wanted.sku_id)
    subject = f"subscriptions/{ref.sku}"
    owned = context.sku(wanted.sku_id).enabled
    roles = roles_with("buy")
    if wanted.seats is not None and wanted.seats > owned:
        change = Change(
            address=f"{subject}/seats",
            kind="buy-seats",
            sku=ref,
            before={"seats": owned},
            after={"seats": wanted.seats},
            roles=roles,
            effects=_cost(wanted, wanted.seats - owned),
        )
        bought = wanted.seats - owned
        yield Draft(change=change, subject=subject, location=wanted.location, bought=bought)
    rows = context.subscriptions.get(wanted.sku_id, ())
    differing = [row.auto_renew for row in rows if row.auto_renew is not wanted.auto_renew]
    if wanted.auto_renew is not None and differing:
        change = Change(
            address=f"{subject}/auto-renew",
            kind="set-auto-renew",
            sku=ref,
            before={"auto_renew": differing[0]},
            after={"auto_renew": wanted.auto_renew},
            roles=roles,
        )
        yield Draft(change=change, subject=subject, location=wanted.location)


def _cost(wanted: WantedSubscription, seats: int) -> tuple[str, ...]:
    """Return what seats cost, where a price is declared."""
    price = wanted.price
    if not price:
        return ()
    per = f"{price.currency} per {price.per}"
    return (f"{seats} x {price.amount} = {Decimal(price.amount) * seats} {per}",)
