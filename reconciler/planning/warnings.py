"""What does a change destroy, risk or bring back? One function per kind of warning, one visible list."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from reconciler.model import DeletedUser, User
from reconciler.plan import Warning  # noqa: A004  the field's word; the built-in is not used here
from reconciler.planning import losses
from reconciler.planning.checks import skus_giving
from reconciler.planning.context import SOFT_DELETE, held
from reconciler.planning.tenant import EXPIRY_NOTICE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from reconciler.planning.context import Context
    from reconciler.planning.drafts import Draft


def of_draft(context: Context, draft: Draft, grace: Collection[str]) -> tuple[Warning, ...]:
    """Return the warnings of a change. `grace` are ids of SKUs of which it may take expired seats."""
    found = chain.from_iterable(rule(context, draft) for rule in RULES)
    return (*draft.change.warnings, *found, *_grace(context, draft, grace))


def _losses(context: Context, draft: Draft) -> Iterator[Warning]:
    """What the user's enabled plans lose, over all sources."""
    if draft.change.kind != "set-licenses":
        return
    before, after = context.enabled_plans(draft.was), context.enabled_plans(draft.will)
    for warning in losses.warnings(context, before, after):
        if warning.code == "mailbox-deletion":
            giver = _giver(context, draft)
            warning = msgspec.structs.replace(warning, params={**warning.params, **giver})  # noqa: PLW2901
        yield warning
    for item in draft.change.revoke:
        if not context.plans_of(item.sku_id) and item.sku_id not in held(draft.will):
            yield losses.unknown(item.name)


def _giver(context: Context, draft: Draft) -> dict[str, str]:
    """Return the SKU with which the mailbox goes."""
    items = (*draft.change.revoke, *draft.change.modify)
    item = next(item for item in items if losses.mailbox_level(context, context.plans_of(item.sku_id)))
    return {"sku": item.sku, "sku_name": item.name}


def _deletion(context: Context, draft: Draft) -> Iterator[Warning]:
    """A deleted user's data goes with the account."""
    if draft.change.kind != "delete-user" or not draft.change.user:
        return
    plans = context.enabled_plans(draft.was)
    yield Warning(
        code="user-deletion",
        params={
            "name": draft.change.user.name,
            "skus": [context.sku(sku_id).part_number for sku_id in draft.frees],
            "mailbox": losses.mailbox_level(context, plans) > 0,
            "onedrive": losses.has_onedrive(context, plans),
        },
        recoverable_until=(context.options.today + SOFT_DELETE).isoformat(),
    )


def _restored(context: Context, draft: Draft) -> Iterator[Warning]:
    """A mailbox that was lost less than 30 days ago comes back with its data."""
    now = context.options.now
    gained = losses.mailbox_level(context, context.enabled_plans(draft.will))
    lost = not losses.mailbox_level(context, context.enabled_plans(draft.was))
    if not (gained and lost and draft.target):
        return
    if isinstance(draft.target, DeletedUser):
        removed = [draft.target.deleted_at]
    else:
        removed = [
            row.removed_at
            for row in context.current.removals
            if row.user_id == draft.target.id and losses.mailbox_level(context, context.plans_of(row.sku_id))
        ]
    recent = [instant for instant in removed if instant and now - SOFT_DELETE <= instant <= now]
    if recent:
        day = max(recent).date()
        yield Warning(
            code="mailbox-restored",
            params={"removed_at": day.isoformat(), "until": (day + SOFT_DELETE).isoformat()},
        )


def _near_exclusive(context: Context, draft: Draft) -> Iterator[Warning]:
    """Pairs that Microsoft's pages call both forbidden and allowed."""
    if draft.change.kind != "set-licenses":
        return
    before = set(context.catalog.exclusive(context.enabled_plans(draft.was)))
    for pair in context.catalog.exclusive(context.enabled_plans(draft.will)):
        plan, other, certain = pair
        if not certain and pair not in before:
            yield Warning(
                code="near-exclusive",
                params={
                    "plan_title": context.plan_title(plan),
                    "other_title": context.plan_title(other),
                    "skus": skus_giving(context, draft, (plan, other)),
                },
            )


def _subscription(context: Context, draft: Draft) -> Iterator[Warning]:
    """Seats of a trial, or of a term that ends soon while nobody knows whether it is renewed."""
    now = context.options.now
    for item in draft.change.assign:
        about = {"sku": item.sku, "sku_name": item.name}
        rows = context.subscriptions.get(item.sku_id, ())
        if rows and all(row.is_trial for row in rows):
            yield Warning(code="trial-seat", params=about)
        ends = [
            row.next_lifecycle
            for row in rows
            if row.auto_renew is None
            and row.next_lifecycle
            and now <= row.next_lifecycle <= now + EXPIRY_NOTICE
        ]
        if ends:
            yield Warning(code="renewal-unknown", params={**about, "date": min(ends).date().isoformat()})


def _self_service(context: Context, draft: Draft) -> Iterator[Warning]:
    """A licence that the user bought stays, whatever the entry lists."""
    entry = draft.entry
    if draft.change.kind != "set-licenses" or not entry or entry.mode != "replace" or entry.grants is None:
        return
    wanted = {grant.sku_id for grant in entry.grants}
    for assignment in draft.was:
        if assignment.sku_id not in wanted and context.self_service(assignment.sku_id):
            ref = context.sku_ref(assignment.sku_id)
            yield Warning(code="self-service", params={"sku": ref.sku, "sku_name": ref.name})


def _proxy_address(context: Context, draft: Draft) -> Iterator[Warning]:
    """A licence that brings or ends a mailbox may change `mail` and `proxyAddresses`."""
    user = draft.target
    if draft.change.kind != "set-licenses" or not isinstance(user, User) or not user.proxy_addresses:
        return
    had, has = (
        losses.mailbox_level(context, context.enabled_plans(plans)) > 0 for plans in (draft.was, draft.will)
    )
    if had != has:
        yield Warning(code="proxy-address", params={"upn": user.upn})


def _grace(context: Context, draft: Draft, grace: Collection[str]) -> Iterator[Warning]:
    for item in draft.change.assign:
        if item.sku_id in grace:
            ref = context.sku_ref(item.sku_id)
            yield Warning(code="seat-from-grace", params={"sku": ref.sku, "sku_name": ref.name})


RULES = (
    _losses,
    _deletion,
    _restored,
    _near_exclusive,
    _subscription,
    _self_service,
    _proxy_address,
)
"""Every rule that can warn of a change, in the order in which a user reads the warnings."""
