"""How many seats of each SKU are owned, taken and free, and when do they end?

The figures of `reconciler seats`, by the rules that a plan counts by. Nothing here says what to do
about them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from reconciler.model import Subscription, Value

if TYPE_CHECKING:
    from datetime import date

    from reconciler.model import Sku
    from reconciler.planning.context import Context

Renewal = Literal["yes", "no", "mixed", "unknown"]
Place = Literal["users", "company", "ignored"]


class SeatLine(Value, frozen=True, kw_only=True):
    """The seats of one SKU.

    `owned` are those in good standing, `grace` those of subscriptions past their end that still work,
    `trial` how many of both are on trial. `in_use` counts a user once, however the licence came.
    """

    sku: str
    sku_id: str
    name: str
    place: Place
    status: str
    owned: int
    in_use: int
    grace: int = 0
    suspended: int = 0
    trial: int = 0
    subscriptions: tuple[Subscription, ...] = ()

    @property
    def free(self) -> int:
        """Return how many seats can be assigned now."""
        return max(0, self.owned - self.in_use)

    @property
    def over(self) -> int:
        """Return how many users hold the SKU beyond the seats that there are, grace included."""
        return max(0, self.in_use - self.owned - self.grace) if self.place != "company" else 0

    @property
    def ends(self) -> tuple[date, ...]:
        """Return the days on which subscriptions renew or end, each once."""
        return tuple(sorted({row.next_lifecycle.date() for row in self.subscriptions if row.next_lifecycle}))

    @property
    def auto_renew(self) -> Renewal:
        """Return whether the subscriptions renew; unknown where the tenant does not tell (Graph)."""
        told = {row.auto_renew for row in self.subscriptions}
        if len(told) > 1:
            return "mixed"
        if None in told or not told:
            return "unknown"
        return "yes" if True in told else "no"


def lines(context: Context) -> tuple[SeatLine, ...]:
    """Return a line for each SKU of the tenant, by part number."""
    return tuple(sorted((_line(context, sku) for sku in context.current.skus), key=lambda line: line.sku))


def _line(context: Context, sku: Sku) -> SeatLine:
    ref = context.sku_ref(sku.id)
    rows = context.subscriptions.get(sku.id, ())
    company = sku.applies_to == "Company"
    ignored = sku.id in context.desired.ignored_skus
    return SeatLine(
        sku=ref.sku,
        sku_id=sku.id,
        name=ref.name,
        place="company" if company else "ignored" if ignored else "users",
        status=sku.status,
        owned=sku.enabled,
        in_use=context.in_use(sku.id),
        grace=sku.warning,
        suspended=sku.suspended + sku.locked_out,
        trial=sum(row.seats for row in rows if row.is_trial and row.status in ("Enabled", "Warning")),
        subscriptions=tuple(sorted(rows, key=lambda row: (str(row.next_lifecycle), row.id))),
    )
