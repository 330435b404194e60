"""With `--json` standard output is one document, also where the run ends with an error or a refusal."""

import io
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from reconciler.cli import commands, entry, output
from reconciler.errors import ConfigError, DirectoryError, RefusedError, UsageError
from reconciler.model import Location, Problem
from reconciler.plan import Refusal

PROBLEM = Problem(
    location=Location(file="tenant.yaml", line=12, column=7), code="some-code", params={"found": "X"}
)
SHAPE = "version: 1\nusers:\n  anna@contoso.com: {licenses: [], foo: 1}\n"

NAMED = {
    "migrate-to-group": ["Sales"],
    "show": ["plan.json"],
    "why": ["anna@contoso.com"],
    "history": ["last"],
    "undo": ["last"],
}
"""The arguments of commands that take one."""


def offering(flag):
    """Return the names of the commands that have an option."""
    return [
        row.name
        for row in commands.TABLE
        if any(flag in option.opts for option in commands.root.get_command(None, row.name).params)
    ]


WITH_JSON = offering("--json")
READING = [name for name in offering("--file") if name in WITH_JSON and name != "validate"]
"""Those that read tenant.yaml. `validate` is asked for its problems: they are its own document."""


def answer(ran):
    """Return the error of the one document on standard output, which must agree with the run."""
    document = json.loads(ran.out)
    assert set(document) == {"error", "exit_code"}
    assert set(document["error"]) == {"code", "message", "params", "problems"}
    assert document["exit_code"] == ran.code != 0
    assert document["error"]["message"] in ran.err
    return document["error"]


@pytest.fixture
def ending(monkeypatch, run):
    """Run a command with `--json` that ends with the given exception, perhaps after its own document."""

    def ending(end, *argv, written=""):
        @click.command(cls=commands.Command)
        @click.option("--json", "as_json", is_flag=True)
        def command(**_):
            if written:
                output.write(written)
            raise end

        monkeypatch.setattr(commands.Root, "get_command", lambda *_: command)
        return run(*(argv or ("plan", "--json")))

    return ending


def test_the_commands_with_json_are_known_to_these_tests():
    assert {"sandbox", "snapshot"} == {row.name for row in commands.TABLE} - set(WITH_JSON)
    assert len(READING) >= 6


@pytest.mark.parametrize("name", WITH_JSON)
def test_an_option_that_is_unknown_is_told_by_every_command(run, name):
    error = answer(run(name, *NAMED.get(name, ()), "--no-such-option", "--json"))
    assert error["code"] == "usage"
    assert error["message"] == "--no-such-option is not an option of this command."


@pytest.mark.parametrize("name", WITH_JSON)
def test_a_home_or_file_that_cannot_be_used_is_told_by_every_command(run, workdir, monkeypatch, name):
    (workdir / "home").write_text("a file, not a folder")
    monkeypatch.setenv("RECONCILER_HOME", "home")
    error = answer(run(name, *NAMED.get(name, ()), "--json"))
    assert error["code"] in ("unreadable-file", "no-config", "bad-plan")
    assert error["params"]


@pytest.mark.parametrize("name", READING)
def test_problems_of_the_file_are_listed_as_validate_lists_them(run, workdir, name):
    (workdir / "tenant.yaml").write_text(SHAPE)
    document = json.loads(run("validate", "--json").out)
    error = answer(run(name, *NAMED.get(name, ()), "--json"))
    assert error["code"] == "config"
    assert error["params"] == {"count": 1}
    assert error["problems"] == document["problems"]


