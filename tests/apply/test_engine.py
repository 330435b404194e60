"""What reaches the tenant when a plan is carried out, in which order, and what is told of it."""

import threading

import pytest

from reconciler.apply import Credentials, aside
from reconciler.errors import DirectoryError, UsageError
from reconciler.journal import Intent, Journal, Result, read
from tests.apply.bench import creation, held, licences, plan_of, profile, purchase, replace, result, statuses

# ------------------------------------------------------------ what is written


def test_ready_changes_are_written_and_nothing_else(bench):
    """The plan is the only thing that apply obeys: a blocked change is told and never sent."""
    ready = licences("anna", ["e1"], ["e3"])
    blocked = replace(licences("bram", ["e1"], []), status="blocked", blocked_by=("protected",))
    bench.tenant.hold(ready, blocked)
    run = bench.run(plan_of(ready, blocked))
    assert statuses(run) == {ready.address: "done", blocked.address: "blocked"}
    assert result(run, blocked.address).params == {"by": ["protected"], "roles": []}
    assert bench.tenant.written == [ready.address]
    assert bench.tenant.objects["bram"]["assignments"] == held("e1")
    assert run.exit_code == 4


def test_a_plan_without_changes_makes_no_call(bench):
    run = bench.run(plan_of())
    assert (run.results, run.exit_code, bench.tenant.log) == ((), 0, [])


def test_a_batch_holds_twenty_writes_at_most(bench):
    changes = [licences(f"u{n:02}", [], ["e3"]) for n in range(45)]
    bench.tenant.hold(*changes)
    run = bench.run(plan_of(*changes), parallelism=1)
    assert [len(batch) for batch in bench.tenant.batches] == [20, 20, 5]
    assert bench.tenant.written == [change.address for change in changes]
    assert run.exit_code == 0


def test_several_batches_are_in_flight(bench):
    """Three batches meet at a barrier, which opens for three only."""
    changes = [licences(f"u{n:02}", [], ["e3"]) for n in range(60)]
    bench.tenant.hold(*changes)
    barrier = threading.Barrier(3, timeout=20)
    bench.tenant.before_write = lambda _: barrier.wait()
    assert bench.run(plan_of(*changes), parallelism=3).exit_code == 0
    assert bench.tenant.most_at_once == 3


def test_two_writes_on_one_object_are_never_in_flight_at_once(bench):
    """Also where neither waits for the other: Graph carries out the parts of a batch in any order."""
    first, second = profile("anna", {"city": None}, {"city": "Delft"}), licences("anna", [], ["e3"])
    bench.tenant.hold(first, second)
    bench.run(plan_of(first, second), parallelism=4)
    assert bench.tenant.batches == [[first.address], [second.address]]


def test_a_change_is_sent_only_after_everything_that_it_waits_for(bench):
    """The order of the plan counts where nothing else does."""
    free = licences("zoe", ["e3"], [])
    take = licences("anna", [], ["e3"], depends_on=(free.address,))
    other = licences("bram", [], ["e1"])
    bench.tenant.hold(free, take, other)
    bench.run(plan_of(take, free, other), parallelism=1)
    assert bench.tenant.batches == [[free.address, other.address], [take.address]]


def test_objects_are_read_again_just_before_their_batch(bench):
    """Not all of them at the beginning: much may move during a long run."""
    changes = [licences(f"u{n:02}", [], ["e3"]) for n in range(21)]
    bench.tenant.hold(*changes)
    bench.run(plan_of(*changes), parallelism=1)
    assert bench.tenant.log.index(("look", "users/u20/licenses")) > bench.tenant.log.index(
        ("write", "users/u19/licenses")
    )


# ------------------------------------------------------------ what moved


