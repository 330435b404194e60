"""`--as`: a name that means nobody in the sandbox is told as that, not as a failed sign-in."""

import copy
import json
from pathlib import Path

import pytest

from tests.cli.conftest import STATE

NOBODY = "error: there is no user {} in this tenant to act as (`--as`)"


@pytest.mark.parametrize(
    "command", ["plan", "apply --auto-approve", "users", "seats", "snapshot --out now.json"]
)
def test_every_command_says_that_there_is_no_such_user_and_who_may_be_meant(run, sandbox, command):
    ran = run(*command.split(), "--as", "brram@contoso.com")
    told = NOBODY.format("brram@contoso.com")
    assert (ran.code, ran.err) == (1, f"{told}; did you mean bram@contoso.com?\n")


def test_so_does_apply_of_a_saved_plan(run, sandbox):
    run("plan", "--out", "plan.json")
    ran = run("apply", "plan.json", "--auto-approve", "--as", "ana@contoso.com")
    told = NOBODY.format("ana@contoso.com")
    assert (ran.code, ran.err) == (1, f"{told}; did you mean anna@contoso.com?\n")


@pytest.mark.parametrize(
    ("upn", "meant"), [("nobody@contoso.com", "."), ("bram@contosso.com", "; did you mean bram@contoso.com?")]
)
def test_a_common_domain_alone_makes_no_name_alike(run, sandbox, upn, meant):
    assert run("plan", "--as", upn).err == f"{NOBODY.format(upn)}{meant}\n"


def test_what_graph_said_is_there_with_debug(run, sandbox):
    assert "InvalidAuthenticationToken" not in run("plan", "--as", "nobody@contoso.com").err
    assert "InvalidAuthenticationToken" in run("plan", "--as", "nobody@contoso.com", "--debug").err


def loaded(run, change):
    """Put a changed tenant into the sandbox."""
    state = copy.deepcopy(STATE)
    change(state)
    Path("changed.json").write_text(json.dumps(state))
    assert run("sandbox", "load", "changed.json").code == 0


def test_who_is_there_but_blocked_from_signing_in_is_told_so(run, sandbox):
    loaded(run, lambda state: state["users"][1].update(accountEnabled=False))
    ran = run("plan", "--as", "anna@contoso.com")
    assert ran.code == 1
    assert ran.err.startswith("error: user anna@contoso.com (`--as`) is blocked from signing in.")


def test_where_nobody_else_can_look_graphs_own_words_stand(run, sandbox):
    """Without a global administrator there is no default actor to look users up."""
    loaded(run, lambda state: state.update(roleAssignments=[]))
    for line in ("plan --as brram@contoso.com", "plan"):
        ran = run(*line.split())
        assert (ran.code, "it names no user of this tenant" in ran.err) == (1, True)
