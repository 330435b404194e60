"""However a run ends, the journal tells what may have happened, and the next run finishes the work."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import journal
from tests.cli.conftest import E3, EMS, STATE

USERS = 45
"""Three batches, sent one after the other."""

DRIVER = """
import os, signal, sys, threading
from reconciler import journal
from reconciler.cli import main, stopping
from reconciler.directory import Directory

what, when = sys.argv[1], int(sys.argv[2])
count = 0

def now():
    global count
    count += 1
    return count == when

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

said = threading.Event()
say = stopping._say
def told(text):
    say(text)
    said.set()
stopping._say = told

send = Directory.carry_out
def carry_out(self, writes):
    hit = not what.startswith("journal") and now()
    if hit and what == "before-send":
        kill()
    if hit and what.startswith(("interrupt", "terminate")):
        os.kill(os.getpid(), signal.SIGTERM if what == "terminate" else signal.SIGINT)
        said.wait(60)
        if what == "interrupt-twice":
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(60)
    outcomes = send(self, writes)
    if hit and what == "after-send":
        kill()
    return outcomes
Directory.carry_out = carry_out

write = journal.Journal._append
def append(self, data):
    hit = what.startswith("journal") and now()
    if hit and what == "journal-before":
        kill()
    if hit and what == "journal-torn":
        os.write(self._pen._descriptor, data[: len(data) // 2 + 3])
        kill()
    write(self, data)
    if hit:
        kill()
journal.Journal._append = append

sys.exit(main(["apply", *(sys.argv[3:] or ["--auto-approve"]), "--parallelism", "1"]))
"""


def state():
    """Return a tenant of 45 users with one SKU, in which each is to get another."""
    found = copy.deepcopy(STATE)
    for number in range(USERS):
        user = copy.deepcopy(STATE["users"][1])
        user["id"] = f"00000000-0000-0000-0001-{number:012}"
        user["userPrincipalName"] = f"u{number:02}@contoso.com"
        user["assignedLicenses"] = [{"skuId": EMS, "disabledPlans": []}]
        found["users"].append(user)
    for sku in found["subscribedSkus"]:
        sku["prepaidUnits"]["enabled"] = 60
    return found


@pytest.fixture
def home(workdir, run):
    """Make that tenant, and declare the swap."""
    Path("state.json").write_text(json.dumps(state()))
    users = "".join(
        f"  u{number:02}@contoso.com: {{licenses: [ENTERPRISEPACK]}}\n" for number in range(USERS)
    )
    rails = "guardrails: {max_revocations: {free: 100}}\n"
    Path("tenant.yaml").write_text(f"version: 1\ntenant: {{domain: contoso.com}}\n{rails}users:\n{users}")
    assert run("sandbox", "load", "state.json").code == 0
    return workdir / ".reconciler"


@pytest.fixture
def driven(home):
    """Run apply in a process of its own, in which something happens at a certain point."""

    def driven(what, when, *flags):
        return subprocess.run(
            [sys.executable, "-c", DRIVER, what, str(when), *flags],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return driven


def swapped(run):
    """Return the users who hold the new SKU and no longer the old one; nobody ever holds neither."""
    assert run("snapshot", "--out", "now.json").code == 0
    found = json.loads(Path("now.json").read_text())
    held = {
        user["userPrincipalName"].partition("@")[0]: {each["skuId"] for each in user["assignedLicenses"]}
        for user in found["users"]
        if user["userPrincipalName"].startswith("u")
    }
    assert all(skus in ({E3}, {EMS}) for skus in held.values())
    return {f"users/{upn}@contoso.com/licenses" for upn, skus in held.items() if skus == {E3}}


@pytest.mark.parametrize(
    ("what", "when"),
    [
        ("journal-before", 1),  # before anything is on record
        ("journal-torn", 1),
        ("journal-torn", 2),  # in the middle of the intents of the first batch
        ("before-send", 1),
        ("after-send", 2),
        ("journal-torn", 5),  # in the middle of the results of the second batch
        ("journal-after", 6),
        ("journal-before", 8),  # everything done, no run-end
    ],
)
def test_after_a_kill_the_journal_is_read_and_the_next_run_converges(run, home, driven, what, when):
    """SIGKILL leaves no chance to tidy up; nothing is written that no intent tells of."""
    dead = driven(what, when)
    assert dead.returncode == -9, dead.stderr
    reading = journal.read(home / "journal.jsonl")
    assert len(reading.damage) <= 1
    runs = journal.group(reading.lines)
    intended = {intent.address for each in runs for intent in each.intents}
    done = {result.address for each in runs for result in each.results if result.status == "done"}
    written = swapped(run)
    assert done <= written <= intended | done
    assert all(each.end is None for each in runs)

    ran = run("apply", "--auto-approve")
    assert ran.code == 0, ran.err
    if runs:
        assert f"run {runs[0].id} was killed" in ran.err
        assert "`reconciler apply --resume` finishes it" in ran.err
    assert len(swapped(run)) == USERS
    assert "Nothing to do" in run("plan").out
    assert len(journal.runs(home / "journal.jsonl")) == len(runs) + (len(written) < USERS)


KILLS = [
    ("journal-after", 1),  # begun, and nothing else
    ("journal-torn", 2),
    ("journal-after", 2),  # the intents of the first batch are on record, nothing is sent
    ("before-send", 1),
    ("after-send", 2),
    ("journal-torn", 5),
    ("journal-after", 6),
    ("journal-before", 8),  # everything done, and not verified
    ("journal-before", 9),  # verified, no run-end
]


@pytest.mark.parametrize(("what", "when"), KILLS)
def test_a_killed_run_is_finished_by_resuming_it(run, home, driven, what, when):
    """It stays one run, and each change is written once."""
    dead = driven(what, when)
    assert dead.returncode == -9, dead.stderr
    written = swapped(run)
    ran = run("apply", "--resume")
    assert ran.code == 0, ran.err
    (told,) = journal.runs(home / "journal.jsonl")
    assert f"Going on with run {told.id}: " in ran.err
    assert f"Applied: {USERS} done." in ran.out
    assert {each.address: each.status for each in told.results} == dict.fromkeys(
        (each.address for each in told.results), "done"
    )
    found = {each.address for each in told.results if each.code == "found"}
    assert found <= written
    assert told.verified == {each.address for each in told.results} == swapped(run)
    assert (len(told.resumed), told.end.exit_code, told.unsettled) == (1, 0, ())
    assert list((home / "runs").iterdir()) == []
    assert run("apply", "--resume").code == 1


@pytest.mark.parametrize(
    ("first", "second"), [(("after-send", 1), ("after-send", 1)), (("before-send", 2), ("journal-torn", 2))]
)
def test_a_run_that_is_killed_again_while_it_goes_on_goes_on_again(run, home, driven, first, second):
    assert driven(*first).returncode == -9
    assert driven(*second, "--resume").returncode == -9
    ran = run("apply", "--resume")
    assert ran.code == 0, ran.err
    (told,) = journal.runs(home / "journal.jsonl")
    assert (len(told.resumed), told.unsettled) == (2, ())
    assert len(swapped(run)) == USERS


def test_an_interrupted_run_goes_on(run, home, driven):
    assert "`reconciler apply --resume` goes on" in driven("interrupt", 2).stdout
    assert len(list((home / "runs").iterdir())) == 1
    ran = run("apply", "--resume", "--json")
    assert (ran.code, json.loads(ran.out)["counts"]["done"]) == (0, USERS)
    assert "40 changes of 45 are done, 5 left." in ran.err


@pytest.mark.parametrize("what", ["interrupt", "terminate"])
def test_ctrl_c_finishes_what_is_in_flight_and_exits_with_130(run, home, driven, what):
    stopped = driven(what, 2)
    assert stopped.returncode == 130, stopped.stderr
    assert "Stopping: waiting for what is in flight." in stopped.stderr
    assert "Applied: 40 done, 5 skipped." in stopped.stdout
    assert "not tried: the run was interrupted" in stopped.stdout
    (told,) = journal.runs(home / "journal.jsonl")
    assert (told.unsettled, told.end.interrupted, told.end.exit_code) == ((), True, 130)
    assert swapped(run) == {each.address for each in told.results if each.status == "done"}
    assert run("apply", "--auto-approve").code == 0
    assert len(swapped(run)) == USERS


def test_a_second_ctrl_c_ends_at_once_and_the_intents_are_on_record(run, home, driven):
    stopped = driven("interrupt-twice", 2)
    assert stopped.returncode == 130
    assert "Ended at once" in stopped.stderr
    (told,) = journal.runs(home / "journal.jsonl")
    assert (len(told.unsettled), told.end) == (20, None)
    assert run("apply", "--auto-approve").code == 0
    assert len(swapped(run)) == USERS
