"""Which calls does the Graph face answer?

The one table of routes below /v1.0, and the calls that only read. Reading takes whoever is signed in; an
application and a sign-in with scopes have to be allowed it (access.py). The calls that write stand in
changes.py, those about groups in group_calls.py and group_changes.py.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler import roles
from reconciler.sandbox import (
    audit,
    changes,
    fault,
    group_calls,
    group_changes,
    groups,
    listing,
    mailboxes,
    query,
    skus,
    tenant,
    usage,
    users,
)
from reconciler.sandbox.resources import (
    GROUP_DEFAULT,
    MAILBOX_SETTINGS,
    SIGN_INS,
    USER_DEFAULT,
    USER_PROPERTIES,
)
from reconciler.sandbox.wire import Context, Reply, Route

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


PAGE_WITH_SIGN_INS = 500
"""More users at once Graph doesn't tell with their sign-ins, whatever $top says."""

_ROLE_TYPE = "#microsoft.graph.directoryRole"
_ROLE_PROPERTIES = ("id", "deletedDateTime", "description", "displayName", "roleTemplateId")


def _users(context: Context) -> Reply:
    return _user_list(context, "users", deleted=False)


def _deleted_users(context: Context) -> Reply:
    return _user_list(context, "directoryObjects/microsoft.graph.user", deleted=True)


def _user_list(context: Context, kind: str, *, deleted: bool) -> Reply:
    options = query.read(context.call.query, query.LIST)
    conditions = query.conditions(options.filter, query.USERS)
    query.require_advanced(options, conditions, context.call.headers.get("consistencylevel"))
    names = query.selected(options.select, USER_PROPERTIES, USER_DEFAULT, kind="user")
    if SIGN_INS in names:
        _require_sign_ins(context)
        options = replace(options, top=min(options.top or query.DEFAULT_PAGE, PAGE_WITH_SIGN_INS))
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
    return _one_user(context, context.actor.user, "users/$entity")


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
    if SIGN_INS in names:
        _require_sign_ins(context)
    shown = users.show(context.db, [row], [name for name in names if name != MAILBOX_SETTINGS])[0]
    if MAILBOX_SETTINGS in names:
        context.actor.require_reading("/mailboxSettings")
        purpose = mailboxes.purpose(context.db, row["id"])
        if purpose is None:
            raise fault.no_mailbox()
        shown[MAILBOX_SETTINGS] = {"userPurpose": purpose}
    return Reply(status=200, body={"@odata.context": listing.metadata(context, kind), **shown})


def _require_sign_ins(context: Context) -> None:
    """Raise Fault (403) where the tenant tells no sign-ins, or not to this actor."""
    audit.require_reader(context.actor)
    if not skus.premium(context.db):
        raise fault.no_premium()


def _my_roles(context: Context) -> Reply:
    context.actor.user  # noqa: B018  an application has no roles of this kind
    rows = [_role(template) for template in context.actor.templates]
    options = query.read(context.call.query, ("$select",))
    names = query.selected(options.select, _ROLE_PROPERTIES, _ROLE_PROPERTIES, kind="directoryRole")
    return listing.whole(context, "directoryRoles", [listing.picked(row, names) for row in rows])


def _my_memberships(context: Context) -> Reply:
    options = query.read(context.call.query, ("$select",))
    known = (*_ROLE_PROPERTIES, *GROUP_DEFAULT)
    names = query.selected(options.select, known, known, kind="directoryObject")
    found = [(_ROLE_TYPE, _role(template)) for template in context.actor.templates]
    above = groups.above(context.db, context.actor.user["id"])
    found += [
        (group_calls.GROUP_TYPE, each) for each in groups.show(context.db, above, GROUP_DEFAULT, context.now)
    ]
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


ROUTES = (
    Route(method="GET", path="/me", handler=_me),
    Route(method="GET", path="/me/transitiveMemberOf", handler=_my_memberships),
    Route(method="GET", path="/me/transitiveMemberOf/microsoft.graph.directoryRole", handler=_my_roles),
    Route(method="GET", path="/organization", handler=_organization),
    Route(method="GET", path="/subscribedSkus", handler=_subscribed_skus),
    Route(method="GET", path="/directory/subscriptions", handler=_subscriptions),
    Route(method="GET", path="/roleManagement/directory/roleAssignments", handler=_role_assignments),
    Route(
        method="GET",
        path="/reports/getMailboxUsageDetail(period='<period>')",
        handler=usage.mailbox_usage,
    ),
    Route(method="GET", path="/auditLogs/directoryAudits", handler=audit.directory_audits),
    Route(method="GET", path="/groups", handler=group_calls.all_groups),
    Route(method="GET", path="/groups/<key>", handler=group_calls.one_group),
    Route(
        method="POST", path="/groups/<key>/assignLicense", handler=group_changes.assign_license, writes=True
    ),
    Route(method="GET", path="/groups/<key>/members", handler=group_calls.members),
    Route(method="GET", path="/groups/<key>/members/microsoft.graph.user", handler=group_calls.user_members),
    Route(
        method="GET", path="/groups/<key>/members/microsoft.graph.group", handler=group_calls.group_members
    ),
    Route(method="GET", path="/groups/<key>/membersWithLicenseErrors", handler=group_calls.members_in_error),
    Route(method="POST", path="/groups/<key>/members/$ref", handler=group_changes.add_member, writes=True),
    Route(
        method="DELETE",
        path="/groups/<key>/members/<member>/$ref",
        handler=group_changes.remove_member,
        writes=True,
    ),
    Route(method="GET", path="/users", handler=_users),
    Route(method="POST", path="/users", handler=changes.create_user, writes=True),
    Route(method="GET", path="/users/$count", handler=_user_count),
    Route(method="GET", path="/users/<key>", handler=_user),
    Route(method="GET", path="/users/<key>/memberOf", handler=group_calls.groups_of_user),
    Route(method="PATCH", path="/users/<key>", handler=changes.update_user, writes=True),
    Route(method="DELETE", path="/users/<key>", handler=changes.delete_user, writes=True),
    Route(method="POST", path="/users/<key>/assignLicense", handler=changes.assign_license, writes=True),
    Route(
        method="POST",
        path="/users/<key>/reprocessLicenseAssignment",
        handler=changes.reprocess_licences,
        writes=True,
    ),
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
