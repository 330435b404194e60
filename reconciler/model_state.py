"""What is the current state of a tenant made of?

Immutable values only, like all of model.py, from which everybody imports them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all values: compared by full content."""


class Assignment(Value, frozen=True, kw_only=True):
    """One licence of a user from one source (Graph: licenseAssignmentState).

    `assigned_by` is a group's id, or None for a direct assignment. `disabled_plans` are sorted ids.
    `state` and `error` are open sets: an unknown one is kept as Graph spells it.
    """

    sku_id: str
    disabled_plans: tuple[str, ...] = ()
    assigned_by: str | None = None
    state: str = "Active"
    error: str = "None"

    @property
    def active(self) -> bool:
        """Tell whether the user has the service from this source; `Error` alone says no."""
        return self.state != "Error"


class SignIn(Value, frozen=True, kw_only=True):
    """When a user last signed in, as the tenant's log has it.

    The first two are of attempts, failed ones included; None: none is on record.
    """

    interactive: datetime | None = None
    background: datetime | None = None
    successful: datetime | None = None

    @property
    def last(self) -> datetime | None:
        """Return the last of them."""
        told = (self.interactive, self.background, self.successful)
        return max((moment for moment in told if moment), default=None)


class User(Value, frozen=True, kw_only=True):
    """A user as the tenant holds it now. `assignments` are sorted by (sku_id, assigned_by or "").

    `sign_in` is None where nobody asked for it: only the command that shows it does.
    """

    id: str
    upn: str
    name: str = ""
    mail: str | None = None
    proxy_addresses: tuple[str, ...] = ()  # without the "smtp:" prefix, lower case, sorted
    enabled: bool | None = None
    user_type: str | None = None  # "Member", "Guest"; open set
    usage_location: str | None = None
    given_name: str | None = None
    surname: str | None = None
    department: str | None = None
    job_title: str | None = None
    company: str | None = None
    office: str | None = None
    city: str | None = None
    country: str | None = None
    state: str | None = None  # of the address: a state or province
    employee_type: str | None = None
    employee_id: str | None = None
    created_at: datetime | None = None
    synced: bool = False  # onPremisesSyncEnabled is true
    resource_account: bool = False  # isResourceAccount is true
    assignments: tuple[Assignment, ...] = ()
    sign_in: SignIn | None = None


class DeletedUser(User, frozen=True, kw_only=True):
    """A soft-deleted user; `upn` is without the prefix (the id without dashes) that deletion adds."""

    deleted_at: datetime | None = None


class Group(Value, frozen=True, kw_only=True):
    """A group that holds licences, or that a file names.

    `assignments` are what it gives each member (sorted by SKU id, `assigned_by` None). `members` are
    ids of the users who are members themselves, sorted; `nested` are display names of member groups,
    whose own members get nothing (Microsoft Learn: group-based licensing).
    """

    id: str
    name: str
    assignments: tuple[Assignment, ...] = ()
    members: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()
    dynamic: bool = False  # a rule of the tenant's decides on its members (groupTypes: DynamicMembership)
    synced: bool = False  # onPremisesSyncEnabled is true
    role_assignable: bool = False  # isAssignableToRole is true


class ServicePlan(Value, frozen=True, kw_only=True):
    """A service plan inside a tenant's SKU; only those with applies_to "User" can be switched off."""

    id: str
    name: str
    applies_to: str = "User"
    status: str = "Success"


class Sku(Value, frozen=True, kw_only=True):
    """A SKU that the tenant owns (Graph: subscribedSku); seats are sums over its subscriptions."""

    id: str
    part_number: str
    applies_to: str = "User"  # "User" or "Company"; open set
    status: str = "Enabled"  # Enabled, Warning, Suspended, Deleted, LockedOut; open set
    consumed: int = 0
    enabled: int = 0
    warning: int = 0
    suspended: int = 0
    locked_out: int = 0
    plans: tuple[ServicePlan, ...] = ()


