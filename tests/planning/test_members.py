"""Who joins and leaves groups beside everybody else's changes: seats, priority, targets, dates."""

import pytest

from reconciler.errors import UsageError
from reconciler.model import Domain, Options, Organization
from tests.planning.test_grouping import grouped, statuses, team, through, wanted
from tests.planning.world import NOW, change, conflict, entry, held, sku, user

EMS = (held("EMS"),)
JOIN = "groups/Team/members/{}@contoso.com"
ONE = (sku("EMS", 1),)


def test_who_joins_takes_a_seat_like_anybody_else():
    """Without one he stays out, and the rest of the plan goes on."""
    plan = grouped(
        wanted(members=("anna", "ben")),
        groups=(team(gives=EMS),),
        users=(user("anna"), user("ben")),
        skus=ONE,
    )

    assert statuses(plan) == {JOIN.format("anna"): (), JOIN.format("ben"): ("no-seats",)}
    found = conflict(plan, "no-seats")
    assert (found.subject, found.params["upn"], found.params["group"]) == (
        "groups/Team",
        "ben@contoso.com",
        "Team",
    )
    assert [(row.sku, row.buy) for row in plan.purchases] == [("EMS", 1)]


def test_the_priority_of_a_user_counts_for_what_he_joins():
    """He is the one who is served, not the group."""
    plan = grouped(
        wanted(members=("anna", "ben")),
        groups=(team(gives=EMS),),
        users=(user("anna"), user("ben")),
        entries=(entry("ben", grants=None, priority=1),),
        skus=ONE,
    )

    assert statuses(plan) == {JOIN.format("ben"): (), JOIN.format("anna"): ("no-seats",)}


def test_who_leaves_frees_the_seat_for_who_joins():
    """The one waits for the other where there is no seat to spare."""
    plan = grouped(
        wanted(members=("anna",)),
        groups=(team("ben", gives=EMS),),
        users=(user("anna"), user("ben", through("EMS"))),
        skus=ONE,
    )

    assert [(c.address, c.depends_on) for c in plan.changes] == [
        (JOIN.format("ben"), ()),
        (JOIN.format("anna"), (JOIN.format("ben"),)),
    ]


def test_members_who_trade_licences_in_a_circle_are_told_with_their_names():
    """A group and a user, each with the other's seat: one seat more would do."""
    skus = sku("EMS", 1), sku("POWER_BI_PRO", 1)
    plan = grouped(
        wanted("POWER_BI_PRO", mode="replace"),
        groups=(team("anna", gives=EMS),),
        users=(user("anna", through("EMS")), user("ben", "POWER_BI_PRO")),
        entries=(entry("ben", "EMS"),),
        skus=skus,
    )

    assert set(statuses(plan).values()) == {("swap-cycle",)}
    circle = {"users": ["groups/Team", "ben@contoso.com"], "skus": ["EMS", "POWER_BI_PRO"]}
    assert [c.params for c in plan.conflicts] == [
        {"group": "Team", **circle},
        {"upn": "ben@contoso.com", **circle},
    ]


def test_whoever_follows_a_blocked_change_waits():
    """The group can't give what it shall: nobody joins it yet."""
    plan = grouped(
        wanted("EMS", members=("anna", "ben")),
        groups=(team("ben"),),
        users=(user("anna"), user("ben")),
        skus=(sku("EMS", 0),),
    )

    assert statuses(plan) == {
        "groups/Team/licenses": ("no-seats",),
        JOIN.format("anna"): ("groups/Team/licenses", "no-seats"),
    }


# ------------------------------------------------------------ targets


def test_a_target_names_a_group_or_one_member_and_keeps_what_comes_before():
    """By the beginning of an address, as for users."""
    people = user("anna"), user("ben"), user("cas")
    groups = team("cas"), team(name="Other")
    declared = wanted("EMS", members=("anna", "ben", "cas")), wanted(members=("cas",), name="Other")

    def left(*targets: str) -> list[str]:
        options = Options(now=NOW, targets=targets)
        return sorted(statuses(grouped(*declared, groups=groups, users=people, options=options)))

    licences = "groups/Team/licenses"
    assert left("groups/Team") == [licences, JOIN.format("anna"), JOIN.format("ben")]
    assert left(JOIN.format("ben")) == [licences, JOIN.format("ben")]
    assert left("groups/Other") == ["groups/Other/members/cas@contoso.com"]
    with pytest.raises(UsageError, match="unknown-target"):
        left("groups/Nobody")


