"""What has happened when the tenant's clock stands later?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from reconciler import sandbox
from reconciler.errors import UsageError


def subscription(build, part_number="EMS", **more):
    return {
        "id": f"sub-{part_number}",
        "skuId": build.sku_id(part_number),
        "status": "Enabled",
        "totalLicenses": 5,
        "createdDateTime": "2025-12-04T00:00:00Z",
        "nextLifecycleDateTime": "2026-12-04T00:00:00Z",
        "autoRenew": False,
    } | more


def with_subscription(tenant, build, **more):
    return tenant(
        users=[build.user("anna", "EMS"), build.user("bram")],
        subscribedSkus=[build.sku("EMS")],
        subscriptions=[subscription(build, **more)],
    )


def told(it):
    (row,) = it.get("/directory/subscriptions")["value"]
    units = {name: count for name, count in it.sku("EMS")["prepaidUnits"].items() if count}
    return row["status"], row["nextLifecycleDateTime"], it.sku("EMS")["capabilityStatus"], units


def mailbox(it, build, who):
    """Return the purpose of a user's mailbox and since when it is disconnected; None: there is none."""
    with closing(sqlite3.connect(it.home / "sandbox.db")) as db:
        sql = "SELECT purpose, disconnected_at FROM mailboxes WHERE user_id = ?"
        return db.execute(sql, (build.user_id(who),)).fetchone()


def test_the_clock_moves_and_stays_moved(tenant):
    it = tenant()
    assert it.advance(10) == it.clock() + timedelta(days=10)
    assert it.advance(5) == it.clock() + timedelta(days=15)
    assert it.call("GET", "/me").headers["Date"] == "Wed, 09 Dec 2026 02:00:00 GMT"


def test_the_clock_does_not_go_back(tenant):
    with pytest.raises(UsageError) as caught:
        tenant().advance(-1)
    assert caught.value.code == "clock-backwards"


def test_without_renewal_a_subscription_goes_through_grace_and_disabling_to_its_end(tenant, build):
    it = with_subscription(tenant, build)
    assert told(it) == ("Enabled", "2026-12-04T00:00:00Z", "Enabled", {"enabled": 5})
    it.advance(9)
    assert told(it)[0] == "Enabled"
    it.advance(1)
    assert told(it) == ("Warning", "2027-01-03T00:00:00Z", "Warning", {"warning": 5})
    assert it.assign("bram", "EMS").status_code == 200
    it.assign("bram", remove=("EMS",))
    it.advance(30)
    assert told(it) == ("Suspended", "2027-04-03T00:00:00Z", "Suspended", {"suspended": 5})
    assert it.assign("bram", "EMS").status_code == 400
    assert it.licences("anna") == {"EMS": []}
    it.advance(90)
    assert told(it) == ("Deleted", None, "Deleted", {})
    assert (it.licences("anna"), it.in_use("EMS")) == ({}, 0)


def test_one_long_move_ends_where_many_short_ones_do(tenant, build):
    long, short = with_subscription(tenant, build), with_subscription(tenant, build)
    long.advance(45)
    for _ in range(45):
        short.advance(1)
    assert told(long) == told(short) == ("Suspended", "2027-04-03T00:00:00Z", "Suspended", {"suspended": 5})


@pytest.mark.parametrize("renews", [True, None])
def test_with_renewal_on_or_untold_a_subscription_begins_another_term(tenant, build, renews):
    it = with_subscription(tenant, build, autoRenew=renews)
    it.advance(10)
    assert told(it) == ("Enabled", "2027-12-04T00:00:00Z", "Enabled", {"enabled": 5})
    it.advance(400)
    assert told(it)[1] == "2028-12-03T00:00:00Z"


def test_a_monthly_subscription_renews_by_the_month(tenant, build):
    it = with_subscription(tenant, build, autoRenew=True, createdDateTime="2026-11-04T00:00:00Z")
    it.advance(75)
    assert told(it)[1] == "2027-03-04T00:00:00Z"