class Subscription(Value, frozen=True, kw_only=True):
    """One subscription of a SKU. `auto_renew` is None where the provider doesn't tell (Graph)."""

    id: str
    sku_id: str
    status: str = "Enabled"
    seats: int = 0
    next_lifecycle: datetime | None = None
    is_trial: bool = False
    auto_renew: bool | None = None
    owner_type: str | None = None  # "User" marks a self-service purchase; open set


class RoleAssignment(Value, frozen=True, kw_only=True):
    """A directory role held by a user. Only scope "/" gives a tenant-wide ability."""

    principal_id: str
    role: str  # role name where known (reconciler.roles.ROLES), else the template id
    scope: str = "/"


UsageReport = Literal["read", "concealed", "forbidden", "unavailable", "cloud"]
"""Whether the tenant's report of mailboxes was read; "concealed": it names nobody; "cloud": only the global
one has it.
"""


class Mailbox(Value, frozen=True, kw_only=True):
    """What is known of a mailbox beyond the plans; in bytes.

    `purpose` is Graph's userPurpose ("user", "shared", …; open set), None where nobody could tell it:
    that is not "user". A live tenant tells the purpose, and by its usage report size and archive; no hold.
    """

    user_id: str
    purpose: str | None = None
    bytes: int | None = None
    has_archive: bool | None = None
    on_hold: bool | None = None


class Removal(Value, frozen=True, kw_only=True):
    """A licence that was taken from a user (from a snapshot or from the journal)."""

    user_id: str
    sku_id: str
    removed_at: datetime


class Remembered(Value, frozen=True, kw_only=True):
    """What applied runs saw of a topic, from the journal; see plan.Topic for the topics.

    `since` maps a user's id to the run that first saw the user, `left` to the run that first saw the
    user no longer. `count` is that of the last applied run.
    """

    topic: str
    count: int
    since: dict[str, datetime] = {}
    left: dict[str, datetime] = {}


class Deed(Value, frozen=True, kw_only=True):
    """What applied runs did at a moment, from the journal, that guard rails count again later.

    `lost` maps the id of a SKU to how many users lost it and did not get it back; `deleted` counts users
    who were not restored, `bought` seats.
    """

    time: datetime
    lost: dict[str, int] = {}
    deleted: int = 0
    bought: int = 0

    @property
    def revoked(self) -> int:
        """Return how many pairs of user and SKU were lost."""
        return sum(self.lost.values())


class Domain(Value, frozen=True, kw_only=True):
    """A verified domain; `kind` is "Managed" or "Federated"."""

    name: str
    is_default: bool = False
    kind: str | None = "Managed"


class Organization(Value, frozen=True, kw_only=True):
    """The tenant itself."""

    id: str
    name: str = ""
    country: str | None = None
    domains: tuple[Domain, ...] = ()


class Current(Value, frozen=True, kw_only=True):
    """A tenant's current state, read completely. Users are sorted by UPN, all else by id.

    `mailboxes` is None where nobody asked for them; else whoever was asked and has no row has no mailbox.
    `usage_report` tells why sizes and archives are not known, where they were asked for.
    """

    taken_at: datetime  # the tenant's own clock, in UTC
    organization: Organization
    users: tuple[User, ...] = ()
    deleted_users: tuple[DeletedUser, ...] = ()
    groups: tuple[Group, ...] = ()
    skus: tuple[Sku, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    role_assignments: tuple[RoleAssignment, ...] = ()
    mailboxes: tuple[Mailbox, ...] | None = None
    usage_report: UsageReport | None = None
    removals: tuple[Removal, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    deeds: tuple[Deed, ...] = ()


class Actor(Value, frozen=True, kw_only=True):
    """Who would apply the plan; `roles` are names of tenant-wide directory roles, sorted.

    `permissions` are those of an application that acts for itself: each gives abilities of its own.
    `scopes` are what a user's sign-in was given, and bound what the roles allow; None: not told.
    """

    id: str
    name: str  # UPN, or an application's name and id
    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None
