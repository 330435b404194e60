"""What went over the wire can be shown, and no secret is in it."""

import json

import httpx
import pytest

from reconciler.directory import Write, debugging
from tests.directory import tenants
from tests.directory.tenants import PASSWORD
from tests.directory.test_transport import Tenant, fault, page, transport_to

JWT = "eyJ0eXAiOiJKV1Qi.eyJhdWQiOiJodHRwczovL2dyYXBo.c2lnbmF0dXJl"


def told(content, headers=None):
    return "\n".join(debugging.answered(200, 0.5, headers or {}, json.dumps(content).encode()))


def test_a_request_and_its_answer_are_told():
    lines = []
    tenant = Tenant(page("a", request_id="r-1"))
    transport_to(tenant, debug=lines.append).send(request("/users?$select=id&$top=1"))
    asked, answered = lines
    sent = tenant.requests[0].headers["client-request-id"]
    assert asked.splitlines() == [
        "> GET https://graph.example/v1.0/users?$select=id&$top=1",
        "> Authorization: Bearer ***",
        f"> client-request-id: {sent}",
        "> Accept: application/json",
        "> x-ms-throttle-priority: low",
    ]
    assert answered.splitlines()[0] == "< 200 after 0.000 s"
    assert "< request-id: r-1" in answered or "< request_id: r-1" in answered
    assert answered.splitlines()[-1] == '< {"value": [{"id": "a"}]}'


def request(link):
    from reconciler.directory.exchange import Request  # noqa: PLC0415  only here

    return Request(method="GET", link=link)


def test_a_request_without_an_answer_is_told():
    lines = []
    transport = transport_to(Tenant(httpx.ReadTimeout("slow \x1b[2J"), fault(404)), debug=lines.append)
    with pytest.raises(Exception, match="slow"):
        transport.send(request("/users"))
    assert lines[-1] == r"< no answer after 0.000 s: ReadTimeout: slow \x1b[2J"


def test_nothing_is_made_of_what_nobody_wants_to_see(monkeypatch):
    monkeypatch.setattr(debugging, "asked", None)
    monkeypatch.setattr(debugging, "answered", None)
    assert transport_to(Tenant(page("a"))).send(request("/users")).ok


def test_no_secret_of_a_whole_run_is_shown(tmp_path):
    lines = []
    wire = tenants.in_process(tenants.fill(tmp_path / "home"))
    with tenants.directory(wire, debug=lines.append) as tenant:
        tenant.read()
        (outcome,) = tenant.carry_out([Write(change=tenants.create(), password=PASSWORD)])
    assert outcome.status == "done"
    text = "\n".join(lines)
    assert PASSWORD not in text
    assert "Bearer sandbox" not in text
    assert '"passwordProfile": {"password": "***", "forceChangePasswordNextSignIn": true}' in text
    assert "frank@contoso.com" in text


@pytest.mark.parametrize(
    "name",
    ["password", "passwordProfile", "client_secret", "accessToken", "refresh_token", "client_assertion"],
)
def test_what_travels_under_the_name_of_a_secret_is_masked(name):
    assert "hunter2" not in told({name: "hunter2"})
    assert "hunter2" not in told({"deep": [{name: ["hunter2", {name: "hunter2"}]}]})
    assert "4711" not in told({name: 4711})


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer abc", "Bearer ***"),
        ("authorization", "abc", "***"),
        ("Set-Cookie", "id=abc; path=/", "***"),
        ("WWW-Authenticate", 'Bearer claims="abc"', "Bearer ***"),
        ("Location", "https://x.example/report?sig=abc&$top=1", "https://x.example/report?sig=***&$top=1"),
        ("Retry-After", "7", "7"),
        ("X-Odd", f"a {JWT} b\x1b", r"a *** b\x1b"),
    ],
)
def test_a_header_shows_no_secret(name, value, shown):
    assert told({}, {name: value}).splitlines()[1] == f"< {name}: {shown}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@x.example/a?token=t&code=", "https://x.example/a?token=***&code=***"),
        ("https://x.example/a", "https://x.example/a"),
        ("/users?$filter=a eq 'b'", "/users?$filter=a eq \\'b\\'"),
        ("https://[::1/a", "***"),
    ],
)
def test_a_link_shows_only_what_is_asked_for(url, shown):
    assert debugging.link(url).replace("\\'", "'") == shown.replace("\\'", "'")


def test_a_token_is_known_by_its_shape_wherever_it_stands():
    assert JWT not in told({"message": f"The token {JWT} is expired."})
    assert "secret-sas" not in told({"@odata.nextLink": "https://x.example/a?sig=secret-sas&$skiptoken=1"})
    assert "$skiptoken=1" in told({"@odata.nextLink": "https://x.example/a?sig=secret-sas&$skiptoken=1"})


def test_a_long_body_is_cut_and_one_that_is_no_json_is_counted():
    assert len(told({"value": ["x" * 50] * 1000})) < debugging.LONGEST + 100
    lines = list(debugging.answered(200, 0.0, {}, b"<html>\x1b[2J</html>"))
    assert lines[-1] == "< (17 bytes that are no JSON)"
    assert list(debugging.answered(204, 0.0, {}, b"")) == ["< 204 after 0.000 s"]


def test_names_of_a_tenant_are_no_commands_of_a_pipeline():
    line = told({"displayName": "##vso[task.setvariable variable=a]b ###[group]"}, {"x": "##[error]"})
    assert "##" not in line
    told_of = json.loads(line.splitlines()[-1].removeprefix("< "))
    assert told_of == {"displayName": "##vso[task.setvariable variable=a]b ###[group]"}


def test_names_of_a_tenant_do_nothing_to_a_terminal():
    text = told({"displayName": "\x1b[31m\u202e\x9b\x7fred"})
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
