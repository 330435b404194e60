"""Which calls does the Graph face answer?

The one table of routes below /v1.0, and the calls that only read. Reading takes a signed-in user and
no role. The calls that write stand in changes.py.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from reconciler import roles
from reconciler.sandbox import changes, fault, listing, mailboxes, query, skus, tenant, users
from reconciler.sandbox.resources import (
    MAILBOX_SETTINGS,
    USER_DEFAULT,
    USER_PROPERTIES,
    Group,
    encoded_names,
)
from reconciler.sandbox.wire import Context, Reply, Route

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence


_LIST = ("$select", "$filter", "$top", "$count", "$skiptoken")
_GROUP_PROPERTIES = tuple(name for _, name in encoded_names(Group) if name != "members")
_GROUP_DEFAULT = tuple(name for name in _GROUP_PROPERTIES if name != "assignedLicenses")
_GROUP_LISTS = ("groupTypes", "assignedLicenses")
_ROLE_TYPE, _GROUP_TYPE = "#microsoft.graph.directoryRole", "#microsoft.graph.group"
_ROLE_PROPERTIES = ("id", "deletedDateTime", "description", "displayName", "roleTemplateId")


def _users(context: Context) -> Reply:
    return _user_list(context, "users", deleted=False)


def _deleted_users(context: Context) -> Reply:
    return _user_list(context, "directoryObjects/microsoft.graph.user", deleted=True)


def _user_list(context: Context, kind: str, *, deleted: bool) -> Reply:
    options = query.read(context.call.query, _LIST)
    conditions = query.conditions(options.filter, query.USERS)
    query.require_advanced(options, conditions, context.call.headers.get("consistencylevel"))
    names = query.selected(options.select, USER_PROPERTIES, USER_DEFAULT, kind="user")
    body = listing.page(
        context,
        options,
        kind,
        rows=lambda after, limit: users.page(
            context.db, conditions, after=after, limit=limit, deleted=deleted
        ),
        show=lambda rows: users.show(context.db, rows, names),
    )
    if options.count and not options.after:
        body["@odata.count"] = users.count(context.db, conditions, deleted=deleted)
    return Reply(status=200, body=body)


def _user_count(context: Context) -> Reply:
    options = query.read(context.call.query, ("$filter",))
    conditions = query.conditions(options.filter, query.USERS)
    if context.call.headers.get("consistencylevel", "").lower() != "eventual":
        raise fault.unsupported_query(
            "$count is not currently supported without 'ConsistencyLevel: eventual'."
        )
    return Reply(status=200, body=str(users.count(context.db, conditions)))


def _user(context: Context) -> Reply:
    row = users.find(context.db, context.params["key"])
    if row is None:
        raise fault.not_found(context.params["key"])
    return _one_user(context, row, "users/$entity")


def _me(context: Context) -> Reply:
    return _one_user(context, context.actor.row, "users/$entity")


def _deleted_user(context: Context) -> Reply:
    row = users.find_deleted(context.db, context.params["key"])
    if row is None:
        raise fault.not_found(context.params["key"])
    reply = _one_user(context, row, "directoryObjects/$entity", USER_PROPERTIES)
    return Reply(status=200, body={"@odata.type": "#microsoft.graph.user", **reply.body})


def _one_user(
    context: Context,
    row: sqlite3.Row,
    kind: str,
    known: Iterable[str] = USER_PROPERTIES | {MAILBOX_SETTINGS},
) -> Reply:
    options = query.read(context.call.query, ("$select",))
    names = query.selected(options.select, known, USER_DEFAULT, kind="user", single=True)
    shown = users.show(context.db, [row], [name for name in names if name != MAILBOX_SETTINGS])[0]
    if MAILBOX_SETTINGS in names:
        purpose = mailboxes.purpose(context.db, row["id"])
        if purpose is None:
            raise fault.no_mailbox()
        shown[MAILBOX_SETTINGS] = {"userPurpose": purpose}
    return Reply(status=200, body={"@odata.context": listing.metadata(context, kind), **shown})


def _my_roles(context: Context) -> Reply:
    rows = [_role(template) for template in context.actor.templates]
    options = query.read(context.call.query, ("$select",))
    names = query.selected(options.select, _ROLE_PROPERTIES, _ROLE_PROPERTIES, kind="directoryRole")
    return listing.whole(context, "directoryRoles", [listing.picked(row, names) for row in rows])


def _my_memberships(context: Context) -> Reply:
    options = query.read(context.call.query, ("$select",))
    known = (*_ROLE_PROPERTIES, *_GROUP_DEFAULT)
    names = query.selected(options.select, known, known, kind="directoryObject")
    found = [(_ROLE_TYPE, _role(template)) for template in context.actor.templates]
    groups = context.db.execute(
        "SELECT groups.* FROM groups JOIN members ON group_id = id WHERE user_id = ? ORDER BY id",
        (context.actor.row["id"],),
    )
    found += [(_GROUP_TYPE, _group_shown(row, _GROUP_DEFAULT)) for row in groups]
    rows = [
        {"@odata.type": kind} | {name: whole[name] for name in names if name in whole}
        for kind, whole in found
    ]
    return listing.whole(context, "directoryObjects", rows)


def _role(template: str) -> dict[str, Any]:
    name = roles.ROLES.get(template)
    title = name.replace("-", " ").title() if name else template
    identity = str(uuid.uuid5(uuid.NAMESPACE_URL, f"reconciler:directoryRole/{template}"))
    return dict(zip(_ROLE_PROPERTIES, (identity, None, None, title, template), strict=True))


def _role_assignments(context: Context) -> Reply:
    options = query.read(context.call.query, ("$filter", "$select"))
    conditions = query.conditions(options.filter, query.ROLE_ASSIGNMENTS)
    known = ("id", "principalId", "roleDefinitionId", "directoryScopeId")
    names = query.selected(options.select, known, known, kind="unifiedRoleAssignment")
    where, values = listing.joined(conditions)
    rows = context.db.execute(
        f"SELECT * FROM role_assignments WHERE {where}"  # noqa: S608  query.py's own terms, values bound
        " ORDER BY principal_id, template_id, scope",
        values,
    )
    found = [listing.picked(_role_assignment(*row), names) for row in rows]
    return listing.whole(context, "roleManagement/directory/roleAssignments", found)


def _role_assignment(principal: str, template: str, scope: str) -> dict[str, Any]:
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"reconciler:roleAssignment/{principal}/{template}/{scope}")
    return {
        "id": identity.hex,
        "principalId": principal,
        "roleDefinitionId": template,
        "directoryScopeId": scope,
    }


def _organization(context: Context) -> Reply:
    options = query.read(context.call.query, ("$select",))
    whole = tenant.organization(context.db)
    names = query.selected(options.select, whole, tuple(whole), kind="organization")
    return listing.whole(context, "organization", [listing.picked(whole, names)])


def _subscribed_skus(context: Context) -> Reply:
    options = query.read(context.call.query, ("$select",))
    organization = tenant.organization(context.db)
    rows = skus.subscribed_skus(context.db, organization["id"], organization["displayName"])
    return listing.selected_list(context, "subscribedSkus", rows, options, "subscribedSku")


def _subscriptions(context: Context) -> Reply:
    options = query.read(context.call.query, ("$select",))
    rows = skus.company_subscriptions(context.db)
    return listing.selected_list(context, "directory/subscriptions", rows, options, "companySubscription")


def _groups(context: Context) -> Reply:
    options = query.read(context.call.query, _LIST)
    conditions = query.conditions(options.filter, query.GROUPS)
    query.require_advanced(options, conditions, context.call.headers.get("consistencylevel"))
    names = query.selected(options.select, _GROUP_PROPERTIES, _GROUP_DEFAULT, kind="group")
    where, values = listing.joined(conditions)

    def rows(after: str, limit: int) -> list[sqlite3.Row]:
        sql = f"SELECT * FROM groups WHERE {where} AND id > ? ORDER BY id LIMIT ?"  # noqa: S608  as above
        return context.db.execute(sql, (*values, after, limit)).fetchall()

    body = listing.page(
        context, options, "groups", rows=rows, show=lambda found: [_group_shown(row, names) for row in found]
    )
    if options.count and not options.after:
        counted = context.db.execute(f"SELECT COUNT(*) FROM groups WHERE {where}", values)  # noqa: S608  as above
        body["@odata.count"] = counted.fetchone()[0]
    return Reply(status=200, body=body)


def _group(context: Context) -> Reply:
    options = query.read(context.call.query, ("$select",))
    names = query.selected(options.select, _GROUP_PROPERTIES, _GROUP_DEFAULT, kind="group")
    shown = _group_shown(_group_row(context), names)
    return Reply(status=200, body={"@odata.context": listing.metadata(context, "groups/$entity"), **shown})


def _group_row(context: Context) -> sqlite3.Row:
    key = context.params["key"]
    row: sqlite3.Row | None = context.db.execute(
        "SELECT * FROM groups WHERE id = ?", (key.lower(),)
    ).fetchone()
    if row is None:
        raise fault.not_found(key)
    return row


def _group_shown(row: sqlite3.Row, names: Sequence[str]) -> dict[str, Any]:
    whole = json.loads(row["resource"])
    return {name: whole.get(name, [] if name in _GROUP_LISTS else None) for name in names}


def _members(context: Context) -> Reply:
    return _member_list(context, {"@odata.type": "#microsoft.graph.user"}, "directoryObjects")


def _user_members(context: Context) -> Reply:
    return _member_list(context, {}, "users")


def _member_list(context: Context, marks: dict[str, str], kind: str) -> Reply:
    options = query.read(context.call.query, ("$select", "$top", "$skiptoken"))
    names = query.selected(options.select, USER_PROPERTIES, USER_DEFAULT, kind="user")
    group_id = _group_row(context)["id"]
    body = listing.page(
        context,
        options,
        kind,
        rows=lambda after, limit: users.members(context.db, group_id, after=after, limit=limit),
        show=lambda rows: [marks | shown for shown in users.show(context.db, rows, names)],
    )
    return Reply(status=200, body=body)


def _member_groups(context: Context) -> Reply:
    """List the groups in a group; their own members inherit nothing from it."""
    of = "id IN (SELECT user_id FROM members WHERE group_id = ?)"
    return _group_list(context, {}, "groups", of, _group_row(context)["id"])


def _member_of(context: Context) -> Reply:
    """List the groups that a user is in; the sandbox tells no directory roles here."""
    user = users.find(context.db, context.params["key"])
    if user is None:
        raise fault.not_found(context.params["key"])
    of = "id IN (SELECT group_id FROM members WHERE user_id = ?)"
    return _group_list(context, {"@odata.type": _GROUP_TYPE}, "directoryObjects", of, user["id"])


def _group_list(context: Context, marks: dict[str, str], kind: str, of: str, value: str) -> Reply:
    options = query.read(context.call.query, ("$select", "$top", "$skiptoken"))
    names = query.selected(options.select, _GROUP_PROPERTIES, _GROUP_DEFAULT, kind="group")

    def rows(after: str, limit: int) -> list[sqlite3.Row]:
        sql = f"SELECT * FROM groups WHERE {of} AND id > ? ORDER BY id LIMIT ?"  # noqa: S608  a text of this module
        return context.db.execute(sql, (value, after, limit)).fetchall()

    body = listing.page(
        context,
        options,
        kind,
        rows=rows,
        show=lambda found: [marks | _group_shown(row, names) for row in found],
    )
    return Reply(status=200, body=body)


ROUTES = (
    Route(method="GET", path="/me", handler=_me),
    Route(method="GET", path="/me/transitiveMemberOf", handler=_my_memberships),
    Route(method="GET", path="/me/transitiveMemberOf/microsoft.graph.directoryRole", handler=_my_roles),
    Route(method="GET", path="/organization", handler=_organization),
    Route(method="GET", path="/subscribedSkus", handler=_subscribed_skus),
    Route(method="GET", path="/directory/subscriptions", handler=_subscriptions),
    Route(method="GET", path="/roleManagement/directory/roleAssignments", handler=_role_assignments),
    Route(method="GET", path="/groups", handler=_groups),
    Route(method="GET", path="/groups/<key>", handler=_group),
    Route(method="GET", path="/groups/<key>/members", handler=_members),
    Route(method="GET", path="/groups/<key>/members/microsoft.graph.user", handler=_user_members),
    Route(method="GET", path="/groups/<key>/members/microsoft.graph.group", handler=_member_groups),
    Route(method="GET", path="/users", handler=_users),
    Route(method="POST", path="/users", handler=changes.create_user, writes=True),
    Route(method="GET", path="/users/$count", handler=_user_count),
    Route(method="GET", path="/users/<key>", handler=_user),
    Route(method="GET", path="/users/<key>/memberOf", handler=_member_of),
    Route(method="PATCH", path="/users/<key>", handler=changes.update_user, writes=True),
    Route(method="DELETE", path="/users/<key>", handler=changes.delete_user, writes=True),
    Route(method="POST", path="/users/<key>/assignLicense", handler=changes.assign_license, writes=True),
    Route(method="GET", path="/directory/deletedItems/microsoft.graph.user", handler=_deleted_users),
    Route(method="GET", path="/directory/deletedItems/<key>", handler=_deleted_user),
    Route(
        method="POST",
        path="/directory/deletedItems/<key>/restore",
        handler=changes.restore_user,
        writes=True,
    ),
)
"""Every call that is answered; all others are refused."""
