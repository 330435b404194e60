"""Whose data can still be saved, until when, and by what?

Soft-deleted users, and data of users who lost the licence that kept it. What a user has got back
meanwhile is not lost, and what is past its deadline can't be saved: neither is listed. Deadlines are
Microsoft's and the catalogue's; nothing here words them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from reconciler.model import Value
from reconciler.planning import losses
from reconciler.planning.warnings import SOFT_DELETE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.catalog import Service
    from reconciler.model import DeletedUser, Removal
    from reconciler.planning.context import Context

_SAME_ACT = timedelta(minutes=5)
"""A licence that goes with its user is recorded a moment apart from the deletion."""


class Chance(Value, frozen=True, kw_only=True):
    """Something that can be saved until `until`.

    `way` is how: "restore" the user; "assign" a licence with the service to the user again; "both",
    in this order. `skus` are part numbers: what comes back with a user, or what was taken away.
    """

    what: Literal["user", "mailbox"]
    upn: str
    user_id: str
    name: str
    lost_at: datetime
    until: datetime
    way: Literal["restore", "assign", "both"]
    skus: tuple[str, ...] = ()

    def days_left(self, now: datetime) -> int:
        """Return how many days are left by the calendar; 0 on the last one."""
        return (self.until.date() - now.date()).days


def chances(context: Context, removals: Iterable[Removal]) -> tuple[Chance, ...]:
    """Return what can be saved at `context.options.now`, the most urgent first."""
    now = context.options.now
    deleted = {user.id: user for user in context.current.deleted_users}
    found = [chance for user in deleted.values() for chance in _user(context, user)]
    found += _mailboxes(context, removals, deleted)
    return tuple(
        sorted(
            (chance for chance in found if now < chance.until and chance.lost_at <= now),
            key=lambda chance: (chance.until, chance.upn, chance.what),
        )
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


def _mailboxes(
    context: Context, removals: Iterable[Removal], deleted: dict[str, DeletedUser]
) -> Iterator[Chance]:
    """Yield one chance for each user who lost the last licence with a mailbox, and has none now."""
    shared = {row.user_id for row in context.current.mailboxes if row.purpose == "shared"}
    lost: dict[str, list[Removal]] = {}
    for removal in removals:
        if removal.user_id not in shared and _has_mailbox(context, context.plans_of(removal.sku_id)):
            lost.setdefault(removal.user_id, []).append(removal)
    for user_id, rows in lost.items():
        user = context.by_id.get(user_id) or deleted.get(user_id)
        last = max(row.removed_at for row in rows)
        if user is None or _has_mailbox(context, context.enabled_plans(user.assignments)):
            continue
        gone = deleted.get(user_id)
        if gone and gone.deleted_at and last > gone.deleted_at - _SAME_ACT:
            continue  # the licence went with the user, and comes back with the user
        days = min(
            _days(service) for service in context.catalog.services.values() if service.kind == "mailbox"
        )
        yield Chance(
            what="mailbox",
            upn=user.upn,
            user_id=user_id,
            name=user.name,
            lost_at=last,
            until=last + timedelta(days=days),
            way="both" if gone else "assign",
            skus=_parts(context, (row.sku_id for row in rows if row.removed_at == last)),
        )


def _days(service: Service) -> int:
    return service.days or SOFT_DELETE.days


def _has_mailbox(context: Context, plans: frozenset[str]) -> bool:
    return losses.mailbox_level(context, plans) > 0


def _parts(context: Context, sku_ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({context.sku_ref(sku_id).sku for sku_id in sku_ids}))
