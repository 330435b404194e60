"""What a change destroys, risks or brings back, and until when."""

from datetime import datetime, timedelta

import pytest

from reconciler.model import Assignment, DeletedUser, Options, Removal, ServicePlan, Sku, Subscription
from tests.planning.world import (
    NOW,
    change,
    codes,
    entry,
    grant,
    held,
    planned,
    sid,
    sku,
    user,
)


def warned(plan, name: str = "anna") -> dict[str, object]:
    """Return code → warning of a user's licence change (the first of each code)."""
    return {warning.code: warning for warning in reversed(change(plan, name).warnings)}


def swap(before: str, after: str):
    """Return the plan of a user who goes from one SKU to another."""
    return planned(entry("anna", after), users=(user("anna", before),))


def test_revoking_the_last_mailbox_starts_thirty_days():
    """Counted from the day for which the plan is made."""
    found = warned(planned(entry("anna"), users=(user("anna", "EXCHANGESTANDARD"),)))["mailbox-deletion"]

    assert found.recoverable_until == "2026-12-24"
    assert found.params == {
        "plan_title": "Exchange Online (Plan 1)",
        "sku": "EXCHANGESTANDARD",
        "sku_name": "Exchange Online (Plan 1)",
    }


def test_a_mailbox_plan_switched_off_is_a_mailbox_lost():
    """It need not be a revocation."""
    plan = planned(
        entry("anna", grant("STANDARDPACK", off=("EXCHANGE_S_STANDARD",))),
        users=(user("anna", "STANDARDPACK"),),
    )

    assert warned(plan)["mailbox-deletion"].params["sku"] == "STANDARDPACK"


def test_an_upgrade_warns_of_nothing():
    """E3 → E5."""
    assert change(swap("ENTERPRISEPACK", "ENTERPRISEPREMIUM"), "anna").warnings == ()
    assert change(swap("SPE_E3", "SPE_E5"), "anna").warnings == ()


def test_a_smaller_mailbox_is_a_downgrade():
    """E3 → F3: from 100 GB to 2 GB, archive and hold lost; and so is a smaller OneDrive."""
    found = warned(swap("ENTERPRISEPACK", "DESKLESSPACK"))

    assert found["mailbox-downgrade"].params["to_gb"] == 2
    assert found["mailbox-downgrade"].params["lost"] == ["archive", "hold"]
    assert found["mailbox-downgrade"].recoverable_until is None
    assert found["storage-downgrade"].params["to_gb"] == 2
    assert "mailbox-deletion" not in found


def test_a_sku_without_mailbox_loses_it():
    """E1 → EMS."""
    found = warned(swap("STANDARDPACK", "EMS"))

    assert found["mailbox-deletion"].params["sku"] == "STANDARDPACK"
    assert found["data-deletion"].params["known"] is True


def test_an_archive_add_on_is_no_mailbox():
    """Losing it takes rights from the mailbox that stays, and ends no mailbox where there is none."""
    archive = "EXCHANGEARCHIVE_ADDON"

    beside = planned(entry("anna", "EXCHANGESTANDARD"), users=(user("anna", "EXCHANGESTANDARD", archive),))
    alone = planned(entry("anna"), users=(user("anna", archive),))

    assert codes(change(beside, "anna").warnings) == ["mailbox-downgrade"]
    assert codes(change(alone, "anna").warnings) == ["data-deletion"]


def test_what_another_licence_still_gives_is_not_lost():
    """Business Premium's mailbox stays when Exchange Plan 1 goes."""
    plan = planned(entry("anna", "SPB"), users=(user("anna", "SPB", "EXCHANGESTANDARD"),))

    assert change(plan, "anna").warnings == ()


def test_a_plan_that_nobody_knows_is_unknown_never_nothing():
    """By the name that the tenant has for it."""
    strange = sku("EMS").plans[0]
    owned = sku("EMS", plans_extra=()) if False else sku("EMS")
    owned = type(owned)(
        id="odd", part_number="ODD", enabled=1, plans=(ServicePlan(id="p1", name="NEW_THING"), strange)
    )
    licence = held("EMS")
    licence = type(licence)(sku_id="odd")

    plan = planned(entry("anna"), users=(user("anna", licence),), skus=(owned,))
    found = [w for w in change(plan, "anna").warnings if not w.params["known"]]

    assert [(w.code, w.params["title"], w.recoverable_until) for w in found] == [
        ("data-deletion", "NEW_THING", None)
    ]


