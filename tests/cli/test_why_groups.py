"""`reconciler why` of licences that rules and groups give, and of users who leave."""

import json

import pytest
from msgspec import structs

from reconciler.model import Group
from tests.cli import states
from tests.cli.test_why import line_of

FILE = """\
version: 1
tenant: {domain: contoso.com}
users:
  lena@contoso.com: {leaver: {last_day: 2026-11-20, delete_after: 60d}}
  otto@contoso.com: {leaver: {last_day: 2027-03-31, keep_licenses: 1d}}
  rita@contoso.com: {licenses: [{one_of: [ENTERPRISEPACK, EMS]}]}
groups:
  sales: {members: [anna@contoso.com, bram@contoso.com, dina@contoso.com]}
  ops: {licenses: [SPE_F1], members: [eva@contoso.com]}
  Old: {id: 0d000000-0000-0000-0000-000000000001, licenses: {replace: [FLOW_FREE]}}
  Twin: {licenses: [EMS]}
rules:
  - {name: staff, when: {department: Sales}, licenses: [{sku: ENTERPRISEPACK, until: 2026-12-31}]}
"""
OLD = "0d000000-0000-0000-0000-000000000001"
NOW = ("--at", "2026-11-24")


def member(name, group, *skus, **fields):
    """Return a user who has SKUs through a group."""
    held = [states.held(sku, group=group) for sku in skus]
    return states.user(name, *held, **{"department": "Sales", **fields})


ANNA = member("anna", "g-sales", "EMS")
USERS = (
    states.ADMIN,
    ANNA,
    states.user("bram", department="Sales"),
    member("carl", "g-sales", "EMS", department=None),
    member("dina", "g-sales", "EMS", department=None),
    states.user("eva", department=None),
    states.user("fay", department=None),
    member("gil", OLD, "ENTERPRISEPACK", department=None),
    member("hans", OLD, "ENTERPRISEPACK", department=None),
    states.user("lena", "EMS", department=None),
    states.user("otto", "EMS", department=None),
    states.user("rita", department=None),
)


def group(name, *skus, members=()):
    return Group(
        id=f"g-{name.lower()}",
        name=name,
        assignments=tuple(structs.replace(states.held(sku), assigned_by=None) for sku in skus),
        members=tuple(sorted(f"id-{one}" for one in members)),
    )


GROUPS = (
    structs.replace(group("Old", "ENTERPRISEPACK", members=("gil", "hans")), id=OLD),
    group("Ops", members=("eva", "fay")),
    group("Sales", "EMS", members=("anna", "carl", "dina")),
    group("Twin"),
    structs.replace(group("Twin"), id="g-twin-2"),
)


@pytest.fixture
def ask(run, workdir):
    (workdir / "tenant.yaml").write_text(FILE)
    skus = (states.sku("ENTERPRISEPACK"), states.sku("EMS"), states.sku("FLOW_FREE"), states.sku("SPE_F1"))
    state = states.save(
        workdir,
        states.tenant(USERS, groups=GROUPS, skus=tuple(sorted(skus, key=lambda one: one.id)), mailboxes=None),
    )

    def ask(name, *options):
        ran = run("why", f"{name}@contoso.com", "--snapshot", state, *NOW, *options)
        assert (ran.code, ran.err) == (0, "")
        return ran.out

    return ask


def data(ask, name):
    return json.loads(ask(name, "--json"))


def test_a_licence_that_a_rule_gives_is_told_with_its_rule_file_line_and_end(ask):
    page = ask("anna")
    assert "  entry      none; group Sales and rule staff ask for licences\n" not in page
    assert "  entry      none; rule staff asks for licences\n" in page
    assert "      wanted     by rule staff, until 2026-12-31, tenant.yaml:13\n" in page
    assert line_of(data(ask, "anna"), "ENTERPRISEPACK")["wanted"] == [
        {
            "rule": "staff",
            "group": None,
            "bundle": None,
            "until": "2026-12-31",
            "file": "tenant.yaml",
            "line": 13,
        }
    ]


def test_a_licence_that_a_group_gives_is_told_with_the_tenants_name_of_the_group(ask):
    page = ask("eva")
    assert "      wanted     by group Ops, tenant.yaml:9\n" in page
    assert page.endswith("\nApply would give SPE_F1 through group Ops.\n")
    assert line_of(data(ask, "eva"), "SPE_F1")["apply"] == "assign"


def test_who_joins_and_who_leaves_a_group_is_told_what_that_does(ask):
    assert ask("bram").endswith("\nApply would add the user to group Sales and assign ENTERPRISEPACK.\n")
    assert line_of(data(ask, "bram"), "EMS")["apply"] == "assign"
    assert ask("carl").endswith("\nApply would take the user out of group Sales.\n")
    assert line_of(data(ask, "carl"), "EMS")["apply"] == "revoke"


def test_what_a_group_gives_and_a_leave_takes_again_comes_to_nothing(ask):
    found = data(ask, "fay")
    assert found["licenses"] == []
    assert found["verdict"] == (
        "Apply would give SPE_F1 through group Ops and take the user out of group Ops."
    )


def test_of_a_groups_change_only_what_it_does_to_this_user_is_told(ask):
    page = ask("gil")
    assert page.count("mailbox-deletion: ") == 1
    assert "! mailbox-deletion: user gil@contoso.com loses the mailbox" in page
    assert "hans@" not in page
    assert "take ENTERPRISEPACK through group Old" in " ".join(page.split())
    assert line_of(data(ask, "gil"), "ENTERPRISEPACK")["apply"] == "revoke"


def test_who_has_left_is_told_what_is_to_come_and_to_do(ask):
    page = ask("lena")
    assert "means this user by its UPN; licences stay as they are\n             for now\n" in page
    assert (
        "  leaves     last day 2026-11-20; licences are kept for 30 days, and the account\n"
        "             is deleted after 60 days\n"
    ) in page
    assert "    To do: Put the mailbox on hold" in page


def test_who_leaves_later_and_is_never_deleted_is_told_so(ask):
    page = " ".join(ask("otto").split())
    assert "licences are not managed" not in page
    assert "last day 2027-03-31; licences are kept for 1 day, and the account is never deleted" in page


def test_one_of_several_licences_is_all_that_an_entry_may_ask_for(ask):
    page = " ".join(ask("rita").split())
    assert "its list is all that the user may hold directly" in page
    assert "wanted by the entry, tenant.yaml:6" in page


def test_a_member_of_a_declared_group_is_no_unlisted_user(ask):
    """The group's licences may not be managed: the user is listed all the same."""
    told = " ".join(ask("dina").split())
    assert "none; a rule or a declared group means this user, and asks for no licence" in told
    assert "not listed" in ask("admin")