@pytest.mark.parametrize("renews", [True, False])
def test_a_trial_that_renews_is_a_trial_no_longer(tenant, build, renews):
    it = with_subscription(tenant, build, isTrial=True, autoRenew=renews)
    assert it.get("/directory/subscriptions")["value"][0]["isTrial"] is True
    it.advance(10)
    assert it.get("/directory/subscriptions")["value"][0]["isTrial"] is not renews


def test_what_was_overdue_in_an_old_snapshot_waits_for_the_clock_and_then_goes_step_by_step(tenant, build):
    it = with_subscription(tenant, build, nextLifecycleDateTime="2025-01-01T00:00:00Z")
    assert told(it)[0] == "Enabled"
    it.advance(1)
    assert told(it)[:2] == ("Warning", "2026-12-24T02:00:00Z")


def test_one_of_two_subscriptions_of_a_sku_ends_and_its_seats_alone_go(tenant, build):
    other = subscription(build, id="other", totalLicenses=2, autoRenew=True)
    it = tenant(
        users=[build.user("anna", "EMS")],
        subscribedSkus=[build.sku("EMS", 7)],
        subscriptions=[subscription(build), other],
    )
    it.advance(200)
    assert it.sku("EMS")["prepaidUnits"]["enabled"] == 2
    assert it.sku("EMS")["capabilityStatus"] == "Enabled"
    assert it.licences("anna") == {"EMS": []}


def office(tenant, build):
    skus = [build.sku("ENTERPRISEPACK"), build.sku("EMS"), build.sku("SPE_F1")]
    return tenant(
        users=[build.user("anna", "ENTERPRISEPACK"), build.user("bram", "EMS")], subscribedSkus=skus
    )


def test_a_mailbox_comes_with_a_mailbox_plan_and_not_without(tenant, build):
    it = office(tenant, build)
    assert mailbox(it, build, "anna") == ("user", None)
    assert mailbox(it, build, "bram") is None
    it.assign("bram", ("ENTERPRISEPACK", ["EXCHANGE_S_ENTERPRISE"]))
    assert mailbox(it, build, "bram") is None
    it.assign("bram", "ENTERPRISEPACK")
    assert mailbox(it, build, "bram") == ("user", None)


def test_an_archive_is_no_mailbox(tenant, build):
    it = tenant(users=[build.user("anna")], subscribedSkus=[build.sku("EXCHANGEARCHIVE_ADDON")])
    assert it.assign("anna", "EXCHANGEARCHIVE_ADDON").status_code == 200
    assert mailbox(it, build, "anna") is None


def test_a_snapshots_user_whose_mailbox_plan_is_off_has_no_mailbox(tenant, build):
    off = {"skuId": build.sku_id("ENTERPRISEPACK"), "disabledPlans": [build.plan_id("EXCHANGE_S_ENTERPRISE")]}
    quiet = {"skuId": build.sku_id("ENTERPRISEPACK"), "disabledPlans": [build.plan_id("SWAY")]}
    it = tenant(
        users=[build.user("anna", assignedLicenses=[off]), build.user("bram", assignedLicenses=[quiet])],
        subscribedSkus=[build.sku("ENTERPRISEPACK")],
    )
    assert mailbox(it, build, "anna") is None
    assert mailbox(it, build, "bram") == ("user", None)


def test_a_mailbox_without_a_licence_is_kept_for_thirty_days(tenant, build):
    it = office(tenant, build)
    it.assign("anna", remove=("ENTERPRISEPACK",))
    assert mailbox(it, build, "anna") == ("user", "2026-11-24T02:00:00Z")
    it.advance(29)
    it.assign("anna", "ENTERPRISEPACK")
    assert mailbox(it, build, "anna") == ("user", None)
    it.assign("anna", remove=("ENTERPRISEPACK",))
    it.advance(30)
    assert mailbox(it, build, "anna") is None


def test_switching_the_mailbox_plan_off_is_as_good_as_taking_the_licence(tenant, build):
    it = office(tenant, build)
    it.assign("anna", ("ENTERPRISEPACK", ["EXCHANGE_S_ENTERPRISE"]))
    assert mailbox(it, build, "anna") == ("user", "2026-11-24T02:00:00Z")