@pytest.mark.parametrize(
    ("end", "code", "exit_code"),
    [
        (UsageError("no-config", path="tenant.yaml", default=True), "no-config", 1),
        (ConfigError([PROBLEM]), "config", 1),
        (DirectoryError("unreachable", url="https://graph.invalid"), "unreachable", 1),
        (RefusedError("no-terminal"), "no-terminal", 3),
        (click.UsageError("no such thing"), "usage", 1),
        (click.ClickException("no such thing"), "usage", 1),
        (OSError(28, "No space left on device"), "system", 1),
        (ValueError("a defect"), "internal", 1),
        (KeyboardInterrupt(), "interrupted", 130),
        (click.Abort(), "interrupted", 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_every_way_to_end_is_one_document(ending, end, code, exit_code):
    ran = ending(end)
    assert ran.code == exit_code
    assert answer(ran)["code"] == code


def test_params_that_are_no_json_are_told_all_the_same(ending):
    """Refusals carry parts of the plan; a path, an exception or a set must not end in another error."""
    refused = Refusal(code="max-deletions", params={}, allow="--allow max-deletions")
    end = RefusedError(
        "never-heard-of", refusals=(refused,), path=Path("x"), of=frozenset("b"), why=OSError()
    )
    params = answer(ending(end))["params"]
    assert (params["refusals"][0]["code"], params["path"], params["of"]) == ("max-deletions", "x", ["b"])


def test_hidden_characters_stand_escaped(ending):
    ran = ending(UsageError("no-config", path="a\u202eb.yaml", default=False))
    assert "\u202e" not in ran.out
    assert json.loads(ran.out)["error"]["params"]["path"] == "a\u202eb.yaml"


def test_a_document_that_was_written_is_not_followed_by_another(ending):
    ran = ending(OSError(28, "No space left on device"), written='{"plan": 1}')
    assert json.loads(ran.out) == {"plan": 1}
    assert ran.code == 1


def test_a_reader_that_has_gone_is_told_nothing(ending):
    ran = ending(BrokenPipeError())
    assert (ran.code, ran.out, ran.err) == (1, "", "")


def test_without_json_standard_output_stays_empty(ending):
    assert ending(UsageError("no-terminal"), "plan").out == ""


@pytest.mark.parametrize(
    "argv",
    [("snapshot", "--json"), ("sandbox", "reset", "--json"), ("sandbox", "advance", "--days", "x", "--json")],
    ids=" ".join,
)
def test_a_command_that_has_no_json_prints_none(run, argv):
    ran = run(*argv)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: ")


def test_a_command_that_is_mistyped_is_told_as_well(run):
    assert answer(run("plna", "--json"))["message"] == "'plna' is not a command; did you mean 'plan'?"


def test_two_formats_at_once_are_refused_in_json(run):
    assert answer(run("seats", "--json", "--csv"))["code"] == "usage"


def test_apply_refused_for_want_of_a_terminal(run, sandbox, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    ran = run("apply", "--json")
    assert ran.code == 3
    assert answer(ran)["code"] == "no-terminal"


def test_apply_refused_for_an_altered_plan(run, sandbox):
    assert run("plan", "--out", "plan.json").code == 0
    plan = Path("plan.json")
    plan.write_text(plan.read_text().replace("admin@contoso.com", "other@contoso.com"))
    ran = run("apply", "plan.json", "--json", "--auto-approve")
    assert ran.code == 3
    assert answer(ran)["params"] == {"path": "plan.json"}


def test_apply_refused_for_blocked_changes_names_them(run, sandbox, tenant):
    tenant.write_text(tenant.read_text() + "  admin@contoso.com: {licenses: [VISIOCLIENT]}\n")
    ran = run("apply", "--json", "--auto-approve")
    assert ran.code == 3
    error = answer(ran)
    assert error["code"] == "blocked-changes"
    assert [change["address"] for change in error["params"]["changes"]] == [
        "users/admin@contoso.com/licenses"
    ]


def test_what_was_read_is_one_document_in_a_process_of_its_own(process):
    """Nothing is lost in a buffer, and no warning of an interpreter that ends slips in."""
    ran = process("plan", "--json")
    assert answer(ran)["code"] == "no-config"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_people_are_told_where_no_document_can_be_written():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", "plan", "--zz", "--json"],
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == entry.ERROR
    assert done.stderr == ("error: --zz is not an option of this command.\nTry: reconciler plan --help\n")
