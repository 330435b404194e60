"""A run that was killed goes on: what was done is skipped, and what was on its way is looked at first."""

import threading
from datetime import timedelta

import pytest

from reconciler.apply import Consent, Live, approved, former, run
from reconciler.apply.jobs import intent_of, result_of
from reconciler.apply.resuming import LAG
from reconciler.errors import RefusedError
from reconciler.journal import Journal, group, read
from reconciler.model import Actor
from reconciler.plan import TenantInfo
from tests.apply.bench import NOW, creation, held, licences, plan_of, profile, purchase, replace, statuses

LIVE = TenantInfo(id="t-1", domain="contoso.com", provider="graph")
ADMIN = Actor(id="id-admin", name="admin@contoso.com", roles=("global-administrator",))
ANNA, BRAM, CHRIS = (licences(upn, ["e1"], ["e3"]) for upn in ("anna", "bram", "chris"))


def begun(bench, plan, *results, intended=(), shown=()):
    """Write the journal of a run that was killed: its results, and the intents that have none."""
    changes = {change.address: change for change in plan.changes}
    with Journal(bench.path, clock=lambda: NOW) as log:
        log.begin(
            tool_version="0.1.0",
            plan_digest="sha256:p",
            desired_digest=plan.desired_digest,
            tenant=plan.tenant,
            actor=plan.actor,
            options={},
            changes=len(plan.ready),
        )
        log.intend(intent_of(changes[one.address]) for one in results if one.status != "skipped")
        log.record({field: getattr(one, field) for field in one.__struct_fields__} for one in results)
        log.verify(shown)
        log.intend(map(intent_of, intended))


def resumed(bench, plan, *, after=timedelta(), **options):
    """Let the run in the journal go on, so long after its last intent."""
    with Journal(bench.path, clock=lambda: NOW + after) as log:
        last = group(read(bench.path).lines)[-1]
        log.resume(last.id, tool_version="0.1.0", actor=plan.actor)
        return run(plan, bench.tenant, log, on_result=bench.told.append, former=former(last), **options)


def have(bench, *changes):
    """Let objects be as the changes want them."""
    for change in changes:
        bench.tenant.objects.setdefault(bench.tenant.key(change), {}).update(change.after)


def test_what_was_done_is_not_sent_again_and_what_waited_for_it_is_sent(bench):
    first = profile("anna", {"usage_location": None}, {"usage_location": "NL"})
    second = licences("anna", ["e1"], ["e3"], depends_on=(first.address,), location=None)
    second = replace(second, before={**second.before, "usage_location": None})
    plan = plan_of(first, second, BRAM)
    bench.tenant.hold(second, BRAM)
    have(bench, first)
    begun(bench, plan, result_of(first, "done"))
    told = resumed(bench, plan)
    assert statuses(told) == dict.fromkeys((first.address, second.address, BRAM.address), "done")
    assert bench.tenant.written == [second.address, BRAM.address]
    assert told.exit_code == 0
    assert bench.journal().verified == {first.address, second.address, BRAM.address}


def test_what_was_verified_before_is_not_looked_at_again(bench):
    plan = plan_of(ANNA, BRAM)
    have(bench, ANNA, BRAM)
    begun(bench, plan, result_of(ANNA, "done"), result_of(BRAM, "already-done"), shown=[ANNA.address])
    assert resumed(bench, plan).counts["done"] == 1
    assert bench.tenant.log == []


def test_a_write_on_its_way_that_shows_was_done(bench):
    """It is told as such, and only once."""
    plan = plan_of(ANNA)
    have(bench, ANNA)
    bench.tenant.objects["anna"].setdefault("id", "id-anna")
    begun(bench, plan, intended=[ANNA])
    told = resumed(bench, plan)
    assert [(one.status, one.code) for one in told.results] == [("done", "found")]
    assert [(one.status, one.code) for one in bench.told] == [("done", "found")]
    assert bench.tenant.written == []
    assert bench.journal().unsettled == ()
    assert bench.journal().end.exit_code == 0


def test_a_write_on_its_way_that_never_arrived_is_sent_once(bench):
    plan = plan_of(ANNA)
    bench.tenant.hold(ANNA)
    begun(bench, plan, intended=[ANNA])
    assert statuses(resumed(bench, plan)) == {ANNA.address: "done"}
    assert bench.tenant.written == [ANNA.address]


def test_a_live_tenant_gets_time_to_show_what_was_on_its_way(bench):
    """A read may come from a copy that does not know of the write yet: it is not sent a second time."""
    plan = plan_of(ANNA, tenant=LIVE)
    have(bench, ANNA)
    bench.tenant.lags[ANNA.address] = dict(ANNA.before), 3
    bench.tenant.log.append(("write", ANNA.address))
    begun(bench, plan, intended=[ANNA])
    told = resumed(bench, plan)
    assert [(one.status, one.code) for one in told.results] == [("done", "found")]
    assert bench.tenant.written == [ANNA.address]  # that of the run before


