"""How does Microsoft Graph spell what model.py says?

The structs are Graph's JSON (v1.0), no more of it than the model needs; `Translator` turns them
into canonical values: UPNs, ids and addresses in lower case, part numbers in upper case, empty text
as None, everything sorted. No I/O here. Unknown values of Graph's enumerations are kept.
"""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import msgspec

from reconciler.model import (
    Assignment,
    DeletedUser,
    Domain,
    Group,
    Mailbox,
    Organization,
    Removal,
    RoleAssignment,
    ServicePlan,
    Sku,
    Subscription,
    User,
)
from reconciler.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")
Text = Annotated[str, msgspec.Meta(min_length=1)]

FIELDS: dict[str, str] = {
    "upn": "userPrincipalName",
    "name": "displayName",
    "given_name": "givenName",
    "surname": "surname",
    "department": "department",
    "job_title": "jobTitle",
    "company": "companyName",
    "office": "officeLocation",
    "city": "city",
    "country": "country",
    "employee_id": "employeeId",
    "enabled": "accountEnabled",
    "usage_location": "usageLocation",
}
"""Our name of a user's field → Graph's; the only place that knows both."""

USER_SELECT = ",".join(
    [
        "id",
        *FIELDS.values(),
        "mail",
        "proxyAddresses",
        "userType",
        "onPremisesSyncEnabled",
        "isResourceAccount",
        "assignedLicenses",
        "licenseAssignmentStates",
    ]
)
DELETED_SELECT = (
    "id,userPrincipalName,displayName,mail,usageLocation,onPremisesSyncEnabled,deletedDateTime,"
    "assignedLicenses,licenseAssignmentStates"
)


class Wire(msgspec.Struct, kw_only=True, gc=False, rename="camel"):
    """Base of Graph's resources; members that are not named here are ignored."""


class WireLicense(Wire, kw_only=True):
    """assignedLicense: direct and inherited merged."""

    sku_id: Text
    disabled_plans: tuple[str, ...] | None = ()


class WireState(Wire, kw_only=True):
    """licenseAssignmentState: one source of one licence."""

    sku_id: Text
    assigned_by_group: str | None = None
    disabled_plans: tuple[str, ...] | None = ()
    state: str | None = None
    error: str | None = None


class WireUser(Wire, kw_only=True):
    """A user; licences stay raw, since many users have the very same ones."""

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
    employee_id: str | None = None
    on_premises_sync_enabled: bool | None = None
    is_resource_account: bool | None = None
    assigned_licenses: msgspec.Raw
    license_assignment_states: msgspec.Raw = msgspec.Raw(b"null")


class WireDeletedUser(Wire, kw_only=True):
    """A user in the recycle bin."""

    id: Text
    user_principal_name: Text
    display_name: str | None = None
    mail: str | None = None
    usage_location: str | None = None
    on_premises_sync_enabled: bool | None = None
    deleted_date_time: datetime | None = None
    assigned_licenses: msgspec.Raw = msgspec.Raw(b"null")
    license_assignment_states: msgspec.Raw = msgspec.Raw(b"null")


class WireGroup(Wire, kw_only=True):
    """A group with licences; a snapshot puts its members beside them."""

    id: Text
    display_name: str | None = None
    assigned_licenses: tuple[WireLicense, ...] | None = ()
    members: tuple[str, ...] | None = ()


class WireUnits(Wire, kw_only=True):
    """prepaidUnits."""

    enabled: int | None = 0
    warning: int | None = 0
    suspended: int | None = 0
    locked_out: int | None = 0


class WirePlan(Wire, kw_only=True):
    """servicePlanInfo."""

    service_plan_id: Text
    service_plan_name: str | None = None
    applies_to: str | None = "User"
    provisioning_status: str | None = "Success"


class WireSku(Wire, kw_only=True):
    """subscribedSku."""

    sku_id: Text
    sku_part_number: Text
    applies_to: str | None = "User"
    capability_status: str | None = "Enabled"
    consumed_units: int | None = 0
    prepaid_units: WireUnits | None = None
    service_plans: tuple[WirePlan, ...] | None = ()
    subscription_ids: tuple[str, ...] | None = ()


class WireSubscription(Wire, kw_only=True):
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


class WireRole(Wire, kw_only=True):
    """unifiedRoleAssignment: a built-in role's definition id is its template id."""

    principal_id: Text
    role_definition_id: str | None = None
    role_template_id: str | None = None
    directory_scope_id: str | None = "/"


class WireDomain(Wire, kw_only=True):
    """verifiedDomain."""

    name: Text
    is_default: bool | None = False
    type: str | None = None


class WireOrganization(Wire, kw_only=True):
    """The tenant."""

    id: Text
    display_name: str | None = None
    country_letter_code: str | None = None
    verified_domains: tuple[WireDomain, ...] | None = ()


class WireMailbox(Wire, kw_only=True):
    """What a snapshot may tell of a mailbox."""

    user_id: Text
    purpose: str | None = None
    bytes: int | None = None
    has_archive: bool | None = None
    on_hold: bool | None = None


