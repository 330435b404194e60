"""A group is read with all that decides on it, and its changes are waited for, member by member."""

import json
import shutil
from datetime import timedelta

import httpx
import msgspec
import pytest

from reconciler.directory import Write, snapshot
from reconciler.directory.settling import TOLD
from reconciler.model import Assignment, Group
from reconciler.plan import GroupRef, assignments_of, fingerprint
from tests.directory import tenants
from tests.directory.tenants import E3, EMS, GROUP, INTUNE, STATE, VISIO, user_id

STAFF = GroupRef(id="aaaaaaaa-0000-0000-0000-000000000002", name="Staff")
INNER = "aaaaaaaa-0000-0000-0000-000000000003"
DELAY = timedelta(seconds=40)


class Scene:
    """A tenant whose groups take their time, behind a wire; pauses move its clock on."""

    def __init__(self, home, **options):
        self.clock = tenants.Clock()
        self.wire = tenants.Wire(tenants.in_process(home, self.clock, DELAY))
        self.other = tenants.directory(tenants.in_process(home, self.clock))
        options = {"sleep": self.clock.sleep, "clock": self.clock.seconds, **options}
        self.tenant = tenants.directory(self.wire, **options)

    def carry_out(self, *changes):
        """Carry changes out in one batch."""
        return self.tenant.carry_out([Write(change=change) for change in changes])

    def held(self, name):
        """Return what a user holds now."""
        (found,) = [user for user in self.other.read().users if user.upn == f"{name}@contoso.com"]
        return found.assignments

    @property
    def anew(self):
        """Return whose licences were processed anew, in order."""
        return [each.split("/")[-2] for each in self.sent if each.endswith("/reprocessLicenseAssignment")]

    @property
    def sent(self):
        """Return the URLs of all calls inside batches."""
        return [
            each["url"]
            for request in self.wire.requests
            if request.url.path.endswith("/$batch")
            for each in json.loads(request.content)["requests"]
        ]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return tenants.fill(tmp_path_factory.mktemp("groups") / "home")


@pytest.fixture
def scene(prepared, tmp_path):
    made = Scene(shutil.copytree(prepared, tmp_path / "home"))
    yield made
    made.tenant.close()
    made.other.close()


def crowded(tmp_path, seats=1, **options):
    """Return a tenant where a group of two can be given VISIO, of which there are few seats."""
    group = Group(id=STAFF.id, name=STAFF.name, members=tuple(sorted(map(user_id, ("anna", "dirk")))))
    visio = tenants.sku(VISIO, "VISIOCLIENT", seats, 0, ("663a804f-1c30-4ff0-9915-9db84f0d1cea", "VISIO"))
    state = msgspec.structs.replace(
        STATE,
        groups=(*STATE.groups, group),
        skus=tuple(sorted((*STATE.skus, visio), key=lambda sku: sku.id)),
    )
    return Scene(tenants.fill(tmp_path / "crowded", state), **options), tenants.group_licences(
        (VISIO,), state=state, group=STAFF
    )


# ---------------------------------------------------------------- reading


def test_what_decides_on_a_group_is_read(tmp_path):
    """Also of a group that is in another one, and of the groups in that; all come back from a snapshot."""
    groups = (
        Group(
            id=GROUP,
            name="Sales",
            assignments=(Assignment(sku_id=EMS),),
            members=(user_id("bram"),),
            nested=("Inner",),
            dynamic=True,
        ),
        Group(id=STAFF.id, name="Staff", nested=(), synced=True, role_assignable=True),
        Group(id=INNER, name="Inner", members=(user_id("dirk"),), nested=("Staff",)),
    )
    home = tenants.fill(tmp_path / "home", msgspec.structs.replace(STATE, groups=groups))
    with tenants.directory(tenants.in_process(home)) as tenant:
        read = tenant.read()
        assert read.groups == groups
        assert [each.name for each in tenant.protections(["sales"])[1]] == ["Sales"]
    snapshot.write(read, tmp_path / "again.json")
    assert snapshot.load(tmp_path / "again.json") == read


def test_of_member_groups_with_one_name_each_is_told(tmp_path):
    twins = tuple(Group(id=f"aaaaaaaa-0000-0000-0000-00000000000{n}", name="Twin") for n in (3, 4))
    outer = msgspec.structs.replace(STATE.groups[0], nested=("Twin", "Twin"))
    home = tenants.fill(tmp_path / "home", msgspec.structs.replace(STATE, groups=(outer, *twins)))
    with tenants.directory(tenants.in_process(home)) as tenant:
        assert tenant.read().groups == (outer, *twins)


