"""The sandbox is too busy where Microsoft's documented limits say so, by a clock that the test moves."""

import pytest

from reconciler.sandbox.faults import DOCUMENTED, Limit, Throttle, load
from reconciler.sandbox.faults.answers import Reply
from reconciler.sandbox.faults.calls import Call
from reconciler.sandbox.faults.throttle import Meter, costs

PATCH = Call(method="PATCH", path="/v1.0/users/anna@contoso.com")


class Traffic:
    """Calls against a meter, at moments that the test chooses."""

    def __init__(self, throttle=DOCUMENTED, users=1_000):
        self.meter = Meter(throttle, 0.0, lambda: users)

    def sent(self, count, at, call=PATCH):
        """Send one after another at a moment; return how many were taken, and the last refusal."""
        refusal, taken = None, 0
        for _ in range(count):
            self.meter.begin(at)
            reply = self.meter.refuse(call, at)
            refusal, taken = reply or refusal, taken + (reply is None)
        return taken, refusal


def test_three_thousand_writes_are_taken_at_once_and_no_more():
    traffic = Traffic()
    assert traffic.sent(3_000, 0.0) == (3_000, None)
    taken, refusal = traffic.sent(1, 0.0)
    assert (taken, refusal.status, refusal.headers["Retry-After"]) == (0, 429, "1")
    assert refusal.headers["x-ms-throttle-scope"].startswith("Tenant_Application/Write/")
    assert refusal.headers["x-ms-throttle-information"] == "WriteLimitExceeded"
    assert refusal.content["error"]["code"] == "TooManyRequests"


def test_twenty_writes_come_back_each_second():
    traffic = Traffic()
    traffic.sent(3_000, 0.0)
    assert traffic.sent(25, 1.0)[0] == 20
    assert traffic.sent(5_000, 200.0)[0] == 3_000


def test_who_does_not_wait_waits_longer():
    """Refused requests count while a wait that was told is still running."""
    patient, hasty = Traffic(), Traffic()
    for traffic in (patient, hasty):
        traffic.sent(3_001, 0.0)
    hasty.sent(100, 0.5)
    assert patient.sent(100, 6.0)[0] == 100
    assert hasty.sent(100, 6.0)[0] < 40


def test_the_items_of_one_batch_are_refused_together_and_count_once():
    """The client could not know of the wait when it sent them."""
    traffic = Traffic()
    traffic.sent(3_000, 0.0)
    traffic.meter.begin(0.0)
    assert all(traffic.meter.refuse(PATCH, 0.0) for _ in range(20))
    assert traffic.sent(20, 1.0)[0] == 20


@pytest.mark.parametrize(("users", "units"), [(49, 3_500), (50, 5_000), (500, 5_000), (501, 8_000)])
def test_resource_units_hang_on_the_number_of_users(users, units):
    taken, refusal = Traffic(users=users).sent(10_000, 0.0, Call(method="GET", path="/v1.0/organization"))
    assert taken == units
    assert refusal.headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"


@pytest.mark.parametrize(
    ("method", "path", "query", "cost"),
    [
        ("GET", "/users", "", (0, 2, 0)),
        ("GET", "/users", "$select=id", (0, 1, 0)),
        ("GET", "/users", "$select=id&$top=5", (0, 1, 0)),
        ("GET", "/users/x", "$expand=manager", (0, 3, 0)),
        ("GET", "/groups/x/members", "", (0, 3, 0)),
        ("GET", "/groups/x/members", "$top=5", (0, 2, 0)),
        ("GET", "/subscribedSkus", "", (0, 3, 0)),
        ("GET", "/organization", "", (0, 1, 0)),
        ("GET", "/auditLogs/directoryAudits", "", (0, 0, 1)),
        ("POST", "/users/x/assignLicense", "", (1, 1, 0)),
        ("DELETE", "/users/x", "", (1, 1, 0)),
    ],
)
def test_each_call_costs_what_is_documented(method, path, query, cost):
    assert costs(Call(method=method, path=f"/v1.0{path}", query=query)) == cost


def test_reports_are_few():
    audit = Call(method="GET", path="/v1.0/auditLogs/directoryAudits")
    traffic = Traffic()
    assert traffic.sent(6, 0.0, audit)[0] == 5
    assert traffic.sent(2, 2.0, audit)[0] == 1


def test_a_limit_that_is_near_is_told():
    traffic = Traffic(Throttle(writes=Limit(count=10, seconds=10)))
    shares = []
    for _ in range(12):
        traffic.meter.begin(0.0)
        reply = traffic.meter.refuse(PATCH, 0.0) or Reply(status=204)
        noted = traffic.meter.note(PATCH, reply)
        assert noted.headers["x-ms-resource-unit"] == "1"
        shares.append(noted.headers.get("x-ms-throttle-limit-percentage"))
    assert shares == [None] * 8 + ["0.90", "1.00", "1.00", "1.10"]


def test_every_item_of_a_batch_is_counted_by_itself(tenant):
    it = tenant(throttle=Throttle(writes=Limit(count=3, seconds=30)))
    answers = it.batch(*[it.patch(city=str(number)) for number in range(5)])
    assert [answers[key]["status"] for key in "01234"] == [204, 204, 204, 429, 429]
    assert answers["4"]["headers"]["Retry-After"] == "10"
    assert answers["0"]["headers"]["x-ms-resource-unit"] == "1"
    it.clock.sleep(10)
    assert it.client.patch("/users/anna@contoso.com", json={"city": "x"}).status_code == 204
    assert it.client.patch("/users/anna@contoso.com", json={"city": "x"}).status_code == 429


def test_the_preset_is_what_is_documented(tenant):
    assert load("documented-limits").throttle == DOCUMENTED
    reply = tenant(throttle=DOCUMENTED).get("/users?$select=id")
    assert (reply.status_code, reply.headers["x-ms-resource-unit"]) == (200, "1")
