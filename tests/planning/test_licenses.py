"""Which direct licences a user shall have: modes, grants, plans, exclusions, inheritance."""

from reconciler.model import Assignment
from reconciler.plan import Because
from tests.planning.world import (
    change,
    codes,
    conflict,
    entry,
    grant,
    held,
    parts,
    pid,
    planned,
    sid,
    sku,
    user,
)


def test_a_listed_licence_that_the_user_lacks_is_assigned():
    """The assignment says where it is declared."""
    plan = planned(entry("anna", "ENTERPRISEPACK", at=7), users=(user("anna"),))

    (licence,) = change(plan, "anna").assign

    assert (licence.sku, licence.name, licence.disabled_plans) == ("ENTERPRISEPACK", "Office 365 E3", ())
    assert licence.because == (Because(rule="users", file="tenant.yaml", line=7),)


def test_in_replace_mode_what_is_not_listed_is_revoked():
    """The reason of a revocation is the entry."""
    plan = planned(entry("anna", at=3), users=(user("anna", "ENTERPRISEPACK"),))

    (licence,) = change(plan, "anna").revoke

    assert licence.sku == "ENTERPRISEPACK"
    assert licence.because == (Because(rule="users", file="tenant.yaml", line=3),)


def test_in_add_mode_nothing_is_revoked():
    """Only what is missing comes."""
    plan = planned(entry("anna", "EMS", mode="add"), users=(user("anna", "ENTERPRISEPACK"),))

    assert parts(change(plan, "anna").assign) == ["EMS"]
    assert change(plan, "anna").revoke == ()


def test_omitted_licences_are_not_managed():
    """An entry without `licenses` changes none, whatever the user holds."""
    assert planned(entry("anna", grants=None), users=(user("anna", "ENTERPRISEPACK"),)).changes == ()


def test_a_swap_is_one_change():
    """Old and new go in one call, so that no service is missing in between."""
    plan = planned(entry("anna", "SPE_E5"), users=(user("anna", "ENTERPRISEPACK"),))

    (swap,) = plan.changes

    assert (parts(swap.assign), parts(swap.revoke)) == (["SPE_E5"], ["ENTERPRISEPACK"])


def test_a_sku_granted_twice_is_one_licence_with_both_reasons():
    """Grants add up."""
    plan = planned(entry("anna", grant("EMS", at=2), grant("EMS", at=5)), users=(user("anna"),))

    (licence,) = change(plan, "anna").assign

    assert [reason.line for reason in licence.because] == [2, 5]


def test_a_plan_is_off_only_if_every_grant_that_manages_plans_turns_it_off():
    """One grant wants INTUNE_A and AAD_PREMIUM off, one only INTUNE_A, one does not care."""
    grants = (
        grant("EMS"),
        grant("EMS", off=("INTUNE_A", "AAD_PREMIUM")),
        grant("EMS", off=("INTUNE_A",)),
        grant("EMS"),
    )

    (licence,) = change(planned(entry("anna", *grants), users=(user("anna"),)), "anna").assign

    assert licence.disabled_plans == (pid("INTUNE_A"),)


def test_unmanaged_plans_stay_as_they_are():
    """With neither `disable` nor `enable` a held licence is not touched."""
    assert planned(entry("anna", "EMS"), users=(user("anna", held("EMS", off=("INTUNE_A",))),)).changes == ()


def test_managed_plans_that_differ_are_a_modification():
    """`disable: []` means all on."""
    plan = planned(entry("anna", grant("EMS", off=())), users=(user("anna", held("EMS", off=("INTUNE_A",))),))

    assert [(one.sku, one.disabled_plans) for one in change(plan, "anna").modify] == [("EMS", ())]
    assert change(plan, "anna").after["assignments"] == [
        {"sku_id": sid("EMS"), "disabled_plans": [], "assigned_by": None}
    ]


def test_an_inherited_licence_satisfies_a_grant():
    """No direct one is added beside it."""
    assert planned(entry("anna", "EMS"), users=(user("anna", held("EMS", group="g")),)).changes == ()


