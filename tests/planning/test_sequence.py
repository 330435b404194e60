"""The order of one user's changes: what gives before what takes, and nobody waits for nothing."""

from reconciler.model import Options
from reconciler.plan import Plan
from tests.planning.test_grouping import grouped, team, through, wanted
from tests.planning.world import NOW, change, codes, entry, grant, held, pid, sid, sku, user

ANNA = "users/anna@contoso.com/licenses"
JOIN, LEAVE = "groups/New/members/anna@contoso.com", "groups/Old/members/anna@contoso.com"
ONE = (sku("EMS", 1), sku("POWER_BI_PRO", 1), sku("VISIOCLIENT", 1))
NEW, OLD = team(name="New", gives=(held("EMS"),)), team("anna", name="Old", gives=(held("EMS"),))


def order(plan: Plan) -> list[tuple[str, tuple[str, ...]]]:
    """Return the addresses of the changes in order, each with what it waits for; all are ready."""
    assert all(c.ready for c in plan.changes)
    return [(c.address, c.depends_on) for c in plan.changes]


def rows(*pairs: tuple[str, str | None]) -> list[dict]:
    """Return what a change expects: SKU and the group that gives it."""
    found = [{"sku_id": sid(part), "disabled_plans": [], "assigned_by": group} for part, group in pairs]
    return sorted(found, key=lambda row: (row["sku_id"], row["assigned_by"] or ""))


def test_a_direct_licence_goes_once_the_group_gives_it():
    """No gap in the service, and one seat throughout."""
    plan = grouped(
        wanted(members=("anna",), name="New"),
        groups=(NEW,),
        users=(user("anna", "EMS"),),
        entries=(entry("anna"),),
        skus=ONE,
    )

    assert order(plan) == [(JOIN, ()), (ANNA, (JOIN,))]
    assert change(plan, "anna").before["assignments"] == rows(("EMS", None), ("EMS", "g-new"))
    assert change(plan, "anna").warnings == ()


def test_a_direct_licence_comes_before_the_group_is_left_that_gave_it():
    """The seat stays the user's: it is neither taken twice nor offered to others in between."""
    plan = grouped(
        wanted(members=(), name="Old"),
        groups=(OLD,),
        users=(user("anna", through("EMS", "Old")),),
        entries=(entry("anna", "EMS"),),
        skus=ONE,
    )

    assert order(plan) == [(ANNA, ()), (LEAVE, (ANNA,))]
    assert parts_of(plan) == ["EMS"]
    assert plan.seats[0].in_use_after == 1


def parts_of(plan: Plan) -> list[str]:
    """Return what the user's own change assigns."""
    return [item.sku for item in change(plan, "anna").assign]


def test_one_group_is_joined_before_the_other_is_left():
    """Whoever moves from one to the other keeps the licence all the time."""
    plan = grouped(
        wanted(members=("anna",), name="New"),
        wanted(members=(), name="Old"),
        groups=(NEW, OLD),
        users=(user("anna", through("EMS", "Old")),),
        skus=ONE,
    )

    assert order(plan) == [(JOIN, ()), (LEAVE, (JOIN,))]
    assert change(plan, LEAVE).before == {
        "member": True,
        "assignments": rows(("EMS", "g-new"), ("EMS", "g-old")),
    }
    assert change(plan, LEAVE).after == {"member": False, "assignments": rows(("EMS", "g-new"))}


def test_changes_that_have_nothing_to_do_with_each_other_do_not_wait():
    """Each expects what is there now."""
    plan = grouped(
        wanted(members=("anna",), name="New"),
        groups=(NEW,),
        users=(user("anna"),),
        entries=(entry("anna", "POWER_BI_PRO"),),
        skus=ONE,
    )

    assert dict(order(plan)) == {JOIN: (), ANNA: ()}
    assert change(plan, JOIN).before["assignments"] == change(plan, "anna").before["assignments"] == []


