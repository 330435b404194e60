"""Whatever happens to an answer, a write is carried out at most once and its outcome is told rightly."""

import json
import shutil

import httpx
import msgspec
import pytest

from reconciler.directory import Outcome, Write
from reconciler.directory.observer import LAG_TRIES
from reconciler.directory.transport import ATTEMPTS, LONGEST_WAIT
from reconciler.directory.writer import BLIND_LOOKS, LOOKS, MOST_SENDS
from tests.directory import tenants
from tests.directory.tenants import EMS, PASSWORD, user_id

CHANGES = {
    "create-user": tenants.create,
    "restore-user": tenants.restore,
    "update-user": tenants.update,
    "set-licenses": tenants.swap,
    "set-licenses, plans": tenants.switch_on,
    "delete-user": tenants.delete,
    "set-group-licenses": tenants.group_licences,
    "set-group-licenses, fewer": lambda: tenants.group_licences((), (EMS,)),
    "set-group-licenses, plans": lambda: tenants.group_licences((), (), ((EMS, tenants.INTUNE),)),
    "add-member": tenants.join,
    "remove-member": tenants.leave,
    "buy-seats": tenants.buy,
    "buy-seats, new": lambda: tenants.buy(tenants.VISIO, "VISIOCLIENT", before=0, after=2),
    "set-auto-renew": tenants.renew,
}
USER_CHANGES = [kind for kind in CHANGES if not kind.startswith(("buy", "set-auto"))]


class Scene:
    """A tenant behind a wire on which things go wrong, and the pauses that were made."""

    def __init__(self, home):
        self.wire = tenants.Wire(tenants.in_process(home))
        self.time = tenants.Time()
        self.pauses = self.time.pauses
        self.tenant = tenants.directory(self.wire, time=self.time)

    def carry_out(self, change, user=None):
        """Carry one change out and return its outcome."""
        password = PASSWORD if change.kind == "create-user" else None
        (outcome,) = self.tenant.carry_out([Write(change=change, user_id=user, password=password)])
        return outcome

    def sends(self):
        """Return how often a write was sent."""
        return sum(is_write(request) for request in self.wire.requests)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """Return the home of a tenant that tests copy: making one takes longer than a test."""
    return tenants.fill(tmp_path_factory.mktemp("prepared") / "home")


@pytest.fixture
def scene(prepared, tmp_path):
    made = Scene(shutil.copytree(prepared, tmp_path / "home"))
    yield made
    made.tenant.close()


def is_write(request):
    if request.url.path.endswith("/$batch"):
        return any(each["method"] != "GET" for each in json.loads(request.content)["requests"])
    return request.method != "GET"


def answer_of(trouble, request):
    """Return or raise what a fault looks like to the client."""
    if isinstance(trouble, Exception):
        raise trouble
    return trouble(request) if callable(trouble) else trouble


