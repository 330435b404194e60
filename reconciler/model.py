"""What are desired state and current state made of?

Immutable values only: no I/O, no clock, no rules. They are msgspec structs because a tenant has a
hundred thousand of them. Everything is canonical on arrival (config and directory see to it):
UPNs, mail addresses, ids and SKU ids in lower case; part numbers and plan names in upper case;
tuples sorted. `None` means "the tenant holds no value, or did not tell": no rule may read it as "no".
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from reconciler.model_rails import Guardrails, Rail
from reconciler.model_state import (
    Actor,
    Assignment,
    Current,
    Deed,
    DeletedUser,
    Domain,
    Group,
    Mailbox,
    Organization,
    Remembered,
    Removal,
    RoleAssignment,
    ServicePlan,
    SignIn,
    Sku,
    Subscription,
    User,
    Value,
)

Provider = Literal["sandbox", "graph"]
Cloud = Literal["global", "usgov", "dod", "china"]
Mode = Literal["replace", "add"]

__all__ = [
    "Actor",
    "Assignment",
    "Baseline",
    "Choice",
    "Cloud",
    "Condition",
    "Current",
    "Deed",
    "DeletedUser",
    "Desired",
    "Domain",
    "Entry",
    "Every",
    "Exclusion",
    "Grant",
    "Group",
    "Guardrails",
    "Leaver",
    "Location",
    "Mailbox",
    "Mode",
    "Not",
    "Options",
    "Organization",
    "Price",
    "Problem",
    "Provider",
    "Rail",
    "Remembered",
    "Removal",
    "Restriction",
    "RoleAssignment",
    "Rule",
    "Scope",
    "ServicePlan",
    "SignIn",
    "Sku",
    "Some",
    "Subscription",
    "TenantRef",
    "Test",
    "ToldMailbox",
    "User",
    "Value",
    "WantedGroup",
    "WantedMember",
    "WantedSubscription",
]


class Location(Value, frozen=True, kw_only=True):
    """A place in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int = 1


class Problem(Value, frozen=True, kw_only=True):
    """Something wrong in the desired state. `severity` "warning" never stops a run."""

    location: Location
    code: str
    params: dict[str, Any] = {}
    severity: Literal["error", "warning"] = "error"


class TenantRef(Value, frozen=True, kw_only=True):
    """Which tenant is meant. Either `domain` or `id` is set where provider is graph."""

    domain: str | None = None
    id: str | None = None
    provider: Provider = "sandbox"
    cloud: Cloud = "global"
    location: Location | None = None


class Test(Value, frozen=True, kw_only=True):
    """One test of one field of a user: it holds where any of `values` does.

    `field` is one of our field names of a text (department, …), or "enabled", "domain" (of the UPN),
    "created", "member_of" (names or ids of groups). Texts are compared without regard to case and
    stand here casefolded. `matches`: `*` is any text, `?` any character, and the whole value is meant.
    `before` and `after` have one instant; `present` has none and asks whether there is a value.
    """

    field: str
    operator: Literal["is", "matches", "present", "before", "after"] = "is"
    values: tuple[str | bool | datetime, ...] = ()


class Every(Value, frozen=True, kw_only=True):
    """All of the conditions; none is always true."""

    conditions: tuple[Condition, ...]


class Some(Value, frozen=True, kw_only=True):
    """At least one of the conditions."""

    conditions: tuple[Condition, ...]


class Not(Value, frozen=True, kw_only=True):
    """The opposite; what the tenant does not tell stays untold."""

    condition: Condition


Condition = Test | Every | Some | Not


class Scope(Value, frozen=True, kw_only=True):
    """Whom a file may declare anything of, and who owns it."""

    condition: Condition
    owner: str | None = None
    location: Location


class Grant(Value, frozen=True, kw_only=True):
    """One reason for which a user (or a group) shall hold a SKU.

    `disabled_plans` is None where this grant does not manage plans. `rule` says where it comes from:
    "users", "groups", or the name of a rule. `bundle` is the bundle's name or None. It is in force
    from the beginning of the day `start` to the end of the day `until`, in UTC; None: without bound.
    """

    sku_id: str
    disabled_plans: tuple[str, ...] | None = None
    rule: str = "users"
    bundle: str | None = None
    start: date | None = None
    until: date | None = None
    location: Location


class Choice(Value, frozen=True, kw_only=True):
    """`one_of`: one of these grants, of different SKUs; the first is the one that is wanted most."""

    options: tuple[Grant, ...]
    location: Location


class Exclusion(Value, frozen=True, kw_only=True):
    """A SKU that a user must not hold, whatever bundles and rules say, to the end of the day `until`.

    `rule` is "users", or the name of the rule that excludes it.
    """

    sku_id: str
    rule: str = "users"
    reason: str | None = None
    owner: str | None = None
    until: date | None = None
    location: Location


class Leaver(Value, frozen=True, kw_only=True):
    """Someone who leaves; days count from the day after `last_day`. None: the account is never deleted."""

    last_day: date
    keep_licenses: int = 30
    delete_after: int | None = None
    location: Location


