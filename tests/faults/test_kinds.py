"""Each kind of fault is what it says, alone and inside a batch, and strikes the calls that it names."""

import httpx
import pytest

from reconciler.sandbox.faults import Faults, Rule
from reconciler.sandbox.faults.kinds import KINDS
from tests.directory.tenants import E3, EMS, user_id

ANNA = "/users/anna@contoso.com"
SEVERED = {
    "dns": httpx.ConnectError,
    "refused": httpx.ConnectError,
    "connect-timeout": httpx.ConnectTimeout,
    "tls": httpx.ConnectError,
    "reset-sending": httpx.WriteError,
    "reset": httpx.ReadError,
    "timeout": httpx.ReadTimeout,
    "cut": httpx.RemoteProtocolError,
}
STATUS = [kind for kind in KINDS if kind.isdigit()]


# ---------------------------------------------------------------- connections


@pytest.mark.parametrize("kind", SEVERED)
def test_a_connection_breaks_in_its_own_way_and_only_once(tenant, kind):
    it = tenant({"kind": kind})
    with pytest.raises(SEVERED[kind]):
        it.client.patch(ANNA, json={"city": "Delft"})
    assert it.layer.commits == []
    assert it.client.patch(ANNA, json={"city": "Delft"}).status_code == 204


@pytest.mark.parametrize("kind", ["reset", "timeout", "cut"])
def test_a_connection_can_break_after_the_work_is_done(tenant, kind):
    it = tenant({"kind": kind, "committed": True, "calls": ("patch",)})
    with pytest.raises(SEVERED[kind]):
        it.client.patch(ANNA, json={"city": "Delft"})
    assert it.city() == "Delft"


def test_an_item_takes_the_connection_of_its_whole_batch_with_it(tenant):
    it = tenant({"kind": "reset", "committed": True, "calls": ("delete",)})
    with pytest.raises(httpx.ReadError):
        it.batch(it.patch(city="Delft"), {"method": "DELETE", "url": "/users/dirk@contoso.com"})
    assert [commit.call.kind for commit in it.layer.commits] == ["patch", "delete"]


def test_a_time_out_takes_its_time(tenant):
    it = tenant({"kind": "timeout", "seconds": 90.0}, {"kind": "latency", "seconds": 5.0, "nth": 2})
    with pytest.raises(httpx.ReadTimeout):
        it.get("/me")
    assert it.get("/me").status_code == 200
    assert it.clock.pauses == [90.0, 5.0]


# ---------------------------------------------------------------- statuses


@pytest.mark.parametrize("kind", STATUS)
def test_an_error_has_graphs_form_alone_and_in_a_batch(tenant, kind):
    it = tenant({"kind": kind, "calls": ("patch",), "times": 2})
    alone = it.client.patch(ANNA, json={"city": "Delft"})
    item = it.batch(it.patch(city="Delft"))["0"]
    assert (alone.status_code, item["status"]) == (int(kind), int(kind))
    for error in (alone.json()["error"], item["body"]["error"]):
        assert error["code"]
        assert error["message"]
        assert error["innerError"]["request-id"]
    assert it.layer.commits == []


@pytest.mark.parametrize("kind", ["408", "429", "500", "502", "503", "504"])
def test_an_error_can_come_after_the_work_is_done(tenant, kind):
    it = tenant({"kind": kind, "calls": ("patch",), "committed": True})
    answers = it.batch(it.patch(city="Delft"), it.patch("bram", city="Gouda"))
    assert [answers[key]["status"] for key in "01"] == [int(kind), 204]
    assert (it.city(), it.city("bram")) == ("Delft", "Gouda")


@pytest.mark.parametrize(
    ("told", "header"),
    [
        ({"retry_after": "7"}, "7"),
        ({"retry_after": "0.249"}, "0.249"),
        ({"retry_after_date": 30}, "Tue, 24 Nov 2026 02:00:30 GMT"),
        ({}, None),
    ],
)
def test_retry_after_comes_in_each_form_on_the_answer_and_on_the_item(tenant, told, header):
    it = tenant({"kind": "429", "times": 2, **told})
    assert it.get("/me").headers.get("retry-after") == header
    item = it.batch({"method": "GET", "url": "/me"})["0"]
    assert item["headers"].get("Retry-After") == header


def test_a_batch_as_a_whole_can_be_refused(tenant):
    it = tenant({"kind": "503", "calls": ("batch",)})
    reply = it.client.post("/$batch", json={"requests": [{"id": "1", "method": "GET", "url": "/me"}]})
    assert (reply.status_code, it.struck) == (503, [("503", "batch")])


def test_a_refused_token_says_so_in_the_header(tenant):
    assert "invalid_token" in tenant({"kind": "401"}).get("/me").headers["www-authenticate"]


