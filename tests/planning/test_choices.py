"""`one_of`: who gets which option, what makes somebody try the next, what is told of it."""

from typing import Any

import pytest

from reconciler.model import Choice, Exclusion, Grant, Restriction
from reconciler.model import Test as Check
from reconciler.plan import Plan
from tests.planning.test_grouping import team, through, wanted
from tests.planning.test_matching import rule
from tests.planning.world import (
    change,
    codes,
    conflict,
    entry,
    grant,
    held,
    line,
    parts,
    pid,
    planned,
    sid,
    sku,
    user,
)

ANNA = "users/anna@contoso.com/licenses"


def one_of(*options: str | Grant, at: int = 4) -> Choice:
    """Return a choice of licences; the first is wanted most."""
    grants = tuple(option if isinstance(option, Grant) else grant(option, at=at) for option in options)
    return Choice(options=grants, location=line(at))


def chooses(name: str, *choices: Choice, **fields: Any):
    """Return an entry that asks for choices and nothing else."""
    return entry(name, **{"choices": choices, "mode": "add", **fields})


def owned(**seats: int):
    """Return SKUs with so many seats each."""
    return tuple(sku(part, count) for part, count in seats.items())


def given(plan: Plan) -> dict[str, tuple[list[str], list[str], str]]:
    """Return what each user gains and loses, and the status of the change, by name."""
    return {
        c.user.upn.partition("@")[0]: (parts(c.assign), parts(c.revoke), c.status)
        for c in plan.changes
        if c.kind == "set-licenses"
    }


E5_OR_E3 = one_of("SPE_E5", "SPE_E3")
IN_SALES = Check(field="department", values=("sales",))


def test_everybody_gets_the_first_option_while_there_are_seats():
    """Its reason is its place in the file, and nothing is warned of."""
    plan = planned(chooses("anna", E5_OR_E3), users=(user("anna"),), skus=owned(SPE_E5=1, SPE_E3=1))

    assert given(plan) == {"anna": (["SPE_E5"], [], "ready")}
    only = change(plan, "anna")
    assert [(b.rule, b.line) for b in only.assign[0].because] == [("users", 4)]
    assert "fallback-license" not in codes(only.warnings)


def test_who_finds_no_seat_takes_the_next_option_and_is_told():
    """Seats go by priority, then by UPN."""
    people = user("anna"), user("ben"), user("cas")
    entries = chooses("anna", E5_OR_E3), chooses("ben", E5_OR_E3), chooses("cas", E5_OR_E3, priority=1)

    plan = planned(*entries, users=people, skus=owned(SPE_E5=1, SPE_E3=5))

    assert given(plan) == {
        "anna": (["SPE_E3"], [], "ready"),
        "ben": (["SPE_E3"], [], "ready"),
        "cas": (["SPE_E5"], [], "ready"),
    }
    (warning,) = (w for w in change(plan, "anna").warnings if w.code == "fallback-license")
    assert (warning.params["sku"], warning.params["wanted"]) == ("SPE_E3", "SPE_E5")
    assert (plan.conflicts, plan.purchases) == ((), ())


def test_where_no_option_is_left_the_first_is_what_is_missing():
    """What is to be bought is what is wanted most."""
    plan = planned(chooses("anna", E5_OR_E3), users=(user("anna"),), skus=owned(SPE_E5=0, SPE_E3=0))

    assert given(plan) == {"anna": (["SPE_E5"], [], "blocked")}
    short = conflict(plan, "no-seats")
    assert (short.sku, short.params["others"]) == ("SPE_E5", ["SPE_E3"])
    assert [(row.sku, row.buy) for row in plan.purchases] == [("SPE_E5", 1)]


@pytest.mark.parametrize(
    "fields",
    [
        {"grants": (grant("SPE_E5"),), "choices": (E5_OR_E3,)},
        {"choices": (E5_OR_E3,), "exclusions": (Exclusion(sku_id=sid("SPE_E3"), location=line(5)),)},
        {"grants": (grant("SPE_E5"),), "choices": (one_of("VISIOCLIENT", "POWER_BI_PRO", at=5),)},
    ],
    ids=["granted as well", "excluded", "of another choice"],
)
def test_of_a_shortage_that_no_other_option_can_end_none_is_told(fields):
    """It would not help, or it has nothing to do with it."""
    plan = planned(
        entry("anna", mode="add", **fields),
        users=(user("anna"),),
        skus=owned(SPE_E5=0, SPE_E3=0, VISIOCLIENT=1, POWER_BI_PRO=1),
    )

    assert "others" not in conflict(plan, "no-seats").params