def test_users_are_asked_only_for_the_fields_that_are_used(scene):
    def selected():
        (link,) = [str(each.url) for each in scene.wire.requests if each.url.path == "/v1.0/users"]
        scene.wire.requests.clear()
        return set(httpx.URL(link).params["$select"].split(","))

    users = scene.tenant.read().users
    assert {"department", "state", "employeeType", "createdDateTime"} <= selected()
    used = scene.tenant.read(fields=["department", "created_at", "enabled", "member_of"]).users
    asked = selected()
    assert {"department", "createdDateTime", "assignedLicenses", "usageLocation"} <= asked
    assert asked.isdisjoint({"jobTitle", "state", "employeeType"})
    assert [user.department for user in used] == [user.department for user in users]


def test_groups_cost_a_request_for_each_twenty(tmp_path):
    groups = tuple(
        Group(id=f"aaaaaaaa-0000-0000-0000-{n:012}", name=f"G{n}", assignments=(Assignment(sku_id=EMS),))
        for n in range(50)
    )
    scene = Scene(tenants.fill(tmp_path / "home", msgspec.structs.replace(STATE, groups=groups)))
    scene.tenant.read()
    batches = [each for each in scene.wire.requests if each.url.path.endswith("/$batch")]
    assert (len(batches), len(scene.wire.requests)) == (4, 6)


# ---------------------------------------------------------------- looking


def test_a_group_is_seen_with_the_fingerprints_of_its_members(scene):
    change = tenants.group_licences()
    seen = scene.tenant.observe([change], {})[change.address]
    assert seen == {
        "assignments": [{"sku_id": EMS, "disabled_plans": []}],
        "members": {user_id("bram"): fingerprint(tenants.of("bram").assignments)},
        "upns": {user_id("bram"): "bram@contoso.com"},
    }


def test_the_members_of_a_large_group_are_seen_to_the_end(tmp_path):
    users = [tenants.user(f"u{n:04}") for n in range(1001)]
    users = [msgspec.structs.replace(user, id=f"{n:032x}") for n, user in enumerate(users)]
    group = msgspec.structs.replace(STATE.groups[0], members=tuple(user.id for user in users))
    state = msgspec.structs.replace(STATE, users=(*STATE.users, *users), groups=(group,))
    scene = Scene(tenants.fill(tmp_path / "home", state))
    change = tenants.group_licences(state=state)
    assert len(scene.tenant.observe([change], {})[change.address]["members"]) == 1001


def test_whether_a_user_is_a_member_is_seen_with_what_the_user_holds(scene):
    joins, leaves, stranger = tenants.join(), tenants.leave(), tenants.join("anna")
    stranger = msgspec.structs.replace(
        stranger, address="x", user=msgspec.structs.replace(stranger.user, id=None, upn="nobody@contoso.com")
    )
    assert scene.tenant.observe([joins, leaves, stranger], {}) == {
        joins.address: {"member": False, "assignments": assignments_of(tenants.of("anna"))},
        leaves.address: {"member": True, "assignments": assignments_of(tenants.of("bram"))},
        "x": {},
    }


def test_a_group_that_is_gone_holds_nothing(scene):
    gone = msgspec.structs.replace(tenants.group_licences(), group=STAFF)
    assert scene.tenant.observe([gone], {}) == {gone.address: {}}


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: httpx.Response(403, json={}),
        lambda request: httpx.Response(200, json={"responses": [{"id": "0", "status": 200, "body": {}}]}),
        lambda request: httpx.Response(200, json={"responses": [{"id": "0", "status": 403, "body": {}}]}),
    ],
    ids=["refused", "senseless", "item refused"],
)
def test_a_group_that_can_not_be_read_is_none(scene, answer):
    scene.wire.before = lambda request: answer(request) if request.method == "POST" else None
    changes = [tenants.group_licences(), tenants.join()]
    for change in changes:
        assert scene.tenant.observe([change], {}) == {change.address: None}


def test_members_that_can_not_be_listed_make_a_group_unreadable(scene):
    def listing(request):
        return httpx.Response(403, json={}) if "/members/" in request.url.path else None

    scene.wire.before = listing
    change = tenants.group_licences()
    assert scene.tenant.observe([change], {}) == {change.address: None}


