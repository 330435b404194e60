"""Are shared accounts told from people in a live tenant, where a plan or a list would treat them as one?

The licensed users of these tests are nobody's but by what their mailboxes are for.
"""

import json

import pytest

from reconciler.directory import Directory
from reconciler.model import Mailbox
from tests.cli.conftest import E3, STATE, _user

INFO = _user(4, "info", E3)
HELP = _user(5, "help")
MAILBOXES = [{"userId": one["id"], "purpose": "shared"} for one in (INFO, HELP)]
REVOKE = """\
version: 1
tenant: {domain: contoso.com}
unlisted_users: revoke
users:
  anna@contoso.com: {licenses: [ENTERPRISEPACK]}
"""
KEEP = REVOKE.replace("revoke", "keep")


@pytest.fixture
def told(workdir, run):
    """Put a tenant into the sandbox in which info and help are shared mailboxes and bram is a person."""
    (workdir / "tenant.yaml").write_text(REVOKE)
    state = STATE | {"users": [*STATE["users"], INFO, HELP], "mailboxes": MAILBOXES}
    (workdir / "state.json").write_text(json.dumps(state))
    assert run("sandbox", "load", "state.json").code == 0
    return workdir


@pytest.fixture
def asked(monkeypatch):
    """Return the users of whose mailboxes the tenant is asked, one list for each time."""
    asked, read = [], Directory.mailboxes

    def mailboxes(self, user_ids):
        asked.append(sorted(int(each[-1]) for each in user_ids))
        return read(self, user_ids)

    monkeypatch.setattr(Directory, "mailboxes", mailboxes)
    return asked


def revoked(ran):
    plan = json.loads(ran.out)
    return [each["user"]["upn"] for each in plan["changes"] if each["revoke"]], plan["options"]


def test_nobody_revokes_the_licence_of_a_shared_account(run, told, asked):
    """In the sandbox as with the snapshot; asked are the unlisted who may lose a licence, and only they."""
    losers, options = revoked(run("plan", "--json"))
    assert losers == ["bram@contoso.com"]
    assert (options["unlisted_kept"]["shared"], "mailboxes_unknown" in options) == (1, False)
    assert asked == [[3, 4]]

    losers, options = revoked(run("plan", "--json", "--snapshot", "state.json"))
    assert losers == ["bram@contoso.com"]
    assert options["unlisted_kept"]["shared"] == 2  # of help, who has nothing to lose, a tenant is not asked


def test_apply_leaves_the_licence_where_it_is(run, told):
    assert run("apply", "--auto-approve", "--accept-data-loss").code == 0
    holders = json.loads(run("users", "--sku", "ENTERPRISEPACK", "--json").out)["users"]
    assert [each["upn"] for each in holders] == ["anna@contoso.com", "info@contoso.com"]


def test_whose_mailbox_cannot_be_read_keeps_the_licence(run, told, monkeypatch):
    """Even where that is everybody: a token without the permission to read mailbox settings."""
    monkeypatch.setattr(
        Directory, "mailboxes", lambda _, ids: tuple(Mailbox(user_id=each) for each in sorted(ids))
    )
    losers, options = revoked(run("plan", "--json"))
    assert (losers, options["unlisted_kept"]["unknown"]) == ([], 2)


def test_with_unlisted_users_kept_no_mailbox_is_asked_for(run, told, asked):
    (told / "tenant.yaml").write_text(KEEP)
    assert run("plan").code == run("snapshot", "--out", "now.json").code == run("users").code == 0
    assert asked == []
    assert "mailboxes" not in json.loads((told / "now.json").read_text())


def test_a_snapshot_tells_the_purposes_on_which_a_plan_would_hang(run, told, asked):
    """Of every licensed Member, listed or not: the file may be another one when it is planned against."""
    ran = run("apply", "--auto-approve", "--target", "anna@contoso.com")
    assert ran.code == 0, ran.err
    asked.clear()
    assert run("snapshot", "--out", "now.json").code == 0
    assert asked == [[2, 3, 4]]
    rows = json.loads((told / "now.json").read_text())["mailboxes"]
    assert [each["purpose"] for each in rows if each["userId"] == INFO["id"]] == ["shared"]
    assert revoked(run("plan", "--json", "--snapshot", "now.json"))[0] == ["bram@contoso.com"]


def test_a_snapshot_is_saved_whatever_names_the_file_holds(run, told):
    """It resolves no names: a SKU that only `--catalog` knows, or nobody, is no reason not to save."""
    (told / "tenant.yaml").write_text(REVOKE.replace("ENTERPRISEPACK", "NO_SUCH_SKU"))
    assert run("snapshot", "--out", "now.json").code == 0


def test_a_shared_account_is_not_listed_as_unlicensed(run, told, asked):
    found = json.loads(run("users", "--unlicensed", "--json").out)
    assert [each["upn"] for each in found["users"]] == ["admin@contoso.com", "anna@contoso.com"]
    assert found["not_listed"] == {"shared": 1}
    assert asked == [[1, 2, 5]]
    shown = json.loads(run("users", "--unlicensed", "--include", "shared", "--json").out)["users"]
    assert [each["class"] for each in shown] == ["member", "member", "shared"]
