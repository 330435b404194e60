"""A plan of N users takes one request for 999 of them and at most ten more, whatever the files name."""

import json
from collections import Counter
from math import ceil

import httpx
import pytest

from tests.cli.conftest import E3, EMS, STATE

FILE = """\
version: 1
tenant: {domain: contoso.com}
users:
  u00000@contoso.com: {licenses: {add: [ENTERPRISEPACK]}}
groups:
  Named 0: {licenses: {add: [EMS]}}
rules:
  - {name: everybody, when: {member_of: [Named 1, Licensed 2]}, licenses: [ENTERPRISEPACK]}
guardrails: {protected_users: [Named 2]}
"""


def user(number):
    return {
        "id": f"10000000-0000-0000-0000-{number:012}",
        "userPrincipalName": f"u{number:05}@contoso.com",
        "accountEnabled": True,
        "userType": "Member",
        "usageLocation": "NL",
        "assignedLicenses": [],
    }


def group(number, name, *skus, members=()):
    given = [{"skuId": sku, "disabledPlans": []} for sku in skus]
    key = f"20000000-0000-0000-0000-{number:012}"
    return {"id": key, "displayName": name, "assignedLicenses": given, "members": [*members]}


@pytest.fixture
def log(monkeypatch):
    """Return the requests that reach the sandbox, in order."""
    requests, handle = [], httpx.WSGITransport.handle_request

    def recorded(self, request):
        requests.append(f"{request.method} {request.url.path}")
        return handle(self, request)

    monkeypatch.setattr(httpx.WSGITransport, "handle_request", recorded)
    return requests


@pytest.mark.parametrize("count", [1, 999, 2500])
def test_a_plan_takes_a_request_for_999_users_and_few_others(run, workdir, log, count):
    """With six groups, one of them in another, with a large one among them, and with a role of a group."""
    users = [*STATE["users"], *(user(number) for number in range(count - len(STATE["users"])))][:count]
    few, many = [each["id"] for each in users[:3]], [each["id"] for each in users[:900]]
    groups = [
        *(group(number, f"Licensed {number}", E3, members=few) for number in range(2)),
        group(2, "Licensed 2", EMS, members=[*many, group(3, "")["id"]]),
        *(group(3 + number, f"Named {number}", members=few) for number in range(3)),
    ]
    role = {"principalId": group(3, "")["id"], "roleTemplateId": "fe930be7-5e62-47db-91af-98c3a49a38b1"}
    roles = [*STATE["roleAssignments"], role]
    state = STATE | {"users": users, "groups": groups, "roleAssignments": roles}
    (workdir / "state.json").write_text(json.dumps(state))
    (workdir / "tenant.yaml").write_text(FILE)
    assert run("sandbox", "load", "state.json").code == 0
    log.clear()

    ran = run("plan", "--json", "--out", "plan.json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["summary"]["unlisted_users"] >= 0
    found = Counter(log)
    assert found["GET /v1.0/users"] == ceil(count / 999)
    assert len(log) - ceil(count / 999) <= 10, found