def test_deleting_a_user_starts_thirty_days_for_everything():
    """The warning names what goes."""
    plan = planned(entry("anna", present=False), users=(user("anna", "ENTERPRISEPACK"),))
    (found,) = plan.changes[0].warnings

    assert found.code == "user-deletion"
    assert found.recoverable_until == "2026-12-24"
    assert found.params == {"name": "Anna", "skus": ["ENTERPRISEPACK"], "mailbox": True, "onedrive": True}


@pytest.mark.parametrize(("days", "restored"), [(1, True), (30, True), (31, False)])
def test_a_mailbox_licensed_again_within_thirty_days_comes_back(days, restored):
    """After that it starts empty, and nothing is promised."""
    removal = Removal(user_id="id-anna", sku_id=sid("STANDARDPACK"), removed_at=NOW - timedelta(days=days))

    plan = planned(
        entry("anna", "EMS", "EXCHANGESTANDARD"), users=(user("anna"),), current={"removals": (removal,)}
    )

    assert ("mailbox-restored" in warned(plan)) is restored


def test_only_the_removal_of_a_mailbox_brings_one_back():
    """Of this user, and of a SKU that had one."""
    removals = (
        Removal(user_id="id-anna", sku_id=sid("EMS"), removed_at=NOW),
        Removal(user_id="id-bram", sku_id=sid("STANDARDPACK"), removed_at=NOW),
    )

    plan = planned(entry("anna", "EXCHANGESTANDARD"), users=(user("anna"),), current={"removals": removals})

    assert change(plan, "anna").warnings == ()


def test_a_restored_user_gets_the_mailbox_back():
    """Until thirty days after the deletion."""
    gone = DeletedUser(
        id="old",
        upn="anna@contoso.com",
        name="Anna",
        deleted_at=datetime.fromisoformat("2026-11-20T09:00:00Z"),
        assignments=(held("EXCHANGESTANDARD"),),
    )

    plan = planned(
        entry("anna", grants=None, profile=(("name", "Anna"),)),
        skus=(sku("EXCHANGESTANDARD"),),
        current={"deleted_users": (gone,)},
    )
    (found,) = plan.changes[0].warnings

    assert (found.code, found.params) == (
        "mailbox-restored",
        {"removed_at": "2026-11-20", "until": "2026-12-20"},
    )


def owned(**fields) -> dict[str, object]:
    """Return the current state's subscriptions: one of EMS."""
    return {"subscriptions": (Subscription(**{"id": "s", "sku_id": sid("EMS"), **fields}),)}


def test_a_trial_seat_is_told():
    """It goes when the trial ends."""
    plan = planned(entry("anna", "EMS"), users=(user("anna"),), current=owned(is_trial=True))

    assert codes(change(plan, "anna").warnings) == ["trial-seat"]


@pytest.mark.parametrize(
    ("days", "renew", "told"), [(30, None, True), (30, True, False), (90, None, False), (-1, None, False)]
)
def test_a_term_that_ends_soon_with_renewal_unknown_is_told(days, renew, told):
    """Graph does not say whether a subscription is renewed."""
    current = owned(next_lifecycle=NOW + timedelta(days=days), auto_renew=renew)

    plan = planned(entry("anna", "EMS"), users=(user("anna"),), current=current)

    assert ("renewal-unknown" in codes(change(plan, "anna").warnings)) is told


def test_a_licence_that_the_user_bought_stays_and_is_told():
    """Whatever the entry lists."""
    plan = planned(
        entry("anna", "VISIOCLIENT"), users=(user("anna", "EMS"),), current=owned(owner_type="User")
    )

    assert change(plan, "anna").revoke == ()
    assert codes(change(plan, "anna").warnings) == ["self-service"]


