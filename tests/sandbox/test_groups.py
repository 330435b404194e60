"""Which groups are there, who is in them, and who may change that?"""

from __future__ import annotations

import pytest

BAD = (400, "Request_BadRequest")
DENIED = (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
THERE = "One or more added object references already exist for the following modified properties: 'members'."


def not_found(key):
    return (
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects are not present.",
    )


def test_a_group_tells_of_which_kind_it_is(tenant, build):
    rule = {"groupTypes": ["DynamicMembership"], "membershipRule": '(user.department -eq "Sales")'}
    it = tenant(groups=[build.group("sales", onPremisesSyncEnabled=True, isAssignableToRole=True, **rule)])
    names = "groupTypes,membershipRule,onPremisesSyncEnabled,isAssignableToRole,securityEnabled,mailEnabled"
    told = it.get(f"/groups/{build.user_id('sales')}?$select={names}")
    del told["@odata.context"]
    assert told == rule | {
        "onPremisesSyncEnabled": True,
        "isAssignableToRole": True,
        "securityEnabled": True,
        "mailEnabled": False,
    }


@pytest.fixture
def nested(tenant, build):
    """Return a tenant in which anna is in sales, and bram in inner, which is in sales."""
    return tenant(
        users=[
            build.user("anna", licenseAssignmentStates=build.inherited("sales", "EMS")),
            build.user("bram"),
        ],
        groups=[
            build.group("sales", "anna", "inner", "nobody", skus=("EMS",)),
            build.group("inner", "bram"),
        ],
        subscribedSkus=[build.sku("EMS")],
    )


def test_members_are_listed_by_kind_or_together_and_not_those_of_members(nested, build):
    path = f"/groups/{build.user_id('sales')}/members"
    kinds = {row["displayName"]: row["@odata.type"] for row in nested.get(path)["value"]}
    assert kinds == {"Anna": "#microsoft.graph.user", "Inner": "#microsoft.graph.group"}
    assert nested.names(f"{path}/microsoft.graph.user") == ["Anna"]
    assert nested.names(f"{path}/microsoft.graph.group") == ["Inner"]
    (anna,) = nested.get(f"{path}/microsoft.graph.user?$select=id,licenseAssignmentStates")["value"]
    assert [state["assignedByGroup"] for state in anna["licenseAssignmentStates"]] == [build.user_id("sales")]


def test_of_users_and_groups_together_each_tells_what_it_has(nested, build):
    path = f"/groups/{build.user_id('sales')}/members?$select=displayName,userPrincipalName,groupTypes&$top=1"
    rows = []
    while path:
        body = nested.get(path)
        rows += body["value"]
        path = body.get("@odata.nextLink", "").partition("/v1.0")[2]
    assert sorted(rows, key=lambda row: row["displayName"]) == [
        {
            "@odata.type": "#microsoft.graph.user",
            "displayName": "Anna",
            "userPrincipalName": "anna@contoso.com",
        },
        {"@odata.type": "#microsoft.graph.group", "displayName": "Inner", "groupTypes": []},
    ]


def test_a_user_tells_the_groups_that_it_is_in_itself_and_me_those_above_them_too(nested, build):
    assert nested.names("/users/bram@contoso.com/memberOf?$select=displayName") == ["Inner"]
    assert nested.call("GET", "/users/nobody@contoso.com/memberOf").status_code == 404
    rows = nested.get("/me/transitiveMemberOf", by="bram@contoso.com")["value"]
    assert sorted(row["displayName"] for row in rows) == ["Inner", "Sales"]


def test_groups_in_a_circle_do_no_harm(tenant, build):
    it = tenant(
        users=[build.user("anna")],
        groups=[build.group("one", "two", "anna"), build.group("two", "one")],
        roleAssignments=[build.role("anna", "groups-administrator")],
    )
    rows = it.get("/me/transitiveMemberOf", by="anna@contoso.com")["value"]
    assert sorted(row["displayName"] for row in rows) == ["Groups Administrator", "One", "Two"]


@pytest.fixture
def it(tenant, build):
    return tenant(
        users=[build.user("anna"), build.user("bram")],
        groups=[build.group("sales", "anna"), build.group("inner")],
        subscribedSkus=[build.sku("EMS"), build.sku("SHAREPOINTSTORAGE", appliesTo="Company")],
    )


def test_members_come_and_go(it, build, fault):
    assert (it.join("sales", "bram").status_code, it.join("sales", "inner").status_code) == (204, 204)
    path = f"/groups/{build.user_id('sales')}/members"
    assert it.names(path) == ["Anna", "Bram", "Inner"]
    assert fault(it.join("sales", "bram")) == (*BAD, THERE)
    for who in ("bram", "inner"):
        reply = it.leave("sales", who)
        assert (reply.status_code, reply.content) == (204, b"")
    assert fault(it.leave("sales", "bram")) == not_found(build.user_id("bram"))
    assert it.names(path) == ["Anna"]


def test_who_is_not_there_cannot_join_or_leave(it, build, fault):
    key = build.user_id("nobody")
    assert fault(it.join("sales", "nobody")) == not_found(key)
    assert fault(it.leave("sales", "nobody")) == not_found(key)
    assert fault(it.join("nobody", "anna")) == not_found(key)
    assert fault(it.leave("nobody", "anna")) == not_found(key)
    assert fault(it.give("nobody", "EMS")) == not_found(key)
    it.call("DELETE", "/users/anna@contoso.com")
    assert fault(it.leave("sales", "anna")) == not_found(build.user_id("anna"))
    assert it.join("sales", "anna").status_code == 404
    assert it.call("POST", "/users/nobody@contoso.com/reprocessLicenseAssignment").status_code == 404


@pytest.mark.parametrize("path", ["users", "groups", "directoryObjects", "DIRECTORYOBJECTS"])
def test_a_member_is_named_by_its_url(it, build, path):
    body = {"@odata.id": f"https://graph.microsoft.com/v1.0/{path}/{build.user_id('bram').upper()}"}
    url = f"/groups/{build.user_id('sales').upper()}/members/$ref"
    assert it.call("POST", url, json=body).status_code == 204
    assert it.names(f"/groups/{build.user_id('sales')}/members") == ["Anna", "Bram"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"@odata.id": None},
        {"@odata.id": 1},
        {"@odata.id": "bram@contoso.com"},
        {"@odata.id": "https://sandbox.invalid/v1.0/devices/1"},
        {"@odata.id": "https://sandbox.invalid/v1.0/users/1/2"},
        {"@odata.id": "https://sandbox.invalid/v1.0/users/1", "id": "1"},
    ],
)
def test_what_is_no_reference_is_refused(it, build, fault, body):
    url = f"/groups/{build.user_id('sales')}/members/$ref"
    message = "Invalid value specified for property '@odata.id' of resource 'DirectoryObjectReference'."
    assert fault(it.call("POST", url, json=body)) == (*BAD, message)


