"""How do accounts come, change, go and come back?"""

from __future__ import annotations

import pytest

BAD = (400, "Request_BadRequest")


def new_user(**more):
    return {
        "accountEnabled": True,
        "displayName": "Zuzana Horáková",
        "mailNickname": "zuzana",
        "userPrincipalName": "zuzana@contoso.com",
        "passwordProfile": {"password": "correct-Horse-7", "forceChangePasswordNextSignIn": True},
    } | more


def taken(name):
    return f"Another object with the same value for property {name} already exists."


def test_a_created_user_has_graphs_default_properties_and_no_password(tenant):
    it = tenant()
    reply = it.call("POST", "/users", json=new_user(usageLocation="nl", department="Sales"))
    assert reply.status_code == 201
    body = reply.json()
    assert body["displayName"] == "Zuzana Horáková"
    assert "department" not in body
    assert reply.headers["Location"] == f"https://sandbox.invalid/v1.0/users/{body['id']}"
    kept = it.get(
        "/users/zuzana@contoso.com?$select=usageLocation,department,userType,createdDateTime,passwordProfile,mail"
    )
    del kept["@odata.context"]
    assert kept == {
        "usageLocation": "NL",
        "department": "Sales",
        "userType": "Member",
        "createdDateTime": "2026-11-24T02:00:00Z",
        "passwordProfile": None,
        "mail": None,
    }


def test_no_password_is_ever_stored(tenant):
    it = tenant()
    it.call("POST", "/users", json=new_user())
    assert all(b"correct-Horse-7" not in path.read_bytes() for path in it.home.iterdir())


@pytest.mark.parametrize(
    "name", ["accountEnabled", "displayName", "mailNickname", "passwordProfile", "userPrincipalName"]
)
def test_what_a_user_cannot_do_without_is_asked_for(tenant, fault, name):
    body = new_user()
    del body[name]
    message = f"Property {name} value is required but is empty or missing."
    assert fault(tenant().call("POST", "/users", json=body)) == (*BAD, message)


def test_a_taken_upn_is_told_with_its_detail(tenant, build):
    it = tenant(users=[build.user("zuzana")])
    reply = it.call("POST", "/users", json=new_user(userPrincipalName="ZUZANA@contoso.com"))
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["message"]) == (*BAD, taken("userPrincipalName"))
    assert error["details"] == [
        {"code": "ObjectConflict", "message": taken("userPrincipalName"), "target": "userPrincipalName"}
    ]


def test_an_address_of_somebody_else_is_taken_too(tenant, build, fault):
    it = tenant(
        users=[build.user("anna", proxyAddresses=["SMTP:anna@contoso.com", "smtp:zuzana@contoso.com"])]
    )
    assert fault(it.call("POST", "/users", json=new_user())) == (*BAD, taken("proxyAddresses"))


def test_a_password_profile_without_a_password_is_no_password(tenant, fault):
    body = new_user(passwordProfile={"forceChangePasswordNextSignIn": True})
    message = "Property password value is required but is empty or missing."
    assert fault(tenant().call("POST", "/users", json=body)) == (*BAD, message)


@pytest.mark.parametrize("profile", [{"password": 1}, {"forceChangePasswordNextSignIn": "yes"}, [], "x"])
def test_a_password_profile_of_the_wrong_types_is_refused(tenant, build, profile):
    it = tenant(users=[build.user("anna")])
    assert it.call("PATCH", "/users/anna@contoso.com", json={"passwordProfile": profile}).status_code == 400


@pytest.mark.parametrize("password", ["short-1", "alllowercase1", "ALLUPPER-----", "x" * 257])
def test_a_weak_password_is_refused(tenant, fault, password):
    body = new_user(passwordProfile={"password": password})
    message = (
        "The specified password does not comply with password complexity requirements. Please provide a"
        " different password."
    )
    assert fault(tenant().call("POST", "/users", json=body)) == (*BAD, message)


def test_a_domain_must_be_verified(tenant, fault):
    status, code, message = fault(
        tenant().call("POST", "/users", json=new_user(userPrincipalName="zuzana@fabrikam.com"))
    )
    assert (status, code) == BAD
    assert message.startswith("The domain portion of the userPrincipalName property is invalid.")


