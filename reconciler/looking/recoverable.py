"""Whose data can still be saved, until when, and by what?

Soft-deleted users, and data of users who lost the licence that kept it, service by service. What a user
has got back meanwhile is not lost, and what is past its deadline can't be saved: neither is listed.
Deadlines are Microsoft's and the catalogue's; nothing here words them.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from reconciler.model import DeletedUser, Value
from reconciler.planning import losses
from reconciler.planning.context import SOFT_DELETE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.catalog import Catalog
    from reconciler.model import Removal, Sku, User
    from reconciler.plan import Warning  # noqa: A004  the field's word
    from reconciler.planning.context import Context

_PREMIUM = ("AAD_PREMIUM", "AAD_PREMIUM_P2")

_SAME_ACT = timedelta(minutes=5)
"""A licence that goes with its user is recorded a moment apart from the deletion."""


class Chance(Value, frozen=True, kw_only=True):
    """Something that can be saved until `until`.

    `what`: a "user"; "mailbox": a mailbox, and what else goes at the same time; "data": of other services.
    `way` is how: "restore" the user; "assign" a licence with the services to the user again; "both", in
    this order. `services` are their titles, the mailbox's first, none for a user; `keeps` is what the
    catalogue says of the data of the only one. `skus` are part numbers: what comes back with a user, or
    what was taken away.
    """

    what: Literal["user", "mailbox", "data"]
    upn: str
    user_id: str
    name: str
    lost_at: datetime
    until: datetime
    way: Literal["restore", "assign", "both"]
    services: tuple[str, ...] = ()
    keeps: str = ""
    skus: tuple[str, ...] = ()

    def days_left(self, now: datetime) -> int:
        """Return how many days are left by the calendar; 0 on the last one."""
        return (self.until.date() - now.date()).days


class Saving(Value, frozen=True, kw_only=True):
    """What can be saved, the most urgent first.

    `undated`: titles of services of which users lost data too, and nobody knows until when it can be
    saved, each with the number of users.
    """

    chances: tuple[Chance, ...]
    undated: tuple[tuple[str, int], ...] = ()


Log = Literal["read", "forbidden", "unavailable", "cloud"]
"""Whether a tenant's audit log was read, or why not; "cloud": that of China has none to read."""


class Known(Value, frozen=True, kw_only=True):
    """Since when removals are known: from the journal's first run, a snapshot's first removal, the log.

    `log` is None where there is no tenant to ask; `unread`: events of the log that nobody can understand.
    """

    journal: datetime | None = None
    snapshot: datetime | None = None
    log: Log | None = None
    log_since: datetime | None = None
    unread: int = 0

    @property
    def since(self) -> datetime | None:
        """Return the first of these instants."""
        told = (self.journal, self.snapshot, self.log_since)
        return min((moment for moment in told if moment), default=None)


class _Loss(NamedTuple):
    """A service that a user lost with the last licence that gave it."""

    user: User | DeletedUser
    title: str
    mailbox: bool
    keeps: str
    days: int | None
    removed_at: datetime
    skus: tuple[str, ...]


def log_kept(skus: Iterable[Sku], catalog: Catalog) -> timedelta:
    """Return how far back the tenant's audit log goes: 30 days with Entra ID P1 or P2, else 7."""
    premium = {plan.id for plan in catalog.plans.values() if plan.name in _PREMIUM}
    for sku in skus:
        known = catalog.skus.get(sku.id)
        plans = {plan.id for plan in sku.plans} or set(known.plans if known else ())
        if sku.status in ("Enabled", "Warning") and not premium.isdisjoint(plans):
            return timedelta(days=30)
    return timedelta(days=7)


def saving(context: Context, removals: Iterable[Removal]) -> Saving:
    """Return what can be saved at `context.options.now`."""
    now = context.options.now
    lost = [loss for loss in _lost(context, removals) if loss.removed_at <= now]
    users = [chance for user in context.current.deleted_users for chance in _user(context, user)]
    found = [chance for chance in (*users, *_data(lost)) if chance.lost_at <= now < chance.until]
    undated = Counter(loss.title for loss in lost if loss.days is None)
    return Saving(
        chances=tuple(sorted(found, key=lambda chance: (chance.until, chance.upn, chance.what))),
        undated=tuple(sorted(undated.items())),
    )