# ------------------------------------------------------------ what is told of a member


def test_what_a_member_loses_with_the_groups_change_is_told_with_his_name():
    """A group's change may cost many their mailboxes."""
    exchange = (held("EXCHANGESTANDARD"),)
    people = (
        user("anna", through("EXCHANGESTANDARD")),
        user("ben", "EXCHANGESTANDARD", through("EXCHANGESTANDARD")),
    )

    plan = grouped(
        wanted(grants=(), mode="replace"),
        groups=(team("anna", "ben", gives=exchange),),
        users=people,
        skus=(sku("EXCHANGESTANDARD", 5),),
    )

    told = [
        w.params["upn"] for w in change(plan, "groups/Team/licenses").warnings if w.code == "mailbox-deletion"
    ]
    assert told == ["anna@contoso.com"]


def test_members_with_plans_that_do_not_go_together_bar_the_groups_change():
    """Each is named; who has them already is none of its doing."""
    skus = sku("DESKLESSPACK", 5), sku("EXCHANGESTANDARD", 5)
    plan = grouped(
        wanted("DESKLESSPACK"),
        groups=(team("anna", "ben"),),
        users=(user("anna", "EXCHANGESTANDARD"), user("ben")),
        skus=skus,
    )

    found = conflict(plan, "exclusive-plans")
    assert (found.subject, found.params["group"], found.params["upn"]) == (
        "groups/Team",
        "Team",
        "anna@contoso.com",
    )
    assert found.params["skus"] == ["DESKLESSPACK", "EXCHANGESTANDARD"]


def test_the_tenants_location_counts_where_a_member_has_none():
    """Microsoft's rule for licences through groups; no default is set for him where he is a member."""
    organization = Organization(
        id="tenant", country="NL", domains=(Domain(name="contoso.com", is_default=True),)
    )
    people = user("anna", usage_location=None), user("ben", usage_location=None)

    plan = grouped(
        wanted("EMS", members=("anna", "ben")),
        groups=(team("anna"),),
        users=people,
        current={"organization": organization},
    )

    assert statuses(plan) == {"groups/Team/licenses": (), JOIN.format("ben"): ()}


def test_who_is_in_two_groups_that_change_is_touched_by_the_one_after_the_other():
    """The second takes nothing that the first gives: the licence is lost and gained by nobody."""
    groups = team("anna", name="A", gives=EMS), team("anna", name="B")
    plan = grouped(
        wanted(grants=(), mode="replace", name="A"),
        wanted("EMS", name="B"),
        groups=groups,
        users=(user("anna", through("EMS", "A")),),
        skus=ONE,
    )

    assert [(c.address, c.members, c.depends_on) for c in plan.changes] == [
        ("groups/B/licenses", (), ()),
        ("groups/A/licenses", (), ("groups/B/licenses",)),
    ]


def test_somebody_who_rests_before_his_deletion_is_touched_by_each_of_his_groups():
    """His seat in the group that gives more is counted like anybody's."""
    groups = team("anna", name="A"), team("anna", name="B")
    plan = grouped(
        wanted("EMS", name="A"),
        wanted("EMS", "POWER_BI_PRO", name="B"),
        groups=groups,
        users=(user("anna"),),
        entries=(entry("anna", present=False),),
        disable_before_delete=7,
    )

    gains = {c.address: [effect.gains for effect in c.members] for c in plan.changes if c.group}
    assert gains == {"groups/A/licenses": [("EMS",)], "groups/B/licenses": [("POWER_BI_PRO",)]}
    assert {row.sku: row.in_use_after for row in plan.seats if row.in_use_after} == {
        "EMS": 1,
        "POWER_BI_PRO": 1,
    }


def test_what_a_group_sets_up_is_told_for_the_group_and_for_who_joins():
    """Effects are the catalogue's sentences; for who has the licence nothing is new."""
    exchange = (held("EXCHANGESTANDARD"),)
    skus = (sku("EXCHANGESTANDARD", 5),)
    people = user("anna"), user("ben", "EXCHANGESTANDARD")

    joins = grouped(wanted(members=("anna", "ben")), groups=(team(gives=exchange),), users=people, skus=skus)
    given = grouped(wanted("EXCHANGESTANDARD"), groups=(team("anna"),), users=people, skus=skus)

    effects = change(joins, JOIN.format("anna")).effects
    assert effects
    assert change(joins, JOIN.format("ben")).effects == ("nothing new; Exchange Online, To Do go on",)
    assert change(given, "groups/Team/licenses").effects == effects