def test_in_a_federated_domain_the_immutable_id_is_needed(tenant, fault):
    it = tenant()
    body = new_user(userPrincipalName="zuzana@fed.contoso.com")
    message = "Property onPremisesImmutableId value is required but is empty or missing."
    assert fault(it.call("POST", "/users", json=body)) == (*BAD, message)
    assert it.call("POST", "/users", json=body | {"onPremisesImmutableId": "abc="}).status_code == 201


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("userPrincipalName", "zuzana horáková@contoso.com", "Property userPrincipalName is invalid."),
        ("userPrincipalName", "zuzana", "Property userPrincipalName is invalid."),
        ("mailNickname", "a@b", "Invalid value specified for property 'mailNickname' of resource 'User'."),
        ("mailNickname", "x" * 65, "Invalid value specified for property 'mailNickname' of resource 'User'."),
        ("displayName", " ", "Invalid value specified for property 'displayName' of resource 'User'."),
        ("displayName", "x" * 257, "Invalid value specified for property 'displayName' of resource 'User'."),
        ("usageLocation", "NLD", "Invalid value specified for property 'usageLocation' of resource 'User'."),
        ("userType", "Robot", "Invalid value specified for property 'userType' of resource 'User'."),
        ("usageLocation", "12", "Invalid value specified for property 'usageLocation' of resource 'User'."),
        ("assignedLicenses", [], "Property 'assignedLicenses' is read-only and cannot be set."),
        ("proxyAddresses", [], "Property 'proxyAddresses' is read-only and cannot be set."),
        ("a@b", 42, "Invalid property 'a@b'."),
        ("shoeSize", 42, "Invalid property 'shoeSize'."),
    ],
)
def test_a_property_that_breaks_its_rule_is_refused(tenant, fault, name, value, message):
    assert fault(tenant().call("POST", "/users", json=new_user(**{name: value}))) == (*BAD, message)


def test_an_update_changes_what_it_names_and_nothing_else(tenant, build):
    it = tenant(users=[build.user("anna", "EMS", city="Utrecht")], subscribedSkus=[build.sku("EMS")])
    select = "/users/anna@contoso.com?$select=displayName,city,jobTitle,mail,proxyAddresses,assignedLicenses"
    before = it.get(select)
    reply = it.call("PATCH", "/users/anna@contoso.com", json={"JOBTITLE": "Lead", "city": None})
    assert (reply.status_code, reply.content) == (204, b"")
    assert it.get(select) == before | {"jobTitle": "Lead", "city": None}


def test_a_guest_is_spelled_as_graph_does(tenant, build):
    it = tenant(users=[build.user("anna")])
    it.call("PATCH", "/users/anna@contoso.com", json={"userType": "guest"})
    assert it.get("/users/anna@contoso.com?$select=userType")["userType"] == "Guest"


def test_a_new_mail_address_becomes_the_primary_one(tenant, build):
    it = tenant(users=[build.user("anna")])
    it.call("PATCH", "/users/anna@contoso.com", json={"mail": "a.devries@contoso.com"})
    assert it.get("/users/anna@contoso.com?$select=proxyAddresses")["proxyAddresses"] == [
        "SMTP:a.devries@contoso.com",
        "smtp:anna@contoso.com",
    ]


def test_a_user_is_renamed_to_a_free_upn_only(tenant, build, fault):
    it = tenant(users=[build.user("anna"), build.user("bram")])
    rename = {"userPrincipalName": "bram@contoso.com"}
    assert fault(it.call("PATCH", "/users/anna@contoso.com", json=rename)) == (
        *BAD,
        taken("userPrincipalName"),
    )
    assert (
        it.call(
            "PATCH", "/users/anna@contoso.com", json={"userPrincipalName": "anne@contoso.com"}
        ).status_code
        == 204
    )
    assert it.get("/users/anne@contoso.com")["id"] == build.user_id("anna")
    assert it.call("GET", "/users/anna@contoso.com").status_code == 404


def test_a_usage_location_cannot_be_cleared(tenant, build, fault):
    it = tenant(users=[build.user("anna")])
    reply = it.call("PATCH", "/users/anna@contoso.com", json={"usageLocation": None})
    assert fault(reply) == (*BAD, "Invalid value specified for property 'usageLocation' of resource 'User'.")


def test_of_a_synced_user_only_cloud_properties_can_be_written(tenant, build, fault):
    it = tenant(users=[build.user("anna", onPremisesSyncEnabled=True)])
    status, code, message = fault(it.call("PATCH", "/users/anna@contoso.com", json={"department": "HR"}))
    assert (status, code) == BAD
    assert message.startswith("Unable to update the specified properties for on-premises mastered")
    assert it.call("PATCH", "/users/anna@contoso.com", json={"usageLocation": "BE"}).status_code == 204


def test_annotations_say_nothing(tenant, build):
    it = tenant(users=[build.user("anna")])
    body = {"@odata.type": "#microsoft.graph.user", "city@odata.type": "String", "city": "Delft"}
    assert it.call("PATCH", "/users/anna@contoso.com", json=body).status_code == 204


def test_an_update_of_nothing_is_refused(tenant, build):
    it = tenant(users=[build.user("anna")])
    assert it.call("PATCH", "/users/anna@contoso.com", json={}).status_code == 400


def deleted(it):
    select = "id,userPrincipalName,deletedDateTime,assignedLicenses"
    return it.get(f"/directory/deletedItems/microsoft.graph.user?$select={select}")["value"]