def test_groups_of_a_user_that_can_not_be_listed_make_the_member_unreadable(scene):
    def spoiled(request, response):
        answers = response.json()["responses"]
        answers[1] |= {"status": 403, "body": {}}
        return httpx.Response(200, json={"responses": answers})

    scene.wire.after = spoiled
    change = tenants.join()
    assert scene.tenant.observe([change], {}) == {change.address: None}


# ---------------------------------------------------------------- waiting


def test_what_a_group_gives_and_takes_is_waited_for(scene):
    (outcome,) = scene.carry_out(tenants.group_licences((E3,), (EMS,)))
    assert (outcome.status, outcome.code, outcome.http_status) == ("done", None, 202)
    assert scene.held("bram") == (Assignment(sku_id=E3, assigned_by=GROUP),)
    assert sum(scene.clock.pauses) >= DELAY.seconds
    assert scene.clock.pauses[:4] == [1.0, 2.0, 4.0, 8.0]


def test_plans_that_a_group_switches_off_are_waited_for(scene):
    (outcome,) = scene.carry_out(tenants.group_licences((), (), ((EMS, INTUNE),)))
    assert outcome.status == "done"
    assert scene.held("bram") == (Assignment(sku_id=EMS, assigned_by=GROUP, disabled_plans=(INTUNE,)),)


def test_whoever_joins_or_leaves_is_waited_for(scene):
    """In one batch together, while nobody waits for the other members."""
    joins, leaves = scene.carry_out(tenants.join(), tenants.leave())
    assert (joins.status, leaves.status, joins.user_id) == ("done", "done", user_id("anna"))
    assert Assignment(sku_id=EMS, assigned_by=GROUP) in scene.held("anna")
    assert scene.held("bram") == ()
    assert DELAY.seconds <= sum(scene.clock.pauses) < 2 * DELAY.seconds


def test_other_writes_of_the_batch_are_not_held_up_for_what_they_are(scene):
    done, failed, joins = scene.carry_out(tenants.update("dirk"), tenants.take("carla"), tenants.join())
    assert [each.status for each in (done, failed, joins)] == ["done", "failed", "done"]


def test_a_group_without_members_and_one_that_gives_nothing_are_not_waited_for(tmp_path):
    scene, _ = crowded(tmp_path)
    nothing = tenants.join("bram", group=STAFF)
    nothing = msgspec.structs.replace(
        nothing, after={"member": True, "assignments": nothing.before["assignments"]}
    )
    assert [each.status for each in scene.carry_out(nothing)] == ["done"]
    assert scene.clock.pauses == []


def test_patience_ends(tmp_path, prepared):
    """The write is made; that its members have not followed is not known to be wrong."""
    scene = Scene(shutil.copytree(prepared, tmp_path / "home"), patience=20.0)
    licences, joins = scene.carry_out(tenants.group_licences(), tenants.join())
    assert (licences.status, licences.code, licences.params) == (
        "unsettled",
        "group-not-settled",
        {"waiting": 2},
    )
    assert (joins.status, joins.code, joins.params) == ("unsettled", "group-not-settled", {"waiting": 1})
    assert sum(scene.clock.pauses) == 20.0
    assert len(scene.wire.commits) == 2


def test_without_patience_one_look_is_taken(tmp_path):
    scene, change = crowded(tmp_path, patience=0)
    (outcome,) = scene.carry_out(change)
    assert (outcome.status, outcome.params, scene.clock.pauses) == ("unsettled", {"waiting": 2}, [])


@pytest.mark.parametrize("fault", [httpx.ReadTimeout("slow"), "item"])
def test_looks_that_fail_while_waiting_are_taken_again(scene, fault):
    left = [5]

    def after(request, response):
        if len(scene.wire.commits) and left[0] and "members/$ref" not in str(request.content):
            left[0] -= 1
            if fault == "item":
                return httpx.Response(200, json={"responses": [{"id": "0", "status": 403, "body": {}}]})
            raise fault
        return response

    scene.wire.after = after
    (outcome,) = scene.carry_out(tenants.join())
    assert (outcome.status, left) == ("done", [0])


