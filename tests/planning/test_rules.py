"""Rules: whom they are followed for, what is told of them, when they refuse a plan."""

from datetime import date

import msgspec
import pytest

from reconciler.model import (
    DeletedUser,
    Every,
    Exclusion,
    Not,
    Remembered,
    Rule,
    Scope,
    Some,
    WantedGroup,
    WantedMember,
)
from reconciler.model import Test as Check
from reconciler.plan import RuleRow
from reconciler.planning import rules
from tests.planning.test_matching import in_group, rule, team
from tests.planning.world import (
    NOW,
    change,
    codes,
    conflict,
    entry,
    grant,
    held,
    line,
    parts,
    planned,
    sid,
    sku,
    user,
)

SALES = Check(field="department", values=("sales",))
ENABLED = Check(field="enabled", values=(True,))
DISABLED = Check(field="enabled", values=(False,))
DUTCH = Check(field="usage_location", values=("nl",))
SCOPE = Scope(condition=SALES, owner="sales-it", location=line(2))
SKUS = sku("ENTERPRISEPACK", 50), sku("EMS", 50), sku("FLOW_FREE", 50)


def ruled(*rules: Rule, users=(), entries=(), current=None, skus=SKUS, **desired):
    """Return the plan of rules."""
    return planned(*entries, users=users, skus=skus, current=current, desired={"rules": rules, **desired})


def seller(name: str, *licences, **fields):
    """Return a user in Sales."""
    return user(name, *licences, department="Sales", **fields)


def changes(plan) -> dict[str, tuple[list[str], list[str]]]:
    """Return what each user gains and loses, by name."""
    return {
        c.user.upn.partition("@")[0]: (parts(c.assign), parts(c.revoke))
        for c in plan.changes
        if c.kind == "set-licenses"
    }


# ------------------------------------------------------------ whom they are followed for


def test_a_rule_gives_its_licences_to_whom_it_matches_and_says_so():
    """The reason is the rule, at its place; who has the licence already has no change."""
    plan = ruled(
        rule("sales", SALES, at=7), users=(seller("anna"), seller("ben", "ENTERPRISEPACK"), user("cas"))
    )

    (only,) = plan.changes
    assert only.address == "users/anna@contoso.com/licenses"
    assert [(b.rule, b.line) for b in only.assign[0].because] == [("sales", 7)]
    assert plan.rules == (RuleRow(name="sales", mode="add", matched=2, file="tenant.yaml", line=7),)


def test_users_who_share_what_they_hold_are_all_counted():
    """They are looked at once: a large tenant has thousands who are alike."""
    anna, ben = seller("anna", "ENTERPRISEPACK"), seller("ben")
    alike = msgspec.structs.replace(ben, assignments=anna.assignments)

    plan = ruled(rule("r", SALES), users=(anna, alike))

    assert plan.changes == ()
    assert plan.rules[0].matched == 2


def test_an_adding_rule_takes_nothing_and_a_replacing_one_takes_all_else():
    """For those who match, and nobody else."""
    people = seller("anna", "EMS"), user("ben", "EMS")

    assert changes(ruled(rule("r", SALES), users=people)) == {"anna": (["ENTERPRISEPACK"], [])}
    assert changes(ruled(rule("r", SALES, mode="replace"), users=people)) == {
        "anna": (["ENTERPRISEPACK"], ["EMS"])
    }


def test_a_rule_excludes_for_those_who_match():
    """The exclusion beats another rule's grant; a rule without grants is none that replaces anything."""
    out = Rule(
        name="no-ems",
        when=SALES,
        location=line(3),
        exclusions=(Exclusion(sku_id=sid("EMS"), rule="no-ems", location=line(4)),),
    )
    plan = ruled(out, rule("r", DUTCH, "EMS"), users=(seller("anna", "EMS", "ENTERPRISEPACK"), user("ben")))

    assert changes(plan) == {"admin": (["EMS"], []), "anna": ([], ["EMS"]), "ben": (["EMS"], [])}
    (reason,) = change(plan, "anna").revoke[0].because
    assert (reason.rule, reason.line) == ("no-ems", 4)