def test_a_change_whose_object_moved_is_stale_and_not_written(bench):
    change = licences("anna", ["e1"], ["e3"])
    bench.tenant.hold(change)
    bench.tenant.objects["anna"].update(assignments=held("e1", "ems"), usage_location="BE")
    run = bench.run(plan_of(change))
    assert statuses(run) == {change.address: "stale"}
    assert run.results[0].params == {
        "moved": [
            {"path": ["assignments", "ems"], "expected": None, "found": []},
            {"path": ["usage_location"], "expected": "NL", "found": "BE"},
        ]
    }
    assert (bench.tenant.written, run.exit_code) == ([], 4)


def test_a_change_whose_user_is_gone_is_stale(bench):
    change = licences("anna", ["e1"], ["e3"])
    run = bench.run(plan_of(change))
    assert (run.results[0].status, run.results[0].code) == ("stale", "gone")


def test_what_the_tenant_holds_already_is_done_without_a_write(bench):
    """A licence change answers for the licences alone: what else its plan foresaw is other changes' work."""
    change = licences("anna", ["e1"], ["e3"], planned={"enabled": False})
    bench.tenant.hold(replace(change, before={**change.before, "assignments": held("e3")}))
    run = bench.run(plan_of(change))
    assert (statuses(run), run.exit_code) == ({change.address: "already-done"}, 0)
    assert bench.tenant.written == []


def test_what_this_run_did_to_a_user_is_expected_of_the_next_change(bench):
    """A location that update-user sets is no move when the licences follow."""
    first = profile("anna", {"usage_location": None}, {"usage_location": "NL"})
    second = licences("anna", [], ["e3"], location=None, planned={"usage_location": "NL"})
    second = replace(second, depends_on=(first.address,))
    bench.tenant.hold(first, second)
    run = bench.run(plan_of(first, second))
    assert statuses(run) == {first.address: "done", second.address: "done"}


def test_what_is_already_done_counts_for_the_next_change_too(bench):
    first = profile("anna", {"usage_location": None}, {"usage_location": "NL"})
    second = replace(licences("anna", [], ["e3"], location=None), depends_on=(first.address,))
    bench.tenant.hold(first, second)
    bench.tenant.objects["anna"]["usage_location"] = "NL"
    run = bench.run(plan_of(first, second))
    assert statuses(run) == {first.address: "already-done", second.address: "done"}


def test_an_object_that_can_not_be_read_is_not_written(bench):
    change = licences("anna", [], ["e3"])
    bench.tenant.hold(change).blind.add(change.address)
    run = bench.run(plan_of(change))
    assert (run.results[0].status, run.results[0].code) == ("failed", "unreadable")
    assert bench.tenant.written == []


# ------------------------------------------------------------ what takes others with it


@pytest.mark.parametrize("trouble", ["refuse", "lose", "blind"])
def test_what_was_not_done_takes_its_dependents_with_it(bench, trouble):
    """However far away they are; each names the change that is at the bottom of it."""
    first = licences("zoe", ["e3"], [])
    second = licences("anna", [], ["e3"], depends_on=(first.address,))
    third = licences("bram", [], ["e1"], depends_on=(second.address,))
    free = licences("chris", [], ["e1"])
    bench.tenant.hold(first, second, third, free)
    getattr(bench.tenant, trouble).add(first.address)
    run = bench.run(plan_of(first, second, third, free))
    status = {"refuse": "failed", "lose": "unknown", "blind": "failed"}[trouble]
    assert statuses(run) == {
        first.address: status,
        second.address: "skipped",
        third.address: "skipped",
        free.address: "done",
    }
    for address in (second.address, third.address):
        assert result(run, address).code == "waits"
        assert result(run, address).params == {"on": first.address, "status": status}
    assert run.exit_code == (5 if trouble == "lose" else 4)


def test_a_change_that_waits_for_a_blocked_one_is_skipped(bench):
    first = replace(licences("zoe", ["e3"], []), status="blocked", blocked_by=("role-missing",))
    second = licences("anna", [], ["e3"], depends_on=(first.address,))
    third = replace(second, address="users/x/licenses", status="blocked", blocked_by=(first.address,))
    run = bench.run(plan_of(first, second, third))
    assert statuses(run) == {first.address: "blocked", second.address: "skipped", third.address: "blocked"}
    assert bench.tenant.log == []


