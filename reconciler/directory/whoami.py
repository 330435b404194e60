"""Who acts through a token, with which directory roles and permissions?

A user, or an application that acts for itself: the token tells which, and the directory has the last
word on roles. Whether that is enough for a change is for planning to say, and in the end for Graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reconciler.directory import graph, wire
from reconciler.directory.memberships import IDS
from reconciler.directory.reader import ROLE_PAGE, ROLES
from reconciler.model import Actor
from reconciler.roles import ROLES as KNOWN

if TYPE_CHECKING:
    from reconciler.directory.claims import Claims
    from reconciler.directory.transport import Transport

ME = "/me?$select=id,userPrincipalName"
MY_ROLES = "/me/transitiveMemberOf/microsoft.graph.directoryRole"

ID = msgspec.json.Decoder(wire.Id)


def actor(transport: Transport, claims: Claims | None) -> Actor:
    """Return who the token stands for, with the roles that hold in the whole tenant.

    `claims` is what the token tells, None where it is opaque: a user's then. A role is left out where
    the assignments show it only for a part of the tenant (an administrative unit); one that they don't
    show at all came through a group, and stays. Roles that somebody may take up, and has not (they are
    eligible), are not there yet: Graph does not show them either.
    """
    if claims is not None and claims.is_application and claims.object_id:
        return _application(transport, claims, claims.object_id)
    me, _ = transport.get(ME, ID)
    mine = transport.listing(MY_ROLES, IDS, list)
    names = {graph.role_name(row.role_template_id) for row in mine if row.role_template_id}
    return Actor(
        id=me.id.lower(),
        name=(me.user_principal_name or me.id).lower(),
        roles=_everywhere(names | _hinted(claims), _scopes(transport, me.id)),
        scopes=claims.scopes if claims else None,
    )


def told(claims: Claims) -> Actor:
    """Return who acts as far as the token tells: for whoever may not ask the directory."""
    object_id = claims.object_id or ""
    name = claims.upn or object_id
    if claims.is_application:
        named = claims.app_id or object_id
        name = f"{claims.app_name} ({named})" if claims.app_name else f"application {named}"
    return Actor(
        id=object_id.lower(),
        name=name,
        roles=tuple(sorted(_hinted(claims))),
        permissions=claims.roles if claims.is_application else (),
        scopes=claims.scopes,
    )


def _application(transport: Transport, claims: Claims, object_id: str) -> Actor:
    """Return an application; its roles are those of its service principal."""
    scopes = _scopes(transport, object_id)
    roles = _everywhere(set(scopes) | _hinted(claims), scopes)
    return msgspec.structs.replace(told(claims), roles=roles)


def _hinted(claims: Claims | None) -> set[str]:
    """Return the roles in the token: memberships come back nearly empty where little may be read."""
    return {KNOWN[template] for template in (claims.wids if claims else ()) if template in KNOWN}


def _scopes(transport: Transport, principal: str) -> dict[str, set[str]]:
    """Return role → where it holds, by the assignments of one principal."""
    found: dict[str, set[str]] = {}
    rows = transport.listing(f"{ROLES}?$filter=principalId eq '{principal}'", ROLE_PAGE, list)
    for held in map(graph.role_assignment, rows):
        found.setdefault(held.role, set()).add(held.scope)
    return found


def _everywhere(names: set[str], scopes: dict[str, set[str]]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if "/" in scopes.get(name, {"/"})))
