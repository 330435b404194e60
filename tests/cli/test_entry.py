"""How a run ends: one exit code and one sentence for everything that may happen."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from reconciler.cli import commands, entry
from reconciler.errors import ConfigError, DirectoryError, RefusedError, UsageError
from reconciler.model import Location, Problem

PROBLEM = Problem(
    location=Location(file="tenant.yaml", line=12, column=7), code="some-code", params={"found": "X"}
)


@pytest.fixture
def ending(monkeypatch, run):
    """Run a command that ends with the given exception or return value."""

    def ending(end, *argv):
        @click.command(cls=commands.Command)
        def command():
            if isinstance(end, BaseException):
                raise end
            return end

        monkeypatch.setattr(commands.Root, "get_command", lambda *_: command)
        return run(*(argv or ("plan",)))

    return ending


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (None, 0),
        (0, 0),
        (2, 2),
        (4, 4),
        (5, 5),
        (UsageError("no-config", path="tenant.yaml", default=True), 1),
        (ConfigError([PROBLEM]), 1),
        (DirectoryError("unreachable", url="https://graph.invalid"), 1),
        (RefusedError("blocked", count=1), 3),
        (click.UsageError("no such thing"), 1),
        (click.ClickException("no such thing"), 1),
        (OSError(28, "No space left on device"), 1),
        (ValueError("a defect"), 1),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_every_way_to_end_has_its_exit_code(ending, end, code):
    ran = ending(end)
    assert ran.code == code
    assert "Traceback" not in ran.err
    assert bool(ran.err) == isinstance(end, BaseException)
    assert ran.out == ""


def test_a_defect_is_one_line_that_says_how_to_learn_more(ending):
    assert (
        ending(ValueError("boom")).err
        == "error: internal error: ValueError: boom; run with --debug for the details.\n"
    )


@pytest.mark.parametrize("argv", [("--debug", "plan"), ("plan", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(ending, argv):
    ran = ending(ValueError("boom"), *argv)
    assert "Traceback (most recent call last)" in ran.err
    assert ran.err.endswith("error: internal error: ValueError: boom.\n")
    assert ran.code == 1


def test_problems_of_the_desired_state_are_listed_on_standard_error(ending):
    ran = ending(ConfigError([PROBLEM, PROBLEM]))
    lines = ran.err.splitlines()
    assert [line.startswith("tenant.yaml:12:7: some-code: ") for line in lines] == [True, True, False]
    assert lines[-1] == "error: the desired state has 2 problems; nothing was planned."


def test_an_error_that_has_no_sentence_yet_is_still_one_line(ending):
    """A defect in the words for an error must not hide the error."""
    ran = ending(UsageError("never-heard-of", path="x"))
    assert ran.code == 1
    assert "never-heard-of" in ran.err
    assert "Traceback" not in ran.err


def test_the_table_ends_with_every_exception():
    """Without a last row that fits everything, a defect would end in a StopIteration."""
    assert entry.EXIT_CODES[-1][0] is Exception


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("pln",),
        ("--no-such-option",),
        ("plan", "extra"),
        ("plan", "--no-such-option"),
        ("plan", "--at", "yesterday"),
        ("plan", "--as", "anna"),
        ("plan", "--allow", "everything"),
        ("plan", "--out"),
        ("show",),
        ("snapshot",),
        ("sandbox",),
        ("sandbox", "explode"),
        ("sandbox", "load"),
        ("sandbox", "advance"),
        ("sandbox", "advance", "--days", "-1"),
        ("sandbox", "advance", "--days", "many"),
        ("sandbox", "serve", "--port", "70000"),
    ],
    ids=" ".join,
)
def test_bad_usage_exits_with_1_since_2_means_changes(run, argv):
    ran = run(*argv)
    assert ran.code == 1
    assert ran.out == ""
    assert "Usage: reconciler" in ran.err or re.match(r"error: .+\nTry: reconciler( \w+)* --help\n", ran.err)
    assert "Traceback" not in ran.err


def test_a_mistyped_command_names_the_nearest(run):
    assert "'plna' is not a command; did you mean 'plan'?" in run("plna").err
    assert "'xyzzy' is not a command." in run("xyzzy").err


def piped(stdout, *argv):
    return subprocess.run(
        [sys.executable, "-m", "reconciler", *argv], check=False, stdout=stdout, stderr=subprocess.PIPE
    )


def test_a_reader_that_goes_away_is_told_nothing():
    """`reconciler plan | head -1` ends quietly."""
    read, write = os.pipe()
    os.close(read)
    done = piped(write, "--help")
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_said_and_fails():
    with Path("/dev/full").open("w") as full:
        done = piped(full, "--help")
    assert (done.returncode, done.stderr) == (1, b"error: No space left on device.\n")


@pytest.mark.skipif(os.name == "nt", reason="a shell of Unix closes the streams")
@pytest.mark.parametrize(("closed", "code"), [(">&-", 0), ("2>&-", 0), (">&- 2>&-", 0)])
def test_closed_streams_do_no_harm(closed, code):
    line = f'"{sys.executable}" -m reconciler --version {closed}'
    done = subprocess.run(["sh", "-c", line], check=False, capture_output=True)
    assert done.returncode == code
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("apply --parallelism x", "--parallelism: 'x' is not a whole number from 1 to 16."),
        ("apply --parallelism 17", "--parallelism: '17' is not a whole number from 1 to 16."),
        ("sandbox advance --days -1", "--days: '-1' is not a whole number from 0 to 3650."),
        ("sandbox advance", "--days is missing."),
        ("show", "PLAN is missing."),
        ("plan --as", "--as needs a value behind it."),
        ("plan --as bob", "--as: 'bob' is not a user's sign-in name (admin@contoso.com)."),
        ("plan --snapshit s.json", "--snapshit is not an option of this command; did you mean --snapshot?"),
        ("plan --zz", "--zz is not an option of this command."),
        ("plan x", "Got unexpected extra argument (x)"),
    ],
)
def test_what_is_wrong_with_a_command_line_is_told_in_our_words(run, line, told):
    ran = run(*line.split())
    assert (ran.code, ran.err.splitlines()[0]) == (1, f"error: {told}")


def test_a_file_that_may_not_be_read_is_told_by_who_reads_it(run, workdir, monkeypatch):
    """Not by click, before: `Path 'plan.json' is not readable`."""
    (workdir / "plan.json").write_text("no plan")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert run("show", "plan.json").err.startswith("error: plan.json:1:1 is not a plan of reconciler")
