"""Which licences can be given and taken, and with which words does the tenant refuse?"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

BAD = (400, "Request_BadRequest")


def test_an_assigned_licence_takes_one_seat_and_says_since_when(tenant, build):
    it = tenant(users=[build.user("anna")], subscribedSkus=[build.sku("ENTERPRISEPACK", 2)])
    reply = it.assign("anna", ("ENTERPRISEPACK", ["SWAY"]))
    assert reply.status_code == 200
    assert "assignedLicenses" not in reply.json()
    assert it.licences("anna") == {"ENTERPRISEPACK": ["SWAY"]}
    assert it.in_use("ENTERPRISEPACK") == 1
    state = it.get("/users/anna@contoso.com?$select=licenseAssignmentStates")["licenseAssignmentStates"]
    assert state == [
        {
            "skuId": build.sku_id("ENTERPRISEPACK"),
            "assignedByGroup": None,
            "disabledPlans": [build.plan_id("SWAY")],
            "state": "Active",
            "error": "None",
            "lastUpdatedDateTime": "2026-11-24T02:00:00Z",
        }
    ]


def test_beyond_the_seats_nothing_is_assigned(tenant, build, fault):
    it = tenant(users=[build.user("anna", "EMS"), build.user("bram")], subscribedSkus=[build.sku("EMS", 1)])
    message = f"Subscription with SKU {build.sku_id('EMS')} does not have any available licenses."
    assert fault(it.assign("bram", "EMS")) == (*BAD, message)
    assert it.licences("bram") == {}


def test_seats_in_grace_can_still_be_assigned(tenant, build):
    units = {"enabled": 0, "warning": 1, "suspended": 0, "lockedOut": 0}
    it = tenant(users=[build.user("anna")], subscribedSkus=[build.sku("EMS", prepaidUnits=units)])
    assert it.sku("EMS")["capabilityStatus"] == "Warning"
    assert it.assign("anna", "EMS").status_code == 200


def test_a_suspended_sku_is_not_assigned_even_if_seats_are_told(tenant, build, fault):
    it = tenant(
        users=[build.user("anna")], subscribedSkus=[build.sku("EMS", 9, capabilityStatus="Suspended")]
    )
    message = f"Subscription with SKU {build.sku_id('EMS')} does not have any available licenses."
    assert fault(it.assign("anna", "EMS")) == (*BAD, message)


def test_whoever_holds_a_licence_may_change_its_plans_where_no_seat_is_free(tenant, build):
    it = tenant(users=[build.user("anna", "EMS")], subscribedSkus=[build.sku("EMS", 1)])
    assert it.assign("anna", ("EMS", ["INTUNE_A"])).status_code == 200
    assert it.licences("anna") == {"EMS": ["INTUNE_A"]}


def test_disabled_plans_are_the_whole_list_and_not_a_delta(tenant, build):
    it = tenant(users=[build.user("anna")], subscribedSkus=[build.sku("ENTERPRISEPACK")])
    it.assign("anna", ("ENTERPRISEPACK", ["SWAY", "TEAMS1"]))
    it.assign("anna", ("ENTERPRISEPACK", ["TEAMS1"]))
    assert it.licences("anna") == {"ENTERPRISEPACK": ["TEAMS1"]}
    it.assign("anna", "ENTERPRISEPACK")
    assert it.licences("anna") == {"ENTERPRISEPACK": []}


@pytest.mark.parametrize("location", [None, "", "N", "NLD"])
def test_without_a_usage_location_nothing_is_assigned(tenant, build, fault, location):
    it = tenant(users=[build.user("anna", usageLocation=location)], subscribedSkus=[build.sku("EMS")])
    message = "License assignment cannot be done for user with invalid usage location."
    assert fault(it.assign("anna", "EMS")) == (*BAD, message)


def test_a_licence_can_be_taken_without_a_usage_location(tenant, build):
    it = tenant(users=[build.user("anna", "EMS", usageLocation=None)], subscribedSkus=[build.sku("EMS")])
    assert it.assign("anna", remove=("EMS",)).status_code == 200
    assert it.licences("anna") == {}


def test_a_sku_that_the_tenant_lacks_is_no_company_licence(tenant, build, fault):
    it = tenant(users=[build.user("anna")])
    message = f"License {build.sku_id('EMS')} does not correspond to a valid company License."
    assert fault(it.assign("anna", "EMS")) == (*BAD, message)


def test_a_company_wide_sku_is_not_for_users(tenant, build, fault):
    it = tenant(users=[build.user("anna")], subscribedSkus=[build.sku("EMS", appliesTo="Company")])
    assert fault(it.assign("anna", "EMS")) == (*BAD, "License EMS cannot be assigned to a user.")


@pytest.mark.parametrize("plan", ["SWAY", "AAD_PREMIUM"])
def test_a_disabled_plan_must_belong_to_the_sku_and_to_users(tenant, build, fault, plan):
    """SWAY is of another SKU; here AAD_PREMIUM applies to the company."""
    ems = build.sku("EMS")
    for row in ems["servicePlans"]:
        if row["servicePlanName"] == "AAD_PREMIUM":
            row["appliesTo"] = "Company"
    it = tenant(users=[build.user("anna")], subscribedSkus=[ems])
    status, code, message = fault(it.assign("anna", ("EMS", [plan])))
    assert (status, code) == BAD
    assert message.startswith(
        f"License assignment failed because service plan {build.plan_id(plan)} does not"
    )


def test_a_malformed_id_is_told_as_graph_does(tenant, build, fault):
    it = tenant(users=[build.user("anna")], subscribedSkus=[build.sku("EMS")])
    text = (
        "Cannot convert a primitive value to the expected type 'Edm.Guid'."
        " See the inner exception for more details"
    )
    for body in (
        {"addLicenses": [{"skuId": "EMS"}], "removeLicenses": []},
        {"addLicenses": [{"skuId": build.sku_id("EMS"), "disabledPlans": ["SWAY"]}], "removeLicenses": []},
        {"addLicenses": [], "removeLicenses": ["EMS"]},
        {"addLicenses": [{"skuId": None}], "removeLicenses": []},
    ):
        assert fault(it.call("POST", "/users/anna@contoso.com/assignLicense", json=body)) == (*BAD, text)


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({"addLicenses": []}, "removeLicenses"),
        ({"removeLicenses": []}, "addLicenses"),
        ({}, "addLicenses, removeLicenses"),
        ({"addLicenses": None, "removeLicenses": []}, "addLicenses"),
    ],
)
def test_both_parameters_are_needed(tenant, build, fault, body, missing):
    it = tenant(users=[build.user("anna")])
    message = (
        "One or more parameters of the operation 'assignLicense' are missing from the request payload."
        f" The missing parameters are: {missing}."
    )
    assert fault(it.call("POST", "/users/anna@contoso.com/assignLicense", json=body)) == (*BAD, message)


def test_names_in_the_body_are_read_in_any_case(tenant, build):
    it = tenant(users=[build.user("anna")], subscribedSkus=[build.sku("EMS")])
    body = {
        "ADDLICENSES": [{"SkuId": build.sku_id("EMS").upper(), "DISABLEDPLANS": []}],
        "removelicenses": [],
    }
    assert it.call("POST", "/users/ANNA@contoso.com/assignLicense", json=body).status_code == 200
    assert it.licences("anna") == {"EMS": []}


def test_exclusive_plans_are_refused(tenant, build, fault):
    it = tenant(
        users=[build.user("anna", "ENTERPRISEPACK")],
        subscribedSkus=[build.sku("ENTERPRISEPACK"), build.sku("SPE_F1")],
    )
    status, code, message = fault(it.assign("anna", "SPE_F1"))
    assert (status, code) == BAD
    assert message.startswith("License assignment failed because service plans ")
    assert message.endswith(" are mutually exclusive.")
    assert it.licences("anna") == {"ENTERPRISEPACK": []}


def test_the_disputed_pair_of_sharepoint_plans_is_accepted(tenant, build):
    it = tenant(
        users=[build.user("anna", "SHAREPOINTENTERPRISE")],
        subscribedSkus=[build.sku("SHAREPOINTENTERPRISE"), build.sku("SHAREPOINTSTANDARD")],
    )
    assert it.assign("anna", "SHAREPOINTSTANDARD").status_code == 200


def test_what_is_already_held_against_the_rules_does_not_hinder_another_change(tenant, build):
    it = tenant(
        users=[build.user("anna", "ENTERPRISEPACK", "SPE_F1")],
        subscribedSkus=[build.sku("ENTERPRISEPACK"), build.sku("SPE_F1"), build.sku("POWER_BI_PRO")],
    )
    assert it.assign("anna", "POWER_BI_PRO").status_code == 200


def test_a_dependency_is_checked_on_adding_and_on_removing(tenant, build, fault):
    it = tenant(
        users=[build.user("anna"), build.user("bram", "EXCHANGEENTERPRISE", "WORKPLACE_ANALYTICS")],
        subscribedSkus=[build.sku("EXCHANGEENTERPRISE"), build.sku("WORKPLACE_ANALYTICS")],
    )
    dependent = build.plan_id("WORKPLACE_ANALYTICS")
    for reply in (
        it.assign("anna", "WORKPLACE_ANALYTICS"),
        it.assign("bram", remove=("EXCHANGEENTERPRISE",)),
    ):
        status, code, message = fault(reply)
        assert (status, code) == BAD
        assert message.startswith(
            f"License assignment failed because service plan {dependent} depends on the service plan(s) "
        )
    assert it.licences("bram") == {"EXCHANGEENTERPRISE": [], "WORKPLACE_ANALYTICS": []}
    assert it.assign("anna", "WORKPLACE_ANALYTICS", "EXCHANGEENTERPRISE").status_code == 200
    assert it.assign("bram", remove=("EXCHANGEENTERPRISE", "WORKPLACE_ANALYTICS")).status_code == 200


def test_add_and_remove_in_one_call_are_one_step(tenant, build):
    """A swap meets no clash between the old and the new SKU."""
    it = tenant(
        users=[build.user("anna", "ENTERPRISEPACK")],
        subscribedSkus=[build.sku("ENTERPRISEPACK"), build.sku("SPE_F1")],
    )
    assert it.assign("anna", "SPE_F1", remove=("ENTERPRISEPACK",)).status_code == 200
    assert it.licences("anna") == {"SPE_F1": []}
    assert (it.in_use("ENTERPRISEPACK"), it.in_use("SPE_F1")) == (0, 1)


def test_where_one_part_is_refused_nothing_is_done(tenant, build):
    it = tenant(
        users=[build.user("anna", "ENTERPRISEPACK")],
        subscribedSkus=[build.sku("ENTERPRISEPACK"), build.sku("EMS", 0), build.sku("POWER_BI_PRO")],
    )
    assert it.assign("anna", "POWER_BI_PRO", "EMS", remove=("ENTERPRISEPACK",)).status_code == 400
    assert it.licences("anna") == {"ENTERPRISEPACK": []}


@pytest.mark.parametrize(("add", "remove"), [(["EMS"], ["EMS"]), (["EMS", "EMS"], []), ([], ["EMS", "EMS"])])
def test_a_sku_named_twice_is_refused(tenant, build, fault, add, remove):
    it = tenant(users=[build.user("anna", "EMS")], subscribedSkus=[build.sku("EMS")])
    status, code, message = fault(it.assign("anna", *add, remove=tuple(remove)))
    assert (status, code) == BAD
    assert "more than once" in message
    assert it.licences("anna") == {"EMS": []}


def test_removing_what_the_user_lacks_is_refused(tenant, build, fault):
    it = tenant(users=[build.user("anna")], subscribedSkus=[build.sku("EMS")])
    assert fault(it.assign("anna", remove=("EMS",))) == (*BAD, "User does not have a corresponding license.")


def _inheriting(build, *, direct: bool):
    group = build.user_id("sales")
    states = [
        {"skuId": build.sku_id("EMS"), "assignedByGroup": group, "disabledPlans": [build.plan_id("INTUNE_A")]}
    ]
    if direct:
        plans = [build.plan_id("INTUNE_A"), build.plan_id("AAD_PREMIUM")]
        states.append({"skuId": build.sku_id("EMS"), "assignedByGroup": None, "disabledPlans": plans})
    return {
        "users": [build.user("anna", "EMS", licenseAssignmentStates=states)],
        "groups": [{"id": group, "displayName": "Sales", "members": [build.user_id("anna")]}],
        "subscribedSkus": [build.sku("EMS", 1)],
    }


def test_an_inherited_licence_cannot_be_taken_on_the_user(tenant, build, fault):
    it = tenant(**_inheriting(build, direct=False))
    message = (
        "User license is inherited from a group membership and it cannot be removed directly from the user."
    )
    assert fault(it.assign("anna", remove=("EMS",))) == (*BAD, message)


def test_two_sources_of_a_sku_take_one_seat_and_their_enabled_plans_add_up(tenant, build):
    it = tenant(**_inheriting(build, direct=True))
    assert it.in_use("EMS") == 1
    assert it.licences("anna") == {"EMS": ["INTUNE_A"]}
    assert it.assign("anna", remove=("EMS",)).status_code == 200
    assert it.states("anna") == [("EMS", build.user_id("sales"), "Active", "None")]
    assert it.in_use("EMS") == 1


def test_a_direct_licence_beside_an_inherited_one_needs_no_further_seat(tenant, build):
    it = tenant(**_inheriting(build, direct=False))
    assert it.assign("anna", "EMS").status_code == 200
    assert it.licences("anna") == {"EMS": []}


def test_a_licence_in_error_takes_no_seat_and_is_not_held(tenant, build, fault):
    states = [
        {"skuId": build.sku_id("EMS"), "assignedByGroup": "g", "state": "Error", "error": "CountViolation"},
    ]
    it = tenant(
        users=[build.user("anna", licenseAssignmentStates=states), build.user("bram", "EMS")],
        subscribedSkus=[build.sku("EMS", 1)],
    )
    assert it.licences("anna") == {}
    assert it.in_use("EMS") == 1
    assert fault(it.assign("anna", "EMS"))[2].endswith("does not have any available licenses.")


@pytest.mark.parametrize("status", ["Deleted", "LockedOut"])
def test_a_sku_that_is_gone_is_no_company_licence(tenant, build, fault, status):
    it = tenant(users=[build.user("anna")], subscribedSkus=[build.sku("EMS", capabilityStatus=status)])
    message = f"License {build.sku_id('EMS')} does not correspond to a valid company License."
    assert fault(it.assign("anna", "EMS")) == (*BAD, message)


def test_an_unknown_user_is_not_found(tenant, fault):
    status, code, message = fault(tenant().assign("nobody"))
    assert (status, code) == (404, "Request_ResourceNotFound")
    assert message == (
        "Resource 'nobody@contoso.com' does not exist or one of its queried reference-property objects are"
        " not present."
    )


_SKUS = ("EMS", "POWER_BI_PRO", "ENTERPRISEPACK")
_STEP = st.tuples(
    st.sampled_from(("anna", "bram", "chris")),
    st.sets(st.sampled_from(_SKUS), max_size=2),
    st.sets(st.sampled_from(_SKUS), max_size=2),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_STEP, max_size=12))
def test_seats_in_use_are_those_of_the_licences_held_and_never_exceed_those_owned(tenant, build, steps):
    """Whatever is asked, in whichever order; a refused call changes nothing."""
    it = tenant(
        users=[build.user(name) for name in ("anna", "bram", "chris")],
        subscribedSkus=[build.sku(name, seats) for name, seats in zip(_SKUS, (1, 2, 2), strict=True)],
    )
    expected: dict[str, set[str]] = {"anna": set(), "bram": set(), "chris": set()}
    for who, add, remove in steps:
        if it.assign(who, *sorted(add), remove=tuple(sorted(remove))).status_code == 200:
            expected[who] = (expected[who] - remove) | add
    assert {who: set(it.licences(who)) for who in expected} == expected
    for name, seats in zip(_SKUS, (1, 2, 2), strict=True):
        assert it.in_use(name) == sum(name in held for held in expected.values()) <= seats
