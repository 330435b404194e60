"""`reconciler plan`: the plan for people, for programs and for `apply`."""

import json
import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.report.document import verify

ADDRESS = "users/anna@contoso.com/licenses"


def test_a_plan_against_a_snapshot_needs_no_tenant(run, tenant, state, workdir):
    ran = run("plan", "--snapshot", "state.json")
    assert (ran.code, ran.err) == (0, "")
    assert "anna@contoso.com" in ran.out
    assert "ENTERPRISEPACK" in ran.out or "Office 365 E3" in ran.out
    assert sorted(path.name for path in workdir.iterdir()) == ["state.json", "tenant.yaml"]


def test_a_plan_against_the_sandbox_is_the_same_plan(run, sandbox):
    """The snapshot went through the sandbox, Graph and the directory; the changes are the same."""
    at = ("--at", "2026-11-24T02:00:00Z", "--json")
    one = json.loads(run("plan", *at).out)
    two = json.loads(run("plan", *at, "--snapshot", "state.json").out)
    assert one["changes"] == two["changes"]
    assert [change["address"] for change in one["changes"]] == [ADDRESS]


def test_json_is_one_document_and_nothing_else(run, tenant, state):
    ran = run("plan", "--snapshot", "state.json", "--json")
    assert (ran.code, ran.err) == (0, "")
    document = json.loads(ran.out)
    assert document["format_version"] == "1.0"
    assert verify(document)


def test_json_stays_pure_where_the_demo_tenant_is_made_and_a_file_is_saved(run, workdir):
    (workdir / "tenant.yaml").write_text("version: 1\nusers: {}\n")
    ran = run("plan", "--json", "--out", "plan.json")
    assert ran.code == 0
    assert json.loads(ran.out)["changes"] == []
    assert ran.err == (
        "No tenant yet: made the demo tenant in .reconciler.\n"
        "Saved the plan to plan.json; `reconciler apply plan.json` carries it out.\n"
    )


def test_the_command_for_a_saved_plan_names_every_rail_that_refuses_it(run, tenant, state):
    """As it stands it would be refused; with the flags it would be carried out."""
    rail = "{count: 0, free: 0}"
    tenant.write_text(
        "version: 1\nusers:\n  anna@contoso.com: {ensure: absent}\n  bram@contoso.com: {licenses: []}\n"
        f"guardrails: {{max_revocations: {rail}, max_deletions: {rail}}}\n"
    )
    ran = run("plan", "--snapshot", "state.json", "--out", "plan.json")
    flags = "--allow max-deletions --allow max-revocations"
    assert ran.err == (f"Saved the plan to plan.json; `reconciler apply plan.json {flags}` carries it out.\n")
    assert f"apply changes nothing without `{flags}`." in " ".join(ran.out.split())


def test_the_demo_tenant_is_made_once(run, workdir):
    (workdir / "tenant.yaml").write_text("version: 1\nusers: {}\n")
    assert "made the demo tenant" in run("plan").err
    assert run("plan").err == ""


def test_the_sandbox_lives_where_reconciler_home_says(run, workdir, monkeypatch):
    (workdir / "tenant.yaml").write_text("version: 1\nusers: {}\n")
    monkeypatch.setenv("RECONCILER_HOME", str(workdir / "elsewhere"))
    assert run("plan").err == f"No tenant yet: made the demo tenant in {workdir / 'elsewhere'}.\n"
    assert sorted(path.name for path in workdir.iterdir()) == ["elsewhere", "tenant.yaml"]


# ------------------------------------------------------------ exit codes


def test_changes_exit_with_2_only_where_that_was_asked_for(run, tenant, state):
    assert run("plan", "--snapshot", "state.json").code == 0
    assert run("plan", "--snapshot", "state.json", "--detailed-exitcode").code == 2
    assert run("plan", "--snapshot", "state.json", "--detailed-exitcode", "--json").code == 2


def test_nothing_to_do_is_said_and_exits_with_0(run, tenant, state):
    tenant.write_text("version: 1\nusers: {}\n")
    ran = run("plan", "--snapshot", "state.json", "--detailed-exitcode")
    assert ran.code == 0
    assert "Nothing to do" in ran.out


def test_conflicts_are_part_of_a_plan(run, tenant, state):
    """Nobody can give an unknown user a licence, but the plan tells so and is a plan."""
    tenant.write_text("version: 1\nusers:\n  anne@contoso.com: {licenses: [EMS]}\n")
    ran = run("plan", "--snapshot", "state.json", "--detailed-exitcode", "--json")
    document = json.loads(ran.out)
    assert [conflict["code"] for conflict in document["conflicts"]] == ["unknown-user"]
    assert ran.code == (2 if document["changes"] else 0)
    assert run("plan", "--snapshot", "state.json").code == 0