class Entry(Value, frozen=True, kw_only=True):
    """One entry of `users`, or one row of a CSV file.

    `grants`, sorted by SKU id, is None where licences are not managed (`licenses` omitted), () where
    there shall be none (other than `choices`). Who has the higher `priority` is served first.
    `profile` maps our field names (name, given_name, …, enabled) to wanted values, only those named
    in the file, sorted by name; `usage_location` stands apart. `present` is False for
    `ensure: absent`.
    """

    upn: str
    location: Location
    id: str | None = None
    present: bool = True
    restore: str | None = None
    profile: tuple[tuple[str, str | bool], ...] = ()
    usage_location: str | None = None
    mode: Mode = "replace"
    grants: tuple[Grant, ...] | None = None
    choices: tuple[Choice, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    leaver: Leaver | None = None
    priority: int = 0
    scope: Scope | None = None
    reason: str | None = None

    @property
    def name(self) -> str | None:
        """Return the wanted display name; an entry without one never creates a user."""
        return next((str(value) for field, value in self.profile if field == "name"), None)


class Rule(Value, frozen=True, kw_only=True):
    """Licences for whomever `when` matches.

    In "replace" mode its users hold nothing else directly but what other grants give them; who no
    longer matches keeps its licences for `grace` days. `exclusions` hold for those who match.
    """

    name: str
    location: Location
    when: Condition
    mode: Mode = "add"
    grants: tuple[Grant, ...] = ()  # sorted by SKU id
    choices: tuple[Choice, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    grace: int = 30
    priority: int = 0
    scope: Scope | None = None


class WantedMember(Value, frozen=True, kw_only=True):
    """A user who shall be a member of a group."""

    upn: str
    location: Location


class WantedGroup(Value, frozen=True, kw_only=True):
    """One entry of `groups`; `name` is the display name, in any case.

    `grants` (sorted by SKU id) and `members` (by UPN) are None where they are not managed.
    """

    name: str
    location: Location
    id: str | None = None
    mode: Mode = "add"
    grants: tuple[Grant, ...] | None = None
    members: tuple[WantedMember, ...] | None = None
    priority: int = 0
    scope: Scope | None = None


class Price(Value, frozen=True, kw_only=True):
    """What one seat costs; `amount` is a decimal in text, as written."""

    amount: str
    currency: str
    per: Literal["month", "year"] = "month"


class WantedSubscription(Value, frozen=True, kw_only=True):
    """One row of `subscriptions`; None means not managed."""

    sku_id: str
    location: Location
    seats: int | None = None
    auto_renew: bool | None = None
    price: Price | None = None


class Restriction(Value, frozen=True, kw_only=True):
    """A SKU or a service plan (ids; exactly one is set) that is not assignable in `countries`."""

    location: Location
    sku_id: str | None = None
    plan_id: str | None = None
    countries: tuple[str, ...] = ()


class Baseline(Value, frozen=True, kw_only=True):
    """What a place says that the author of a change can't alter: a revision, or a file of guard rails.

    A plan keeps to the stricter of these rails and its own. `entries` counts `users`; where a file says
    nothing but rails, that is None, and what follows says nothing. `graces`: name of a rule → days.
    `mailboxes_from` names a table, and `holds` are the addresses in it of mailboxes on hold.
    """

    name: str
    guardrails: Guardrails
    entries: int | None = None
    unlisted_users: Literal["keep", "revoke"] | None = None
    disable_before_delete: int | None = None
    restrictions: tuple[Restriction, ...] = ()
    default_mode: Mode = "replace"
    ignored_skus: frozenset[str] = frozenset()
    graces: dict[str, int] = {}
    mailboxes_from: str | None = None
    holds: tuple[str, ...] = ()


class ToldMailbox(Value, frozen=True, kw_only=True):
    """What a file tells of a mailbox; `address` is its user's UPN, or an address of it. See Mailbox."""

    address: str
    location: Location
    purpose: str | None = None
    bytes: int | None = None
    has_archive: bool | None = None
    on_hold: bool | None = None


class Desired(Value, frozen=True, kw_only=True):
    """The desired state with every name of a SKU or plan resolved to an id.

    Entries are sorted by UPN, rules and groups by name, mailboxes by address.
    `ignored_skus` are ids (the catalogue's free SKUs where `ignore_skus` is omitted).
    `unlisted_location` and `guardrails_location` are where these stand in the files, `protected_places`
    where each of `guardrails.protected_users` does. `digest` is over the files. `guardrails` are the files'
    own: a plan keeps to those of the `baselines` too.
    """

    tenant: TenantRef
    digest: str
    default_location: str | None = None
    default_mode: Mode = "replace"  # of users' lists of licences; each entry has its own already
    unlisted_users: Literal["keep", "revoke"] = "keep"
    unlisted_location: Location | None = None
    ignored_skus: frozenset[str] = frozenset()
    subscriptions: tuple[WantedSubscription, ...] = ()
    entries: tuple[Entry, ...] = ()
    rules: tuple[Rule, ...] = ()
    groups: tuple[WantedGroup, ...] = ()
    disable_before_delete: int | None = None  # days
    restrictions: tuple[Restriction, ...] = ()
    guardrails: Guardrails = Guardrails()
    guardrails_location: Location | None = None
    protected_places: tuple[Location, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    mailboxes: tuple[ToldMailbox, ...] = ()


class Options(Value, frozen=True, kw_only=True):
    """What the command line adds to a plan; shown in the plan as `options`.

    `now` is the instant for which the plan is made, in UTC. `targets` are addresses or UPNs (empty:
    everything). `allow` names rails that the caller loosens.
    """

    now: datetime
    use_grace: bool = False
    targets: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()

    @property
    def today(self) -> date:
        """Return the day from which data-loss dates count."""
        return self.now.date()