def test_an_inherited_licence_without_a_wanted_plan_does_not_satisfy():
    """The direct licence turns on what the group leaves off, at no further seat."""
    inherited = held("EMS", off=("INTUNE_A",), group="g")

    plan = planned(entry("anna", grant("EMS", off=())), users=(user("anna", inherited),))

    assert parts(change(plan, "anna").assign) == ["EMS"]
    assert [(row.in_use_before, row.in_use_after) for row in plan.seats] == [(1, 1)]


def test_two_groups_together_satisfy_a_grant():
    """What is enabled is the union over all sources."""
    sources = (held("EMS", off=("INTUNE_A",), group="g"), held("EMS", off=("AAD_PREMIUM",), group="h"))

    assert planned(entry("anna", grant("EMS", off=())), users=(user("anna", *sources),)).changes == ()


def test_an_inherited_licence_in_error_does_not_satisfy():
    """It gives nothing."""
    failed = held("EMS", group="g", state="Error")

    plan = planned(entry("anna", "EMS"), users=(user("anna", failed),))

    assert parts(change(plan, "anna").assign) == ["EMS"]
    assert change(plan, "anna").before["assignments"] == []


def test_a_direct_licence_beside_an_inherited_one_is_kept():
    """It was wanted before, and is no second seat."""
    both = (held("EMS"), held("EMS", group="g"))

    assert planned(entry("anna", "EMS"), users=(user("anna", *both),)).changes == ()


def test_a_licence_held_through_a_group_is_never_revoked_on_the_user():
    """Only the direct licence goes; the group's is told as a conflict."""
    plan = planned(entry("anna", at=4), users=(user("anna", "EMS", held("ENTERPRISEPACK", group="g")),))

    found = conflict(plan, "inherited")

    assert parts(change(plan, "anna").revoke) == ["EMS"]
    assert (found.subject, found.blocks, found.line) == ("subscriptions/ENTERPRISEPACK", False, 4)
    assert found.params["groups"] == ["g"]


def test_revoking_the_direct_one_of_two_sources_loses_nothing_and_frees_no_seat():
    """The group still gives the service."""
    plan = planned(entry("anna"), users=(user("anna", held("EMS"), held("EMS", group="g")),))

    assert change(plan, "anna").warnings == ()
    assert [(row.in_use_before, row.in_use_after) for row in plan.seats] == [(1, 1)]


def test_an_exclusion_beats_a_bundle():
    """What is excluded is not assigned."""
    plan = planned(entry("anna", "EMS", "ENTERPRISEPACK", exclude=("EMS",)), users=(user("anna"),))

    assert parts(change(plan, "anna").assign) == ["ENTERPRISEPACK"]


def test_an_excluded_licence_is_revoked_in_any_mode():
    """`exclude` is an explicit statement: the user must not hold it."""
    for fields in ({"mode": "add"}, {"grants": None}):
        plan = planned(entry("anna", exclude=("EMS",), **fields), users=(user("anna", "EMS", "VISIOCLIENT"),))

        assert parts(change(plan, "anna").revoke) == ["EMS"]


def test_an_excluded_licence_that_a_group_gives_is_a_conflict():
    """Only the group can take it away."""
    plan = planned(
        entry("anna", exclude=("EMS",), grants=None), users=(user("anna", held("EMS", group="g")),)
    )

    assert plan.changes == ()
    assert codes(plan.conflicts) == ["inherited"]


def test_an_ignored_sku_is_never_revoked():
    """Free and viral SKUs are no licences to speak of."""
    ignored = {"ignored_skus": frozenset({sid("FLOW_FREE")})}

    plan = planned(entry("anna"), users=(user("anna", "FLOW_FREE"),), desired=ignored)

    assert plan.changes == ()
    assert plan.seats == ()


def test_a_licence_of_a_sku_that_nobody_knows_is_revoked_by_its_id():
    """The tenant has dropped it, the catalogue never had it."""
    plan = planned(entry("anna"), users=(user("anna", Assignment(sku_id="gone")),), skus=(sku("EMS"),))

    assert [(one.sku, one.sku_id, one.name) for one in change(plan, "anna").revoke] == [
        ("gone", "gone", "gone")
    ]