def test_a_group_is_no_member_of_itself(it):
    assert it.join("sales", "sales").status_code == 400


SYNCED = "Unable to update the specified properties for on-premises mastered Directory Sync objects or"
MAIL = "Cannot Update a mail-enabled security groups and or distribution list."


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ({"groupTypes": ["DynamicMembership"]}, "The members of a group with dynamic membership can't"),
        ({"groupTypes": ["Unified", "DynamicMembership"], "mailEnabled": True}, "The members of a group"),
        ({"onPremisesSyncEnabled": True}, SYNCED),
        ({"mailEnabled": True}, MAIL),
    ],
)
def test_whose_membership_is_kept_elsewhere_is_not_changed_but_licensed(tenant, build, fault, kind, says):
    it = tenant(
        users=[build.user("anna"), build.user("bram")],
        groups=[build.group("sales", "anna", **kind)],
        subscribedSkus=[build.sku("EMS")],
    )
    for reply in (it.join("sales", "bram"), it.leave("sales", "anna")):
        status, code, message = fault(reply)
        assert (status, code) == BAD
        assert message.startswith(says)
    assert it.give("sales", "EMS").status_code == 202
    assert (it.licences("anna"), it.licences("bram")) == ({"EMS": []}, {})


def test_a_microsoft_365_groups_members_can_be_changed(tenant, build):
    it = tenant(
        users=[build.user("anna")], groups=[build.group("sales", groupTypes=["Unified"], mailEnabled=True)]
    )
    assert it.join("sales", "anna").status_code == 204


