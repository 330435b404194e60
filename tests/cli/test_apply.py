"""`reconciler apply`: what it does, what it refuses, and what it tells."""

import copy
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler import journal
from reconciler.cli import session
from reconciler.directory import Directory
from reconciler.errors import UsageError
from reconciler.journal import Journal
from reconciler.plan import digest_of
from reconciler.report.document import dumps
from tests.cli.conftest import E3, EMS, STATE, TENANT

ANNA, BRAM = "anna@contoso.com", "bram@contoso.com"
REVOKE = TENANT.replace("bram@contoso.com: {licenses: [ENTERPRISEPACK]}", "bram@contoso.com: {licenses: []}")
CREATE = TENANT + "  eva@contoso.com: {name: Eva, usage_location: NL, licenses: [EMS]}\n"
BLOCKED = TENANT + "  nobody@contoso.com: {licenses: [EMS]}\n  admin@contoso.com: {licenses: [SPE_E5]}\n"
CERTAIN = ("--auto-approve", "--accept-data-loss")


WITH_MAILBOX = copy.deepcopy(STATE)
WITH_MAILBOX["subscribedSkus"][0]["servicePlans"] = [
    {
        "servicePlanId": "efb87545-963c-4e0d-99df-69c6916d9eb0",
        "servicePlanName": "EXCHANGE_S_ENTERPRISE",
        "appliesTo": "User",
        "provisioningStatus": "Success",
    }
]


@pytest.fixture
def sandbox(sandbox, run):
    """Put a tenant into the sandbox whose ENTERPRISEPACK gives a mailbox; return its home."""
    Path("state.json").write_text(json.dumps(WITH_MAILBOX))
    assert run("sandbox", "load", "state.json").code == 0
    return sandbox


@pytest.fixture
def declared(tenant):
    """Declare another desired state."""
    return tenant.write_text


@pytest.fixture
def planned(run, sandbox):
    """Save a plan for the declared state."""

    def planned(*options):
        ran = run("plan", "--out", "plan.json", *options)
        assert ran.code == 0, ran.err
        return json.loads((sandbox.parent / "plan.json").read_text())

    return planned


@pytest.fixture
def holdings(run, sandbox, tmp_path):
    """Return what the tenant holds: everything that a plan could change."""

    def holdings():
        assert run("snapshot", "--out", tmp_path / "now.json").code == 0
        found = json.loads((tmp_path / "now.json").read_text())
        return {key: value for key, value in found.items() if key not in ("taken_at", "subscriptions")}

    return holdings


def skus_of(holdings, upn):
    user = next(user for user in holdings["users"] if user["userPrincipalName"] == upn)
    return [licence["skuId"] for licence in user["assignedLicenses"]]


# ------------------------------------------------------------ the whole way


def test_what_is_ready_is_done_and_then_there_is_nothing_to_do(run, sandbox, holdings):
    ran = run("apply", "--auto-approve")
    assert (ran.code, ran.err) == (0, "")
    assert "1 change is ready to apply." in ran.out
    assert f"\ndone          assign {ANNA}: ENTERPRISEPACK\n" in ran.out
    assert "\nApplied: 1 done.\n" in ran.out
    assert skus_of(holdings(), ANNA) == [E3]
    again = run("apply", "--auto-approve")
    assert (again.code, again.err) == (0, "")
    assert again.out.endswith("Nothing to do: the tenant is as declared.\n")


def test_a_saved_plan_is_carried_out_without_the_files_that_it_was_made_from(run, planned, holdings, tenant):
    planned()
    tenant.unlink()
    assert run("apply", "plan.json", "--auto-approve").code == 0
    assert skus_of(holdings(), ANNA) == [E3]


def test_a_saved_plan_is_applied_once(run, planned, sandbox, holdings):
    planned()
    run("apply", "plan.json", "--auto-approve")
    (done,) = journal.runs(sandbox / "journal.jsonl")
    before = holdings()
    ran = run("apply", "plan.json", "--auto-approve")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(f"error: this plan was carried out by run {done.id} of ")
    assert ran.err.endswith(" UTC (1 done), and a plan is applied once. Nothing was written. Plan again.\n")
    assert holdings() == before
    assert len(journal.runs(sandbox / "journal.jsonl")) == 1


