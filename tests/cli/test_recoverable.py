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
E3, EMS, MAIL, KIOSK = (
    states.sid(part) for part in ("ENTERPRISEPACK", "EMS", "EXCHANGESTANDARD", "EXCHANGEDESKLESS")
)


def ago(days):
    return NOW - timedelta(days=days)


def removed(user, days, sku_id=MAIL):
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
    assert rows[0]["how"] == "assign a licence with a mailbox again, such as EXCHANGESTANDARD"
    assert rows[0]["skus"] == ["EXCHANGESTANDARD"]
    assert rows[0]["services"] == ["Exchange Online"]


def test_who_has_got_a_mailbox_again_is_not_listed(look):
    """By whatever licence: F3 has one of its own."""
    assert look(removed("bram", 12), users=(states.ADMIN, states.user("bram", "SPE_F1"))) == []


def test_a_licence_without_a_mailbox_is_not_enough(look):
    assert len(look(removed("bram", 12), users=(states.ADMIN, states.user("bram", "EMS")))) == 1


def test_the_loss_of_a_licence_without_a_mailbox_destroys_none(look):
    assert look(removed("bram", 12, EMS)) == []


def test_the_last_of_several_removals_counts(look):
    rows = look(removed("bram", 29), removed("bram", 5, KIOSK))
    assert brief(rows) == [("bram", "mailbox", "2026-12-19", 25)]
    assert rows[0]["skus"] == ["EXCHANGEDESKLESS"]


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
        "restore the user, then assign a licence with a mailbox again, such as EXCHANGESTANDARD"
    )


def test_the_most_urgent_stands_first(look):
    rows = look(removed("bram", 20), deleted_users=(gone("vera", 25), gone("will", 1)))
    assert [row["upn"].partition("@")[0] for row in rows] == ["vera", "bram", "will"]


# ------------------------------------------------------------ other services

WITH_E3 = ["Exchange Online", "Microsoft Teams", "Skype for Business", "Forms", "Sway", "Viva Insights"]


def test_services_with_one_deadline_stand_together_and_others_below(look):
    """OneDrive has a clock of its own."""
    rows = look(removed("bram", 12, E3))
    assert brief(rows) == [("bram", "mailbox", "2026-12-12", 18), ("bram", "data", "2027-02-13", 81)]
    assert [row["services"] for row in rows] == [WITH_E3, ["OneDrive and SharePoint"]]
    assert [row["how"] for row in rows] == [
        "assign a licence with these again, such as ENTERPRISEPACK",
        (
            "assign a licence with OneDrive and SharePoint again, such as ENTERPRISEPACK; files in "
            "SharePoint and Teams sites stay; a retention policy or a hold keeps the OneDrive in the archive"
        ),
    ]


def test_when_the_mailbox_is_gone_the_onedrive_is_still_listed(look):
    assert brief(look(removed("bram", 31, E3))) == [("bram", "data", "2027-01-25", 62)]
    assert look(removed("bram", 93, E3)) == []


def test_only_what_has_not_come_back_is_listed(look):
    """F1 has Teams and a OneDrive, but no Viva Insights; a mailbox alone brings back nothing else."""
    with_f1 = look(removed("bram", 12, E3), users=(states.ADMIN, states.user("bram", "SPE_F1")))
    assert [row["services"] for row in with_f1] == [["Viva Insights"]]
    with_mail = look(removed("bram", 12, E3), users=(states.ADMIN, states.user("bram", "EXCHANGESTANDARD")))
    assert [row["services"] for row in with_mail] == [WITH_E3[1:], ["OneDrive and SharePoint"]]
    assert [row["what"] for row in with_mail] == ["data", "data"]


def test_each_service_counts_from_its_own_last_removal(look):
    rows = look(removed("bram", 12, E3), removed("bram", 5))
    assert [(row["until"][:10], row["services"]) for row in rows] == [
        ("2026-12-12", WITH_E3[1:]),
        ("2026-12-19", ["Exchange Online"]),
        ("2027-02-13", ["OneDrive and SharePoint"]),
    ]
    assert [row["skus"] for row in rows] == [["ENTERPRISEPACK"], ["EXCHANGESTANDARD"], ["ENTERPRISEPACK"]]


def test_of_two_licences_taken_at_once_either_brings_a_service_back(look):
    rows = look(removed("bram", 5), removed("bram", 5, KIOSK))
    assert [row["skus"] for row in rows] == [["EXCHANGEDESKLESS", "EXCHANGESTANDARD"]]


