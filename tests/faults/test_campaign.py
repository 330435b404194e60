"""Whatever goes wrong at whichever call, the invariants hold: a sample here, every case by `make faults`."""

import os

import pytest

from tests.faults import campaign

SAMPLE = 60
CASES = campaign.by_name() if os.environ.get("FAULTS") == "all" else campaign.sample(SAMPLE, seed=4)


@pytest.mark.parametrize("name", CASES)
def test_a_run_in_which_one_thing_goes_wrong(name):
    assert campaign.breaches_of(CASES[name]) == []


def test_a_sample_holds_every_fault_and_every_kind_of_call():
    chosen = campaign.sample(0, seed=4).values()
    assert {case.fault for case in chosen} == {case.fault for case in campaign.cases()}
    assert {(case.phase, case.call) for case in chosen} == {
        (case.phase, case.call) for case in campaign.cases()
    }


def test_the_campaign_is_as_wide_as_it_says():
    cases = list(campaign.cases())
    calls = {case.call for case in cases}
    assert len(campaign.KINDS) >= 42
    assert calls >= {
        "organization", "skus", "list", "page", "get", "group-state", "create", "patch", "assign",
        "delete", "bin", "restore", "group-assign", "members", "batch",
    }  # fmt: skip
    assert {case.place for case in cases} == {"first", "middle", "last"}
    assert {case.times for case in cases} == {"once", "twice", "always"}
