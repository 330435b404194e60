"""What the tenant accepted is shown by it within a bound, or is told to be unsettled."""

import threading

import pytest

from reconciler.errors import DirectoryError
from tests.apply.bench import (
    creation,
    group_licences,
    held,
    licences,
    membership,
    plan_of,
    profile,
    replace,
    result,
    statuses,
)
from tests.apply.test_engine import Broken


def deletion(upn, **more):
    before = {"deleted": False, "enabled": True}
    change = replace(profile(upn, before, {"deleted": True}), address=f"users/{upn}", kind="delete-user")
    return replace(change, **more)


def watched(bench):
    return [address for event, address in bench.tenant.log if event == "watch"]


# ---------------------------------------------------------------- at the end of a run


def test_each_written_user_is_looked_at_twice_when_all_is_sent(bench):
    changes = [licences(f"u{n:02}", [], ["e3"]) for n in range(21)]
    bench.tenant.hold(*changes)
    run = bench.run(plan_of(*changes), parallelism=1)
    assert (set(statuses(run).values()), run.exit_code) == ({"done"}, 0)
    addresses = [change.address for change in changes]
    assert watched(bench) == addresses * 2
    assert bench.tenant.log.index(("watch", addresses[0])) > bench.tenant.log.index(("write", addresses[-1]))


def test_what_is_shown_late_is_done(bench):
    change = licences("anna", ["e1"], ["e3"])
    bench.tenant.hold(change)
    bench.tenant.lags[change.address] = (dict(change.before), 2)
    waits = []
    run = bench.run(plan_of(change), on_wait=waits.append)
    assert (statuses(run), run.exit_code) == ({change.address: "done"}, 0)
    assert len(watched(bench)) == 4
    assert waits == [1]
    assert [each.status for each in bench.told] == ["done"]


def test_nothing_is_waited_for_where_all_is_shown_at_once(bench):
    change = licences("anna", ["e1"], ["e3"])
    bench.tenant.hold(change)
    waits = []
    bench.run(plan_of(change), on_wait=waits.append)
    assert waits == []


@pytest.mark.parametrize("seen", [{"assignments": held("e1")}, {}, None], ids=["as before", "gone", "unread"])
def test_what_is_not_shown_in_time_is_unsettled(bench, seen):
    """The tenant said that it was done, so it is not unknown; it is not seen either."""
    late, fine = licences("anna", ["e1"], ["e3"]), licences("bram", [], ["e3"])
    bench.tenant.hold(late, fine)
    bench.tenant.lags[late.address] = (seen, 99)
    run = bench.run(plan_of(late, fine))
    assert statuses(run) == {late.address: "unsettled", fine.address: "done"}
    assert (run.exit_code, run.counts["unsettled"], run.counts["done"]) == (5, 1, 1)
    assert result(run, late.address).code == "not-shown"
    assert bench.journal().verified == {fine.address}
    assert result(run, late.address).request_id == "r-1"
    assert [(each.address, each.status) for each in bench.told[2:]] == [(late.address, "unsettled")]


def test_the_journal_tells_both_and_counts_the_later_one(bench):
    change = licences("anna", ["e1"], ["e3"])
    bench.tenant.hold(change)
    bench.tenant.lags[change.address] = ({}, 99)
    bench.run(plan_of(change))
    assert bench.path.read_text(encoding="utf-8").count('"type":"result"') == 2
    journal = bench.journal()
    assert [each.status for each in journal.results] == ["unsettled"]
    assert (journal.end.exit_code, journal.end.counts["unsettled"], journal.end.counts["done"]) == (5, 1, 0)


def test_one_look_that_shows_it_is_not_enough(bench):
    """The next may be answered by a copy that does not know of it yet."""
    change = licences("anna", ["e1"], ["e3"])
    bench.tenant.hold(change)
    shown, hidden = dict(change.after), dict(change.before)
    seen = iter([shown, hidden, shown, hidden, shown])
    look = bench.tenant.look
    bench.tenant.look = lambda each: next(seen) if bench.tenant.written else look(each)
    assert statuses(bench.run(plan_of(change))) == {change.address: "unsettled"}


def test_what_was_not_written_by_this_run_is_not_looked_at(bench):
    already = licences("anna", ["e1"], ["e3"])
    refused, lost = licences("bram", [], ["e3"]), licences("chris", [], ["e3"])
    bench.tenant.hold(replace(already, before=already.after), refused, lost)
    bench.tenant.refuse.add(refused.address)
    bench.tenant.lose.add(lost.address)
    run = bench.run(plan_of(already, refused, lost))
    assert set(statuses(run).values()) == {"already-done", "failed", "unknown"}
    assert watched(bench) == []


def test_a_user_who_is_deleted_in_the_end_has_no_licences_to_show(bench):
    first = licences("anna", ["e1"], [])
    last = deletion("anna", depends_on=(first.address,))
    bench.tenant.hold(first, last)
    run = bench.run(plan_of(first, last))
    assert statuses(run) == {first.address: "done", last.address: "done"}
    assert set(watched(bench)) == {last.address}


def test_licences_from_groups_are_no_part_of_what_a_user_shows(bench):
    """They come and go with the groups' own changes, later than this one."""
    change = licences("anna", ["e1"], ["e3"])
    bench.tenant.hold(change)
    seen = {**change.after, "assignments": [*held("e3"), *held("ems", group_id="g")]}
    bench.tenant.lags[change.address] = (seen, 99)
    assert statuses(bench.run(plan_of(change))) == {change.address: "done"}