def test_a_groups_licence_goes_once_the_user_has_it_directly():
    """The group's change waits for the member's own, which gives what it takes."""
    plan = grouped(
        wanted(name="Old", grants=(), mode="replace"),
        groups=(OLD,),
        users=(user("anna", through("EMS", "Old")),),
        entries=(entry("anna", "EMS"),),
        skus=ONE,
    )

    assert order(plan) == [(ANNA, ()), ("groups/Old/licenses", (ANNA,))]
    assert change(plan, "groups/Old/licenses").members == ()


def test_a_service_counts_as_well_as_the_licence_that_gives_it():
    """The mailbox is to come from another SKU, of another plan: it must not be gone in between."""
    skus = sku("EXCHANGESTANDARD", 5), sku("EXCHANGEENTERPRISE", 5)
    plan = grouped(
        wanted(members=(), name="Old"),
        groups=(team("anna", name="Old", gives=(held("EXCHANGEENTERPRISE"),)),),
        users=(user("anna", through("EXCHANGEENTERPRISE", "Old")),),
        entries=(entry("anna", "EXCHANGESTANDARD"),),
        skus=skus,
    )

    assert order(plan) == [(ANNA, ()), (LEAVE, (ANNA,))]
    assert "mailbox-deletion" not in codes(change(plan, LEAVE).warnings)


def test_what_is_expected_follows_what_comes_before_however_far_away():
    """Joining, then the direct licence, then leaving: each sees the work of those before."""
    skus = sku("EMS", 5), sku("AAD_PREMIUM", 5), sku("INTUNE_A", 5)
    plan = grouped(
        wanted(members=("anna",), name="New"),
        wanted(members=(), name="Old"),
        groups=(NEW, team("anna", name="Old", gives=(held("INTUNE_A"),))),
        users=(user("anna", "AAD_PREMIUM", through("INTUNE_A", "Old")),),
        entries=(entry("anna"),),
        skus=skus,
    )

    assert order(plan) == [(JOIN, ()), (LEAVE, (JOIN,)), (ANNA, (JOIN,))]
    assert change(plan, "anna").before["assignments"] == rows(
        ("AAD_PREMIUM", None), ("EMS", "g-new"), ("INTUNE_A", "g-old")
    )


def test_joining_a_group_waits_for_the_licences_that_it_shall_give():
    """Whoever joins gets what the group gives afterwards, and nothing for a moment only."""
    plan = grouped(
        wanted("POWER_BI_PRO", mode="replace", members=("anna",), name="New"),
        groups=(NEW,),
        users=(user("anna"),),
        skus=ONE,
    )

    assert order(plan) == [("groups/New/licenses", ()), (JOIN, ("groups/New/licenses",))]
    assert change(plan, JOIN).after["assignments"] == rows(("POWER_BI_PRO", "g-new"))


def test_who_leaves_a_group_whose_licences_change_is_touched_by_both():
    """He is a member still when they change: the seat is counted for both."""
    plan = grouped(
        wanted("POWER_BI_PRO", members=(), name="Old"),
        groups=(OLD,),
        users=(user("anna", through("EMS", "Old")),),
        skus=ONE,
    )

    assert order(plan) == [("groups/Old/licenses", ()), (LEAVE, ("groups/Old/licenses",))]
    assert change(plan, LEAVE).before["assignments"] == rows(("EMS", "g-old"), ("POWER_BI_PRO", "g-old"))
    assert {row.sku: row.in_use_after for row in plan.seats} == {
        "EMS": 0,
        "POWER_BI_PRO": 0,
        "VISIOCLIENT": 0,
    }


def test_what_is_lost_in_the_end_is_told_once_by_the_last_that_takes_it():
    """Direct and through the group: only leaving it, at the end, takes the mailbox."""
    gives = (held("EXCHANGESTANDARD"),)
    plan = grouped(
        wanted(members=(), name="Old"),
        groups=(team("anna", name="Old", gives=gives),),
        users=(user("anna", "EXCHANGESTANDARD", through("EXCHANGESTANDARD", "Old")),),
        entries=(entry("anna"),),
        skus=(sku("EXCHANGESTANDARD", 5),),
    )

    told = {c.address: "mailbox-deletion" in codes(c.warnings) for c in plan.changes}
    assert told == {ANNA: False, LEAVE: True}
    assert change(plan, LEAVE).depends_on == (ANNA,)