def test_deleting_frees_the_seat_at_once_and_remembers_the_licences(tenant, build):
    it = tenant(users=[build.user("anna", "EMS"), build.user("bram")], subscribedSkus=[build.sku("EMS", 1)])
    assert it.call("DELETE", "/users/anna@contoso.com").status_code == 204
    assert it.call("GET", "/users/anna@contoso.com").status_code == 404
    assert it.in_use("EMS") == 0
    key = build.user_id("anna")
    assert deleted(it) == [
        {
            "id": key,
            "userPrincipalName": f"{key.replace('-', '')}anna@contoso.com",
            "deletedDateTime": "2026-11-24T02:00:00Z",
            "assignedLicenses": [{"disabledPlans": [], "skuId": build.sku_id("EMS")}],
        }
    ]
    assert it.get(f"/directory/deletedItems/{key}")["@odata.type"] == "#microsoft.graph.user"
    assert it.assign("bram", "EMS").status_code == 200


def restore(it, build, **body):
    return it.call("POST", f"/directory/deletedItems/{build.user_id('anna')}/restore", json=body)


def test_restoring_brings_name_address_and_licences_back(tenant, build):
    it = tenant(users=[build.user("anna", "EMS")], subscribedSkus=[build.sku("EMS", 1)])
    before = it.get("/users/anna@contoso.com?$select=userPrincipalName,mail,proxyAddresses,assignedLicenses")
    it.call("DELETE", "/users/anna@contoso.com")
    reply = restore(it, build)
    assert (reply.status_code, reply.json()["@odata.type"]) == (200, "#microsoft.graph.user")
    assert deleted(it) == []
    select = "/users/anna@contoso.com?$select=userPrincipalName,mail,proxyAddresses,assignedLicenses"
    assert it.get(select) == before
    assert it.in_use("EMS") == 1


def test_a_direct_licence_without_a_free_seat_does_not_come_back(tenant, build):
    skus = [build.sku("EMS", 1), build.sku("POWER_BI_PRO", 1)]
    it = tenant(users=[build.user("anna", "EMS", "POWER_BI_PRO"), build.user("bram")], subscribedSkus=skus)
    it.call("DELETE", "/users/anna@contoso.com")
    it.assign("bram", "EMS")
    assert restore(it, build).status_code == 200
    assert it.licences("anna") == {"POWER_BI_PRO": []}
    assert it.in_use("EMS") == 1


def test_an_inherited_licence_without_a_free_seat_comes_back_in_error(tenant, build):
    states = [{"skuId": build.sku_id("EMS"), "assignedByGroup": "g"}]
    it = tenant(
        users=[build.user("anna", licenseAssignmentStates=states), build.user("bram")],
        subscribedSkus=[build.sku("EMS", 1)],
    )
    it.call("DELETE", "/users/anna@contoso.com")
    it.assign("bram", "EMS")
    restore(it, build)
    assert it.states("anna") == [("EMS", "g", "Error", "CountViolation")]
    it.assign("bram", remove=("EMS",))
    it.call("DELETE", "/users/anna@contoso.com")
    restore(it, build)
    assert it.states("anna") == [("EMS", "g", "Active", "None")]


def test_a_upn_that_was_given_away_stands_in_the_way_of_a_restore(tenant, build, fault):
    it = tenant(users=[build.user("anna")])
    it.call("DELETE", "/users/anna@contoso.com")
    it.call("POST", "/users", json=new_user(userPrincipalName="anna@contoso.com"))
    assert fault(restore(it, build)) == (*BAD, taken("userPrincipalName"))
    assert restore(it, build, newUserPrincipalName="anna2@contoso.com").status_code == 200
    assert it.get("/users/anna2@contoso.com")["id"] == build.user_id("anna")


def test_an_address_that_was_given_away_stands_in_the_way_too(tenant, build, fault):
    it = tenant(users=[build.user("anna", mail="a@contoso.com", proxyAddresses=["SMTP:a@contoso.com"])])
    it.call("DELETE", "/users/anna@contoso.com")
    assert it.call("POST", "/users", json=new_user(mail="a@contoso.com")).status_code == 201
    assert fault(restore(it, build)) == (*BAD, taken("proxyAddresses"))
    assert restore(it, build, autoReconcileProxyConflict=True).status_code == 200
    assert it.get("/users/anna@contoso.com?$select=proxyAddresses")["proxyAddresses"] == []


def test_nobody_is_deleted_for_good(tenant, build, fault):
    it = tenant(users=[build.user("anna")])
    it.call("DELETE", "/users/anna@contoso.com")
    assert it.call("DELETE", f"/directory/deletedItems/{build.user_id('anna')}").status_code == 405
    assert len(deleted(it)) == 1


def test_who_is_not_deleted_cannot_be_restored(tenant, build, fault):
    it = tenant(users=[build.user("anna")])
    assert fault(restore(it, build))[:2] == (404, "Request_ResourceNotFound")
