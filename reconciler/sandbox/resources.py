"""What may a snapshot hold, and what does Graph tell of a user and a group?

The structs read a snapshot (design: docs/reference/snapshot.md): members that are not named here are
ignored, and a wrong type is an error that names its place. The property tables are what $select
knows. Nothing here stores or answers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1)]


class Resource(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    """Base of the snapshot's resources."""


class License(Resource, kw_only=True):
    """assignedLicense."""

    sku_id: Text
    disabled_plans: list[str] | None = None


class AssignmentState(Resource, kw_only=True):
    """licenseAssignmentState."""

    sku_id: Text
    assigned_by_group: str | None = None
    disabled_plans: list[str] | None = None
    state: str | None = None
    error: str | None = None
    last_updated_date_time: datetime | None = None


class SignInActivity(Resource, kw_only=True):
    """signInActivity, less the ids of requests."""

    last_sign_in_date_time: str | None = None
    last_non_interactive_sign_in_date_time: str | None = None
    last_successful_sign_in_date_time: str | None = None


class User(Resource, kw_only=True):
    """user, as far as the sandbox keeps it."""

    id: Text
    user_principal_name: Text
    display_name: str | None = None
    account_enabled: bool | None = None
    age_group: str | None = None
    business_phones: list[str] | None = None
    city: str | None = None
    company_name: str | None = None
    country: str | None = None
    created_date_time: str | None = None
    creation_type: str | None = None
    department: str | None = None
    employee_hire_date: str | None = None
    employee_id: str | None = None
    employee_type: str | None = None
    external_user_state: str | None = None
    fax_number: str | None = None
    given_name: str | None = None
    is_resource_account: bool | None = None
    job_title: str | None = None
    mail: str | None = None
    mail_nickname: str | None = None
    mobile_phone: str | None = None
    office_location: str | None = None
    on_premises_domain_name: str | None = None
    on_premises_immutable_id: str | None = None
    on_premises_last_sync_date_time: str | None = None
    on_premises_sam_account_name: str | None = None
    on_premises_sync_enabled: bool | None = None
    on_premises_user_principal_name: str | None = None
    other_mails: list[str] | None = None
    password_policies: str | None = None
    postal_code: str | None = None
    preferred_language: str | None = None
    proxy_addresses: list[str] | None = None
    security_identifier: str | None = None
    show_in_address_list: bool | None = None
    sign_in_activity: SignInActivity | None = None
    state: str | None = None
    street_address: str | None = None
    surname: str | None = None
    usage_location: str | None = None
    user_type: str | None = None


class LicensedUser(User, kw_only=True):
    """A row of `users`."""

    assigned_licenses: list[License]
    license_assignment_states: list[AssignmentState] | None = None


class DeletedUser(User, kw_only=True):
    """A row of `deletedUsers`."""

    deleted_date_time: datetime | None = None
    assigned_licenses: list[License] | None = None
    license_assignment_states: list[AssignmentState] | None = None


class Group(Resource, kw_only=True):
    """group, with its members' ids beside it: of users, and of groups that are nested in it."""

    id: Text
    display_name: str | None = None
    description: str | None = None
    mail: str | None = None
    mail_enabled: bool | None = None
    mail_nickname: str | None = None
    security_enabled: bool | None = None
    group_types: list[str] | None = None
    visibility: str | None = None
    membership_rule: str | None = None
    created_date_time: str | None = None
    is_assignable_to_role: bool | None = None
    on_premises_sync_enabled: bool | None = None
    assigned_licenses: list[License] | None = None
    members: list[str] | None = None


class Units(Resource, kw_only=True):
    """licenseUnitsDetail."""

    enabled: int | None = None
    warning: int | None = None
    suspended: int | None = None
    locked_out: int | None = None


class ServicePlan(Resource, kw_only=True):
    """servicePlanInfo."""

    service_plan_id: Text
    service_plan_name: str | None = None
    applies_to: str | None = None
    provisioning_status: str | None = None


class Sku(Resource, kw_only=True):
    """subscribedSku."""

    sku_id: Text
    sku_part_number: Text
    applies_to: str | None = None
    capability_status: str | None = None
    consumed_units: int | None = None
    prepaid_units: Units | None = None
    service_plans: list[ServicePlan] | None = None
    subscription_ids: list[str] | None = None