class WireRemoval(Wire, kw_only=True):
    """A licence that was taken away, as a snapshot tells it."""

    user_id: Text
    sku_id: Text
    removed_at: datetime


class WireId(Wire, kw_only=True):
    """A resource of which only the id (of a role: the template's) matters."""

    id: Text
    user_principal_name: str | None = None
    role_template_id: str | None = None


class Page(msgspec.Struct, Generic[T]):
    """One page of a listing."""

    value: list[T]
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


_LICENSES = msgspec.json.Decoder(tuple[WireLicense, ...] | None)
_STATES = msgspec.json.Decoder(tuple[WireState, ...] | None)
_NO_TEXTS: dict[str | None, str | None] = {None: None, "": None}
_REMEMBERED = 8192  # entries of a cache: a tenant has few combinations of licences, or very many


def utc(moment: datetime | None) -> datetime | None:
    """Return the instant in UTC; one without a zone is taken to be UTC, as Graph means it."""
    if moment is None:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def smtp_addresses(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return the mail addresses of `proxyAddresses`, lower case, sorted, each once.

    The prefix tells the kind: SMTP (primary), smtp; others (sip, x500, …) are no mail addresses.
    """
    kept: set[str] = set()
    for address in addresses:
        kind, colon, rest = address.lower().partition(":")
        if not colon:
            kept.add(kind)
        elif kind == "smtp":
            kept.add(rest)
    kept.discard("")
    return tuple(sorted(kept))


def without_prefix(upn: str, user_id: str) -> str:
    """Return a deleted user's former UPN: Graph puts the id without dashes before it."""
    return upn.lower().removeprefix(user_id.lower().replace("-", ""))


def role_name(role: str) -> str:
    """Return the name of a role by its template id; an unknown one keeps its id."""
    return ROLES.get(role.lower(), role.lower())


class Translator:
    """Turn Graph's resources into values, sharing what is equal: one per reading, one thread each."""

    def __init__(self) -> None:
        self._texts: dict[str | None, str | None] = dict(_NO_TEXTS)
        self._licences: dict[bytes, tuple[Assignment, ...]] = {}
        self._tuples: dict[tuple[Assignment, ...], tuple[Assignment, ...]] = {(): ()}
        self._assignments: dict[Assignment, Assignment] = {}

    def users(self, rows: Iterable[WireUser]) -> Iterator[User]:
        """Yield the users of one page."""
        if len(self._texts) > _REMEMBERED:
            self._texts = dict(_NO_TEXTS)
        shared = self._texts.setdefault  # called a million times: no wrapper of our own around it
        for row in rows:
            upn = row.user_principal_name.lower()
            mail = row.mail.lower() if row.mail else None
            if mail == upn:
                mail = upn
            place = row.usage_location and row.usage_location.upper()
            yield User(
                id=row.id.lower(),
                upn=upn,
                name=row.display_name or "",
                mail=mail,
                proxy_addresses=_addresses(row.proxy_addresses, mail),
                enabled=row.account_enabled,
                user_type=shared(row.user_type, row.user_type),
                usage_location=shared(place, place),
                given_name=shared(row.given_name, row.given_name),
                surname=shared(row.surname, row.surname),
                department=shared(row.department, row.department),
                job_title=shared(row.job_title, row.job_title),
                company=shared(row.company_name, row.company_name),
                office=shared(row.office_location, row.office_location),
                city=shared(row.city, row.city),
                country=shared(row.country, row.country),
                employee_id=row.employee_id or None,
                synced=row.on_premises_sync_enabled is True,
                resource_account=row.is_resource_account is True,
                assignments=self._of_raw(row.assigned_licenses, row.license_assignment_states),
            )

    def deleted_users(self, rows: Iterable[WireDeletedUser]) -> Iterator[DeletedUser]:
        """Yield the deleted users of one page."""
        for row in rows:
            yield DeletedUser(
                id=row.id.lower(),
                upn=without_prefix(row.user_principal_name, row.id),
                name=row.display_name or "",
                mail=row.mail.lower() if row.mail else None,
                usage_location=row.usage_location.upper() if row.usage_location else None,
                synced=row.on_premises_sync_enabled is True,
                deleted_at=utc(row.deleted_date_time),
                assignments=self._of_raw(row.assigned_licenses, row.license_assignment_states),
            )

    def _of_raw(self, licences: msgspec.Raw, states: msgspec.Raw) -> tuple[Assignment, ...]:
        key = b"".join((licences, states))  # two JSON values in a row can be split in one way only
        known = self._licences.get(key)
        if known is None:
            known = self.assignments(_LICENSES.decode(licences) or (), _STATES.decode(states) or ())
            if len(self._licences) >= _REMEMBERED:
                self._licences.clear()
            self._licences[key] = known
        return known

    def assignments(
        self, licences: Iterable[WireLicense], states: Iterable[WireState] = ()
    ) -> tuple[Assignment, ...]:
        """Return the assignments: one a source; a licence that no state tells of counts as direct.

        Graph's states are sometimes incomplete (facts: microsoft-graph-docs issue 9636).
        """
        found = [
            Assignment(
                sku_id=state.sku_id.lower(),
                disabled_plans=_ids(state.disabled_plans),
                assigned_by=state.assigned_by_group.lower() if state.assigned_by_group else None,
                state=state.state or "Active",
                error=state.error or "None",
            )
            for state in states
        ]
        told = {assignment.sku_id for assignment in found}
        found.extend(
            Assignment(sku_id=licence.sku_id.lower(), disabled_plans=_ids(licence.disabled_plans))
            for licence in licences
            if licence.sku_id.lower() not in told
        )
        found.sort(key=lambda a: (a.sku_id, a.assigned_by or "", a.disabled_plans, a.state, a.error))
        sharing = self._assignments
        whole = tuple(sharing.setdefault(assignment, assignment) for assignment in found)
        return self._tuples.setdefault(whole, whole)

    def group(self, row: WireGroup, members: Iterable[str] | None = None) -> Group:
        """Return a group; `members` (user ids) come apart from it in Graph."""
        ids = (row.members or ()) if members is None else members
        return Group(
            id=row.id.lower(),
            name=row.display_name or "",
            assignments=self.assignments(row.assigned_licenses or ()),
            members=_ids(ids),
        )


def _addresses(addresses: tuple[str, ...] | None, mail: str | None) -> tuple[str, ...]:
    if not addresses:
        return ()
    if len(addresses) == 1 and mail is not None and addresses[0].lower() == "smtp:" + mail:
        return (mail,)  # nearly everybody: one address, the text kept once
    return smtp_addresses(addresses)


def _ids(ids: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(sorted({each.lower() for each in ids})) if ids else ()


def organization(row: WireOrganization) -> Organization:
    """Return the tenant; domains are sorted by name."""
    domains = [
        Domain(name=domain.name.lower(), is_default=domain.is_default is True, kind=domain.type or None)
        for domain in row.verified_domains or ()
    ]
    return Organization(
        id=row.id.lower(),
        name=row.display_name or "",
        country=row.country_letter_code.upper() if row.country_letter_code else None,
        domains=tuple(sorted(domains, key=lambda domain: domain.name)),
    )


def sku(row: WireSku) -> Sku:
    """Return a SKU; its plans are sorted by id."""
    units = row.prepaid_units or WireUnits()
    plans = [
        ServicePlan(
            id=plan.service_plan_id.lower(),
            name=(plan.service_plan_name or "").upper(),
            applies_to=plan.applies_to or "User",
            status=plan.provisioning_status or "Success",
        )
        for plan in row.service_plans or ()
    ]
    return Sku(
        id=row.sku_id.lower(),
        part_number=row.sku_part_number.upper(),
        applies_to=row.applies_to or "User",
        status=row.capability_status or "Enabled",
        consumed=row.consumed_units or 0,
        enabled=units.enabled or 0,
        warning=units.warning or 0,
        suspended=units.suspended or 0,
        locked_out=units.locked_out or 0,
        plans=tuple(sorted(plans, key=lambda plan: (plan.id, plan.name))),
    )


def subscription(row: WireSubscription, auto_renew: bool | None = None) -> Subscription:
    """Return a subscription; `auto_renew` is what a commerce API says, if one was asked."""
    return Subscription(
        id=row.id.lower(),
        sku_id=row.sku_id.lower(),
        status=row.status or "Enabled",
        seats=row.total_licenses or 0,
        next_lifecycle=utc(row.next_lifecycle_date_time),
        is_trial=row.is_trial is True,
        auto_renew=row.auto_renew if auto_renew is None else auto_renew,
        owner_type=row.owner_type or None,
    )


def role_assignment(row: WireRole) -> RoleAssignment:
    """Return who holds which role, and where."""
    return RoleAssignment(
        principal_id=row.principal_id.lower(),
        role=role_name(row.role_template_id or row.role_definition_id or ""),
        scope=row.directory_scope_id or "/",
    )


def mailbox(row: WireMailbox) -> Mailbox:
    """Return what is known of a mailbox."""
    return Mailbox(
        user_id=row.user_id.lower(),
        purpose=row.purpose or None,
        bytes=row.bytes,
        has_archive=row.has_archive,
        on_hold=row.on_hold,
    )


def removal(row: WireRemoval) -> Removal:
    """Return a licence that was taken away."""
    moment = utc(row.removed_at) or row.removed_at
    return Removal(user_id=row.user_id.lower(), sku_id=row.sku_id.lower(), removed_at=moment)


_lock = threading.Lock()
_pauses = 0


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the cyclic garbage collector off, also where several threads ask for it.

    It would walk every value made so far again and again; nothing made here is cyclic.
    """
    global _pauses  # noqa: PLW0603  the collector is the process's, so is the count
    with _lock:
        if _pauses == 0 and not gc.isenabled():
            own = False
        else:
            own = True
            _pauses += 1
            gc.disable()
    try:
        yield
    finally:
        if own:
            with _lock:
                _pauses -= 1
                if _pauses == 0:
                    gc.enable()
