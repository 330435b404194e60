"""What can be asked of the tenant, and what is refused rather than ignored?"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

DEFAULT = {
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
}
EVENTUAL = {"ConsistencyLevel": "eventual"}


def names(it, path, **more):
    return sorted(row["displayName"] for row in it.get(path, **more)["value"])


def test_without_select_only_the_default_properties_are_told(tenant, build):
    it = tenant(users=[build.user("anna", "EMS")])
    rows = it.get("/users")["value"]
    assert [set(row) for row in rows] == [DEFAULT, DEFAULT]
    assert set(it.get("/users/anna@contoso.com")) == DEFAULT | {"@odata.context"}
    assert set(it.get("/me")) == DEFAULT | {"@odata.context"}


def test_select_tells_what_it_names_in_graphs_spelling(tenant, build):
    it = tenant(users=[build.user("anna")])
    shown = it.get("/users/anna@contoso.com?$select=ID, usagelocation,otherMails")
    assert set(shown) == {"@odata.context", "id", "usageLocation", "otherMails"}
    assert shown["otherMails"] == []


def test_of_a_user_state_kind_of_employment_and_beginning_are_told(tenant, build):
    told = {"state": "Utrecht", "employeeType": "Employee", "createdDateTime": "2024-01-02T03:04:05Z"}
    it = tenant(users=[build.user("anna", **told)])
    shown = it.get("/users/anna@contoso.com?$select=state,employeeType,createdDateTime")
    del shown["@odata.context"]
    assert shown == told


def test_a_property_that_users_lack_is_refused(tenant, fault):
    status, code, message = fault(tenant().call("GET", "/users?$select=id,shoeSize"))
    assert (status, code) == (400, "BadRequest")
    assert message.endswith("Could not find a property named 'shoeSize' on type 'microsoft.graph.user'.")


def test_some_properties_cannot_be_read_in_a_list(tenant):
    assert tenant().call("GET", "/users?$select=mailboxSettings").status_code == 501


@pytest.fixture
def post(tenant, build):
    """Return a tenant of which a snapshot told some mailboxes; cees holds a mailbox plan, dora none."""
    purposes = {"info": "shared", "room": "room", "desk": "equipment", "odd": "kiosk", "anna": None}
    names = [*purposes, "cees", "dora"]
    return tenant(
        users=[build.user(name, *(["ENTERPRISEPACK"] if name == "cees" else [])) for name in names],
        subscribedSkus=[build.sku("ENTERPRISEPACK")],
        mailboxes=[{"userId": build.user_id(name), "purpose": each} for name, each in purposes.items()],
    )


@pytest.mark.parametrize(
    ("name", "purpose"),
    [
        ("info", "shared"),
        ("room", "room"),
        ("desk", "equipment"),
        ("odd", "others"),  # Graph's set of purposes, not the snapshot's
        ("anna", "user"),
        ("cees", "user"),
    ],
)
def test_what_a_mailbox_is_for_is_told_of_a_single_user(post, build, name, purpose):
    for key in (build.user_id(name), f"{name}@contoso.com"):
        shown = post.get(f"/users/{key}?$select=mailboxSettings,id")
        assert shown["mailboxSettings"] == {"userPurpose": purpose}
        assert shown["id"] == build.user_id(name)


def test_who_has_no_mailbox_in_use_has_no_mailbox_settings(post, build, fault):
    """Neither who never had one, nor whose licence for it is gone; a shared one needs none."""
    status, code, _ = fault(post.call("GET", "/users/dora@contoso.com?$select=mailboxSettings"))
    assert (status, code) == (404, "MailboxNotEnabledForRESTAPI")
    body = {"addLicenses": [], "removeLicenses": [build.sku_id("ENTERPRISEPACK")]}
    assert post.call("POST", "/users/cees@contoso.com/assignLicense", json=body).status_code == 200
    assert post.call("GET", "/users/cees@contoso.com?$select=mailboxSettings").status_code == 404


def test_mailbox_settings_are_read_in_a_batch(post):
    url = "/users/{}@contoso.com?$select=mailboxSettings"
    items = [{"id": name, "method": "GET", "url": url.format(name)} for name in ("info", "dora", "nobody")]
    reply = post.call("POST", "/$batch", json={"requests": items}).json()["responses"]
    assert [each["status"] for each in reply] == [200, 404, 404]
    assert reply[0]["body"]["mailboxSettings"] == {"userPurpose": "shared"}
    codes = [each["body"]["error"]["code"] for each in reply[1:]]
    assert codes == ["MailboxNotEnabledForRESTAPI", "Request_ResourceNotFound"]


@pytest.mark.parametrize("key", ["id", "ANNA@CONTOSO.COM"])
def test_a_user_is_found_by_id_and_by_upn_in_any_case(tenant, build, key):
    it = tenant(users=[build.user("anna")])
    key = build.user_id("anna").upper() if key == "id" else key
    assert it.get(f"/users/{key}")["displayName"] == "Anna"


def test_a_guests_upn_can_stand_in_a_path(tenant, build):
    upn = "dana_fabrikam.com#EXT#@contoso.onmicrosoft.com"
    it = tenant(users=[build.user("dana", userPrincipalName=upn)])
    assert it.get("/users/dana_fabrikam.com%23EXT%23@contoso.onmicrosoft.com")["userPrincipalName"] == upn


FILTERS = [
    ("userPrincipalName eq 'ANNA@contoso.com'", ["Anna"]),
    ("mail eq 'bram@contoso.com'", ["Bram"]),
    ("displayName eq 'O''Neil'", ["O'Neil"]),
    ("accountEnabled eq false", ["Bram"]),
    ("accountEnabled eq true and userType eq 'Guest'", ["O'Neil"]),
    ("userType ne 'Guest' and accountEnabled ne true", ["Bram"]),
    ("proxyAddresses/any(p:p eq 'smtp:alias@contoso.com')", ["Anna"]),
    ("proxyAddresses/any( x : x eq 'SMTP:ALIAS@contoso.com' )", ["Anna"]),
    ("mail eq null", ["O'Neil"]),
    ("displayName eq 'ÉLODIE ŞAHIN'", ["Élodie Şahin"]),
    ("userPrincipalName eq 'nobody@contoso.com'", []),
]


@pytest.mark.parametrize(("text", "expected"), FILTERS)
def test_filters_of_users(tenant, build, text, expected):
    it = tenant(
        users=[
            build.user("anna", proxyAddresses=["SMTP:anna@contoso.com", "smtp:alias@contoso.com"]),
            build.user("bram", accountEnabled=False),
            build.user("elodie", displayName="Élodie Şahin"),
            build.user("neil", displayName="O'Neil", userType="Guest", mail=None, proxyAddresses=[]),
        ]
    )
    query = {"$filter": text} | ({"$count": "true"} if " ne " in text else {})
    assert names(it, "/users", params=query, headers=EVENTUAL) == expected


def test_users_with_and_without_a_licence_are_found_by_an_advanced_query(tenant, build):
    it = tenant(users=[build.user("anna", "EMS"), build.user("bram")], subscribedSkus=[build.sku("EMS")])
    for text, expected in (("ne", ["Anna"]), ("eq", ["Admin", "Bram"])):
        query = {"$filter": f"assignedLicenses/$count {text} 0", "$count": "true"}
        assert names(it, "/users", params=query, headers=EVENTUAL) == expected


@pytest.mark.parametrize(
    "text",
    [
        "startsWith(displayName,'A')",
        "department eq 'Sales'",
        "userPrincipalName eq 'a' or mail eq 'b'",
        "not accountEnabled eq true",
        "displayName eq Anna",
        "displayName eq 'Anna",
        "userPrincipalName eq 'a' and",
        "",
        "assignedLicenses/$count ne 0",
        "userType ne 'Guest'",
    ],
)
def test_another_filter_is_refused_and_not_ignored(tenant, fault, text):
    assert fault(tenant().call("GET", "/users", params={"$filter": text}))[:2] == (
        400,
        "Request_UnsupportedQuery",
    )


def test_a_filter_cannot_leave_its_place_in_the_sql(tenant, build):
    it = tenant(users=[build.user("anna")])
    text = "displayName eq '''; DROP TABLE users; --'"
    assert names(it, "/users", params={"$filter": text}) == []
    assert names(it, "/users") == ["Admin", "Anna"]


@pytest.mark.parametrize(
    "path",
    [
        "/users?$orderby=displayName",
        "/users?$expand=manager",
        "/users?$search=anna",
        "/users?$skip=1",
        "/users?top=1",
        "/users?api-version=1",
        "/subscribedSkus?$top=1",
        "/subscribedSkus?$filter=skuId eq 'a'",
        "/directory/subscriptions?$top=1",
        "/organization?$top=1",
        "/me?$filter=id eq 'a'",
        "/roleManagement/directory/roleAssignments?$expand=principal",
    ],
)
def test_a_query_option_that_is_not_offered_is_refused(tenant, fault, path):
    assert fault(tenant().call("GET", path))[:2] == (400, "Request_UnsupportedQuery")


def test_writing_calls_take_no_query_options(tenant, build, fault):
    it = tenant(users=[build.user("anna")])
    reply = it.call("DELETE", "/users/anna@contoso.com?$select=id")
    assert fault(reply)[:2] == (400, "Request_UnsupportedQuery")
    assert it.call("GET", "/users/anna@contoso.com").status_code == 200


@pytest.mark.parametrize(
    "query", ["$top=0", "$top=1000", "$top=x", "$top=-1", "$top=1&$top=2", "$count=maybe"]
)
def test_a_query_option_of_the_wrong_form_is_refused(tenant, query):
    assert tenant().call("GET", f"/users?{query}").status_code == 400


@pytest.mark.parametrize(
    ("path", "segment"),
    [
        ("/foo", "foo"),
        ("/users/anna@contoso.com/licenseDetails", "licenseDetails"),
        ("/directory/foo", "foo"),
        ("/users/", "users"),
        ("/v1.0/users", "v1.0"),
    ],
)
def test_an_unknown_path_is_refused(tenant, fault, path, segment):
    reply = tenant().call("GET", path)
    assert fault(reply) == (400, "BadRequest", f"Resource not found for the segment '{segment}'.")


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/users"), ("DELETE", "/subscribedSkus"), ("GET", "/$batch")]
)
def test_a_method_that_is_not_offered_is_refused(tenant, fault, method, path):
    message = "Specified HTTP method is not allowed for the request target."
    assert fault(tenant().call(method, path)) == (405, "Request_BadRequest", message)


def pages(it, path, **more):
    found, link = [], path
    while link:
        body = it.get(link, **more)
        found.append(body)
        following = body.get("@odata.nextLink")
        link = following and urlsplit(following)._replace(scheme="", netloc="").geturl().removeprefix("/v1.0")
    return found


def test_a_long_list_comes_in_pages_that_keep_the_query(tenant, build):
    it = tenant(users=[build.user(f"user{n:03}") for n in range(249)])
    assert [len(page["value"]) for page in pages(it, "/users")] == [100, 100, 50]
    found = pages(it, "/users?$select=id&$top=60&$filter=accountEnabled eq true")
    assert [len(page["value"]) for page in found] == [60, 60, 60, 60, 10]
    assert all(set(row) == {"id"} for page in found for row in page["value"])
    assert len({row["id"] for page in found for row in page["value"]}) == 250


def test_a_page_is_not_shifted_by_users_who_come_and_go(tenant, build):
    it = tenant(users=[build.user(f"user{n:03}") for n in range(20)])
    first = it.get("/users?$top=10&$select=id,userPrincipalName")
    upn = first["value"][0]["userPrincipalName"]
    expected = {row["id"] for row in it.get("/users?$select=id")["value"]} - {
        row["id"] for row in first["value"]
    }
    it.call("DELETE", f"/users/{upn}" if not upn.startswith("admin") else f"/users/{first['value'][1]['id']}")
    link = first["@odata.nextLink"].removeprefix("https://sandbox.invalid/v1.0")
    rest = [row["id"] for page in pages(it, link) for row in page["value"]]
    assert (set(rest), len(rest)) == (expected, len(expected))


@pytest.mark.parametrize("token", ["x", "MTph!", "Mjph", "%FF"])
def test_a_page_token_that_was_not_given_out_is_refused(tenant, fault, token):
    assert fault(tenant().call("GET", f"/users?$skiptoken={token}"))[:2] == (
        400,
        "Directory_ExpiredPageToken",
    )


def test_counting_needs_the_header(tenant, build, fault):
    it = tenant(users=[build.user("anna")])
    assert fault(it.call("GET", "/users?$count=true"))[1] == "Request_UnsupportedQuery"
    assert it.get("/users?$count=true&$top=1", headers=EVENTUAL)["@odata.count"] == 2
    assert it.call("GET", "/users/$count").status_code == 400
    reply = it.call("GET", "/users/$count", headers=EVENTUAL)
    assert (reply.text, reply.headers["Content-Type"].partition(";")[0]) == ("2", "text/plain")


def test_a_sku_tells_its_seats_plans_and_subscriptions(tenant, build):
    it = tenant(users=[build.user("anna", "EMS")], subscribedSkus=[build.sku("EMS", 3)])
    row = it.sku("EMS")
    assert (row["consumedUnits"], row["capabilityStatus"], row["appliesTo"]) == (1, "Enabled", "User")
    assert row["prepaidUnits"] == {"enabled": 3, "suspended": 0, "warning": 0, "lockedOut": 0}
    assert {plan["servicePlanName"] for plan in row["servicePlans"]} >= {"INTUNE_A", "AAD_PREMIUM"}
    (subscription,) = it.get("/directory/subscriptions")["value"]
    assert row["subscriptionIds"] == [subscription["id"]]
    assert (subscription["totalLicenses"], subscription["status"]) == (3, "Enabled")
    assert "autoRenew" not in subscription


def test_the_actor_is_told_with_the_roles_held_tenant_wide(tenant, build):
    it = tenant(
        users=[build.user("noor")],
        roleAssignments=[
            build.role("noor", "license-administrator"),
            build.role("noor", "user-administrator", "/administrativeUnits/1"),
        ],
    )
    noor = "noor@contoso.com"
    assert it.get("/me", by=noor)["userPrincipalName"] == noor
    rows = it.get("/me/transitiveMemberOf/microsoft.graph.directoryRole", by=noor)["value"]
    assert [row["displayName"] for row in rows] == ["License Administrator"]
    query = f"/roleManagement/directory/roleAssignments?$filter=principalId eq '{build.user_id('noor')}'"
    assert len(it.get(query)["value"]) == 2
    assert len(it.get("/roleManagement/directory/roleAssignments")["value"]) == 3


def test_groups_with_licences_are_found_and_their_members_listed(tenant, build):
    group = {
        "id": build.user_id("sales"),
        "displayName": "Sales",
        "assignedLicenses": [{"skuId": build.sku_id("EMS"), "disabledPlans": []}],
        "members": [build.user_id("anna"), build.user_id("bram")],
    }
    other = {"id": build.user_id("all"), "displayName": "All", "members": [build.user_id("anna")]}
    it = tenant(users=[build.user("anna"), build.user("bram")], groups=[group, other])
    query = {"$filter": "assignedLicenses/$count ne 0", "$count": "true", "$select": "id,assignedLicenses"}
    body = it.get("/groups", params=query, headers=EVENTUAL)
    assert body["value"] == [{"id": group["id"], "assignedLicenses": group["assignedLicenses"]}]
    assert body["@odata.count"] == 1
    assert it.call("GET", "/groups", params={"$filter": "assignedLicenses/$count ne 0"}).status_code == 400
    assert names(it, "/groups", params={"$filter": "displayName eq 'all'"}) == ["All"]
    assert "assignedLicenses" not in it.get(f"/groups/{group['id']}")
    assert names(it, f"/groups/{group['id']}/members") == ["Anna", "Bram"]
    found = pages(it, f"/groups/{group['id']}/members/microsoft.graph.user?$top=1&$select=displayName")
    assert [page["value"] for page in found] in (
        [[{"displayName": "Anna"}], [{"displayName": "Bram"}]],
        [[{"displayName": "Bram"}], [{"displayName": "Anna"}]],
    )
    kinds = [row["@odata.type"] for row in it.get("/me/transitiveMemberOf", by="anna@contoso.com")["value"]]
    assert kinds == ["#microsoft.graph.group"] * 2


def test_the_organization_tells_its_domains(tenant):
    (row,) = tenant().get("/organization")["value"]
    assert (row["displayName"], row["countryLetterCode"]) == ("Contoso", "NL")
    assert [(each["name"], each["isDefault"], each["type"]) for each in row["verifiedDomains"]] == [
        ("contoso.com", True, "Managed"),
        ("fed.contoso.com", False, "Federated"),
    ]


def test_every_answer_says_which_request_it_answers_and_when(tenant):
    it = tenant()
    reply = it.call("GET", "/me", headers={"client-request-id": "abc"})
    assert reply.headers["client-request-id"] == "abc"
    assert reply.headers["request-id"]
    assert reply.headers["Date"] == "Tue, 24 Nov 2026 02:00:00 GMT"
    reply = it.call("GET", "/foo", headers={"client-request-id": "abc"})
    assert reply.json()["error"]["innerError"] == {
        "date": "2026-11-24T02:00:00",
        "request-id": reply.headers["request-id"],
        "client-request-id": "abc",
    }


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer nobody@contoso.com"])
def test_without_a_token_of_a_user_nothing_is_told(tenant, fault, header):
    it = tenant()
    headers = {} if header is None else {"Authorization": header}
    for path in ("/v1.0/users", "/v1.0/foo", "/commerce/v1/subscriptions"):
        assert fault(it.client.get(path, headers=headers))[:2] == (401, "InvalidAuthenticationToken")
    reply = it.client.post("/v1.0/$batch", headers=headers, json={"requests": []})
    assert reply.status_code == 401


def test_a_disabled_account_cannot_act(tenant, build):
    it = tenant(users=[build.user("anna", accountEnabled=False)])
    assert it.call("GET", "/users", by="anna@contoso.com").status_code == 401


def test_even_a_disabled_administrator_is_the_default_actor_if_the_first(tenant, build):
    """As with a snapshot: who acts by default depends on names and roles alone."""
    it = tenant(
        users=[build.user("aaron", accountEnabled=False)],
        roleAssignments=[build.role("aaron", "global-administrator")],
    )
    assert it.get("/me")["userPrincipalName"] == "aaron@contoso.com"


def test_without_a_global_administrator_there_is_no_default_actor(tenant, build):
    it = tenant(users=[build.user("anna")])
    it.call("DELETE", "/users/admin@contoso.com")
    assert it.call("GET", "/me").status_code == 401
    assert it.call("GET", "/me", by="anna@contoso.com").status_code == 200


def test_the_default_actor_is_the_first_global_administrator_by_upn(tenant, build):
    it = tenant(users=[build.user("aaron")], roleAssignments=[build.role("aaron", "global-administrator")])
    assert it.get("/me")["userPrincipalName"] == "aaron@contoso.com"
