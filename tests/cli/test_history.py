"""`reconciler history`: what past runs of apply did, from the journal alone."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.journal import Journal
from reconciler.plan import ActorInfo, TenantInfo, UserRef
from tests.cli.conftest import E3

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
ANNA = UserRef(id="id-anna", upn="anna@contoso.com", name="Anna")
ADDRESS = "users/anna@contoso.com/licenses"
CHANGE = {"address": ADDRESS, "kind": "set-licenses"}


@pytest.fixture
def runs(workdir):
    """Write three runs, one a day: all done; stale, with --buy and rails; killed after its intent."""
    ids = []
    for day in range(3):
        moment = NOW + timedelta(days=day)
        with Journal(workdir / ".reconciler" / "journal.jsonl", clock=lambda moment=moment: moment) as log:
            log.begin(
                tool_version="0.1.0",
                plan_digest=f"sha256:{day}",
                desired_digest="sha256:d",
                tenant=TenantInfo(id="t-1", domain="contoso.com", provider="sandbox"),
                actor=ActorInfo(name="admin@contoso.com", roles=("global-administrator",)),
                options={"saved_plan": day == 1, "buy": day == 1, "allow": ["protected"] * (day == 1)},
                changes=1,
            )
            ids.append(log.run)
            if day == 1:
                params = {"moved": [{"path": ["assignments", E3], "expected": None, "found": []}]}
                log.record([{**CHANGE, "status": "stale", "code": "moved", "params": params}])
                log.end(counts={"stale": 1}, exit_code=4, interrupted=False)
                continue
            log.intend([{**CHANGE, "user": ANNA, "before": {}, "after": {}}])
            if day == 0:
                done = {"status": "done", "request_id": "r-1", "client_request_id": "c-1"}
                log.record([{**CHANGE, **done}])
                log.end(counts={"done": 1}, exit_code=0, interrupted=False)
    return ids


def test_runs_are_listed_oldest_first_with_when_who_and_what_came_of_them(run, runs):
    ran = run("history")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "RUN                   WHEN (UTC)        WHO                OUTCOME",
        f"{runs[0]}  2026-11-24 02:00  admin@contoso.com  1 done",
        f"{runs[1]}  2026-11-25 02:00  admin@contoso.com  1 stale",
        f"{runs[2]}  2026-11-26 02:00  admin@contoso.com  killed or under way: 1 unknown",
    ]


def test_where_nothing_was_applied_yet_it_says_so(run):
    ran = run("history")
    assert (ran.code, ran.out) == (0, "No run of apply yet: .reconciler/journal.jsonl is empty.\n")
    assert json.loads(run("history", "--json").out) == {"journal": ".reconciler/journal.jsonl", "runs": []}


def test_one_run_is_shown_with_each_result_and_its_request_ids(run, runs):
    ran = run("history", runs[0])
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"Run {runs[0]}: 1 done.",
        "  started   2026-11-24 02:00:00 UTC",
        "  ended     2026-11-24 02:00:00 UTC, exit code 0",
        "  tenant    contoso.com (sandbox, t-1)",
        "  actor     admin@contoso.com (Global Administrator)",
        "  plan      sha256:0",
        "  options   none",
        "",
        f"done          set-licenses {ADDRESS}",
        "              request-id r-1, client-request-id c-1",
    ]


def test_what_moved_and_the_flags_are_shown(run, runs):
    """The SKU is named by its part number, which the journal does not hold."""
    shown = run("history", runs[1]).out
    assert "  options   a saved plan, --buy, --allow protected\n" in shown
    assert (
        f"stale         set-licenses {ADDRESS} -- it moved since the plan was made: "
        "licence ENTERPRISEPACK is new; not applied\n"
    ) in shown


def test_a_run_that_was_killed_is_shown_as_such(run, runs):
    shown = run("history", "last").out
    assert shown.startswith(f"Run {runs[2]}: killed or under way: 1 unknown.\n")
    assert "ended" not in shown
    assert f"unknown       set-licenses {ADDRESS} -- the run was killed while it was on its way" in shown


def test_an_interrupted_run_is_shown_as_such(run, workdir, runs):
    with Journal(workdir / ".reconciler" / "journal.jsonl") as log:
        log.run = runs[2]
        log.end(counts={}, exit_code=130, interrupted=True)
    assert "interrupted: 1 unknown" in run("history").out


def test_a_run_may_be_named_by_the_beginning_of_its_id(run, runs):
    assert run("history", "20261125").out.startswith(f"Run {runs[1]}:")
    ran = run("history", "202611")
    assert (ran.code, "several runs" in ran.err) == (1, True)
    assert "Type more of it" in ran.err
    ran = run("history", "2025")
    assert (ran.code, f"The latest is {runs[2]}." in ran.err) == (1, True)


def test_without_runs_there_is_no_last_one(run):
    ran = run("history", "last")
    assert (ran.code, "There is no run yet." in ran.err) == (1, True)


def test_json_holds_what_the_journal_holds(run, runs):
    listed = json.loads(run("history", "--json").out)
    assert [row["run"] for row in listed["runs"]] == runs
    assert listed["runs"][1] == {
        "run": runs[1],
        "started": "2026-11-25T02:00:00Z",
        "ended": "2026-11-25T02:00:00Z",
        "actor": "admin@contoso.com",
        "tenant": "t-1",
        "counts": {"stale": 1},
        "interrupted": False,
        "exit_code": 4,
    }
    killed = json.loads(run("history", "last", "--json").out)
    assert (killed["run"], killed["ended"], killed["interrupted"]) == (runs[2], None, True)
    assert killed["unsettled"] == [ADDRESS]
    assert killed["start"]["plan_digest"] == "sha256:2"
    assert [each["address"] for each in killed["intents"]] == [ADDRESS]


def test_damaged_lines_are_told_on_standard_error_and_the_rest_is_shown(run, workdir, runs):
    path = workdir / ".reconciler" / "journal.jsonl"
    with path.open("ab") as file:
        file.write(b'{"torn')
    ran = run("history", "--json")
    assert len(json.loads(ran.out)["runs"]) == 3
    assert ran.err.startswith("warning: .reconciler/journal.jsonl:10: this line is no record and is left out")


def test_hostile_names_are_shown_harmless(run, workdir):
    with Journal(workdir / ".reconciler" / "journal.jsonl") as log:
        log.begin(
            tool_version="0",
            plan_digest="sha256:0",
            desired_digest="sha256:d",
            tenant=TenantInfo(id="t", domain="evil\x1b[2J", provider="sandbox"),
            actor=ActorInfo(name="\u202eadmin", roles=()),
            options={"allow": ["\x1b]0;x"]},
            changes=0,
        )
        log.record(
            [{"address": "users/\x1b[31m", "kind": "set-licenses", "status": "odd\x07", "code": "\x1bc"}]
        )
    for ran in (run("history"), run("history", "last"), run("history", "last", "--json")):
        assert not set("\x1b\x07\u202e") & set(ran.out)
    assert "no directory role" in run("history", "last").out


def test_a_journal_in_which_nothing_can_be_read_is_told_of_by_all_that_rely_on_it(run, sandbox):
    """A slip in `--journal`, or a file that was damaged: guard rails then count no earlier run."""
    run("plan", "--out", "plan.json")
    noise = sandbox.parent / "noise.txt"
    for command in ("plan", "plan --json", "users", "apply plan.json --auto-approve"):
        noise.write_text("no\nrecord\n")
        ran = run(*command.split(), "--journal", noise.name)
        assert ran.code == 0
        assert ran.err.startswith("warning: noise.txt:1: this line is no record, nor is any other (")
        assert "what earlier runs of apply did is not known" in ran.err
        assert ran.err.count("warning:") == 1


def test_of_a_journal_that_was_torn_once_plans_say_nothing(run, sandbox, runs):
    with (sandbox / "journal.jsonl").open("ab") as file:
        file.write(b'{"torn')
    assert run("plan").err == ""
