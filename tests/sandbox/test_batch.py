"""How are up to twenty requests carried out as one?"""

from __future__ import annotations

import pytest


def batch(it, *requests, **more):
    return it.call("POST", "/$batch", json={"requests": list(requests)}, **more)


def get(identity, url="/me", **more):
    return {"id": identity, "method": "GET", "url": url} | more


def patch(identity, body, url="/users/anna@contoso.com", **more):
    headers = {"Content-Type": "application/json"}
    return {"id": identity, "method": "PATCH", "url": url, "headers": headers, "body": body} | more


def test_each_item_has_a_status_headers_and_a_body_of_its_own(tenant, build):
    it = tenant(users=[build.user("anna")])
    reply = batch(
        it,
        get("1", "/users/anna@contoso.com?$select=id"),
        get("2", "users/nobody@contoso.com", headers={"client-request-id": "abc"}),
        patch("3", {"city": "Delft"}),
        get("4", "/users/$count", headers={"ConsistencyLevel": "eventual"}),
    )
    assert reply.status_code == 200
    one, two, three, four = reply.json()["responses"]
    assert (one["id"], one["status"], one["body"]["id"]) == ("1", 200, build.user_id("anna"))
    assert one["headers"]["Content-Type"].startswith("application/json")
    assert (two["status"], two["body"]["error"]["code"]) == (404, "Request_ResourceNotFound")
    assert (
        two["headers"]["client-request-id"]
        == "abc"
        == two["body"]["error"]["innerError"]["client-request-id"]
    )
    assert two["headers"]["request-id"] == two["body"]["error"]["innerError"]["request-id"]
    assert (three["status"], "body" in three) == (204, False)
    assert (four["status"], four["body"]) == (200, "2")
    assert it.get("/users/anna@contoso.com?$select=city")["city"] == "Delft"


def test_items_stand_for_themselves_one_that_fails_undoes_no_other(tenant, build):
    it = tenant(users=[build.user("anna")])
    reply = batch(it, patch("1", {"city": "Delft"}), patch("2", {"shoeSize": 1}))
    assert [item["status"] for item in reply.json()["responses"]] == [204, 400]
    assert it.get("/users/anna@contoso.com?$select=city")["city"] == "Delft"


def test_at_most_twenty_items(tenant, fault):
    it = tenant()
    assert batch(it, *(get(str(n)) for n in range(20))).status_code == 200
    message = "Number of batch request steps exceeds the maximum value of 20."
    assert fault(batch(it, *(get(str(n)) for n in range(21)))) == (400, "BadRequest", message)


def test_whoever_waits_for_a_failure_is_not_carried_out(tenant, build):
    it = tenant(users=[build.user("anna")])
    reply = batch(
        it,
        patch("c", {"city": "Delft"}, dependsOn=["B"]),
        patch("b", {"city": "Gent"}, dependsOn=["a"]),
        get("a", "/users/nobody@contoso.com"),
        get("d"),
    )
    found = {item["id"]: item["status"] for item in reply.json()["responses"]}
    assert found == {"a": 404, "b": 424, "c": 424, "d": 200}
    assert it.get("/users/anna@contoso.com?$select=city")["city"] is None


def test_an_item_runs_after_those_that_it_depends_on(tenant, build):
    it = tenant(users=[build.user("anna")])
    batch(it, patch("late", {"city": "Gent"}, dependsOn=["early"]), patch("early", {"city": "Delft"}))
    assert it.get("/users/anna@contoso.com?$select=city")["city"] == "Gent"


GOOD = {"id": "1", "method": "GET", "url": "/me"}


@pytest.mark.parametrize(
    "requests",
    [
        [],
        "text",
        None,
        [1],
        [{"id": "1", "method": "GET"}],
        [GOOD | {"id": 1}],
        [GOOD | {"id": ""}],
        [GOOD | {"method": "TRACE"}],
        [GOOD | {"headers": []}],
        [GOOD | {"headers": {"a": 1}}],
        [GOOD | {"dependsOn": ["2"]}],
        [GOOD | {"dependsOn": ["1"]}],
        [GOOD | {"dependsOn": "1"}],
        [GOOD, GOOD],
        [GOOD | {"id": "A"}, GOOD | {"id": "a"}],
        [GOOD | {"id": "1", "dependsOn": ["2"]}, GOOD | {"id": "2", "dependsOn": ["1"]}],
        [GOOD | {"url": "https://graph.microsoft.com/v1.0/me"}],
        [GOOD | {"url": "http://sandbox.invalid/me"}],
        [GOOD | {"url": "//sandbox.invalid/me"}],
        [GOOD | {"method": "PATCH", "body": {}}],
        [GOOD | {"method": "POST"}],
    ],
)
def test_a_malformed_batch_is_refused_whole(tenant, build, fault, requests):
    it = tenant(users=[build.user("anna")])
    if isinstance(requests, list):
        requests = [patch("0", {"city": "Delft"}), *requests] if requests else []
    reply = it.call("POST", "/$batch", json={"requests": requests})
    assert fault(reply)[:2] in ((400, "BadRequest"), (400, "Request_BadRequest"))
    assert it.get("/users/anna@contoso.com?$select=city")["city"] is None


def test_a_batch_as_microsofts_sdk_sends_one_is_understood(tenant):
    """Whole URLs of this tenant, and a member that Graph does not know."""
    it = tenant()
    sent = GOOD | {"url": "https://sandbox.invalid/v1.0/me", "depends_on": []}
    (item,) = batch(it, sent).json()["responses"]
    assert item["status"] == 200


def test_urls_are_relative_to_the_version_root(tenant):
    (item,) = batch(tenant(), get("1", "/v1.0/me")).json()["responses"]
    assert (item["status"], item["body"]["error"]["message"]) == (
        400,
        "Resource not found for the segment 'v1.0'.",
    )


def test_a_batch_holds_no_batch_and_does_not_reach_the_commerce_face(tenant):
    it = tenant()
    inner = {"id": "1", "method": "POST", "url": "/$batch", "body": {"requests": [GOOD]}}
    items = batch(
        it,
        inner | {"headers": {"Content-Type": "application/json"}},
        get("2", "/commerce/v1/subscriptions"),
        get("3", "/../commerce/v1/subscriptions"),
    ).json()["responses"]
    assert [item["status"] for item in items] == [400, 400, 400]


def test_roles_hold_inside_a_batch(tenant, build):
    it = tenant(users=[build.user("anna")])
    (item,) = batch(it, patch("1", {"city": "Delft"}), by="anna@contoso.com").json()["responses"]
    assert (item["status"], item["body"]["error"]["code"]) == (403, "Authorization_RequestDenied")
