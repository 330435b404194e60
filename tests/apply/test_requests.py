"""How many requests a run takes, by the log of the requests that the sandbox got."""

import json

import msgspec
import pytest

from reconciler.apply import run as carry_out
from reconciler.journal import Journal
from reconciler.model import User
from reconciler.plan import Change, License, UserRef
from tests.apply.bench import plan_of
from tests.directory import tenants
from tests.directory.tenants import EMS, NOW, STATE


def state(count):
    """Return a tenant of so many users without licences, and seats for all."""
    users = [
        User(id=f"{n:032x}", upn=f"u{n:05}@contoso.com", enabled=True, usage_location="NL")
        for n in range(count)
    ]
    skus = [msgspec.structs.replace(sku, enabled=count + 10) for sku in STATE.skus]
    return msgspec.structs.replace(STATE, users=(*STATE.users, *users), skus=tuple(skus))


def assign(user):
    """Return the change that assigns a licence to a user."""
    same = {"usage_location": "NL", "enabled": True}
    return Change(
        address=f"users/{user.upn}/licenses",
        kind="set-licenses",
        user=UserRef(id=user.id, upn=user.upn, name=user.name),
        assign=(License(sku="EMS", sku_id=EMS, name="EMS"),),
        before={"assignments": [], **same},
        after={"assignments": [{"sku_id": EMS, "disabled_plans": [], "assigned_by": None}], **same},
    )


class Count:
    """The requests of a run: batches that write and batches that read, and what was in them."""

    def __init__(self, requests):
        self.others = [request for request in requests if not request.url.path.endswith("/$batch")]
        self.writes, self.reads = [], []
        for request in requests:
            if request.url.path.endswith("/$batch"):
                items = json.loads(request.content)["requests"]
                writes = [each for each in items if each["method"] != "GET"]
                assert writes in ([], items)  # a batch reads or writes
                (self.writes if writes else self.reads).append(items)


def apply(tmp_path, count, *, on_request=lambda number: None, **options):
    """Apply the changes of so many users; return the run, the count of its requests and the wire.

    `on_request` is told the number of each request, from 1; what it returns is the answer.
    """
    tenant = state(count)
    changes = [assign(user) for user in tenant.users[len(STATE.users) :]]
    wire = tenants.Wire(tenants.in_process(tenants.fill(tmp_path / "home", tenant)))
    wire.before = lambda _: on_request(len(wire.requests))
    plan = plan_of(*changes)
    with Journal(tmp_path / "journal.jsonl", clock=lambda: NOW) as log, tenants.directory(wire) as directory:
        log.begin(
            tool_version="0.1.0",
            plan_digest="sha256:p",
            desired_digest="sha256:d",
            tenant=plan.tenant,
            actor=plan.actor,
            options={},
            changes=len(plan.ready),
        )
        run = carry_out(plan, directory, log, on_result=lambda _: None, **options)
    return run, Count(wire.requests), wire


@pytest.mark.parametrize("parallelism", [1, 4])
def test_a_plan_takes_exactly_as_many_writes_as_it_has_changes_twenty_in_a_request(tmp_path, parallelism):
    run, count, wire = apply(tmp_path, 100, parallelism=parallelism)
    assert (run.exit_code, run.counts["done"]) == (0, 100)
    assert [len(batch) for batch in count.writes] == [20] * 5
    written = [item["url"] for batch in count.writes for item in batch]
    assert len(written) == len(set(written)) == len(wire.commits) == 100
    assert count.others == []


def test_a_batch_takes_one_look_before_it_and_two_at_the_end(tmp_path):
    """Fifteen requests beside the five that write: a look for twenty users is one request."""
    _, count, _ = apply(tmp_path, 100)
    assert [len(batch) for batch in count.reads] == [20] * 15


def test_every_request_lets_others_pass(tmp_path):
    """Nobody waits at a screen for a run; a tenant that is short of breath may refuse its parts first."""
    _, count, wire = apply(tmp_path, 25)
    assert {request.headers["x-ms-throttle-priority"] for request in wire.requests} == {"low"}
    items = [item for batch in (*count.reads, *count.writes) for item in batch]
    assert {item["headers"]["x-ms-throttle-priority"] for item in items} == {"low"}