def test_a_shared_mailbox_is_not_lost_but_the_rest_is(look):
    rows = look(removed("bram", 5, E3), mailboxes=(Mailbox(user_id="id-bram", purpose="shared"),))
    assert [row["services"] for row in rows] == [WITH_E3[1:], ["OneDrive and SharePoint"]]


def test_what_has_no_deadline_that_is_known_is_told_beneath(run, workdir):
    """Not as a row: there would be nothing to sort by, and nothing that is sure."""
    state = states.save(workdir, states.tenant(BRAM, removals=(removed("bram", 5, EMS),)))
    out = run("recoverable", "--snapshot", state, *AT).out
    assert out.startswith(
        "Nothing that can be saved is known.\nTaken away too, with no deadline that is known: Intune.\n"
    )
    found = json.loads(run("recoverable", "--snapshot", state, "--json", *AT).out)
    assert (found["recoverable"], found["undated"]) == ([], [{"service": "Intune", "users": 1}])


def test_people_read_what_is_at_stake(run, workdir):
    state = states.save(workdir, states.tenant(BRAM, removals=(removed("bram", 12, E3),)))
    out = run("recoverable", "--snapshot", state, *AT).out
    assert "mailbox, Microsoft Teams, Skype for Business, Forms, Sway, Viva Insights  assign" in out
    assert "OneDrive and SharePoint  " in out
    assert "\n1 mailbox and other data of 1 user can still be saved.\n" in out
    later = run("recoverable", "--snapshot", state, "--at", "2026-12-20").out
    assert "\nData of 1 user can still be saved.\n" in later


# ------------------------------------------------------------ since when it is known


@pytest.fixture
def journal(workdir):
    """Write the journal of a run that took a licence from a user, on a tenant."""

    def journal(user="bram", days=12, tenant=states.TENANT, sku_id=MAIL):
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
            before = {"assignments": [{"sku_id": sku_id, "disabled_plans": [], "assigned_by": None}]}
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
        "as EXCHANGESTANDARD\n"
        "\n"
        "1 mailbox can still be saved.\n"
        "The journal's first run on this tenant is of 2026-11-12; earlier removals, and those by other "
        "tools, are unknown.\n"
    )


def test_the_journal_of_another_tenant_tells_nothing(run, state, journal):
    journal(tenant="another")
    out = run("recoverable", "--snapshot", state, *AT).out
    assert out == (
        "Nothing that can be saved is known.\n"
        "No removals are on record: the journal has no run of apply on this tenant. Licences that were "
        "taken away before, or by other tools, are unknown.\n"
    )


def test_since_when_is_told_of_this_tenant_alone(run, state, journal):
    """An older run, on a tenant that a reset of the sandbox threw away, is no reason to trust it longer."""
    journal(days=20, tenant="another")
    journal(days=3)
    found = json.loads(run("recoverable", "--snapshot", state, *AT, "--json").out)
    assert found["journal_since"] == "2026-11-21T00:00:00Z"
    assert "this tenant is of 2026-11-21" in run("recoverable", "--snapshot", state, *AT).out


def test_a_snapshot_tells_since_when_it_knows(run, workdir, journal):
    journal(days=3)
    current = states.tenant(BRAM, removals=(removed("bram", 12),))
    state = states.save(workdir, current)
    assert run("recoverable", "--snapshot", state, *AT).out.endswith(
        "The journal's first run on this tenant is of 2026-11-21 and the snapshot's first removal is of "
        "2026-11-12; earlier removals, and those by other tools, are unknown.\n"
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
    assert (row["upn"], row["days_left"], row["skus"]) == ("bram@contoso.com", "18", "EXCHANGESTANDARD")
    assert row["services"] == "Exchange Online"


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


def test_on_the_sandbox_the_mailbox_goes_first_and_the_onedrive_later(run, workdir):
    run("sandbox", "reset")
    (workdir / "tenant.yaml").write_text(
        "version: 1\ntenant: {domain: contoso.com}\nusers:\n  bram@contoso.com: {licenses: []}\n"
    )
    assert run("apply", "--auto-approve", "--accept-data-loss").code == 0

    def of_bram():
        rows = json.loads(run("recoverable", "--json").out)["recoverable"]
        return [row["what"] for row in rows if row["upn"] == "bram@contoso.com"]

    assert of_bram() == ["mailbox", "data"]
    for days, left in ((31, ["data"]), (61, ["data"]), (2, [])):
        assert run("sandbox", "advance", "--days", str(days)).code == 0
        assert of_bram() == left
