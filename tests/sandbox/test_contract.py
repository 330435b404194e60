"""Do the sandbox's answers agree with Microsoft's own description of these calls?"""

from __future__ import annotations

import jsonschema_rs
import pytest

from tests.description import Description, beside

pytestmark = beside

EVENTUAL = {"ConsistencyLevel": "eventual"}
OF_A_MEMBER = "/groups/{group-id}/members/{directoryObject-id}/$ref"
REPROCESS = "/users/{user-id}/reprocessLicenseAssignment"
NEW = {
    "accountEnabled": True,
    "displayName": "Zuzana",
    "mailNickname": "zuzana",
    "userPrincipalName": "zuzana@contoso.com",
    "passwordProfile": {"password": "correct-Horse-7"},
}
EVERYTHING = (
    "id,userPrincipalName,displayName,accountEnabled,usageLocation,userType,mail,proxyAddresses,businessPhones,"
    "otherMails,department,createdDateTime,deletedDateTime,onPremisesSyncEnabled,isResourceAccount,"
    "passwordProfile,state,employeeType,assignedLicenses,licenseAssignmentStates"
)
OF_A_GROUP = (
    "id,displayName,groupTypes,membershipRule,onPremisesSyncEnabled,isAssignableToRole,securityEnabled,"
    "mailEnabled,createdDateTime,assignedLicenses,licenseProcessingState"
)


@pytest.fixture
def contract():
    return Description.load().answered


def checked(it, contract, path, method, url, **more):
    """Make a call, validate its answer, return it."""
    reply = it.call(method, url, **more)
    assert reply.status_code < 500
    contract(path, method.lower(), reply.status_code, reply.json() if reply.content else None)
    return reply


@pytest.fixture
def it(tenant, build):
    group = {
        "id": build.user_id("sales"),
        "displayName": "Sales",
        "securityEnabled": True,
        "assignedLicenses": [{"skuId": build.sku_id("EMS"), "disabledPlans": []}],
        "members": [build.user_id("anna"), build.user_id("inner")],
    }
    inner = build.group("inner", "bram", skus=("EMS",), groupTypes=["DynamicMembership"])
    states = [
        {
            "skuId": build.sku_id("EMS"),
            "assignedByGroup": build.user_id("sales"),
            "state": "Active",
            "error": "None",
        },
        {
            "skuId": build.sku_id("ENTERPRISEPACK"),
            "assignedByGroup": None,
            "disabledPlans": [build.plan_id("SWAY")],
        },
    ]
    return tenant(
        users=[
            build.user(
                "anna",
                licenseAssignmentStates=states,
                otherMails=["a@example.org"],
                signInActivity={"lastSignInDateTime": "2026-11-20T00:00:00Z"},
            ),
            build.user("bram", "ENTERPRISEPACK", mail=None),
        ],
        deletedUsers=[build.user("gone", "EMS", deletedDateTime="2026-11-20T00:00:00Z")],
        groups=[group, inner],
        subscribedSkus=[
            build.sku("EMS"),
            build.sku("ENTERPRISEPACK"),
            build.sku("POWER_BI_PRO", 1, consumedUnits=1),
        ],
        roleAssignments=[build.role("bram", "license-administrator")],
        removals=[
            {
                "userId": build.user_id("anna"),
                "skuId": build.sku_id("POWER_BI_PRO"),
                "removedAt": "2026-11-21T00:00:00Z",
            }
        ],
    )