def test_a_change_that_waits_for_what_is_not_in_the_plan_is_skipped(bench):
    change = licences("anna", [], ["e3"], depends_on=("users/nobody",))
    run = bench.run(plan_of(change))
    assert run.results[0].params == {"on": "users/nobody", "status": "missing"}


def test_changes_that_wait_for_each_other_are_skipped(bench):
    one, two = licences("anna", [], ["e3"]), licences("bram", [], ["e3"])
    run = bench.run(plan_of(replace(one, depends_on=(two.address,)), replace(two, depends_on=(one.address,))))
    assert [(each.status, each.code) for each in run.results] == [("skipped", "waits-in-circle")] * 2
    assert run.exit_code == 4


def test_what_spends_money_is_left_out_without_leave_and_takes_its_dependents_with_it(bench):
    seats = purchase("e5", 25, 26)
    take = licences("anna", [], ["e5"], depends_on=(seats.address,))
    bench.tenant.hold(seats, take)
    run = bench.run(plan_of(seats, take))
    assert statuses(run) == {seats.address: "left-out", take.address: "skipped"}
    assert (bench.tenant.log, run.exit_code) == ([], 4)
    bench.tenant.log.clear()
    run = bench.run(plan_of(seats, take), buy=True)
    assert (statuses(run), run.exit_code) == ({seats.address: "done", take.address: "done"}, 0)


# ------------------------------------------------------------ created users


def new_user(upn="eva", **more):
    made = creation(upn)
    return made, licences(upn, [], ["e3"], created=True, depends_on=(made.address,), **more)


def test_a_created_users_id_reaches_the_changes_that_follow(bench):
    made, follows = new_user()
    run = bench.run(plan_of(made, follows))
    assert statuses(run) == {made.address: "done", follows.address: "done"}
    assert [each.user_id for each in run.results] == ["new-eva", "new-eva"]


def test_a_user_who_was_created_by_a_run_that_was_killed_is_taken_over(bench):
    """The same plan again: the user is as wanted, and its id is found out."""
    made, follows = new_user()
    bench.tenant.objects["eva"] = {**made.after, "assignments": [], "id": "id-77"}
    run = bench.run(plan_of(made, follows))
    assert statuses(run) == {made.address: "already-done", follows.address: "done"}
    assert [each.user_id for each in run.results] == ["id-77", "id-77"]


def test_where_the_id_of_such_a_user_is_not_told_the_upn_still_leads_to_it(bench):
    made, follows = new_user()
    bench.tenant.objects["eva"] = {**made.after, "assignments": [], "id": None}
    run = bench.run(plan_of(made, follows))
    assert statuses(run) == {made.address: "already-done", follows.address: "done"}


def test_a_namesake_is_never_taken_over(bench):
    made, follows = new_user()
    bench.tenant.objects["eva"] = {**made.after, "name": "Somebody Else", "assignments": [], "id": "id-77"}
    run = bench.run(plan_of(made, follows))
    assert (run.results[0].status, run.results[0].code) == ("stale", "exists")
    assert (run.results[1].status, bench.tenant.written) == ("skipped", [])


def test_without_a_file_the_result_says_that_the_password_was_kept_nowhere(bench):
    run = bench.run(plan_of(creation("eva")))
    assert run.results[0].code == "password-not-kept"
    assert len(bench.tenant.passwords["users/eva"]) >= 16


def test_with_a_file_the_password_that_was_sent_is_in_it(bench, tmp_path):
    path = tmp_path / "new.csv"
    with Credentials(path) as credentials:
        run = bench.run(plan_of(creation("eva")), credentials=credentials)
    assert run.results[0].code == "password-kept"
    assert path.read_bytes().decode() == f"upn,password\r\neva,{bench.tenant.passwords['users/eva']}\r\n"


