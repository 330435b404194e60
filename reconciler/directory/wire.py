"""Which members of Microsoft Graph's JSON (v1.0) matter here?

The shapes alone, spelt as Graph spells them, no more than the model needs; members that are not named
are ignored, and an enumeration is open text. What they mean is graph.py's business.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec

T = TypeVar("T")
Text = Annotated[str, msgspec.Meta(min_length=1)]

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises: text that is no UTF-8, or nested too deep, is an error of Python's own."""


class Resource(msgspec.Struct, kw_only=True, gc=False, rename="camel"):
    """Base of Graph's resources; members that are not named here are ignored."""


class License(Resource, kw_only=True):
    """assignedLicense: direct and inherited merged."""

    sku_id: Text
    disabled_plans: tuple[str, ...] | None = ()


class State(Resource, kw_only=True):
    """licenseAssignmentState: one source of one licence."""

    sku_id: Text
    assigned_by_group: str | None = None
    disabled_plans: tuple[str, ...] | None = ()
    state: str | None = None
    error: str | None = None


class SignInActivity(Resource, kw_only=True):
    """When a user last signed in; the request ids beside the dates say nothing here."""

    last_sign_in_date_time: datetime | None = None
    last_non_interactive_sign_in_date_time: datetime | None = None
    last_successful_sign_in_date_time: datetime | None = None


class SignedIn(Resource, kw_only=True):
    """A user of whom only that was selected."""

    id: Text
    sign_in_activity: SignInActivity | None = None


class User(Resource, kw_only=True):
    """A user; licences stay raw, since many users have the very same ones.

    A tenant's answer without the states can't be used: a licence of a group would look like a direct one.
    """

    id: Text
    user_principal_name: Text
    display_name: str | None = None
    mail: str | None = None
    proxy_addresses: tuple[str, ...] | None = ()
    usage_location: str | None = None
    account_enabled: bool | None = None
    user_type: str | None = None
    given_name: str | None = None
    surname: str | None = None
    department: str | None = None
    job_title: str | None = None
    company_name: str | None = None
    office_location: str | None = None
    city: str | None = None
    country: str | None = None
    state: str | None = None
    employee_type: str | None = None
    employee_id: str | None = None
    created_date_time: datetime | None = None
    on_premises_sync_enabled: bool | None = None
    is_resource_account: bool | None = None
    sign_in_activity: SignInActivity | msgspec.UnsetType | None = msgspec.UNSET
    assigned_licenses: msgspec.Raw
    license_assignment_states: msgspec.Raw


class SavedUser(User, kw_only=True):
    """A user in a snapshot, which need not tell where licences come from: they are direct then."""

    license_assignment_states: msgspec.Raw = msgspec.Raw(b"null")


class DeletedUser(SavedUser, kw_only=True):
    """A user in the recycle bin."""

    deleted_date_time: datetime | None = None
    assigned_licenses: msgspec.Raw = msgspec.Raw(b"null")


class Group(Resource, kw_only=True):
    """A group; a snapshot puts the ids of its members, users and groups, beside it."""

    id: Text
    display_name: str | None = None
    group_types: tuple[str, ...] | None = ()
    on_premises_sync_enabled: bool | None = None
    is_assignable_to_role: bool | None = None
    assigned_licenses: tuple[License, ...] | None = ()
    members: tuple[str, ...] | None = ()


class Units(Resource, kw_only=True):
    """prepaidUnits."""

    enabled: int | None = 0
    warning: int | None = 0
    suspended: int | None = 0
    locked_out: int | None = 0


class Plan(Resource, kw_only=True):
    """servicePlanInfo."""

    service_plan_id: Text
    service_plan_name: str | None = None
    applies_to: str | None = "User"
    provisioning_status: str | None = "Success"


class Sku(Resource, kw_only=True):
    """subscribedSku."""

    sku_id: Text
    sku_part_number: Text
    applies_to: str | None = "User"
    capability_status: str | None = "Enabled"
    consumed_units: int | None = 0
    prepaid_units: Units | None = None
    service_plans: tuple[Plan, ...] | None = ()
    subscription_ids: tuple[str, ...] | None = ()