def test_options_are_tried_one_after_the_other():
    """The third, where the first two are taken."""
    plan = planned(
        chooses("anna", one_of("SPE_E5", "SPE_E3", "ENTERPRISEPACK")),
        users=(user("anna"),),
        skus=owned(SPE_E5=0, SPE_E3=0, ENTERPRISEPACK=1),
    )

    assert given(plan) == {"anna": (["ENTERPRISEPACK"], [], "ready")}


def test_two_choices_are_settled_each_by_itself():
    """The one that finds its seat stays; the plans of the option that is taken count."""
    visio = one_of("VISIOCLIENT", "POWER_BI_PRO", at=5)
    off = grant("SPE_E3", off=("YAMMER_ENTERPRISE",), at=4)

    plan = planned(
        chooses("anna", one_of("SPE_E5", off), visio),
        users=(user("anna"),),
        skus=owned(SPE_E5=0, SPE_E3=1, VISIOCLIENT=1, POWER_BI_PRO=1),
    )

    only = change(plan, "anna")
    assert sorted(parts(only.assign)) == ["SPE_E3", "VISIOCLIENT"]
    assert {item.sku: item.disabled_plans for item in only.assign}["SPE_E3"] == (pid("YAMMER_ENTERPRISE"),)


def test_who_is_stuck_with_one_choice_still_falls_back_with_the_other():
    """The first choice has no seat at all; the second does not try forever for its sake."""
    plan = planned(
        chooses("anna", E5_OR_E3, one_of("VISIOCLIENT", "POWER_BI_PRO", at=5)),
        users=(user("anna"),),
        skus=owned(SPE_E5=0, SPE_E3=0, VISIOCLIENT=0, POWER_BI_PRO=1),
    )

    only = change(plan, "anna")
    assert sorted(parts(only.assign)) == ["POWER_BI_PRO", "SPE_E5"]
    assert only.blocked_by == ("no-seats",)
    assert [c.sku for c in plan.conflicts if c.code == "no-seats"] == ["SPE_E5"]


def test_an_option_that_is_held_or_granted_anyway_is_kept():
    """Nobody is moved to a better one: that would be a change for no asking, at a seat's cost."""
    skus = owned(SPE_E5=5, SPE_E3=5)
    holder = user("anna", "SPE_E3")

    assert planned(chooses("anna", E5_OR_E3), users=(holder,), skus=skus).changes == ()
    also = planned(chooses("anna", E5_OR_E3, grants=(grant("SPE_E3"),)), users=(user("anna"),), skus=skus)
    assert given(also) == {"anna": (["SPE_E3"], [], "ready")}


def test_an_option_that_a_group_gives_satisfies_the_choice():
    """It costs no second seat."""
    plan = planned(
        chooses("anna", E5_OR_E3),
        users=(user("anna", through("SPE_E3")),),
        skus=owned(SPE_E5=5, SPE_E3=5),
        current={"groups": (team("anna"),)},
    )

    assert plan.changes == ()


def test_a_list_with_a_choice_replaces_what_is_none_of_its_options():
    """The option that is held stays, the rest goes."""
    plan = planned(
        chooses("anna", E5_OR_E3, mode="replace"),
        users=(user("anna", "SPE_E3", "VISIOCLIENT"),),
        skus=owned(SPE_E5=5, SPE_E3=5, VISIOCLIENT=5),
    )

    assert given(plan) == {"anna": ([], ["VISIOCLIENT"], "ready")}


def test_an_excluded_option_is_none():
    """Where all are excluded, nothing is given."""
    skus = owned(SPE_E5=5, SPE_E3=0)

    plan = planned(chooses("anna", E5_OR_E3, exclude=("SPE_E5",)), users=(user("anna"),), skus=skus)
    assert given(plan) == {"anna": (["SPE_E3"], [], "blocked")}
    plan = planned(
        chooses("anna", E5_OR_E3, one_of("VISIOCLIENT", "EMS"), exclude=("SPE_E5", "SPE_E3")),
        users=(user("anna"),),
        skus=(*skus, *owned(VISIOCLIENT=0, EMS=1)),
    )
    assert given(plan) == {"anna": (["EMS"], [], "ready")}


