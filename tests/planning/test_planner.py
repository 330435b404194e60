"""The plan as a whole: order, counts, targets, lifetime, determinism."""

import msgspec
import pytest

from reconciler.errors import UsageError
from reconciler.model import Domain, Options, Organization, TenantRef, WantedSubscription
from tests.planning.world import NOW, World, change, entry, line, planned, sid, sku, user


def mixed(**more):
    """Return a plan with a creation, an update, a swap, a deletion and a blocked change."""
    return planned(
        entry("anna", "SPE_E5"),
        entry("bram", "EMS", profile=(("city", "Delft"),)),
        entry("cees", present=False),
        entry("dora", "EMS", profile=(("name", "Dora"),), usage_location="NL"),
        entry("eva", "SPE_E5"),
        users=(user("anna", "SPE_E3"), user("bram"), user("cees", "EMS"), user("eva")),
        skus=(sku("SPE_E3"), sku("SPE_E5", 1), sku("EMS", 1)),
        **more,
    )


def test_the_ready_changes_come_first_in_a_safe_order():
    """Creations, then frees that are needed, then takes; what is blocked comes last."""
    plan = mixed()

    assert [(c.address, c.status) for c in plan.changes] == [
        ("users/bram@contoso.com/profile", "ready"),
        ("users/dora@contoso.com", "ready"),
        ("users/cees@contoso.com", "ready"),
        ("users/anna@contoso.com/licenses", "ready"),
        ("users/bram@contoso.com/licenses", "ready"),
        ("users/dora@contoso.com/licenses", "blocked"),
        ("users/eva@contoso.com/licenses", "blocked"),
    ]
    assert [c.address for c in plan.ready] == [c.address for c in plan.changes[:5]]
    assert plan.blocked == plan.changes[5:]


def test_the_summary_counts_blocked_changes_too():
    """Users, licences, seats; each by its own unit."""
    summary = mixed().summary

    assert (summary.create, summary.update, summary.delete, summary.restore) == (1, 1, 1, 0)
    assert (summary.assign, summary.revoke, summary.modify) == (4, 1, 0)
    assert (summary.purchase, summary.blocked, summary.conflicts) == (2, 2, 2)
    assert (summary.warnings, summary.unlisted_users) == (1, 1)


def test_equal_inputs_give_equal_plans():
    """The tenant's answers shuffled: the directory sorts them, and the plan depends on nothing else."""
    assert msgspec.json.encode(mixed()) == msgspec.json.encode(mixed())


def test_a_plan_with_removals_lives_four_hours():
    """Others a day."""
    removing = planned(entry("anna"), users=(user("anna", "EMS"),))
    adding = planned(entry("anna", "EMS"), users=(user("anna"),))

    assert removing.created_at == "2026-11-24T02:00:00Z"
    assert removing.expires_at == "2026-11-24T06:00:00Z"
    assert adding.expires_at == "2026-11-25T02:00:00Z"


def targeted(*targets: str):
    """Return the addresses of a plan that is limited to `targets`."""
    return [c.address for c in mixed(options=Options(now=NOW, targets=targets)).changes]


def test_a_target_limits_the_plan():
    """A UPN or an address; the rest is as if it were not there."""
    assert targeted("bram@contoso.com") == [
        "users/bram@contoso.com/profile",
        "users/bram@contoso.com/licenses",
    ]
    assert targeted("users/bram@contoso.com/profile") == ["users/bram@contoso.com/profile"]


def test_a_target_brings_its_own_first_steps():
    """Licences of a user who must be created first."""
    assert set(targeted("users/dora@contoso.com/licenses")) == {
        "users/dora@contoso.com",
        "users/dora@contoso.com/licenses",
    }


def test_a_seat_freed_outside_the_target_is_not_free():
    """Bram's licence waits for a deletion that is not in the plan."""
    plan = mixed(options=Options(now=NOW, targets=("bram@contoso.com",)))

    assert change(plan, "bram").blocked_by == ("no-seats",)


def test_problems_outside_the_target_are_left_out():
    """A conflict of another entry is not what was asked for."""
    everything = World(entries=(entry("anna"), entry("bram")), users=(user("bram"),))
    everything.options = Options(now=NOW, targets=("bram@contoso.com",))

    assert everything.plan().conflicts == ()


def test_an_unknown_target_is_an_error():
    """A typing error must not plan nothing."""
    with pytest.raises(UsageError) as caught:
        targeted("nobody@contoso.com")

    assert (caught.value.code, caught.value.params) == (
        "unknown-target",
        {"target": "users/nobody@contoso.com"},
    )


def test_a_subscription_can_be_a_target():
    """By its address."""
    row = WantedSubscription(sku_id=sid("EMS"), seats=3, location=line(2))

    plan = planned(
        entry("anna", "EMS"),
        users=(user("anna"),),
        skus=(sku("EMS", 1),),
        desired={"subscriptions": (row,)},
        options=Options(now=NOW, targets=("subscriptions/EMS",)),
    )

    assert [c.address for c in plan.changes] == ["subscriptions/EMS/seats"]


def test_the_tenant_is_named_by_the_declared_domain_or_its_default():
    """Where it is declared by id, the default domain names it."""
    by_id = {"tenant": TenantRef(id="tenant")}
    fallback = Organization(id="tenant", domains=(Domain(name="fabrikam.com", is_default=True),))
    nameless = Organization(id="tenant", domains=(Domain(name="fabrikam.com"),))

    assert planned().tenant.domain == "contoso.com"
    assert planned(desired=by_id, current={"organization": fallback}).tenant.domain == "fabrikam.com"
    assert planned(desired=by_id, current={"organization": nameless}).tenant.domain == ""
