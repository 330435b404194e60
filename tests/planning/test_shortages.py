"""Which seats are short, what would help, and what it takes."""

from reconciler.model import DeletedUser, WantedSubscription
from reconciler.planning import shortages
from tests.planning.world import change, codes, conflict, entry, held, line, planned, sid, sku, user


def test_scarce_seats_go_by_upn():
    """The others are blocked, with what must be bought for all of them."""
    names = ("anna", "bram", "cees")

    plan = planned(
        *(entry(name, "SPE_E5") for name in names),
        users=tuple(user(name) for name in names),
        skus=(sku("SPE_E5", 1),),
    )

    assert {name: change(plan, name).blocked_by for name in names} == {
        "anna": (),
        "bram": ("no-seats",),
        "cees": ("no-seats",),
    }
    assert [(row.sku, row.seats, row.in_use, row.needed, row.buy) for row in plan.purchases] == [
        ("SPE_E5", 1, 0, 3, 2)
    ]
    assert [(row.in_use_after, row.free_after, row.short) for row in plan.seats] == [(1, 0, 2)]


def test_seats_that_the_service_counts_are_in_use():
    """Whatever we count: the larger figure rules."""
    plan = planned(entry("anna", "EMS"), users=(user("anna"),), skus=(sku("EMS", 5, consumed=5),))

    assert conflict(plan, "no-seats").params["in_use"] == 5


def test_a_shortage_lists_who_could_give_up_a_seat():
    """Never as a change."""
    people = (user("anna"), user("bram", "EMS", enabled=False), user("cees", "EMS", "VISIOCLIENT"))

    plan = planned(entry("anna", "EMS"), users=people, skus=(sku("EMS", 2), sku("VISIOCLIENT")))
    found = conflict(plan, "no-seats")

    assert (found.params["leavers"], found.params["disabled"], found.params["covered"]) == (
        [],
        ["bram@contoso.com"],
        [],
    )
    assert len(plan.changes) == 1


def test_a_blocked_change_frees_nothing():
    """Bram's E3 does not become Anna's while Bram waits for an E5."""
    plan = planned(
        entry("anna", "ENTERPRISEPACK"),
        entry("bram", "SPE_E5"),
        users=(user("anna"), user("bram", "ENTERPRISEPACK")),
        skus=(sku("ENTERPRISEPACK", 1), sku("SPE_E5", 0)),
    )

    assert change(plan, "anna").blocked_by == ("no-seats",)
    assert [row.sku for row in plan.purchases] == ["SPE_E5"]
    assert conflict_of(plan, "anna").params["buy"] == 1


def conflict_of(plan, name):
    """Return the conflict of one user."""
    (found,) = (c for c in plan.conflicts if c.subject == f"users/{name}@contoso.com")
    return found


def test_users_who_trade_without_a_spare_seat_are_told_as_a_cycle():
    """One seat of one SKU unties it."""
    plan = planned(
        entry("anna", "SPE_E5"),
        entry("bram", "SPE_E3"),
        users=(user("anna", "SPE_E3"), user("bram", "SPE_E5")),
        skus=(sku("SPE_E3", 1), sku("SPE_E5", 1)),
    )

    assert codes(plan.conflicts) == ["swap-cycle", "swap-cycle"]
    assert conflict_of(plan, "anna").params == {
        "upn": "anna@contoso.com",
        "users": ["anna@contoso.com", "bram@contoso.com"],
        "skus": ["SPE_E3", "SPE_E5"],
    }
    assert change(plan, "anna").blocked_by == ("swap-cycle",)
    assert [(row.sku, row.buy) for row in plan.purchases] == [("SPE_E3", 1)]


def test_a_take_depends_on_the_deletion_that_frees_its_seat():
    """And comes after it in the plan."""
    plan = planned(
        entry("anna", "EMS"),
        entry("zoe", present=False),
        users=(user("anna"), user("zoe", "EMS")),
        skus=(sku("EMS", 1),),
    )

    assert [c.address for c in plan.changes] == ["users/zoe@contoso.com", "users/anna@contoso.com/licenses"]
    assert change(plan, "anna").depends_on == ("users/zoe@contoso.com",)


def test_whoever_is_not_covered_in_full_is_no_candidate():
    """A licence of the same service with a smaller mailbox covers nothing."""
    people = (user("anna"), user("bram", "EXCHANGEENTERPRISE", "DESKLESSPACK"))

    plan = planned(
        entry("anna", "EXCHANGEENTERPRISE"),
        users=people,
        skus=(sku("EXCHANGEENTERPRISE", 1), sku("DESKLESSPACK")),
    )

    assert conflict(plan, "no-seats").params["covered"] == []


def test_what_the_plan_buys_is_owned_when_more_must_be_bought():
    """Two need a seat, one is declared: two are needed in all, and one more is to be bought."""
    wanted = WantedSubscription(sku_id=sid("EMS"), location=line(2), seats=1)

    plan = planned(
        entry("anna", "EMS"),
        entry("bram", "EMS"),
        users=(user("anna"), user("bram")),
        skus=(sku("EMS", 0),),
        desired={"subscriptions": (wanted,)},
    )

    assert [(row.needed, row.buy) for row in plan.purchases] == [(2, 1)]
    assert change(plan, "anna").depends_on == ("subscriptions/EMS/seats",)
    assert change(plan, "bram").blocked_by == ("no-seats",)
    assert conflict(plan, "no-seats").params["needed"] == 2


def test_a_restored_user_who_gives_the_licence_up_again_needs_the_seat_first():
    """What comes back with the restore must be bought before it can be revoked."""
    gone = DeletedUser(
        id="old", upn="zed@contoso.com", name="Zed", usage_location="NL", assignments=(held("EMS"),)
    )

    plan = planned(
        entry("zed", profile=(("name", "Zed"),)),
        users=(user("anna", "EMS"),),
        skus=(sku("EMS", 1),),
        current={"deleted_users": (gone,)},
    )

    assert [(row.sku, row.needed, row.buy) for row in plan.purchases] == [("EMS", 2, 1)]


def test_a_sku_that_is_only_bought_has_a_row_of_seats():
    """Whoever reviews the purchase sees what it leads to."""
    row = WantedSubscription(sku_id=sid("EMS"), seats=4, location=line(2))

    plan = planned(skus=(sku("VISIOCLIENT"),), desired={"subscriptions": (row,)})

    assert [(seats.sku, seats.free_after) for seats in plan.seats] == [("EMS", 4), ("VISIOCLIENT", 10)]


def test_who_could_give_up_a_seat_is_looked_for_once_for_each_sku(monkeypatch):
    """Thousands may lack the same seat, and thousands hold one."""
    looked = []
    search = shortages.candidates
    monkeypatch.setattr(shortages, "candidates", lambda *given: looked.append(given[1]) or search(*given))
    names = [f"user{number}" for number in range(5)]
    plan = planned(
        *(entry(name, "EMS") for name in names),
        users=(user("zoe", "EMS"), *(user(name) for name in names)),
        skus=(sku("EMS", 1),),
    )

    assert codes(plan.conflicts) == ["no-seats"] * 5
    assert looked == [sid("EMS")]