def test_what_only_a_group_gives_is_told_at_the_place_of_the_rule():
    """A rule can't take it: at the exclusion where there is one, else at the rule that replaces."""
    inherited = seller("anna", held("EMS", group="g-team"))
    out = Rule(
        name="out",
        when=SALES,
        location=line(3),
        exclusions=(Exclusion(sku_id=sid("EMS"), rule="out", location=line(4)),),
    )
    nothing = Rule(name="nothing", when=SALES, mode="replace", location=line(8))

    for one, place in ((out, 4), (nothing, 8)):
        plan = ruled(one, users=(inherited,), current={"groups": (team("anna"),)})

        assert plan.changes == ()
        assert conflict(plan, "inherited").line == place


def test_rules_give_nothing_new_to_a_disabled_account_and_take_nothing_from_it():
    """An entry still does: its owner named the account."""
    people = seller("anna", enabled=False), seller("ben", "ENTERPRISEPACK", enabled=False)

    plan = ruled(rule("r", SALES, mode="replace"), users=people, entries=(entry("anna", "EMS", mode="add"),))

    assert changes(plan) == {"anna": (["EMS"], [])}


def test_a_rule_sees_the_profile_that_the_entry_wants():
    """Who moves to Sales in this plan is licensed in the same run, after the move."""
    mover = entry("anna", grants=None, profile=(("department", "Sales"),))

    plan = ruled(rule("r", SALES), users=(user("anna"),), entries=(mover,))

    assert [(c.address, c.depends_on) for c in plan.changes] == [
        ("users/anna@contoso.com/profile", ()),
        ("users/anna@contoso.com/licenses", ("users/anna@contoso.com/profile",)),
    ]


def test_a_rule_sees_no_profile_that_this_run_can_not_write():
    """A synced user's department is the domain controller's."""
    mover = entry("anna", grants=None, profile=(("department", "Sales"),))

    plan = ruled(rule("r", SALES), users=(user("anna", synced=True),), entries=(mover,))

    assert "users/anna@contoso.com/licenses" not in [c.address for c in plan.changes]


def test_a_rule_sees_the_location_that_the_entry_wants():
    """Where it moves a user out of the rule's reach, too."""
    mover = entry("anna", grants=None, usage_location="BE")

    plan = ruled(rule("r", DUTCH), users=(user("anna"), user("ben")), entries=(mover,))

    assert sorted(changes(plan)) == ["admin", "ben"]


def test_a_rule_sees_the_default_location_of_somebody_who_gets_a_first_licence():
    """What sets the location lets another rule match: nobody is left for the next run."""
    plan = ruled(
        rule("dutch", DUTCH, "EMS"),
        rule("sales", SALES),
        users=(seller("anna", usage_location=None), user("ben", usage_location=None)),
        default_location="NL",
    )

    assert parts(change(plan, "anna").assign) == ["ENTERPRISEPACK", "EMS"]
    assert "ben" not in changes(plan)


def test_the_default_location_that_no_rule_asks_for_changes_no_match():
    """The same rules match before and after."""
    elsewhere = Check(field="usage_location", values=("be",))

    plan = ruled(
        rule("belgian", elsewhere, "EMS"),
        rule("sales", SALES),
        users=(seller("anna", usage_location=None),),
        default_location="NL",
    )

    assert changes(plan) == {"anna": (["ENTERPRISEPACK"], [])}


def test_a_newcomer_is_seen_with_the_default_location():
    """He will have it when his licences come."""
    newcomer = entry("new", grants=None, profile=(("department", "Sales"), ("name", "New")))

    plan = ruled(
        rule("dutch", DUTCH, "EMS"),
        rule("sales", SALES),
        entries=(newcomer,),
        users=(),
        default_location="NL",
    )

    assert parts(change(plan, "new").assign) == ["ENTERPRISEPACK", "EMS"]


def test_somebody_restored_is_seen_as_he_was_with_what_the_entry_says():
    """He was in Sales before he was deleted."""
    gone = DeletedUser(
        id="old",
        upn="anna@contoso.com",
        name="Anna",
        department="Sales",
        enabled=True,
        usage_location="NL",
        assignments=(held("EMS", group="g-team"),),
        deleted_at=NOW,
    )
    back = entry("anna", grants=None, profile=(("name", "Anna"),))

    plan = ruled(
        rule("sales", SALES),
        rule("members", in_group("team"), "EMS"),
        entries=(back,),
        current={"deleted_users": (gone,), "groups": (team(),)},
    )

    assert [c.kind for c in plan.changes] == ["restore-user", "set-licenses"]
    assert parts(change(plan, "anna").assign) == ["ENTERPRISEPACK"]


