"""What does a change destroy, risk or bring back? One function per kind of warning, one visible list."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.model import DeletedUser, User
from reconciler.plan import Warning  # noqa: A004  the field's word; the built-in is not used here
from reconciler.planning import losses, mailboxes
from reconciler.planning.checks import skus_giving
from reconciler.planning.context import SOFT_DELETE, held
from reconciler.planning.tenant import EXPIRY_NOTICE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from reconciler.planning.context import Context
    from reconciler.planning.drafts import Draft, Holdings, Part


def of_draft(context: Context, draft: Draft, grace: Collection[str]) -> tuple[Warning, ...]:
    """Return the warnings of a change. `grace` are ids of SKUs of which it may take expired seats."""
    found = chain.from_iterable(rule(context, draft) for rule in RULES)
    return (*draft.change.warnings, *found, *_grace(context, draft, grace))


def _losses(context: Context, draft: Draft) -> Iterator[Warning]:
    """What is lost of what a user had before the plan, over all sources: told by the change that takes it."""
    for part in draft.parts if draft.alters else ():
        if part.whole is None:
            continue
        who = {} if draft.change.user else {"upn": part.user.upn}
        will = context.enabled_plans(part.will)
        taken = losses.warnings(context, context.enabled_plans(part.was), will)
        kinds = {_kind(warning) for warning in taken}
        for warning in losses.warnings(context, context.enabled_plans(part.whole), will):
            if _kind(warning) in kinds:
                more = _of_mailbox(context, part) if warning.code == "mailbox-deletion" else {}
                if more is None:
                    continue
                yield msgspec.structs.replace(warning, params={**warning.params, **more, **who})
        for sku_id in sorted(held(part.was) & held(part.whole) - held(part.will)):
            if not context.plans_of(sku_id):
                ref = context.sku_ref(sku_id)
                warning = losses.unknown(ref.name)
                yield msgspec.structs.replace(warning, params={**warning.params, **who})


def _kind(warning: Warning) -> tuple[str, object, object]:
    """Return what is the same for two warnings of one loss."""
    service = warning.params.get("service")
    return warning.code, service, None if service else warning.params.get("title")


def _of_mailbox(context: Context, part: Part) -> dict[str, Any] | None:
    """Return what is told of a mailbox that goes with its licence; None: it needs none, and stays.

    `unknown` names what nobody told of a shared one: it may need the licence.
    """
    giver = _giver(context, part.was, part.will)
    mailbox = context.mailboxes.get(part.target.id) if part.target else None
    if mailbox is None or mailbox.purpose not in mailboxes.LICENCE_FREE or mailboxes.kept(context, part):
        return giver
    unknown = mailboxes.unknown(mailbox)
    if not unknown:
        return None
    report = context.current.usage_report
    told = {"report": report} if report else {}
    return giver | {"purpose": mailbox.purpose, "unknown": unknown, **told}


def _giver(context: Context, was: Holdings, will: Holdings) -> dict[str, str]:
    """Return the SKU with which the mailbox goes: one that is gone, else one of which plans are off."""
    rows = [a.sku_id for a in was if a.active and a not in will]
    gone = [sku_id for sku_id in rows if sku_id not in held(will)]
    found = (sku_id for sku_id in (*gone, *rows) if losses.mailbox_level(context, context.plans_of(sku_id)))
    ref = context.sku_ref(next(found))
    return {"sku": ref.sku, "sku_name": ref.name}


def _deletion(context: Context, draft: Draft) -> Iterator[Warning]:
    """A deleted user's data goes with the account."""
    if draft.change.kind != "delete-user" or not draft.change.user:
        return
    plans = context.enabled_plans(draft.parts[0].was)
    mailbox = context.mailboxes.get(draft.target.id) if draft.target else None
    yield Warning(
        code="user-deletion",
        params={
            "name": draft.change.user.name,
            "skus": [context.sku(sku_id).part_number for sku_id in draft.frees],
            "mailbox": losses.mailbox_level(context, plans) > 0,
            **({"on_hold": True} if mailbox and mailbox.on_hold else {}),
            "onedrive": losses.has_onedrive(context, plans),
        },
        recoverable_until=(context.options.today + SOFT_DELETE).isoformat(),
    )