def test_what_a_saved_plan_left_undone_is_for_a_new_plan(run, planned, declared, holdings):
    declared(BLOCKED)
    planned()
    assert run("apply", "plan.json", "--auto-approve").code == 3
    assert run("apply", "plan.json", "--auto-approve", "--partial").code == 4
    ran = run("apply", "plan.json", "--auto-approve", "--partial")
    assert ran.code == 3
    assert "(1 done, 1 blocked), and a plan is applied once. Nothing was written. Plan again for" in ran.err
    planned()
    assert run("apply", "plan.json", "--auto-approve", "--partial").code == 4


def test_what_somebody_did_since_the_plan_is_already_done(run, planned, holdings):
    """Another plan of the same state came first: nothing is written twice, and nothing is stale."""
    planned()
    assert run("apply", "--auto-approve", "--target", ANNA).code == 0
    ran = run("apply", "plan.json", "--auto-approve")
    assert ran.code == 0
    assert "Applied: 1 already done." in ran.out


# ------------------------------------------------------------ what later plans remember


@pytest.fixture
def remembering(run, planned, sandbox):
    """Save a plan that also tells what later ones shall remember."""

    def remembering(*topics):
        document = planned() | ({"memory": list(topics)} if topics else {})
        document["digest"] = digest_of(document)
        (sandbox.parent / "plan.json").write_text(dumps(document))

    return remembering


def topic(count, *joined, left=()):
    return {"topic": "rules/sales", "count": count, "joined": list(joined), "left": list(left)}


def test_a_run_remembers_what_its_plan_tells(run, sandbox, remembering):
    remembering(topic(2, "id-1", "id-2"))
    assert run("apply", "plan.json", "--auto-approve").code == 0
    (memory,) = journal.remembered(sandbox / "journal.jsonl")
    assert (memory.topic, memory.count, set(memory.since)) == ("rules/sales", 2, {"id-1", "id-2"})


def test_a_run_remembers_how_much_is_declared_and_how_many_users_there_are(run, sandbox):
    """For guard rails of later plans, which compare."""
    assert run("apply", "--auto-approve").code == 0
    told = journal.remembered(sandbox / "journal.jsonl")
    assert {memory.topic: memory.count for memory in told} == {"tenant": 3, "users": 2}


@pytest.mark.parametrize("output", [(), ("--json",)], ids=["text", "json"])
def test_a_plan_with_nothing_to_do_is_remembered_as_a_run_that_wrote_nothing(
    run, sandbox, remembering, holdings, output
):
    """What is told is what is told of any plan with nothing to do."""
    run("apply", "--auto-approve")
    remembering()
    silent = run("apply", "plan.json", "--auto-approve", *output)
    before = holdings()
    assert len(journal.runs(sandbox / "journal.jsonl")) == 1
    remembering(topic(1, "id-1", left=["id-2"]))
    assert run("apply", "plan.json", "--auto-approve", *output) == silent
    assert silent.code == 0
    _, told = journal.runs(sandbox / "journal.jsonl")
    assert (told.intents, told.results, told.end.exit_code) == ((), (), 0)
    assert set(told.end.counts.values()) == {0}
    memory = journal.remembered(sandbox / "journal.jsonl")[0]
    assert (memory.since, memory.left) == ({"id-1": told.start.time}, {"id-2": told.start.time})
    assert holdings() == before
    assert "nothing" in run("history").out


def test_a_plan_that_tells_nothing_new_is_no_run(run, sandbox, remembering):
    run("apply", "--auto-approve")
    remembering(topic(7))
    assert run("apply", "plan.json", "--auto-approve").code == 0
    assert len(journal.runs(sandbox / "journal.jsonl")) == 1


def test_what_is_remembered_is_part_of_the_current_state(run, sandbox, remembering, planned):
    remembering(topic(2, "id-1"))
    run("apply", "plan.json", "--auto-approve")
    made = session.make(session.Request())
    assert [each.topic for each in made.current.remembered] == ["rules/sales"]
    saved = session.make(session.Request(snapshot=sandbox.parent / "state.json"))
    assert saved.current.remembered == ()


def test_a_plan_reads_only_what_the_files_use(run, sandbox, declared, monkeypatch):
    """Groups by the names that the files have for them, fields of users that an entry manages."""
    asked = []
    real = Directory.read
    monkeypatch.setattr(Directory, "read", lambda self, *args: asked.append(args) or real(self, *args))
    declared(
        TENANT.replace("{licenses: [ENTERPRISEPACK]}", "{department: HR, licenses: [ENTERPRISEPACK]}", 1)
        + "guardrails: {protected_users: [VIPs]}\n"
    )
    assert run("plan").code == 0
    (groups, fields), *_ = asked
    assert (list(groups), "department" in fields, "city" in fields) == (["vips"], True, False)


