"""What does a newcomer find in the sandbox? Contoso: some thirty people, as a tenant looks in its third year.

Data only, made into a snapshot so that it comes in the way every snapshot does. Dates count from the
day of the reset. Ids never change but the tenant's own: each reset makes another tenant, and what a
journal says of an earlier one, or a plan that was made for it, has no bearing on it. The worked example
tenant.yaml is written for this tenant: what its plan shows is held by tests/sandbox/test_demo.py.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler import catalog, roles
from reconciler.sandbox.clock import stamp
from reconciler.sandbox.commerce import plans_on_sale
from reconciler.sandbox.resources import Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

DOMAIN = "contoso.com"
_SPACE = uuid.uuid5(uuid.NAMESPACE_DNS, DOMAIN)

# part number, seats, days to the end of the term, auto-renew, trial
SUBSCRIPTIONS: tuple[tuple[str, int, int, bool, bool], ...] = (
    ("ENTERPRISEPACK", 25, 212, True, False),
    ("SPE_E5", 5, 98, True, False),
    ("SPE_F1", 8, 212, True, False),
    ("EMS", 20, 212, True, False),
    ("EXCHANGESTANDARD", 5, 40, False, False),
    ("POWER_BI_PRO", 6, 151, True, False),
    ("VISIOCLIENT", 2, 151, True, False),
    ("MCOMEETADV", 4, 98, True, False),
    ("Microsoft_365_Copilot", 3, 17, True, True),
    ("FLOW_FREE", 10000, 300, True, False),
)

# local part, name, department, title, usage location, licences held directly
PEOPLE: tuple[tuple[str, str, str, str, str | None, str], ...] = (
    ("anna", "Anna de Vries", "Sales", "Account manager", "NL", "ENTERPRISEPACK EMS"),
    ("bram", "Bram Janssen", "Sales", "Account manager", "NL", "ENTERPRISEPACK"),
    ("chloe", "Chloé Dubois", "Sales", "Sales analyst", "FR", "ENTERPRISEPACK"),
    ("daniel", "Daniel Okafor", "Sales", "Head of sales", "NL", "SPE_E5 Microsoft_365_Copilot"),
    ("elif", "Elif Şahin", "Sales", "Inside sales", "NL", "ENTERPRISEPACK FLOW_FREE"),
    ("farah", "Farah Rahimi", "Engineering", "Lead engineer", "NL", "SPE_E5 Microsoft_365_Copilot"),
    ("giulia", "Giulia Ferraro", "Engineering", "Engineer", "IT", "ENTERPRISEPACK EMS"),
    ("hiroshi", "Hiroshi Tanabe", "Engineering", "Engineer", "NL", "SPE_E5"),
    ("isabel", "Isabel Moreno", "Engineering", "Security engineer", "ES", "ENTERPRISEPACK EMS"),
    ("jakub", "Jakub Novotný", "Engineering", "Security engineer", "CZ", "ENTERPRISEPACK"),
    ("katrin", "Katrin Schröder", "Finance", "Controller", "DE", "SPE_E5"),
    ("lars", "Lars Eklund", "Finance", "Accountant", "SE", "ENTERPRISEPACK"),
    ("mei", "Mei Lin Tan", "Finance", "Analyst", "NL", "ENTERPRISEPACK POWER_BI_PRO"),
    ("nikhil", "Nikhil Deshpande", "Finance", "Accountant", "IN", "ENTERPRISEPACK"),
    ("priya", "Priya Raman", "Engineering", "Engineer", "IN", "ENTERPRISEPACK FLOW_FREE"),
    ("olga", "Olga Marchenko", "Operations", "Shift lead", "NL", "ENTERPRISEPACK"),
    ("pedro", "Pedro Carvalho", "Operations", "Warehouse", "PT", "SPE_F1"),
    ("quinn", "Quinn Gallagher", "Operations", "Warehouse", "IE", "SPE_F1"),
    ("ravi", "Ravi Persaud", "Operations", "Driver", "NL", "SPE_F1"),
    ("sofie", "Sofie Østergaard", "Operations", "Planner", "DK", "SPE_F1"),
    ("thandiwe", "Thandiwe Dlamini", "Human resources", "Head of people", "NL", "ENTERPRISEPACK"),
    ("ulrike", "Ulrike Baumann", "Human resources", "Recruiter", "DE", ""),
    ("victor", "Victor Lindqvist", "Sales", "Account manager", "SE", "SPE_E5"),
    ("wendy", "Wendy Clarke", "Finance", "Payroll", "NL", "EXCHANGESTANDARD"),
    ("xavier", "Xavier Lemaire", "Finance", "Payroll", "BE", "EXCHANGESTANDARD"),
    ("yusuf", "Yusuf Demirci", "Operations", "Trainee", None, ""),
    ("noor", "Noor Haddad", "IT", "Licence manager", "NL", "ENTERPRISEPACK EMS"),
    ("tomasz", "Tomasz Wieczorek", "IT", "Identity engineer", "PL", "ENTERPRISEPACK EMS"),
    ("ingrid", "Ingrid Solheim", "IT", "Procurement", "NO", "ENTERPRISEPACK"),
    ("kwame", "Kwame Asante", "IT", "Service desk", "NL", "ENTERPRISEPACK"),
)

OFFICES = {
    "BE": ("Brussels", "Belgium"),
    "CZ": ("Prague", "Czechia"),
    "DE": ("Hamburg", "Germany"),
    "DK": ("Aarhus", "Denmark"),
    "ES": ("Valencia", "Spain"),
    "FR": ("Lyon", "France"),
    "IE": ("Dublin", "Ireland"),
    "IN": ("Pune", "India"),
    "IT": ("Turin", "Italy"),
    "NL": ("Amsterdam", "Netherlands"),
    "NO": ("Oslo", "Norway"),
    "PL": ("Gdańsk", "Poland"),
    "PT": ("Porto", "Portugal"),
    "SE": ("Malmö", "Sweden"),
}
"""Where people work: usage location → city and country."""

SYNCED = ("wendy", "xavier")
"""Mastered on-premises."""

LAST_SEEN = {"hiroshi": 203, "quinn": 118, "victor": 94, "sofie": None}
"""How many days ago somebody last signed in, None: never; everybody else did this week."""

ROLES = (
    ("admin", "global-administrator"),
    ("breakglass", "global-administrator"),
    ("noor", "license-administrator"),
    ("tomasz", "user-administrator"),
    ("ingrid", "billing-administrator"),
    ("kwame", "helpdesk-administrator"),
)

# name, SKU, members; the last of the drawing group came when no seat was left
GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Finance analysts", "POWER_BI_PRO", ("katrin", "lars", "mei")),
    ("Technical drawing", "VISIOCLIENT", ("farah", "hiroshi", "giulia")),
)

NESTED = {"Technical drawing": "Drawing trainees"}
"""Group → the group in it, whose own members get none of its licences."""

# name, members, what Graph tells of a group that is not simply kept by hand in the cloud
UNLICENSED_GROUPS: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    (
        "All of Sales",
        tuple(local for local, _, department, *_ in PEOPLE if department == "Sales"),
        {"groupTypes": ["DynamicMembership"], "membershipRule": '(user.department -eq "Sales")'},
    ),
    ("Drawing trainees", ("priya",), {}),
    ("Payroll", SYNCED, {"onPremisesSyncEnabled": True}),
)


def identity(*names: str) -> str:
    """Return the id of a thing of the demo tenant: always the same for the same names."""
    return str(uuid.uuid5(_SPACE, "/".join(names)))


def snapshot(now: datetime) -> Snapshot:
    """Return the demo tenant as it is at `now`."""
    users = [*_people(now), *_accounts(now), *_guests(now)]
    document = {
        "format_version": "1.0",
        "taken_at": stamp(now),
        "organization": {
            "id": identity("tenant", stamp(now)),
            "displayName": "Contoso",
            "countryLetterCode": "NL",
            "verifiedDomains": [
                {"name": DOMAIN, "isDefault": True, "isInitial": False, "type": "Managed"},
                {"name": "contoso.onmicrosoft.com", "isDefault": False, "isInitial": True, "type": "Managed"},
            ],
        },
        "users": users,
        "deletedUsers": [_leaver(now)],
        "groups": [
            *(_group(now, name, members, assignedLicenses=_given(sku)) for name, sku, members in GROUPS),
            *(_group(now, name, members, **more) for name, members, more in UNLICENSED_GROUPS),
        ],
        "subscribedSkus": [_sku(part_number) for part_number, *_ in SUBSCRIPTIONS],
        "subscriptions": [_subscription(now, *row) for row in SUBSCRIPTIONS],
        "roleAssignments": [
            {
                "principalId": identity("user", local),
                "roleTemplateId": roles.TEMPLATE_IDS[role],
                "directoryScopeId": "/",
            }
            for local, role in ROLES
        ],
        "mailboxes": [
            {"userId": identity("user", "info"), "purpose": "shared"},
            {"userId": identity("user", "room-amstel"), "purpose": "room"},
            {
                "userId": identity("user", "bram"),
                "purpose": "user",
                "bytes": 3_412_885_504,
                "hasArchive": False,
            },
        ],
    }
    return msgspec.convert(document, Snapshot)


def _group(now: datetime, name: str, members: Sequence[str], **more: Any) -> dict[str, Any]:
    nested = [identity("group", NESTED[name])] if name in NESTED else []
    return {
        "id": identity("group", name),
        "displayName": name,
        "securityEnabled": True,
        "mailEnabled": False,
        "groupTypes": [],
        "createdDateTime": stamp(now - timedelta(days=400)),
        "assignedLicenses": [],
        "members": [*(identity("user", member) for member in members), *nested],
    } | more


def _given(part_number: str) -> list[dict[str, Any]]:
    return [{"skuId": _sku_id(part_number), "disabledPlans": []}]


def _people(now: datetime) -> list[dict[str, Any]]:
    return [
        _user(now, local, name, department=department, jobTitle=title, usageLocation=location)
        | _office(location)
        | _licences(now, local, skus.split())
        | _signed_in(now, local)
        | ({"onPremisesSyncEnabled": True, "onPremisesImmutableId": f"{local}="} if local in SYNCED else {})
        for local, name, department, title, location, skus in PEOPLE
    ]


def _signed_in(now: datetime, local: str) -> dict[str, Any]:
    """Return when somebody last signed in; mail on a phone goes on signing in by itself for a while."""
    days = LAST_SEEN.get(local, 1 + len(local) % 5)
    if days is None:
        return {}
    return {
        "signInActivity": {
            "lastSignInDateTime": stamp(now - timedelta(days=days, hours=3)),
            "lastNonInteractiveSignInDateTime": stamp(now - timedelta(days=max(days - 4, 0), hours=1)),
            "lastSuccessfulSignInDateTime": stamp(now - timedelta(days=max(days - 4, 0), hours=1)),
        }
    }


def _office(location: str | None) -> dict[str, Any]:
    city, country = OFFICES[location or "NL"]
    return {"city": city, "country": country, "employeeType": "Employee"}


def _accounts(now: datetime) -> list[dict[str, Any]]:
    """Return the accounts that are nobody's: of administration, of a team, of a room."""
    held_by_nobody = [
        _user(now, "admin", "Contoso Administrator", usageLocation="NL"),
        _user(now, "breakglass", "Break Glass", usageLocation="NL"),
        _user(now, "info", "Contoso Information", accountEnabled=False),
        _user(now, "room-amstel", "Meeting room Amstel", accountEnabled=False, isResourceAccount=True),
    ]
    return [user | _licences(now, "", ()) for user in held_by_nobody]


