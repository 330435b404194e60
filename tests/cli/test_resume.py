"""`apply --resume`, the lock and `--journal`, as somebody at the keyboard meets them."""

import json
from pathlib import Path

import pytest

from reconciler import journal
from reconciler.directory import Directory
from reconciler.journal import Journal


class Dead(BaseException):
    """The process is gone."""


@pytest.fixture
def stopped(sandbox, run, monkeypatch):
    """Leave a run behind whose one write is on its way; return the home."""

    def die(*_):
        raise Dead

    with monkeypatch.context() as patch:
        patch.setattr(Directory, "carry_out", die)
        patch.setattr(Journal, "record", lambda *_: None)
        patch.setattr(Journal, "end", lambda *_, **__: None)
        assert run("apply", "--auto-approve").code != 0
    (told,) = journal.runs(sandbox / "journal.jsonl")
    assert (len(told.unsettled), told.end) == (1, None)
    return sandbox


def test_the_run_goes_on_without_being_asked_again(run, stopped):
    ran = run("apply", "--resume")
    assert (ran.code, "Applied: 1 done." in ran.out) == (0, True)
    assert "0 changes of 1 are done, 1 left, 1 of them on the way when it was stopped." in ran.err
    shown = run("history", "last").out
    assert "  resumed   20" in shown
    assert json.loads(run("history", "last", "--json").out)["verified"] == ["users/anna@contoso.com/licenses"]
    again = run("apply", "--resume")
    assert (again.code, "the last one, came to its end" in again.err) == (1, True)


def test_where_no_run_was_there_is_none_to_go_on_with(run, sandbox):
    ran = run("apply", "--resume")
    assert (ran.code, "there is no run to go on with" in ran.err) == (1, True)


def test_without_its_plan_a_run_can_not_go_on_but_with_the_file_that_was_applied(run, sandbox, stopped):
    (kept,) = (stopped / "runs").iterdir()
    Path("mine.json").write_bytes(kept.read_bytes())
    kept.unlink()
    ran = run("apply", "--resume")
    assert (ran.code, "its plan is no longer beside the journal" in ran.err) == (1, True)
    assert run("apply", "mine.json", "--resume").code == 0


def test_another_plan_is_refused(run, stopped):
    assert run("plan", "--target", "bram@contoso.com", "--out", "other.json").code == 0
    ran = run("apply", "other.json", "--resume")
    assert (ran.code, "is not the plan of run" in ran.err) == (3, True)


@pytest.mark.parametrize(
    ("tamper", "code"),
    [
        (lambda text: text.replace("anna@contoso.com", "bram@contoso.com"), 3),
        (lambda text: "{", 1),
    ],
)
def test_a_kept_plan_that_was_altered_is_refused(run, stopped, tamper, code):
    (kept,) = (stopped / "runs").iterdir()
    kept.write_text(tamper(kept.read_text()))
    assert run("apply", "--resume").code == code


def test_a_kept_plan_that_is_another_is_not_that_of_the_run(run, stopped):
    (kept,) = (stopped / "runs").iterdir()
    assert run("plan", "--target", "bram@contoso.com", "--out", "other.json").code == 0
    kept.write_bytes(Path("other.json").read_bytes())
    ran = run("apply", "--resume")
    assert (ran.code, "is not the plan that was approved" in ran.err) == (1, True)


def test_a_plan_that_has_expired_since_is_not_sent_and_the_doubt_is_settled(run, stopped):
    """It was not carried out: nothing is left unknown in the journal."""
    assert run("sandbox", "advance", "--days", "2").code == 0
    ran = run("apply", "--resume")
    assert (ran.code, "the plan expired at" in ran.err) == (3, True)
    (told,) = journal.runs(stopped / "journal.jsonl")
    assert [(one.status, one.code) for one in told.results] == [("skipped", "run-ended")]
    assert run("apply", "--auto-approve").code == 0