def test_blocked_changes_are_left_out_with_partial(run, declared, sandbox, holdings):
    declared(BLOCKED)
    ran = run("apply", "--partial", "--auto-approve")
    assert ran.code == 4
    assert "Applied: 1 done, 1 blocked." in ran.out
    assert "blocked       assign admin@contoso.com: SPE_E5 -- by no-seats" in ran.out
    again = run("apply", "--partial", "--auto-approve")
    assert (again.code, "Nothing to do: 1 change is blocked.\n" in again.out) == (4, True)
    assert "Applied" not in again.out


def test_what_moved_since_the_plan_is_left_alone_and_told(run, planned, sandbox, holdings):
    """The licence that somebody else gave to anna meanwhile is named by its part number."""
    planned()
    moved = copy.deepcopy(WITH_MAILBOX)
    moved["users"][1]["assignedLicenses"] = [{"skuId": EMS, "disabledPlans": []}]
    moved["users"][1]["usageLocation"] = "BE"
    (sandbox.parent / "moved.json").write_text(json.dumps(moved))
    run("sandbox", "load", "moved.json")
    ran = run("apply", "plan.json", "--auto-approve")
    assert ran.code == 4
    assert (
        f"stale         assign {ANNA}: ENTERPRISEPACK -- it moved since the plan was made: "
        "licence EMS is new; usage location NL -> BE; not applied\n"
    ) in ran.out
    assert skus_of(holdings(), ANNA) == [EMS]


def test_json_is_one_document_on_standard_output(run, sandbox, declared):
    declared(BLOCKED)
    ran = run("apply", "--partial", "--auto-approve", "--json")
    document = json.loads(ran.out)
    assert (ran.code, document["exit_code"]) == (4, 4)
    assert document["counts"]["done"] == 1
    assert {each["address"]: (each["status"], each["message"]) for each in document["results"]} == {
        "users/admin@contoso.com/licenses": ("blocked", "by no-seats"),
        f"users/{ANNA}/licenses": ("done", ""),
    }
    assert document["run"]
    assert document["journal"] == ".reconciler/journal.jsonl"
    assert f"done          assign {ANNA}: ENTERPRISEPACK\n" in ran.err
    nothing = run("apply", "--partial", "--auto-approve", "--json")
    document = json.loads(nothing.out)
    assert (document["run"], document["journal"], document["exit_code"]) == (None, None, 4)


def test_seats_are_bought_only_with_leave(run, declared, sandbox, holdings):
    declared(TENANT + "subscriptions: {EMS: {seats: 3}}\n")
    ran = run("apply", "--auto-approve")
    assert (ran.code, "left out      buy EMS" in ran.out) == (4, True)
    assert "it spends money: apply with --buy" in ran.out
    ran = run("apply", "--auto-approve", "--buy")
    assert (ran.code, "Applied: 1 done." in ran.out) == (0, True)
    assert next(s for s in holdings()["subscribedSkus"] if s["skuId"] == EMS)["prepaidUnits"]["enabled"] == 3


def test_removals_are_on_record_with_the_tenants_clock(run, declared, sandbox):
    """After `sandbox advance`, the deadline of a removed licence counts from the tenant's day."""
    declared(REVOKE)
    run("sandbox", "advance", "--days", "100")
    assert run("apply", *CERTAIN).code == 0
    (removal,) = journal.removals(sandbox / "journal.jsonl")
    assert (removal.user_id, removal.sku_id) == (STATE["users"][2]["id"], E3)
    ahead = removal.removed_at - datetime.now(UTC)
    assert timedelta(days=99, hours=23) < ahead < timedelta(days=100, hours=1)


# ------------------------------------------------------------ what is refused


def altered(path):
    document = json.loads(path.read_text())
    document["changes"][0]["user"]["upn"] = "mallory@contoso.com"
    path.write_text(json.dumps(document))


def elsewhere(run):
    other = copy.deepcopy(STATE)
    other["organization"]["id"] = "99999999-2222-3333-4444-555555555555"
    Path("other.json").write_text(json.dumps(other))
    assert run("sandbox", "load", "other.json").code == 0