def test_what_depends_on_an_item_that_fails_fails_too(tenant):
    it = tenant({"kind": "503", "calls": ("patch",)})
    answers = it.batch(
        it.patch(city="Delft"),
        {"method": "GET", "url": "/me", "dependsOn": ["0"]},
        {"method": "GET", "url": "/me", "dependsOn": ["1"]},
        {"method": "GET", "url": "/me"},
    )
    assert [answers[key]["status"] for key in "0123"] == [503, 424, 424, 200]


def test_what_depends_on_an_item_that_only_looks_good_goes_on(tenant):
    it = tenant({"kind": "ignored", "calls": ("patch",)})
    answers = it.batch(it.patch(city="Delft"), {"method": "GET", "url": "/me", "dependsOn": ["0"]})
    assert [answers[key]["status"] for key in "01"] == [204, 200]


# ---------------------------------------------------------------- answers that are none, or lie


@pytest.mark.parametrize("kind", ["empty", "truncated", "not-json", "html", "redirect"])
def test_an_answer_that_makes_no_sense(tenant, kind):
    it = tenant({"kind": kind, "calls": ("get",), "times": None})
    reply = it.get(ANNA)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|decode|Invalid"):
        reply.json()
    assert reply.headers.get("location", "https://graph.example.com").startswith("https://graph.example.com")
    item = it.batch({"method": "GET", "url": ANNA})["0"]
    assert not isinstance(item.get("body"), dict)


def test_a_batchs_answer_can_lack_an_item_done_or_not(tenant):
    it = tenant(
        {"kind": "missing-answer", "calls": ("patch",)},
        {"kind": "missing-answer", "calls": ("patch",), "nth": 2, "committed": True},
    )
    answers = it.batch(it.patch(city="Delft"), it.patch("bram", city="Gouda"), it.patch("dirk", city="Ede"))
    assert set(answers) == {"2"}
    assert (it.city(), it.city("bram"), it.city("dirk")) == (None, "Gouda", "Ede")


def test_a_batchs_answers_can_come_in_another_order(tenant):
    it = tenant({"kind": "shuffled", "calls": ("batch",)})
    requests = [{"id": each, "method": "GET", "url": "/me"} for each in "abc"]
    reply = it.client.post("/$batch", json={"requests": requests}).json()
    assert [each["id"] for each in reply["responses"]] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/users", {"displayName": "X"}, 201),
        ("PATCH", ANNA, {"city": "Delft"}, 204),
        ("DELETE", ANNA, None, 204),
        ("POST", f"{ANNA}/assignLicense", {"addLicenses": [], "removeLicenses": [E3]}, 200),
        ("POST", f"/directory/deletedItems/{user_id('eva')}/restore", {}, 200),
    ],
)
def test_success_can_be_told_of_what_was_not_done(tenant, method, path, body, status):
    it = tenant({"kind": "ignored", "times": None})
    before = it.get("/users").content
    reply = it.client.request(method, path, json=body)
    assert reply.status_code == status
    assert status == 204 or reply.json()["id"]
    assert (it.get("/users").content, it.layer.commits) == (before, [])


def test_enumerations_hold_what_nobody_knows_yet(tenant):
    it = tenant({"kind": "unknown-enum"})
    (first, *_) = it.get("/subscribedSkus").json()["value"]
    assert first["capabilityStatus"] == "unknownFutureValue"
    assert {plan["provisioningStatus"] for plan in first["servicePlans"]} == {"unknownFutureValue"}


def test_objects_have_members_too_many_or_too_few(tenant):
    it = tenant({"kind": "extra-field"}, {"kind": "missing-field", "field": "mail", "nth": 2})
    assert {"id", "mail", "futureProperty"} <= set(it.get(f"{ANNA}?$select=id,mail").json())
    assert set(it.get(f"{ANNA}?$select=id,mail").json()) == {"@odata.context", "id"}


# ---------------------------------------------------------------- pages


def pages(it, link="/users?$select=userPrincipalName&$top=999"):
    """Return the rows of each page, to the end of the links."""
    found = []
    while link:
        body = it.get(link).json()
        found.append([row["userPrincipalName"].partition("@")[0] for row in body["value"]])
        link = body.get("@odata.nextLink")
    return found


def test_pages_are_no_larger_than_they_shall_be(tenant):
    whole = pages(tenant())
    parts = pages(tenant(page_size=2))
    assert [len(part) for part in parts] == [2, 2, 1]
    assert [[name for part in parts for name in part]] == whole


