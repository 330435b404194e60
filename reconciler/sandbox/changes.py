"""What happens when a user is created, changed, licensed, deleted or restored?

The writing calls of the Graph face, less those of groups (group_changes.py). Each checks the roles, then
the tenant's rules, then writes; the transaction around it makes that one step. Rules over plain values
stand in properties.py and licensing.py.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from reconciler import catalog
from reconciler.sandbox import (
    access,
    audit,
    fault,
    licensing,
    processing,
    properties,
    skus,
    tenant,
    users,
    wire,
)
from reconciler.sandbox.clock import stamp
from reconciler.sandbox.resources import USER_DEFAULT
from reconciler.sandbox.wire import Reply

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from reconciler.sandbox.wire import Context


def create_user(context: Context) -> Reply:
    """POST /users."""
    db = context.db
    context.actor.require("create")
    given = properties.checked(wire.json_object(context.call))
    for name in properties.REQUIRED:
        if given.get(name) is None:
            raise _missing(name)
    if not given["passwordProfile"].get("password"):
        raise _missing("password")
    if tenant.domain_kind(db, given["userPrincipalName"]) == "Federated" and not given.get(
        "onPremisesImmutableId"
    ):
        raise _missing("onPremisesImmutableId")
    del given["passwordProfile"]  # nothing signs in here: a password is checked and forgotten
    user = {
        "id": str(uuid.uuid4()),
        "userType": "Member",
        "createdDateTime": stamp(context.now),
        "proxyAddresses": _addresses([], given.get("mail")),
        **given,
    }
    _check_unique(db, user)
    users.save(db, user)
    _log(context, audit.ADDED, user["id"])
    location = f"{context.call.root}/users/{user['id']}"
    return Reply(
        status=201, body=_shown(context, user["id"], "users/$entity"), headers={"Location": location}
    )


def update_user(context: Context) -> Reply:
    """PATCH /users/{id | userPrincipalName}."""
    db, row = context.db, _present(context)
    given = properties.checked(wire.json_object(context.call))
    if not given:
        raise fault.refused("No property is named in the request.")
    if "usageLocation" in given:
        context.actor.require("usage-location")
    if given.keys() - {"usageLocation"}:
        context.actor.require("profile")
    if given.keys() & properties.SENSITIVE and access.privileged(db, row["id"]):
        context.actor.require("profile", "delete-privileged")
    user = users.resource(row)
    if user.get("onPremisesSyncEnabled") and given.keys() - properties.CLOUD_MASTERED:
        raise fault.synced()
    given.pop("passwordProfile", None)
    if "userPrincipalName" in given:
        tenant.domain_kind(db, given["userPrincipalName"])
    if "mail" in given:
        user["proxyAddresses"] = _addresses(user.get("proxyAddresses") or [], given["mail"])
    user |= given
    if given.keys() & {"mail", "userPrincipalName"}:
        _check_unique(db, user)
    users.save(db, user)
    return Reply(status=204)


def assign_license(context: Context) -> Reply:
    """POST /users/{id | userPrincipalName}/assignLicense."""
    db, row = context.db, _present(context)
    context.actor.require("assign", "revoke")
    add, remove = asked(wire.json_object(context.call))
    held = users.held(db, row["id"])
    named = {each.sku_id for each in held} | {each.sku_id for each in add} | set(remove)
    products = skus.products(db, named, seats_of={each.sku_id for each in add})
    after = licensing.assign(
        held,
        add=add,
        remove=remove,
        products=products,
        usage_location=users.resource(row).get("usageLocation"),
        catalog=catalog.load(),
    )
    processing.keep(db, row["id"], held, after, products, context.now, actor=context.actor)
    return Reply(status=200, body=_shown(context, row["id"], "users/$entity"))


def reprocess_licences(context: Context) -> Reply:
    """POST /users/{id | userPrincipalName}/reprocessLicenseAssignment.

    What can't be reconciled is told as a refusal, and by the user's states: those come to stand.
    """
    db, row = context.db, _present(context)
    context.actor.require("assign")
    wire.named(wire.json_object(context.call, optional=True), ())
    no = processing.reprocess(db, row, context.now)
    if no is not None:
        return wire.refusal(no, context.call, context.now)
    return Reply(status=200, body=_shown(context, row["id"], "users/$entity"))


def delete_user(context: Context) -> Reply:
    """DELETE /users/{id | userPrincipalName}: soft; the seats are free at once."""
    db, row = context.db, _present(context)
    context.actor.require("delete-privileged" if access.privileged(db, row["id"]) else "delete")
    db.execute("UPDATE users SET deleted_at = ? WHERE id = ?", (stamp(context.now), row["id"]))
    db.execute("UPDATE assignments SET remembered = 1 WHERE user_id = ?", (row["id"],))
    db.execute("DELETE FROM addresses WHERE user_id = ?", (row["id"],))
    _log(context, audit.DELETED, row["id"])
    return Reply(status=204)


def restore_user(context: Context) -> Reply:
    """POST /directory/deletedItems/{id}/restore."""
    db, row = context.db, _deleted(context)
    context.actor.require("delete-privileged" if access.privileged(db, row["id"]) else "delete")
    body = wire.json_object(context.call, optional=True)
    given = wire.named(body, ("autoReconcileProxyConflict", "newUserPrincipalName"))
    user = users.resource(row) | _new_upn(db, given.get("newUserPrincipalName"))
    if users.upn_taken(db, user["userPrincipalName"], row["id"]):
        raise fault.conflict("userPrincipalName")
    addresses = user.get("proxyAddresses") or []
    if users.address_taken(db, addresses, row["id"]):
        if given.get("autoReconcileProxyConflict") is not True:
            raise fault.conflict("proxyAddresses")
        user["proxyAddresses"] = [
            each for each in addresses if not users.address_taken(db, [each], row["id"])
        ]
    users.save(db, user)  # with its new UPN before it counts again: the old one may be somebody's
    db.execute("UPDATE users SET deleted_at = NULL WHERE id = ?", (row["id"],))
    _log(context, audit.RESTORED, row["id"])
    processing.bring_back(db, _present(context), context.now)
    return Reply(
        status=200,
        body={"@odata.type": "#microsoft.graph.user"}
        | _shown(context, row["id"], "directoryObjects/$entity"),
    )


def _log(context: Context, activity: str, user_id: str) -> None:
    audit.event(context.db, activity, user_id, initiator=audit.by(context.actor), now=context.now)


def asked(body: dict[str, Any]) -> tuple[list[licensing.Wanted], list[str]]:
    """Return addLicenses and removeLicenses, of the right types."""
    given = wire.named(body, ("addLicenses", "removeLicenses"))
    missing = [name for name in ("addLicenses", "removeLicenses") if given.get(name) is None]
    if missing:
        raise fault.refused(
            "One or more parameters of the operation 'assignLicense' are missing from the request payload."
            f" The missing parameters are: {', '.join(missing)}."
        )
    if not all(isinstance(given[name], list) for name in given):
        raise fault.unreadable()
    return [_wanted(item) for item in given["addLicenses"]], _ids(given["removeLicenses"])


def _wanted(item: object) -> licensing.Wanted:
    if not isinstance(item, dict):
        raise fault.unreadable()
    given = wire.named(item, ("skuId", "disabledPlans"))
    plans = given.get("disabledPlans")
    if not isinstance(plans, list | None):
        raise fault.unreadable()
    return licensing.Wanted(
        sku_id=_ids([given.get("skuId")])[0], disabled_plans=tuple(sorted(set(_ids(plans or []))))
    )


def _ids(items: list[Any]) -> list[str]:
    if not all(isinstance(item, str) for item in items):
        raise fault.wrong_type("Guid")
    return [item.lower() for item in items]


def _present(context: Context) -> sqlite3.Row:
    key = context.params["key"]
    row = users.find(context.db, key)
    if row is None:
        raise fault.not_found(key)
    return row


def _deleted(context: Context) -> sqlite3.Row:
    key = context.params["key"]
    row = users.find_deleted(context.db, key)
    if row is None:
        raise fault.not_found(key)
    return row


def _shown(context: Context, user_id: str, kind: str) -> dict[str, Any]:
    row = users.find(context.db, user_id)
    shown = users.show(context.db, [row] if row else [], USER_DEFAULT)[0]
    return {"@odata.context": f"{context.call.root}/$metadata#{kind}", **shown}


def _new_upn(db: sqlite3.Connection, upn: object) -> dict[str, str]:
    """Return the UPN that a restored user shall have instead, if one is asked for."""
    if upn is None:
        return {}
    checked = properties.checked({"userPrincipalName": upn})
    tenant.domain_kind(db, checked["userPrincipalName"])
    return checked


def _check_unique(db: sqlite3.Connection, user: dict[str, Any]) -> None:
    """Raise Fault where another user has the UPN, or an address that this user would have."""
    if users.upn_taken(db, user["userPrincipalName"], user["id"]):
        raise fault.conflict("userPrincipalName")
    addresses = [*(user.get("proxyAddresses") or ()), f"smtp:{user['userPrincipalName']}"]
    if users.address_taken(db, addresses, user["id"]):
        raise fault.conflict("proxyAddresses")


def _addresses(present: Sequence[str], mail: str | None) -> list[str]:
    """Return proxy addresses with `mail` as the primary one: Graph keeps the two in step."""
    others = [f"smtp:{each[5:]}" if each.startswith("SMTP:") else each for each in present]
    if mail is None:
        return others
    return [f"SMTP:{mail}", *(each for each in others if each.lower() != f"smtp:{mail.lower()}")]


def _missing(name: str) -> fault.Fault:
    return fault.refused(f"Property {name} value is required but is empty or missing.")
