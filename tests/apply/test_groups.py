"""Changes of groups, carried out through Graph on the sandbox, whose groups take their time."""

import httpx
import msgspec
import pytest

from reconciler import journal
from reconciler.apply import run as carry_out
from reconciler.directory import Write
from reconciler.journal import Journal, Member
from reconciler.model import Group
from reconciler.plan import GroupRef, fingerprint
from tests.apply.bench import plan_of, statuses
from tests.directory import tenants
from tests.directory.tenants import E3, EMS, GROUP, NOW, STATE, user_id
from tests.directory.test_groups import Scene

STAFF = GroupRef(id="aaaaaaaa-0000-0000-0000-000000000002", name="Staff")
MANY = msgspec.structs.replace(STATE.groups[0], members=tuple(sorted(map(user_id, ("anna", "bram")))))
BOTH = msgspec.structs.replace(
    STATE,
    groups=(MANY, Group(id=STAFF.id, name=STAFF.name, members=(user_id("anna"),))),
)
"""Anna is in Sales without having its licence yet, as after a failure; and in Staff, which gives nothing."""


class Apply(Scene):
    """A tenant and a journal in a folder."""

    def __init__(self, tmp_path, state=STATE, **options):
        super().__init__(tenants.fill(tmp_path / "home", state), **options)
        self.path = tmp_path / "journal.jsonl"

    def run(self, *changes):
        """Carry out a plan of these changes."""
        plan = plan_of(*changes)
        with Journal(self.path, clock=self.clock) as log:
            log.begin(
                tool_version="0.1.0",
                plan_digest="sha256:p",
                desired_digest="sha256:d",
                tenant=plan.tenant,
                actor=plan.actor,
                options={},
                changes=len(plan.ready),
            )
            return carry_out(plan, self.tenant, log, on_result=lambda _: None)

    def meanwhile(self, change):
        """Let somebody else carry a change out."""
        (outcome,) = self.other.carry_out([Write(change=change)])
        assert outcome.status == "done"


@pytest.fixture
def scene(tmp_path):
    made = Apply(tmp_path)
    yield made
    made.tenant.close()
    made.other.close()


def dropped(*waits, name="anna", group=GROUP):
    """Return the change that takes a user's direct E3 once a group gives it."""
    inherited = {"sku_id": E3, "disabled_plans": [], "assigned_by": group}
    change = tenants.give_back(name)
    before = [*change.before["assignments"], inherited]
    return msgspec.structs.replace(
        change,
        before={**change.before, "assignments": before},
        after={**change.after, "assignments": [inherited]},
        depends_on=tuple(waits),
    )


# ------------------------------------------------------------ one after the other


def test_a_licence_moves_from_a_user_to_a_group_without_a_gap(scene):
    """The direct one goes only when everybody has the group's; Anna joins a group that gives it already."""
    gives = tenants.group_licences()
    joins = tenants.join("anna", EMS, E3)
    joins = msgspec.structs.replace(joins, depends_on=(gives.address,))
    both = [
        {"sku_id": E3, "disabled_plans": [], "assigned_by": GROUP},
        {"sku_id": EMS, "disabled_plans": [], "assigned_by": GROUP},
    ]
    drops = dropped(joins.address)
    drops = msgspec.structs.replace(
        drops,
        before={**drops.before, "assignments": [drops.before["assignments"][0], *both]},
        after={**drops.after, "assignments": both},
    )
    done = scene.run(gives, joins, drops)
    assert statuses(done) == {gives.address: "done", joins.address: "done", drops.address: "done"}
    assert {(a.sku_id, a.assigned_by) for a in scene.held("anna")} == {(E3, GROUP), (EMS, GROUP)}
    assert done.exit_code == 0


def test_what_waits_for_members_who_do_not_follow_in_time_is_not_tried(tmp_path):
    scene = Apply(tmp_path, patience=10.0)
    joins = tenants.join("dirk")
    drops = tenants.give_back("dirk")
    drops = msgspec.structs.replace(drops, depends_on=(joins.address,))
    done = scene.run(joins, drops)
    assert [(each.status, each.code, each.params) for each in done.results] == [
        ("unsettled", "group-not-settled", {"waiting": 1}),
        ("skipped", "waits", {"on": joins.address, "status": "unsettled"}),
    ]
    assert done.exit_code == 5