def test_a_swap_keeps_the_mailbox(tenant, build):
    it = office(tenant, build)
    it.assign("anna", "SPE_F1", remove=("ENTERPRISEPACK",))
    assert mailbox(it, build, "anna") == ("user", None)


def test_a_further_change_does_not_prolong_the_thirty_days(tenant, build):
    it = office(tenant, build)
    it.assign("anna", remove=("ENTERPRISEPACK",))
    it.advance(20)
    it.assign("anna", "EMS")
    it.advance(10)
    assert mailbox(it, build, "anna") is None


def test_a_shared_mailbox_needs_no_licence(tenant, build):
    it = tenant(
        users=[build.user("info", "ENTERPRISEPACK")],
        subscribedSkus=[build.sku("ENTERPRISEPACK")],
        mailboxes=[{"userId": build.user_id("info"), "purpose": "shared"}],
    )
    it.assign("info", remove=("ENTERPRISEPACK",))
    it.advance(100)
    assert mailbox(it, build, "info") == ("shared", None)


def test_a_removal_told_by_a_snapshot_is_a_disconnected_mailbox(tenant, build):
    removal = {"skuId": build.sku_id("ENTERPRISEPACK"), "removedAt": "2026-11-20T00:00:00Z"}
    it = tenant(
        users=[build.user("anna"), build.user("bram")],
        subscribedSkus=[build.sku("ENTERPRISEPACK"), build.sku("EMS")],
        removals=[
            removal | {"userId": build.user_id("anna")},
            removal | {"userId": build.user_id("bram"), "removedAt": "2026-10-01T00:00:00Z"},
            removal | {"userId": build.user_id("bram"), "skuId": build.sku_id("EMS")},
        ],
    )
    assert mailbox(it, build, "anna") == ("user", "2026-11-20T00:00:00Z")
    assert mailbox(it, build, "bram") is None
    it.advance(26)
    assert mailbox(it, build, "anna") is None


def test_a_mailbox_goes_with_the_subscription_that_is_deleted(tenant, build):
    it = tenant(
        users=[build.user("anna", "ENTERPRISEPACK"), build.user("bram", "ENTERPRISEPACK", "SPE_F1")],
        subscribedSkus=[build.sku("ENTERPRISEPACK"), build.sku("SPE_F1")],
        subscriptions=[subscription(build, "ENTERPRISEPACK")],
    )
    it.advance(10 + 30 + 89)
    assert mailbox(it, build, "anna") == ("user", None)
    it.advance(1)
    assert mailbox(it, build, "anna") is None
    assert mailbox(it, build, "bram") == ("user", None)


def test_a_deleted_user_can_be_restored_for_thirty_days_and_is_then_gone(tenant, build):
    it = tenant(users=[build.user("anna"), build.user("bram")])
    for who in ("anna", "bram"):
        it.call("DELETE", f"/users/{who}@contoso.com")
    it.advance(29)
    path = "/directory/deletedItems/{}/restore"
    assert it.call("POST", path.format(build.user_id("anna")), json={}).status_code == 200
    it.advance(1)
    assert it.call("POST", path.format(build.user_id("bram")), json={}).status_code == 404
    assert it.get("/directory/deletedItems/microsoft.graph.user")["value"] == []
    assert it.get("/directory/deletedItems/graph.user")["value"] == []  # the same, by its alias


def test_of_a_user_who_is_gone_for_good_nothing_is_left(tenant, build):
    it = tenant(
        users=[build.user("anna", "EMS")],
        groups=[{"id": "g", "displayName": "Sales", "members": [build.user_id("anna")]}],
        subscribedSkus=[build.sku("EMS")],
        roleAssignments=[build.role("anna", "user-administrator")],
    )
    it.call("DELETE", "/users/anna@contoso.com")
    it.advance(30)
    with closing(sqlite3.connect(it.home / "sandbox.db")) as db:
        assert build.user_id("anna") not in "\n".join(db.iterdump())


def test_loading_sets_the_clock_back_to_real_time(tenant, build, tmp_path):
    it = tenant()
    it.advance(100)
    sandbox.load(it.home, tmp_path / "state.json", clock=it.clock)
    assert it.call("GET", "/me").headers["Date"] == "Tue, 24 Nov 2026 02:00:00 GMT"