def test_blocked_changes_are_changes(run, tenant, state):
    """Two users, one seat: one change waits for a purchase, and both count."""
    tenant.write_text(
        "version: 1\nusers:\n"
        "  anna@contoso.com: {licenses: [EMS]}\n  bram@contoso.com: {licenses: {add: [EMS]}}\n"
    )
    ran = run("plan", "--snapshot", "state.json", "--detailed-exitcode", "--json")
    assert ran.code == 2
    document = json.loads(ran.out)
    assert sorted(change["status"] for change in document["changes"]) == ["blocked", "ready"]
    assert document["purchases"][0]["buy"] == 1


# ------------------------------------------------------------ `--out` saves exactly what `show` prints


def test_a_saved_plan_is_shown_as_it_was_printed(run, tenant, state):
    planned = run("plan", "--snapshot", "state.json", "--out", "plan.json")
    assert planned.err == "Saved the plan to plan.json; `reconciler apply plan.json` carries it out.\n"
    shown = run("show", "plan.json")
    assert (shown.code, shown.out, shown.err) == (0, planned.out, "")


def test_the_saved_file_is_the_json_document(run, tenant, state, workdir):
    ran = run("plan", "--snapshot", "state.json", "--out", "plan.json", "--json")
    assert (workdir / "plan.json").read_text(encoding="utf-8") == ran.out


def test_a_plan_without_changes_is_saved_too(run, tenant, state, workdir):
    tenant.write_text("version: 1\nusers: {}\n")
    run("plan", "--snapshot", "state.json", "--out", "plan.json")
    assert json.loads((workdir / "plan.json").read_text())["changes"] == []


def test_a_plan_that_cannot_be_made_leaves_the_old_file(run, tenant, state, workdir):
    run("plan", "--snapshot", "state.json", "--out", "plan.json")
    before = (workdir / "plan.json").read_bytes()
    tenant.write_text("version: 1\nusers: []\n")
    assert run("plan", "--snapshot", "state.json", "--out", "plan.json").code == 1
    assert (workdir / "plan.json").read_bytes() == before


def test_a_place_that_takes_no_file_is_said_before_anything_is_printed(run, tenant, state):
    ran = run("plan", "--snapshot", "state.json", "--out", "missing/plan.json")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: missing/plan.json can't be written: ")


@pytest.mark.skipif(os.name == "nt", reason="devices of Unix")
def test_out_to_a_device_leaves_the_device(process, tenant, state):
    ran = process("plan", "--snapshot", "state.json", "--out", "/dev/null")
    assert ran.code == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


# ------------------------------------------------------------ for which day the plan is made


def created(run, *argv) -> str:
    ran = run("plan", "--json", *argv)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)["created_at"]


def test_at_names_the_day(run, tenant, state):
    snapshot = ("--snapshot", "state.json")
    assert created(run, *snapshot, "--at", "2026-12-01") == "2026-12-01T00:00:00Z"
    assert created(run, *snapshot, "--at", "2026-12-01T01:00:00+02:00") == "2026-11-30T23:00:00Z"


def test_a_plan_against_a_snapshot_is_for_today_not_for_the_day_of_the_snapshot(run, tenant, state):
    before = datetime.now(UTC).replace(microsecond=0)
    day = datetime.fromisoformat(created(run, "--snapshot", "state.json"))
    assert before <= day <= datetime.now(UTC)


def test_in_the_sandbox_the_sandboxs_clock_counts(run, sandbox):
    run("sandbox", "advance", "--days", "40")
    day = datetime.fromisoformat(created(run))
    assert 39 < (day - datetime.now(UTC)).total_seconds() / 86_400 < 41


# ------------------------------------------------------------ who would apply the plan


def test_the_first_global_administrator_acts_by_default(run, tenant, state):
    document = json.loads(run("plan", "--snapshot", "state.json", "--json").out)
    assert document["actor"] == {"name": "admin@contoso.com", "roles": ["global-administrator"]}


def test_as_names_another_in_any_case(run, sandbox):
    for source in ((), ("--snapshot", "state.json")):
        document = json.loads(run("plan", *source, "--json", "--as", "Anna@Contoso.com").out)
        assert document["actor"] == {"name": "anna@contoso.com", "roles": []}
        assert not document["changes"][0]["permitted"]


def test_an_unknown_actor_is_refused(run, sandbox):
    for source in ((), ("--snapshot", "state.json")):
        ran = run("plan", *source, "--as", "nobody@contoso.com")
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("error: ")
        assert "internal error" not in ran.err


# ------------------------------------------------------------ which tenant


