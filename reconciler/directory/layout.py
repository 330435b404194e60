"""How does a current state look as the lines of a snapshot?

The way back from model.py to Graph's spelling, one resource a line, members in the order of
docs/reference/snapshot.md. It writes no file. Loading the lines gives an equal state again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.directory import wire
from reconciler.roles import TEMPLATE_IDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from reconciler.model import Assignment, Current, DeletedUser, Group, SignIn, Sku, Subscription, User

_PIECE = 1000  # resources encoded at a time


def lines(current: Current, format_version: str) -> Iterator[bytes]:
    """Yield the bytes of a snapshot, in pieces that end with a line."""
    numbers = {sku.id: sku.part_number for sku in current.skus}
    ids: dict[str, list[str]] = {}
    for each in current.subscriptions:
        ids.setdefault(each.sku_id, []).append(each.id)
    by_name: dict[str, list[str]] = {}
    for group in current.groups:
        by_name.setdefault(group.name or group.id, []).append(group.id)
    sections: list[tuple[str, Iterable[Any]]] = [
        ("users", map(_user, current.users)),
        ("deletedUsers", map(_deleted_user, current.deleted_users)),
        ("groups", (_group(group, by_name) for group in current.groups)),
        ("subscribedSkus", (_sku(sku, ids.get(sku.id, ())) for sku in current.skus)),
        ("subscriptions", (_subscription(each, numbers) for each in current.subscriptions)),
        (
            "roleAssignments",
            (
                {
                    "principalId": held.principal_id,
                    "roleTemplateId": TEMPLATE_IDS.get(held.role, held.role),
                    "directoryScopeId": held.scope,
                }
                for held in current.role_assignments
            ),
        ),
        (
            "mailboxes",
            (
                {
                    "userId": mailbox.user_id,
                    "purpose": mailbox.purpose,
                    "bytes": mailbox.bytes,
                    "hasArchive": mailbox.has_archive,
                    "onHold": mailbox.on_hold,
                }
                for mailbox in current.mailboxes or ()
            ),
        ),
        (
            "removals",
            (
                {"userId": each.user_id, "skuId": each.sku_id, "removedAt": _instant(each.removed_at)}
                for each in current.removals
            ),
        ),
    ]
    encode = msgspec.json.encode
    yield b'{"format_version":%b,\n"taken_at":%b,\n"organization":%b' % (
        encode(format_version),
        encode(_instant(current.taken_at)),
        encode(_organization(current)),
    )
    for name, rows in sections:
        if name == "mailboxes" and current.mailboxes is None:
            continue  # an empty list would say that nobody has one
        yield b",\n%b:[" % encode(name)
        yield from _rows(rows)
        yield b"\n]"
    yield b"}\n"


def _rows(rows: Iterable[Any]) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder()
    buffer: list[bytes] = []
    before = b"\n"
    for row in rows:
        buffer.append(encoder.encode(row))
        if len(buffer) == _PIECE:
            yield before + b",\n".join(buffer)
            before = b",\n"
            buffer.clear()
    if buffer:
        yield before + b",\n".join(buffer)


def _instant(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment is not None else None


def _organization(current: Current) -> dict[str, Any]:
    tenant = current.organization
    return {
        "id": tenant.id,
        "displayName": tenant.name,
        "countryLetterCode": tenant.country,
        "verifiedDomains": [
            {"name": domain.name, "isDefault": domain.is_default, "type": domain.kind}
            for domain in tenant.domains
        ],
    }


def _user(user: User) -> wire.User:
    licences, states = _licences(user.assignments)
    return wire.User(
        id=user.id,
        user_principal_name=user.upn,
        display_name=user.name,
        mail=user.mail,
        proxy_addresses=tuple(
            ("SMTP:" if address == user.mail else "smtp:") + address for address in user.proxy_addresses
        ),
        usage_location=user.usage_location,
        account_enabled=user.enabled,
        user_type=user.user_type,
        given_name=user.given_name,
        surname=user.surname,
        department=user.department,
        job_title=user.job_title,
        company_name=user.company,
        office_location=user.office,
        city=user.city,
        country=user.country,
        state=user.state,
        employee_type=user.employee_type,
        created_date_time=user.created_at,
        employee_id=user.employee_id,
        on_premises_sync_enabled=True if user.synced else None,
        is_resource_account=True if user.resource_account else None,
        sign_in_activity=_sign_in(user.sign_in) if user.sign_in else msgspec.UNSET,
        assigned_licenses=licences,
        license_assignment_states=states,
    )


def _sign_in(told: SignIn) -> wire.SignInActivity:
    return wire.SignInActivity(
        last_sign_in_date_time=told.interactive,
        last_non_interactive_sign_in_date_time=told.background,
        last_successful_sign_in_date_time=told.successful,
    )


def _deleted_user(user: DeletedUser) -> wire.DeletedUser:
    row = msgspec.structs.asdict(_user(user))
    return wire.DeletedUser(
        **{
            **row,
            "user_principal_name": user.id.replace("-", "") + user.upn,
            "deleted_date_time": user.deleted_at,
        }
    )


def _group(group: Group, by_name: dict[str, list[str]]) -> dict[str, Any]:
    """Return a group; of its member groups, which are in the state too, the names are known.

    Of groups with one name any will do: it is the name that comes back.
    """
    return {
        "id": group.id,
        "displayName": group.name,
        "groupTypes": ["DynamicMembership"] if group.dynamic else [],
        "onPremisesSyncEnabled": True if group.synced else None,
        "isAssignableToRole": True if group.role_assignable else None,
        "assignedLicenses": [
            {"skuId": each.sku_id, "disabledPlans": each.disabled_plans} for each in group.assignments
        ],
        "members": [
            *group.members,
            *(
                by_name[name][place]
                for name, count in Counter(group.nested).items()
                for place in range(min(count, len(by_name.get(name, ()))))
            ),
        ],
    }


def _sku(sku: Sku, subscription_ids: Iterable[str]) -> dict[str, Any]:
    return {
        "skuId": sku.id,
        "skuPartNumber": sku.part_number,
        "appliesTo": sku.applies_to,
        "capabilityStatus": sku.status,
        "consumedUnits": sku.consumed,
        "prepaidUnits": {
            "enabled": sku.enabled,
            "warning": sku.warning,
            "suspended": sku.suspended,
            "lockedOut": sku.locked_out,
        },
        "servicePlans": [
            {
                "servicePlanId": plan.id,
                "servicePlanName": plan.name,
                "appliesTo": plan.applies_to,
                "provisioningStatus": plan.status,
            }
            for plan in sku.plans
        ],
        "subscriptionIds": list(subscription_ids),
    }


def _subscription(each: Subscription, numbers: dict[str, str]) -> dict[str, Any]:
    known = {} if each.auto_renew is None else {"autoRenew": each.auto_renew}
    return {
        "id": each.id,
        "skuId": each.sku_id,
        "skuPartNumber": numbers.get(each.sku_id),
        "status": each.status,
        "totalLicenses": each.seats,
        "nextLifecycleDateTime": _instant(each.next_lifecycle),
        "isTrial": each.is_trial,
        "ownerType": each.owner_type,
        **known,
    }


def _licences(assignments: tuple[Assignment, ...]) -> tuple[msgspec.Raw, msgspec.Raw]:
    """Return assignedLicenses (merged over the sources that give service) and the states."""
    merged: dict[str, set[str]] = {}
    for each in assignments:
        if each.active:
            off = set(each.disabled_plans)
            merged[each.sku_id] = merged[each.sku_id] & off if each.sku_id in merged else off
    licences = [{"skuId": sku_id, "disabledPlans": sorted(off)} for sku_id, off in sorted(merged.items())]
    states = [
        {
            "skuId": each.sku_id,
            "assignedByGroup": each.assigned_by,
            "disabledPlans": each.disabled_plans,
            "state": each.state,
            "error": each.error,
        }
        for each in assignments
    ]
    return msgspec.Raw(msgspec.json.encode(licences)), msgspec.Raw(msgspec.json.encode(states))