def _restored(context: Context, draft: Draft) -> Iterator[Warning]:
    """A mailbox that was lost less than 30 days ago comes back with its data."""
    for part in draft.parts:
        for warning in _brought_back(context, part):
            who = {} if draft.change.user else {"upn": part.user.upn}
            yield msgspec.structs.replace(warning, params={**warning.params, **who})


def _brought_back(context: Context, part: Part) -> Iterator[Warning]:
    now = context.options.now
    gained = losses.mailbox_level(context, context.enabled_plans(part.will))
    lost = not losses.mailbox_level(context, context.enabled_plans(part.was))
    if not (gained and lost and part.target):
        return
    if isinstance(part.target, DeletedUser):
        removed = [part.target.deleted_at]
    else:
        removed = [
            row.removed_at
            for row in context.current.removals
            if row.user_id == part.target.id and losses.mailbox_level(context, context.plans_of(row.sku_id))
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
    for part in draft.parts if draft.alters else ():
        before = set(context.catalog.exclusive(context.enabled_plans(part.was)))
        for pair in context.catalog.exclusive(context.enabled_plans(part.will)):
            plan, other, certain = pair
            if not certain and pair not in before:
                yield Warning(
                    code="near-exclusive",
                    params={
                        "plan_title": context.plan_title(plan),
                        "other_title": context.plan_title(other),
                        "skus": skus_giving(context, part, (plan, other)),
                        **({} if draft.change.user else {"upn": part.user.upn}),
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
    """A licence that the user bought stays, whatever is declared."""
    if draft.change.kind != "set-licenses" or not draft.demand.replaces:
        return
    wanted = {grant.sku_id for grant in draft.demand.grants}
    for assignment in draft.parts[0].was:
        if assignment.sku_id not in wanted and context.self_service(assignment.sku_id):
            ref = context.sku_ref(assignment.sku_id)
            yield Warning(code="self-service", params={"sku": ref.sku, "sku_name": ref.name})


def _similar(context: Context, draft: Draft) -> Iterator[Warning]:
    """Whoever is to be created may be there already, or be listed twice."""
    found = context.namesakes.get(draft.change.after["upn"]) if draft.change.kind == "create-user" else None
    if found:
        (coming, other, name), reason = found
        params = {"upn": draft.change.after["upn"], "other": other, "name": name}
        yield Warning(code="similar-user", params={**params, "reason": reason, "coming": coming})


def _proxy_address(context: Context, draft: Draft) -> Iterator[Warning]:
    """A licence that brings or ends a mailbox may change `mail` and `proxyAddresses`."""
    for part in draft.parts if draft.alters else ():
        user = part.target
        if not isinstance(user, User) or not user.proxy_addresses:
            continue
        had, has = (
            losses.mailbox_level(context, context.enabled_plans(plans)) > 0 for plans in (part.was, part.will)
        )
        if had != has:
            yield Warning(code="proxy-address", params={"upn": user.upn})


def _fallback(context: Context, draft: Draft) -> Iterator[Warning]:
    """A choice came to a later option, since there was no seat for the first."""
    taken = {item.sku_id for item in draft.change.assign}
    for choice in draft.demand.choices if draft.change.kind == "set-licenses" else ():
        first = choice.options[0].sku_id
        later = [option.sku_id for option in choice.options[1:] if option.sku_id in taken]
        if later and first not in taken:
            ref, wanted = context.sku_ref(later[0]), context.sku_ref(first)
            yield Warning(
                code="fallback-license",
                params={
                    "sku": ref.sku,
                    "sku_name": ref.name,
                    "wanted": wanted.sku,
                    "wanted_name": wanted.name,
                },
            )


def _grace(context: Context, draft: Draft, grace: Collection[str]) -> Iterator[Warning]:
    for item in draft.change.assign:
        if item.sku_id in grace:
            ref = context.sku_ref(item.sku_id)
            yield Warning(code="seat-from-grace", params={"sku": ref.sku, "sku_name": ref.name})


RULES = (
    _losses,
    _similar,
    _deletion,
    _restored,
    _near_exclusive,
    _subscription,
    _fallback,
    _self_service,
    _proxy_address,
)
"""Every rule that can warn of a change, in the order in which a user reads the warnings."""