def _guests(now: datetime) -> list[dict[str, Any]]:
    guests = (("dana.kessler", "fabrikam.com", "Dana Kessler"), ("luis.prieto", "adatum.com", "Luis Prieto"))
    return [
        _user(now, f"{local}_{domain}#EXT#", name, userType="Guest", creationType="Invitation")
        | {
            "userPrincipalName": f"{local}_{domain}#EXT#@contoso.onmicrosoft.com",
            "mail": f"{local}@{domain}",
            "proxyAddresses": [f"SMTP:{local}@{domain}"],
            "externalUserState": "Accepted",
        }
        | _licences(now, "", ())
        for local, domain, name in guests
    ]


def _leaver(now: datetime) -> dict[str, Any]:
    """Return the soft-deleted user who is coming back."""
    user = _user(
        now, "marek", "Marek Kowalczyk", department="Engineering", usageLocation="PL", **_office("PL")
    )
    prefix = user["id"].replace("-", "")
    return (
        user
        | _licences(now, "marek", ("ENTERPRISEPACK",))
        | {
            "userPrincipalName": prefix + user["userPrincipalName"],
            "deletedDateTime": stamp(now - timedelta(days=5)),
        }
    )


def _user(now: datetime, local: str, name: str, **more: Any) -> dict[str, Any]:
    upn = f"{local}@{DOMAIN}"
    given, _, surname = name.partition(" ")
    return {
        "id": identity("user", local),
        "userPrincipalName": upn,
        "displayName": name,
        "givenName": given,
        "surname": surname,
        "mail": upn,
        "mailNickname": local.partition("#")[0],
        "proxyAddresses": [f"SMTP:{upn}"],
        "accountEnabled": True,
        "userType": "Member",
        "companyName": "Contoso",
        "createdDateTime": stamp(now - timedelta(days=900)),
    } | more