# ------------------------------------------------------------ whom a file may declare anything of


def test_a_rule_reaches_nobody_outside_the_scope_of_its_file():
    """They are left out, and told with the file's owner; the rest is followed."""
    plan = ruled(rule("r", DUTCH, scope=SCOPE), users=(seller("anna"), user("ben")))
    found = conflict(plan, "out-of-scope")

    assert sorted(changes(plan)) == ["anna"]
    assert (found.subject, found.blocks, found.line) == ("rules/r", False, 5)
    assert found.params == {
        "rule": "r",
        "owner": "sales-it",
        "file": "tenant.yaml",
        "users": ["admin@contoso.com", "ben@contoso.com"],
        "count": 2,
    }


def test_a_rule_that_matches_only_inside_its_scope_is_told_of_nowhere():
    """Nobody is left out."""
    assert ruled(rule("r", SALES, scope=SCOPE), users=(seller("anna"), user("ben"))).conflicts == ()


def test_whoever_leaves_the_group_of_a_scoped_rule_is_not_told_as_outside():
    """The rule no longer means him at all."""
    wanted = WantedGroup(
        name="Team", members=(WantedMember(upn="anna@contoso.com", location=line(3)),), location=line(3)
    )

    plan = ruled(
        rule("r", in_group("team"), scope=SCOPE),
        users=(seller("anna"), seller("ben")),
        current={"groups": (team("anna", "ben"),)},
        groups=(wanted,),
    )

    assert plan.conflicts == ()


def test_an_entry_means_nobody_outside_the_scope_of_its_file():
    """As the tenant has him now: a file can't write itself a user."""
    own = entry("anna", "EMS", scope=SCOPE, at=8)
    other = entry("ben", "EMS", scope=SCOPE, profile=(("department", "Sales"),), at=9)

    plan = planned(own, other, users=(seller("anna"), user("ben")))
    found = conflict(plan, "out-of-scope")

    assert [c.address for c in plan.changes] == ["users/anna@contoso.com/licenses"]
    assert (found.subject, found.blocks, found.line) == ("users/ben@contoso.com", True, 9)
    assert found.params == {
        "upn": "ben@contoso.com",
        "owner": "sales-it",
        "file": "tenant.yaml",
        "users": ["ben@contoso.com"],
        "count": 1,
    }


def test_a_newcomer_is_in_scope_as_he_is_declared():
    """There is nothing else to go by."""
    own = entry("new", scope=SCOPE, profile=(("department", "Sales"), ("name", "New")), usage_location="NL")
    other = entry("odd", scope=SCOPE, profile=(("department", "IT"), ("name", "Odd")), usage_location="NL")

    plan = planned(own, other)

    assert [c.address for c in plan.changes] == ["users/new@contoso.com"]
    assert codes(plan.conflicts) == ["out-of-scope"]


def test_a_scope_may_be_the_members_of_a_group():
    """Entries without a scope reach everybody."""
    scope = Scope(condition=in_group("team"), location=line(2))

    plan = planned(
        entry("anna", "EMS", scope=scope),
        entry("ben", "EMS", scope=scope),
        entry("cas", "EMS"),
        users=(user("anna"), user("ben"), user("cas")),
        current={"groups": (team("anna"),)},
    )

    assert sorted(changes(plan)) == ["anna", "cas"]
    assert conflict(plan, "out-of-scope").params["upn"] == "ben@contoso.com"


def test_what_the_tenant_does_not_tell_puts_nobody_in_scope():
    """Untold is never yes."""
    scope = Scope(condition=ENABLED, location=line(2))

    plan = planned(entry("anna", "EMS", scope=scope), users=(user("anna", enabled=None),))

    assert (plan.changes, codes(plan.conflicts)) == ((), ["out-of-scope"])


# ------------------------------------------------------------ rules that can't be followed


def test_a_rule_that_names_an_unknown_group_is_not_followed_at_all():
    """What it would match is not certain; the nearest name is told."""
    plan = ruled(
        rule("r", Not(condition=in_group("teams")), mode="replace"),
        users=(user("anna", "EMS"),),
        current={"groups": (team(),)},
    )
    found = conflict(plan, "unknown-group")

    assert (plan.changes, plan.rules, plan.refusals) == ((), (), ())
    assert (found.subject, found.blocks) == ("rules/r", True)
    assert found.params == {"rule": "r", "group": "teams", "nearest": "Team"}


