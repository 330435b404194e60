"""A move from direct licences to those of a group: nobody goes without, and what stays is told."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from msgspec import structs

from reconciler.errors import UsageError
from reconciler.model import (
    Assignment,
    Baseline,
    Current,
    Desired,
    Domain,
    Exclusion,
    Group,
    Guardrails,
    Organization,
    Remembered,
    Rule,
    TenantRef,
    User,
    WantedGroup,
    WantedMember,
    WantedSubscription,
)
from reconciler.model import Test as Where
from reconciler.plan import Plan
from reconciler.planning import migrate
from tests.planning.world import (
    ADMINISTRATOR,
    CATALOG,
    CHIEF,
    GLOBAL,
    NOW,
    PLAIN,
    change,
    codes,
    conflict,
    entry,
    grant,
    held,
    line,
    parts,
    sid,
    sku,
    user,
)

SALES = Group(id="g", name="Sales NL", assignments=(held("EMS"),), members=("id-anna",))
THROUGH = held("EMS", group="g")


def wanted(*members: str, grants=None, **fields: Any) -> WantedGroup:
    """Return what is declared of the group; no members: they are not managed."""
    rows = tuple(WantedMember(upn=f"{name}@contoso.com", location=line(7)) for name in members)
    return WantedGroup(
        **{"name": "sales nl", "location": line(6), "grants": grants, "members": rows or None, **fields}
    )


@dataclass
class Move:
    """A tenant with groups, and what is declared of it."""

    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = (SALES,)
    current: dict[str, Any] = field(default_factory=dict)
    desired: dict[str, Any] = field(default_factory=dict)

    def plan(self, group: str = "Sales NL") -> Plan:
        """Return the plan of the move to a group."""
        current = Current(
            **{
                "taken_at": NOW,
                "organization": Organization(
                    id="tenant", domains=(Domain(name="contoso.com", is_default=True),)
                ),
                "users": tuple(sorted((*self.users, ADMINISTRATOR), key=lambda one: one.upn)),
                "groups": self.groups,
                "skus": (sku("EMS"), sku("ENTERPRISEPACK"), sku("POWER_BI_PRO")),
                "role_assignments": (GLOBAL,),
                **self.current,
            }
        )
        desired = Desired(**{"tenant": TenantRef(domain="contoso.com"), "digest": "sha256:0", **self.desired})
        return migrate(desired, current, CHIEF, CATALOG, PLAIN, group)


def kinds(plan: Plan) -> list[tuple[str, str]]:
    """Return what changes, in order."""
    return [(one.kind, one.address) for one in plan.changes]


# ------------------------------------------------------------ what goes


def test_a_member_gives_up_the_direct_licence_that_the_group_gives():
    plan = Move(users=(user("anna", "EMS", THROUGH, "ENTERPRISEPACK"),)).plan()
    assert kinds(plan) == [("set-licenses", "users/anna@contoso.com/licenses")]
    assert parts(change(plan, "anna").revoke) == ["EMS"]
    assert change(plan, "anna").ready
    assert change(plan, "anna").warnings == ()
    assert plan.conflicts == ()


def test_the_reason_is_the_groups_declaration_or_the_tenant_itself():
    users = (user("anna", "EMS", THROUGH),)
    declared = Move(users=users, desired={"groups": (wanted(),)}).plan()
    (because,) = change(declared, "anna").revoke[0].because
    assert (because.rule, because.file, because.line) == ("groups", "tenant.yaml", 6)

    tenant = TenantRef(domain="contoso.com", location=line(2))
    (because,) = change(Move(users=users, desired={"tenant": tenant}).plan(), "anna").revoke[0].because
    assert (because.rule, because.line) == ("groups", 2)

    (because,) = change(Move(users=users).plan(), "anna").revoke[0].because
    assert (because.file, because.line) == ("tenant.yaml", 1)


def test_the_licence_goes_only_once_the_group_gives_it():
    """The group's licences come first, then who joins, then what is direct goes."""
    bare = structs.replace(SALES, assignments=())
    plan = Move(
        users=(user("anna", "EMS"), user("bram", "EMS")),
        groups=(bare,),
        desired={"groups": (wanted("anna", "bram", grants=(grant("EMS", rule="groups"),)),)},
    ).plan()
    assert sorted(kinds(plan)) == [
        ("add-member", "groups/Sales NL/members/bram@contoso.com"),
        ("set-group-licenses", "groups/Sales NL/licenses"),
        ("set-licenses", "users/anna@contoso.com/licenses"),
        ("set-licenses", "users/bram@contoso.com/licenses"),
    ]
    joins = change(plan, "groups/Sales NL/members/bram@contoso.com")
    assert joins.depends_on == ("groups/Sales NL/licenses",)
    assert change(plan, "anna").depends_on == ("groups/Sales NL/licenses",)
    assert joins.address in change(plan, "bram").depends_on
    assert plan.conflicts == ()


