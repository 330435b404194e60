"""Does the demo tenant, with the worked example tenant.yaml, show a newcomer what the product is for?"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler import cli, sandbox
from reconciler.sandbox import demo

EXAMPLE = Path(__file__).parents[2] / "tenant.yaml"
DAYS = [datetime(2026, 11, 24, 2, 0, tzinfo=UTC), datetime(2028, 2, 29, 23, 59, tzinfo=UTC)]


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Stand in a folder with the example and the demo tenant; return a way to run commands."""
    shutil.copy(EXAMPLE, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECONCILER_HOME", str(tmp_path / "home"))
    sandbox.reset(tmp_path / "home")
    return cli.main


def plan(run, capsys):
    capsys.readouterr()
    assert run(["plan", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_first_plan_shows_every_kind_of_thing(shop, capsys):
    found = plan(shop, capsys)
    kinds = {change["kind"] for change in found["changes"]}
    assert kinds == {"create-user", "restore-user", "update-user", "set-licenses", "delete-user"}
    swaps = {change["user"]["upn"] for change in found["changes"] if change["assign"] and change["revoke"]}
    assert swaps == {"isabel@contoso.com", "jakub@contoso.com", "sofie@contoso.com"}
    bram = next(
        change for change in found["changes"] if change["address"] == "users/bram@contoso.com/licenses"
    )
    deadline = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
    assert ("mailbox-deletion", deadline) in {
        (warning["code"], warning["recoverable_until"]) for warning in bram["warnings"]
    }
    assert [(row["sku"], row["buy"]) for row in found["purchases"]] == [("SPE_E5", 1)]
    assert sorted({row["code"] for row in found["conflicts"]}) == [
        "expiring",
        "no-seats",
        "restricted-location",
    ]
    codes = {warning["code"] for change in found["changes"] for warning in change["warnings"]}
    assert {"user-deletion", "default-location", "mailbox-restored"} <= codes
    assert found["refusals"] == []
    assert found["summary"]["revoke"] <= 5


def test_apply_leaves_the_blocked_changes_and_then_there_is_nothing_to_do(shop, capsys):
    assert shop(["apply", "--partial", "--auto-approve", "--accept-data-loss"]) == 4
    assert shop(["plan"]) == 0
    assert "Nothing to do" in capsys.readouterr().out
    left = plan(shop, capsys)["changes"]
    assert {change["status"] for change in left} == {"blocked"}
    assert {change["user"]["upn"] for change in left} == {
        "jakub@contoso.com",
        "nikhil@contoso.com",
        "priya@contoso.com",
    }


@pytest.mark.parametrize("now", DAYS)
def test_the_demo_is_the_same_on_every_day_but_for_its_dates(now):
    made = demo.snapshot(now)
    assert [user.id for user in made.users] == [user.id for user in demo.snapshot(DAYS[0]).users]
    assert len(made.users) == len({user.id for user in made.users}) == 36
    ends = {each.sku_part_number: each.next_lifecycle_date_time - now for each in made.subscriptions}
    assert min(ends.values()) > timedelta(0)
    assert ends["EXCHANGESTANDARD"] == timedelta(days=40)
    assert sum(bool(each.is_trial) for each in made.subscriptions) == 1


def test_seats_in_use_are_within_those_owned_and_the_e5_seats_are_all_taken(tenant, build, tmp_path):
    it = tenant()
    sandbox.reset(it.home, clock=it.clock)
    rows = {row["skuPartNumber"]: row for row in it.get("/subscribedSkus")["value"]}
    assert all(row["consumedUnits"] <= row["prepaidUnits"]["enabled"] for row in rows.values())
    assert rows["SPE_E5"]["consumedUnits"] == rows["SPE_E5"]["prepaidUnits"]["enabled"] == 5
    assert rows["ENTERPRISEPACK"]["prepaidUnits"]["enabled"] == 25
    states = it.get("/users/giulia@contoso.com?$select=licenseAssignmentStates")["licenseAssignmentStates"]
    assert [(row["state"], row["error"]) for row in states if row["assignedByGroup"]] == [
        ("Error", "CountViolation")
    ]


def test_groups_of_every_kind_are_there_and_everybody_works_somewhere(tenant):
    it = tenant()
    sandbox.reset(it.home, clock=it.clock)
    names = "id,displayName,groupTypes,onPremisesSyncEnabled"
    groups = {row["displayName"]: row for row in it.get(f"/groups?$select={names}")["value"]}
    assert {name for name, row in groups.items() if "DynamicMembership" in row["groupTypes"]} == {
        "All of Sales"
    }
    assert {name for name, row in groups.items() if row["onPremisesSyncEnabled"]} == {"Payroll"}
    nested = f"/groups/{groups['Technical drawing']['id']}/members/microsoft.graph.group"
    assert it.names(nested) == ["Drawing trainees"]
    fields = "department,companyName,city,country,employeeType"
    for local, *_ in demo.PEOPLE:
        found = it.get(f"/users/{local}@contoso.com?$select={fields}")
        assert all(found[field] for field in fields.split(",")), local


def test_each_reset_makes_another_tenant_of_the_same_people():
    """A journal or plan of the tenant before has no bearing on it."""
    first, second = (demo.snapshot(day) for day in DAYS[:2])

    assert first.organization.id != second.organization.id
    assert {user.id for user in first.users} == {user.id for user in second.users}