def test_another_tenant_is_left_alone(run, stopped):
    state = json.loads(Path("state.json").read_text())
    state["organization"]["id"] = "99999999-2222-3333-4444-555555555555"
    Path("state.json").write_text(json.dumps(state))
    assert run("sandbox", "load", "state.json").code == 0
    ran = run("apply", "--resume")
    assert (ran.code, "Nothing was written" in ran.err) == (3, True)
    assert journal.runs(stopped / "journal.jsonl")[0].resumed == ()


@pytest.mark.parametrize(
    "flags", [["--partial"], ["--allow", "protected"], ["-f", "tenant.yaml"], ["--canary", "1"]]
)
def test_the_flags_are_those_of_the_runs_start(run, stopped, flags):
    ran = run("apply", "--resume", *flags)
    assert (ran.code, "under the flags of the run's start" in ran.err) == (1, True)


def test_a_created_users_password_goes_to_the_file_that_is_named_now(run, sandbox, monkeypatch):
    Path("tenant.yaml").write_text(
        "version: 1\ntenant: {domain: contoso.com}\nusers:\n  dora@contoso.com: {name: Dora}\n"
    )

    def die(*_):
        raise Dead

    with monkeypatch.context() as patch:
        patch.setattr(Directory, "carry_out", die)
        patch.setattr(Journal, "record", lambda *_: None)
        patch.setattr(Journal, "end", lambda *_, **__: None)
        assert run("apply", "--auto-approve").code != 0
    assert run("apply", "--resume", "--credentials-out", "new.csv").code == 0
    assert Path("new.csv").read_text().count("dora@contoso.com") == 1


# ------------------------------------------------------------ the lock


def test_a_second_apply_is_told_who_holds_the_lock_and_may_take_it(run, sandbox):
    with Journal(sandbox / "journal.jsonl"):
        ran = run("apply", "--auto-approve")
        assert (ran.code, "is at work here since" in ran.err) == (3, True)
        holder = json.loads((sandbox / "journal.lock").read_bytes())["id"]
        assert f"`--break-lock {holder}` takes its lock" in ran.err
        assert run("apply", "--auto-approve", "--break-lock", "00000000").code == 3
        assert run("apply", "--auto-approve", "--break-lock", holder).code == 0


# ------------------------------------------------------------ another journal


def test_every_command_keeps_to_the_journal_that_is_named(run, sandbox):
    flags = ("--journal", "elsewhere/j.jsonl")
    Path("elsewhere").mkdir()
    assert run("apply", "--auto-approve", *flags).code == 0
    assert not (sandbox / "journal.jsonl").exists()
    assert len(json.loads(run("history", "--json", *flags).out)["runs"]) == 1
    assert run("history", "--json").out.count('"run"') == 0
    undone = json.loads(run("undo", "last", "--json", *flags).out)
    assert [change["kind"] for change in undone["changes"]] == ["set-licenses"]
    assert "the last one, came to its end" in run("apply", "--resume", *flags).err
    for command in (("plan",), ("why", "anna@contoso.com"), ("recoverable",), ("users",), ("seats",)):
        assert run(*command, *flags).code == 0


def test_a_url_that_names_no_journal_is_told(run, sandbox):
    ran = run("plan", "--journal", "https://contoso.com/j")
    assert (ran.code, "names no place for a journal" in ran.err) == (1, True)


def test_a_journal_that_was_tampered_with_stops_whoever_relies_on_it_and_is_shown(run, sandbox):
    assert run("apply", "--auto-approve").code == 0
    path = sandbox / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], *lines[2:]]))
    commands = [
        ("plan",),
        ("apply", "--auto-approve"),
        ("apply", "--resume"),
        ("undo", "last"),
        ("recoverable",),
    ]
    for command in commands:
        ran = run(*command)
        assert (ran.code, ".reconciler/journal.jsonl:2: the journal's chain is broken here" in ran.err) == (
            1,
            True,
        )
    ran = run("history")
    assert ran.code == 0
    assert "1 done" in ran.out
    assert ran.err.count("the journal's chain is broken here") == 1