@pytest.mark.parametrize("declared", ["domain: fabrikam.com", "id: 99999999-0000-0000-0000-000000000000"])
@pytest.mark.parametrize("source", [(), ("--snapshot", "state.json")], ids=["sandbox", "snapshot"])
def test_another_tenant_is_refused_and_both_are_named(run, sandbox, tenant, declared, source):
    tenant.write_text(f"version: 1\ntenant: {{{declared}}}\nusers: {{}}\n")
    ran = run("plan", *source)
    assert (ran.code, ran.out) == (1, "")
    assert declared.split()[1] in ran.err
    assert "contoso.com" in ran.err


@pytest.mark.parametrize(
    "declared", ["domain: Contoso.com", "id: 11111111-2222-3333-4444-555555555555", "provider: sandbox"]
)
def test_the_declared_tenant_is_known_by_domain_or_id(run, sandbox, tenant, declared):
    tenant.write_text(f"version: 1\ntenant: {{{declared}}}\nusers: {{}}\n")
    assert run("plan").code == 0


def test_graph_can_be_planned_against_a_snapshot(run, tenant, state):
    tenant.write_text("version: 1\ntenant: {domain: contoso.com, provider: graph}\nusers: {}\n")
    assert run("plan", "--snapshot", "state.json").code == 0


def test_a_target_leaves_the_rest_alone(run, tenant, state):
    snapshot = ("--snapshot", "state.json", "--json")
    for target in ("Bram@contoso.com", "users/bram@contoso.com/licenses"):
        assert json.loads(run("plan", *snapshot, "--target", target).out)["changes"] == []
    both = json.loads(
        run("plan", *snapshot, "--target", "anna@contoso.com", "--target", "bram@contoso.com").out
    )
    assert [change["address"] for change in both["changes"]] == [ADDRESS]


def test_a_target_that_names_nothing_is_refused(run, tenant, state):
    """A typing error must not look like `Nothing to do`."""
    ran = run("plan", "--snapshot", "state.json", "--target", "ana@contoso.com")
    assert (ran.code, ran.out) == (1, "")
    assert "ana@contoso.com" in ran.err


def test_names_are_checked_against_the_tenants_skus(run, tenant, state):
    tenant.write_text("version: 1\nusers:\n  anna@contoso.com: {licenses: [ENTERPRISPACK]}\n")
    ran = run("plan", "--snapshot", "state.json")
    assert (ran.code, ran.out) == (1, "")
    first, last = ran.err.splitlines()
    assert re.match(
        r'tenant\.yaml:3:\d+: unknown-sku: "ENTERPRISPACK" .* did you mean "ENTERPRISEPACK"', first
    )
    assert last == "error: the desired state has 1 problem; nothing was planned."


@pytest.mark.parametrize(
    "argv",
    [
        ("--snapshot", "missing.json"),
        ("--snapshot", "."),
        ("--snapshot", "tenant.yaml"),
        ("--snapshot", "empty.json"),
        ("--snapshot", "state.json", "--catalog", "missing.csv"),
        ("--snapshot", "state.json", "--catalog", "."),
        ("--snapshot", "state.json", "--catalog", "tenant.yaml"),
        ("--snapshot", "state.json", "--out", "."),
        ("-f", "missing.yaml"),
        ("-f", "nothing"),
        ("-f", "state.json", "-f", "missing.yaml"),
    ],
    ids=" ".join,
)
def test_every_wrong_input_is_one_sentence(run, tenant, state, workdir, argv):
    (workdir / "empty.json").write_text("")
    (workdir / "nothing").mkdir()
    ran = run("plan", *argv)
    assert (ran.code, ran.out) == (1, "")
    assert len(ran.err.splitlines()) == 1
    assert ran.err.startswith("error: ")
    assert "internal error" not in ran.err


@pytest.mark.parametrize("at", ["0001-01-01", "8999-12-31", "1970-01-01T00:00:00Z"])
def test_any_day_can_be_planned_for(run, tenant, state, at):
    assert run("plan", "--snapshot", "state.json", "--at", at).code == 0


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser reads everything")
def test_a_file_that_may_not_be_read_is_said(run, tenant, state):
    tenant.chmod(0)
    ran = run("plan", "--snapshot", "state.json")
    assert (ran.code, ran.out) == (1, "")
    assert "tenant.yaml" in ran.err


def test_a_home_that_can_be_no_folder_is_said(run, tenant, workdir, monkeypatch):
    monkeypatch.setenv("RECONCILER_HOME", str(tenant))
    ran = run("plan")
    assert (ran.code, ran.out) == (1, "")
    assert len(ran.err.splitlines()) == 1
    assert "tenant.yaml" in ran.err
    assert "internal error" not in ran.err


def test_in_a_pipe_there_is_no_colour(process, tenant, state):
    ran = process("plan", "--snapshot", "state.json")
    assert ran.code == 0
    assert "\x1b" not in ran.out + ran.err
