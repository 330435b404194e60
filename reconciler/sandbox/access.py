"""Who is asking, and do their roles allow it?

The token is the UPN of the user who acts; `sandbox` stands for the first global administrator by UPN.
Abilities come from reconciler.roles; only roles held tenant-wide (scope "/") count. What a call needs
is said by the call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler import roles
from reconciler.sandbox import fault, users

if TYPE_CHECKING:
    import sqlite3

    from reconciler.roles import Ability

DEFAULT_TOKEN = "sandbox"  # noqa: S105  a word that stands for the default actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The user who asks, with the template ids of the roles held tenant-wide."""

    row: sqlite3.Row
    templates: tuple[str, ...]

    def may(self, *abilities: Ability) -> bool:
        """Tell whether one of the actor's roles has every one of `abilities`."""
        able = (
            roles.ABILITIES.get(roles.ROLES.get(template, ""), frozenset()) for template in self.templates
        )
        return any(each.issuperset(abilities) for each in able)

    def require(self, *abilities: Ability) -> None:
        """Raise Fault (403) unless one of the actor's roles has every one of `abilities`."""
        if not self.may(*abilities):
            raise fault.denied()


def actor(db: sqlite3.Connection, authorization: str | None) -> Actor:
    """Return who sent an Authorization header; raises Fault (401) where nobody is meant."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise fault.unauthenticated("Access token is empty.")
    default = token.lower() == DEFAULT_TOKEN
    row = _first_administrator(db) if default else users.find(db, token)
    if row is None:
        raise fault.unauthenticated("Access token validation failure: it names no user of this tenant.")
    if not default and users.resource(row).get("accountEnabled") is False:
        raise fault.unauthenticated("Access token validation failure: the account is disabled.")
    return Actor(row=row, templates=templates_of(db, row["id"]))


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