def test_a_group_that_is_not_security_enabled_is_not_licensed(tenant, build, fault):
    it = tenant(groups=[build.group("sales", securityEnabled=False)], subscribedSkus=[build.sku("EMS")])
    assert fault(it.give("sales", "EMS"))[:2] == BAD


def test_what_a_group_cannot_give_is_refused_as_for_a_user(it, build, fault):
    unknown, plan = build.sku_id("POWER_BI_PRO"), build.plan_id("SWAY")
    for reply, message in (
        (it.give("sales", "POWER_BI_PRO"), f"License {unknown} does not correspond to a valid company"),
        (it.give("sales", "SHAREPOINTSTORAGE"), "License SHAREPOINTSTORAGE cannot be assigned to a user."),
        (it.give("sales", ("EMS", ["SWAY"])), f"License assignment failed because service plan {plan} does"),
        (it.give("sales", remove=("EMS",)), "Group does not have a corresponding license."),
        (it.give("sales", "EMS", remove=("EMS",)), f"License {build.sku_id('EMS')} is named more than once"),
    ):
        status, code, found = fault(reply)
        assert (status, code) == BAD
        assert found.startswith(message)
    body = {"addLicenses": []}
    assert it.call("POST", f"/groups/{build.user_id('sales')}/assignLicense", json=body).status_code == 400
    assert it.get(f"/groups/{build.user_id('sales')}?$select=assignedLicenses")["assignedLicenses"] == []


@pytest.mark.parametrize("role", ["groups-administrator", "user-administrator", "license-administrator"])
def test_a_group_that_roles_can_be_assigned_to_is_for_privileged_administrators(tenant, build, fault, role):
    """License administrators may change no group's members anyway."""
    it = tenant(
        users=[build.user("actor"), build.user("anna")],
        groups=[build.group("admins", isAssignableToRole=True)],
        subscribedSkus=[build.sku("EMS")],
        roleAssignments=[build.role("actor", role)],
    )
    actor = "actor@contoso.com"
    assert fault(it.give("admins", "EMS", by=actor)) == DENIED
    assert fault(it.join("admins", "anna", by=actor)) == DENIED
    assert fault(it.leave("admins", "anna", by=actor)) == DENIED
    assert it.give("admins", "EMS").status_code == 202
    assert it.join("admins", "anna").status_code == 204


def test_a_privileged_role_administrator_changes_those_groups_and_no_others(tenant, build, fault):
    it = tenant(
        users=[build.user("actor"), build.user("anna")],
        groups=[build.group("admins", isAssignableToRole=True), build.group("sales")],
        subscribedSkus=[build.sku("EMS")],
        roleAssignments=[build.role("actor", "privileged-role-administrator")],
    )
    actor = "actor@contoso.com"
    assert it.give("admins", "EMS", by=actor).status_code == 202
    assert it.join("admins", "anna", by=actor).status_code == 204
    assert it.leave("admins", "anna", by=actor).status_code == 204
    assert fault(it.give("sales", "EMS", by=actor)) == DENIED
    assert fault(it.join("sales", "anna", by=actor)) == DENIED


def test_reprocessing_takes_no_members_of_a_body(it):
    path = "/users/anna@contoso.com/reprocessLicenseAssignment"
    assert it.call("POST", path, json={"groups": []}).status_code == 400
    assert it.call("POST", path, json={}).status_code == 200