READS = [
    ("/users", "/users"),
    ("/users", f"/users?$select={EVERYTHING}"),
    ("/users", "/users?$top=1&$select=id"),
    ("/users/{user-id}", "/users/anna@contoso.com"),
    ("/users/{user-id}", f"/users/anna@contoso.com?$select={EVERYTHING}"),
    ("/users/{user-id}", "/users/anna@contoso.com?$select=id,mailboxSettings"),
    ("/me", "/me"),
    ("/me/transitiveMemberOf", "/me/transitiveMemberOf"),
    (
        "/me/transitiveMemberOf/microsoft.graph.directoryRole",
        "/me/transitiveMemberOf/microsoft.graph.directoryRole",
    ),
    ("/organization", "/organization"),
    ("/subscribedSkus", "/subscribedSkus"),
    ("/directory/subscriptions", "/directory/subscriptions"),
    ("/directory/deletedItems/microsoft.graph.user", "/directory/deletedItems/microsoft.graph.user"),
    (
        "/directory/deletedItems/microsoft.graph.user",
        f"/directory/deletedItems/microsoft.graph.user?$select={EVERYTHING}",
    ),
    ("/groups", "/groups"),
    ("/groups", f"/groups?$select={OF_A_GROUP}"),
    ("/users/{user-id}/memberOf", "/users/anna@contoso.com/memberOf"),
    ("/users/{user-id}/memberOf", "/users/anna@contoso.com/memberOf?$select=id"),
    ("/roleManagement/directory/roleAssignments", "/roleManagement/directory/roleAssignments"),
    ("/users", "/users?$select=id,signInActivity"),
    ("/users/{user-id}", "/users/anna@contoso.com?$select=id,signInActivity"),
    ("/auditLogs/directoryAudits", "/auditLogs/directoryAudits"),
]


@pytest.mark.parametrize(("path", "url"), READS)
def test_what_is_read_has_the_described_form(it, contract, path, url):
    reply = checked(it, contract, path, "GET", url)
    assert reply.status_code == 200
    assert reply.json().get("value", True)


def test_a_group_and_its_members_have_the_described_form(it, contract, build):
    key = build.user_id("sales")
    for path, url in (
        ("/groups/{group-id}", f"/groups/{key}"),
        ("/groups/{group-id}", f"/groups/{key}?$select={OF_A_GROUP}"),
        ("/groups/{group-id}/members", f"/groups/{key}/members"),
        ("/groups/{group-id}/members", f"/groups/{key}/members?$select=id,displayName,groupTypes"),
        ("/groups/{group-id}/members/microsoft.graph.user", f"/groups/{key}/members/microsoft.graph.user"),
        (
            "/groups/{group-id}/members/microsoft.graph.user",
            f"/groups/{key}/members/microsoft.graph.user?$select={EVERYTHING}",
        ),
        ("/groups", f"/groups/{key}/members/microsoft.graph.group"),  # not described: a list of groups
        ("/groups/{group-id}/membersWithLicenseErrors", f"/groups/{key}/membersWithLicenseErrors"),
    ):
        assert checked(it, contract, path, "GET", url).status_code == 200


def test_a_deleted_user_has_the_described_form(it, contract, build):
    url = f"/directory/deletedItems/{build.user_id('gone')}"
    assert (
        checked(it, contract, "/directory/deletedItems/{directoryObject-id}", "GET", url).status_code == 200
    )


def test_what_is_written_is_answered_in_the_described_form(it, contract, build):
    gone, sales = (
        f"/directory/deletedItems/{build.user_id('gone')}/restore",
        f"/groups/{build.user_id('sales')}",
    )
    other = {"addLicenses": build.given("ENTERPRISEPACK"), "removeLicenses": [build.sku_id("EMS")]}
    bram = {"@odata.id": f"https://sandbox.invalid/v1.0/directoryObjects/{build.user_id('bram')}"}
    body = {"addLicenses": [{"skuId": build.sku_id("EMS"), "disabledPlans": []}], "removeLicenses": []}
    for path, method, url, content, status in (
        ("/users", "POST", "/users", NEW, 201),
        ("/users/{user-id}", "PATCH", "/users/zuzana@contoso.com", {"usageLocation": "CZ"}, 204),
        ("/users/{user-id}/assignLicense", "POST", "/users/zuzana@contoso.com/assignLicense", body, 200),
        ("/users/{user-id}", "DELETE", "/users/zuzana@contoso.com", None, 204),
        ("/directory/deletedItems/{directoryObject-id}/restore", "POST", gone, {}, 200),
        ("/groups/{group-id}/assignLicense", "POST", f"{sales}/assignLicense", other, 202),
        ("/users/{user-id}", "GET", f"/users/anna@contoso.com?$select={EVERYTHING}", None, 200),
        ("/groups/{group-id}/members/$ref", "POST", f"{sales}/members/$ref", bram, 204),
        (OF_A_MEMBER, "DELETE", f"{sales}/members/{build.user_id('bram')}/$ref", None, 204),
        (REPROCESS, "POST", "/users/anna@contoso.com/reprocessLicenseAssignment", None, 200),
    ):
        assert checked(it, contract, path, method, url, json=content).status_code == status, url