def test_a_licence_that_the_user_bought_is_shown_though_nothing_changes():
    """Where an entry would take it: by leaving it out, or by excluding it."""
    anna, mine = (user("anna", "EMS"),), owned(owner_type="User")

    def kept(one) -> object:
        plan = planned(one, users=anna, current=mine)
        assert plan.changes == ()
        return plan.options.get("self_service_kept")

    shown = [{"upn": "anna@contoso.com", "sku": "EMS"}]
    assert kept(entry("anna")) == shown
    assert kept(entry("anna", exclude=("EMS",), grants=None)) == shown
    assert kept(entry("anna", grants=None)) is None
    assert kept(entry("anna", mode="add")) is None

    leaving = planned(entry("anna", present=False), users=anna, current=mine)
    assert "self_service_kept" not in leaving.options


def test_seats_in_grace_are_used_only_on_request_and_told():
    """An expired subscription's seats still work for thirty days."""
    skus = (sku("EMS", 0, warning=1, status="Warning"),)
    people = (user("anna"),)

    without = planned(entry("anna", "EMS"), users=people, skus=skus)
    with_grace = planned(
        entry("anna", "EMS"), users=people, skus=skus, options=Options(now=NOW, use_grace=True)
    )

    assert change(without, "anna").blocked_by == ("no-seats",)
    assert codes(change(with_grace, "anna").warnings) == ["seat-from-grace"]
    assert [(row.seats, row.free_after) for row in with_grace.seats] == [(1, 0)]


def test_a_change_of_mailbox_may_change_addresses():
    """Told where the user has any."""
    having = user("anna", "EXCHANGESTANDARD", proxy_addresses=("a@contoso.com",))

    assert "proxy-address" in warned(planned(entry("anna"), users=(having,)))
    assert "proxy-address" not in warned(planned(entry("anna", "ENTERPRISEPACK"), users=(having,)))
    assert "proxy-address" not in warned(planned(entry("anna"), users=(user("anna", "EXCHANGESTANDARD"),)))


def test_an_assignment_names_what_it_sets_up():
    """Only services that the user did not have."""
    fresh = planned(entry("anna", "ENTERPRISEPACK"), users=(user("anna"),))
    more = planned(entry("anna", "ENTERPRISEPACK", "EMS"), users=(user("anna", "ENTERPRISEPACK"),))

    assert "Exchange Online: a mailbox is made" in change(fresh, "anna").effects
    assert change(more, "anna").effects
    assert not any("mailbox" in effect for effect in change(more, "anna").effects)


def test_a_sku_of_which_nobody_knows_the_plans_is_unknown_when_it_goes():
    """Never nothing."""
    plan = planned(entry("anna"), users=(user("anna", Assignment(sku_id="odd")),), skus=(sku("EMS"),))

    assert [(w.code, w.params["title"], w.params["known"]) for w in change(plan, "anna").warnings] == [
        ("data-deletion", "odd", False)
    ]


def test_an_unknown_sku_that_a_group_still_gives_is_not_lost():
    """Only the direct one of two sources goes."""
    both = (Assignment(sku_id="odd"), Assignment(sku_id="odd", assigned_by="g"))

    plan = planned(entry("anna"), users=(user("anna", *both),), skus=(sku("EMS"),))

    assert change(plan, "anna").warnings == ()


def test_a_catalogued_sku_has_its_plans_where_the_tenant_lists_none():
    """A snapshot need not list what everybody knows."""
    bare = Sku(id=sid("EXCHANGESTANDARD"), part_number="EXCHANGESTANDARD", enabled=1)

    plan = planned(entry("anna"), users=(user("anna", "EXCHANGESTANDARD"),), skus=(bare,))

    assert "mailbox-deletion" in warned(plan)


def test_an_assignment_that_sets_up_nothing_new_says_so():
    """Every assignment names its effects: what goes on, then."""
    plan = swap("ENTERPRISEPACK", "DESKLESSPACK")
    few = planned(
        entry("anna", "EXCHANGESTANDARD", "EXCHANGEENTERPRISE"), users=(user("anna", "EXCHANGESTANDARD"),)
    )

    assert [effect.split(";")[0] for effect in change(plan, "anna").effects] == ["nothing new"]
    assert change(plan, "anna").effects[0].endswith("more go on")
    assert change(few, "anna").effects[0].endswith("go on")