class Subscription(Resource, kw_only=True):
    """companySubscription, with `autoRenew`, which Graph doesn't tell."""

    id: Text
    sku_id: Text
    commerce_subscription_id: str | None = None
    created_date_time: datetime | None = None
    sku_part_number: str | None = None
    status: str | None = None
    total_licenses: int | None = None
    next_lifecycle_date_time: datetime | None = None
    is_trial: bool | None = None
    owner_type: str | None = None
    auto_renew: bool | None = None


class RoleAssignment(Resource, kw_only=True):
    """unifiedRoleAssignment; a built-in role's definition id is its template id."""

    principal_id: Text
    role_template_id: str | None = None
    role_definition_id: str | None = None
    directory_scope_id: str | None = None


class Mailbox(Resource, kw_only=True):
    """What is known of a mailbox."""

    user_id: Text
    purpose: str | None = None
    bytes: int | None = None
    has_archive: bool | None = None
    on_hold: bool | None = None


class Removal(Resource, kw_only=True):
    """A licence that was taken from a user."""

    user_id: Text
    sku_id: Text
    removed_at: datetime


class Organization(Resource, kw_only=True):
    """The tenant; `verified_domains` are kept as Graph's objects."""

    id: Text
    display_name: str | None = None
    country_letter_code: str | None = None
    verified_domains: list[dict[str, Any]] | None = None


class Snapshot(msgspec.Struct, kw_only=True):
    """A snapshot as it stands in a file."""

    format_version: str
    taken_at: datetime
    organization: Organization
    users: list[LicensedUser]
    deleted_users: list[DeletedUser] = msgspec.field(name="deletedUsers", default_factory=list)
    groups: list[Group] = []
    skus: list[Sku] = msgspec.field(name="subscribedSkus", default_factory=list)
    subscriptions: list[Subscription] = []
    role_assignments: list[RoleAssignment] = msgspec.field(name="roleAssignments", default_factory=list)
    mailboxes: list[Mailbox] = []
    removals: list[Removal] = []


def encoded_names(struct: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """Return (attribute, Graph's name) of each field of a struct."""
    return tuple((field.name, field.encode_name) for field in msgspec.structs.fields(struct))


USER_FIELDS = encoded_names(User)

GROUP_LISTS = frozenset({"groupTypes", "assignedLicenses"})
"""A group's properties that are lists, like USER_LISTS."""

PROCESSING_STATE = "licenseProcessingState"

GROUP_PROPERTIES = (*(name for _, name in encoded_names(Group) if name != "members"), PROCESSING_STATE)
"""What $select knows of a group."""

GROUP_DEFAULT = tuple(name for name in GROUP_PROPERTIES if name not in ("assignedLicenses", PROCESSING_STATE))
"""What Graph tells of a group without $select."""

USER_LISTS = frozenset({"businessPhones", "otherMails", "proxyAddresses"})
"""A user's properties that are lists: [] where the tenant holds nothing."""

LICENSE_PROPERTIES = frozenset({"assignedLicenses", "licenseAssignmentStates"})

USER_PROPERTIES = (
    frozenset(name for _, name in USER_FIELDS) | LICENSE_PROPERTIES | {"deletedDateTime", "passwordProfile"}
)
"""What $select knows of a user."""

SIGN_INS = "signInActivity"
"""A user's property that takes a premium tenant, and a reader of its logs."""

USAGE_COLUMNS = (
    "Report Refresh Date",
    "User Principal Name",
    "Display Name",
    "Is Deleted",
    "Deleted Date",
    "Created Date",
    "Last Activity Date",
    "Item Count",
    "Storage Used (Byte)",
    "Issue Warning Quota (Byte)",
    "Prohibit Send Quota (Byte)",
    "Prohibit Send/Receive Quota (Byte)",
    "Deleted Item Count",
    "Deleted Item Size (Byte)",
    "Deleted Item Quota (Byte)",
    "Has Archive",
    "Report Period",
)
"""The columns of the report on mailboxes."""

USER_DEFAULT = (
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
)
"""What Graph tells of a user without $select."""

SINGLE_USER_ONLY = frozenset(
    {
        "aboutMe",
        "birthday",
        "hireDate",
        "interests",
        "mailboxSettings",
        "mySite",
        "pastProjects",
        "preferredName",
        "responsibilities",
        "schools",
        "skills",
    }
)
"""Properties that Graph refuses in a list with 501; of these the sandbox tells MAILBOX_SETTINGS only."""

MAILBOX_SETTINGS = "mailboxSettings"
"""What a single user's $select knows besides USER_PROPERTIES; of a mailbox, so it is read apart."""