def test_refusals_have_the_described_form(it, contract, build):
    body = {"addLicenses": [], "removeLicenses": [build.sku_id("EMS")]}
    taken = NEW | {"userPrincipalName": "anna@contoso.com"}
    anna = {"@odata.id": f"https://sandbox.invalid/v1.0/directoryObjects/{build.user_id('anna')}"}
    sales, inner = (f"/groups/{build.user_id(name)}" for name in ("sales", "inner"))
    few = {"addLicenses": build.given("POWER_BI_PRO"), "removeLicenses": []}
    for path, method, url, content, status in (
        ("/users", "POST", "/users", taken, 400),
        ("/users", "POST", "/users", {}, 400),
        ("/users", "GET", "/users?$orderby=id", None, 400),
        ("/auditLogs/directoryAudits", "GET", "/auditLogs/directoryAudits?$skip=1", None, 400),
        ("/users/{user-id}", "GET", "/users/nobody@contoso.com", None, 404),
        ("/users/{user-id}", "GET", "/users/admin@contoso.com?$select=mailboxSettings", None, 404),
        ("/users/{user-id}/assignLicense", "POST", "/users/anna@contoso.com/assignLicense", body, 400),
        ("/users/{user-id}", "DELETE", "/users/nobody@contoso.com", None, 404),
        ("/groups/{group-id}/assignLicense", "POST", f"{sales}/assignLicense", few, 202),
        (REPROCESS, "POST", "/users/anna@contoso.com/reprocessLicenseAssignment", None, 400),
        ("/groups/{group-id}/members/$ref", "POST", f"{sales}/members/$ref", anna, 400),
        ("/groups/{group-id}/members/$ref", "POST", f"{inner}/members/$ref", anna, 400),
        (OF_A_MEMBER, "DELETE", f"{sales}/members/nobody/$ref", None, 404),
        ("/groups/{group-id}/assignLicense", "POST", f"{sales}/assignLicense", {}, 400),
        ("/$batch", "POST", "/$batch", {"requests": []}, 400),
    ):
        assert checked(it, contract, path, method, url, json=content).status_code == status, url
    denied = {"path": "/users/{user-id}", "method": "DELETE", "url": "/users/anna@contoso.com"}
    assert checked(it, contract, **denied, by="anna@contoso.com").status_code == 403


def test_a_batch_and_the_bodies_in_it_have_the_described_form(it, contract):
    calls = {"1": ("/users", "/users"), "2": ("/users/{user-id}", "/users/x"), "3": ("/me", "/me")}
    items = [{"id": key, "method": "GET", "url": url} for key, (_, url) in calls.items()]
    reply = checked(it, contract, "/$batch", "POST", "/$batch", json={"requests": items})
    for item in reply.json()["responses"]:
        contract(calls[item["id"]][0], "get", item["status"], item["body"])


def test_the_contract_can_fail(contract):
    with pytest.raises(jsonschema_rs.ValidationError):
        contract("/users", "get", 200, {"value": [{"id": "a", "shoeSize": 42}]})


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("POST", "/users/anna/assignLicense", {"addLicenses": []}),
        ("POST", "/users/anna/assignLicense", None),
        ("GET", "/users?$skip=3", None),
        ("GET", "/shoes", None),
        ("PUT", "/users/anna", {}),
        ("DELETE", "/users/anna", {"force": True}),
    ],
)
def test_a_call_that_is_not_described_is_seen(method, url, body):
    with pytest.raises((AssertionError, jsonschema_rs.ValidationError)):
        Description.load().asked(method, url, body)