def test_an_altered_plan_is_refused(run, planned, sandbox, holdings):
    planned()
    altered(sandbox.parent / "plan.json")
    before = holdings()
    ran = run("apply", "plan.json", "--auto-approve")
    assert (ran.code, "was altered after it was made" in ran.err) == (3, True)
    assert holdings() == before


def test_an_expired_plan_is_refused_by_the_tenants_clock(run, planned, holdings):
    planned()
    run("sandbox", "advance", "--days", "30")
    before = holdings()
    ran = run("apply", "plan.json", "--auto-approve")
    assert (ran.code, "the plan expired at" in ran.err) == (3, True)
    assert holdings() == before


def test_a_plan_for_another_tenant_is_refused(run, planned, holdings):
    planned()
    elsewhere(run)
    before = holdings()
    ran = run("apply", "plan.json", "--auto-approve")
    assert (ran.code, "Nothing was written" in ran.err) == (3, True)
    assert STATE["organization"]["id"] in ran.err
    assert holdings() == before


def test_roles_are_those_of_who_applies_not_of_who_planned(run, planned, holdings):
    """The plan of a global administrator in the hands of somebody without a role."""
    planned()
    before = holdings()
    ran = run("apply", "plan.json", "--auto-approve", "--as", ANNA)
    assert ran.code == 3
    refused = f"{ANNA} (no directory role) may not make 1 change that is ready otherwise: 1 takes Directory "
    assert refused in ran.err
    assert ran.err.endswith("Nothing else is left to apply.\n")
    ran = run("apply", "plan.json", "--auto-approve", "--as", ANNA, "--partial")
    assert (ran.code, "Applied" in ran.out) == (4, False)
    assert "Nothing to do: 1 change is blocked." in ran.out
    assert f"  actor    {ANNA} (no directory role)\n" in ran.out
    assert refused in " ".join(ran.out.split())
    assert holdings() == before


def test_blocked_changes_are_refused_without_partial(run, declared, sandbox, holdings):
    declared(BLOCKED)
    before = holdings()
    ran = run("apply", "--auto-approve")
    assert (ran.code, "users/admin@contoso.com/licenses: no-seats" in ran.err) == (3, True)
    assert holdings() == before


RAILED = REVOKE + "guardrails: {max_revocations: {count: 0, free: 0}}\n"


def test_a_guard_rail_refuses_until_it_is_named(run, declared, sandbox, holdings):
    declared(RAILED)
    before = holdings()
    ran = run("apply", *CERTAIN)
    assert (ran.code, "--allow max-revocations" in ran.err) == (3, True)
    assert run("apply", *CERTAIN, "--allow", "max-deletions").code == 3
    assert holdings() == before
    assert run("apply", *CERTAIN, "--allow", "max-revocations").code == 0
    assert skus_of(holdings(), BRAM) == []


def test_a_plan_made_with_a_rail_loosened_is_refused_unless_apply_says_so_too(run, planned, holdings):
    planned("--allow", "protected")
    before = holdings()
    ran = run("apply", "plan.json", "--auto-approve")
    assert (ran.code, "apply must be told so too" in ran.err) == (3, True)
    assert holdings() == before
    assert run("apply", "plan.json", "--auto-approve", "--allow", "protected").code == 0


def test_unattended_and_unreviewed_data_loss_takes_a_flag_of_its_own(run, declared, planned, holdings):
    declared(REVOKE)
    before = holdings()
    ran = run("apply", "--auto-approve")
    assert (ran.code, f"mailboxes to be lost: {BRAM}" in ran.err) == (3, True)
    assert holdings() == before
    planned()
    assert run("apply", "plan.json", "--auto-approve").code == 0


def test_without_a_terminal_and_without_the_flag_nothing_is_done(process, sandbox, holdings):
    before = holdings()
    ran = process("apply", input="yes\n")
    assert (ran.code, "there is no terminal" in ran.err) == (3, True)
    assert holdings() == before


@pytest.mark.parametrize(
    ("content", "told"),
    [("no plan", "is not a plan"), ('{"format_version": "9.0"}', "plan format 9.0")],
)
def test_what_is_no_plan_of_this_version_is_bad_input(run, sandbox, content, told):
    (sandbox.parent / "plan.json").write_text(content)
    ran = run("apply", "plan.json", "--auto-approve")
    assert (ran.code, told in ran.err) == (1, True)


