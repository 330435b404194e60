"""Does anything that a client may send end in an internal error? It must not."""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import sandbox
from reconciler.sandbox import graph, store, wire
from reconciler.sandbox.wire import Route

JSON = {"Content-Type": "application/json"}
ANNA = "/users/anna@contoso.com"
GROUP = "5a1e5000-0000-4000-8000-000000000000"
WRITES = [
    ("POST", "/users"),
    ("PATCH", ANNA),
    ("POST", f"{ANNA}/assignLicense"),
    ("POST", f"/groups/{GROUP}/assignLicense"),
    ("POST", f"/groups/{GROUP}/members/$ref"),
    ("POST", f"{ANNA}/reprocessLicenseAssignment"),
    ("POST", "/$batch"),
    ("PATCH", "/commerce/v1/subscriptions/sub"),
    ("POST", "/commerce/v1/subscriptions"),
]
BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"\xff\xfe\x00",
    b'{"a": NaN}',
    b'{"displayName": "\\ud800"}',
    b'{"displayName": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    b"{" + b'"a":{' * 2000 + b"}" * 2000 + b"}",
    b'{"displayName": 1e999}',
    b'{"displayName": 123456789012345678901234567890}',
    b'{"displayName": "\\u0000"}',
    b'{"city": "a", "CITY": "b"}',
]


@pytest.fixture
def it(tenant, build):
    row = {"id": "sub", "skuId": build.sku_id("EMS"), "totalLicenses": 5}
    return tenant(
        users=[build.user("anna")],
        groups=[{"id": GROUP, "displayName": "Sales"}],
        subscribedSkus=[build.sku("EMS")],
        subscriptions=[row],
    )


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_that_is_no_sense_is_a_refusal(it, method, path, body):
    reply = it.call(method, path, content=body, headers=JSON)
    good = (method, path) == ("PATCH", ANNA) or (path.endswith("/reprocessLicenseAssignment") and not body)
    assert reply.status_code == 400 or good
    assert reply.status_code in (200, 204, 400)


@pytest.mark.parametrize("media_type", [None, "", "text/plain", "application/xml", "multipart/form-data"])
def test_a_body_that_is_not_said_to_be_json_is_not_read(it, media_type):
    headers = {} if media_type is None else {"Content-Type": media_type}
    assert it.call("PATCH", ANNA, content=b'{"city": "Delft"}', headers=headers).status_code == 400


def test_a_huge_body_is_refused(it, fault):
    reply = it.call("PATCH", ANNA, content=b'{"city": "' + b"x" * wire.MAX_BODY + b'"}', headers=JSON)
    assert fault(reply)[:2] == (413, "RequestEntityTooLarge")


def test_very_many_licences_in_one_call_take_no_time(it, build):
    body = {
        "addLicenses": [],
        "removeLicenses": [f"{n:08x}-0000-0000-0000-000000000000" for n in range(50_000)],
    }
    assert it.call("POST", f"{ANNA}/assignLicense", json=body).status_code == 400


WRONG = [None, True, 0, 1.5, "", "x", [], [None], [1], {}, {"a": 1}, [[]], [{}]]


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_value_of_the_wrong_type_is_a_refusal(it, value):
    for name in (
        "displayName",
        "accountEnabled",
        "passwordProfile",
        "businessPhones",
        "userPrincipalName",
        "mail",
    ):
        assert it.call("PATCH", ANNA, json={name: value}).status_code in (204, 400), name
    for name in ("addLicenses", "removeLicenses"):
        body = {"addLicenses": [], "removeLicenses": []} | {name: value}
        assert it.call("POST", f"{ANNA}/assignLicense", json=body).status_code in (200, 400), name
    assert it.call("POST", f"/groups/{GROUP}/members/$ref", json={"@odata.id": value}).status_code == 400
    for body in (
        {"addLicenses": [{"skuId": value}]},
        {"addLicenses": [{"skuId": "x", "disabledPlans": value}]},
    ):
        assert it.call("POST", f"{ANNA}/assignLicense", json=body | {"removeLicenses": []}).status_code == 400
    for name in ("id", "method", "url", "headers", "body", "dependsOn"):
        item = {"id": "1", "method": "GET", "url": "/me"} | {name: value}
        assert it.call("POST", "/$batch", json={"requests": [item]}).status_code in (200, 400), name


