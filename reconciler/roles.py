"""Which directory role may do what, and which permission of an application?

The tables of Microsoft's administrator roles, as template ids and abilities, and of Graph's permissions;
a fact sheet, used by planning (is this change permitted?) and by the sandbox (403 where it is not). It
decides nothing.

Source: Microsoft Entra built-in roles (template ids) and the allowed resource actions of the role
definitions, August 2026; "Understand subscriptions and licenses" for buying. Graph's permissions
reference for those of applications.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection

Ability = Literal[
    "assign",
    "revoke",
    "buy",
    "delete",  # delete or restore a user without a privileged role
    "delete-privileged",  # delete or restore any user
    "create",
    "profile",
    "usage-location",
    "group-licenses",
    "members",
]

GLOBAL_ADMINISTRATOR = "global-administrator"

ROLES: dict[str, str] = {
    "62e90394-69f5-4237-9190-012177145e10": GLOBAL_ADMINISTRATOR,
    "b0f54661-2d74-4c50-afa3-1ec803f12efe": "billing-administrator",
    "fe930be7-5e62-47db-91af-98c3a49a38b1": "user-administrator",
    "f023fd81-a637-4b56-95fd-791ac0226033": "service-support-administrator",
    "966707d0-3269-4727-9be2-8c3a10f19b9d": "password-administrator",
    "729827e3-9c14-49f7-bb1b-9608f156bbb8": "helpdesk-administrator",
    "4d6ac14f-3453-41d0-bef9-a3e0c569773a": "license-administrator",
    "9360feb5-f418-4baa-8175-e2a00bac4301": "directory-writers",
    "fdd7a751-b60b-444a-984c-02652fe8fa1c": "groups-administrator",
    "7be44c8a-adaf-4e2a-84d6-ab2649e08a13": "privileged-authentication-administrator",
    "c4e39bd9-1100-46d3-8c65-fb160da0071f": "authentication-administrator",
    "e8611ab8-c189-46e8-94e1-60213ab1f814": "privileged-role-administrator",
    "f2ef992c-3afb-46b9-b7cf-a126ee74c451": "global-reader",
    "88d8e3e3-8f55-4a1e-953a-9b9898b8876b": "directory-readers",
    "4a5d8f65-41da-4de4-8968-e035b65339cf": "reports-reader",
}
"""Role template id → the name by which this project speaks of it."""

TEMPLATE_IDS: dict[str, str] = {name: template for template, name in ROLES.items()}

ABILITIES: dict[str, frozenset[Ability]] = {
    GLOBAL_ADMINISTRATOR: frozenset(
        {
            "assign",
            "revoke",
            "buy",
            "delete",
            "delete-privileged",
            "create",
            "profile",
            "usage-location",
            "group-licenses",
            "members",
        }
    ),
    "billing-administrator": frozenset({"buy"}),
    "user-administrator": frozenset(
        {"assign", "revoke", "delete", "create", "profile", "usage-location", "group-licenses", "members"}
    ),
    "license-administrator": frozenset({"assign", "revoke", "usage-location", "group-licenses"}),
    "directory-writers": frozenset({"assign", "revoke", "create", "profile", "group-licenses", "members"}),
    "groups-administrator": frozenset({"group-licenses", "members"}),
    "privileged-authentication-administrator": frozenset({"delete", "delete-privileged"}),
}
"""Role name → abilities. A role that is not named here has none."""

UNPRIVILEGED: frozenset[str] = frozenset(
    {
        "directory-readers",
        "groups-administrator",
        "helpdesk-administrator",
        "password-administrator",
        "reports-reader",
        "user-administrator",
    }
)
"""Roles whose holders a user administrator may still delete; a holder of any other is privileged."""


def roles_with(*abilities: Ability) -> tuple[str, ...]:
    """Return the names of the roles that have every one of `abilities`, sorted."""
    wanted = set(abilities)
    return tuple(sorted(role for role, able in ABILITIES.items() if wanted <= able))


PERMISSIONS: dict[str, frozenset[Ability]] = {
    "LicenseAssignment.ReadWrite.All": frozenset({"assign", "revoke", "group-licenses"}),
    "User.DeleteRestore.All": frozenset({"delete"}),
    "GroupMember.ReadWrite.All": frozenset({"members"}),
    "Group.ReadWrite.All": frozenset({"group-licenses", "members"}),
    "User.ReadWrite.All": frozenset({"assign", "revoke", "create", "profile", "usage-location", "delete"}),
    "Directory.ReadWrite.All": frozenset(
        {"assign", "revoke", "create", "profile", "usage-location", "group-licenses", "members"}
    ),
}
"""Permission of Microsoft Graph → abilities, the least privileged first.

An application with one of them has these abilities in the whole tenant, but not over the holders of
privileged roles: "delete-privileged" takes a directory role. A user's sign-in that was given one (a
scope) may do no more than this, and only what the user's roles allow too.
"""

AS_THE_USER = "Directory.AccessAsUser.All"
"""The scope that lets a sign-in do whatever the user may do."""


Reading = Literal["users", "skus", "organization", "groups", "roles", "mailboxes", "audit", "reports"]

READ: dict[Reading, tuple[str, ...]] = {
    "users": ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"),
    "organization": ("Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"),
    "skus": (
        "LicenseAssignment.Read.All",
        "LicenseAssignment.ReadWrite.All",
        "Organization.Read.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ),
    "groups": (
        "GroupMember.Read.All",
        "GroupMember.ReadWrite.All",
        "Group.Read.All",
        "Group.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ),
    "roles": (
        "RoleManagement.Read.Directory",
        "RoleManagement.Read.All",
        "RoleManagement.ReadWrite.Directory",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ),
    "mailboxes": ("MailboxSettings.Read", "MailboxSettings.ReadWrite"),
    "audit": ("AuditLog.Read.All",),
    "reports": ("Reports.Read.All",),
}
"""What is read → the permissions each of which allows it, the least privileged first."""


def may_read(permissions: Collection[str], what: Reading) -> bool:
    """Tell whether one of these permissions, or scopes, lets something be read."""
    return AS_THE_USER in permissions or not {*READ[what]}.isdisjoint(permissions)


def permissions_with(*abilities: Ability) -> tuple[str, ...]:
    """Return the permissions that each give every one of `abilities`, the least privileged first."""
    wanted = set(abilities)
    return tuple(name for name, able in PERMISSIONS.items() if wanted <= able)


def granted(permissions: Collection[str], *abilities: Ability) -> bool:
    """Tell whether these permissions, taken together, give every one of `abilities`."""
    able = (PERMISSIONS.get(name, frozenset()) for name in permissions)
    return set(abilities) <= frozenset().union(*able)


def in_scope(scopes: Collection[str], *abilities: Ability) -> bool:
    """Tell whether a user's sign-in with these scopes may make use of every one of `abilities`.

    What tells a holder of a privileged role apart is the user's role: no scope does.
    """
    wanted: list[Ability] = ["delete" if each == "delete-privileged" else each for each in abilities]
    return AS_THE_USER in scopes or granted(scopes, *wanted)
