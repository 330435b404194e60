"""At a real terminal apply asks, and only the right answer lets it go on."""

import io
import os
import pty
import select
import subprocess
import sys

import pytest

from reconciler import plan as p
from reconciler.apply import losses
from reconciler.cli import consent
from tests.cli.test_apply import REVOKE, declared, holdings, sandbox
from tests.report.samples import group_licences, licence, plan

__all__ = ["declared", "holdings", "sandbox"]


class Terminal:
    """A process on a pseudo-terminal: what it shows is read until a text comes, or it ends."""

    def __init__(self, *argv):
        self.shown = ""
        parent, child = pty.openpty()
        self.fd = parent
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", *argv],
            stdin=child,
            stdout=child,
            stderr=child,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
            start_new_session=True,
        )
        os.close(child)

    def until(self, text):
        """Read until `text` is shown."""
        while text not in self.shown:
            assert self._read(), f"ended without {text!r}: {self.shown}"
        return self

    def type(self, text):
        """Type a text."""
        os.write(self.fd, text.encode())
        return self

    def end(self):
        """Read to the end and return the exit code."""
        while self._read():
            pass
        os.close(self.fd)
        return self.process.wait(timeout=60)

    def _read(self):
        ready, _, _ = select.select([self.fd], [], [], 60)
        assert ready, f"nothing for a minute: {self.shown}"
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # Linux says EIO where the other side has gone
            data = b""
        self.shown += data.decode(errors="replace")
        return bool(data)


@pytest.fixture
def terminal():
    """Start reconciler on a terminal; it is killed if the test leaves it behind."""
    started = []

    def start(*argv):
        started.append(Terminal(*argv))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def test_yes_applies_and_the_bar_leaves_the_lines_alone(terminal, sandbox, run):
    shown = terminal("apply").until('Type "yes" to apply: ').type("yes\n")
    assert shown.end() == 0
    assert "ENTERPRISEPACK" in shown.shown.split("to apply: ")[1]
    assert "Applied: 1 done." in shown.shown
    assert "Nothing to do" in run("plan").out


@pytest.mark.parametrize("answer", ["no\n", "YES\n", "y\n", "\n", "\x04"])
def test_anything_but_yes_applies_nothing(terminal, sandbox, holdings, answer):
    before = holdings()
    shown = terminal("apply").until('Type "yes" to apply: ').type(answer)
    assert shown.end() == 3
    assert "not confirmed. Nothing was written." in shown.shown
    assert holdings() == before


def test_ctrl_c_at_the_prompt_applies_nothing(terminal, sandbox, holdings):
    before = holdings()
    shown = terminal("apply").until('Type "yes" to apply: ')
    os.killpg(shown.process.pid, 2)
    assert shown.end() == 130
    assert holdings() == before


def test_what_would_be_lost_is_listed_and_its_number_is_asked_for(terminal, sandbox, declared, run):
    """Two are listed: a mailbox and a user. Their number is nowhere but in the list itself."""
    declared(
        REVOKE.replace("anna@contoso.com: {licenses: [ENTERPRISEPACK]}", "anna@contoso.com: {ensure: absent}")
    )
    shown = terminal("apply").until("in this list to apply: ")
    assert "1. anna@contoso.com (Anna): the user, with all data" in shown.shown
    assert "2. bram@contoso.com (Bram): the mailbox" in shown.shown
    assert shown.type("2\n").end() == 0
    assert "Applied: 2 done." in shown.shown


def test_the_list_is_broken_between_words_as_wide_as_the_terminal(capsys, monkeypatch):
    """No date and no UPN is torn in two."""
    name = "Anna-Katharina van den Berg-Oosterhuis"
    warning = p.Warning(code="user-deletion", params={}, recoverable_until="2026-12-24")
    gone = p.Change(
        address="users/anna@contoso.com",
        kind="delete-user",
        user=p.UserRef(id="1", upn="anna@contoso.com", name=name),
        warnings=(warning,),
    )
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys, "stdin", io.StringIO("1\n"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    of = plan(changes=(gone,))
    consent.obtain(of, losses(of), saved=False, auto_approve=False, accept_data_loss=False)
    assert (
        "    1. anna@contoso.com (Anna-Katharina van den\n"
        "       Berg-Oosterhuis): the user, with all data;\n"
        "       recoverable until 2026-12-24\n"
    ) in capsys.readouterr().err


@pytest.mark.parametrize("answer", ["yes\n", "2\n", "\n"])
def test_a_wrong_number_applies_nothing(terminal, sandbox, declared, holdings, answer):
    declared(REVOKE.replace("anna@contoso.com: {licenses: [ENTERPRISEPACK]}\n", ""))
    before = holdings()
    shown = terminal("apply").until("in this list to apply: ")
    assert shown.type(answer).end() == 3
    assert holdings() == before


def test_a_saved_plan_is_asked_about_too(terminal, sandbox, declared, run):
    declared(REVOKE)
    run("plan", "--out", "plan.json")
    shown = terminal("apply", "plan.json").until("in this list to apply: ").type("1\n")
    assert shown.end() == 0


def test_members_whose_mailbox_goes_with_a_groups_licences_are_listed_by_name(capsys, monkeypatch):
    lost = p.Warning(
        code="mailbox-deletion", params={"upn": "old1@contoso.com"}, recoverable_until="2026-12-24"
    )
    change = group_licences(
        revoke=(licence("ENTERPRISEPACK"),),
        members=(("old1", (), ("ENTERPRISEPACK",)), ("old2", (), ("ENTERPRISEPACK",))),
        warnings=(lost,),
    )
    typed = io.StringIO("1\n")
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)
    monkeypatch.setenv("COLUMNS", "80")
    shown = plan(changes=(change,))
    consent.obtain(shown, losses(shown), saved=True, auto_approve=False, accept_data_loss=False)
    assert capsys.readouterr().err.startswith(
        "\nThis would be lost:\n    1. old1@contoso.com (Old1): the mailbox; recoverable until 2026-12-24\n"
    )
