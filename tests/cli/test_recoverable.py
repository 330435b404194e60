"""`reconciler recoverable`: whose data can still be saved, until when, how, and since when that is known."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.journal import Journal
from reconciler.model import Assignment, DeletedUser, Mailbox, Removal
from reconciler.plan import ActorInfo, TenantInfo, UserRef
from tests.cli import states

NOW = datetime(2026, 11, 24, tzinfo=UTC)
AT = ("--at", "2026-11-24")
BRAM = (states.ADMIN, states.user("bram"))
E3, EMS, F1 = (states.sid(part) for part in ("ENTERPRISEPACK", "EMS", "SPE_F1"))


def ago(days):
    return NOW - timedelta(days=days)


def removed(user, days, sku_id=E3):
    return Removal(user_id=f"id-{user}", sku_id=sku_id, removed_at=ago(days))


def gone(name, days, *sku_ids):
    return DeletedUser(
        id=f"id-{name}",
        upn=f"{name}@contoso.com",
        name=name.title(),
        deleted_at=days if days is None else ago(days),
        assignments=tuple(Assignment(sku_id=one) for one in sku_ids),
    )


@pytest.fixture
def look(run, workdir):
    """Return the rows of the JSON document, for a tenant with these removals and deleted users."""

    def look(*removals, users=BRAM, at=AT, **fields):
        current = states.tenant(
            users, removals=tuple(sorted(removals, key=lambda r: (r.user_id, r.sku_id))), **fields
        )
        ran = run("recoverable", "--snapshot", states.save(workdir, current), "--json", *at)
        assert (ran.code, ran.err) == (0, "")
        return json.loads(ran.out)["recoverable"]

    return look


def brief(rows):
    return [(row["upn"].partition("@")[0], row["what"], row["until"][:10], row["days_left"]) for row in rows]


# ------------------------------------------------------------ deleted users


def test_a_deleted_user_can_be_restored_for_thirty_days(look):
    rows = look(deleted_users=(gone("vera", 10, E3),))
    assert brief(rows) == [("vera", "user", "2026-12-14", 20)]
    assert rows[0]["how"] == (
        "restore the user: an entry with the same name in tenant.yaml, or the admin center; "
        "ENTERPRISEPACK comes back with the user if seats are free"
    )


@pytest.mark.parametrize(("days", "listed"), [(29, 1), (30, 0), (31, 0)])
def test_after_thirty_days_there_is_nothing_left_to_restore(look, days, listed):
    assert len(look(deleted_users=(gone("vera", days),))) == listed


def test_a_deletion_of_unknown_date_has_no_deadline_to_tell(look):
    assert look(deleted_users=(gone("vera", None),)) == []


def test_the_day_can_be_chosen(look):
    rows = look(deleted_users=(gone("vera", 10),), at=("--at", "2026-12-13T12:00:00Z"))
    assert brief(rows) == [("vera", "user", "2026-12-14", 1)]
    assert look(deleted_users=(gone("vera", 10),), at=("--at", "2026-12-14")) == []


# ------------------------------------------------------------ mailboxes


def test_a_mailbox_can_be_saved_for_thirty_days_by_a_licence_with_a_mailbox(look):
    rows = look(removed("bram", 12))
    assert brief(rows) == [("bram", "mailbox", "2026-12-12", 18)]
    assert rows[0]["how"] == "assign a licence with a mailbox again, such as ENTERPRISEPACK"
    assert rows[0]["skus"] == ["ENTERPRISEPACK"]


def test_who_has_got_a_mailbox_again_is_not_listed(look):
    """By whatever licence: F3 has one of its own."""
    assert look(removed("bram", 12), users=(states.ADMIN, states.user("bram", "SPE_F1"))) == []


def test_a_licence_without_a_mailbox_is_not_enough(look):
    assert len(look(removed("bram", 12), users=(states.ADMIN, states.user("bram", "EMS")))) == 1


def test_the_loss_of_a_licence_without_a_mailbox_destroys_none(look):
    assert look(removed("bram", 12, EMS)) == []


def test_the_last_of_several_removals_counts(look):
    rows = look(removed("bram", 29), removed("bram", 5, F1))
    assert brief(rows) == [("bram", "mailbox", "2026-12-19", 25)]
    assert rows[0]["skus"] == ["SPE_F1"]


@pytest.mark.parametrize(("days", "listed"), [(29, 1), (30, 0)])
def test_a_mailbox_past_its_deadline_is_gone(look, days, listed):
    assert len(look(removed("bram", days))) == listed


def test_a_mailbox_that_became_a_shared_one_is_not_lost(look):
    assert look(removed("bram", 5), mailboxes=(Mailbox(user_id="id-bram", purpose="shared"),)) == []


def test_a_user_who_is_gone_for_good_has_nothing_left(look):
    assert look(removed("nobody", 5)) == []


def test_a_licence_that_went_with_its_user_comes_back_with_the_user(look):
    rows = look(removed("vera", 10), deleted_users=(gone("vera", 10),))
    assert [row["what"] for row in rows] == ["user"]


def test_a_mailbox_lost_before_the_deletion_has_a_deadline_of_its_own(look):
    """The user can be restored longer than the mailbox: both are told, the mailbox first."""
    rows = look(removed("vera", 20), deleted_users=(gone("vera", 10),))
    assert brief(rows) == [("vera", "mailbox", "2026-12-04", 10), ("vera", "user", "2026-12-14", 20)]
    assert rows[0]["how"] == (
        "restore the user, then assign a licence with a mailbox again, such as ENTERPRISEPACK"
    )


def test_the_most_urgent_stands_first(look):
    rows = look(removed("bram", 20), deleted_users=(gone("vera", 25), gone("will", 1)))
    assert [row["upn"].partition("@")[0] for row in rows] == ["vera", "bram", "will"]


# ------------------------------------------------------------ since when it is known


@pytest.fixture
def journal(workdir):
    """Write the journal of a run that took E3 from a user, on a tenant."""

    def journal(user="bram", days=12, tenant=states.TENANT):
        path = workdir / ".reconciler" / "journal.jsonl"
        with Journal(path, clock=lambda: ago(days)) as log:
            log.begin(
                tool_version="0.1.0",
                plan_digest="sha256:p",
                desired_digest="sha256:d",
                tenant=TenantInfo(id=tenant, domain="contoso.com", provider="sandbox"),
                actor=ActorInfo(name="admin@contoso.com", roles=()),
                options={},
                changes=1,
            )
            about = {"address": f"users/{user}@contoso.com/licenses", "kind": "set-licenses"}
            before = {"assignments": [{"sku_id": E3, "disabled_plans": [], "assigned_by": None}]}
            person = UserRef(id=f"id-{user}", upn=f"{user}@contoso.com", name=user)
            log.intend([{**about, "user": person, "before": before, "after": {"assignments": []}}])
            log.record([{**about, "status": "done"}])

    return journal


@pytest.fixture
def state(workdir):
    return states.save(workdir, states.tenant(BRAM))


def test_the_journal_tells_of_removals_and_since_when(run, state, journal):
    journal()
    ran = run("recoverable", "--snapshot", state, *AT)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "UNTIL          LEFT  USER              NAME  WHAT     HOW\n"
        "2026-12-12  18 days  bram@contoso.com  Bram  mailbox  assign a licence with a mailbox again, such "
        "as ENTERPRISEPACK\n"
        "\n"
        "1 mailbox can still be saved.\n"
        "The journal begins on 2026-11-12; earlier removals, and those by other tools, are unknown.\n"
    )


def test_the_journal_of_another_tenant_tells_nothing(run, state, journal):
    journal(tenant="another")
    out = run("recoverable", "--snapshot", state, *AT).out
    assert out == (
        "Nothing that can be saved is known.\n"
        "No removals are on record: the journal has no run of apply on this tenant. Licences that were "
        "taken away before, or by other tools, are unknown.\n"
    )


def test_a_snapshot_tells_since_when_it_knows(run, workdir, journal):
    journal(days=3)
    current = states.tenant(BRAM, removals=(removed("bram", 12),))
    state = states.save(workdir, current)
    assert run("recoverable", "--snapshot", state, *AT).out.endswith(
        "The journal begins on 2026-11-21 and the snapshot's first removal is of 2026-11-12; earlier "
        "removals, and those by other tools, are unknown.\n"
    )
    found = json.loads(run("recoverable", "--snapshot", state, *AT, "--json").out)
    assert found["at"] == "2026-11-24T00:00:00Z"
    assert found["known_since"] == "2026-11-12T00:00:00Z"
    assert found["journal_since"] == "2026-11-21T00:00:00Z"


def test_the_last_day_is_told_as_today(run, workdir):
    current = states.tenant((states.ADMIN,), deleted_users=(gone("vera", 10),))
    state = states.save(workdir, current)
    at = ("--at", "2026-12-13T23:00:00Z")
    assert "  1 day  vera" in run("recoverable", "--snapshot", state, *at).out
    current = states.tenant(BRAM, removals=(removed("bram", 29.5),))
    out = run("recoverable", "--snapshot", states.save(workdir, current), "--at", "2026-11-24T06:00:00Z").out
    assert "2026-11-24  today  bram" in out


def test_csv_has_a_header_and_one_row_each(run, workdir):
    current = states.tenant(BRAM, removals=(removed("bram", 12),))
    ran = run("recoverable", "--snapshot", states.save(workdir, current), "--csv", *AT)
    (row,) = csv.DictReader(io.StringIO(ran.out))
    assert (row["upn"], row["days_left"], row["skus"]) == ("bram@contoso.com", "18", "ENTERPRISEPACK")


# ------------------------------------------------------------ the whole way


def test_what_apply_took_is_recoverable_and_what_it_gave_back_is_not(run, workdir):
    """Revoke, look, assign again, look: through the sandbox and the journal."""
    run("sandbox", "reset")
    tenant = "version: 1\ntenant: {domain: contoso.com}\nusers:\n  bram@contoso.com: {licenses: [%s]}\n"
    for licence, whose in (("", ["bram@contoso.com"]), ("ENTERPRISEPACK", [])):
        (workdir / "tenant.yaml").write_text(tenant % licence)
        assert run("apply", "--auto-approve", "--accept-data-loss").code == 0
        found = json.loads(run("recoverable", "--json").out)["recoverable"]
        assert [row["upn"] for row in found if row["what"] == "mailbox"] == whose