def test_only_passwords_of_users_who_may_exist_stay_in_the_file(bench, tmp_path):
    path = tmp_path / "new.csv"
    changes = [creation(upn) for upn in ("eva", "fred", "gina")]
    bench.tenant.refuse.add("users/fred")
    bench.tenant.lose.add("users/gina")
    with Credentials(path) as credentials:
        bench.run(plan_of(*changes), credentials=credentials)
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["upn", "eva", "gina"]


def test_a_password_appears_nowhere_but_in_the_request_and_the_file(bench, tmp_path):
    """Not in the journal, a result, or the representation of anything on the way."""
    shown = []
    bench.tenant.before_write = lambda writes: shown.append(repr(writes))
    with Credentials(tmp_path / "new.csv") as credentials:
        run = bench.run(plan_of(*new_user()), credentials=credentials)
        shown.append(repr(credentials))
    password = bench.tenant.passwords["users/eva"]
    everything = "".join([*shown, repr(run), repr(bench.told), bench.path.read_text()])
    assert password not in everything
    assert password in (tmp_path / "new.csv").read_text()


# ------------------------------------------------------------ the journal


def test_intents_are_on_the_disk_before_their_batch_is_sent(bench):
    on_disk = []
    bench.tenant.before_write = lambda _: on_disk.append(
        [line.address for line in read(bench.path).lines if isinstance(line, Intent)]
    )
    changes = [licences(f"u{n:02}", [], ["e3"]) for n in range(21)]
    bench.tenant.hold(*changes)
    bench.run(plan_of(*changes), parallelism=1)
    addresses = [change.address for change in changes]
    assert on_disk == [addresses[:20], addresses]


def test_a_result_is_on_the_disk_before_it_is_told(bench):
    changes = [licences(upn, [], ["e3"]) for upn in ("anna", "bram")]
    bench.tenant.hold(*changes)

    class Told(list):
        def append(self, told):
            known = {line.address for line in read(bench.path).lines if isinstance(line, Result)}
            super().append(told.address in known)

    bench.told = Told()
    bench.run(plan_of(*changes))
    assert bench.told == [True, True]


def test_the_journal_tells_each_change_with_before_after_and_request_id(bench):
    change, stale = licences("anna", ["e1"], ["e3"]), licences("bram", ["e1"], ["e3"])
    bench.tenant.hold(change)
    run = bench.run(plan_of(change, stale))
    told = bench.journal()
    assert [(each.address, each.before, each.after) for each in told.intents] == [
        (change.address, change.before, change.after)
    ]
    assert {each.address: (each.status, each.request_id) for each in told.results} == {
        change.address: ("done", "r-1"),
        stale.address: ("stale", None),
    }
    assert (told.end.exit_code, told.end.counts, told.end.interrupted) == (4, run.counts, False)


# ------------------------------------------------------------ when a run ends early


def test_once_asked_to_stop_nothing_more_is_sent_and_what_is_in_flight_is_told(bench):
    changes = [licences(f"u{n:02}", [], ["e3"]) for n in range(45)]
    bench.tenant.hold(*changes)
    stop = threading.Event()
    bench.tenant.before_write = lambda _: stop.set()
    run = bench.run(plan_of(*changes), parallelism=1, stop=stop)
    assert run.counts["done"] == 20
    assert {(each.status, each.code) for each in run.results[20:]} == {("skipped", "interrupted")}
    assert (run.exit_code, run.interrupted, bench.journal().end.interrupted) == (130, True, True)
    assert bench.journal().unsettled == ()


def test_a_stop_that_comes_when_all_is_done_interrupts_nothing(bench):
    change = licences("anna", [], ["e3"])
    bench.tenant.hold(change)
    stop = threading.Event()
    bench.tenant.before_write = lambda _: stop.set()
    run = bench.run(plan_of(change), stop=stop)
    assert (run.exit_code, run.interrupted) == (0, False)


