"""Which call to the tenant is one change?

Pure: a change in, a request out. Nothing is sent here and nothing is decided here. Field names come
from graph.FIELDS. Buying is not among Graph's calls; purchases.py has it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconciler.directory.exchange import Request
from reconciler.directory.graph import FIELDS

if TYPE_CHECKING:
    from reconciler.directory.outcome import Write
    from reconciler.plan import Change

_NOT_IN_NICKNAME = re.compile(r"[^A-Za-z0-9!#$%&*+/=?^_`{|}~.'-]")
_LONGEST_NICKNAME = 64


def request_for(write: Write, root: str) -> Request:
    """Return the one request that carries a change of a user or group out.

    `root` is the tenant's base URL: Graph refers to an object by its full one.
    """
    change = write.change
    match change.kind:
        case "create-user":
            return Request(method="POST", link="/users", body=_new_user(change, write.password))
        case "restore-user":
            return Request(method="POST", link=f"/directory/deletedItems/{_id(write)}/restore", body={})
        case "update-user":
            body = {FIELDS[key]: value for key, value in change.after.items() if key in FIELDS}
            return Request(method="PATCH", link=f"/users/{_id(write)}", body=body)
        case "set-licenses":
            return Request(method="POST", link=f"/users/{_id(write)}/assignLicense", body=_licences(change))
        case "delete-user":
            return Request(method="DELETE", link=f"/users/{_id(write)}")
        case "set-group-licenses" | "add-member" | "remove-member":
            return _of_group(write, root)
        case "buy-seats" | "set-auto-renew":
            raise ValueError(f"{change.kind} is not one of Graph's calls")


def _of_group(write: Write, root: str) -> Request:
    group = group_link(write.change)
    match write.change.kind:
        case "add-member":
            reference = {"@odata.id": f"{root}/directoryObjects/{_id(write)}"}
            return Request(method="POST", link=f"{group}/members/$ref", body=reference)
        case "remove-member":
            return Request(method="DELETE", link=f"{group}/members/{_id(write)}/$ref")
        case _:
            return Request(method="POST", link=f"{group}/assignLicense", body=_licences(write.change))


def user_link(user: str) -> str:
    """Return the path of a user by id or UPN; "#" in a guest's UPN would else end the path."""
    return f"/users/{quote(user, safe='@')}"


def group_link(change: Change) -> str:
    """Return the path of the group that a change is about."""
    if change.group is None:
        raise ValueError(f"{change.address} names no group")
    return f"/groups/{quote(change.group.id)}"


def nickname(upn: str) -> str:
    """Return a mailNickname for a UPN: at most 64 characters, those that Exchange takes."""
    local = upn.partition("@")[0]
    return _NOT_IN_NICKNAME.sub("", local).strip(".")[:_LONGEST_NICKNAME].rstrip(".") or "user"


def _id(write: Write) -> str:
    if write.target is None:
        raise ValueError(f"{write.change.address} has no user id")
    return quote(write.target)


def _new_user(change: Change, password: str | None) -> dict[str, Any]:
    if not password:
        raise ValueError(f"{change.address} has no first password")
    wanted = {
        FIELDS[key]: value for key, value in change.after.items() if key in FIELDS and value is not None
    }
    upn = str(change.after["upn"])
    return {
        "accountEnabled": True,
        "mailNickname": nickname(upn),
        **wanted,
        "passwordProfile": {"password": password, "forceChangePasswordNextSignIn": True},
    }


def _licences(change: Change) -> dict[str, Any]:
    """Return assignLicense's body: one call for all, so that a swap has no gap.

    `disabledPlans` is the whole list for its SKU, not a difference.
    """
    return {
        "addLicenses": [
            {"skuId": licence.sku_id, "disabledPlans": list(licence.disabled_plans)}
            for licence in (*change.assign, *change.modify)
        ],
        "removeLicenses": [licence.sku_id for licence in change.revoke],
    }
