"""Guard rails from run to run: what runs took before, what is emptied, what is named, a few changes first."""

import copy
import json
from pathlib import Path

import pytest

from tests.cli.conftest import E3, STATE

PEOPLE = ("u1", "u2", "u3", "u4", "u5", "u6")
CERTAIN = ("--auto-approve", "--accept-data-loss")
RAILS = "guardrails: {max_revocations: {count: 2, percent: 100, free: 0}}\n"


def somebody(number, name):
    """Return a user who holds a licence."""
    return STATE["users"][2] | {
        "id": f"00000000-0000-0000-0000-0000000001{number:02}",
        "userPrincipalName": f"{name}@contoso.com",
    }


@pytest.fixture
def sandbox(workdir, run):
    """Put a tenant into the sandbox of which six users hold a licence; return its home."""
    state = copy.deepcopy(STATE)
    state["users"] += [somebody(number, name) for number, name in enumerate(PEOPLE)]
    state["subscribedSkus"][0] |= {"consumedUnits": 7}
    state["subscribedSkus"][0]["prepaidUnits"] |= {"enabled": 20}
    Path("state.json").write_text(json.dumps(state))
    assert run("sandbox", "load", "state.json").code == 0
    return workdir / ".reconciler"


@pytest.fixture
def declare(workdir):
    """Declare that some users lose their licence, and others keep it."""

    def declare(*losing, rails=RAILS):
        entries = "".join(f"  {name}@contoso.com: {{licenses: []}}\n" for name in losing)
        users = f"users:\n{entries}" if entries else "users: {}\n"
        (workdir / "tenant.yaml").write_text(f"version: 1\n{users}{rails}")

    return declare


def holders(run):
    """Return how many users hold the licence."""
    assert run("snapshot", "--out", "now.json").code == 0
    users = json.loads(Path("now.json").read_text())["users"]
    return sum(E3 in [one["skuId"] for one in user["assignedLicenses"]] for user in users)


def test_small_plans_add_up(run, sandbox, declare):
    """Two, and then one more: within the rail each, and not together; a week later they are."""
    declare("u1", "u2")
    assert run("apply", *CERTAIN).code == 0
    declare("u1", "u2", "u3")
    ran = run("apply", *CERTAIN)

    assert (ran.code, holders(run)) == (3, 5)
    told = " ".join(ran.err.split())
    assert "1 now and 2 in the last 24 hours, 3 in all" in told
    assert "`--allow max-revocations` at apply lets it pass" in told
    assert run("sandbox", "advance", "--days", "2").code == 0
    assert "1 now and 2 in the last 7 days" in " ".join(run("apply", *CERTAIN).err.split())
    assert run("apply", *CERTAIN, "--allow", "max-deletions").code == 3
    assert run("sandbox", "advance", "--days", "6").code == 0
    assert (run("apply", *CERTAIN).code, holders(run)) == (0, 4)


def test_two_plans_that_were_saved_at_once_add_up(run, sandbox, declare):
    """The second is judged again when it is applied."""
    for name, losing in (("one", ("u1", "u2")), ("two", ("u3", "u4"))):
        declare(*losing)
        assert run("plan", "--out", f"{name}.json").code == 0
    assert run("apply", "one.json", "--auto-approve").code == 0
    ran = run("apply", "two.json", "--auto-approve")

    assert (ran.code, "2 in the last 24 hours" in " ".join(ran.err.split())) == (3, True)
    assert run("apply", "two.json", "--auto-approve", "--allow", "max-revocations").code == 0


def test_what_was_given_back_adds_up_to_nothing(run, sandbox, declare, workdir):
    declare("u1", "u2")
    assert run("apply", *CERTAIN).code == 0
    back = "".join(f"  {name}@contoso.com: {{licenses: [ENTERPRISEPACK]}}\n" for name in ("u1", "u2"))
    (workdir / "tenant.yaml").write_text(f"version: 1\nusers:\n{back}{RAILS}")
    assert run("apply", "--auto-approve").code == 0
    declare("u3", "u4")

    assert (run("apply", *CERTAIN).code, holders(run)) == (0, 5)


def test_users_that_are_emptied_are_refused_until_that_is_named(run, sandbox, declare):
    """Once is enough: a run that was allowed it is the one to compare with."""
    declare("u1")
    assert run("apply", *CERTAIN).code == 0
    declare()
    ran = run("apply", "--auto-approve")
    assert (ran.code, "`users` has no entry any more, and had 1 entry" in " ".join(ran.err.split())) == (
        3,
        True,
    )

    ran = run("apply", "--auto-approve", "--allow", "users-emptied")
    assert (ran.code, "Nothing to do" in ran.out) == (0, True)
    assert run("apply", "--auto-approve").code == 0


