"""What may whoever signed in do here, what is missing for it, and what is more than it takes?

Roles and permissions against what the commands read and what the files ask for. Pure: it knows nothing
of a sign-in. Graph alone decides in the end; this tells it before the first request is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from reconciler import roles
from reconciler.model import Value
from reconciler.roles import Reading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from reconciler.model import Actor
    from reconciler.roles import Ability

STATE: tuple[Reading, ...] = ("users", "organization", "skus", "groups", "roles")
"""What every command reads that looks at a tenant."""

WISHES: tuple[Reading, ...] = ("mailboxes", "reports", "audit")
"""What makes an answer fuller where it may be read; without it the answer says what is not known."""

_OWN_ONLY: tuple[Reading, ...] = ("mailboxes",)
"""What a person's sign-in reads of that person only, whatever the scope: of others only an application."""

LOOKING = ("plan", "why", "users", "seats", "recoverable", "snapshot", "migrate-to-group")

_ORDER: tuple[Ability, ...] = (
    "create",
    "profile",
    "usage-location",
    "members",
    "assign",
    "revoke",
    "group-licenses",
    "delete",
)
"""Abilities, those first whose permission gives others too: the fewest are asked for then."""

_DANGEROUS = (
    "Application.ReadWrite",
    "AppRoleAssignment.ReadWrite",
    "DelegatedPermissionGrant.ReadWrite",
    "Directory.AccessAsUser",
    "Directory.ReadWrite",
    "Domain.ReadWrite",
    "Policy.ReadWrite",
    "PrivilegedAccess.ReadWrite",
    "RoleAssignmentSchedule.ReadWrite",
    "RoleEligibilitySchedule.ReadWrite",
    "RoleManagement.ReadWrite",
    "UserAuthenticationMethod.ReadWrite",
)
"""Permissions by which whoever has them could take the whole tenant, or most of it."""

_HARMLESS = frozenset({"User.Read", "openid", "profile", "email", "offline_access"})
"""Scopes that come with any sign-in of a person."""


class Verdict(Value, frozen=True, kw_only=True):
    """Whether a command may run, and what it lacks: names of things to read and of abilities."""

    command: str
    lacks: tuple[str, ...] = ()

    @property
    def may(self) -> bool:
        """Tell whether nothing is lacking."""
        return not self.lacks


class Surplus(Value, frozen=True, kw_only=True):
    """A permission or role that is more than the files take; `instead` are narrower ones that would do."""

    name: str
    dangerous: bool = False
    instead: tuple[str, ...] = ()


class Diagnosis(Value, frozen=True, kw_only=True):
    """What somebody may do. `least_…` are the smallest sets of permissions, `least_roles` of a user's roles.

    `missing` are permissions to be granted for apply: for a user scopes, for an application permissions.
    `wishes` are things that may not be read, and would make answers fuller.
    """

    verdicts: tuple[Verdict, ...]
    missing: tuple[str, ...]
    wishes: tuple[Reading, ...]
    surplus: tuple[Surplus, ...]
    least_plan: tuple[str, ...]
    least_apply: tuple[str, ...]
    least_roles: tuple[str, ...]


Kind = Literal["user", "application"]


def diagnose(actor: Actor, kind: Kind, uses: Collection[Ability]) -> Diagnosis:
    """Return what `actor` may do, where files use these abilities.

    Buying is left out: no permission and no role of Entra's gives it through Graph.
    """
    used = [ability for ability in _ORDER if ability in uses] or ["assign", "revoke"]
    granted = actor.permissions if actor.scopes is None else actor.scopes
    told = kind == "application" or actor.scopes is not None
    unread = [what for what in STATE if told and not _reads(actor, granted, what)]
    undone = [ability for ability in used if not _does(actor, ability)]
    least_plan, least_apply = least((), STATE), least(used, STATE)
    verdicts = [Verdict(command=command, lacks=tuple(unread)) for command in LOOKING]
    verdicts.insert(1, Verdict(command="apply", lacks=(*unread, *undone)))
    wishes = WISHES if kind == "application" else tuple(what for what in WISHES if what not in _OWN_ONLY)
    needed = _needed(used, (*STATE, *wishes))
    missing: tuple[str, ...] = ()
    if told:
        lacking = [name for name in least_apply if name not in granted]
        missing = tuple(name for name in lacking if _adds(name, granted, used, STATE))
    return Diagnosis(
        verdicts=tuple(verdicts),
        missing=missing,
        wishes=tuple(what for what in wishes if told and not _reads(actor, granted, what)),
        surplus=(*_surplus(granted, needed, used), *_surplus_roles(actor, used)),
        least_plan=least_plan,
        least_apply=least_apply,
        least_roles=_least_roles(used),
    )


