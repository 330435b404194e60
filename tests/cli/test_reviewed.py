"""A saved plan at the command line: as it was written, once, and in its time."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler import journal
from reconciler.cli import apply as command
from reconciler.cli import consent
from reconciler.plan import digest_of
from reconciler.report.document import dumps
from tests.cli.conftest import TENANT

ANNA, BRAM = "anna@contoso.com", "bram@contoso.com"
REVOKE = TENANT.replace("bram@contoso.com: {licenses: [ENTERPRISEPACK]}", "bram@contoso.com: {licenses: []}")
CERTAIN = ("--auto-approve", "--accept-data-loss")


@pytest.fixture
def planned(run, sandbox, workdir):
    """Save a plan for the declared state and return its document."""

    def planned(*options):
        ran = run("plan", "--out", "plan.json", *options)
        assert ran.code == 0, ran.err
        return json.loads((workdir / "plan.json").read_text())

    return planned


@pytest.fixture
def held(run, sandbox, workdir):
    """Return UPN → the licences that each user of the tenant holds."""

    def held():
        assert run("snapshot", "--out", "now.json").code == 0
        found = json.loads((workdir / "now.json").read_text())
        return {user["userPrincipalName"]: len(user["assignedLicenses"]) for user in found["users"]}

    return held


def apply(run, *options):
    return run("apply", "plan.json", "--auto-approve", *options)


def refused(ran):
    assert (ran.code, ran.out) == (3, "")
    assert "Nothing was written." in ran.err
    return ran.err


# ------------------------------------------------------------ as it was written


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ("NL", "NM", 3, "was altered after it was made (its digest does not fit)"),
        ('"ready"', '"reedy"', 1, "is not a plan of reconciler at $.changes[0].status"),
        ('"kind"', '"kine"', 1, "is not a plan of reconciler at $.changes[0]"),
        ('"digest"', '"dogest"', 3, "was altered"),
        ("sha256:", "sha252:", 3, "was altered"),
        ('"tool_version"', '"tool_version":"0", "tool_version"', 1, "stands twice in one object"),
        ('"1.0"', '"3.0"', 1, "plan format 3.0"),
        ('  "tenant"', '  "tenant', 1, "is not a plan of reconciler"),
        ("\n", "\n ", 3, "was written anew after it was made"),
    ],
)
def test_whatever_changed_in_the_file_is_refused_and_said(run, planned, workdir, held, old, new, code, told):
    planned()
    path = workdir / "plan.json"
    path.write_text(path.read_text().replace(old, new, 1))
    before = held()
    ran = apply(run)
    assert (ran.code, told in ran.err, ran.err.startswith("error: plan.json")) == (code, True, True)
    assert "internal error" not in ran.err
    assert held() == before


def test_what_no_plan_holds_is_refused_by_apply_and_shown_by_show(run, planned, workdir):
    """Other readers pass over what they don't know; apply can't obey what it does not understand."""
    document = planned() | {"format_version": "1.9", "canary": True}
    document["digest"] = digest_of(document)
    (workdir / "plan.json").write_text(dumps(document))
    said = "plan.json holds what this version of reconciler does not know, and can't be obeyed in part"
    assert said in refused(apply(run))
    ran = run("show", "plan.json")
    assert (ran.code, ran.err) == (0, f"warning: {said}; apply refuses it.\n")


# ------------------------------------------------------------ once


def test_a_plan_whose_run_was_killed_is_for_that_run_to_finish(run, planned, held):
    document = planned()
    with journal.Journal(Path(".reconciler/journal.jsonl")) as log:
        run_id = log.begin(
            tool_version="0.1.0",
            plan_digest=document["digest"],
            desired_digest=document["desired_digest"],
            tenant=document["tenant"],
            actor=document["actor"],
            options={},
            changes=1,
        )
    before = held()
    said = refused(apply(run))
    assert f"run {run_id} began to carry this plan out and did not come to its end. " in said
    assert "Finish that run with `reconciler apply --resume`, or plan again." in said
    assert held() == before


def test_a_plan_that_was_interrupted_is_for_that_run_to_finish(run, planned):
    document = planned()
    with journal.Journal(Path(".reconciler/journal.jsonl")) as log:
        log.begin(
            tool_version="0.1.0",
            plan_digest=document["digest"],
            desired_digest=document["desired_digest"],
            tenant=document["tenant"],
            actor=document["actor"],
            options={},
            changes=1,
        )
        log.end(counts={"skipped": 1}, exit_code=130, interrupted=True)
    said = refused(apply(run))
    assert "did not come to its end (1 skipped). " in said
    assert "--resume" in said


def test_a_refusal_does_not_use_a_plan_up(run, planned, tenant):
    tenant.write_text(TENANT + "  admin@contoso.com: {licenses: [SPE_E5]}\n")
    planned()
    for _ in range(2):
        assert apply(run).code == 3
    assert apply(run, "--partial").code == 4


def test_a_plan_of_which_nothing_can_be_done_is_no_run(run, planned):
    assert run("apply", *CERTAIN).code == 0
    planned()
    assert [apply(run).code for _ in range(2)] == [0, 0]


def test_whose_plan_it_is_makes_no_difference(run, planned, workdir):
    """A copy under another name is the same plan."""
    planned()
    assert apply(run).code == 0
    (workdir / "copy.json").write_bytes((workdir / "plan.json").read_bytes())
    assert run("apply", "copy.json", "--auto-approve").code == 3


# ------------------------------------------------------------ in its time


def life(document):
    """Return how long a plan holds, from the instant for which it was made."""
    return datetime.fromisoformat(document["expires_at"]) - datetime.fromisoformat(document["created_at"])


def test_a_plan_holds_for_a_day_and_one_that_takes_something_for_four_hours(planned, tenant):
    assert life(planned()) == timedelta(hours=24)
    tenant.write_text(REVOKE)
    assert life(planned()) == timedelta(hours=4)


@pytest.mark.parametrize(("asked", "hours"), [("8h", 8), ("30m", 0.5), ("7d", 168), ("5m", 1 / 12)])
def test_how_long_is_for_whoever_plans_to_say(planned, tenant, asked, hours):
    tenant.write_text(REVOKE)
    assert life(planned("--expires-in", asked)) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "asked", ["4m", "8d", "169h", "0h", "24", "1w", "-1h", "1.5h", "1h30m", "", "99999d"]
)
def test_within_bounds(run, tenant, state, asked):
    ran = run("plan", "--snapshot", "state.json", "--expires-in", asked)
    assert (ran.code, ran.out) == (1, "")
    assert f"--expires-in: '{asked}' is not a time from 5m to 7d (30m, 8h, 2d)." in ran.err


def test_a_plan_expires_by_the_clock_of_the_tenant(run, planned, held):
    planned("--expires-in", "7d")
    run("sandbox", "advance", "--days", "8")
    before = held()
    ran = apply(run)
    assert (ran.code, "the plan expired at" in ran.err) == (3, True)
    assert held() == before


def test_a_plan_that_was_given_a_week_holds_that_long(run, planned):
    planned("--expires-in", "7d")
    run("sandbox", "advance", "--days", "6")
    assert apply(run).code == 0


def test_a_plan_for_a_day_to_come_is_refused_until_that_day(run, planned, held):
    """It would take today what may go only then."""
    planned("--at", f"{datetime.now(UTC) + timedelta(days=40):%Y-%m-%d}")
    before = held()
    ran = apply(run)
    assert (ran.code, "the plan is for" in ran.err) == (3, True)
    assert "Apply it when that day has come, or plan again without `--at`." in ran.err
    assert held() == before


def test_a_plan_for_a_day_to_come_expires_like_any_other(run, planned):
    """By the day on which it was made: forty days later nobody remembers what it was for."""
    planned("--at", f"{datetime.now(UTC) + timedelta(days=40):%Y-%m-%d}")
    run("sandbox", "advance", "--days", "40")
    ran = apply(run)
    assert (ran.code, "the plan expired at" in ran.err) == (3, True)


def test_a_plan_against_a_file_has_no_clock_but_its_own(planned):
    """The same files and the same day give the same bytes."""
    at = ("--snapshot", "state.json", "--at", f"{datetime.now(UTC) + timedelta(days=40):%Y-%m-%d}")
    assert life(planned(*at)) == timedelta(hours=24)
    assert life(planned(*at, "--expires-in", "1h")) == timedelta(hours=1)


def test_a_plan_for_tomorrow_can_be_approved_today(run, planned):
    at = datetime.now(UTC) + timedelta(hours=20)
    planned("--at", f"{at:%Y-%m-%dT%H:%M:%SZ}", "--expires-in", "2d")
    assert apply(run).code == 3
    run("sandbox", "advance", "--days", "1")
    assert apply(run).code == 0


def test_a_plan_against_a_snapshot_may_have_a_clock_that_is_ahead(run, planned, workdir):
    """By ten minutes: the machine that made it asked no tenant for the time."""
    ahead = datetime.now(UTC) + timedelta(minutes=8)
    planned("--snapshot", "state.json", "--at", f"{ahead:%Y-%m-%dT%H:%M:%SZ}")
    assert apply(run).code == 0


# ------------------------------------------------------------ what was shown is what is applied


def test_what_was_shown_is_what_is_applied(run, sandbox, tenant, held, monkeypatch):
    """However the files and the tenant move while somebody reads."""

    def read_slowly(plan, lost, **said):
        tenant.write_text(
            REVOKE.replace(f"{ANNA}: {{licenses: [ENTERPRISEPACK]}}", f"{ANNA}: {{ensure: absent}}")
        )

    monkeypatch.setattr(consent, "obtain", read_slowly)
    ran = run("apply")
    assert ran.code == 0
    assert ran.out.count("done          ") == 1
    assert f"done          assign {ANNA}: ENTERPRISEPACK\n" in ran.out
    assert held() == {"admin@contoso.com": 0, ANNA: 1, BRAM: 1}


def test_what_moved_while_somebody_read_is_stale(run, sandbox, held, workdir, monkeypatch):
    moved = json.loads((workdir / "state.json").read_text())
    moved["users"][1]["usageLocation"] = "BE"
    (workdir / "moved.json").write_text(json.dumps(moved))
    monkeypatch.setattr(consent, "obtain", lambda plan, lost, **said: run("sandbox", "load", "moved.json"))
    ran = run("apply")
    assert ran.code == 4
    assert f"stale         assign {ANNA}: ENTERPRISEPACK -- it moved since" in ran.out
    assert held()[ANNA] == 0


def test_a_prompt_that_stood_overnight_applies_nothing(run, planned, held, monkeypatch):
    """The plan has expired meanwhile, whether it was saved or made for this very prompt."""
    planned()
    waited = [timedelta(0)]
    monkeypatch.setattr(command._Clock, "now", lambda _: datetime.now(UTC) + waited[0])
    monkeypatch.setattr(consent, "obtain", lambda *_, **__: waited.append(waited.pop() + timedelta(hours=25)))
    before = held()
    for path in ((), ("plan.json",)):
        ran = run("apply", *path)
        assert (ran.code, "the plan expired at" in ran.err) == (3, True)
    assert held() == before
    assert journal.runs(Path(".reconciler/journal.jsonl")) == ()


def test_a_plan_that_moves_licences_to_a_group_holds_as_long_as_is_asked_for(run, workdir, monkeypatch):
    ran = run("migrate-to-group", "x", "--expires-in", "9d")
    assert (ran.code, "--expires-in: '9d' is not a time from 5m to 7d" in ran.err) == (1, True)


def test_the_digest_covers_every_member_but_itself(planned):
    document = planned()
    for member in document:
        if member != "digest":
            assert digest_of({**document, member: "x"}) != document["digest"], member
            assert digest_of({k: v for k, v in document.items() if k != member}) != document["digest"], member


@pytest.mark.parametrize("part", range(12))
def test_a_flipped_bit_ends_apply_with_a_sentence_and_no_write(run, planned, workdir, held, part):
    """Of these files some are no plan any more (exit code 1), and the others are not that plan (3)."""
    planned()
    path = workdir / "plan.json"
    data = bytearray(path.read_bytes())
    bit = 8 * len(data) * part // 12 + part % 8
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    before = held()
    for ran in (apply(run), run("show", "plan.json")):
        assert "internal error" not in ran.err
        assert ran.err.startswith(("error: plan.json", "warning: plan.json"))
    assert apply(run).code in (1, 3)
    assert held() == before
