"""The laws from day to day and from run to run: what was foretold happens, and stopping changes nothing."""

from datetime import UTC, datetime, time, timedelta
from functools import partial

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.plan import Due
from reconciler.planning import look_ahead, make_plan, migrate
from tests.laws.bench import any_order, bench, runnable, seats, services
from tests.laws.tenants import PEOPLE, declarations, snapshots

law = settings(max_examples=settings.default.max_examples // 2, suppress_health_check=list(HealthCheck))
DAYS = 7


def foretelling(desired, current, actor, facts, options):
    """Plan, with what falls due in the days to come."""
    plan = make_plan(desired, current, actor, facts, options)
    return look_ahead(plan, desired, current, actor, facts, options, DAYS)


def due(plan):
    """Return the changes of a plan as a horizon tells them."""
    return [
        Due(
            address=change.address,
            kind=change.kind,
            assign=tuple(item.sku for item in change.assign),
            revoke=tuple(item.sku for item in change.revoke),
            blocked_by=change.blocked_by,
            warnings=tuple(sorted({warning.code for warning in change.warnings})),
        )
        for change in plan.changes
    ]


@given(snapshots(), declarations())
@law
def test_what_the_horizon_foretells_happens(snapshot, document):
    """On each day that it names the tenant's plan holds what it says; on no other is there anything to do.

    Everything due is applied on its day. Nobody buys seats meanwhile.
    """
    document.pop("subscriptions", None)
    with bench(snapshot, document) as tenant:
        plan = tenant.plan(foretelling)
        foretold = {day.date: day for day in plan.horizon}
        tenant.apply(plan)
        told = due(plan)
        for _ in range(DAYS):
            tomorrow = tenant.clock.now.date() + timedelta(days=1)
            tenant.clock.now = datetime.combine(tomorrow, time(), UTC)
            plan, day = tenant.plan(), foretold.get(tomorrow.isoformat())
            if day is None:
                assert runnable(plan) == [], tomorrow
                continue
            assert tuple(one for one in due(plan) if one not in told) == day.due, tomorrow
            assert plan.seats == day.seats, tomorrow
            tenant.apply(plan)
            told = due(plan)


@given(snapshots(), declarations(), st.integers(0, 6), st.randoms(use_true_random=False))
@law
def test_an_interruption_changes_nothing_in_the_end(snapshot, document, writes, chooser):
    """Law 7: stop after any writes, in any order that may be; plan and apply again: the same end."""
    with bench(snapshot, document) as tenant:
        tenant.apply(tenant.plan())
        end = outlook(tenant)
    with bench(snapshot, document) as tenant:
        ids: dict[str, str] = {}
        for _, change in zip(range(writes), any_order(runnable(tenant.plan()), chooser.choice), strict=False):
            assert tenant.write(change, ids).status == "done"
        tenant.apply(tenant.plan())
        assert outlook(tenant) == end


def outlook(tenant):
    """Return what users hold and groups are, by UPN: ids of users who were created differ."""
    state = tenant.directory.read(("Draughtsmen",))
    names = {user.id: user.upn for user in state.users}
    return (
        {
            user.upn: (user.enabled, user.usage_location, user.department, user.assignments)
            for user in state.users
        },
        sorted(user.upn for user in state.deleted_users),
        [(group.assignments, sorted(names[one] for one in group.members)) for group in state.groups],
        {sku.id: sku.consumed for sku in state.skus},
    )


@given(
    snapshots(),
    declarations(),
    st.sampled_from(("EMS", {"sku": "EMS", "disable": ["INTUNE_A"]}, "office")),
    st.sets(st.sampled_from(PEOPLE), min_size=3),
    st.randoms(use_true_random=False),
)
@law
def test_a_move_to_a_group_has_no_gap_and_takes_no_second_seat(snapshot, document, item, names, chooser):
    """In any order that may be, every member keeps each service plan; seats grow by who joins alone."""
    members = [f"{name}@contoso.com" for name in sorted(names)]
    document["groups"] = {"Draughtsmen": {"licenses": [item], "members": members}}
    move = partial(migrate, group="Draughtsmen")
    with bench(snapshot, document) as tenant:
        before = tenant.directory.read(("Draughtsmen",))
        owned, had = seats(before), services(before)
        plan = tenant.plan(move)
        ids: dict[str, str] = {}
        for change in any_order(runnable(plan), chooser.choice):
            assert tenant.write(change, ids).status == "done", change.address
            now = tenant.directory.read(("Draughtsmen",))
            for sku_id, (_, in_use) in seats(now).items():
                assert in_use <= max(owned[sku_id]), (change.address, sku_id)
            leaving = {c.user.id for c in plan.changes if c.kind == "remove-member"}
            for user, plans in services(now).items():
                assert user in leaving or had[user] <= plans, (change.address, user)
        assert runnable(tenant.plan(move)) == []