def test_what_waits_for_members_in_error_is_not_tried(tmp_path):
    full = tuple(msgspec.structs.replace(sku, enabled=1) if sku.id == EMS else sku for sku in STATE.skus)
    subscriptions = tuple(
        msgspec.structs.replace(each, seats=1) if each.sku_id == EMS else each for each in STATE.subscriptions
    )
    scene = Apply(tmp_path, msgspec.structs.replace(STATE, skus=full, subscriptions=subscriptions))
    joins = tenants.join("dirk")
    drops = msgspec.structs.replace(tenants.give_back("dirk"), depends_on=(joins.address,))
    done = scene.run(joins, drops)
    assert [(each.status, each.code) for each in done.results] == [
        ("failed", "member-errors"),
        ("skipped", "waits"),
    ]
    assert done.results[0].params == {
        "members": [{"upn": "dirk@contoso.com", "error": "CountViolation"}],
        "count": 1,
    }
    assert done.exit_code == 4


def test_a_user_who_is_created_joins_a_group(scene):
    made = tenants.create()
    joins = msgspec.structs.replace(
        tenants.join("anna"),
        user=made.user,
        before={"member": False, "assignments": []},
        after={
            "member": True,
            "assignments": [{"sku_id": EMS, "disabled_plans": [], "assigned_by": GROUP}],
        },
        depends_on=(made.address,),
    )
    gives = tenants.group_licences()
    done = scene.run(made, joins, msgspec.structs.replace(gives, depends_on=(joins.address,)))
    assert set(statuses(done).values()) == {"done"}
    assert [a.sku_id for a in scene.held("frank")] == sorted([E3, EMS])


# ------------------------------------------------------------ what moved, and who moved it


def test_a_group_whose_member_holds_other_licences_by_now_is_stale_and_names_the_member(scene):
    change = tenants.group_licences()
    scene.meanwhile(tenants.take("bram", E3))
    (told,) = scene.run(change).results
    (move,) = told.params["moved"]
    assert (told.status, told.code, move["path"]) == ("stale", "moved", ["members", "bram@contoso.com"])
    assert move["expected"] == change.before["members"][user_id("bram")] != move["found"]
    assert scene.wire.commits == []


def test_a_group_that_somebody_joined_or_left_is_stale(scene):
    scene.meanwhile(tenants.join("dirk"))
    scene.meanwhile(tenants.leave("bram"))
    scene.clock.sleep(60)
    (told,) = scene.run(tenants.group_licences()).results
    # Bram is no longer seen, and gains or loses: the plan knows his name; Dirk's the tenant tells.
    assert [(move["path"][1], move["expected"] is None) for move in told.params["moved"]] == [
        ("bram@contoso.com", False),
        ("dirk@contoso.com", True),
    ]


def test_a_group_whose_licences_moved_is_stale_and_one_that_has_them_is_done(scene):
    change, other = tenants.group_licences(), tenants.group_licences((), (EMS,))
    assert statuses(scene.run(change)) == {change.address: "done"}
    (told,) = scene.run(change).results
    assert told.status == "already-done"
    (told,) = scene.run(other).results
    assert (told.status, told.params["moved"][0]["path"]) == ("stale", ["assignments", E3])


def test_what_the_run_itself_does_to_members_makes_no_group_stale(tmp_path):
    """Anna gets a licence of her own, Dirk joins and Bram leaves, in any order with the group's change."""
    scene = Apply(tmp_path, BOTH)
    own = tenants.swap()
    gives = tenants.group_licences((E3,), state=BOTH)
    gives = msgspec.structs.replace(gives, depends_on=(own.address,))
    joins = msgspec.structs.replace(tenants.join("dirk", EMS, E3), depends_on=(gives.address,))
    done = scene.run(own, gives, joins)
    assert set(statuses(done).values()) == {"done"}


def test_what_two_groups_do_to_one_member_makes_neither_stale(tmp_path):
    scene = Apply(tmp_path, BOTH)
    one = tenants.group_licences((E3,), state=BOTH)
    two = msgspec.structs.replace(
        tenants.group_licences((EMS,), state=BOTH, group=STAFF), depends_on=(one.address,)
    )
    assert set(statuses(scene.run(one, two)).values()) == {"done"}


