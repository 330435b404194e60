"""What is told where the tenant accepts a change and does not show it."""

import json

import pytest

from reconciler.directory import Directory

CERTAIN = ("--auto-approve", "--accept-data-loss")
LATE = "the tenant accepted it, and did not show it while apply waited; run plan again later"


@pytest.fixture
def lagging(monkeypatch):
    """Let a tenant show nothing of what it accepted."""

    def watch(self, changes, ids, holds, *, times=1, go_on=None):
        assert go_on(len(changes))
        return {}

    monkeypatch.setattr(Directory, "watch", watch)


def test_a_change_that_is_not_shown_is_told_and_named_in_the_exit_code(run, sandbox, lagging):
    ran = run("apply", *CERTAIN)
    assert ran.code == 5
    done = [line for line in ran.out.splitlines() if line.startswith("done ")]
    late = [line for line in ran.out.splitlines() if line.startswith("unsettled ")]
    assert len(done) == len(late) >= 1
    assert all(line.endswith(LATE) for line in late)
    assert f"Applied: {len(late)} unsettled." in ran.out
    assert "plan again later" in ran.out
    assert "Waiting until the tenant shows" in ran.err


def test_the_document_holds_what_came_of_it_in_the_end(run, sandbox, lagging):
    ran = run("apply", *CERTAIN, "--json")
    document = json.loads(ran.out)
    assert (ran.code, document["exit_code"]) == (5, 5)
    assert {each["status"] for each in document["results"]} == {"unsettled"}
    assert {each["message"] for each in document["results"]} == {LATE}
    assert document["counts"]["unsettled"] == len(document["results"])


def test_history_tells_of_each_change_once(run, sandbox, lagging):
    run("apply", *CERTAIN)
    shown = run("history", "last").out
    assert "unsettled" in shown.splitlines()[0]
    assert shown.count(LATE) == shown.count("/licenses")
    assert "\ndone " not in shown