def test_a_move_takes_no_second_seat():
    bare = structs.replace(SALES, assignments=())
    plan = Move(
        users=(user("anna", "EMS"),),
        groups=(bare,),
        current={"skus": (sku("EMS", 1),)},
        desired={"groups": (wanted(grants=(grant("EMS", rule="groups"),)),)},
    ).plan()
    assert [one.status for one in plan.changes] == ["ready", "ready"]
    assert (plan.seats[0].in_use_before, plan.seats[0].in_use_after) == (1, 1)


def test_who_leaves_the_group_keeps_the_direct_licence():
    plan = Move(
        users=(user("anna", "EMS", THROUGH), user("bram")), desired={"groups": (wanted("bram"),)}
    ).plan()
    assert sorted(kinds(plan)) == [
        ("add-member", "groups/Sales NL/members/bram@contoso.com"),
        ("remove-member", "groups/Sales NL/members/anna@contoso.com"),
    ]


def test_who_is_no_member_is_left_alone():
    assert kinds(Move(users=(user("anna", THROUGH), user("bram", "EMS"))).plan()) == []


def test_who_is_no_member_any_more_is_about_to_lose_what_the_group_gave_and_keeps_the_rest():
    """The tenant takes a former member's licences with some delay."""
    gone = structs.replace(SALES, members=())
    assert kinds(Move(users=(user("anna", "EMS", THROUGH),), groups=(gone,)).plan()) == []


def test_what_another_group_gives_is_no_reason_to_take_anything():
    other = Group(id="h", name="Other", assignments=(held("ENTERPRISEPACK"),), members=("id-anna",))
    anna = user("anna", "ENTERPRISEPACK", held("ENTERPRISEPACK", group="h"), THROUGH)
    assert kinds(Move(users=(anna,), groups=(SALES, other)).plan()) == []


# ------------------------------------------------------------ what stays


def failed(state: str, error: str) -> Assignment:
    """Return the group's EMS in a state."""
    return structs.replace(THROUGH, state=state, error=error)


@pytest.mark.parametrize(
    ("through", "state", "error", "plans"),
    [
        (failed("Error", "CountViolation"), "Error", "CountViolation", []),
        (failed("ActiveWithError", "DependencyViolation"), "ActiveWithError", "DependencyViolation", []),
        (held("EMS", group="g", off=("INTUNE_A",)), "Active", "None", ["INTUNE_A"]),
    ],
)
def test_a_direct_licence_stays_where_the_groups_is_not_as_good(through, state, error, plans):
    plan = Move(users=(user("anna", "EMS", through),), desired={"groups": (wanted(),)}).plan()
    assert plan.changes == ()
    found = conflict(plan, "not-covered")
    assert found.params == {
        "upn": "anna@contoso.com",
        "group": "Sales NL",
        "sku": "EMS",
        "sku_name": "Enterprise Mobility + Security E3",
        "state": state,
        "error": error,
        "plans": plans,
    }
    assert (found.subject, found.sku, found.blocks) == ("users/anna@contoso.com", "EMS", False)
    assert (found.file, found.line) == ("tenant.yaml", 6)


def test_a_plan_that_the_direct_licence_has_off_too_is_not_missed():
    anna = user("anna", held("EMS", off=("INTUNE_A",)), held("EMS", group="g", off=("INTUNE_A",)))
    assert parts(change(Move(users=(anna,)).plan(), "anna").revoke) == ["EMS"]


def test_what_the_group_will_give_decides_not_what_it_gives_now():
    """The declared licences turn a plan off that the direct one has on."""
    grants = (grant("EMS", off=("INTUNE_A",), rule="groups"),)
    plan = Move(users=(user("anna", "EMS", THROUGH),), desired={"groups": (wanted(grants=grants),)}).plan()
    assert kinds(plan) == [("set-group-licenses", "groups/Sales NL/licenses")]
    assert conflict(plan, "not-covered").params["plans"] == ["INTUNE_A"]


# ------------------------------------------------------------ nothing else


