"""What nobody has seen before is kept and shown, from the tenant to the plan and back into a snapshot."""

import copy
import json

import pytest

from reconciler.directory import snapshot
from tests.cli.conftest import E3, EMS, STATE, _user

UNKNOWN_SKU = "99999999-9999-9999-9999-999999999999"
GROUP = "aaaaaaaa-0000-0000-0000-000000000001"
ROLE = "77777777-0000-0000-0000-000000000000"
HOSTILE = "Ann\u202e\x1b[2J ::set-output <b>*x*</b> =1+1"

FILE = """\
version: 1
tenant: {domain: contoso.com}
users:
  odd@contoso.com: {licenses: {add: [EMS]}}
  stranger@contoso.com: {licenses: []}
  synced@contoso.com: {department: Sales, licenses: {add: [EMS]}}
  guest@contoso.com: {licenses: {add: [EMS]}}
  room@contoso.com: {licenses: []}
"""


def state_of(sku, state, error, group=None):
    return {"skuId": sku, "assignedByGroup": group, "disabledPlans": [], "state": state, "error": error}


def tenant():
    """Return a tenant in which every closed set of Graph's has grown a member."""
    state = copy.deepcopy(STATE)
    odd = _user(4, "odd") | {
        "userType": "Hologram",
        "displayName": HOSTILE,
        "licenseAssignmentStates": [
            state_of(E3, "Frozen", "BrandNewViolation"),
            state_of(EMS, "Error", "Unknown", GROUP),
        ],
        "assignedLicenses": [{"skuId": E3, "disabledPlans": []}],
    }
    stranger = _user(5, "stranger", UNKNOWN_SKU)
    synced = _user(6, "synced", E3) | {"onPremisesSyncEnabled": True}
    guest = _user(7, "guest") | {"userType": "Guest"}
    room = _user(8, "room", E3) | {"isResourceAccount": True}
    state["users"] += [odd, stranger, synced, guest, room]
    state["groups"] = [{"id": GROUP, "displayName": HOSTILE, "groupTypes": ["Constellation"], "members": []}]
    e3, ems = state["subscribedSkus"]
    e3 |= {"capabilityStatus": "Paused", "appliesTo": "Person"}
    ems["servicePlans"] = [
        {
            "servicePlanId": "88888888-0000-0000-0000-000000000000",
            "servicePlanName": "PLAN_OF_TOMORROW",
            "provisioningStatus": "Dreaming",
            "appliesTo": "User",
        }
    ]
    state["subscriptions"] = [
        {
            "id": "bbbbbbbb-0000-0000-0000-000000000001",
            "skuId": EMS,
            "skuPartNumber": "EMS",
            "status": "Limbo",
            "totalLicenses": 5,
            "ownerType": "Robot",
        }
    ]
    state["roleAssignments"] += [{"principalId": odd["id"], "roleTemplateId": ROLE, "directoryScopeId": "/"}]
    state["mailboxes"] = [{"userId": odd["id"], "purpose": "hologram"}]
    return state


@pytest.fixture
def odd(workdir, run):
    (workdir / "tenant.yaml").write_text(FILE)
    (workdir / "state.json").write_text(json.dumps(tenant()))
    assert run("sandbox", "load", "state.json").code == 0


@pytest.fixture(params=["sandbox", "snapshot"])
def where(request, odd):
    return ("--snapshot", "state.json") if request.param == "snapshot" else ()


def document(ran):
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def users(run, *options):
    rows = document(run("users", "--json", *options))["users"]
    return {row["upn"].partition("@")[0]: row for row in rows}


def test_users_of_every_kind_are_listed_as_what_they_are(run, where):
    found = users(run, *where)
    assert {name: row["class"] for name, row in found.items()} == {
        "admin": "member",
        "anna": "member",
        "bram": "member",
        "odd": "unknown" if not where else "shared",
        "stranger": "member",
        "synced": "member",
        "guest": "guest",
        "room": "resource",
    }
    assert found["odd"]["user_type"] == "Hologram"


def test_states_errors_and_skus_that_are_not_known_are_shown_as_they_stand(run, where):
    found = users(run, *where)
    told = {(row["sku"], row["state"], row["error"], row["group_id"]) for row in found["odd"]["licenses"]}
    assert told == {
        ("ENTERPRISEPACK", "Frozen", "BrandNewViolation", None),
        ("EMS", "Error", "Unknown", GROUP),
    }
    (strange,) = found["stranger"]["licenses"]
    assert (strange["sku"], strange["sku_id"]) == (UNKNOWN_SKU, UNKNOWN_SKU)
    assert set(users(run, "--errors", *where)) == {"odd"}
    assert "BrandNewViolation is not known here" in run("users", "--errors", *where).out


def test_what_is_not_known_is_judged_with_care(run, where):
    """A state that is not `Error` gives service; of a plan that nobody knows, the loss is not known."""
    plan = document(run("plan", "--json", "--out", "plan.json", *where))
    changes = {change["address"]: change for change in plan["changes"]}
    odd = changes["users/odd@contoso.com/licenses"]
    assert [row["sku_id"] for row in odd["before"]["assignments"]] == [E3]  # what is in error gives nothing
    stranger = changes["users/stranger@contoso.com/licenses"]
    (warning,) = stranger["warnings"]
    assert (warning["code"], warning["params"]["known"]) == ("data-deletion", False)
    codes = {(one["subject"], one["code"]) for one in plan["conflicts"]}
    assert ("users/synced@contoso.com", "synced-user") in codes
    assert ("subscriptions/EMS", "expired") in codes
    expired = next(one for one in plan["conflicts"] if one["code"] == "expired")
    assert expired["params"]["status"] == "Limbo"


def test_every_command_that_looks_says_something(run, where):
    for command in (
        ("seats",),
        ("why", "odd@contoso.com"),
        ("why", "stranger@contoso.com"),
        ("recoverable",),
    ):
        for form in ((), ("--json",)):
            ran = run(*command, *form, *where)
            assert ran.code == 0, (command, ran.err)
            assert not set(ran.out) & set("\u202e\x1b")


def test_a_snapshot_keeps_it_all(run, odd, workdir):
    """As the tenant told it, and back."""
    assert run("snapshot", "--out", "again.json").code == 0
    kept = snapshot.load(workdir / "again.json")
    told = snapshot.load(workdir / "state.json")
    assert kept.users == told.users
    assert {(sku.part_number, sku.status, sku.applies_to) for sku in kept.skus} >= {
        ("ENTERPRISEPACK", "Paused", "Person")
    }
    assert [(one.status, one.owner_type) for one in kept.subscriptions if one.sku_id == EMS] == [
        ("Limbo", "Robot")
    ]
    assert ROLE in {held.role for held in kept.role_assignments}
    (plan,) = [plan for sku in kept.skus if sku.id == EMS for plan in sku.plans]
    assert (plan.name, plan.status) == ("PLAN_OF_TOMORROW", "Dreaming")
