"""Can somebody who may only read make the plan that another applies?"""

import json

import pytest

from tests.test_documents import ROOT

READER = "ulrike@contoso.com"  # of the demo tenant: holds no role


@pytest.fixture
def demo(run, workdir):
    """Return a folder with the example and the demo tenant."""
    (workdir / "tenant.yaml").write_bytes((ROOT / "tenant.yaml").read_bytes())
    assert run("sandbox", "reset").code == 0
    return workdir


def plan(run, *more):
    """Return the plan as JSON that the reader makes."""
    return json.loads(run("plan", "--as", READER, "--json", *more).out)


def test_who_may_only_read_plans_for_whoever_applies_it(run, demo):
    """Seats, purchases, deadlines and what is ready are those of that person; the actor stays who it is."""
    alone, other = plan(run), plan(run, "--for", "global-administrator")
    chief = json.loads(run("plan", "--json").out)

    assert {change["status"] for change in alone["changes"]} == {"blocked"}
    assert other["actor"] == alone["actor"] == {"name": READER, "roles": []}
    assert other["options"] == chief["options"] | {"for": ["global-administrator"]}
    for member in ("summary", "changes", "purchases", "conflicts", "seats", "refusals"):
        assert other[member] == chief[member], member


def test_permissions_of_an_application_will_do(run, demo):
    found = plan(run, "--for", "LicenseAssignment.ReadWrite.All", "--target", "bram@contoso.com")
    assert [(change["kind"], change["status"]) for change in found["changes"]] == [("set-licenses", "ready")]


def test_the_page_says_for_whom(run, demo):
    told = run("plan", "--as", READER, "--for", "License Administrator").out
    assert "actor    ulrike@contoso.com (no directory role)" in told
    assert "for      whoever applies it with License Administrator; apply looks" in told


def test_apply_looks_whether_whoever_applies_it_may(run, demo):
    """The plan is no permission: who has no role writes nothing, who has one applies what was reviewed."""
    run("plan", "--as", READER, "--for", "global-administrator", "--out", "plan.json")
    flags = "--partial", "--auto-approve", "--accept-data-loss"

    refused = run("apply", "plan.json", "--as", READER, *flags)
    assert refused.code == 4
    assert "role-missing" in refused.out
    assert "done" not in refused.out

    run("plan", "--as", READER, "--for", "global-administrator", "--out", "plan.json")
    applied = run("apply", "plan.json", *flags)
    assert applied.code == 4
    assert "Applied: 16 done, 3 blocked." in applied.out


@pytest.mark.parametrize(
    ("word", "hint"),
    [("licence-admin", "Did you mean license-administrator?"), ("cook", "Known: global-administrator, ")],
)
def test_what_is_neither_role_nor_permission_is_refused(run, demo, word, hint):
    ran = run("plan", "--for", word)
    assert ran.code == 1
    assert f"{word!r} is no role and no permission that a change takes. {hint}" in " ".join(ran.err.split())
