"""What does the sandbox tell of sign-ins and of the past, to whom, and how far back?"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

AUDITS = "/auditLogs/directoryAudits"
SIGNED_IN = {
    "lastSignInDateTime": "2026-11-20T08:00:00Z",
    "lastNonInteractiveSignInDateTime": "2026-11-23T08:00:00Z",
    "lastSuccessfulSignInDateTime": None,
}
NO_PREMIUM = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
DENIED = (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


@pytest.fixture
def premium(tenant, build):
    """Return a tenant with Entra ID P1: EMS has it."""
    return tenant(
        users=[build.user("anna", signInActivity=SIGNED_IN), build.user("bram", "EMS")],
        subscribedSkus=[build.sku("EMS"), build.sku("ENTERPRISEPACK")],
        roleAssignments=[build.role("bram", "reports-reader"), build.role("anna", "license-administrator")],
    )


# ------------------------------------------------------------ sign-ins


def test_sign_ins_are_told_on_request_in_a_tenant_with_entra_id_p1(premium):
    rows = premium.get("/users?$select=displayName,signInActivity", by="bram@contoso.com")["value"]
    assert {row["displayName"]: row["signInActivity"] for row in rows} == {
        "Admin": None,
        "Anna": SIGNED_IN,
        "Bram": None,
    }
    assert premium.get("/users/anna@contoso.com?$select=signInActivity")["signInActivity"] == SIGNED_IN


@pytest.mark.parametrize("path", ["/users", "/users/anna@contoso.com"])
def test_without_p1_the_whole_request_is_refused(tenant, build, fault, path):
    it = tenant(users=[build.user("anna")], subscribedSkus=[build.sku("ENTERPRISEPACK")])
    assert fault(it.call("GET", f"{path}?$select=id,signInActivity"))[:2] == (403, NO_PREMIUM)


def test_a_sku_that_nobody_may_use_any_more_is_no_p1(tenant, build, fault):
    units = {"enabled": 0, "warning": 0, "suspended": 5, "lockedOut": 0}
    it = tenant(subscribedSkus=[build.sku("EMS", prepaidUnits=units)])
    assert fault(it.call("GET", "/users?$select=id,signInActivity"))[:2] == (403, NO_PREMIUM)


def test_the_catalogue_knows_the_plans_that_a_snapshot_leaves_out(tenant, build):
    it = tenant(subscribedSkus=[build.sku("EMS", servicePlans=[])])
    assert it.get("/users?$select=id,signInActivity")["value"]


def test_with_sign_ins_a_page_has_five_hundred_users_whatever_is_asked(tenant, build):
    it = tenant(users=[build.user(f"u{n:04}") for n in range(520)], subscribedSkus=[build.sku("EMS")])
    assert len(it.get("/users?$select=id,signInActivity&$top=999")["value"]) == 500
    assert len(it.get("/users?$select=id,signInActivity&$top=7")["value"]) == 7


def test_sign_ins_and_audits_are_for_those_who_read_logs(premium, fault):
    for path in ("/users?$select=signInActivity", AUDITS):
        assert fault(premium.call("GET", path, by="anna@contoso.com")) == DENIED
        assert premium.call("GET", path, by="bram@contoso.com").status_code == 200


# ------------------------------------------------------------ the audit log


def told(it, path=AUDITS, **more):
    """Return the events as (activity, who, what is held before, what after), the first one first."""
    found = []
    for row in it.get(path, **more)["value"]:
        (target,) = row["targetResources"]
        values = {each["displayName"]: each for each in target["modifiedProperties"]}
        licences = values.get("AssignedLicense", {})
        found.append(
            (
                row["activityDisplayName"],
                target["userPrincipalName"].partition("@")[0],
                *(
                    [text.split(",")[0].removeprefix("[SkuName=") for text in json.loads(licences[key])]
                    for key in ("oldValue", "newValue")
                    if licences
                ),
            )
        )
    return found


def test_a_swap_is_told_by_what_is_held_before_and_after(premium, build):
    assert premium.assign("bram", "ENTERPRISEPACK", remove=("EMS",)).status_code == 200
    assert told(premium) == [
        ("Update user", "bram", ["EMS"], ["ENTERPRISEPACK"]),
        ("Change user license", "bram"),
    ]
    update, change = premium.get(AUDITS)["value"]
    assert update["correlationId"] == change["correlationId"]
    assert update["activityDateTime"] == "2026-11-24T02:00:00Z"
    assert update["initiatedBy"]["user"]["userPrincipalName"] == "admin@contoso.com"
    (value, included) = update["targetResources"][0]["modifiedProperties"]
    assert json.loads(value["newValue"])[0].endswith(
        f", SkuId={build.sku_id('ENTERPRISEPACK')}, DisabledPlans=[]]"
    )
    assert (included["displayName"], included["newValue"]) == (
        "Included Updated Properties",
        '"AssignedLicense"',
    )


def test_what_changes_nothing_is_not_told(premium):
    assert premium.reprocess("bram").status_code == 200
    assert told(premium) == []


def test_a_user_who_comes_goes_and_returns_is_told(premium, build):
    assert premium.call("DELETE", "/users/bram@contoso.com").status_code == 204
    back = f"/directory/deletedItems/{build.user_id('bram')}/restore"
    assert premium.call("POST", back, json={}).status_code == 200
    assert told(premium) == [("Restore user", "bram"), ("Delete user", "bram")]


def test_what_a_group_takes_is_told_of_each_member(tenant, build):
    it = tenant(
        users=[build.user("anna", licenseAssignmentStates=build.inherited("sales", "EMS"))],
        groups=[build.group("sales", "anna", skus=("EMS",))],
        subscribedSkus=[build.sku("EMS")],
    )
    it.give("sales", remove=("EMS",))
    update, _ = it.get(AUDITS)["value"]
    assert update["initiatedBy"]["app"]["displayName"] == "Microsoft Entra ID Group-Based Licensing"
    assert told(it)[0] == ("Update user", "anna", ["EMS"], [])


@pytest.mark.parametrize(("sku", "days"), [("EMS", 30), ("ENTERPRISEPACK", 7)])
def test_a_snapshots_past_is_told_as_far_back_as_the_tenant_keeps_it(tenant, build, sku, days):
    """A licence taken away, a user deleted; thirty days with Entra ID P1, seven without."""

    def ago(age):
        return (build.now - timedelta(days=age) + timedelta(hours=1)).isoformat()

    removals = [
        {"userId": build.user_id("anna"), "skuId": build.sku_id("VISIOCLIENT"), "removedAt": ago(age)}
        for age in (40, days + 1, days, 1)
    ]
    it = tenant(
        users=[build.user("anna")],
        deletedUsers=[build.user("gone", deletedDateTime=ago(2)), build.user("unknown")],
        subscribedSkus=[build.sku(sku), build.sku("VISIOCLIENT")],
        removals=removals,
    )
    assert told(it) == [
        ("Update user", "anna", ["VISIOCLIENT"], []),
        ("Delete user", "gone"),
        ("Update user", "anna", ["VISIOCLIENT"], []),
    ]
    it.advance(31)
    assert told(it) == []


# ------------------------------------------------------------ how it is asked


def test_events_are_filtered_by_time_and_name(premium):
    premium.assign("anna", "EMS")
    premium.wait(timedelta(hours=2))
    premium.assign("anna", remove=("EMS",))
    since = "activityDateTime ge 2026-11-24T03:00:00Z"
    assert told(premium, f"{AUDITS}?$filter={since} and activityDisplayName eq 'Update user'") == [
        ("Update user", "anna", ["EMS"], [])
    ]
    until = "activityDateTime le 2026-11-24T03:00:00.5Z"
    assert [each[0] for each in told(premium, f"{AUDITS}?$filter={until}")] == [
        "Update user",
        "Change user license",
    ]
    assert told(premium, f"{AUDITS}?$filter=category eq 'GroupManagement'") == []


@pytest.mark.parametrize("order", ["", "&$orderby=activityDateTime desc", "&$orderby=activityDateTime"])
def test_pages_follow_each_other_in_the_order_that_is_asked(premium, order):
    for skus in (("EMS",), ("ENTERPRISEPACK",)):
        premium.assign("anna", *skus)
    path, found = f"{AUDITS}?$top=1{order}", []
    while path:
        page = premium.get(path)
        found += [row["id"][-8:] for row in page["value"]]
        path = page.get("@odata.nextLink", "").partition("/v1.0")[2]
    assert found == sorted(found, reverse="desc" in order or not order)
    assert len(found) == 4


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("$top=1000", 200),
        ("$top=1001", 400),
        ("$orderby=category", 400),
        ("$filter=activityDateTime ge yesterday", 400),
        ("$filter=category ge 2026-11-24T03:00:00Z", 400),
        ("$filter=result eq 'success'", 400),
        ("$filter=activityDisplayName eq 'a' or activityDisplayName eq 'b'", 400),
        ("$count=true", 400),
    ],
)
def test_what_is_not_offered_is_refused(premium, query, status):
    assert premium.call("GET", f"{AUDITS}?{query}").status_code == status
