"""`reconciler users --inactive`: who has not signed in for so long, and what that does not prove."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from reconciler.directory import Directory
from reconciler.errors import DirectoryError
from reconciler.model import SignIn
from tests.cli import states
from tests.cli.conftest import STATE

NOW = datetime.now(UTC).replace(microsecond=0)


def ago(days):
    return NOW - timedelta(days=days)


def seen(name, *skus, **signed_in):
    told = SignIn(**{kind: ago(days) for kind, days in signed_in.items()})
    return states.user(name, *skus, sign_in=told, created_at=ago(400))


PEOPLE = (
    states.ADMIN,
    seen("anna", "EMS", interactive=200, background=91),
    seen("bram", "EMS", interactive=200, background=5),
    seen("cleo", interactive=200, successful=89),
    seen("dora", "EMS"),
    structs.replace(seen("elias"), created_at=ago(3)),
    structs.replace(seen("fritz"), created_at=None),
)


@pytest.fixture
def state(workdir):
    return states.save(workdir, states.tenant(PEOPLE))


def listed(ran):
    found = json.loads(ran.out)
    assert ran.code == (found["sign_ins"] != "told"), ran.err
    return [user["upn"].partition("@")[0] for user in found["users"]], found["sign_ins"]


def test_inactive_is_who_left_no_trace_of_any_kind_for_so_long(run, state):
    """Who never signed in counts from the day the account was made; the administrator's is unknown."""
    ran = run("users", "--inactive", "90d", "--snapshot", state, "--json")
    assert listed(ran) == (["admin", "anna", "dora", "fritz"], "told")
    assert listed(run("users", "--inactive", "92d", "--snapshot", state, "--json"))[0] == [
        "admin",
        "dora",
        "fritz",
    ]


def test_it_narrows_whichever_list_is_asked_for(run, state):
    ran = run("users", "--sku", "EMS", "--inactive", "90d", "--snapshot", state, "--json")
    assert listed(ran)[0] == ["admin", "anna", "dora"]
    ran = run("users", "--unlicensed", "--inactive", "90d", "--snapshot", state, "--json")
    assert listed(ran)[0] == ["fritz"]


def test_the_list_says_when_and_what_a_date_does_not_prove(run, state):
    ran = run("users", "--sku", "EMS", "--inactive", "90d", "--snapshot", state)
    head, admin, anna, dora, _, total, caution = ran.out.splitlines()
    assert head.split() == ["UPN", "NAME", "DEPARTMENT", "LOC", "LAST", "SIGN-IN", "LICENCES"]
    assert f"{ago(91):%Y-%m-%d} (91 days ago)" in anna
    assert "never" in dora and "never" in admin  # noqa: PT018  one thing
    assert total == "3 users with this licence, not signed in for 90 days."
    assert caution.startswith("A date proves nothing by itself: ")


def test_json_and_csv_tell_the_dates(run, state):
    ran = run("users", "--inactive", "90d", "--snapshot", state, "--json")
    found = json.loads(ran.out)
    anna = found["users"][1]
    assert found["inactive_days"] == 90
    assert anna["last_sign_in"] == {
        "interactive": f"{ago(200):%Y-%m-%dT%H:%M:%SZ}",
        "background": f"{ago(91):%Y-%m-%dT%H:%M:%SZ}",
        "successful": None,
    }
    rows = list(
        csv.DictReader(io.StringIO(run("users", "--inactive", "90d", "--snapshot", state, "--csv").out))
    )
    assert [row["last_sign_in"] for row in rows] == ["", anna["last_sign_in"]["background"], "", ""]


def test_without_the_option_nothing_is_told_of_it(run, state):
    found = json.loads(run("users", "--snapshot", state, "--json").out)
    assert {"sign_ins", "inactive_days"}.isdisjoint(found)
    assert not [user for user in found["users"] if "last_sign_in" in user]
    assert "sign_in" not in run("users", "--snapshot", state, "--csv").out.splitlines()[0]


def test_a_snapshot_without_sign_ins_lists_nobody_and_says_why(run, workdir):
    state = states.save(workdir)
    assert listed(run("users", "--inactive", "90d", "--snapshot", state, "--json")) == ([], "not-told")
    why = "Nobody is listed, since nobody's sign-ins are known: the snapshot holds none.\n"
    ran = run("users", "--inactive", "90d", "--snapshot", state)
    assert (ran.code, ran.out) == (1, why)
    ran = run("users", "--inactive", "90d", "--snapshot", state, "--csv")
    assert (ran.code, ran.out.count("\n"), ran.err) == (1, 1, f"error: {why}")


# ------------------------------------------------------------ a tenant


def refuse(monkeypatch, code, graph_code):
    def sign_ins(_):
        raise DirectoryError(code, url="/users", graph_code=graph_code)

    monkeypatch.setattr(Directory, "sign_ins", sign_ins)


def test_a_tenant_is_asked_only_then(run, monkeypatch):
    """The demo tenant has Entra ID P1, and some who have been away."""
    ran = run("users", "--sku", "SPE_E5", "--inactive", "60d", "--json")
    assert listed(ran) == (["hiroshi", "victor"], "told")
    refuse(monkeypatch, "unreachable", None)
    assert run("users").code == 0
    assert run("users", "--inactive", "60d").code == 1


@pytest.mark.parametrize(
    ("graph_code", "told", "words"),
    [
        ("Authentication_RequestFromNonPremiumTenantOrB2CTenant", "no-premium", "only with Entra ID P1"),
        ("Authorization_RequestDenied", "forbidden", "takes the permission AuditLog.Read.All"),
        (None, "forbidden", "such as Reports Reader"),
    ],
)
def test_a_tenant_that_does_not_tell_says_why_and_is_no_empty_list(run, monkeypatch, graph_code, told, words):
    refuse(monkeypatch, "forbidden", graph_code)
    assert listed(run("users", "--inactive", "60d", "--json")) == ([], told)
    ran = run("users", "--inactive", "60d")
    assert ran.code == 1
    assert words in ran.out
    assert "0 users" not in ran.out


def test_a_tenant_without_entra_id_p1_says_so(run, workdir):
    skus = [sku for sku in STATE["subscribedSkus"] if sku["skuPartNumber"] != "EMS"]
    (workdir / "state.json").write_text(json.dumps(STATE | {"subscribedSkus": skus}))
    assert run("sandbox", "load", "state.json").code == 0
    assert listed(run("users", "--inactive", "60d", "--json")) == ([], "no-premium")


@pytest.mark.parametrize("options", [("--inactive", "90"), ("--inactive", "0d"), ("--inactive", "x")])
def test_a_number_of_days_is_written_as_in_the_file(run, options):
    assert run("users", *options).code == 1


def test_a_list_of_the_inactive_is_none_to_assign_from(run):
    ran = run("users", "--unlicensed", "--inactive", "90d", "--assign", "EMS")
    assert ran.code == 1
    assert ran.err.startswith("error: --assign and --inactive exclude each other.\n")