def test_a_tenant_that_shrank_is_refused(run, sandbox, declare):
    """Somebody else deleted two of nine, or they could not be read."""
    declare("u1")
    assert run("apply", *CERTAIN).code == 0
    state = json.loads(Path("state.json").read_text())
    state["users"] = state["users"][:-2]
    state["subscribedSkus"][0]["consumedUnits"] = 5
    Path("fewer.json").write_text(json.dumps(state))
    assert run("sandbox", "load", "fewer.json").code == 0
    declare("u2")
    ran = run("apply", *CERTAIN)

    assert ran.code == 3
    assert "tenant-shrank: the tenant shows 7 users, and the last applied run left 9" in " ".join(
        ran.err.split()
    )


def test_a_plan_that_was_allowed_to_pass_a_rail_is_not_refused_by_it(run, sandbox, declare):
    """It says what passes, and what apply must be told."""
    declare("u1", "u2", "u3")
    ran = run("plan", "--allow", "max-revocations", "--out", "plan.json")
    page = " ".join(ran.out.split())
    assert "Refused by guard rails" not in page
    assert "max-revocations, allowed by name: the ready changes take 3 licences of 7 held" in page
    assert "`reconciler apply plan.json --allow max-revocations` carries it out" in ran.err
    document = json.loads(Path("plan.json").read_text())
    assert (document["refusals"], [one["code"] for one in document["allowed"]]) == ([], ["max-revocations"])

    assert run("apply", "plan.json", "--auto-approve").code == 3
    assert run("apply", "plan.json", "--auto-approve", "--allow", "max-revocations").code == 0


def test_seats_beyond_the_rail_are_refused_only_where_they_are_bought(run, sandbox, declare, workdir):
    """Whoever does not buy is not kept from the rest."""
    rails = "guardrails: {max_purchases: {count: 3}}\nsubscriptions: {ENTERPRISEPACK: {seats: 24}}\n"
    declare("u1", rails=rails)
    ran = run("plan")
    page = " ".join(ran.out.split())
    assert (
        "max-purchases: the ready changes buy 4 seats; the guard rail max_purchases allows at most 3." in page
    )
    assert "With `--buy`, a guard rail refuses the plan as a whole: apply changes nothing without" in page
    assert "2 changes are ready to apply." in page

    ran = run("apply", *CERTAIN, "--buy")
    assert (ran.code, "--allow max-purchases" in ran.err, holders(run)) == (3, True, 7)
    ran = run("apply", *CERTAIN)
    assert (ran.code, holders(run)) == (4, 6)
    assert run("apply", *CERTAIN, "--buy", "--allow", "max-purchases").code == 0


# ------------------------------------------------------------ a few first


def test_a_canary_that_goes_well_is_followed_by_the_rest(run, sandbox, declare):
    declare("u1", "u2", "u3", rails="")
    ran = run("apply", *CERTAIN, "--canary", "1")
    assert (ran.code, ran.out.count("done ") >= 3, holders(run)) == (0, True, 4)
    (told,) = [json.loads(line) for line in _lines(sandbox) if '"run-start"' in line]
    assert told["options"]["canary"] == 1


def _lines(home):
    return (home / "journal.jsonl").read_text().splitlines()


def test_a_canary_that_is_stale_ends_the_run(run, sandbox, declare):
    """What the plan was made for has moved: nobody knows what else has."""
    declare("u1", "u2", "u3", rails="")
    assert run("plan", "--out", "plan.json").code == 0
    declare("u1", rails="")
    assert run("apply", *CERTAIN).code == 0
    Path("tenant.yaml").write_text("version: 1\nusers: {u1@contoso.com: {licenses: [EMS]}}\n")
    assert run("apply", "--auto-approve").code == 0
    ran = run("apply", "plan.json", "--auto-approve", "--canary", "1")

    assert ran.code == 4
    assert "not tried: one of the first changes went wrong" in ran.out
    assert "Stopped after the canary: one of the first changes was not carried out" in ran.out
    assert holders(run) == 6


@pytest.mark.parametrize("figure", ["0", "1001", "few"])
def test_a_canary_is_a_number_of_changes(run, sandbox, figure):
    ran = run("apply", "--canary", figure)
    assert (ran.code, "is not a whole number from 1 to 1000" in ran.err) == (1, True)
