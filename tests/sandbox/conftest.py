"""Which tenant do the tests of the sandbox run on? A small one, made per test, with a clock that stands.

Only a test itself moves it, with `Tenant.wait`.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reconciler import catalog, roles, sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
DOMAINS = [
    {"name": "contoso.com", "isDefault": True, "type": "Managed"},
    {"name": "fed.contoso.com", "isDefault": False, "type": "Federated"},
]


def sku_id(part_number: str) -> str:
    """Return the id of a SKU of the catalogue."""
    return next(sku.id for sku in catalog.load().skus.values() if sku.part_number == part_number)


def plan_id(name: str) -> str:
    """Return the id of a service plan of the catalogue."""
    return next(plan.id for plan in catalog.load().plans.values() if plan.name == name)


def user_id(local: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, local))


def user(local: str, *skus: str, **more: Any) -> dict[str, Any]:
    """Return a user of a snapshot who holds `skus` directly."""
    upn = f"{local}@contoso.com"
    return {
        "id": user_id(local),
        "userPrincipalName": upn,
        "displayName": local.title(),
        "mail": upn,
        "proxyAddresses": [f"SMTP:{upn}"],
        "accountEnabled": True,
        "userType": "Member",
        "usageLocation": "NL",
        "assignedLicenses": [{"skuId": sku_id(sku), "disabledPlans": []} for sku in skus],
    } | more


def sku(part_number: str, seats: int = 5, **more: Any) -> dict[str, Any]:
    """Return a subscribedSku of a snapshot, with the catalogue's service plans."""
    facts = catalog.load()
    return {
        "skuId": sku_id(part_number),
        "skuPartNumber": part_number,
        "appliesTo": "User",
        "prepaidUnits": {"enabled": seats, "warning": 0, "suspended": 0, "lockedOut": 0},
        "servicePlans": [
            {"servicePlanId": plan, "servicePlanName": facts.plans[plan].name, "appliesTo": "User"}
            for plan in facts.skus[sku_id(part_number)].plans
        ],
    } | more


def group(name: str, *members: str, skus: tuple[Any, ...] = (), **more: Any) -> dict[str, Any]:
    """Return a group of a snapshot; `members` are local parts, `skus` what `given` takes."""
    return {
        "id": user_id(name),
        "displayName": name.title(),
        "securityEnabled": True,
        "mailEnabled": False,
        "groupTypes": [],
        "assignedLicenses": given(*skus),
        "members": [user_id(each) for each in members],
    } | more


def given(*skus: Any) -> list[dict[str, Any]]:
    """Return assignedLicense objects; an item is a part number, or (part number, disabled plan names)."""
    items = [item if isinstance(item, tuple) else (item, []) for item in skus]
    return [
        {"skuId": sku_id(name), "disabledPlans": [plan_id(each) for each in plans]} for name, plans in items
    ]


def inherited(group: str, *skus: Any, state: str = "Active", error: str = "None") -> list[dict[str, Any]]:
    """Return licenseAssignmentState objects of licences that come from a group."""
    return [
        each | {"assignedByGroup": user_id(group), "state": state, "error": error} for each in given(*skus)
    ]


def role(local: str, name: str, scope: str = "/") -> dict[str, Any]:
    return {
        "principalId": user_id(local),
        "roleTemplateId": roles.TEMPLATE_IDS[name],
        "directoryScopeId": scope,
    }


