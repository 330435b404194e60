"""Several applies at once, a human at work in between, seats that somebody takes meanwhile.

Two applies and few moments here; up to eight, and every moment, by `make torture`.
"""

import os
import threading

import httpx
import pytest

from reconciler import sandbox
from reconciler.sandbox.faults import Faults, Rule
from tests.faults import invariants, scene
from tests.torture.ground import APPLY, PARTLY, Ground, calm, prepared, served

ALL = os.environ.get("TORTURE") == "all"
REFUSED = 3
UNSETTLED = 5
WRITTEN = {"done", "unsettled"}
REQUESTS = 22
MOMENTS = range(1, REQUESTS + 1) if ALL else (13,)


@pytest.mark.parametrize("count", range(2, 9) if ALL else (3,))
def test_of_several_applies_of_one_plan_one_carries_it_out(count):
    """The others find the lock, or find that the plan is spent; nothing is written twice."""
    with prepared() as ground:
        every = [ground.start(*APPLY) for _ in range(count)]
        ended = [(process.communicate(timeout=120), process.returncode) for process in every]
        assert sorted(code for _, code in ended) == [*[REFUSED] * (count - 1), PARTLY], ended
        plan = ground.plan()
        assert invariants.held(ground.layer.commits, plan) == []
        assert ground.committed == {change.address: 1 for change in plan.ready}
        assert ground.state() == calm()[1]
        (run,) = ground.runs
        assert run.end.exit_code == PARTLY


class Human:
    """Another administrator, at work in the same tenant once a process has sent so many requests."""

    def __init__(self, ground, moment):
        self._app = sandbox.app(ground.folder / "tenant", clock=ground.clock)
        self._left = moment
        self._turn = threading.Lock()
        self.done = None
        served().on_request = self

    def __call__(self):
        """Count a request; the last one has to wait until the work is done."""
        with self._turn:
            self._left -= 1
            if self._left != 0:
                return
            with httpx.Client(
                transport=httpx.WSGITransport(app=self._app),
                base_url="https://sandbox.invalid/v1.0",
                headers={"Authorization": "Bearer sandbox"},
            ) as client:
                self.done = self.work(client)

    def work(self, client):
        """Move somebody, give a licence by hand, take somebody off a group."""
        given = {"addLicenses": [{"skuId": scene.BI, "disabledPlans": []}], "removeLicenses": []}
        group, mia = scene.group_id("Draughtsmen"), scene.user_id("mia")
        return [
            client.patch("/users/nina@contoso.com", json={"department": "Legal"}).status_code,
            client.post("/users/hugo@contoso.com/assignLicense", json=given).status_code,
            client.delete(f"/groups/{group}/members/{mia}/$ref").status_code,
        ]


HANDS = {"users/nina@contoso.com/profile", "users/hugo@contoso.com/licenses"}
MIA = "groups/Draughtsmen/members/mia@contoso.com"


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_human_does_meanwhile_is_left_alone(moment):
    """Whom a hand was at is stale, or the run had been there before; what is done counts as done."""
    with prepared() as ground:
        human = Human(ground, moment)
        code, _, err = ground.run(*APPLY, warp=True)
        assert human.done in ([204, 200, 204], [204, 200, 404]), err  # the run may have been first
        (run,) = ground.runs
        told = {one.address: one.status for one in run.results}
        assert code == (UNSETTLED if "unsettled" in told.values() else PARTLY), err
        committed = ground.committed
        assert {address for address, count in committed.items() if count > 1} == set()
        assert {address for address, status in told.items() if status in WRITTEN} == set(committed)
        assert {told[address] for address in told if address not in {*HANDS, MIA}} == {"done", "blocked"}
        assert {told[address] for address in HANDS} <= {*WRITTEN, "stale"}
        assert told[MIA] in ("done", "already-done", "stale", "failed")  # failed: she had just gone
        state = ground.state()["users"]
        hugo = [sku for sku, *_ in state["hugo@contoso.com"][-1]]
        if told["users/nina@contoso.com/profile"] == "stale":
            assert state["nina@contoso.com"][0] == "Legal"
        if told["users/hugo@contoso.com/licenses"] == "stale":
            assert hugo == [scene.BI]
        else:
            assert sorted(hugo) == sorted([scene.BI, scene.E3])


@pytest.mark.parametrize("nth", range(1, 9) if ALL else (1,))
def test_seats_that_somebody_takes_meanwhile_are_not_exceeded(nth):
    trouble = Faults(rules=(Rule(kind="seats-taken", calls=("assign",), nth=nth),), page_size=scene.PAGE_SIZE)
    with prepared() as ground:
        ground.layer.change(trouble)
        code, _, err = ground.run(*APPLY)
        assert code == PARTLY, err
        assert ground.layer.strikes
        assert invariants.held(ground.layer.commits, ground.plan()) == []
        (run,) = ground.runs
        assert {one.address for one in run.results if one.status == "done"} == set(ground.committed)


def test_applies_that_plan_for_themselves_take_turns():
    with Ground() as ground:
        command = ("apply", "--auto-approve", "--partial", "--accept-data-loss")
        every = [ground.start(*command) for _ in range(8 if ALL else 2)]
        ended = [(process.communicate(timeout=120), process.returncode) for process in every]
        assert {code for _, code in ended} <= {PARTLY, REFUSED}, ended
        assert PARTLY in {code for _, code in ended}
        (ground.folder / "plan.json").write_bytes(calm()[0])
        assert invariants.held(ground.layer.commits, ground.plan()) == []
        assert ground.state() == calm()[1]
