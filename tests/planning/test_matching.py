"""Whom a condition means: yes, no, and untold where the tenant does not tell."""

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model import Every, Group, Not, Rule, Some, WantedGroup, WantedMember
from reconciler.model import Test as Check
from tests.planning.world import NOW, entry, grant, line, planned, sku, user

SALES = Check(field="department", values=("sales",))
MEMBERS = Check(field="user_type", values=("member",))
OFFICE = (sku("ENTERPRISEPACK", 50),)


def rule(name, when, *licences, at=5, **fields) -> Rule:
    """Return a rule that gives ENTERPRISEPACK unless other licences are named."""
    given = tuple(grant(part, at=at, rule=name) for part in licences or ("ENTERPRISEPACK",))
    return Rule(**{"name": name, "when": when, "location": line(at), "grants": given, **fields})


def team(*members: str, name: str = "Team", **fields) -> Group:
    """Return a group with these members."""
    return Group(
        **{"id": f"g-{name}".lower(), "name": name, "members": tuple(f"id-{m}" for m in members), **fields}
    )


def in_group(*names: str) -> Check:
    """Return the test of membership in one of the groups."""
    return Check(field="member_of", values=names)


def matched(when, *users, entries=(), groups=(), **desired) -> list[str]:
    """Return the names of those to whom a rule with this condition gives a licence."""
    plan = planned(
        *entries,
        users=users,
        skus=OFFICE,
        current={"groups": groups},
        desired={"rules": (rule("r", when),), **desired},
    )
    changes = [c for c in plan.changes if any(item.sku == "ENTERPRISEPACK" for item in c.assign)]
    return sorted(c.user.upn.partition("@")[0] for c in changes)


def means(when, **fields) -> bool:
    """Tell whether a condition means a user with these fields."""
    return "anna" in matched(when, user("anna", **fields))


@pytest.mark.parametrize("department", ["Sales", "SALES", "sales"])
def test_texts_compare_without_regard_to_case(department):
    """As the portal and HR write them."""
    assert means(SALES, department=department)


def test_any_of_the_values_will_do():
    """A list means: one of them."""
    either = Check(field="city", values=("utrecht", "delft"))

    people = [
        user("anna", city="Delft"),
        user("ben", city="Utrecht"),
        user("cas", city="Breda"),
        user("dirk"),
    ]

    assert matched(either, *people) == ["anna", "ben"]


def test_a_field_without_value_is_a_no_and_its_opposite_a_yes():
    """Who has no department is not in Sales: that is told."""
    assert not means(SALES)
    assert means(Not(condition=SALES))


@pytest.mark.parametrize(
    ("test", "field"),
    [
        (Check(field="enabled", values=(True,)), "enabled"),
        (Check(field="user_type", values=("guest",)), "user_type"),
        (Check(field="created", operator="before", values=(NOW,)), "created_at"),
    ],
)
def test_what_every_user_has_and_the_tenant_does_not_tell_is_never_a_yes(test, field):
    """Not even when negated: nobody gets a licence for what is unknown."""
    assert not means(test, **{field: None})
    assert not means(Not(condition=test), **{field: None})


def test_untold_in_all_of_several_is_untold_unless_another_says_no():
    """No and untold is no, so its opposite is yes; yes and untold stays untold."""
    guests = Check(field="user_type", values=("guest",))
    untold = {"user_type": None, "department": "Sales"}

    assert not means(Not(condition=Every(conditions=(guests, SALES))), **untold)
    assert means(Not(condition=Every(conditions=(guests, Not(condition=SALES)))), **untold)


def test_untold_in_any_of_several_is_untold_unless_another_says_yes():
    """Yes or untold is yes; no or untold stays untold, also when negated."""
    guests = Check(field="user_type", values=("guest",))
    untold = {"user_type": None, "department": "Sales"}

    assert means(Some(conditions=(guests, SALES)), **untold)
    assert not means(Some(conditions=(guests, Not(condition=SALES))), **untold)
    assert not means(Not(condition=Some(conditions=(guests, Not(condition=SALES)))), **untold)


def test_all_of_no_conditions_is_everybody():
    """The empty conjunction."""
    assert means(Every(conditions=()))


