"""A token that the tenant refuses in mid-run is renewed once, and no write is sent twice for it."""

import threading

import httpx
import pytest

from reconciler.directory import Write
from reconciler.directory.tokens import Tokens
from reconciler.errors import DirectoryError, UsageError
from tests.apply.test_requests import apply
from tests.directory import tenants
from tests.directory.test_faults import is_write
from tests.directory.test_transport import PAGE, Tenant, fault, item, page, reply, transport_to, writes

CHALLENGE = 'Bearer error="insufficient_claims", claims="eyJhY2Nlc3Nfd"'


class SignIn:
    """Hands out `first`, and `second` once it was renewed."""

    def __init__(self, *, renews=True):
        self.tokens, self.renews, self.challenges = "first", renews, []

    def token(self):
        """Return the token of now."""
        return self.tokens

    def renew(self, challenge):
        """Take note of the challenge."""
        self.challenges.append(challenge)
        if self.renews:
            self.tokens = "second"
        return self.renews


def only(token, good):
    """Answer requests with this token alone."""
    refused = httpx.Response(401, json={}, headers={"www-authenticate": CHALLENGE})
    return lambda request: good if request.headers["authorization"] == f"Bearer {token}" else refused


def test_a_read_that_is_refused_is_asked_again_with_another_token():
    signin, tenant = SignIn(), Tenant(only("second", page("a")))
    transport = transport_to(tenant, token=signin.token, renew=signin.renew)
    assert transport.get("/things", PAGE)[0].value[0].id == "a"
    assert (signin.challenges, len(tenant.requests), tenant.pauses) == ([CHALLENGE], 2, [])


@pytest.mark.parametrize(("renews", "requests"), [(False, 1), (True, 2)])
def test_a_read_that_stays_refused_is_an_error(renews, requests):
    """Also where somebody says again and again that there is another token."""
    signin, tenant = SignIn(renews=renews), Tenant(fault(401))
    transport = transport_to(tenant, token=signin.token, renew=signin.renew)
    with pytest.raises(DirectoryError) as caught:
        transport.get("/things", PAGE)
    assert (caught.value.code, len(tenant.requests)) == ("unauthorized", requests)
    assert signin.challenges == [None]


def test_an_item_that_is_refused_alone_is_asked_again_alone():
    signin = SignIn()
    tenant = Tenant(reply(item(0, 401), item(1, 200, {"id": "b"})), reply(item(0, 200, {"id": "a"})))
    transport = transport_to(tenant, token=signin.token, renew=signin.renew)
    assert [answer.status for answer in transport.read_batch(["/a", "/b"])] == [200, 200]
    assert [request.headers["authorization"] for request in tenant.requests] == [
        "Bearer first",
        "Bearer second",
    ]


def test_an_item_that_stays_refused_is_told():
    signin, tenant = SignIn(), Tenant(reply(item(0, 401)))
    transport = transport_to(tenant, token=signin.token, renew=signin.renew)
    assert [answer.status for answer in transport.read_batch(["/a"])] == [401]
    assert len(tenant.requests) == 2