def _user(context: Context, user: DeletedUser) -> Iterator[Chance]:
    """Yield what a soft-deleted user is, unless nobody knows since when."""
    if user.deleted_at is not None:
        yield Chance(
            what="user",
            upn=user.upn,
            user_id=user.id,
            name=user.name,
            lost_at=user.deleted_at,
            until=user.deleted_at + SOFT_DELETE,
            way="restore",
            skus=_parts(context, (a.sku_id for a in user.assignments if a.active)),
        )


def _data(lost: Iterable[_Loss]) -> Iterator[Chance]:
    """Yield one chance for each user and deadline: what was lost at once and goes at once."""
    together: dict[tuple[str, datetime, datetime], list[_Loss]] = {}
    for loss in lost:
        if loss.days is not None:
            until = loss.removed_at + timedelta(days=loss.days)
            together.setdefault((loss.user.id, loss.removed_at, until), []).append(loss)
    for (user_id, lost_at, until), losses_ in together.items():
        first, *others = sorted(losses_, key=lambda loss: not loss.mailbox)
        yield Chance(
            what="mailbox" if first.mailbox else "data",
            upn=first.user.upn,
            user_id=user_id,
            name=first.user.name,
            lost_at=lost_at,
            until=until,
            way="both" if isinstance(first.user, DeletedUser) else "assign",
            services=(first.title, *(loss.title for loss in others)),
            keeps="" if others or first.mailbox else first.keeps,
            skus=tuple(sorted({sku for loss in losses_ for sku in loss.skus})),
        )


def _lost(context: Context, removals: Iterable[Removal]) -> Iterator[_Loss]:
    """Yield the services that users lost and have not got again, user by user, in the catalogue's order."""
    deleted = {user.id: user for user in context.current.deleted_users}
    shared = {user_id for user_id, row in context.mailboxes.items() if row.purpose == "shared"}
    by_user: dict[str, list[Removal]] = {}
    for removal in removals:
        by_user.setdefault(removal.user_id, []).append(removal)
    for user_id, rows in by_user.items():
        user = context.by_id.get(user_id) or deleted.get(user_id)
        for loss in _of_user(context, user, rows) if user else ():
            went_along = isinstance(user, DeletedUser) and _with_user(user, loss.removed_at)
            if not (went_along or (loss.mailbox and user_id in shared)):
                yield loss


def _with_user(user: DeletedUser, removed_at: datetime) -> bool:
    """Tell whether a licence went with its user: then it comes back with the user."""
    return user.deleted_at is not None and removed_at > user.deleted_at - _SAME_ACT


def _of_user(context: Context, user: User | DeletedUser, rows: Iterable[Removal]) -> Iterator[_Loss]:
    """Yield a user's losses, each counted from the last removal that took the service."""
    has = context.enabled_plans(user.assignments)
    found: dict[str, _Loss] = {}
    for row in sorted(rows, key=lambda row: (row.removed_at, row.sku_id)):
        sku = context.sku_ref(row.sku_id).sku
        for warning in losses.warnings(context, context.plans_of(row.sku_id), has):
            loss = _loss(context, user, warning, row.removed_at, sku)
            if loss is None:
                continue
            before = found.get(loss.title)
            if before and before.removed_at == loss.removed_at:
                loss = loss._replace(skus=(*before.skus, sku))
            found[loss.title] = loss
    yield from found.values()


def _loss(
    context: Context, user: User | DeletedUser, warning: Warning, removed_at: datetime, sku: str
) -> _Loss | None:
    """Return what a warning means here; None where something smaller is left, which saves the data."""
    services = context.catalog.services
    match warning.code:
        case "mailbox-deletion":
            service = next(one for one in services.values() if one.kind == "mailbox")
            days: int | None = service.days or SOFT_DELETE.days
            title, keeps = service.title, service.keeps
        case "data-deletion":
            known = services.get(warning.params["service"] or "")
            keeps = known.keeps if known else ""
            title, days = warning.params["title"], warning.params["days"]
        case _:
            return None
    return _Loss(
        user=user,
        title=title,
        mailbox=warning.code == "mailbox-deletion",
        keeps=keeps,
        days=days,
        removed_at=removed_at,
        skus=(sku,),
    )


def _parts(context: Context, sku_ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({context.sku_ref(sku_id).sku for sku_id in sku_ids}))
