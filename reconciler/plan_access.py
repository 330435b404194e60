"""May somebody make a change, and what would let an application make it?

The roles that a change names are one half; the other follows from what it does, in the words of
reconciler.roles. Nothing here knows a tenant: it is asked when a plan is made, and again by apply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from reconciler import roles

if TYPE_CHECKING:
    from reconciler.model import Actor
    from reconciler.plan import ActorInfo, Change
    from reconciler.roles import Ability


def abilities(change: Change) -> tuple[Ability, ...]:
    """Return what a change takes.

    Whether its user holds a privileged role shows in the roles that it names: a user administrator is
    not among them then.
    """
    match change.kind:
        case "create-user":
            found: tuple[Ability, ...] = ("create",)
        case "restore-user":
            found = ("delete",)
        case "delete-user":
            found = ("delete-privileged",) if _privileged(change) else ("delete",)
        case "update-user":
            located = "usage_location" in change.after
            found = (
                *(("usage-location",) if located else ()),
                *(("profile",) if len(change.after) > located else ()),
                *(("delete-privileged",) if _privileged(change) else ()),
            )
        case "set-licenses":
            found = ("assign", "revoke")
        case "set-group-licenses":
            found = ("group-licenses",)
        case "add-member" | "remove-member":
            found = ("members",)
        case "buy-seats" | "set-auto-renew":
            found = ("buy",)
        case _:
            assert_never(change.kind)
    return found


def permitted(change: Change, actor: Actor | ActorInfo) -> bool:
    """Tell whether an actor may make a change: by a role within the sign-in's scopes, or by permission."""
    by_role = bool(set(change.roles) & set(actor.roles))
    if actor.scopes is not None:
        return by_role and roles.in_scope(actor.scopes, *abilities(change))
    return by_role or roles.granted(actor.permissions, *abilities(change))


def permissions(change: Change) -> tuple[str, ...]:
    """Return the permissions each of which would let an application make a change, the least first."""
    return roles.permissions_with(*abilities(change))


def _privileged(change: Change) -> bool:
    return bool(change.roles) and "user-administrator" not in change.roles
