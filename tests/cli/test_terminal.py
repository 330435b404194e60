"""What a person at a terminal sees: a real pseudo-terminal, not a flag."""

import os
import re
import select
import subprocess
import sys
import time

import pytest

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LIMIT = 60


def at_a_terminal(*argv: str, **env: str) -> tuple[int, str]:
    """Run the command line with both output streams on a terminal; return its exit code and output."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", *argv],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **env},
    ) as process:
        os.close(theirs)
        output, deadline = b"", time.monotonic() + LIMIT
        while select.select([ours], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # Linux tells the end of a terminal so
                break
            if not part:
                break
            output += part
        os.close(ours)
        code = process.wait(timeout=LIMIT)
    return code, output.decode().replace("\r\n", "\n")


def test_a_plan_has_colours_on_a_terminal(tenant, state):
    code, output = at_a_terminal("plan", "--snapshot", "state.json")
    assert code == 0
    assert COLOUR.search(output)


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_colours_can_be_had_without(tenant, state, env):
    code, output = at_a_terminal("plan", "--snapshot", "state.json", **env)
    assert code == 0
    assert "\x1b" not in output


def test_the_words_are_the_same_with_and_without_colour(tenant, state):
    plan = ("plan", "--snapshot", "state.json", "--at", "2026-11-24")
    _, coloured = at_a_terminal(*plan)
    _, plain = at_a_terminal(*plan, NO_COLOR="1")
    assert [line.rstrip() for line in COLOUR.sub("", coloured).splitlines()] == plain.splitlines()


MANY = "version: 1\nusers:\n" + "".join(
    f"  new{n}@contoso.com: {{name: Somebody with quite a long name, usage_location: NL}}\n" for n in range(9)
)


def test_the_bar_moves_with_each_result(tenant, sandbox):
    """All nine are of one batch: their results come within a moment."""
    tenant.write_text(MANY)
    code, output = at_a_terminal("apply", "--auto-approve")
    assert code == 0
    told = re.findall(r"done +create new\d|(?<!\d)(\d)/9", COLOUR.sub("", output))
    steps = [step for step in dict.fromkeys(told) if step]
    assert steps == [str(n) for n in range(10)]


def test_a_long_result_goes_on_below_itself(tenant, sandbox):
    tenant.write_text(MANY)
    _, output = at_a_terminal("apply", "--auto-approve", NO_COLOR="1")
    lines = [re.sub(r"^.*\x1b\[2K", "", line).rstrip() for line in output.split("\n")]
    first = next(n for n, line in enumerate(lines) if line.startswith("done "))
    folded = [line for line in lines[first:] if "password" in line or "hand the account" in line]
    assert all(line.startswith(("done  ", " " * 14)) for line in folded), folded
    assert any(line.startswith(" " * 14) for line in folded)


def test_json_has_no_colours_even_on_a_terminal(tenant, state):
    code, output = at_a_terminal("plan", "--snapshot", "state.json", "--json")
    assert code == 0
    assert "\x1b" not in output


def test_an_errors_label_is_coloured(tenant):
    code, output = at_a_terminal("show", "missing.json")
    assert code == 1
    assert re.match(r"\x1b\[31m(\x1b\[1m)?error:\x1b\[0m missing\.json", output)


def test_a_hostile_name_cannot_steer_the_terminal(tenant, state):
    hostile = r'"displayName": "\u001b]0;owned\u0007\u202eBram"'
    state.write_text(state.read_text().replace('"displayName": "Bram"', hostile))
    tenant.write_text("version: 1\nusers:\n  bram@contoso.com: {ensure: absent}\n")
    _, output = at_a_terminal("plan", "--snapshot", "state.json")
    assert "owned" in output
    assert not re.search(r"\x1b\]|\x07|\u202e", output)
