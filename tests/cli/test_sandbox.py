"""`reconciler sandbox`: the embedded tenant is made, filled, moved in time and served; and snapshots."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest


def test_reset_makes_the_demo_tenant(run, workdir):
    ran = run("sandbox", "reset")
    assert (ran.code, ran.out, ran.err) == (0, "Made the demo tenant in .reconciler.\n", "")
    assert (workdir / ".reconciler").is_dir()


def test_a_second_reset_says_what_becomes_of_plans_and_of_the_journal(run):
    run("sandbox", "reset")
    assert run("sandbox", "reset").out == (
        "Made the demo tenant in .reconciler.\n"
        "It is another tenant than before: a plan made earlier is not for it. "
        "The journal of earlier tenants stays.\n"
    )


def test_load_puts_a_snapshot_in_the_tenants_place(run, state, workdir):
    run("sandbox", "reset")
    ran = run("sandbox", "load", "state.json")
    assert (ran.code, ran.out, ran.err) == (0, "Loaded state.json into the sandbox in .reconciler.\n", "")
    run("snapshot", "--out", "again.json")
    names = {user["userPrincipalName"] for user in json.loads((workdir / "again.json").read_text())["users"]}
    assert names == {"admin@contoso.com", "anna@contoso.com", "bram@contoso.com"}


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"format_version": "9.0"}', "\0"])
def test_what_is_no_snapshot_leaves_the_tenant_as_it_was(run, sandbox, workdir, content):
    if content is not None:
        (workdir / "other.json").write_text(content)
    before = run("plan", "--json", "--at", "2026-11-24").out
    ran = run("sandbox", "load", "other.json")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: other.json")
    assert run("plan", "--json", "--at", "2026-11-24").out == before


def test_advance_moves_the_clock_and_says_where_it_is_now(run, sandbox):
    ran = run("sandbox", "advance", "--days", "30")
    assert ran.code == 0
    shown = re.fullmatch(r"It is now (\d{4}-\d\d-\d\d \d\d:\d\d) UTC in the sandbox\.\n", ran.out)
    now = datetime.strptime(shown[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert abs(now - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=2)


def test_serve_speaks_graph_on_loopback_until_it_is_stopped(sandbox, workdir):
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "sandbox", "serve", "--port", "0"],
        cwd=workdir,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            port = re.search(r"http://127\.0\.0\.1:(\d+)", server.stderr.readline())[1]
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
            connection.request("GET", "/v1.0/me", headers={"Authorization": "Bearer sandbox"})
            assert json.load(connection.getresponse())["userPrincipalName"] == "admin@contoso.com"
            connection.close()
        finally:
            server.terminate()
        assert server.wait(timeout=10) == 0 or os.name == "nt"


def test_a_port_that_is_taken_is_said(sandbox, process):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = process("sandbox", "serve", "--port", port)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: ")
    assert "internal error" not in ran.err


# ------------------------------------------------------------ snapshot


def test_a_snapshot_can_be_planned_against_like_the_tenant_itself(run, sandbox):
    ran = run("snapshot", "--out", "now.json")
    assert (ran.code, ran.out) == (0, "")
    assert re.fullmatch(r"Saved 3 users as of [\d-]+ [\d:]+ UTC to now\.json\.\n", ran.err)
    at = ("--at", "2026-11-24", "--json")
    assert run("plan", "--snapshot", "now.json", *at).out == run("plan", *at).out


def test_a_snapshot_needs_no_desired_state(run, workdir):
    ran = run("snapshot", "--out", "demo.json")
    assert ran.code == 0
    assert json.loads((workdir / "demo.json").read_text(encoding="utf-8"))["format_version"] == "1.0"


def test_a_snapshot_of_another_tenant_than_the_declared_is_not_taken(run, sandbox, tenant, workdir):
    tenant.write_text("version: 1\ntenant: {domain: fabrikam.com}\nusers: {}\n")
    ran = run("snapshot", "--out", "now.json")
    assert (ran.code, ran.out) == (1, "")
    assert "fabrikam.com" in ran.err
    assert not (workdir / "now.json").exists()