@pytest.mark.parametrize("change", [tenants.group_licences(), tenants.join()], ids=lambda each: each.kind)
def test_a_tenant_that_shows_nothing_more_leaves_an_unknown(scene, change):
    def after(request, response):
        looks = request.method == "GET" or b'"GET"' in request.content
        return httpx.Response(403, json={}) if scene.wire.commits and looks else response

    scene.wire.after = after
    (outcome,) = scene.carry_out(change)
    assert (outcome.status, outcome.code, outcome.params) == (
        "unsettled",
        "group-not-settled",
        {"waiting": None},
    )


def test_a_user_who_makes_no_sense_is_looked_at_again(scene):
    left = [1]

    def after(request, response):
        if scene.wire.commits and left[0] and b'"GET"' in request.content:
            left[0] -= 1
            return httpx.Response(200, json={"responses": [{"id": "0", "status": 200, "body": {"id": 1}}]})
        return response

    scene.wire.after = after
    assert [each.status for each in scene.carry_out(tenants.join())] == ["done"]


# ---------------------------------------------------------------- members in error


def test_members_whom_a_group_does_not_reach_are_named(tmp_path):
    """Each was processed anew once; nobody else was."""
    scene, change = crowded(tmp_path)
    (outcome,) = scene.carry_out(change)
    assert (outcome.status, outcome.code, outcome.http_status) == ("failed", "member-errors", 202)
    (failing,) = outcome.params["members"]
    assert failing["error"] == "CountViolation"
    assert outcome.params["count"] == 1
    assert [f"{name}@contoso.com" for name in ("anna", "dirk") if user_id(name) in scene.anew] == [
        failing["upn"]
    ]
    assert len(scene.anew) == 1


def test_a_member_for_whom_a_seat_came_free_is_reached_when_processed_anew(tmp_path):
    """The tenant tries nobody again by itself."""
    scene, change = crowded(tmp_path)
    bought = []

    def before(request):
        if b"reprocess" in request.content and not bought:
            buy = tenants.buy(VISIO, "VISIOCLIENT", before=1, after=2)
            bought.extend(scene.other.carry_out([Write(change=buy)]))

    scene.wire.before = before
    assert [each.status for each in scene.carry_out(change)] == ["done"]
    assert bought[0].status == "done"
    assert Assignment(sku_id=VISIO, assigned_by=STAFF.id) in scene.held("anna")


@pytest.mark.parametrize(
    ("reply", "times"),
    [
        (httpx.Response(429, json={}), 3),
        (httpx.ConnectError("refused"), 3),
        (httpx.ReadTimeout("slow"), 1),
        (httpx.Response(403, json={}), 1),
    ],
    ids=["busy", "not reached", "lost", "forbidden"],
)
def test_processing_anew_is_asked_for_once_unless_the_tenant_did_not_hear_it(tmp_path, reply, times):
    scene, change = crowded(tmp_path)
    left = [2]

    def before(request):
        if b"reprocess" in request.content and left[0]:
            left[0] -= 1
            if isinstance(reply, Exception):
                raise reply
            return reply
        return None

    scene.wire.before = before
    (outcome,) = scene.carry_out(change)
    assert (outcome.status, outcome.code) == ("failed", "member-errors")
    assert len(scene.anew) == times


def test_of_many_members_in_error_twenty_are_named(tmp_path):
    users = [msgspec.structs.replace(tenants.user(f"u{n:02}"), id=f"{n:032x}") for n in range(45)]
    group = Group(id=STAFF.id, name=STAFF.name, members=tuple(user.id for user in users))
    state = msgspec.structs.replace(STATE, users=(*STATE.users, *users), groups=(*STATE.groups, group))
    scene = Scene(tenants.fill(tmp_path / "home", state))
    (outcome,) = scene.carry_out(tenants.group_licences((EMS,), state=state, group=STAFF))
    assert (outcome.code, outcome.params["count"], len(outcome.params["members"])) == (
        "member-errors",
        45 - 4,
        TOLD,
    )
    assert len(scene.anew) == len(set(scene.anew)) == 45 - 4