def test_what_was_there_for_a_moment_only_is_not_lost():
    """The group gets a mailbox to give while a member leaves it: he had none, so none is deleted."""
    plan = grouped(
        wanted("EXCHANGESTANDARD", members=(), name="Old"),
        groups=(OLD,),
        users=(user("anna", through("EMS", "Old")),),
        skus=(*ONE, sku("EXCHANGESTANDARD", 5)),
    )

    told = change(plan, LEAVE).warnings
    assert [(warning.code, warning.params["service"]) for warning in told] == [("data-deletion", "intune")]


def test_what_was_there_in_another_way_before_is_lost():
    """The mailbox moves to a bigger licence of the group, and goes when the member leaves it."""
    plan = grouped(
        wanted("EXCHANGEENTERPRISE", mode="replace", members=(), name="Old"),
        groups=(team("anna", name="Old", gives=(held("EXCHANGESTANDARD"),)),),
        users=(user("anna", through("EXCHANGESTANDARD", "Old")),),
        skus=(sku("EXCHANGESTANDARD", 5), sku("EXCHANGEENTERPRISE", 5)),
    )

    assert change(plan, "groups/Old/licenses").warnings == ()
    (told,) = change(plan, LEAVE).warnings
    assert (told.code, told.params["sku"]) == ("mailbox-deletion", "EXCHANGEENTERPRISE")


def test_two_changes_that_each_give_what_the_other_takes_are_not_left_waiting_for_each_other():
    """The group and the direct licence trade places: joining comes first."""
    off = ("INTUNE_A",)
    plan = grouped(
        wanted(grant("EMS", off=("AAD_PREMIUM",)), name="Old"),
        groups=(team("anna", name="Old", gives=(held("EMS", off=off),)),),
        users=(user("anna", held("EMS", off=("AAD_PREMIUM",)), through("EMS", "Old", off=off)),),
        entries=(entry("anna", grant("EMS", off=off)),),
        skus=ONE,
    )

    assert order(plan) == [("groups/Old/licenses", ()), (ANNA, ("groups/Old/licenses",))]
    (direct,) = (a for a in change(plan, "anna").after["assignments"] if a["assigned_by"] is None)
    assert direct["disabled_plans"] == [pid("INTUNE_A")]


def test_a_circle_of_three_is_cut_at_its_earliest_change():
    """Each gives what the next one takes: some order must do, and it is always the same."""
    first = team("anna", name="A", gives=(held("VISIOCLIENT"),))
    second = team("anna", name="B", gives=(held("EMS"),))
    plan = grouped(
        wanted("EMS", mode="replace", name="A"),
        wanted("POWER_BI_PRO", mode="replace", name="B"),
        groups=(first, second),
        users=(user("anna", "POWER_BI_PRO", through("VISIOCLIENT", "A"), through("EMS", "B")),),
        entries=(entry("anna", "VISIOCLIENT"),),
        skus=ONE,
    )

    addresses = [address for address, _ in order(plan)]
    assert addresses[0] == "groups/A/licenses"
    assert sorted(addresses) == ["groups/A/licenses", "groups/B/licenses", ANNA]


def test_each_change_tells_what_goes_with_it():
    """The mailbox goes with the direct licence, whether or not the group is left in the same run."""
    for targets in ((), (ANNA,)):
        plan = grouped(
            wanted(members=(), name="Old"),
            groups=(OLD,),
            users=(user("anna", "EXCHANGESTANDARD", through("EMS", "Old")),),
            entries=(entry("anna"),),
            skus=(*ONE, sku("EXCHANGESTANDARD", 5)),
            options=Options(now=NOW, targets=targets),
        )

        told = {c.address: "mailbox-deletion" in codes(c.warnings) for c in plan.changes}
        assert told == {ANNA: True, **({} if targets else {LEAVE: False})}
