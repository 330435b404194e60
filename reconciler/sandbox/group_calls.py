"""What can be asked of groups, and of who is in them?

The reading calls of the Graph face that are about groups. Those that write stand in group_changes.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.sandbox import fault, groups, listing, query, users
from reconciler.sandbox.resources import GROUP_DEFAULT, GROUP_PROPERTIES, USER_DEFAULT, USER_PROPERTIES
from reconciler.sandbox.wire import Context, Reply

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    Rows = Callable[[str, int], list[sqlite3.Row]]

USER_TYPE, GROUP_TYPE = "#microsoft.graph.user", "#microsoft.graph.group"
_PAGED = ("$select", "$top", "$skiptoken")


def all_groups(context: Context) -> Reply:
    """GET /groups."""
    options = query.read(context.call.query, query.LIST)
    conditions = query.conditions(options.filter, query.GROUPS)
    query.require_advanced(options, conditions, context.call.headers.get("consistencylevel"))
    names = query.selected(options.select, GROUP_PROPERTIES, GROUP_DEFAULT, kind="group")
    body = listing.page(
        context,
        options,
        "groups",
        rows=lambda after, limit: groups.page(context.db, conditions, after=after, limit=limit),
        show=lambda rows: groups.show(context.db, rows, names, context.now),
    )
    if options.count and not options.after:
        body["@odata.count"] = groups.count(context.db, conditions)
    return Reply(status=200, body=body)


def one_group(context: Context) -> Reply:
    """GET /groups/{id}."""
    options = query.read(context.call.query, ("$select",))
    names = query.selected(options.select, GROUP_PROPERTIES, GROUP_DEFAULT, kind="group")
    shown = groups.show(context.db, [present(context)], names, context.now)[0]
    return Reply(status=200, body={"@odata.context": listing.metadata(context, "groups/$entity"), **shown})


def members(context: Context) -> Reply:
    """GET /groups/{id}/members: users and groups alike."""
    key = present(context)["id"]
    return _objects(context, lambda after, limit: groups.members(context.db, key, after=after, limit=limit))


def members_in_error(context: Context) -> Reply:
    """GET /groups/{id}/membersWithLicenseErrors."""
    key = present(context)["id"]
    return _objects(context, lambda after, limit: groups.in_error(context.db, key, after=after, limit=limit))


def user_members(context: Context) -> Reply:
    """GET /groups/{id}/members/microsoft.graph.user."""
    options = query.read(context.call.query, _PAGED)
    names = query.selected(options.select, USER_PROPERTIES, USER_DEFAULT, kind="user")
    key = present(context)["id"]
    body = listing.page(
        context,
        options,
        "users",
        rows=lambda after, limit: users.members(context.db, key, after=after, limit=limit),
        show=lambda rows: users.show(context.db, rows, names),
    )
    return Reply(status=200, body=body)


def group_members(context: Context) -> Reply:
    """GET /groups/{id}/members/microsoft.graph.group: those nested in it, whose members inherit nothing."""
    key = present(context)["id"]
    return _groups(
        context,
        {},
        "groups",
        lambda after, limit: groups.nested(context.db, key, after=after, limit=limit),
    )


def groups_of_user(context: Context) -> Reply:
    """GET /users/{id | userPrincipalName}/memberOf: the groups that the user is in, no roles."""
    user = users.find(context.db, context.params["key"])
    if user is None:
        raise fault.not_found(context.params["key"])
    return _groups(
        context,
        {"@odata.type": GROUP_TYPE},
        "directoryObjects",
        lambda after, limit: groups.holding(context.db, user["id"], after=after, limit=limit),
    )


def present(context: Context) -> sqlite3.Row:
    """Return the row of the group that the path names; raises Fault (404) where there is none."""
    key = context.params["key"]
    row = groups.find(context.db, key)
    if row is None:
        raise fault.not_found(key)
    return row


def _groups(context: Context, marks: dict[str, str], kind: str, rows: Rows) -> Reply:
    options = query.read(context.call.query, _PAGED)
    names = query.selected(options.select, GROUP_PROPERTIES, GROUP_DEFAULT, kind="group")
    body = listing.page(
        context,
        options,
        kind,
        rows=rows,
        show=lambda found: [marks | each for each in groups.show(context.db, found, names, context.now)],
    )
    return Reply(status=200, body=body)


def _objects(context: Context, rows: Rows) -> Reply:
    """Return a page of users and groups, each with those of the properties asked for that it has."""
    options = query.read(context.call.query, _PAGED)
    of_user: tuple[str, ...] = USER_DEFAULT
    of_group = GROUP_DEFAULT
    if options.select is not None:
        known = USER_PROPERTIES.union(GROUP_PROPERTIES)
        names = query.selected(options.select, known, (), kind="directoryObject")
        of_user = tuple(name for name in names if name in USER_PROPERTIES)
        of_group = tuple(name for name in names if name in GROUP_PROPERTIES)

    def show(found: list[sqlite3.Row]) -> list[dict[str, Any]]:
        ids = [row["id"] for row in found]
        people, nested = users.by_id(context.db, ids), groups.by_id(context.db, ids)
        shown = {
            row["id"]: {"@odata.type": USER_TYPE} | each
            for row, each in zip(people, users.show(context.db, people, of_user), strict=True)
        }
        shown |= {
            row["id"]: {"@odata.type": GROUP_TYPE} | each
            for row, each in zip(nested, groups.show(context.db, nested, of_group, context.now), strict=True)
        }
        return [shown[each] for each in ids]

    return Reply(status=200, body=listing.page(context, options, "directoryObjects", rows=rows, show=show))
