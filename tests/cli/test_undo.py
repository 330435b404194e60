"""`reconciler undo`: an ordinary plan that brings back what was before a run."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import E3, EMS, STATE

YAMMER = "7547a3fe-08ee-4ccb-b430-5077c5041653"


@pytest.fixture
def tenant_of_bram(workdir, run):
    """Load a tenant in which bram has a licence with a plan off, a department, and no job title."""
    state = json.loads(json.dumps(STATE))
    bram = state["users"][2]
    bram["assignedLicenses"] = [{"skuId": E3, "disabledPlans": [YAMMER]}, {"skuId": EMS, "disabledPlans": []}]
    bram |= {"department": "Sales", "jobTitle": None}
    for sku in state["subscribedSkus"]:
        sku["prepaidUnits"]["enabled"] = 10
        sku["servicePlans"] = (
            [
                {
                    "servicePlanId": YAMMER,
                    "servicePlanName": "YAMMER_ENTERPRISE",
                    "appliesTo": "User",
                    "provisioningStatus": "Success",
                }
            ]
            if sku["skuId"] == E3
            else []
        )
    (workdir / "state.json").write_text(json.dumps(state))
    assert run("sandbox", "load", "state.json").code == 0
    return workdir


def declare(text):
    Path("tenant.yaml").write_text(f"version: 1\ntenant: {{domain: contoso.com}}\nusers:\n{text}")


def seen(run):
    """Return what the tenant holds of its users, by name: fields and licences, bit for bit."""
    assert run("snapshot", "--out", "now.json").code == 0
    told = json.loads(Path("now.json").read_text())
    return {
        user["displayName"]: {
            key: sorted(map(json.dumps, value)) if key == "assignedLicenses" else value
            for key, value in user.items()
            if key in ("department", "jobTitle", "usageLocation", "accountEnabled", "assignedLicenses")
        }
        for user in told["users"]
    }


def apply(run, *flags):
    ran = run("apply", *flags, "--auto-approve")
    assert ran.code == 0, ran.err
    return ran


def undo(run, *flags):
    ran = run("undo", "last", "--out", "undo.json", *flags)
    assert ran.code == 0, ran.err
    apply(run, "undo.json")
    return ran


def test_licences_and_fields_are_again_what_they_were_bit_for_bit(run, tenant_of_bram):
    before = seen(run)
    declare("  bram@contoso.com: {department: IT, job_title: Chief, licenses: [EMS]}\n")
    apply(run, "--accept-data-loss")
    assert seen(run) != before
    ran = undo(run)
    assert seen(run) == before
    assert "tenant.yaml may still ask for what is undone" in ran.err
    assert "Nothing was saved" not in ran.err


def test_a_deleted_user_is_there_again_with_exactly_the_former_licences(run, tenant_of_bram):
    before = seen(run)
    declare("  bram@contoso.com: {ensure: absent}\n")
    apply(run, "--accept-data-loss")
    assert "Bram" not in seen(run)
    undo(run)
    assert seen(run) == before


def test_it_changes_nothing_by_itself_and_says_how_it_is_carried_out(run, tenant_of_bram):
    declare("  bram@contoso.com: {licenses: [EMS]}\n")
    apply(run, "--accept-data-loss")
    after = seen(run)
    ran = run("undo", "last", "--detailed-exitcode")
    assert ran.code == 2
    assert "assign   bram@contoso.com" in ran.out
    assert "[undo of run" in ran.out
    assert "Nothing was saved: `--out FILE` saves this plan" in ran.err
    assert seen(run) == after
    document = json.loads(run("undo", "last", "--json").out)
    assert [change["address"] for change in document["changes"]] == ["users/bram@contoso.com/licenses"]
    assert document["options"]["undoes"] == json.loads(run("history", "--json").out)["runs"][-1]["run"]


def test_what_somebody_changed_since_is_told_and_left_alone(run, tenant_of_bram):
    declare("  bram@contoso.com: {department: IT, licenses: [EMS]}\n")
    apply(run, "--accept-data-loss")
    declare("  bram@contoso.com: {department: Legal}\n")
    apply(run)
    first = json.loads(run("history", "--json").out)["runs"][0]["run"]
    ran = run("undo", first)
    assert "department is no longer as run" in ran.out.replace("\n    ", " ")
    document = json.loads(run("undo", first, "--json").out)
    assert [change["kind"] for change in document["changes"]] == ["set-licenses"]


def test_a_run_that_changed_nothing_has_nothing_to_undo(run, tenant_of_bram):
    declare("  bram@contoso.com: {department: IT}\n")
    apply(run)
    undo(run)
    ran = run("undo", "last", "--target", "anna@contoso.com", "--detailed-exitcode")
    assert (ran.code, "Nothing to do" in ran.out, ran.err) == (0, True, "")


def test_a_run_on_another_tenant_is_not_undone_on_this_one(run, tenant_of_bram):
    declare("  bram@contoso.com: {department: IT}\n")
    apply(run)
    state = json.loads(Path("state.json").read_text())
    state["organization"]["id"] = "99999999-2222-3333-4444-555555555555"
    Path("state.json").write_text(json.dumps(state))
    assert run("sandbox", "load", "state.json").code == 0
    ran = run("undo", "last")
    assert (ran.code, "was on another tenant (contoso.com)" in ran.err) == (1, True)


def test_a_run_that_is_not_there_is_told(run, tenant_of_bram):
    declare("  bram@contoso.com: {department: IT}\n")
    ran = run("undo", "last")
    assert (ran.code, "There is no run yet." in ran.err) == (1, True)


def test_a_hundred_licences_and_twenty_users_come_back_exactly(run, tenant_of_bram):
    """With every second licence's service plan off, as before."""
    state = json.loads(Path("state.json").read_text())
    pattern = state["users"][2]
    for number in range(120):
        off = [YAMMER] if number % 2 else []
        state["users"].append(
            pattern
            | {
                "id": f"00000000-0000-0000-0002-{number:012}",
                "userPrincipalName": f"u{number:03}@contoso.com",
                "displayName": f"U{number:03}",
                "assignedLicenses": [
                    {"skuId": E3, "disabledPlans": off},
                    {"skuId": EMS, "disabledPlans": []},
                ],
            }
        )
    for sku in state["subscribedSkus"]:
        sku["prepaidUnits"]["enabled"] = 130
    Path("state.json").write_text(json.dumps(state))
    assert run("sandbox", "load", "state.json").code == 0
    before = seen(run)
    declare(
        "".join(f"  u{number:03}@contoso.com: {{licenses: [EMS]}}\n" for number in range(100))
        + "".join(f"  u{number:03}@contoso.com: {{ensure: absent}}\n" for number in range(100, 120))
    )
    rails = ("--allow", "max-revocations", "--allow", "max-deletions")
    apply(run, "--accept-data-loss", *rails)
    assert len(seen(run)) == len(before) - 20
    undo(run)
    assert seen(run) == before