def least(used: Iterable[Ability], read: Iterable[Reading]) -> tuple[str, ...]:
    """Return few permissions that give these abilities and let this be read, the least privileged ones."""
    chosen: list[str] = []
    for ability in used:
        if not roles.granted(chosen, ability):
            chosen += roles.permissions_with(ability)[:1]
    for what in read:
        if not roles.may_read(chosen, what):
            chosen.append(roles.READ[what][0])
    return tuple(sorted(chosen))


def _needed(used: Iterable[Ability], read: Iterable[Reading]) -> frozenset[str]:
    """Return the least privileged permission of each ability and reading.

    None of them is too much, also where a broader one that is needed as well gives the same.
    """
    return frozenset(
        (
            *(name for ability in used for name in roles.permissions_with(ability)[:1]),
            *(roles.READ[what][0] for what in read),
        )
    )


def _reads(actor: Actor, granted: Collection[str], what: Reading) -> bool:
    """Tell whether something may be read; an application with a directory role may."""
    return roles.may_read(granted, what) or (actor.scopes is None and bool(actor.roles))


def _does(actor: Actor, ability: Ability) -> bool:
    by_role = any(ability in roles.ABILITIES.get(role, ()) for role in actor.roles)
    if actor.scopes is not None:
        return by_role and roles.in_scope(actor.scopes, ability)
    return by_role or roles.granted(actor.permissions, ability)


def _adds(name: str, granted: Collection[str], used: Iterable[Ability], read: Iterable[Reading]) -> bool:
    """Tell whether a permission gives something that those already granted do not."""
    more = (name,)
    return any(roles.granted(more, one) and not roles.in_scope(granted, one) for one in used) or any(
        roles.may_read(more, what) and not roles.may_read(granted, what) for what in read
    )


def _surplus(granted: Collection[str], needed: Collection[str], used: Sequence[Ability]) -> list[Surplus]:
    """Return what is granted and not needed, the dangerous first."""
    found, left = [], set(granted)
    for name in sorted(
        left - set(needed) - _HARMLESS, key=lambda each: (not each.startswith(_DANGEROUS), each)
    ):
        left.remove(name)
        undone = [one for one in used if roles.in_scope((name,), one) and not roles.in_scope(left, one)]
        unread = [one for one in STATE if roles.may_read((name,), one) and not roles.may_read(left, one)]
        instead = tuple(each for each in least(undone, unread) if each not in left)
        found.append(Surplus(name=name, dangerous=name.startswith(_DANGEROUS), instead=instead))
    return found


def _least_roles(used: Sequence[Ability]) -> tuple[str, ...]:
    """Return the role with the fewest abilities that has all of these; several where none has."""
    fitting = roles.roles_with(*used)
    return (min(fitting, key=lambda role: (len(roles.ABILITIES[role]), role)),) if fitting else ()


def _surplus_roles(actor: Actor, used: Sequence[Ability]) -> list[Surplus]:
    """Return a global administrator's role where a narrower one would do."""
    if roles.GLOBAL_ADMINISTRATOR not in actor.roles:
        return []
    return [Surplus(name=roles.GLOBAL_ADMINISTRATOR, dangerous=True, instead=_least_roles(used))]
