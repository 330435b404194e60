"""What is said where the sandbox, or the folder that holds it, can't be used as it is."""

import sqlite3

import pytest


def test_apply_says_at_once_that_the_sandbox_cannot_be_written(run, workdir, monkeypatch):
    """No try of each write, and no run in the journal: nothing was begun."""
    run("sandbox", "reset")
    (workdir / "tenant.yaml").write_text(
        "version: 1\ntenant: {domain: contoso.com}\nusers:\n  bram@contoso.com: {licenses: []}\n"
    )
    assert run("plan", "--out", "plan.json").code == 0
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda path, **how: connect(f"file:{path}?mode=ro", uri=True, **how)
    )
    for plan in ([], ["plan.json"]):
        ran = run("apply", *plan, "--auto-approve", "--accept-data-loss")
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == (
            "error: the sandbox .reconciler/sandbox.db can't be written: attempt to write a readonly "
            "database. Nothing was changed. Make the file and its folder writable, or let RECONCILER_HOME "
            "name another folder.\n"
        )
    assert (workdir / ".reconciler" / "journal.jsonl").read_text() == ""
    assert run("plan").code == 0
    assert run("sandbox", "reset").err.startswith(
        "error: the sandbox .reconciler/sandbox.db can't be written:"
    )


@pytest.mark.parametrize("command", [("plan",), ("apply",), ("recoverable",), ("sandbox", "reset")])
def test_a_home_that_cannot_be_made_is_told_with_the_variable_that_names_it(
    run, workdir, monkeypatch, command
):
    (workdir / "file").write_text("")
    (workdir / "tenant.yaml").write_text("version: 1\ntenant: {domain: contoso.com}\n")
    monkeypatch.setenv("RECONCILER_HOME", "file/home")
    ran = run(*command)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "error: the folder file/home, for the sandbox and the journal, can't be made: not a directory. Let "
        "RECONCILER_HOME name a folder that can be written.\n"
    )