def status(code, graph_code="x", **headers):
    body = {"error": {"code": graph_code, "message": "said the tenant"}}
    return lambda _: httpx.Response(
        code, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def items(code, graph_code="x", message="said the tenant", **headers):
    """Return a batch's answer in which each item has this error; alone where the write is alone."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"error": {"code": graph_code, "message": message}}

    def answer(request):
        if not request.url.path.endswith("/$batch"):
            return httpx.Response(code, json=body, headers=named)
        asked = json.loads(request.content)["requests"]
        responses = [{"id": each["id"], "status": code, "headers": named, "body": body} for each in asked]
        return httpx.Response(200, json={"responses": responses})

    return answer


def happens_before(wire, trouble, times=1):
    """Let the first writes meet a fault on the way to the tenant: nothing is carried out."""
    left = [times]

    def before(request):
        if is_write(request) and left[0]:
            left[0] -= 1
            return answer_of(trouble, request)
        return None

    wire.before = before


def happens_after(wire, trouble, times=1):
    """Let the first writes meet a fault on the way back: they were carried out."""
    left = [times]

    def after(request, response):
        if is_write(request) and left[0]:
            left[0] -= 1
            return answer_of(trouble, request)
        return response

    wire.after = after


LOST = {
    "read time-out": httpx.ReadTimeout("slow"),
    "write time-out": httpx.WriteTimeout("slow"),
    "reset": httpx.ReadError("reset"),
    "cut": httpx.RemoteProtocolError("peer closed connection"),
    "500": status(500),
    "502": status(502),
    "503": status(503, Retry_After="3"),
    "504": status(504),
    "item 500": items(500),
    "item 503": items(503),
    "item 504": items(504),
    "redirect": lambda _: httpx.Response(302, headers={"location": "https://evil.example/"}),
}
GARBLED = {
    "empty": lambda _: httpx.Response(200, content=b""),
    "truncated": lambda _: httpx.Response(200, content=b'{"responses": [{"id": "0", "sta'),
    "HTML": lambda _: httpx.Response(200, text="<html>hotel</html>"),
    "no item": lambda _: httpx.Response(200, json={"responses": []}),
    "not UTF-8": lambda _: httpx.Response(200, content=b'{"responses": [{"id": "\xe9"}]}'),
}
BUSY = {
    "429": status(429, Retry_After="7"),
    "item 429": items(429, "TooManyRequests", Retry_After="7"),
}


# ---------------------------------------------------------------- answers that are lost


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("trouble", LOST)
def test_a_write_whose_answer_is_lost_is_done_once(scene, kind, trouble):
    happens_after(scene.wire, LOST[trouble])
    outcome = scene.carry_out(CHANGES[kind]())
    assert outcome.status == "done"
    assert len(scene.wire.commits) == scene.sends() == 1


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("trouble", LOST)
def test_a_write_that_was_lost_on_the_way_is_not_repeated(scene, kind, trouble):
    before = scene.tenant.read()
    happens_before(scene.wire, LOST[trouble])
    outcome = scene.carry_out(CHANGES[kind]())
    assert (outcome.status, outcome.code) == ("failed", "not-carried-out")
    assert outcome.client_request_id
    assert (scene.wire.commits, scene.sends()) == ([], 1)
    assert scene.tenant.read() == before


@pytest.mark.parametrize("kind", USER_CHANGES)
@pytest.mark.parametrize("trouble", GARBLED)
def test_an_answer_that_makes_no_sense_is_a_lost_one(scene, kind, trouble):
    happens_after(scene.wire, GARBLED[trouble])
    assert scene.carry_out(CHANGES[kind]()).status == "done"
    assert len(scene.wire.commits) == scene.sends() == 1


@pytest.mark.parametrize("trouble", [*LOST, *GARBLED])
def test_a_user_whose_creation_got_no_answer_is_known_by_id(scene, trouble):
    happens_after(scene.wire, (LOST | GARBLED)[trouble])
    outcome = scene.carry_out(tenants.create())
    (frank,) = [user for user in scene.tenant.read().users if user.upn == "frank@contoso.com"]
    assert outcome.user_id == frank.id


def test_a_creation_that_is_answered_without_an_id_is_looked_up(scene):
    body = {"responses": [{"id": "0", "status": 201, "body": {"no": "id"}}]}
    happens_after(scene.wire, lambda _: httpx.Response(200, json=body))
    outcome = scene.carry_out(tenants.create())
    (frank,) = [user for user in scene.tenant.read().users if user.upn == "frank@contoso.com"]
    assert (outcome.status, outcome.user_id) == ("done", frank.id)


def test_an_object_that_is_neither_as_before_nor_as_wanted_is_unknown(scene):
    happens_before(scene.wire, httpx.ReadTimeout("slow"))
    other = tenants.directory(scene.wire.inner)
    inner = scene.wire.before

    def meanwhile(request):
        if is_write(request):
            other.carry_out([Write(change=tenants.update("anna", department="HR", job_title="Clerk"))])
        return inner(request)

    scene.wire.before = meanwhile
    outcome = scene.carry_out(tenants.update())
    assert (outcome.status, outcome.code) == ("unknown", "changed-meanwhile")
    assert scene.sends() == 1


def test_a_tenant_that_answers_nothing_any_more_leaves_an_unknown(scene):
    def silent(request):
        raise httpx.ReadTimeout("slow")

    scene.wire.before = silent
    outcome = scene.carry_out(tenants.swap())
    assert (outcome.status, outcome.code) == ("unknown", "unread")
    assert outcome.message == "ReadTimeout: slow"
    assert scene.sends() == 1
    assert sum(not is_write(request) for request in scene.wire.requests) == BLIND_LOOKS * ATTEMPTS


def test_reads_that_lag_behind_the_write_are_waited_for(scene):
    """The first look still shows the old state; a later one shows that the write was done."""
    happens_after(scene.wire, httpx.ReadTimeout("slow"))
    stale = msgspec.json.encode(
        {
            "responses": [
                {
                    "id": "0",
                    "status": 200,
                    "body": {
                        "id": user_id("dirk"),
                        "userPrincipalName": "dirk@contoso.com",
                        "accountEnabled": True,
                        "assignedLicenses": [{"skuId": tenants.E3, "disabledPlans": []}],
                        "licenseAssignmentStates": [],
                    },
                },
                {"id": "1", "status": 404, "body": {}},
            ]
        }
    )
    looks = []

    def before(request):
        if not is_write(request) and request.url.path.endswith("/$batch"):
            looks.append(request)
            if len(looks) < LOOKS:
                return httpx.Response(200, content=stale)
        return None

    scene.wire.before = before
    assert scene.carry_out(tenants.delete()).status == "done"
    assert len(looks) == LOOKS
    assert scene.pauses == [2.0**look for look in range(1, LOOKS)]
    assert sum(scene.pauses) > 120


# ---------------------------------------------------------------- a tenant that is too busy


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("trouble", BUSY)
def test_a_throttled_write_is_sent_again_after_the_wait(scene, kind, trouble):
    happens_before(scene.wire, BUSY[trouble])
    assert scene.carry_out(CHANGES[kind]()).status == "done"
    assert (len(scene.wire.commits), scene.sends()) == (1, 2)
    assert scene.pauses == [7.0]


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("trouble", BUSY)
def test_a_throttled_write_that_was_carried_out_is_not_sent_again(scene, kind, trouble):
    happens_after(scene.wire, BUSY[trouble])
    assert scene.carry_out(CHANGES[kind]()).status == "done"
    assert len(scene.wire.commits) == scene.sends() == 1


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ({"Retry_After": "0.249"}, 0.249),
        ({"Retry_After": "Tue, 24 Nov 2026 02:00:30 GMT", "Date": "Tue, 24 Nov 2026 02:00:00 GMT"}, 30.0),
        ({}, 0.5),
        ({"Retry_After": "soon"}, 0.5),
    ],
)
def test_every_form_of_retry_after_is_kept(scene, header, pause):
    happens_before(scene.wire, items(429, "TooManyRequests", **header))
    assert scene.carry_out(tenants.swap()).status == "done"
    assert scene.pauses == [pause]


def test_a_tenant_that_stays_busy_is_given_up(scene):
    happens_before(scene.wire, BUSY["item 429"], times=100)
    outcome = scene.carry_out(tenants.swap())
    assert (outcome.status, outcome.code, outcome.http_status) == ("failed", "throttled", 429)
    assert (scene.wire.commits, scene.sends()) == ([], MOST_SENDS)


def test_a_wait_beyond_patience_is_not_waited(scene):
    happens_before(scene.wire, items(429, Retry_After=str(int(LONGEST_WAIT) + 1)), times=100)
    outcome = scene.carry_out(tenants.swap())
    assert (outcome.status, outcome.code) == ("failed", "throttled")
    assert scene.sends() == 1
    assert max(scene.pauses, default=0.0) <= LONGEST_WAIT


def test_what_is_not_sent_for_want_of_patience_has_failed(scene):
    """Nobody asked the tenant for it: nothing is unknown."""
    happens_before(scene.wire, items(429, Retry_After=str(int(LONGEST_WAIT) + 1)))
    assert scene.carry_out(tenants.swap()).status == "failed"
    outcome = scene.carry_out(tenants.delete())
    assert (outcome.status, outcome.code, outcome.http_status) == ("failed", "throttled", None)
    assert outcome.message == "the tenant asks to wait 301 seconds"
    assert scene.sends() == 1


@pytest.mark.parametrize("kind", USER_CHANGES)
def test_a_write_that_met_another_one_is_sent_again(scene, kind):
    happens_before(scene.wire, items(409, "Directory_ConcurrencyViolation"), times=2)
    assert scene.carry_out(CHANGES[kind]()).status == "done"
    assert (len(scene.wire.commits), scene.sends()) == (1, 3)


def test_a_conflict_of_another_kind_is_told(scene):
    happens_before(scene.wire, items(409, "Directory_Other"))
    outcome = scene.carry_out(tenants.update())
    assert (outcome.status, outcome.code) == ("failed", "conflict")


@pytest.mark.parametrize("kind", USER_CHANGES)
def test_a_resend_that_is_refused_since_the_first_was_carried_out_is_done(scene, kind):
    """429, the look shows the old state, the resend meets what the first one did after all."""
    change = CHANGES[kind]()
    happens_after(scene.wire, BUSY["item 429"])
    stale = scene.tenant._observer.look([change], {})
    looks = []

    def look(changes, ids):
        looks.append(changes)
        return stale if len(looks) == 1 else scene.tenant._observer.look(changes, ids)

    scene.tenant._writer._look = look
    assert scene.carry_out(change).status == "done"
    assert scene.sends() == 2


# ---------------------------------------------------------------- requests that never left


@pytest.mark.parametrize("kind", CHANGES)
def test_a_request_that_never_left_is_sent_again(scene, kind):
    happens_before(scene.wire, httpx.ConnectError("refused"), times=2)
    assert scene.carry_out(CHANGES[kind]()).status == "done"
    assert len(scene.wire.commits) == 1


def test_a_tenant_that_can_not_be_reached_is_given_up(scene):
    def refuse(request):
        raise httpx.ConnectError("refused")

    scene.wire.before = refuse
    outcome = scene.carry_out(tenants.swap())
    assert (outcome.status, outcome.code) == ("failed", "unreachable")
    assert scene.sends() == MOST_SENDS


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("code", "expected"), [(400, "rejected"), (401, "unauthorized"), (403, "forbidden"), (404, "not-found")]
)
def test_a_batch_that_is_refused_fails_each_write(scene, code, expected):
    happens_before(scene.wire, status(code))
    outcomes = scene.tenant.carry_out([Write(change=tenants.update()), Write(change=tenants.delete())])
    assert [(outcome.status, outcome.code) for outcome in outcomes] == [("failed", expected)] * 2
    assert scene.sends() == 1


TEXTS = {
    "License assignment cannot be done for user with invalid usage location.": "no-usage-location",
    "Subscription with SKU 6fd2 does not have any available licenses.": "no-seats",
    "License assignment failed because service plans a, b are mutually exclusive.": "exclusive-plans",
    "License assignment failed because service plan a depends on the service plan(s) b, c": (
        "missing-dependency"
    ),
    "User license is inherited from a group membership and it cannot be removed directly from the user.": (
        "inherited"
    ),
    "License 6fd2 does not correspond to a valid company License.": "unknown-sku",
    "License SPE_E3 cannot be assigned to a user.": "not-assignable",
    "User does not have a corresponding license.": "not-held",
    "The moon is full.": "unknown-licence-error",
}


@pytest.mark.parametrize("text", TEXTS)
def test_each_text_of_a_licence_error_has_a_code(scene, text):
    happens_before(scene.wire, items(400, "Request_BadRequest", text))
    outcome = scene.carry_out(tenants.swap())
    assert outcome == Outcome(
        address="users/anna@contoso.com/licenses",
        status="failed",
        user_id=user_id("anna"),
        code=TEXTS[text],
        message=text,
        client_request_id=outcome.client_request_id,
        http_status=400,
    )


def test_an_unknown_licence_error_names_the_request_for_microsofts_support(scene):
    headers = {"request_id": "r-9"}
    happens_before(scene.wire, items(400, "Request_BadRequest", "The moon is full.", **headers))
    outcome = scene.carry_out(tenants.swap())
    assert (outcome.code, outcome.message) == ("unknown-licence-error", "The moon is full.")
    assert outcome.params == {"request_id": outcome.request_id} == {"request_id": "r-9"}


def test_a_tenant_that_may_hold_no_more_objects_says_so(scene):
    """507 is no refusal by its class: it is looked at, and then told for what it is."""
    happens_before(scene.wire, items(507, "InsufficientStorage"))
    outcome = scene.carry_out(tenants.create())
    assert (outcome.status, outcome.code, scene.sends()) == ("failed", "quota-exceeded", 1)


def test_the_texts_of_licence_errors_say_nothing_about_other_writes(scene):
    text = "The license cannot be assigned to a user."
    happens_before(scene.wire, items(400, "Request_BadRequest", text))
    assert scene.carry_out(tenants.update()).code == "rejected"


# ---------------------------------------------------------------- users of this run


def licence_for(name, upn):
    change = tenants.take("admin")
    ref = msgspec.structs.replace(change.user, id=None, upn=upn, name=name)
    return msgspec.structs.replace(change, address=f"users/{upn}/licenses", user=ref)


@pytest.mark.parametrize(
    "trouble",
    [
        items(404, "Request_ResourceNotFound"),
        items(
            400,
            "Request_BadRequest",
            "License assignment cannot be done for user with invalid usage location.",
        ),
    ],
    ids=["not there yet", "no location yet"],
)
def test_a_user_of_this_run_who_is_not_everywhere_yet_is_waited_for(scene, trouble):
    created = scene.carry_out(tenants.create())
    happens_before(scene.wire, trouble, times=3)
    outcome = scene.carry_out(licence_for("Frank", "frank@contoso.com"), created.user_id)
    assert outcome.status == "done"
    assert scene.pauses == [2.0, 4.0, 8.0]


def test_a_user_of_this_run_who_never_comes_is_given_up(scene):
    created = scene.carry_out(tenants.create())
    happens_before(scene.wire, items(404, "Request_ResourceNotFound"), times=100)
    outcome = scene.carry_out(licence_for("Frank", "frank@contoso.com"), created.user_id)
    assert (outcome.status, outcome.code) == ("failed", "not-found")
    assert 100 < sum(scene.pauses) < 200
    assert len(scene.pauses) == LAG_TRIES - 1


def test_another_user_who_is_not_there_is_not_waited_for(scene):
    happens_before(scene.wire, items(404, "Request_ResourceNotFound"))
    assert scene.carry_out(tenants.swap()).code == "not-found"
    assert scene.pauses == []


def test_a_look_at_a_user_of_this_run_waits_for_the_replicas(scene):
    created = scene.carry_out(tenants.create())
    left = [2]

    def before(request):
        if left[0] and not is_write(request):
            left[0] -= 1
            return items(404, "Request_ResourceNotFound")(request)
        return None

    scene.wire.before = before
    change = licence_for("Frank", "frank@contoso.com")
    seen = scene.tenant.observe([change], {"frank@contoso.com": created.user_id})
    assert seen[change.address] == {"assignments": [], "usage_location": "NL", "enabled": True}
    assert scene.pauses == [2.0, 4.0]


def test_a_look_at_another_user_who_is_gone_does_not_wait(scene):
    scene.carry_out(tenants.delete())
    change = tenants.give_back("dirk")
    assert scene.tenant.observe([change], {"dirk@contoso.com": user_id("dirk")}) == {change.address: {}}
    assert scene.pauses == []


def test_an_object_that_can_not_be_read_is_none(scene):
    scene.wire.before = items(503)
    changes = [tenants.update(), tenants.delete(), tenants.buy()]
    assert scene.tenant.observe(changes, {}) == {change.address: None for change in changes}


# ---------------------------------------------------------------- secrets


def test_a_password_is_shown_nowhere(scene):
    write = Write(change=tenants.create(), password=PASSWORD)
    assert PASSWORD not in repr(write)
    happens_before(scene.wire, items(400, "Request_BadRequest", "weak password"))
    assert PASSWORD not in repr(scene.tenant.carry_out([write]))


@pytest.mark.parametrize(
    "write", [Write(change=tenants.create()), Write(change=licence_for("Frank", "f@x.com"))]
)
def test_a_write_that_lacks_what_it_needs_is_a_mistake_of_the_caller(scene, write):
    with pytest.raises(ValueError, match="has no"):
        scene.tenant.carry_out([write])
    assert scene.sends() == 0


def test_more_writes_than_a_batch_holds_are_a_mistake_of_the_caller(scene):
    with pytest.raises(ValueError, match="21 writes"):
        scene.tenant.carry_out([Write(change=tenants.update())] * 21)


# ---------------------------------------------------------------- looking


def test_a_user_whose_state_makes_no_sense_is_not_read(scene):
    answer = {"responses": [{"id": "0", "status": 200, "body": {"id": "x"}}]}
    scene.wire.before = lambda request: httpx.Response(200, json=answer)
    change = tenants.update()
    assert scene.tenant.observe([change], {}) == {change.address: None}


def test_a_purchase_that_can_not_even_look_is_not_sent(scene):
    def before(request):
        if request.method == "GET" and request.url.path == "/commerce/v1/subscriptions":
            return status(503)(request)
        return None

    scene.wire.before = before
    outcome = scene.carry_out(tenants.buy())
    assert (outcome.status, outcome.code) == ("failed", "unreachable")
    assert scene.sends() == 0