@pytest.mark.parametrize(
    "option", [("-f", "tenant.yaml"), ("--target", ANNA), ("--use-grace",), ("--catalog", "skus.csv")]
)
def test_a_saved_plan_takes_no_option_that_would_change_it(run, planned, option):
    planned()
    ran = run("apply", "plan.json", "--auto-approve", *option)
    assert (ran.code, "carried out as it is" in ran.err) == (1, True)


def test_in_the_wrong_folder_nothing_is_made(run, workdir):
    assert run("apply").code == 1
    assert list(workdir.iterdir()) == []


def test_two_applies_at_once_are_refused(run, sandbox):
    with Journal(sandbox / "journal.jsonl"):
        ran = run("apply", "--auto-approve")
    assert (ran.code, "another apply" in ran.err) == (3, True)


# ------------------------------------------------------------ created users


def test_a_created_users_password_is_in_the_file_and_nowhere_else(run, declared, sandbox):
    """Not on the screen, in the journal, in a plan or anywhere else in the folder."""
    declared(CREATE)
    ran = run("apply", "--auto-approve", "--credentials-out", "new.csv")
    assert ran.code == 0
    assert "-- its first password is in new.csv; it must be changed at first sign-in" in ran.out
    path = sandbox.parent / "new.csv"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    head, row = path.read_text().splitlines()
    upn, password = row.split(",", 1)
    assert (head, upn, len(password)) == ("upn,password", "eva@contoso.com", 20)
    others = [file for file in sandbox.parent.rglob("*") if file.is_file() and file != path]
    assert all(password.encode() not in file.read_bytes() for file in others)
    assert password not in ran.out + ran.err


def test_without_a_file_the_result_line_says_what_to_do(run, declared, sandbox):
    declared(CREATE)
    ran = run("apply", "--auto-approve")
    assert (ran.code, "reset the password in the Microsoft 365 admin center" in ran.out) == (0, True)


def test_an_older_credentials_file_stops_the_run_before_it_begins(run, declared, sandbox, holdings):
    declared(CREATE)
    (sandbox.parent / "new.csv").write_text("older")
    before = holdings()
    ran = run("apply", "--auto-approve", "--credentials-out", "new.csv")
    assert (ran.code, "exists already" in ran.err) == (1, True)
    assert holdings() == before
    assert run("history").out.startswith("No run")


def test_where_nobody_is_created_no_file_is_made(run, sandbox):
    assert run("apply", "--auto-approve", "--credentials-out", "new.csv").code == 0
    assert not (sandbox.parent / "new.csv").exists()


# ------------------------------------------------------------ when the run itself fails


def test_an_error_that_ends_the_run_is_told_after_what_was_done(run, sandbox, monkeypatch):
    def full(*_, **__):
        raise UsageError("journal-unwritable", path="j", reason="No space left on device")

    monkeypatch.setattr(Journal, "record", full)
    ran = run("apply", "--auto-approve")
    assert ran.code == 1
    assert "Applied: 1 done." in ran.out
    assert "the run ended early: the journal j can't be written: no space left on device" in ran.err


def test_a_fault_of_the_program_is_told_and_its_writes_are_unknown(run, sandbox, monkeypatch):
    monkeypatch.setattr(Directory, "carry_out", lambda *_: {}["x"])
    ran = run("apply", "--auto-approve")
    assert ran.code == 5
    assert "internal error: KeyError" in ran.err
    assert f"unknown       assign {ANNA}: ENTERPRISEPACK -- internal-error" in ran.out


def test_hostile_names_are_shown_harmless(run, declared, sandbox):
    """A display name is anybody's to choose: no escape sequence and no workflow command gets through."""
    hostile = copy.deepcopy(WITH_MAILBOX)
    hostile["users"][2]["displayName"] = "x\x1b[2J\u202e ::set-env name=A::b"
    Path("state.json").write_text(json.dumps(hostile))
    assert run("sandbox", "load", "state.json").code == 0
    declared(
        TENANT.replace("bram@contoso.com: {licenses: [ENTERPRISEPACK]}", "bram@contoso.com: {ensure: absent}")
    )
    for options in ((), ("--json",)):
        ran = run("apply", *CERTAIN, *options)
        assert ran.code == 0
        assert not {"\x1b", "\u202e"} & set(ran.out + ran.err)
        assert " ::set-env" not in ran.out + ran.err
        assert run("sandbox", "load", "state.json").code == 0