class Subscription(Resource, kw_only=True):
    """companySubscription; `auto_renew` comes from a commerce API or a snapshot, never from Graph."""

    id: Text
    sku_id: Text
    sku_part_number: str | None = None
    status: str | None = "Enabled"
    total_licenses: int | None = 0
    next_lifecycle_date_time: datetime | None = None
    is_trial: bool | None = False
    owner_type: str | None = None
    auto_renew: bool | None = None


class Role(Resource, kw_only=True):
    """unifiedRoleAssignment: a built-in role's definition id is its template id."""

    principal_id: Text
    role_definition_id: str | None = None
    role_template_id: str | None = None
    directory_scope_id: str | None = "/"


class Domain(Resource, kw_only=True):
    """verifiedDomain."""

    name: Text
    is_default: bool | None = False
    type: str | None = None


class Organization(Resource, kw_only=True):
    """The tenant."""

    id: Text
    display_name: str | None = None
    country_letter_code: str | None = None
    verified_domains: tuple[Domain, ...] | None = ()


class Mailbox(Resource, kw_only=True):
    """What a snapshot may tell of a mailbox."""

    user_id: Text
    purpose: str | None = None
    bytes: int | None = None
    has_archive: bool | None = None
    on_hold: bool | None = None


class MailboxSettings(Resource, kw_only=True):
    """What a mailbox is for."""

    user_purpose: str | None = None


class MailboxOwner(Resource, kw_only=True):
    """A user of whom only the mailbox's settings were selected."""

    mailbox_settings: MailboxSettings | None = None


class Modified(Resource, kw_only=True):
    """modifiedProperty: what changed in an object; the values are texts that hold JSON."""

    display_name: str | None = None
    old_value: str | None = None
    new_value: str | None = None


class Target(Resource, kw_only=True):
    """targetResource: what an event was about."""

    id: str | None = None
    type: str | None = None
    modified_properties: tuple[Modified | None, ...] | None = ()


class Audit(Resource, kw_only=True):
    """directoryAudit: an event of the log."""

    activity_date_time: datetime
    activity_display_name: str | None = None
    result: str | None = None
    target_resources: tuple[Target | None, ...] | None = ()


class Removal(Resource, kw_only=True):
    """A licence that was taken away, as a snapshot tells it."""

    user_id: Text
    sku_id: Text
    removed_at: datetime


class Id(Resource, kw_only=True):
    """A resource of which only the id (of a role: the template's) matters."""

    id: Text
    user_principal_name: str | None = None
    role_template_id: str | None = None


class Member(Resource, kw_only=True):
    """Something in a group; `kind` is Graph's type of it."""

    id: Text
    kind: str | None = msgspec.field(name="@odata.type", default=None)


class Page(msgspec.Struct, Generic[T]):
    """One page of a listing; `count` is that of the whole, where it was asked for: on the first page."""

    value: list[T]
    count: int | None = msgspec.field(name="@odata.count", default=None)
    next_link: str | None = msgspec.field(name="@odata.nextLink", default=None)


class InnerFault(msgspec.Struct):
    """innerError: the ids of the call."""

    request_id: str | None = msgspec.field(name="request-id", default=None)


class Detail(msgspec.Struct):
    """One of an error's details."""

    code: str | None = None
    target: str | None = None


class Fault(msgspec.Struct):
    """Graph's error object."""

    code: str = ""
    message: str = ""
    inner_error: InnerFault = msgspec.field(name="innerError", default_factory=InnerFault)
    details: tuple[Detail, ...] = ()


class FaultReply(msgspec.Struct):
    """The body of an error."""

    error: Fault


class BatchItem(msgspec.Struct):
    """One answer inside a batch."""

    id: str
    status: int
    headers: dict[str, Any] | None = None
    body: msgspec.Raw = msgspec.Raw(b"")


class BatchReply(msgspec.Struct):
    """The body of a batch's answer."""

    responses: list[BatchItem]