def test_a_rule_whose_scope_names_an_ambiguous_group_is_not_followed_at_all():
    """Its file's reach is not certain."""
    scope = Scope(condition=in_group("team"), location=line(2))

    plan = ruled(
        rule("r", SALES, scope=scope),
        users=(seller("anna"),),
        current={"groups": (team("anna", id="g-1"), team("anna", id="g-2"))},
    )

    assert plan.changes == ()
    assert conflict(plan, "ambiguous-group").params == {
        "rule": "r",
        "group": "Team",
        "candidates": [{"id": "g-1", "name": "Team"}, {"id": "g-2", "name": "Team"}],
    }


# ------------------------------------------------------------ what is told


def test_a_rule_that_matches_nobody_is_told():
    """It blocks nothing: an adding rule may wait for its first user."""
    plan = ruled(rule("r", SALES), users=(user("anna"),))
    found = conflict(plan, "rule-matches-nobody")

    assert (found.subject, found.blocks, found.params["rule"]) == ("rules/r", False, "r")
    assert plan.refusals == ()
    assert plan.rules[0].matched == 0


def unmet(when, *users):
    """Return what nobody has of what a rule asks for: field, value, nearest."""
    found = conflict(ruled(rule("r", when), users=users), "rule-matches-nobody").params.get("values", [])
    return [(row["field"], row["value"], row["nearest"]) for row in found]


def asks(field: str, *values, **more) -> Check:
    return Check(field=field, values=values, **more)


@pytest.mark.parametrize("value", ["slaes", "sales ", "salse", "sale"])
def test_what_nobody_has_is_told_with_the_nearest_that_somebody_has(value):
    """A slip and a trailing space look like a department without people."""
    assert unmet(asks("department", value), seller("anna")) == [("department", value, "Sales")]


def test_every_field_of_users_is_compared():
    anna = seller("anna")
    assert unmet(asks("user_type", "guests"), user("x", user_type="Guest")) == [
        ("user_type", "guests", "Guest")
    ]
    assert unmet(asks("domain", "contso.com"), anna) == [("domain", "contso.com", "contoso.com")]
    assert unmet(asks("department", "legal"), anna) == [("department", "legal", None)]


def test_only_values_that_are_asked_for_and_that_nobody_has_are_told():
    """What one user has and another lacks is no slip; nor is what a rule leaves out, or a pattern."""
    anna = seller("anna", job_title="Lead")
    assert unmet(Every(conditions=(SALES, asks("job_title", "laed"))), anna) == [
        ("job_title", "laed", "Lead")
    ]
    assert unmet(Every(conditions=(asks("department", "x"), asks("department", "y"))), anna) == [
        ("department", "x", None),
        ("department", "y", None),
    ]
    nobody = [
        Every(conditions=(Not(condition=asks("department", "slaes")), DISABLED)),
        asks("department", "slae*", operator="matches"),
        Some(conditions=(DISABLED,)),
    ]
    assert [unmet(when, anna) for when in nobody] == [[], [], []]
    empty = ruled(rule("r", in_group("team")), users=(anna,), current={"groups": (team(),)})
    assert "values" not in conflict(empty, "rule-matches-nobody").params


def test_where_values_are_as_many_as_people_a_near_one_means_nothing():
    many = tuple(user(f"u{number}", employee_id=f"{number:06}") for number in range(rules.COMPARED + 1))
    assert unmet(asks("employee_id", "0000001"), *many) == [("employee_id", "0000001", None)]


def disagreeing(name: str, *off: str, when=SALES) -> Rule:
    """Return a rule that gives ENTERPRISEPACK with these plans off."""
    item = grant("ENTERPRISEPACK", off=off, rule=name)
    return rule(name, when, grants=(item,))


def test_rules_that_differ_on_a_service_plan_are_told_with_the_users_concerned():
    """The plan stays on; who is matched by only one of them is no matter."""
    plan = ruled(
        disagreeing("a", "YAMMER_ENTERPRISE", "SWAY"),
        disagreeing("b", "SWAY", when=DUTCH),
        users=(seller("anna"), seller("ben"), user("cas")),
    )
    found = conflict(plan, "rules-disagree")

    assert (found.subject, found.blocks) == ("rules/a", False)
    assert found.params == {
        "rule": "a",
        "other": "b",
        "sku": "ENTERPRISEPACK",
        "sku_name": found.params["sku_name"],
        "plans": ["YAMMER_ENTERPRISE"],
        "users": ["anna@contoso.com", "ben@contoso.com"],
        "count": 2,
    }