class Broken:
    """A tenant of which one method raises."""

    def __init__(self, tenant, method, error):
        self.tenant, self.method, self.error = tenant, method, error

    def observe(self, changes, ids):
        """Look, and fail if told to."""
        return self.answer("observe", changes, ids)

    def ready(self, count, stop):
        """Wait for nothing."""

    def carry_out(self, writes):
        """Write, and fail if told to."""
        return self.answer("carry_out", writes)

    def watch(self, *args, **options):
        """Look until it holds, and fail if told to."""
        return self.answer("watch", *args, **options)

    def answer(self, method, *args, **options):
        """Let the tenant answer; lose the answer if told to."""
        got = getattr(self.tenant, method)(*args, **options)
        if method == self.method:
            raise self.error
        return got


@pytest.mark.parametrize(
    ("method", "status", "exit_code"), [("observe", "failed", 4), ("carry_out", "unknown", 5)]
)
@pytest.mark.parametrize(
    ("error", "code"), [(DirectoryError("unreachable"), "unreachable"), (KeyError("x"), "internal-error")]
)
def test_an_error_ends_the_run_and_what_may_have_been_written_is_unknown(
    bench, method, status, exit_code, error, code
):
    """Never "failed" for what was sent: the run itself does not know."""
    changes = [licences(f"u{n:02}", [], ["e3"]) for n in range(21)]
    bench.tenant.hold(*changes)
    run = bench.run(
        plan_of(*changes), directory=Broken(bench.tenant, method, error), parallelism=1, failing=True
    )
    assert {(each.status, each.code) for each in run.results[:20]} == {(status, code)}
    assert (run.results[20].status, run.results[20].params) == ("skipped", {"because": code})
    assert (run.exit_code, run.error) == (exit_code, error)
    assert (bench.journal().end.exit_code, bench.journal().unsettled) == (exit_code, ())


def test_a_write_of_which_the_directory_tells_nothing_is_unknown(bench):
    change = licences("anna", [], ["e3"])
    bench.tenant.hold(change)
    bench.tenant.carry_out = lambda _: []
    run = bench.run(plan_of(change))
    assert (run.results[0].status, run.results[0].code) == ("unknown", "no-answer")


@pytest.mark.parametrize(
    ("failing", "status", "exit_code"),
    [("intend", "failed", 4), ("record", "done", 4), ("end", "done", 1)],
)
def test_a_full_disk_ends_the_run_and_what_was_done_is_still_told(
    bench, monkeypatch, failing, status, exit_code
):
    """What can't be put on record before it is sent is not sent."""
    changes = [licences(f"u{n:02}", [], ["e3"]) for n in range(20 if failing == "end" else 21)]
    bench.tenant.hold(*changes)
    full = UsageError("journal-unwritable", path="j", reason="No space left on device")

    def fail(*_, **__):
        raise full

    monkeypatch.setattr(Journal, failing, fail)
    run = bench.run(plan_of(*changes), parallelism=1, failing=True)
    assert {each.status for each in run.results[:20]} == {status}
    assert {each.status for each in run.results[20:]} <= {"skipped"}
    assert (run.exit_code, run.error) == (exit_code, full)
    assert len(bench.tenant.written) == (0 if failing == "intend" else 20)
    assert len(bench.told) == len(changes)


def test_what_a_run_would_not_try_is_known_without_a_run(bench):
    seats, blocked = purchase("e5", 1, 2), replace(licences("bram", [], ["e1"]), status="blocked")
    take = licences("anna", [], ["e5"], depends_on=(seats.address,))
    plan = plan_of(seats, take, blocked, licences("chris", [], ["e1"]))
    assert {each.address: each.status for each in aside(plan, buy=False)} == {
        seats.address: "left-out",
        take.address: "skipped",
        blocked.address: "blocked",
    }
    assert [each.address for each in aside(plan, buy=True)] == [blocked.address]
