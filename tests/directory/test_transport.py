"""Reads are patient within bounds; the token never leaves the tenant's own origin."""

import json
from datetime import UTC, datetime

import httpx
import msgspec
import pytest

from reconciler.directory.connections import Connections
from reconciler.directory.exchange import Lost, Request, seconds_to_wait
from reconciler.directory.pacing import LONGEST_WAIT, Pace
from reconciler.directory.sending import Sender
from reconciler.directory.tokens import Tokens, no_other
from reconciler.directory.transport import ATTEMPTS, Transport
from reconciler.directory.wire import Id, Page
from reconciler.errors import DirectoryError
from tests.directory.tenants import Time

BASE = "https://graph.example/v1.0"
PAGE = msgspec.json.Decoder(Page[Id])
ONE = {"value": [{"id": "a"}]}


class Tenant:
    """Answers from a script, and keeps every request and every pause."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        self.pauses = []

    def __call__(self, request):
        """Answer one request."""
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def transport(self, base=BASE):
        """Return a transport to this tenant."""
        return transport_to(self, base)


def transport_to(tenant, base=BASE, *, token=lambda: "secret", jitter=lambda: 1.0, **options):
    """Return a transport whose pauses the tenant keeps."""
    time = Time()
    tenant.pauses = time.pauses
    tokens = Tokens(token, options.pop("renew", no_other))
    connections = Connections(lambda: httpx.Client(transport=httpx.MockTransport(tenant)))
    sender = Sender(connections, base, tokens, clock=time, **options)
    return Transport(sender, Pace(4, clock=time, sleep=time.sleep), sleep=time.sleep, jitter=jitter)


def page(*ids, following=None, **headers):
    body = {"value": [{"id": each} for each in ids]}
    if following:
        body["@odata.nextLink"] = following
    return httpx.Response(200, json=body, headers=headers)


def fault(status, code="x", message="said the tenant", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"error": {"code": code, "message": message}}, headers=named)


def ids(tenant, link="/things"):
    return [row.id for row in tenant.transport().listing(link, PAGE, list)]


def error_of(tenant, link="/things"):
    with pytest.raises(DirectoryError) as caught:
        ids(tenant, link)
    return caught.value


# ---------------------------------------------------------------- one request


def test_each_call_has_the_token_an_id_of_its_own_and_low_priority():
    tenant = Tenant(page("a", following=f"{BASE}/things?page=2"), page("b"))
    assert ids(tenant) == ["a", "b"]
    first, second = tenant.requests
    assert first.headers["authorization"] == second.headers["authorization"] == "Bearer secret"
    assert first.headers["client-request-id"] != second.headers["client-request-id"]
    assert first.headers["x-ms-throttle-priority"] == "low"
    assert "consistencylevel" not in first.headers


def test_the_index_is_asked_for_on_every_page_of_an_advanced_query():
    tenant = Tenant(page("a", following=f"{BASE}/things?page=2"), page("b"))
    tenant.transport().listing("/things", PAGE, list, eventual=True)
    assert [request.headers["consistencylevel"] for request in tenant.requests] == ["eventual"] * 2


def test_a_token_is_asked_for_with_every_request():
    tokens = iter(["one", "two"])
    tenant = Tenant(page("a", following=f"{BASE}/things?page=2"), page("b"))
    transport_to(tenant, token=lambda: next(tokens)).listing("/things", PAGE, list)
    assert [request.headers["authorization"] for request in tenant.requests] == ["Bearer one", "Bearer two"]


# ---------------------------------------------------------------- patience with reads


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("cut"),
        fault(500),
        fault(502),
        fault(503),
        fault(504),
        fault(429),
        httpx.Response(200, content=b'{"value": [{"id": "a"'),
        httpx.Response(200, text="<html>welcome to the hotel</html>"),
        httpx.Response(200, json={"no": "value"}),
    ],
    ids=lambda trouble: repr(trouble)[:40],
)
def test_a_read_is_repeated_after_a_passing_trouble(trouble):
    tenant = Tenant(trouble, page("a"))
    assert ids(tenant) == ["a"]
    assert tenant.pauses == [0.5]


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (httpx.ReadTimeout("slow"), "unreachable"),
        (fault(503), "unreachable"),
        (fault(429), "throttled"),
        (httpx.Response(200, text="<html>"), "bad-answer"),
    ],
)
def test_a_read_gives_up_after_a_bounded_number_of_tries(trouble, code):
    tenant = Tenant(trouble)
    assert error_of(tenant).code == code
    assert len(tenant.requests) == ATTEMPTS
    assert tenant.pauses == [0.5, 1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "unauthorized"), (403, "forbidden"), (404, "not-found"), (400, "rejected"), (410, "rejected")],
)
def test_what_the_tenant_refuses_is_asked_once(status, code):
    tenant = Tenant(fault(status, "Some_Code", "Some text.", request_id="r-1"))
    error = error_of(tenant, "/things?$select=id")
    assert (error.code, len(tenant.requests)) == (code, 1)
    assert error.params == {
        "url": "/things",
        "status": status,
        "graph_code": "Some_Code",
        "message": "Some text.",
        "request_id": "r-1",
        "client_request_id": tenant.requests[0].headers["client-request-id"],
    }


def test_a_redirect_is_not_followed():
    tenant = Tenant(httpx.Response(302, headers={"location": "https://evil.example/"}))
    assert error_of(tenant).code == "bad-answer"
    assert len(tenant.requests) == 1


# ---------------------------------------------------------------- Retry-After

NOON = "Tue, 24 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("7", None, 7.0),
        ("0.249", None, 0.249),
        ("Tue, 24 Nov 2026 12:00:30 GMT", NOON, 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", NOON, 0.0),
        (None, None, None),
        ("", None, None),
        ("soon", None, None),
        ("-3", None, None),
        ("nan", None, None),
        ("inf", None, None),
    ],
)
def test_every_form_of_retry_after_is_understood(value, date, seconds):
    assert seconds_to_wait(value, date) == seconds


def test_the_wait_that_the_tenant_asks_for_is_kept():
    tenant = Tenant(fault(429, retry_after="17"), fault(503, retry_after="2.5"), page("a"))
    assert ids(tenant) == ["a"]
    assert tenant.pauses == [17.0, 2.5]


def test_a_wait_beyond_patience_ends_the_read_at_once():
    tenant = Tenant(fault(429, retry_after=str(LONGEST_WAIT + 1)))
    error = error_of(tenant)
    assert (error.code, error.params["retry_after"]) == ("throttled", LONGEST_WAIT + 1)
    assert (len(tenant.requests), tenant.pauses) == (1, [])


def test_waits_grow_with_jitter_and_have_a_ceiling():
    low = transport_to(Tenant(page("a")), jitter=lambda: 0.0)
    high = transport_to(Tenant(page("a")), jitter=lambda: 1.0)
    assert [low.back_off(n) for n in range(4)] == [0.25, 0.5, 1.0, 2.0]
    assert [high.back_off(n) for n in range(4)] == [0.5, 1.0, 2.0, 4.0]
    assert high.back_off(20) == 30.0


# ---------------------------------------------------------------- links


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/things",
        "https://graph.example.evil.example/v1.0/things",
        "https://graph.example@evil.example/v1.0/things",
        "https://evil.example:443/v1.0/things",
        "https://graph.example:8443/v1.0/things",
        "http://graph.example/v1.0/things",
        "ftp://graph.example/v1.0/things",
        "//evil.example/v1.0/things?",
        "https://user:word@graph.example/v1.0/things",
        "https://graph.examp1e/v1.0/things",
        "https://graph.example\x00.evil.example/",
        "https://[::1/v1.0/things",
        "javascript:alert(1)",
        "things",
    ],
)
def test_a_next_link_to_another_origin_gets_no_token(link):
    tenant = Tenant(page("a", following=link), page("b"))
    transport = tenant.transport()
    try:
        transport.listing("/things", PAGE, list)
    except DirectoryError as error:
        assert error.code == "foreign-link"  # noqa: PT017  a link that stays at home is fine, too
    assert {request.url.host for request in tenant.requests} == {"graph.example"}
    assert {request.url.scheme for request in tenant.requests} == {"https"}
    assert {request.url.port for request in tenant.requests} == {None}


def test_a_next_link_to_another_origin_is_an_error():
    error = error_of(Tenant(page("a", following="https://evil.example/v1.0/things?x=1"), page("b")))
    assert (error.code, error.params["host"]) == ("foreign-link", "evil.example")


def test_a_next_link_with_the_default_port_and_capitals_is_at_home():
    tenant = Tenant(page("a", following="HTTPS://Graph.Example:443/v1.0/things?page=2"), page("b"))
    assert ids(tenant) == ["a", "b"]


# ---------------------------------------------------------------- whole listings


def test_pages_that_run_in_a_circle_are_no_listing():
    circle = page("a", following=f"{BASE}/things?page=2")
    error = error_of(Tenant(circle))
    assert (error.code, error.params["pages"]) == ("incomplete-read", 2)


def test_a_page_that_names_itself_is_no_listing():
    assert error_of(Tenant(page("a", following="/things"))).code == "incomplete-read"


def test_an_empty_page_may_have_a_next_one():
    tenant = Tenant(page(following=f"{BASE}/things?page=2"), page("b"))
    assert ids(tenant) == ["b"]


def test_a_listing_of_which_a_page_is_missing_is_an_error():
    tenant = Tenant(page("a", following=f"{BASE}/things?page=2"), fault(404))
    assert error_of(tenant).code == "not-found"


def test_a_listing_whose_page_token_expired_begins_anew():
    expired = fault(400, "Directory_ExpiredPageToken")
    tenant = Tenant(page("a", following=f"{BASE}/things?page=2"), expired, page("b"))
    assert ids(tenant) == ["b"]


def test_a_listing_whose_page_token_always_expires_is_an_error():
    expired = fault(400, "Directory_ExpiredPageToken")
    tenant = Tenant(expired)
    assert error_of(tenant).code == "rejected"
    assert len(tenant.requests) == 3


# ---------------------------------------------------------------- batches


def reply(*items):
    return httpx.Response(200, json={"responses": list(items)})


def item(number, status=200, body=None, **headers):
    return {"id": str(number), "status": status, "headers": headers, "body": body}


def asked(request):
    return [each["url"] for each in json.loads(request.content)["requests"]]


def test_a_batch_gives_answers_in_the_order_of_the_requests():
    tenant = Tenant(reply(item(1, 404), item(0, 200, {"id": "a"})))
    first, second = tenant.transport().read_batch(["/a", "/b"])
    assert (first.status, json.loads(first.content), second.status) == (200, {"id": "a"}, 404)


def test_only_the_throttled_items_of_a_read_batch_are_asked_again():
    tenant = Tenant(
        reply(item(0, 200, {"id": "a"}), item(1, 429, **{"Retry-After": "9"}), item(2, 503)),
        reply(item(0, 200, {"id": "b"}), item(1, 200, {"id": "c"})),
    )
    answers = tenant.transport().read_batch(["/a", "/b", "/c"])
    assert [json.loads(answer.content)["id"] for answer in answers] == ["a", "b", "c"]
    assert [asked(request) for request in tenant.requests] == [["/a", "/b", "/c"], ["/b", "/c"]]
    assert tenant.pauses == [9.0]


def test_an_item_that_stays_bad_is_returned_as_it_is():
    tenant = Tenant(lambda request: reply(*[item(n, 503) for n, _ in enumerate(asked(request))]))
    assert [answer.status for answer in tenant.transport().read_batch(["/a"])] == [503]
    assert len(tenant.requests) == ATTEMPTS


def test_an_item_that_is_missing_from_a_read_batch_is_asked_again():
    tenant = Tenant(reply(item(0, 200, {"id": "a"})), reply(item(0, 200, {"id": "b"})))
    assert [json.loads(each.content)["id"] for each in tenant.transport().read_batch(["/a", "/b"])] == [
        "a",
        "b",
    ]


def writes(*links):
    return [Request(method="POST", link=link, body={}) for link in links]


@pytest.mark.parametrize(
    "trouble",
    [httpx.ReadTimeout("slow"), httpx.Response(200, text="<html>"), httpx.Response(200, content=b'{"respon')],
)
def test_a_write_batch_is_sent_once_and_lost_as_a_whole(trouble):
    tenant = Tenant(trouble)
    answers = tenant.transport().write_batch(writes("/a", "/b"))
    assert [isinstance(answer, Lost) and answer.sent for answer in answers] == [True, True]
    assert (len(tenant.requests), tenant.pauses) == (1, [])


def test_a_write_batch_that_never_left_says_so():
    (answer,) = Tenant(httpx.ConnectError("refused")).transport().write_batch(writes("/a"))
    assert isinstance(answer, Lost)
    assert not answer.sent


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503, 504])
def test_the_answer_to_a_write_batch_as_a_whole_is_that_of_each_item(status):
    tenant = Tenant(fault(status, "Code"))
    answers = tenant.transport().write_batch(writes("/a", "/b"))
    assert [(answer.status, answer.fault.code) for answer in answers] == [(status, "Code")] * 2
    assert len(tenant.requests) == 1


def test_an_item_that_is_missing_from_a_write_batch_is_lost_alone():
    tenant = Tenant(reply(item(0, 204)))
    first, second = tenant.transport().write_batch(writes("/a", "/b"))
    assert first.ok
    assert isinstance(second, Lost)
    assert second.sent


def test_an_item_has_an_id_of_its_own_and_the_tenants_date():
    tenant = Tenant(reply(item(0, 204, None, **{"request-id": "r-9", "Date": NOON})))
    request = writes("/a")[0]
    (answer,) = tenant.transport().write_batch([request])
    sent = json.loads(tenant.requests[0].content)["requests"][0]
    assert sent["headers"]["client-request-id"] == request.client_request_id == answer.client_request_id
    assert answer.request_id == "r-9"
    assert answer.date == datetime(2026, 11, 24, 12, tzinfo=UTC)


# ---------------------------------------------------------------- a tenant that asks for quiet


def quiet(seconds, status=429):
    return fault(status, retry_after=str(seconds))


@pytest.mark.parametrize("trouble", [quiet(9), quiet(9, 503), reply(item(0, 429, **{"Retry-After": "9"}))])
def test_everybody_keeps_the_pause_that_one_was_asked_for(trouble):
    tenant = Tenant(trouble, page("a"))
    transport = tenant.transport()
    transport.write_batch(writes("/a"))
    assert tenant.pauses == []
    assert transport.get("/things", PAGE)[0].value
    assert tenant.pauses == [9.0]


@pytest.mark.parametrize("status", [409, 500])
def test_a_pause_that_concerns_one_object_alone_is_nobody_elses(status):
    tenant = Tenant(reply(item(0, status, **{"Retry-After": "9"})), page("a"))
    transport = tenant.transport()
    transport.write_batch(writes("/a"))
    transport.get("/things", PAGE)
    assert tenant.pauses == []


def test_what_would_have_to_wait_beyond_patience_is_not_sent():
    tenant = Tenant(quiet(int(LONGEST_WAIT) + 10))
    transport = tenant.transport()
    transport.write_batch(writes("/a"))
    (answer,) = transport.write_batch(writes("/b"))
    assert (answer.sent, answer.code, answer.reason) == (
        False,
        "throttled",
        "the tenant asks to wait 310 seconds",
    )
    assert (len(tenant.requests), tenant.pauses) == (1, [])


def test_an_item_that_asks_for_more_than_patience_is_returned_as_it_is():
    tenant = Tenant(reply(item(0, 429, **{"Retry-After": str(LONGEST_WAIT + 1)})))
    assert [answer.status for answer in tenant.transport().read_batch(["/a"])] == [429]
    assert len(tenant.requests) == 1


@pytest.mark.parametrize("used", ["0.9", "0.95"])
def test_a_tenant_near_its_limit_gets_more_time(used):
    near = {"x-ms-throttle-limit-percentage": used}
    tenant = Tenant(reply(item(0, 200, **near)), reply(item(0, 200)))
    transport = tenant.transport()
    transport.write_batch(writes("/a"))
    transport.write_batch(writes("/b"))
    assert tenant.pauses == [pytest.approx(float(used) - 0.8)]


@pytest.mark.parametrize("used", ["", "much", "nan"])
def test_a_use_that_makes_no_sense_is_none(used):
    tenant = Tenant(page("a", **{"x-ms-throttle-limit-percentage": used}), page("b"))
    transport = tenant.transport()
    transport.get("/things", PAGE)
    transport.get("/things", PAGE)
    assert tenant.pauses == []
