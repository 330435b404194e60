"""Groups, rules and dates on the command line: what plan shows, apply carries out and history remembers."""

import json
from copy import deepcopy

import pytest

from tests.cli.conftest import E3, STATE

ANNA, BRAM = (STATE["users"][n]["id"] for n in (1, 2))
SALES = "99999999-0000-0000-0000-000000000001"
TENANT = """\
version: 1
tenant: {domain: contoso.com}
groups:
  sales nl: {licenses: [EMS], members: [anna@contoso.com]}
rules:
  - {name: sales, when: {department: Sales}, licenses: [ENTERPRISEPACK]}
"""


def tenant_with_group(**group):
    """Return a tenant in which Bram, who has E3, is in a group that holds no licence; Anna is in Sales."""
    state = deepcopy(STATE)
    state["users"][1]["department"] = "Sales"
    state["groups"] = [
        {"id": SALES, "displayName": "Sales NL", "assignedLicenses": [], "members": [BRAM], **group}
    ]
    return state


@pytest.fixture
def sandbox(workdir, run):
    """Put that tenant into the sandbox, and declare a group and a rule."""
    (workdir / "tenant.yaml").write_text(TENANT)
    (workdir / "state.json").write_text(json.dumps(tenant_with_group()))
    assert run("sandbox", "load", "state.json").code == 0
    return workdir


def addresses(ran):
    return sorted(change["address"] for change in json.loads(ran.out)["changes"])


def test_a_plan_shows_groups_by_the_tenants_own_name_and_the_rules(run, sandbox):
    page = run("plan").out
    assert "  + add      anna@contoso.com  to group Sales NL: gets EMS\n" in page
    assert "bram@contoso.com  from group Sales NL: loses EMS\n" in page
    assert "  + assign   group Sales NL    EMS (Enterprise Mobility + Security E3)\n" in page
    assert "ENTERPRISEPACK (Office 365 E3) [rule sales, tenant.yaml:6]" in " ".join(page.split())
    assert "\nRules\n  sales  add      1 user  [tenant.yaml:6]\n" in page
    assert "  ~ 1 group to relicense" in page
    assert "  ~ 2 members to add or remove" in page


def test_apply_tells_what_it_does_with_groups_and_history_remembers_it(run, sandbox):
    ran = run("apply", "--auto-approve")
    assert ran.code == 0
    assert "done          add anna@contoso.com to group Sales NL: gets EMS\n" in ran.out
    assert "done          assign group Sales NL: EMS\n" in ran.out
    told = run("history", "last").out
    assert "done          set-group-licenses groups/Sales NL/licenses\n" in told
    assert "done          add-member groups/Sales NL/members/anna@contoso.com\n" in told
    assert "done          remove-member groups/Sales NL/members/bram@contoso.com\n" in told
    assert "Nothing to do: the tenant is as declared." in run("plan").out


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (
            "Groups/Sales NL",
            [
                "groups/Sales NL/licenses",
                "groups/Sales NL/members/anna@contoso.com",
                "groups/Sales NL/members/bram@contoso.com",
            ],
        ),
        ("anna@contoso.com", ["users/anna@contoso.com/licenses"]),
    ],
)
def test_a_target_may_be_a_group(run, sandbox, target, found):
    assert addresses(run("plan", "--json", "--target", target)) == found


def test_a_rule_is_no_target(run, sandbox):
    ran = run("plan", "--target", "rules/sales")
    assert ran.code == 1
    assert ran.err.startswith("error: --target: 'rules/sales' is a rule; a plan holds changes of users")


@pytest.mark.parametrize("rail", ["rule-matches-nobody", "rule-shrank"])
def test_the_rails_of_rules_can_be_loosened_by_name(run, sandbox, rail):
    assert f"allows   {rail}\n" in run("plan", "--allow", rail).out


# ------------------------------------------------------------ dates

DATED = """\
version: 1
tenant: {domain: contoso.com}
users:
  anna@contoso.com: {licenses: [{sku: EMS, from: 2026-12-01, until: 2026-12-31}]}
"""
NOW = "2026-11-24T09:00:00Z"


@pytest.fixture
def dated(workdir):
    (workdir / "tenant.yaml").write_text(DATED)
    (workdir / "state.json").write_text(json.dumps(STATE))
    return ("plan", "--snapshot", "state.json", "--at")


def test_a_horizon_shows_what_falls_due_day_by_day(run, dated):
    page = run(*dated, NOW, "--horizon", "90d").out
    assert "  2026-12-01  + assign   anna@contoso.com: EMS\n" in page
    assert "  2027-01-01  " in page
    assert page.index("2026-12-01") < page.index("2027-01-01")
    assert "Nothing to do: the tenant is as declared.\n" in page


