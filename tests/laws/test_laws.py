"""The laws of a plan, for random tenants and desired states, on the real sandbox over the real client.

Numbers are those of docs/explanation/how-a-plan-is-made.md.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.laws.bench import any_order, bench, canonical, runnable, seats, services
from tests.laws.tenants import declarations, snapshots

law = settings(max_examples=settings.default.max_examples // 2, suppress_health_check=list(HealthCheck))


@given(snapshots(), declarations())
@law
def test_convergence_and_silence(snapshot, document):
    """Laws 1 and 2: plan, apply, plan again: nothing ready is left; applying that writes nothing."""
    with bench(snapshot, document) as tenant:
        first = tenant.plan()
        run = tenant.apply(first)
        writes = len(tenant.recorder.writes)

        second = tenant.plan()

        assert {result.status for result in run.results} <= {"done", "blocked", "left-out", "skipped"}
        assert writes == sum(result.status == "done" for result in run.results)
        assert runnable(second) == []
        assert canonical(second) == canonical(tenant.plan())
        assert len(tenant.recorder.writes) == writes


@given(snapshots(), declarations(), st.randoms(use_true_random=False))
@law
def test_determinism(snapshot, document, shuffler):
    """Law 3: the tenant's answers in another order give the same bytes."""
    with bench(snapshot, document) as tenant:
        plan = canonical(tenant.plan())
    for member in ("users", "subscribedSkus", "groups", "roleAssignments"):
        shuffler.shuffle(snapshot[member])
    with bench(snapshot, document) as tenant:
        assert canonical(tenant.plan()) == plan


@given(snapshots(), declarations(), st.randoms(use_true_random=False))
@law
def test_frame_seats_approval_and_no_gap(snapshot, document, chooser):
    """Laws 4, 5, 8 and 10, in any order that respects `depends_on`.

    What no change names stays as it is; seats in use never exceed max(owned, in use before); each
    change makes the write that it says and no other; a service held before and after is held in between.
    """
    with bench(snapshot, document) as tenant:
        before = tenant.directory.read()
        owned = seats(before)
        had = services(before)
        plan = tenant.plan()
        changes = runnable(plan)
        ids: dict[str, str] = {}
        history = []
        for change in any_order(changes, chooser.choice):
            tenant.recorder.writes.clear()
            outcome = tenant.write(change, ids)
            now = tenant.directory.read()
            assert outcome.status == "done", (change.address, outcome)
            user_id = outcome.user_id or (change.user.id if change.user else None)
            _only_what_it_says(change, tenant.recorder.writes, user_id)
            for sku_id, (_, in_use) in seats(now).items():
                assert in_use <= max(owned[sku_id]), (change.address, sku_id)
            history.append(services(now))
        for user, plans in had.items():
            kept = plans & history[-1].get(user, frozenset()) if history else plans
            assert all(kept <= step[user] for step in history if kept)
        changed = {change.user.id for change in changes if change.user}
        changed.update(
            *(change.before["members"] for change in changes if change.kind == "set-group-licenses")
        )
        _untouched(before, tenant.directory.read(), changed)


def _only_what_it_says(change, writes, user_id):
    """Assert that a change made one write: its own kind, on its own user, with its own content."""
    ((method, url, body),) = writes
    group = change.group.id if change.group else None
    where = {
        "set-group-licenses": ("POST", f"groups/{group}/assignLicense"),
        "add-member": ("POST", f"groups/{group}/members/$ref"),
        "remove-member": ("DELETE", f"groups/{group}/members/{user_id}/$ref"),
        "create-user": ("POST", "users"),
        "restore-user": ("POST", f"directory/deletedItems/{user_id}/restore"),
        "update-user": ("PATCH", f"users/{user_id}"),
        "delete-user": ("DELETE", f"users/{user_id}"),
        "set-licenses": ("POST", f"users/{user_id}/assignLicense"),
    }
    assert (method, url) == where[change.kind]
    if change.kind in ("set-licenses", "set-group-licenses"):
        added = {row["skuId"]: tuple(row["disabledPlans"]) for row in body["addLicenses"]}
        assert added == {row.sku_id: row.disabled_plans for row in (*change.assign, *change.modify)}
        assert body["removeLicenses"] == [row.sku_id for row in change.revoke]
    elif change.kind == "update-user":
        assert len(body) == len(change.after)


def _untouched(before, after, changed):
    """Assert that users whom no change names are as they were."""
    stayed = {user.id: user for user in after.users}
    for user in before.users:
        if user.id not in changed:
            assert stayed[user.id] == user


@given(snapshots(), declarations(), st.sampled_from(range(6)))
@law
def test_roles(snapshot, document, number):
    """Law 9: what the plan permits an actor the tenant permits, and what it does not is refused with 403."""
    names = [user["userPrincipalName"] for user in snapshot["users"] if user["accountEnabled"]]
    actor = names[number % len(names)]
    with bench(snapshot, document, actor=actor) as tenant:
        plan = tenant.plan()
        ids: dict[str, str] = {}
        for change in plan.changes:
            if not change.permitted and not change.depends_on and change.user and change.user.id:
                outcome = tenant.write(change, ids)
                assert (outcome.status, outcome.http_status) == ("failed", 403), (change, outcome)
        for change in any_order(runnable(plan), lambda able: able[0]):
            outcome = tenant.write(change, ids)
            assert outcome.status == "done", (change.address, outcome)


@given(snapshots(), declarations())
@law
def test_a_target_changes_nothing_else(snapshot, document):
    """Law 4 for `--target`: only the named user and subscription appear in the plan."""
    upn = "anna@contoso.com"
    with bench(snapshot, document) as tenant:
        tenant.options = {"targets": (upn,)}
        plan = tenant.plan()

        assert {change.user.upn for change in plan.changes if change.user} <= {upn}
        assert not any(change.sku for change in plan.changes)
