"""Wherever a run of apply is killed, nothing is lost, nothing is done twice, and it can be finished.

A few boundaries here; every one of them, and pairs, by `make torture`.
"""

import os
import random
from collections import Counter

import pytest

from tests.faults import invariants
from tests.torture.ground import APPLY, PARTLY, RESUME, calm, prepared

ALL = os.environ.get("TORTURE") == "all"
PASSED = {
    "fsync-before": 13,
    "torn": 10,
    "fsync-after": 13,
    "request-before": 23,  # one of them looks for a managed identity, in vain
    "request-received": 22,
    "request-after": 22,
}
"""How many boundaries of each kind a run passes in which nothing goes wrong."""

EVERY = [f"{kind}:{number}" for kind, count in PASSED.items() for number in range(1, count + 1)]
SOME = ["torn:5", "request-received:14", "request-after:17"]
CHANCE = random.Random(5)  # noqa: S311  a dice, no secret
LATE = [name for name in EVERY if int(name.partition(":")[2]) > 3]
PAIRS = [("torn:4", "torn:2"), *(tuple(CHANCE.choices(LATE, k=2)) for _ in range(99))]
KILLED = -9
CARRIED = {"done", "already-done"}


def check_record(ground):
    """I7: done ⊂ carried out ⊂ done and doubtful."""
    runs = ground.runs
    assert len(runs) <= 1
    done = {one.address for run in runs for one in run.results if one.status in CARRIED}
    doubtful = {intent.address for run in runs for intent in run.unsettled}
    committed = set(ground.committed)
    assert done <= committed <= done | doubtful


def finish(ground):
    """Go on, or begin where nothing was on record; return the exit code."""
    ground.later(minutes=2)
    if ground.runs and ground.runs[-1].end is None:
        return ground.run(*RESUME)[0]
    return PARTLY if ground.runs else ground.run(*APPLY)[0]


def check_end(ground, code):
    """Check I1 to I8 and I14 after the last run."""
    plan = ground.plan()
    assert code == PARTLY
    assert invariants.held(ground.layer.commits, plan) == []
    assert ground.committed == {change.address: 1 for change in plan.ready}
    assert ground.state() == calm()[1]
    (run,) = ground.runs
    assert {one.address for one in run.results if one.status in CARRIED} == set(ground.committed)
    assert (run.unsettled, run.end.exit_code) == ((), PARTLY)
    before = len(ground.layer.commits)
    assert ground.run(*APPLY)[0] == 3  # a plan is good for one run
    assert len(ground.layer.commits) == before


def test_the_boundaries_are_all_that_there_are():
    found = Counter(name.partition(":")[0] for name in calm()[2])
    assert found == PASSED


@pytest.mark.parametrize("boundary", EVERY if ALL else SOME)
def test_a_run_that_is_killed_at_a_boundary(boundary):
    with prepared() as ground:
        code, _, err = ground.run(*APPLY, kill=boundary)
        assert code == KILLED, err
        check_record(ground)
        check_end(ground, finish(ground))


@pytest.mark.parametrize("pair", PAIRS if ALL else PAIRS[:1], ids=" then ".join)
def test_a_run_that_is_killed_again_while_it_goes_on(pair):
    with prepared() as ground:
        assert ground.run(*APPLY, kill=pair[0])[0] == KILLED
        check_record(ground)
        ground.later(minutes=2)
        code, _, err = ground.run(*RESUME, kill=pair[1])
        assert code in (KILLED, PARTLY), err  # it may end before it gets there
        check_record(ground)
        check_end(ground, finish(ground))