@pytest.mark.parametrize(
    ("after", "interrupted", "looks"),
    [(timedelta(), False, 5), (LAG, False, 1), (timedelta(), True, 1)],
)
def test_no_longer_than_a_write_may_take_to_show(bench, after, interrupted, looks):
    plan = plan_of(ANNA, tenant=LIVE)
    bench.tenant.hold(ANNA)
    begun(bench, plan, intended=[ANNA])
    stop = threading.Event()
    if interrupted:
        stop.set()
    told = resumed(bench, plan, after=after, stop=stop)
    assert statuses(told) == {ANNA.address: "skipped" if interrupted else "done"}
    first_look = bench.tenant.log.index(("look", ANNA.address))
    assert bench.tenant.log[:first_look].count(("watch", ANNA.address)) == looks


def test_what_is_neither_as_before_nor_as_wanted_is_unknown_and_takes_its_dependents_with_it(bench):
    after = profile("anna", {"city": None}, {"city": "Delft"}, depends_on=(ANNA.address,))
    plan = plan_of(ANNA, after, BRAM)
    bench.tenant.hold(ANNA, BRAM)
    bench.tenant.objects["anna"]["assignments"] = held("e5")
    begun(bench, plan, intended=[ANNA])
    told = resumed(bench, plan)
    assert [(one.status, one.code) for one in told.results] == [
        ("unknown", "changed-meanwhile"),
        ("skipped", "waits"),
        ("done", None),
    ]
    assert told.exit_code == 5
    assert not told.whole


def test_what_can_not_be_read_is_unknown(bench):
    plan = plan_of(ANNA)
    bench.tenant.hold(ANNA)
    bench.tenant.blind.add(ANNA.address)
    begun(bench, plan, intended=[ANNA])
    assert [(one.status, one.code) for one in resumed(bench, plan).results] == [("unknown", "unread")]
    assert bench.tenant.written == []


def test_an_unknown_result_is_in_doubt_and_an_unsettled_one_was_accepted(bench):
    plan = plan_of(ANNA, BRAM)
    have(bench, ANNA, BRAM)
    begun(
        bench, plan, result_of(ANNA, "unknown", code="unread"), result_of(BRAM, "unsettled", code="not-shown")
    )
    told = resumed(bench, plan)
    assert [(one.status, one.code) for one in told.results] == [("done", "found"), ("done", None)]
    assert told.exit_code == 0
    assert bench.journal().verified == {ANNA.address, BRAM.address}


def test_what_was_refused_or_not_tried_is_tried(bench):
    """Nothing of it was written: it goes through the same door as ever."""
    plan = plan_of(ANNA, BRAM, CHRIS)
    bench.tenant.hold(ANNA, BRAM, CHRIS)
    begun(
        bench,
        plan,
        result_of(ANNA, "failed", code="no-seats"),
        result_of(BRAM, "skipped", code="interrupted"),
    )
    assert resumed(bench, plan).counts["done"] == 3


def test_a_user_who_was_created_is_found_and_goes_on_under_the_id(bench):
    made = creation("anna")
    licensed = licences("anna", [], ["e3"], created=True, depends_on=(made.address,))
    plan = plan_of(made, licensed)
    bench.tenant.objects["anna"] = {**made.after, "id": "new-anna", "assignments": []}
    begun(bench, plan, intended=[made])
    told = resumed(bench, plan)
    assert [(one.status, one.code, one.user_id) for one in told.results] == [
        ("done", "found-created", "new-anna"),
        ("done", None, "new-anna"),
    ]
    assert bench.tenant.written == [licensed.address]


def test_where_the_plan_is_refused_meanwhile_doubts_are_settled_and_nothing_is_sent(bench):
    plan = plan_of(ANNA, BRAM, CHRIS)
    have(bench, ANNA)
    bench.tenant.hold(BRAM, CHRIS)
    begun(bench, plan, intended=[ANNA, BRAM])
    refused = RefusedError("expired-plan", expired_at="2026-11-25T02:00:00Z", now="2026-11-26T02:00:00Z")
    told = resumed(bench, plan, refused=refused)
    assert [(one.status, one.code) for one in told.results] == [
        ("done", "found"),
        ("skipped", "run-ended"),
        ("skipped", "run-ended"),
    ]
    assert bench.tenant.written == []
    assert (told.error, told.whole) == (refused, False)
    assert bench.journal().end


def test_what_is_left_is_judged_anew_and_what_was_done_is_not():
    """Whoever applies may have lost a role since; what was bought stays bought."""
    bought = purchase("e5", 5, 6, roles=("billing-administrator",))
    plan = plan_of(bought, ANNA, BRAM)
    nobody = Actor(id="id-x", name="x@contoso.com", roles=())
    live = Live(tenant_id="t-1", provider="sandbox", actor=nobody, now=NOW)
    judged = approved(plan, live, Consent(partial=True), {bought.address, ANNA.address})
    assert [change.status for change in judged.changes] == ["ready", "ready", "blocked"]
    with pytest.raises(RefusedError) as caught:
        approved(plan, live, Consent(), {bought.address, ANNA.address})
    assert [change.address for change in caught.value.params["changes"]] == [BRAM.address]
    approved(plan, live, Consent(), {change.address for change in plan.changes})
