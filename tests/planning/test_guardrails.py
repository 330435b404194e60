"""When the rails refuse: count and percent, at every size of tenant."""

import pytest

from reconciler.model import Group, Guardrails, Rail
from reconciler.plan import Refusal
from tests.planning.world import codes, entry, planned, sku, user


def losing(lost: int, holders: int, **rails: Rail):
    """Return the refusals of a plan that takes EMS from `lost` of `holders` users."""
    names = [f"u{number:03}" for number in range(holders)]
    plan = planned(
        *(entry(name) for name in names[:lost]),
        users=tuple(user(name, "EMS") for name in names),
        skus=(sku("EMS", 500),),
        desired={"guardrails": Guardrails(**rails)},
    )
    return plan.refusals


@pytest.mark.parametrize(
    ("lost", "holders", "refused"),
    [
        (5, 5, False),  # up to `free` always pass
        (6, 6, True),  # ten percent of six
        (6, 59, True),
        (6, 60, False),  # exactly ten percent
        (7, 60, True),
        (40, 400, False),
        (41, 400, True),
    ],
)
def test_too_many_revocations_are_refused(lost, holders, refused):
    """By default 50, or ten percent of the pairs held, whichever is less."""
    assert (codes(losing(lost, holders)) == ["max-revocations"]) is refused


def test_a_refusal_says_the_numbers_and_the_flag():
    """One rail at a time."""
    (refusal,) = losing(3, 100, max_revocations=Rail(count=2))

    assert refusal == Refusal(
        code="max-revocations",
        params={"lost": 3, "held": 100, "count": 2, "free": 0},
        allow="--allow max-revocations",
    )


def test_a_rail_without_limits_lets_everything_through():
    """The file may say so."""
    assert losing(50, 50, max_revocations=Rail()) == ()


def test_a_swap_counts_as_one_pair_lost():
    """Whatever replaces it."""
    plan = planned(
        entry("anna", "SPE_E5"),
        users=(user("anna", "SPE_E3"),),
        desired={"guardrails": Guardrails(max_revocations=Rail(count=0))},
    )

    assert codes(plan.refusals) == ["max-revocations"]


def test_too_many_deletions_are_refused():
    """By default more than five."""
    names = [f"u{number}" for number in range(6)]

    def refused(count: int) -> list[str]:
        plan = planned(*(entry(name, present=False) for name in names[:count]), users=tuple(map(user, names)))
        return codes(plan.refusals)

    assert refused(5) == []
    assert refused(6) == ["max-deletions"]


def test_blocked_changes_take_nothing_and_are_not_counted():
    """The rails judge the plan that will run."""
    plan = planned(
        entry("anna"),
        users=(user("anna", "EMS"),),
        desired={
            "guardrails": Guardrails(max_revocations=Rail(count=0), protected_users=("anna@contoso.com",))
        },
    )

    assert codes(plan.conflicts) == ["protected"]
    assert plan.refusals == ()


def test_a_protection_that_means_nobody_is_told():
    """A slip in the file must not go unseen; users by UPN or id, and groups by name or id, are known."""
    rails = Guardrails(
        protected_users=("admin@contoso.com", "brakeglass@contoso.com", "g", "id-admin", "vips")
    )

    plan = planned(
        current={"groups": (Group(id="g", name="VIPs"),)},
        desired={"guardrails": rails},
    )

    assert plan.options["protects_nobody"] == ["brakeglass@contoso.com"]
    assert "protects_nobody" not in planned().options


def test_the_plan_shows_the_rails_in_force():
    """A reviewer sees them."""
    assert planned().guardrails == {
        "max_revocations": {"count": 50, "percent": 10, "free": 5},
        "max_deletions": {"count": 5, "free": 0},
        "protected_users": [],
        "protected_skus": [],
    }
