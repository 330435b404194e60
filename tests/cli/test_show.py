"""`reconciler show`: a saved plan, printed as it was when it was made."""

import json

import pytest

from reconciler import plan as plans
from reconciler.report.document import dumps, to_document

PLAN = plans.Plan(
    tool_version="0.1.0",
    created_at="2026-11-24T02:00:00Z",
    expires_at="2026-12-01T02:00:00Z",
    desired_digest="sha256:" + "0" * 64,
    tenant=plans.TenantInfo(id="t", domain="contoso.com", provider="sandbox"),
    actor=plans.ActorInfo(name="admin@contoso.com", roles=("global-administrator",)),
)


@pytest.fixture
def saved(workdir):
    path = workdir / "plan.json"
    path.write_text(dumps(to_document(PLAN)), encoding="utf-8")
    return path


def test_a_saved_plan_is_printed(run, saved):
    ran = run("show", "plan.json")
    assert (ran.code, ran.err) == (0, "")
    assert "contoso.com" in ran.out
    assert "Nothing to do" in ran.out


def test_its_document_is_what_was_saved(run, saved):
    ran = run("show", "plan.json", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == saved.read_text(encoding="utf-8")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_altered_plan_is_shown_and_said_to_be_altered(run, saved, options):
    document = json.loads(saved.read_text())
    document["actor"]["name"] = "mallory@contoso.com"
    saved.write_text(json.dumps(document))
    ran = run("show", "plan.json", *options)
    assert ran.code == 0
    assert "mallory@contoso.com" in ran.out
    assert ran.err == (
        "warning: plan.json was altered after it was made (its digest does not fit); apply refuses it.\n"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no json",
        b"[]",
        b"{}",
        b'{"format_version": "2.0"}',
        b'{"format_version": "1.0"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
    ids=["empty", "text", "list", "object", "newer", "truncated", "binary", "nested"],
)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_what_is_no_plan_is_refused(run, saved, content, options):
    saved.write_bytes(content)
    ran = run("show", "plan.json", *options)
    assert (ran.code, bool(ran.out)) == (1, "--json" in options)
    assert ran.err.startswith("error: ")
    assert "plan.json" in ran.err
    assert "internal error" not in ran.err


@pytest.mark.parametrize("path", ["missing.json", "."])
def test_what_cannot_be_read_is_said(run, path):
    ran = run("show", path)
    assert (ran.code, ran.out) == (1, "")
    assert path in ran.err