def test_without_a_horizon_a_plan_has_none(run, dated):
    assert "horizon" not in json.loads(run(*dated, NOW, "--json").out)


def test_a_horizon_that_ends_before_anything_happens_holds_nothing(run, dated):
    assert json.loads(run(*dated, NOW, "--horizon", "3d", "--json").out)["horizon"] == []
    assert "Nothing falls due within the horizon." in run(*dated, NOW, "--horizon", "3d").out


def test_a_plan_with_a_horizon_is_saved_shown_and_is_as_it_was(run, dated, workdir):
    shown = run(*dated, NOW, "--horizon", "90d", "--out", "plan.json").out
    assert run("show", "plan.json").out == shown


def test_at_shows_the_plan_of_a_day_to_come(run, dated):
    assert "+ assign   anna@contoso.com  EMS" in run(*dated, "2026-12-01").out
    assert "Nothing to do" in run(*dated, "2027-01-01").out


@pytest.mark.parametrize("text", ["90", "0d", "soon"])
def test_a_horizon_is_a_number_of_days(run, dated, text):
    ran = run(*dated, NOW, "--horizon", text)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"error: --horizon: '{text}' is not a number of days from 1d to 3650d (90d).\n")


# ------------------------------------------------------------ migrate-to-group

MOVE = ("migrate-to-group", "--snapshot", "state.json")


@pytest.fixture
def direct(workdir):
    """Put Bram, who has E3 directly, into a group that gives E3."""
    (workdir / "tenant.yaml").write_text("version: 1\ntenant: {domain: contoso.com}\n")
    state = tenant_with_group(assignedLicenses=[{"skuId": E3, "disabledPlans": []}])
    state["users"][2]["licenseAssignmentStates"] = [
        {"skuId": E3, "assignedByGroup": group, "disabledPlans": [], "state": "Active", "error": "None"}
        for group in (None, SALES)
    ]
    (workdir / "state.json").write_text(json.dumps(state))


@pytest.mark.parametrize("name", ["Sales NL", "sales nl", SALES, SALES.upper()])
def test_a_group_to_move_to_is_named_in_any_case_or_by_id(run, direct, name):
    ran = run(*MOVE, name, "--json")
    assert ran.code == 0
    assert addresses(ran) == ["users/bram@contoso.com/licenses"]
    assert ran.err == ""


def test_a_move_is_saved_like_any_plan(run, direct, workdir):
    ran = run(*MOVE, "Sales NL", "--out", "move.json")
    assert ran.code == 0
    assert "revoke   bram@contoso.com  ENTERPRISEPACK (Office 365 E3)" in ran.out
    assert ran.err == "Saved the plan to move.json; `reconciler apply move.json` carries it out.\n"
    assert run("show", "move.json").out == ran.out


def test_a_move_that_is_not_saved_says_how_it_would_be_carried_out(run, direct):
    ran = run(*MOVE, "Sales NL")
    assert "Nothing was saved: `--out FILE` saves this plan" in ran.err


def test_a_move_with_changes_can_be_told_by_its_exit_code(run, direct):
    assert run(*MOVE, "Sales NL", "--detailed-exitcode").code == 2


def test_a_group_that_nobody_knows_is_asked_back_for(run, direct):
    ran = run(*MOVE, "Slaes NL")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == 'error: there is no group "Slaes NL" in this tenant; did you mean "Sales NL"?\n'


def test_where_no_name_comes_near_it_is_told_which_ones_were_looked_through(run, direct):
    ran = run(*MOVE, "Payrol")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        'error: there is no group "Payrol" in this tenant. Names that come near are looked for among groups '
        "that hold licences or that the files name; any other is found by its exact name or its id.\n"
    )


def test_a_name_that_several_groups_have_is_asked_back_for(run, direct, workdir):
    state = json.loads((workdir / "state.json").read_text())
    other = SALES.replace("1", "2")
    state["groups"].append({"id": other, "displayName": "SALES NL", "assignedLicenses": [], "members": []})
    (workdir / "state.json").write_text(json.dumps(state))
    ran = run(*MOVE, "Sales NL")
    assert ran.code == 1
    assert ran.err == f'error: 2 groups have the name "Sales NL"; name one by its id: {SALES} or {other}.\n'


def test_a_group_that_no_file_names_is_read_for_the_move(run, direct, workdir):
    """A tenant is asked only for the groups that somebody names, and for those that hold licences."""
    state = json.loads((workdir / "state.json").read_text())
    state["groups"][0]["assignedLicenses"] = []
    state["users"][2]["licenseAssignmentStates"].pop()
    (workdir / "state.json").write_text(json.dumps(state))
    run("sandbox", "load", "state.json")
    ran = run("migrate-to-group", "Sales NL")
    assert (ran.code, ran.err) == (0, "")
    assert "Nothing to do" in ran.out