def test_items_of_a_batch_come_in_pages_too(tenant):
    it = tenant(page_size=2)
    item = it.batch({"method": "GET", "url": "/users?$select=id&$top=999"})["0"]
    assert len(item["body"]["value"]) == 2
    assert len(it.get(item["body"]["@odata.nextLink"]).json()["value"]) == 2


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("repeated-item", lambda rows: [rows[0], [*rows[1], rows[1][0]], rows[2]]),
        ("missing-item", lambda rows: [rows[0], rows[1][:-1], rows[2]]),
        ("empty-page", lambda rows: [rows[0], [], rows[1], rows[2]]),
    ],
)
def test_rows_come_again_are_left_out_or_wait_behind_an_empty_page(tenant, kind, change):
    true = pages(tenant(page_size=2))
    it = tenant({"kind": kind, "calls": ("page",), "times": None if kind == "empty-page" else 1}, page_size=2)
    if kind == "empty-page":
        it.layer.change(Faults(rules=(Rule(kind=kind, calls=("page",)),), page_size=2))
    assert pages(it) == change(true)


def test_links_lead_elsewhere_or_in_a_circle(tenant):
    it = tenant({"kind": "foreign-link"}, {"kind": "looping-link", "nth": 2}, page_size=2)
    link = "https://tenant.example/v1.0/users?$top=2"
    assert it.get(link).json()["@odata.nextLink"].startswith("https://graph.example.com/v1.0/users")
    assert it.get(link).json()["@odata.nextLink"] == link


def test_the_link_to_a_page_expires(tenant):
    it = tenant({"kind": "expired-page", "calls": ("page",)}, page_size=2)
    following = it.get("/users?$top=2").json()["@odata.nextLink"]
    reply = it.get(following)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "Directory_ExpiredPageToken")
    assert it.get(following).status_code == 200


# ---------------------------------------------------------------- other people


def test_somebody_else_takes_the_seats_of_a_call_just_before_it(tenant):
    it = tenant({"kind": "seats-taken", "calls": ("assign",)})
    body = {"addLicenses": [{"skuId": EMS, "disabledPlans": []}], "removeLicenses": []}
    reply = it.client.post(f"{ANNA}/assignLicense", json=body)
    assert reply.status_code == 400
    assert "does not have any available licenses" in reply.json()["error"]["message"]
    assert {commit.ours for commit in it.layer.commits} == {False}


def test_somebody_else_takes_as_many_as_are_told(tenant):
    it = tenant({"kind": "seats-taken", "calls": ("assign",), "count": 1})
    body = {"addLicenses": [{"skuId": EMS, "disabledPlans": []}], "removeLicenses": []}
    assert it.client.post(f"{ANNA}/assignLicense", json=body).status_code == 200
    assert [commit.ours for commit in it.layer.commits] == [False, False, True]


# ---------------------------------------------------------------- which calls


def test_a_fault_strikes_from_the_nth_call_on_as_often_as_it_may(tenant):
    it = tenant({"kind": "503", "calls": ("get",), "nth": 2, "times": 2})
    statuses = [it.get(ANNA).status_code for _ in range(5)]
    assert statuses == [200, 503, 503, 200, 200]


def test_a_path_and_a_method_say_which_calls_are_meant(tenant):
    it = tenant({"kind": "403", "method": "GET", "path": "/users/*@contoso.com", "times": None})
    assert it.get(ANNA).status_code == 403
    assert it.get("/users").status_code == 200
    assert it.get(f"{ANNA}/memberOf").status_code == 200
    assert it.client.patch(ANNA, json={"city": "Delft"}).status_code == 204


def test_read_write_and_any_are_classes_of_calls(tenant):
    it = tenant({"kind": "403", "calls": ("write",), "times": None})
    assert it.get(ANNA).status_code == 200
    assert it.client.patch(ANNA, json={"city": "Delft"}).status_code == 403
    it.layer.change(Faults(rules=(Rule(kind="403", calls=("any",), times=None),)))
    assert {each["status"] for each in it.batch({"method": "GET", "url": ANNA}).values()} == {403}


def test_chance_hangs_on_the_seed_and_not_on_the_order_of_calls(tenant):
    rule = {"kind": "503", "probability": 0.5, "times": None}
    names = ["anna", "bram", "carla", "dirk", "admin"] * 4

    def fates(it, order):
        found = [(name, it.get(f"/users/{name}@contoso.com").status_code) for name in order]
        return {name: [status for other, status in found if other == name] for name in order}

    first = fates(tenant(rule, seed=3), names)
    assert {200, 503} == {status for statuses in first.values() for status in statuses}
    assert fates(tenant(rule, seed=3), sorted(names)) == first
    assert fates(tenant(rule, seed=4), names) != first


def test_what_is_malformed_is_refused_as_ever(tenant):
    it = tenant({"kind": "503", "calls": ("patch",), "times": None})
    for body in ({}, {"requests": [{}]}, {"requests": 1}, []):
        assert it.client.post("/$batch", json=body).status_code == 400
    assert it.client.post("/$batch", content=b"{").status_code == 400
    assert it.client.head("/me").content == b""


def test_nothing_strikes_where_nothing_is_described(tenant):
    it = tenant()
    assert it.get("/users").json() == it.get("/users").json()
    assert it.batch(it.patch(city="Delft"))["0"]["status"] == 204
    assert (it.struck, len(it.layer.commits)) == ([], 1)
