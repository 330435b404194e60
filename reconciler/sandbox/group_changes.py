"""Who may change what a group gives, and who is in it?

The writing calls of the Graph face that are about groups. Each checks the group's nature and the roles,
writes, and queues what follows: members see it later (processing.py).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from reconciler import roles
from reconciler.sandbox import changes, fault, groups, licensing, listing, processing, skus, users, wire
from reconciler.sandbox.group_calls import present
from reconciler.sandbox.resources import GROUP_DEFAULT
from reconciler.sandbox.wire import Context, Reply

if TYPE_CHECKING:
    import sqlite3

    from reconciler.roles import Ability

_OF_ROLE_GROUPS = frozenset(
    roles.TEMPLATE_IDS[name] for name in ("global-administrator", "privileged-role-administrator")
)
"""Who may change a group that roles can be assigned to: whoever is in it gets them."""

_REFERENCE = re.compile(r"https?://[^/\s]+/v1\.0/(directoryObjects|users|groups)/([^/?#\s]+)", re.IGNORECASE)


def assign_license(context: Context) -> Reply:
    """POST /groups/{id}/assignLicense."""
    db, row = context.db, present(context)
    whole = json.loads(row["resource"])
    _require(context, whole, "group-licenses")
    add, remove = changes.asked(wire.json_object(context.call))
    if whole.get("securityEnabled") is False:
        raise fault.refused("License assignment is supported for groups that are security enabled only.")
    given = processing.licences(row["resource"]) or ()
    products = skus.products(db, {each.sku_id for each in (*given, *add)})
    after = licensing.change_group(given, add=add, remove=remove, products=products)
    groups.keep_licences(db, row, after)
    processing.queue(db, row["id"], now=context.now, delay=context.group_delay)
    shown = groups.show(db, [row], GROUP_DEFAULT, context.now)[0]
    return Reply(status=202, body={"@odata.context": listing.metadata(context, "groups/$entity"), **shown})


def add_member(context: Context) -> Reply:
    """POST /groups/{id}/members/$ref: a user, or a group, which then is nested in this one."""
    db, row = context.db, present(context)
    _require_editable(context, row)
    member_id = _referred(context)
    if member_id == row["id"] or groups.is_member(db, row["id"], member_id):
        raise fault.refused(
            "One or more added object references already exist for the following modified properties:"
            " 'members'."
        )
    db.execute("INSERT INTO members VALUES (?, ?)", (row["id"], member_id))
    processing.queue(db, row["id"], member_id, now=context.now, delay=context.group_delay)
    return Reply(status=204)


def remove_member(context: Context) -> Reply:
    """DELETE /groups/{id}/members/{id}/$ref."""
    db, row = context.db, present(context)
    _require_editable(context, row)
    member_id = context.params["member"].lower()
    if not groups.is_member(db, row["id"], member_id) or users.find_deleted(db, member_id):
        raise fault.not_found(context.params["member"])
    db.execute("DELETE FROM members WHERE group_id = ? AND member_id = ?", (row["id"], member_id))
    processing.queue(db, row["id"], member_id, now=context.now, delay=context.group_delay)
    return Reply(status=204)


def _require(context: Context, group: dict[str, Any], ability: Ability) -> None:
    """Raise Fault (403) where the actor may not change this group."""
    if not group.get("isAssignableToRole"):
        context.actor.require(ability)
    elif not _OF_ROLE_GROUPS.intersection(context.actor.templates):
        raise fault.denied()


def _require_editable(context: Context, row: sqlite3.Row) -> None:
    """Raise Fault where the actor, or anybody, may not say who is in this group."""
    group = json.loads(row["resource"])
    _require(context, group, "members")
    kinds = {each.lower() for each in group.get("groupTypes") or ()}
    if "dynamicmembership" in kinds:
        raise fault.refused("The members of a group with dynamic membership can't be updated.")
    if group.get("onPremisesSyncEnabled"):
        raise fault.synced()
    if group.get("mailEnabled") and "unified" not in kinds:
        raise fault.refused("Cannot Update a mail-enabled security groups and or distribution list.")


def _referred(context: Context) -> str:
    """Return the id of the user or group that the body refers to by its URL."""
    body = wire.json_object(context.call)
    url = body.get("@odata.id")
    found = _REFERENCE.fullmatch(url) if isinstance(url, str) else None
    if found is None or len(body) > 1:
        raise fault.invalid_value("@odata.id", "DirectoryObjectReference")
    key = found[2].lower()
    if not users.by_id(context.db, [key]) and not groups.by_id(context.db, [key]):
        raise fault.not_found(found[2])
    return key