def test_what_the_files_declare_otherwise_is_left_alone():
    """A move is a plan of its own: entries, rules, other groups and subscriptions wait for the next plan."""
    other = Group(id="h", name="Other", members=("id-anna",))
    over = Exclusion(sku_id=sid("EMS"), until=date(2026, 11, 1), location=line(4))
    rule = Rule(
        name="all",
        location=line(9),
        when=Where(field="enabled", values=(True,)),
        mode="replace",
        grants=(grant("POWER_BI_PRO", rule="all"),),
    )
    plan = Move(
        users=(user("anna", "EMS", THROUGH, "ENTERPRISEPACK"), user("bram", "ENTERPRISEPACK")),
        groups=(SALES, other),
        current={"remembered": (Remembered(topic="rules/all", count=9, since={"id-bram": NOW}),)},
        desired={
            "entries": (
                entry("anna", exclude=("ENTERPRISEPACK",)),
                entry("cees", exclusions=(over,)),
                entry("bram", present=False, grants=None),
            ),
            "rules": (rule,),
            "groups": (
                wanted(),
                wanted("bram", name="Other", grants=(grant("POWER_BI_PRO", rule="groups"),)),
            ),
            "subscriptions": (WantedSubscription(sku_id=sid("EMS"), location=line(3), seats=99),),
            "unlisted_users": "revoke",
            "disable_before_delete": 7,
        },
    ).plan()
    assert kinds(plan) == [("set-licenses", "users/anna@contoso.com/licenses")]
    assert parts(change(plan, "anna").revoke) == ["EMS"]
    assert (plan.memory, plan.rules, plan.refusals, plan.conflicts) == ((), (), (), ())


def test_a_move_remembers_nothing_of_accounts_that_rest():
    """What runs remember of accounts to be deleted must not be forgotten for a plan that sees none."""
    resting = Remembered(topic="disabled", count=1, since={"id-bram": NOW})
    plan = Move(users=(user("anna", "EMS", THROUGH),), current={"remembered": (resting,)}).plan()
    assert plan.memory == ()


def test_entries_are_left_aside_by_a_move_and_not_gone():
    """Nobody emptied `users`."""
    rows = (Remembered(topic="users", count=9), Remembered(topic="tenant", count=2))
    base = Baseline(name="origin/main", guardrails=Guardrails(), entries=9)
    plan = Move(
        users=(user("anna", "EMS", THROUGH),),
        current={"remembered": rows},
        desired={"baselines": (base,)},
    ).plan()
    assert (plan.refusals, len(plan.changes)) == ((), 1)


def test_the_rails_hold_for_a_move():
    plan = Move(
        users=(user("anna", "EMS", THROUGH),),
        desired={"guardrails": Guardrails(protected_skus=(sid("EMS"),))},
    ).plan()
    assert [one.status for one in plan.changes] == ["blocked"]
    assert codes(plan.conflicts) == ["protected"]


def test_an_ignored_sku_is_not_taken():
    plan = Move(
        users=(user("anna", "EMS", THROUGH),), desired={"ignored_skus": frozenset({sid("EMS")})}
    ).plan()
    assert plan.changes == ()


# ------------------------------------------------------------ which group


@pytest.mark.parametrize("name", ["Sales NL", "sales nl", "g"])
def test_a_group_is_named_by_its_name_in_any_case_or_by_its_id(name):
    plan = Move(users=(user("anna", "EMS", THROUGH),)).plan(name)
    assert kinds(plan) == [("set-licenses", "users/anna@contoso.com/licenses")]


def test_a_group_that_nobody_knows_is_an_error_of_whoever_asks():
    with pytest.raises(UsageError) as caught:
        Move().plan("Slaes NL")
    assert caught.value.code == "unknown-group"
    assert caught.value.params == {"group": "Slaes NL", "nearest": "Sales NL"}


def test_a_name_that_several_groups_bear_is_an_error_of_whoever_asks():
    with pytest.raises(UsageError) as caught:
        Move(groups=(SALES, structs.replace(SALES, id="h", name="SALES NL"))).plan()
    assert caught.value.code == "ambiguous-group"
    assert [one["id"] for one in caught.value.params["candidates"]] == ["g", "h"]


def test_two_entries_of_the_group_are_told_as_in_any_plan():
    plan = Move(
        users=(user("anna", "EMS", THROUGH),), desired={"groups": (wanted(), wanted(id="g", name="Sales"))}
    ).plan()
    assert conflict(plan, "ambiguous-group").subject == "groups/Sales NL"
    assert parts(change(plan, "anna").revoke) == ["EMS"]


def test_an_entry_of_another_group_of_that_name_is_not_this_one():
    twin = structs.replace(SALES, id="h", name="Other")
    plan = Move(
        users=(user("anna", "EMS", THROUGH),),
        groups=(SALES, twin),
        desired={"groups": (wanted(name="Other", id="h"), wanted(name="Nobody"))},
    ).plan()
    assert plan.conflicts == ()
    (because,) = change(plan, "anna").revoke[0].because
    assert because.line == 1