def test_an_error_and_an_open_end_are_told_together(tmp_path):
    """One member is in error, of another nothing is to be seen yet."""
    scene, change = crowded(tmp_path, patience=100.0)

    def after(request, response):
        if request.method == "GET" and "/members/" in request.url.path:
            rows = response.json()["value"]
            for row in rows:
                if not any(each["state"] == "Error" for each in row["licenseAssignmentStates"]):
                    row |= {"assignedLicenses": [], "licenseAssignmentStates": []}
            return httpx.Response(200, json={"value": rows})
        return response

    scene.wire.after = after
    (outcome,) = scene.carry_out(change)
    assert (outcome.status, outcome.code, outcome.params["waiting"]) == ("unsettled", "group-not-settled", 1)
    assert [each["error"] for each in outcome.params["members"]] == ["CountViolation"]
    assert len(scene.anew) == 1


# ---------------------------------------------------------------- refusals


def test_whoever_is_a_member_already_and_whoever_is_none_are_told(scene):
    again = msgspec.structs.replace(tenants.join("bram"), before={"member": False, "assignments": []})
    never = tenants.leave("dirk")
    outcomes = scene.carry_out(again, never)
    assert [(each.status, each.code) for each in outcomes] == [
        ("failed", "already-member"),
        ("failed", "not-found"),
    ]


def test_a_licence_that_a_group_can_not_have_has_a_code(scene):
    change = tenants.group_licences((VISIO,))
    assert [(each.status, each.code) for each in scene.carry_out(change)] == [("failed", "unknown-sku")]


def test_a_membership_that_is_not_ours_to_change_is_refused(tmp_path):
    group = msgspec.structs.replace(STATE.groups[0], dynamic=True)
    scene = Scene(tenants.fill(tmp_path / "home", msgspec.structs.replace(STATE, groups=(group,))))
    assert [(each.status, each.code) for each in scene.carry_out(tenants.leave())] == [("failed", "rejected")]


def test_a_user_of_this_run_who_is_no_valid_reference_yet_is_waited_for(scene):
    (created,) = scene.tenant.carry_out([Write(change=tenants.create(), password=tenants.PASSWORD)])
    change = tenants.join("anna")
    user = msgspec.structs.replace(change.user, id=None, upn="frank@contoso.com")
    given = [{"sku_id": EMS, "disabled_plans": [], "assigned_by": GROUP}]
    change = msgspec.structs.replace(
        change,
        user=user,
        before={"member": False, "assignments": []},
        after={"member": True, "assignments": given},
    )
    left = [2]

    def before(request):
        if b"members/$ref" in request.content and left[0]:
            left[0] -= 1
            body = {"error": {"code": "Request_BadRequest", "message": "Not a valid reference update."}}
            return httpx.Response(200, json={"responses": [{"id": "0", "status": 400, "body": body}]})
        return None

    scene.wire.before = before
    (outcome,) = scene.tenant.carry_out([Write(change=change, user_id=created.user_id)])
    assert (outcome.status, left) == ("done", [0])


def test_a_look_at_a_user_of_this_run_who_joins_waits_for_the_replicas(scene):
    (created,) = scene.tenant.carry_out([Write(change=tenants.create(), password=tenants.PASSWORD)])
    change = tenants.join("anna")
    user = msgspec.structs.replace(change.user, id=None, upn="frank@contoso.com")
    left = [2]

    def before(request):
        if left[0]:
            left[0] -= 1
            return httpx.Response(
                200, json={"responses": [{"id": str(n), "status": 404, "body": {}} for n in range(2)]}
            )
        return None

    scene.wire.before = before
    change = msgspec.structs.replace(change, user=user)
    seen = scene.tenant.observe([change], {"frank@contoso.com": created.user_id})
    assert seen == {change.address: {"member": False, "assignments": []}}
    assert scene.clock.pauses == [2.0, 4.0]


def test_what_a_group_brings_meanwhile_leaves_no_doubt_about_a_users_own_licence(scene):
    """The answer is lost, and when the user is looked at the group's licence has come as well."""
    left = [1]

    def after(request, response):
        if b"assignLicense" in request.content and left[0]:
            left[0] -= 1
            scene.other.carry_out([Write(change=tenants.join("admin"))])
            scene.clock.now += DELAY
            raise httpx.ReadTimeout("slow")
        return response

    scene.wire.after = after
    assert [each.status for each in scene.carry_out(tenants.take())] == ["done"]
    assert len(scene.held("admin")) == 2


def test_a_change_that_names_no_group_is_a_mistake_of_the_caller(scene):
    with pytest.raises(ValueError, match="names no group"):
        scene.carry_out(msgspec.structs.replace(tenants.group_licences(), group=None))
