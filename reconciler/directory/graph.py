"""How does Microsoft Graph spell what model.py says?

Turns the structs of wire.py into canonical values: UPNs, ids and addresses in lower case, part
numbers in upper case, empty text as None, everything sorted. No I/O here. Unknown values of Graph's
enumerations are kept.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from reconciler.directory import wire
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
    SignIn,
    Sku,
    Subscription,
    User,
)
from reconciler.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    "state": "state",
    "employee_type": "employeeType",
    "employee_id": "employeeId",
    "enabled": "accountEnabled",
    "usage_location": "usageLocation",
}
"""Our name of a user's field that can be written → Graph's; with _TOLD the only place that knows both."""

_TOLD = {"created_at": "createdDateTime"}  # read only
_ALWAYS = (
    "id",
    *(FIELDS[name] for name in ("upn", "name", "enabled", "usage_location")),
    "mail",
    "proxyAddresses",
    "userType",
    "onPremisesSyncEnabled",
    "isResourceAccount",
    "assignedLicenses",
    "licenseAssignmentStates",
)
"""What every plan needs of a user."""


def user_select(fields: Iterable[str] | None = None) -> str:
    """Return what to ask of users: what every plan needs and `fields` (our names), or None: everything.

    A name that is no field of the directory's (the domain of a UPN, a membership) asks for nothing more.
    """
    known = FIELDS | _TOLD
    wanted = known if fields is None else sorted(set(fields) & known.keys())
    return ",".join(dict.fromkeys((*_ALWAYS, *(known[name] for name in wanted))))


USER_SELECT = user_select()
DELETED_SELECT = f"{USER_SELECT},deletedDateTime"
LICENCES_SELECT = "id,userPrincipalName,assignedLicenses,licenseAssignmentStates"
GROUP_SELECT = "id,displayName,assignedLicenses,groupTypes,onPremisesSyncEnabled,isAssignableToRole"

_LICENSES = msgspec.json.Decoder(tuple[wire.License, ...] | None)
_STATES = msgspec.json.Decoder(tuple[wire.State, ...] | None)
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


def sign_in(row: wire.SignInActivity) -> SignIn:
    """Return when a user last signed in."""
    return SignIn(
        interactive=utc(row.last_sign_in_date_time),
        background=utc(row.last_non_interactive_sign_in_date_time),
        successful=utc(row.last_successful_sign_in_date_time),
    )


class Translator:
    """Turn Graph's resources into values, sharing what is equal: one per reading, one thread each."""

    def __init__(self) -> None:
        self._texts: dict[str | None, str | None] = dict(_NO_TEXTS)
        self._licences: dict[bytes, tuple[Assignment, ...]] = {}
        self._tuples: dict[tuple[Assignment, ...], tuple[Assignment, ...]] = {(): ()}
        self._assignments: dict[Assignment, Assignment] = {}

    def users(self, rows: Iterable[wire.User]) -> Iterator[User]:
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
                state=shared(row.state, row.state),
                employee_type=shared(row.employee_type, row.employee_type),
                created_at=utc(row.created_date_time),
                employee_id=row.employee_id or None,
                synced=row.on_premises_sync_enabled is True,
                resource_account=row.is_resource_account is True,
                assignments=self._of_raw(row.assigned_licenses, row.license_assignment_states),
                sign_in=sign_in(row.sign_in_activity) if row.sign_in_activity else None,
            )

    def deleted_users(self, rows: Iterable[wire.DeletedUser]) -> Iterator[DeletedUser]:
        """Yield the deleted users of one page."""
        for row in rows:
            (user,) = self.users([row])
            yield DeletedUser(
                **{
                    **msgspec.structs.asdict(user),
                    "upn": without_prefix(row.user_principal_name, row.id),
                    "deleted_at": utc(row.deleted_date_time),
                }
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
        self, licences: Iterable[wire.License], states: Iterable[wire.State] = ()
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

    def group(
        self, row: wire.Group, members: Iterable[str] | None = None, nested: Iterable[str] = ()
    ) -> Group:
        """Return a group; `members` (user ids) and `nested` (names) come apart from it in Graph."""
        ids = (row.members or ()) if members is None else members
        return Group(
            id=row.id.lower(),
            name=row.display_name or "",
            assignments=self.assignments(row.assigned_licenses or ()),
            members=_ids(ids),
            nested=tuple(sorted(nested)),
            dynamic="dynamicmembership" in {each.lower() for each in row.group_types or ()},
            synced=row.on_premises_sync_enabled is True,
            role_assignable=row.is_assignable_to_role is True,
        )


def _addresses(addresses: tuple[str, ...] | None, mail: str | None) -> tuple[str, ...]:
    if not addresses:
        return ()
    if len(addresses) == 1 and mail is not None and addresses[0].lower() == "smtp:" + mail:
        return (mail,)  # nearly everybody: one address, the text kept once
    return smtp_addresses(addresses)


def _ids(ids: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(sorted({each.lower() for each in ids})) if ids else ()


def organization(row: wire.Organization) -> Organization:
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


def sku(row: wire.Sku) -> Sku:
    """Return a SKU; its plans are sorted by id."""
    units = row.prepaid_units or wire.Units()
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


def subscription(row: wire.Subscription, auto_renew: bool | None = None) -> Subscription:
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


def role_assignment(row: wire.Role) -> RoleAssignment:
    """Return who holds which role, and where."""
    return RoleAssignment(
        principal_id=row.principal_id.lower(),
        role=role_name(row.role_template_id or row.role_definition_id or ""),
        scope=row.directory_scope_id or "/",
    )


def mailbox(row: wire.Mailbox) -> Mailbox:
    """Return what is known of a mailbox."""
    return Mailbox(
        user_id=row.user_id.lower(),
        purpose=row.purpose or None,
        bytes=row.bytes,
        has_archive=row.has_archive,
        on_hold=row.on_hold,
    )


def removal(row: wire.Removal) -> Removal:
    """Return a licence that was taken away."""
    moment = utc(row.removed_at) or row.removed_at
    return Removal(user_id=row.user_id.lower(), sku_id=row.sku_id.lower(), removed_at=moment)