@pytest.mark.parametrize("other", [disagreeing("b", "SWAY"), rule("b", SALES), rule("b", SALES, "EMS")])
def test_rules_that_agree_or_do_not_manage_the_plans_are_no_matter(other):
    """The same plans off, plans left alone, another SKU."""
    assert ruled(disagreeing("a", "SWAY"), other, users=(seller("anna"),)).conflicts == ()


def test_a_grant_that_is_not_in_force_disagrees_with_nobody():
    """Its last day has passed."""
    over = msgspec.structs.replace(grant("ENTERPRISEPACK", off=("SWAY",), rule="a"), until=date(2026, 11, 23))

    plan = ruled(rule("a", SALES, grants=(over,)), disagreeing("b"), users=(seller("anna"),))

    assert plan.conflicts == ()


def test_an_exception_that_has_run_out_is_told():
    """Of an entry and of a rule; on its last day it still holds."""
    last = date(2026, 11, 23)
    over = {"sku_id": sid("EMS"), "reason": "has its own", "owner": "it-security"}
    plan = ruled(
        Rule(
            name="r",
            when=SALES,
            location=line(3),
            exclusions=(Exclusion(rule="r", until=last, location=line(4), sku_id=sid("EMS")),),
        ),
        users=(seller("anna", "EMS"), user("ben", "EMS")),
        entries=(
            entry("anna", mode="add", exclusions=(Exclusion(until=last, location=line(9), **over),)),
            entry("ben", mode="add", exclusions=(Exclusion(until=NOW.date(), location=line(10), **over),)),
        ),
    )
    about = {"sku": "EMS", "sku_name": "Enterprise Mobility + Security E3", "until": "2026-11-23"}

    assert [(c.code, c.subject, c.line, c.blocks, c.params) for c in plan.conflicts] == [
        ("exception-expired", "rules/r", 4, False, {"rule": "r", **about, "reason": None, "owner": None}),
        (
            "exception-expired",
            "users/anna@contoso.com",
            9,
            False,
            {"upn": "anna@contoso.com", **about, "reason": "has its own", "owner": "it-security"},
        ),
    ]
    assert changes(plan) == {"ben": ([], ["EMS"])}


# ------------------------------------------------------------ when they refuse


def remembered(count: int) -> dict[str, tuple[Remembered, ...]]:
    """Return what the last applied run saw of rule r."""
    return {"remembered": (Remembered(topic="rules/r", count=count),)}


def test_a_replacing_rule_that_matches_nobody_refuses():
    """A typing error in a condition must not take everybody's licences in time."""
    plan = ruled(rule("r", SALES, mode="replace"), users=(user("anna"),))

    assert [(r.code, r.params, r.allow) for r in plan.refusals] == [
        ("rule-matches-nobody", {"rule": "r"}, "--allow rule-matches-nobody")
    ]


@pytest.mark.parametrize(("was", "refused"), [(10, True), (9, False), (7, False), (0, False)])
def test_a_replacing_rule_that_shrank_by_thirty_percent_refuses(was, refused):
    """Seven of ten is too few, seven of nine is not."""
    people = tuple(seller(f"u{number}") for number in range(7))

    plan = ruled(rule("r", SALES, mode="replace"), users=people, current=remembered(was))

    assert [(r.code, r.params, r.allow) for r in plan.refusals] == refused * [
        ("rule-shrank", {"rule": "r", "now": 7, "was": was, "percent": 30}, "--allow rule-shrank")
    ]


def test_an_adding_rule_never_refuses():
    """It takes nothing from anybody."""
    plan = ruled(rule("r", SALES), users=(seller("anna"),), current=remembered(10))

    assert plan.refusals == ()


def test_a_rule_matches_those_who_will_be_created_too():
    """It is not told to match nobody, and a replacing one refuses nothing for their sake."""
    newcomer = entry(
        "zoe", profile=(("name", "Zoe"), ("department", "Sales")), grants=None, usage_location="NL"
    )
    plan = ruled(rule("r", SALES, mode="replace"), entries=(newcomer,))

    assert [(row.name, row.matched) for row in plan.rules] == [("r", 1)]
    assert codes(plan.conflicts) == []
    assert codes(plan.refusals) == []
    assert parts(change(plan, "zoe").assign) == ["ENTERPRISEPACK"]