def test_licences_that_a_group_brings_meanwhile_make_no_user_stale(scene):
    """Nothing orders the two, so that the inherited licence may be there or not."""
    gives = tenants.group_licences()
    own = tenants.take("bram", E3)
    own = msgspec.structs.replace(
        own,
        after={
            **own.after,
            "assignments": [
                {"sku_id": E3, "disabled_plans": [], "assigned_by": None},
                *own.before["assignments"],
            ],
        },
    )
    scene.meanwhile(gives)
    scene.clock.sleep(60)
    assert statuses(scene.run(own, gives)) == {own.address: "done", gives.address: "already-done"}


def test_licences_that_a_group_should_have_brought_by_now_are_expected(scene):
    """Where the plan orders the two, the direct licence is not dropped unless the other is really there."""
    gives = tenants.group_licences()
    drops = dropped(gives.address)
    done = scene.run(gives, drops)  # Anna is no member: the group's licence never comes to her
    assert [(each.status, each.code) for each in done.results] == [("done", None), ("stale", "moved")]
    assert [move["path"] for move in done.results[1].params["moved"]] == [["assignments", f"{E3} by {GROUP}"]]


# ------------------------------------------------------------ on record


def test_the_journal_names_the_group_and_what_its_members_lose(scene):
    """No fingerprint stands there: what a member lost is told, and is a removal from that moment."""
    change = tenants.group_licences((E3,), (EMS,), gains=(E3,), loses=(EMS, "NOT-OF-THE-GROUP"))
    scene.run(change)
    (told,) = journal.runs(scene.path)
    (intent,) = told.intents
    assert (intent.group, intent.user) == (change.group, None)
    assert intent.members == (Member(id=user_id("bram"), upn="bram@contoso.com", gains=(E3,), loses=(EMS,)),)
    assert intent.before == {"assignments": change.before["assignments"]}
    (removal,) = journal.removals(scene.path)
    assert (removal.user_id, removal.sku_id) == (user_id("bram"), EMS)


def test_whoever_leaves_a_group_has_lost_what_it_gave_and_whoever_joins_has_it_back(scene):
    scene.run(tenants.leave())
    (removal,) = journal.removals(scene.path)
    assert (removal.user_id, removal.sku_id, removal.removed_at > NOW) == (user_id("bram"), EMS, True)
    back = tenants.join("bram")
    given = [{"sku_id": EMS, "disabled_plans": [], "assigned_by": GROUP}]
    back = msgspec.structs.replace(
        back, before={"member": False, "assignments": []}, after={"member": True, "assignments": given}
    )
    scene.run(back)
    assert journal.removals(scene.path) == ()


@pytest.mark.parametrize("lost_after", [False, True], ids=["before the commit", "after it"])
@pytest.mark.parametrize(
    "change", [tenants.group_licences(), tenants.join(), tenants.leave()], ids=lambda each: each.kind
)
def test_a_run_that_was_killed_is_gone_on_with_and_nothing_is_written_twice(scene, change, lost_after):
    """The same plan again: what was written is there, what was not is written."""

    class Kill(BaseException):
        pass

    def kill(request, response=None):
        if request.url.path.endswith("/$batch") and b'"GET"' not in request.content and not killed:
            killed.append(request)
            raise Kill
        return response

    killed = []
    setattr(scene.wire, "after" if lost_after else "before", kill)
    ended = scene.run(change)
    assert isinstance(ended.error, Kill)
    assert [each.status for each in ended.results] == ["unknown"]
    scene.clock.sleep(60)
    again = scene.run(change)
    assert statuses(again) == {change.address: "already-done" if lost_after else "done"}
    assert len(scene.wire.commits) == 1


def test_a_lost_answer_is_settled_and_the_members_are_waited_for_all_the_same(scene):
    left = [1]

    def after(request, response):
        if b"assignLicense" in request.content and left[0]:
            left[0] -= 1
            raise httpx.ReadTimeout("slow")
        return response

    scene.wire.after = after
    change = tenants.group_licences()
    assert statuses(scene.run(change)) == {change.address: "done"}
    assert fingerprint(scene.held("bram")) != change.before["members"][user_id("bram")]
    assert len(scene.wire.commits) == 1
