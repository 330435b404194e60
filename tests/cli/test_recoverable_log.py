"""`reconciler recoverable` also tells what other tools took, from the tenant's audit log."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from msgspec import structs

from reconciler import catalog
from reconciler import sandbox as sandboxes
from reconciler.directory import Directory
from reconciler.directory.audit import Audited
from reconciler.errors import DirectoryError
from reconciler.looking.recoverable import log_kept
from tests.cli import states
from tests.cli.conftest import E3

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def taken(sandbox):
    """Take a licence as another tool does: not through apply."""
    transport = httpx.WSGITransport(app=sandboxes.app(sandbox))
    with httpx.Client(transport=transport, base_url="https://sandbox.invalid/v1.0") as client:
        reply = client.post(
            "/users/bram@contoso.com/assignLicense",
            headers={"Authorization": "Bearer sandbox"},
            json={"addLicenses": [], "removeLicenses": [E3]},
        )
    assert reply.status_code == 200, reply.text


def test_what_another_tool_took_is_recoverable(run, taken):
    """Nothing of it is in the journal: there is none."""
    found = json.loads(run("recoverable", "--json").out)
    assert {row["upn"] for row in found["recoverable"]} == {"bram@contoso.com"}
    assert [row["what"] for row in found["recoverable"]] == ["mailbox", "data"]
    assert (found["audit_log"], found["journal_since"]) == ("read", None)
    assert found["known_since"] == found["audit_log_since"]
    reach = NOW - datetime.fromisoformat(found["audit_log_since"])
    assert abs(reach - timedelta(days=30)) < timedelta(hours=1)


def test_what_apply_took_is_told_once(run, sandbox, workdir):
    """The journal and the log tell of the same act a moment apart."""
    (workdir / "tenant.yaml").write_text(
        "version: 1\ntenant: {domain: contoso.com}\nusers:\n  bram@contoso.com: {licenses: []}\n"
    )
    assert run("apply", "--auto-approve", "--accept-data-loss").code == 0
    rows = json.loads(run("recoverable", "--json").out)["recoverable"]
    assert [(row["upn"], row["what"]) for row in rows] == [
        ("bram@contoso.com", "mailbox"),
        ("bram@contoso.com", "data"),
    ]


def test_since_when_the_log_tells_is_said(run, sandbox):
    assert run("recoverable").out == (
        "Nothing that can be saved is known.\n"
        f"The tenant's audit log tells of licences taken away since {NOW - timedelta(days=30):%Y-%m-%d}; "
        "earlier ones are unknown.\n"
    )


# ------------------------------------------------------------ where it is not read


def refuse(monkeypatch, code):
    def audit(_self, _since):
        raise DirectoryError(code, url="/auditLogs/directoryAudits")

    monkeypatch.setattr(Directory, "audit", audit)


@pytest.mark.parametrize(
    ("code", "told", "words"),
    [
        ("forbidden", "forbidden", "that takes the permission AuditLog.Read.All and"),
        ("rejected", "unavailable", "the tenant does not offer it"),
        ("not-found", "unavailable", "the tenant does not offer it"),
        ("incomplete-read", "unavailable", "the tenant does not offer it"),
    ],
)
def test_a_log_that_is_not_read_is_said_and_no_error(run, sandbox, monkeypatch, code, told, words):
    refuse(monkeypatch, code)
    found = json.loads(run("recoverable", "--json").out)
    assert (found["audit_log"], found["audit_log_since"], found["known_since"]) == (told, None, None)
    ran = run("recoverable")
    assert ran.code == 0
    assert "No removals are on record" in ran.out
    assert "The tenant's audit log was not read: " in ran.out
    assert words in ran.out


def test_a_tenant_that_can_not_be_reached_is_an_error(run, sandbox, monkeypatch):
    refuse(monkeypatch, "unreachable")
    assert run("recoverable").code == 1


def test_in_china_nobody_is_asked(run, sandbox, workdir, monkeypatch):
    refuse(monkeypatch, "unreachable")
    (workdir / "tenant.yaml").write_text("version: 1\ntenant: {domain: contoso.com, cloud: china}\n")
    ran = run("recoverable")
    assert ran.code == 0, ran.err
    assert "was not read: Microsoft Graph does not offer it in China." in ran.out


def test_the_sandbox_lets_only_those_read_who_may(run, workdir):
    run("sandbox", "reset")
    found = json.loads(run("recoverable", "--as", "noor@contoso.com", "--json").out)
    assert found["audit_log"] == "forbidden"


def test_a_snapshot_has_no_log(run, workdir):
    state = states.save(workdir)
    found = json.loads(run("recoverable", "--snapshot", state, "--json").out)
    assert (found["audit_log"], found["audit_log_since"], found["audit_log_unread"]) == (None, None, 0)


# ------------------------------------------------------------ what is said of it


def log(monkeypatch, days, unread=0):
    found = Audited(removals=(), since=NOW - timedelta(days=days), unread=unread)
    monkeypatch.setattr(Directory, "audit", lambda _self, _since: found)


def test_of_what_was_taken_before_the_log_begins_the_journal_tells(run, sandbox, workdir, monkeypatch):
    (workdir / "tenant.yaml").write_text(
        "version: 1\ntenant: {domain: contoso.com}\nusers:\n  bram@contoso.com: {licenses: []}\n"
    )
    assert run("apply", "--auto-approve", "--accept-data-loss").code == 0
    log(monkeypatch, days=-1)
    assert "; of earlier ones only apply's are known: the journal's first run" in run("recoverable").out


@pytest.mark.parametrize(("unread", "words"), [(1, "1 event"), (3, "3 events")])
def test_events_that_nobody_can_understand_are_counted(run, sandbox, monkeypatch, unread, words):
    log(monkeypatch, days=30, unread=unread)
    assert run("recoverable").out.endswith(f"{words} of the log could not be understood.\n")


def test_the_log_goes_back_thirty_days_with_entra_id_p1_else_seven():
    facts = catalog.load()
    e3, ems = states.sku("ENTERPRISEPACK"), states.sku("EMS")
    assert log_kept([e3, ems], facts).days == 30
    assert log_kept([e3, structs.replace(ems, plans=())], facts).days == 30
    assert log_kept([e3, structs.replace(ems, status="Suspended")], facts).days == 7
    assert log_kept([states.named_sku("NEW")], facts).days == 7
