"""What is wrong with the tenant itself, whatever changes? Conflicts that block nothing.

Over-allocated, expiring and expired SKUs, and licences that only a group can take away.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from reconciler.plan import Conflict
from reconciler.planning import losses, shortages
from reconciler.roles import roles_with

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model import Subscription
    from reconciler.planning.context import Context
    from reconciler.planning.people import Person

EXPIRY_NOTICE = timedelta(days=60)
"""How long ahead of its end a subscription that is not renewed is told."""


def conflicts(
    context: Context, unreachable: Iterable[tuple[Person, str]], leaving: Iterable[str]
) -> list[Conflict]:
    """Return every conflict about the tenant. `leaving` are ids of users who are to be deleted.

    `unreachable` are SKUs that somebody shall not hold but that only a group gives.
    """
    return [
        *_over_allocated(context, frozenset(leaving)),
        *_ending(context),
        *_inherited(context, unreachable),
    ]


def _watched(context: Context) -> Iterator[str]:
    """Yield the ids of the SKUs whose seats matter: those of users, less the ignored ones."""
    for sku in context.current.skus:
        if sku.applies_to != "Company" and sku.id not in context.desired.ignored_skus:
            yield sku.id


def _over_allocated(context: Context, leaving: frozenset[str]) -> Iterator[Conflict]:
    for sku_id in _watched(context):
        sku = context.sku(sku_id)
        seats, in_use = sku.enabled + sku.warning, context.in_use(sku_id)
        if in_use > seats:
            ref = context.sku_ref(sku_id)
            yield Conflict(
                code="over-allocated",
                params={
                    "sku": ref.sku,
                    "sku_name": ref.name,
                    "in_use": in_use,
                    "seats": seats,
                    "over": in_use - seats,
                    **shortages.candidates(context, sku_id, leaving),
                },
                subject=f"subscriptions/{ref.sku}",
                sku=ref.sku,
                roles=roles_with("buy"),
                blocks=False,
            )


def _ending(context: Context) -> Iterator[Conflict]:
    """Yield what ends within EXPIRY_NOTICE with auto-renewal known to be off, and what has ended."""
    now = context.options.now
    renewed = {row.sku_id for row in context.desired.subscriptions if row.auto_renew}
    for sku_id in _watched(context):
        for row in context.subscriptions.get(sku_id, ()):
            end = row.next_lifecycle
            if row.status != "Enabled":
                yield _end(context, row, "expired", status=row.status)
            elif end and row.auto_renew is False and end < now:  # an old snapshot, or a later day
                yield _end(context, row, "expired", status="Warning")
            elif end and row.auto_renew is False and end <= now + EXPIRY_NOTICE:
                keys = losses.services(context, context.plans_of(sku_id))
                titles = [row.title for key, row in context.catalog.services.items() if key in keys]
                days = (end.date() - now.date()).days
                declared = {"declared": True} if sku_id in renewed else {}
                yield _end(context, row, "expiring", days=days, services=titles, **declared)


def _end(context: Context, row: Subscription, code: str, **params: Any) -> Conflict:
    ref = context.sku_ref(row.sku_id)
    end = row.next_lifecycle
    return Conflict(
        code=code,
        params={
            "sku": ref.sku,
            "sku_name": ref.name,
            "date": end.date().isoformat() if end else None,
            "users": [user.upn for user in shortages.holders(context, row.sku_id)],
            **params,
        },
        subject=f"subscriptions/{ref.sku}",
        sku=ref.sku,
        roles=roles_with("buy"),
        blocks=False,
    )


def _inherited(context: Context, unreachable: Iterable[tuple[Person, str]]) -> Iterator[Conflict]:
    for person, sku_id in unreachable:
        ref = context.sku_ref(sku_id)
        assignments = person.user.assignments if person.user else ()
        giving = [a.assigned_by for a in assignments if a.sku_id == sku_id and a.assigned_by]
        groups = [context.groups[group].name if group in context.groups else group for group in giving]
        place = person.place
        yield Conflict(
            code="inherited",
            params={"upn": person.upn, "sku": ref.sku, "sku_name": ref.name, "groups": sorted(groups)},
            subject=f"subscriptions/{ref.sku}",
            sku=ref.sku,
            roles=roles_with("group-licenses"),
            blocks=False,
            file=place.file if place else None,
            line=place.line if place else None,
        )