PATHS = [
    "/users/%E6%97%A5@contoso.com",
    "/users/%C3%A9@contoso.com",
    "/users/%00",
    "/users/%ff",
    "/users/..%2F..%2Fetc",
    "/users/'; DROP TABLE users; --",
    "/users/a/b/c/d/e",
]
PATHS += [
    "/users?$filter=%00",
    "/users?$select=%ff",
    "/users?$select=,",
    "/users?$skiptoken=",
    "/users?%24top=1%00",
]
PATHS += [
    "//users",
    "/users/" + "x" * 5000,
    "/%2e%2e/commerce",
    "/groups/%00/members",
    "/groups/%ff/membersWithLicenseErrors",
    "/users/%00/memberOf",
    "/users?$filter=" + "(" * 3000,
]


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_a_path_that_is_no_sense_is_a_refusal(it, path):
    assert it.call("GET", path).status_code in (400, 404)


HEADERS = [
    {"client-request-id": "x" * 5000},
    {"client-request-id": "a\tb"},
    {"Host": "a b"},
    {"Host": "x" * 500},
    {"Host": "[::1"},
    {"ConsistencyLevel": "\x7f"},
    {"Content-Length": "-1"},
    {"Content-Length": "x"},
]


@pytest.mark.parametrize("headers", HEADERS, ids=range(len(HEADERS)))
def test_headers_that_are_no_sense_do_no_harm(it, headers):
    assert it.call("GET", "/users?$top=1", headers=headers).status_code in (200, 400)


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["GET", "/me", "1", "EMS"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "url", "method", "requests", "addLicenses", "skuId", "removeLicenses", "displayName"]
            )
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=ANY_JSON, target=st.sampled_from(WRITES))
def test_no_json_at_all_is_an_internal_error(it, body, target):
    reply = it.call(target[0], target[1], content=json.dumps(body).encode(), headers=JSON)
    assert reply.status_code in (200, 201, 202, 204, 400)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet="abAB '()/:$eqnand=,#%\x00é\U0001f600", max_size=30))
def test_no_query_at_all_is_an_internal_error(it, text):
    for name in ("$filter", "$select", "$top", "$count", "$skiptoken"):
        reply = it.call("GET", "/users", params={name: text}, headers={"ConsistencyLevel": "eventual"})
        assert reply.status_code in (200, 400, 501), (name, text)


def test_an_error_of_our_own_is_told_in_graphs_form_and_without_a_traceback(
    tenant, fault, monkeypatch, capsys, caplog
):
    def broken(context):
        raise ValueError("the secret reason")

    routes = (*graph.ROUTES, Route(method="GET", path="/broken", handler=broken))
    monkeypatch.setattr(graph, "ROUTES", routes)
    it = tenant()
    with caplog.at_level(logging.INFO, logger="reconciler"):
        reply = it.call("GET", "/broken")
    assert fault(reply)[:2] == (500, "InternalServerError")
    assert "secret" not in reply.text
    assert capsys.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name.startswith("reconciler")]
    with caplog.at_level(logging.DEBUG, logger="reconciler"):
        it.call("GET", "/broken")
    assert "the secret reason" in caplog.text


def test_a_tenant_that_is_locked_is_unavailable_for_the_moment(tenant, build, fault, monkeypatch):
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.01)
    it = tenant(users=[build.user("anna")])
    with closing(sqlite3.connect(it.home / store.FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        reply = it.call("PATCH", ANNA, json={"city": "Delft"})
        assert fault(reply)[:2] == (503, "serviceNotAvailable")
        assert it.call("GET", ANNA).status_code == 200
    assert it.get(f"{ANNA}?$select=city")["city"] is None


def test_where_there_is_no_tenant_that_is_told_in_graphs_form_too(tmp_path, fault):
    transport = httpx.WSGITransport(app=sandbox.app(tmp_path), raise_app_exceptions=False)
    with httpx.Client(transport=transport, base_url="https://sandbox.invalid") as client:
        assert fault(client.get("/v1.0/me"))[:2] == (503, "serviceNotAvailable")
    assert not sandbox.exists(tmp_path)


def test_outside_the_two_faces_there_is_nothing(it, fault):
    reply = it.client.get("/beta/users")
    assert fault(reply) == (400, "BadRequest", "Resource not found for the segment 'beta'.")


def test_a_broken_route_writes_nothing(tenant, build, monkeypatch):
    def broken(context):
        context.db.execute("DELETE FROM users")
        raise ValueError

    routes = (*graph.ROUTES, Route(method="POST", path="/broken", handler=broken, writes=True))
    monkeypatch.setattr(graph, "ROUTES", routes)
    it = tenant(users=[build.user("anna")])
    assert it.call("POST", "/broken").status_code == 500
    assert len(it.get("/users")["value"]) == 2
