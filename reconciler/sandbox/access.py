"""Who is asking, and do their roles and permissions allow it?

The token is the UPN of the user who acts; `sandbox` stands for the first global administrator by UPN. Or
it is a JSON Web Token (tokens.py) that names a user or an application. Abilities come from
reconciler.roles; only roles held tenant-wide (scope "/") count. What a call needs is said by the call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler import roles
from reconciler.sandbox import fault, tenant, tokens, users

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from reconciler.roles import Ability

DEFAULT_TOKEN = "sandbox"  # noqa: S105  a word that stands for the default actor

READING: tuple[tuple[str, roles.Reading], ...] = (
    ("/organization", "organization"),
    ("/subscribedSkus", "skus"),
    ("/directory/subscriptions", "organization"),
    ("/directory/deletedItems", "users"),
    ("/roleManagement", "roles"),
    ("/groups", "groups"),
    ("/auditLogs", "audit"),
    ("/reports", "reports"),
    ("/users", "users"),
    ("/mailboxSettings", "mailboxes"),
)
"""Path → what one must be allowed to read; the first that fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks: a user's row, or None for an application; with the template ids of the roles held
    tenant-wide, an application's permissions, and what a user's sign-in was given (None: everything).
    """

    id: str
    row: sqlite3.Row | None
    templates: tuple[str, ...]
    permissions: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None

    @property
    def user(self) -> sqlite3.Row:
        """Return the user who asks; raises Fault (400) for an application, which has no self."""
        if self.row is None:
            raise fault.malformed("/me request is only valid with delegated authentication flow.")
        return self.row

    def may(self, *abilities: Ability) -> bool:
        """Tell whether a role has every one of `abilities` within the scopes, or permissions have them."""
        able = (
            roles.ABILITIES.get(roles.ROLES.get(template, ""), frozenset()) for template in self.templates
        )
        by_role = any(each.issuperset(abilities) for each in able)
        if self.scopes is not None:
            return by_role and roles.in_scope(self.scopes, *abilities)
        return by_role or roles.granted(self.permissions, *abilities)

    def require(self, *abilities: Ability) -> None:
        """Raise Fault (403) unless the actor may do every one of `abilities`."""
        if not self.may(*abilities):
            raise fault.denied()

    def require_reading(self, path: str) -> None:
        """Raise Fault (403) unless the actor may read what stands at a path.

        A user without scopes may read everything; so may an application that holds a directory role.
        """
        held = self.scopes if self.row is not None else self.permissions
        if held is None or (self.row is None and not roles.ROLES.keys().isdisjoint(self.templates)):
            return
        what = next((what for start, what in READING if path.startswith(start)), None)
        if what is not None and not roles.may_read(held, what):
            raise fault.denied()


def actor(db: sqlite3.Connection, authorization: str | None, now: datetime) -> Actor:
    """Return who sent an Authorization header at a (real) time; raises Fault (401) where nobody is meant."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise fault.unauthenticated("Access token is empty.")
    default = token.lower() == DEFAULT_TOKEN
    bearer = None if default else tokens.read(token, now)
    if bearer is not None:
        return _bearer(db, bearer)
    row = _first_administrator(db) if default else users.find(db, token)
    return _user(db, row, may_be_disabled=default)


def _bearer(db: sqlite3.Connection, bearer: tokens.Bearer) -> Actor:
    """Return whom a JSON Web Token names."""
    if bearer.tenant is not None and bearer.tenant.lower() != tenant.organization(db)["id"]:
        raise fault.unauthenticated("Access token validation failure. Invalid tenant.")
    if not bearer.key:
        raise fault.unauthenticated("Access token validation failure: it names nobody.")
    if not bearer.is_application:
        found = _user(db, users.find(db, bearer.key))
        held = {*found.templates, *bearer.templates}
        return replace(found, templates=tuple(sorted(held)), scopes=bearer.scopes)
    held = {*templates_of(db, bearer.key), *bearer.templates}
    return Actor(id=bearer.key, row=None, templates=tuple(sorted(held)), permissions=bearer.permissions)


def _user(db: sqlite3.Connection, row: sqlite3.Row | None, *, may_be_disabled: bool = False) -> Actor:
    if row is None:
        raise fault.unauthenticated("Access token validation failure: it names no user of this tenant.")
    if not may_be_disabled and users.resource(row).get("accountEnabled") is False:
        raise fault.unauthenticated("Access token validation failure: the account is disabled.")
    return Actor(id=row["id"], row=row, templates=templates_of(db, row["id"]))


def templates_of(db: sqlite3.Connection, user_id: str) -> tuple[str, ...]:
    """Return the template ids of the roles that a user holds tenant-wide, sorted."""
    rows = db.execute(
        "SELECT template_id FROM role_assignments WHERE principal_id = ? AND scope = '/'"
        " ORDER BY template_id",
        (user_id,),
    )
    return tuple(template for (template,) in rows)


def privileged(db: sqlite3.Connection, user_id: str) -> bool:
    """Tell whether a user holds a role, at any scope, that a user administrator may not touch."""
    rows = db.execute("SELECT template_id FROM role_assignments WHERE principal_id = ?", (user_id,))
    return any(roles.ROLES.get(template, template) not in roles.UNPRIVILEGED for (template,) in rows)


def _first_administrator(db: sqlite3.Connection) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        # CROSS JOIN keeps the order: few hold roles, and the users may be very many
        "SELECT users.* FROM role_assignments CROSS JOIN users ON users.id = principal_id"
        " WHERE template_id = ? AND scope = '/' AND deleted_at IS NULL ORDER BY upn LIMIT 1",
        (roles.TEMPLATE_IDS[roles.GLOBAL_ADMINISTRATOR],),
    ).fetchone()
    return row