@pytest.mark.parametrize(
    ("pattern", "title", "expected"),
    [
        ("sales*", "Sales manager", True),
        ("sales*", "Head of sales", False),
        ("*sales*", "Head of sales west", True),
        ("sales?", "Sales1", True),
        ("sales?", "Sales12", False),
        ("[ab]*", "A manager", False),
        ("[ab]*", "[ab] manager", True),
        ("a.c", "abc", False),
    ],
)
def test_wildcards_stand_for_the_whole_value_and_nothing_else_is_special(pattern, title, expected):
    """`*` is any text, `?` any character; brackets and dots are themselves."""
    assert means(Check(field="job_title", operator="matches", values=(pattern,)), job_title=title) is expected


def test_a_pattern_of_many_stars_takes_no_exponential_time():
    """A rule must not hang on somebody's job title."""
    pattern = Check(field="job_title", operator="matches", values=("*a" * 30 + "b",))

    assert not means(pattern, job_title="a" * 200)


def test_present_asks_whether_there_is_a_value():
    """And its opposite whether there is none."""
    present = Check(field="employee_id", operator="present")
    people = user("anna", employee_id="7"), user("ben")

    assert matched(present, *people) == ["anna"]
    assert matched(Every(conditions=(Not(condition=present), MEMBERS)), *people) == ["admin", "ben"]


def test_before_ends_where_after_begins():
    """At 00:00 UTC of the day: `after` is from then on."""
    day = datetime(2026, 11, 1, tzinfo=UTC)
    early, late = user("anna", created_at=day - timedelta(seconds=1)), user("ben", created_at=day)

    assert matched(Check(field="created", operator="before", values=(day,)), early, late) == ["anna"]
    assert matched(Check(field="created", operator="after", values=(day,)), early, late) == ["ben"]


def test_a_domain_is_that_of_the_upn():
    """Users who are alike in all else are told apart by it."""
    when = Check(field="domain", values=("fabrikam.com",))

    assert matched(when, user("anna", upn="anna@fabrikam.com"), user("ben")) == ["anna"]


@pytest.mark.parametrize("name", ["team", "g-team"])
def test_a_member_of_a_group_is_found_by_its_name_or_id(name):
    """Other groups do not count."""
    groups = team("anna"), team("ben", name="Others")

    assert matched(in_group(name), user("anna"), user("ben"), groups=groups) == ["anna"]


def test_who_is_in_no_group_is_told_to_be_outside():
    """All memberships are read: outside is a no, and its opposite a yes."""
    when = Every(conditions=(Not(condition=in_group("team")), MEMBERS))

    assert matched(when, user("anna"), user("ben"), groups=(team("anna"),)) == ["admin", "ben"]


def test_a_rule_sees_memberships_as_this_plan_leaves_them():
    """Who joins gets the licence in the same run, after he joined; who leaves does not."""
    members = (WantedMember(upn="ben@contoso.com", location=line(3)),)
    wanted = WantedGroup(name="team", members=members, location=line(3))

    plan = planned(
        users=(user("anna"), user("ben"), user("cas")),
        skus=OFFICE,
        current={"groups": (team("anna"), team("cas", name="Others"))},
        desired={"rules": (rule("r", in_group("team")),), "groups": (wanted,)},
    )

    assert [(c.address, c.depends_on) for c in plan.changes] == [
        ("groups/Team/members/anna@contoso.com", ()),
        ("groups/Team/members/ben@contoso.com", ()),
        ("users/ben@contoso.com/licenses", ("groups/Team/members/ben@contoso.com",)),
    ]


def test_a_newcomer_is_seen_in_the_groups_that_he_will_join():
    """He is created, joins and is licensed in one run."""
    wanted = WantedGroup(
        name="Team", members=(WantedMember(upn="new@contoso.com", location=line(3)),), location=line(3)
    )
    newcomer = entry("new", grants=None, profile=(("name", "New"),), usage_location="NL")

    plan = planned(
        newcomer,
        skus=OFFICE,
        current={"groups": (team(),)},
        desired={"rules": (rule("r", in_group("team")),), "groups": (wanted,)},
    )

    assert [c.address for c in plan.changes] == [
        "users/new@contoso.com",
        "groups/Team/members/new@contoso.com",
        "users/new@contoso.com/licenses",
    ]