@dataclass(frozen=True)
class Tenant:
    """A loaded tenant, and a client that acts as a user of it."""

    home: Path
    client: httpx.Client
    clock: Callable[[], datetime]
    wait: Callable[[timedelta], None]

    def call(self, method: str, path: str, *, by: str = "sandbox", **more: Any) -> httpx.Response:
        """Make a call; a path is relative to the Graph face's root unless it is the commerce face's."""
        headers = {"Authorization": f"Bearer {by}", **more.pop("headers", {})}
        root = "" if path.startswith("/commerce") else "/v1.0"
        return self.client.request(method, root + path, headers=headers, **more)

    def get(self, path: str, **more: Any) -> Any:
        """Return the JSON of a reading call that must succeed."""
        reply = self.call("GET", path, **more)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def assign(
        self, who: str, *add: Any, remove: tuple[str, ...] = (), by: str = "sandbox"
    ) -> httpx.Response:
        """Call assignLicense; `add` are part numbers, or (part number, disabled plan names)."""
        body = {"addLicenses": given(*add), "removeLicenses": [sku_id(name) for name in remove]}
        return self.call("POST", f"/users/{who}@contoso.com/assignLicense", by=by, json=body)

    def give(
        self, group: str, *add: Any, remove: tuple[str, ...] = (), by: str = "sandbox"
    ) -> httpx.Response:
        """Call assignLicense on a group; the arguments are those of `assign`."""
        body = {"addLicenses": given(*add), "removeLicenses": [sku_id(name) for name in remove]}
        return self.call("POST", f"/groups/{user_id(group)}/assignLicense", by=by, json=body)

    def join(self, group: str, who: str, by: str = "sandbox") -> httpx.Response:
        """Make a user (or a group) a member of a group."""
        body = {"@odata.id": f"https://sandbox.invalid/v1.0/directoryObjects/{user_id(who)}"}
        return self.call("POST", f"/groups/{user_id(group)}/members/$ref", by=by, json=body)

    def leave(self, group: str, who: str, by: str = "sandbox") -> httpx.Response:
        """Take a member out of a group."""
        return self.call("DELETE", f"/groups/{user_id(group)}/members/{user_id(who)}/$ref", by=by)

    def reprocess(self, who: str, by: str = "sandbox") -> httpx.Response:
        """Have a user's licences from groups worked out anew."""
        return self.call("POST", f"/users/{who}@contoso.com/reprocessLicenseAssignment", by=by)

    def names(self, path: str) -> list[str]:
        """Return the display names of a listing, sorted."""
        return sorted(row["displayName"] for row in self.get(path)["value"])

    def licences(self, who: str) -> dict[str, list[str]]:
        """Return assignedLicenses as part number → disabled plan names."""
        rows = self.get(f"/users/{who}@contoso.com?$select=assignedLicenses")["assignedLicenses"]
        facts = catalog.load()
        return {
            facts.skus[row["skuId"]].part_number: [facts.plans[plan].name for plan in row["disabledPlans"]]
            for row in rows
        }

    def states(self, who: str) -> list[tuple[str, str | None, str, str]]:
        """Return licenseAssignmentStates as (part number, group, state, error)."""
        rows = self.get(f"/users/{who}@contoso.com?$select=licenseAssignmentStates")[
            "licenseAssignmentStates"
        ]
        facts = catalog.load()
        return [
            (facts.skus[row["skuId"]].part_number, row["assignedByGroup"], row["state"], row["error"])
            for row in rows
        ]

    def sku(self, part_number: str) -> dict[str, Any]:
        """Return a SKU as subscribedSku."""
        rows = self.get("/subscribedSkus")["value"]
        return next(row for row in rows if row["skuPartNumber"] == part_number)

    def in_use(self, part_number: str) -> int:
        """Return a SKU's consumedUnits."""
        return self.sku(part_number)["consumedUnits"]

    def advance(self, days: int) -> datetime:
        """Move the tenant's clock."""
        return sandbox.advance(self.home, days, clock=self.clock)


def snapshot(**members: Any) -> dict[str, Any]:
    """Return a snapshot of a tenant with one administrator, to which `members` add or which they replace."""
    whole = {
        "format_version": "1.0",
        "taken_at": "2026-11-24T02:00:00Z",
        "organization": {
            "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, "tenant")),
            "displayName": "Contoso",
            "countryLetterCode": "NL",
            "verifiedDomains": DOMAINS,
        },
        "users": [],
        "subscribedSkus": [],
        "roleAssignments": [],
    } | members
    whole["users"] = [user("admin"), *whole["users"]]
    whole["roleAssignments"] = [role("admin", "global-administrator"), *whole["roleAssignments"]]
    return whole


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Callable[..., Tenant]]:
    """Return a maker of tenants: its arguments are a snapshot's members."""
    clients: list[httpx.Client] = []

    def make(*, at: datetime = NOW, group_delay: timedelta = timedelta(0), **members: Any) -> Tenant:
        passed = timedelta(0)

        def clock() -> datetime:
            return at + passed

        def wait(more: timedelta) -> None:
            nonlocal passed
            passed += more

        home = tmp_path / f"home-{len(clients)}"
        path = tmp_path / "state.json"
        path.write_text(json.dumps(snapshot(**members)))
        sandbox.load(home, path, clock=clock)
        app = sandbox.app(home, clock=clock, group_delay=group_delay)
        transport = httpx.WSGITransport(app=app, raise_app_exceptions=False)
        client = httpx.Client(transport=transport, base_url="https://sandbox.invalid")
        clients.append(client)
        return Tenant(home=home, client=client, clock=clock, wait=wait)

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def build() -> Any:
    """Return the makers of a snapshot's parts, since tests are no package to import from."""

    class Build:
        now = NOW
        snapshot = staticmethod(snapshot)
        user = staticmethod(user)
        user_id = staticmethod(user_id)
        sku = staticmethod(sku)
        sku_id = staticmethod(sku_id)
        plan_id = staticmethod(plan_id)
        role = staticmethod(role)
        group = staticmethod(group)
        given = staticmethod(given)
        inherited = staticmethod(inherited)

    return Build


def fault(reply: httpx.Response) -> tuple[int, str, str]:
    """Return status, code and message of a refusal."""
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["message"]


@pytest.fixture(name="fault")
def fault_fixture() -> Callable[[httpx.Response], tuple[int, str, str]]:
    return fault