def test_a_created_user_is_looked_at_under_the_new_id(bench):
    change = creation("zoe")
    asked = []
    watch = bench.tenant.watch
    bench.tenant.watch = lambda changes, ids, *args, **options: (
        asked.append(dict(ids)) or watch(changes, ids, *args, **options)
    )
    assert statuses(bench.run(plan_of(change))) == {change.address: "done"}
    assert asked == [{"zoe": "new-zoe"}]


def test_an_interrupted_run_waits_for_nothing(bench):
    """Before the first look, or when there is a pause to make."""
    change, stop = licences("anna", ["e1"], ["e3"]), threading.Event()
    bench.tenant.hold(change)
    bench.tenant.lags[change.address] = ({}, 99)
    run = bench.run(plan_of(change), stop=stop, on_wait=lambda _: stop.set())
    assert (statuses(run), watched(bench)) == ({change.address: "done"}, [change.address])
    bench.tenant.before_write = lambda _: stop.set()
    stop.clear()
    bench.tenant.log.clear()
    other = licences("bram", ["e1"], ["e3"])
    bench.tenant.hold(other)
    run = bench.run(plan_of(other), stop=stop)
    assert (statuses(run), watched(bench)) == ({other.address: "done"}, [])


def test_a_tenant_that_can_not_be_asked_any_more_leaves_what_it_said(bench):
    change, error = licences("anna", ["e1"], ["e3"]), DirectoryError("unauthorized")
    bench.tenant.hold(change)
    run = bench.run(plan_of(change), directory=Broken(bench.tenant, "watch", error), failing=True)
    assert (statuses(run), run.error, run.exit_code) == ({change.address: "done"}, error, 1)


def test_after_an_error_nothing_is_looked_at(bench):
    changes = [licences(f"u{n:02}", [], ["e3"]) for n in range(21)]
    bench.tenant.hold(*changes)
    calls = []
    carry_out = bench.tenant.carry_out

    def fail(writes):
        calls.append(writes)
        if len(calls) == 2:
            raise DirectoryError("unreachable")
        return carry_out(writes)

    bench.tenant.carry_out = fail
    run = bench.run(plan_of(*changes), parallelism=1, failing=True)
    assert ([each.status for each in run.results].count("done"), watched(bench)) == (20, [])


# ---------------------------------------------------------------- between two changes of one user


def test_an_object_that_this_run_wrote_is_given_time_to_show_it(bench):
    first = profile("anna", {"usage_location": None}, {"usage_location": "NL"})
    second = licences("anna", [], ["e3"], location=None, planned={"usage_location": "NL"})
    second = replace(second, depends_on=(first.address,))
    bench.tenant.hold(first, second)
    stale = {"assignments": [], "usage_location": None, "enabled": True}
    look, looks = bench.tenant.look, []

    def lagging(change):
        if change.address == second.address and bench.tenant.written == [first.address]:
            looks.append(change)
            if len(looks) <= 3:
                return stale
        return look(change)

    bench.tenant.look = lagging
    run = bench.run(plan_of(first, second))
    assert statuses(run) == {first.address: "done", second.address: "done"}
    assert len(looks) == 4


def test_an_object_that_does_not_come_to_show_it_moved(bench):
    first = profile("anna", {"city": None}, {"city": "Delft"})
    second = replace(licences("anna", [], ["e3"]), depends_on=(first.address,))
    bench.tenant.hold(first, second)
    bench.tenant.objects["anna"]["assignments"] = held("ems")
    run = bench.run(plan_of(first, second))
    assert statuses(run) == {first.address: "done", second.address: "stale"}
    assert watched(bench).count(second.address) == bench.tenant.patience


def test_nobody_waits_for_what_somebody_else_moved(bench):
    change = licences("anna", [], ["e3"])
    bench.tenant.hold(change)
    bench.tenant.objects["anna"]["assignments"] = held("ems")
    assert statuses(bench.run(plan_of(change))) == {change.address: "stale"}
    assert watched(bench) == []


def test_a_member_whose_group_was_written_is_given_time_too(bench):
    group = group_licences("g", [], ["ems"], members=["anna"])
    change = replace(licences("anna", ["e3"], []), depends_on=(group.address,))
    change = replace(
        change, before={**change.before, "assignments": [*held("e3"), *held("ems", group_id="g")]}
    )
    bench.tenant.hold(change)
    bench.tenant.objects["g"] = dict(group.before)
    key = bench.tenant.key
    bench.tenant.key = lambda each: each.group.id if each.group and not each.user else key(each)
    bench.tenant.objects["anna"]["assignments"] = held("e3")
    look, looks = bench.tenant.look, []

    def lagging(each):
        if each.address == change.address:
            looks.append(each)
            if len(looks) == 3:
                bench.tenant.objects["anna"]["assignments"] += held("ems", group_id="g")
        return look(each)

    bench.tenant.look = lagging
    run = bench.run(plan_of(group, change))
    assert statuses(run) == {group.address: "done", change.address: "done"}


def test_members_that_come_and_go_are_not_looked_at_again(bench):
    """They were waited for when it was written."""
    change = membership("add-member", "anna", "g")
    bench.tenant.hold(change)
    assert statuses(bench.run(plan_of(change))) == {change.address: "done"}
    assert watched(bench) == []


# ---------------------------------------------------------------- a stop while a batch waits for its turn


def test_a_batch_that_waits_for_its_turn_when_the_run_is_stopped_is_not_tried(bench):
    change, stop = licences("anna", ["e1"], ["e3"]), threading.Event()
    bench.tenant.hold(change)
    bench.tenant.before_ready = lambda _: stop.set()
    run = bench.run(plan_of(change), stop=stop)
    assert [(each.status, each.code) for each in run.results] == [("skipped", "interrupted")]
    assert (run.interrupted, run.exit_code, bench.tenant.log) == (True, 130, [])
