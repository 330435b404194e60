"""How are seats bought, and renewal set?"""

from __future__ import annotations

import pytest

ROOT = "/commerce/v1/subscriptions"


@pytest.fixture
def it(tenant, build):
    row = {
        "id": "sub-ems",
        "skuId": build.sku_id("EMS"),
        "totalLicenses": 2,
        "nextLifecycleDateTime": "2026-12-04T00:00:00Z",
        "autoRenew": False,
    }
    users = [build.user("anna", "EMS"), build.user("bram", "EMS"), build.user("chris")]
    return tenant(users=users, subscribedSkus=[build.sku("EMS", 2)], subscriptions=[row])


def test_subscriptions_are_told_with_their_renewal(it, build):
    ems = {"id": "sub-ems", "skuId": build.sku_id("EMS"), "skuPartNumber": "EMS"}
    assert it.get(ROOT) == {"value": [ems | {"autoRenew": False, "totalLicenses": 2}]}


def test_renewal_that_nobody_told_of_is_null(tenant, build):
    it = tenant(subscribedSkus=[build.sku("EMS")])
    assert it.get(ROOT)["value"][0]["autoRenew"] is None


def test_bought_seats_can_be_assigned_at_once(it):
    assert it.assign("chris", "EMS").status_code == 400
    reply = it.call("PATCH", f"{ROOT}/sub-ems", json={"totalLicenses": 3})
    assert (reply.status_code, reply.json()["totalLicenses"]) == (200, 3)
    assert it.sku("EMS")["prepaidUnits"]["enabled"] == 3
    assert it.assign("chris", "EMS").status_code == 200


def test_seats_may_be_cut_below_those_in_use_as_other_channels_can(it):
    it.call("PATCH", f"{ROOT}/sub-ems", json={"totalLicenses": 1})
    assert (it.sku("EMS")["prepaidUnits"]["enabled"], it.in_use("EMS")) == (1, 2)


def test_with_renewal_turned_on_a_subscription_outlives_its_term(it):
    assert it.call("PATCH", f"{ROOT}/sub-ems", json={"autoRenew": True}).json()["autoRenew"] is True
    it.advance(60)
    assert it.sku("EMS")["capabilityStatus"] == "Enabled"


def test_turning_renewal_on_reactivates_what_has_expired(it):
    it.advance(45)
    assert it.sku("EMS")["capabilityStatus"] == "Suspended"
    assert it.call("PATCH", f"{ROOT}/sub-ems", json={"totalLicenses": 3}).status_code == 400
    it.call("PATCH", f"{ROOT}/sub-ems", json={"autoRenew": True})
    assert it.sku("EMS")["capabilityStatus"] == "Enabled"
    (row,) = it.get("/directory/subscriptions")["value"]
    assert row["nextLifecycleDateTime"] == "2028-01-08T02:00:00Z"


def test_what_is_deleted_cannot_be_had_back(it):
    it.advance(130)
    assert it.call("PATCH", f"{ROOT}/sub-ems", json={"autoRenew": True}).status_code == 400


def test_a_sku_that_the_tenant_lacks_is_bought_with_its_service_plans(it, build):
    body = {"skuId": build.sku_id("POWER_BI_PRO"), "skuPartNumber": "POWER_BI_PRO", "totalLicenses": 1}
    reply = it.call("POST", ROOT, json=body)
    assert reply.status_code == 201
    assert reply.json() == body | {"id": reply.json()["id"], "autoRenew": True}
    assert {plan["servicePlanName"] for plan in it.sku("POWER_BI_PRO")["servicePlans"]} >= {"BI_AZURE_P2"}
    assert it.assign("anna", "POWER_BI_PRO").status_code == 200


def test_a_second_subscription_of_a_sku_adds_its_seats(it, build):
    assert it.call("POST", ROOT, json={"skuId": build.sku_id("EMS"), "totalLicenses": 4}).status_code == 201
    assert it.sku("EMS")["prepaidUnits"]["enabled"] == 6


BAD_CHANGES = [
    {},
    {"totalLicenses": 0},
    {"totalLicenses": -1},
    {"totalLicenses": 2**31},
    {"totalLicenses": "3"},
]
BAD_CHANGES += [
    {"totalLicenses": True},
    {"totalLicenses": None},
    {"autoRenew": 1},
    {"autoRenew": None},
    {"price": 1},
]


@pytest.mark.parametrize("body", BAD_CHANGES)
def test_a_change_of_the_wrong_form_is_refused(it, body):
    before = it.get(ROOT)
    assert it.call("PATCH", f"{ROOT}/sub-ems", json=body).status_code == 400
    assert it.get(ROOT) == before


def test_what_is_not_on_sale_cannot_be_bought(it, build):
    unknown = "00000000-0000-0000-0000-000000000000"
    for body in (
        {"skuId": unknown, "skuPartNumber": "NOTHING", "totalLicenses": 1},
        {"skuId": build.sku_id("POWER_BI_PRO"), "skuPartNumber": "EMS", "totalLicenses": 1},
        {"skuId": build.sku_id("POWER_BI_PRO"), "skuPartNumber": "POWER_BI_PRO"},
        {"totalLicenses": 1},
    ):
        assert it.call("POST", ROOT, json=body).status_code == 400
    assert it.call("PATCH", f"{ROOT}/nothing", json={"totalLicenses": 1}).status_code == 404


def test_graph_itself_knows_nothing_of_it(it):
    assert it.call("PATCH", "/directory/subscriptions/sub-ems", json={"totalLicenses": 3}).status_code == 400
    assert it.call("GET", "/commerce/v1/users").status_code == 400