def _licences(now: datetime, local: str, direct: Sequence[str]) -> dict[str, Any]:
    """Return a user's licences from every source, as a tenant would tell them."""
    since = stamp(now - timedelta(days=300))
    states = [_state(since, part_number, None, "Active", "None") for part_number in direct]
    for name, part_number, members in GROUPS:
        if local in members:
            seats = next(seats for each, seats, *_ in SUBSCRIPTIONS if each == part_number)
            seated = members.index(local) < seats
            outcome = ("Active", "None") if seated else ("Error", "CountViolation")
            states.append(_state(since, part_number, identity("group", name), *outcome))
    held = sorted({state["skuId"] for state in states if state["state"] == "Active"})
    return {
        "assignedLicenses": [{"skuId": sku_id, "disabledPlans": []} for sku_id in held],
        "licenseAssignmentStates": states,
    }


def _state(since: str, part_number: str, group: str | None, state: str, error: str) -> dict[str, Any]:
    return {
        "skuId": _sku_id(part_number),
        "assignedByGroup": group,
        "disabledPlans": [],
        "state": state,
        "error": error,
        "lastUpdatedDateTime": since,
    }


def _sku(part_number: str) -> dict[str, Any]:
    sku_id = _sku_id(part_number)
    return {
        "skuId": sku_id,
        "skuPartNumber": part_number,
        "appliesTo": "User",
        "servicePlans": plans_on_sale(sku_id),
        "subscriptionIds": [identity("subscription", part_number)],
    }


def _subscription(
    now: datetime, part_number: str, seats: int, days: int, renews: bool, trial: bool
) -> dict[str, Any]:
    ends = now + timedelta(days=days)
    return {
        "id": identity("subscription", part_number),
        "commerceSubscriptionId": identity("commerce", part_number),
        "createdDateTime": stamp(ends - timedelta(days=30 if trial else 365)),
        "skuId": _sku_id(part_number),
        "skuPartNumber": part_number,
        "status": "Enabled",
        "totalLicenses": seats,
        "nextLifecycleDateTime": stamp(ends),
        "isTrial": trial,
        "autoRenew": renews,
    }


def _sku_id(part_number: str) -> str:
    return next(sku.id for sku in catalog.load().skus.values() if sku.part_number == part_number)