def test_threads_that_were_refused_together_renew_once():
    signin, barrier = SignIn(), threading.Barrier(4, timeout=20)
    tokens = Tokens(signin.token, signin.renew)
    found = []

    def refused():
        _, generation = tokens.take()
        barrier.wait()
        found.append(tokens.another(generation, None))

    threads = [threading.Thread(target=refused) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (found, signin.challenges) == ([True] * 4, [None])


def test_a_token_is_asked_for_after_its_generation_is_noted():
    """One that is renewed in between is taken for the older one: at worst it is renewed once more."""
    tokens = Tokens(lambda: "t" if tokens.another(0, None) else "", lambda _: True)
    assert tokens.take() == ("t", 0)


# ---------------------------------------------------------------- writes


@pytest.fixture
def scene(tmp_path):
    signin = SignIn()
    wire = tenants.Wire(tenants.in_process(tenants.fill(tmp_path / "home")))
    with tenants.directory(wire, renew=signin.renew) as tenant:
        yield tenant, wire, signin


def refusing(wire, *, times=1, committed=False):
    """Refuse the first writes; `committed`: after they were carried out."""
    left = [times]

    def refuse(request, response=None):
        if is_write(request) and left[0]:
            left[0] -= 1
            return httpx.Response(401, json={}, headers={"www-authenticate": CHALLENGE})
        return response

    setattr(wire, "after" if committed else "before", refuse)


@pytest.mark.parametrize("committed", [False, True])
def test_a_write_that_is_refused_is_looked_at_before_it_is_sent_again(scene, committed):
    tenant, wire, signin = scene
    refusing(wire, committed=committed)
    (outcome,) = tenant.carry_out([Write(change=tenants.swap())])
    assert (outcome.status, len(wire.commits)) == ("done", 1)
    assert signin.challenges == [CHALLENGE]
    kinds = ["write" if is_write(request) else "read" for request in wire.requests]
    assert kinds == (["write", "read"] if committed else ["write", "read", "write"])


def test_a_write_that_is_refused_again_is_told(scene):
    tenant, wire, signin = scene
    refusing(wire, times=9)
    outcomes = tenant.carry_out([Write(change=tenants.swap()), Write(change=tenants.delete())])
    assert {(each.status, each.code, each.http_status) for each in outcomes} == {
        ("failed", "unauthorized", 401)
    }
    assert sum(map(is_write, wire.requests)) == 2
    assert (wire.commits, signin.challenges) == ([], [CHALLENGE])


@pytest.mark.parametrize("error", [DirectoryError("sign-in-failed"), UsageError("no-sign-in")])
def test_a_write_for_which_no_token_is_to_be_had_was_not_sent(error):
    def none():
        raise error

    tenant = Tenant(page("a"))
    answers = transport_to(tenant, token=none).write_batch(writes("/a", "/b"))
    assert [(each.sent, each.code, each.reason) for each in answers] == [
        (False, "unauthorized", error.code)
    ] * 2
    assert tenant.requests == []


def test_a_change_for_which_no_token_is_to_be_had_failed(tmp_path):
    def none():
        raise UsageError("no-sign-in")

    wire = tenants.in_process(tenants.fill(tmp_path / "home"))
    with tenants.directory(wire, token=none) as tenant:
        (outcome,) = tenant.carry_out([Write(change=tenants.swap())])
    assert (outcome.status, outcome.code, outcome.message) == ("failed", "unauthorized", "no-sign-in")


# ---------------------------------------------------------------- a sign-in that is over


def test_a_look_is_an_error_when_the_sign_in_is_over(tmp_path):
    """What can't be read for that reason can't be read later either: it must not look like a user's fault."""
    wire = tenants.Wire(tenants.in_process(tenants.fill(tmp_path / "home")))
    wire.before = lambda _: fault(401)
    with tenants.directory(wire) as tenant, pytest.raises(DirectoryError) as caught:
        tenant.observe([tenants.swap()], {})
    assert caught.value.code == "unauthorized"


def test_a_write_whose_answer_is_lost_when_the_sign_in_is_over_is_unknown(tmp_path):
    wire = tenants.Wire(tenants.in_process(tenants.fill(tmp_path / "home")))

    def before(request):
        if is_write(request):
            raise httpx.ReadTimeout("slow")
        return fault(401)

    wire.before = before
    with tenants.directory(wire) as tenant:
        (outcome,) = tenant.carry_out([Write(change=tenants.swap())])
    assert (outcome.status, outcome.code) == ("unknown", "unread")


def test_a_run_whose_sign_in_is_over_ends(tmp_path):
    """The batch in flight fails by name; what is left is not tried, one by one, against a closed door."""
    run, _, wire = apply(
        tmp_path, 100, parallelism=1, on_request=lambda number: fault(401) if number > 4 else None
    )
    assert [run.results[place].status for place in (0, 39)] == ["done"] * 2
    assert {(each.status, each.code) for each in run.results[40:60]} == {("failed", "unauthorized")}
    assert {(each.status, each.code) for each in run.results[60:]} == {("skipped", "run-ended")}
    assert (run.error.code, run.exit_code, len(wire.requests)) == ("unauthorized", 4, 5)