def test_an_option_that_can_not_be_assigned_is_passed_over():
    """A suspended SKU; a SKU that must not be used where the user is."""
    both = owned(SPE_E3=5)
    suspended = sku("SPE_E5", 5, status="Suspended")
    elsewhere = Restriction(location=line(3), sku_id=sid("SPE_E5"), countries=("NL",))

    for skus, desired in (
        ((*both, suspended), {}),
        ((*both, *owned(SPE_E5=5)), {"restrictions": (elsewhere,)}),
    ):
        plan = planned(chooses("anna", E5_OR_E3), users=(user("anna"),), skus=skus, desired=desired)
        assert given(plan) == {"anna": (["SPE_E3"], [], "ready")}
        assert plan.conflicts == ()


def test_an_option_that_excludes_what_is_held_is_passed_over():
    """Two plans that can't be on at once: only the option can give way."""
    plan = planned(
        chooses("anna", one_of("DESKLESSPACK", "POWER_BI_PRO")),
        users=(user("anna", "STANDARDPACK"),),
        skus=owned(DESKLESSPACK=5, STANDARDPACK=5, POWER_BI_PRO=5),
    )

    assert given(plan) == {"anna": (["POWER_BI_PRO"], [], "ready")}


def test_what_bars_the_user_and_not_the_option_makes_nobody_try_another():
    """Without a usage location no option would do."""
    plan = planned(
        chooses("anna", E5_OR_E3), users=(user("anna", usage_location=None),), skus=owned(SPE_E5=1, SPE_E3=1)
    )

    assert given(plan) == {"anna": (["SPE_E5"], [], "blocked")}
    assert codes(plan.conflicts) == ["no-usage-location"]


def test_no_seat_for_something_else_makes_nobody_try_another_option():
    """The choice had its seat."""
    plan = planned(
        chooses("anna", E5_OR_E3, grants=(grant("VISIOCLIENT"),)),
        users=(user("anna"),),
        skus=owned(SPE_E5=1, SPE_E3=1, VISIOCLIENT=0),
    )

    assert [sorted(assign) for assign, _, _ in given(plan).values()] == [["SPE_E5", "VISIOCLIENT"]]
    assert conflict(plan, "no-seats").sku == "VISIOCLIENT"


def test_a_seat_that_somebody_gives_up_by_falling_back_serves_the_next():
    """Who has no seat for one licence of two takes none; whoever stands behind gets it."""
    plan = planned(
        chooses("anna", E5_OR_E3, grants=(grant("EMS"),), priority=1),
        entry("ben", "EMS"),
        users=(user("anna"), user("ben")),
        skus=owned(SPE_E5=0, SPE_E3=0, EMS=1),
    )

    assert given(plan)["ben"] == (["EMS"], [], "ready")


def test_a_rule_offers_a_choice_to_everybody_whom_it_matches():
    """As many as there are seats get the first option."""
    everybody = rule("r", IN_SALES, grants=(), choices=(E5_OR_E3,))
    people = tuple(user(name, department="Sales") for name in ("anna", "ben"))

    plan = planned(users=people, skus=owned(SPE_E5=1, SPE_E3=1), desired={"rules": (everybody,)})

    assert given(plan) == {"anna": (["SPE_E5"], [], "ready"), "ben": (["SPE_E3"], [], "ready")}


def test_a_group_is_judged_by_the_option_that_its_members_come_to():
    """The first option would not go with what the group gives; nobody gets it, so it bars nothing.

    Anna's own change comes first, since it gives what the group takes.
    """
    skus = owned(STANDARDPACK=0, EXCHANGEENTERPRISE=1, POWER_BI_PRO=1, DESKLESSPACK=1)
    exchange = held("EXCHANGEENTERPRISE")

    plan = planned(
        chooses("anna", one_of("STANDARDPACK", "POWER_BI_PRO")),
        users=(user("anna", through("EXCHANGEENTERPRISE")),),
        skus=skus,
        current={"groups": (team("anna", gives=(exchange,)),)},
        desired={"groups": (wanted("DESKLESSPACK", mode="replace"),)},
    )

    assert {c.address: c.blocked_by for c in plan.changes} == {ANNA: (), "groups/Team/licenses": ()}
    assert plan.conflicts == ()
