"""What is wrong with the tenant itself: told, and blocking nothing."""

from datetime import timedelta

import pytest

from reconciler.model import Group, Subscription, WantedSubscription
from tests.planning.world import NOW, codes, conflict, entry, held, line, planned, sid, sku, user


def test_more_seats_in_use_than_owned_is_told_with_candidates():
    """Leavers whose deletion is blocked, disabled accounts to check, and whom another SKU covers."""
    people = (
        user("anna", "EMS"),
        user("bram", "EMS", enabled=False),
        user("cees", "EMS", "EMSPREMIUM"),
        user("dirk", "EMS", synced=True),
    )

    plan = planned(entry("dirk", present=False), users=people, skus=(sku("EMS", 2), sku("EMSPREMIUM")))
    found = conflict(plan, "over-allocated")

    assert (found.subject, found.blocks) == ("subscriptions/EMS", False)
    assert found.params == {
        "sku": "EMS",
        "sku_name": "Enterprise Mobility + Security E3",
        "in_use": 4,
        "seats": 2,
        "over": 2,
        "leavers": ["dirk@contoso.com"],
        "disabled": ["bram@contoso.com"],
        "covered": [{"upn": "cees@contoso.com", "by": "EMSPREMIUM"}],
    }


def test_whoever_this_very_plan_deletes_is_a_candidate():
    """What is told is the state before the plan: it must not say that nobody is to leave."""
    plan = planned(entry("anna", present=False), users=(user("anna", "EMS"),), skus=(sku("EMS", 0),))

    assert [c.status for c in plan.changes] == ["ready"]
    assert conflict(plan, "over-allocated").params["leavers"] == ["anna@contoso.com"]


def test_seats_in_grace_are_not_over_allocated():
    """Owned is enabled plus warning."""
    plan = planned(users=(user("anna", "EMS"),), skus=(sku("EMS", 0, warning=1),))

    assert plan.conflicts == ()


@pytest.mark.parametrize("fields", [{"applies_to": "Company"}, {}])
def test_company_wide_and_ignored_skus_are_not_watched(fields):
    """They are nobody's licence."""
    ignored = frozenset() if fields else frozenset({sid("EMS")})

    plan = planned(
        users=(user("anna", "EMS"),), skus=(sku("EMS", 0, **fields),), desired={"ignored_skus": ignored}
    )

    assert plan.conflicts == ()


def ending(days: float, **fields) -> dict[str, object]:
    """Return a current state whose EMS subscription ends in `days`."""
    row = Subscription(
        **{
            "id": "s",
            "sku_id": sid("EMS"),
            "next_lifecycle": NOW + timedelta(days=days),
            "auto_renew": False,
            **fields,
        }
    )
    return {"subscriptions": (row,)}


def test_a_subscription_that_ends_is_told_ahead():
    """With whom and what it hits, and who can resolve it."""
    plan = planned(users=(user("anna", "EMS"), user("bram")), skus=(sku("EMS"),), current=ending(40))
    found = conflict(plan, "expiring")

    assert (found.subject, found.blocks) == ("subscriptions/EMS", False)
    assert found.roles == ("billing-administrator", "global-administrator")
    assert (found.params["date"], found.params["days"]) == ("2027-01-03", 40)
    assert found.params["users"] == ["anna@contoso.com"]
    assert found.params["services"][0] == "Intune"  # what matters most comes first


def test_what_is_declared_to_renew_itself_is_told_as_such():
    """It ends until the change is applied; nobody is to declare it again."""
    wanted = WantedSubscription(sku_id=sid("EMS"), location=line(2), auto_renew=True)

    plan = planned(skus=(sku("EMS"),), current=ending(40), desired={"subscriptions": (wanted,)})

    assert conflict(plan, "expiring").params["declared"] is True
    assert codes(plan.conflicts) == ["expiring"]
    assert [c.kind for c in plan.changes] == ["set-auto-renew"]


@pytest.mark.parametrize(
    ("days", "fields"), [(61, {}), (40, {"auto_renew": True}), (40, {"auto_renew": None})]
)
def test_a_subscription_that_is_renewed_or_ends_later_is_not(days, fields):
    """Auto-renewal must be known to be off, and the end within 60 days."""
    assert planned(skus=(sku("EMS"),), current=ending(days, **fields)).conflicts == ()


@pytest.mark.parametrize("status", ["Warning", "Suspended", "LockedOut"])
def test_an_expired_subscription_is_told(status):
    """With the state that it is in."""
    found = conflict(planned(skus=(sku("EMS"),), current=ending(10, status=status)), "expired")

    assert found.params["status"] == status


def test_a_term_that_is_over_has_expired_whatever_was_told_before():
    """A snapshot grows old, and `--at` may name a later day."""
    found = conflict(planned(skus=(sku("EMS"),), current=ending(-1)), "expired")

    assert found.params["status"] == "Warning"


def test_a_deleted_subscription_is_gone():
    """Nobody can do anything about it."""
    assert planned(skus=(sku("EMS"),), current=ending(10, status="Deleted")).conflicts == ()


def test_a_subscription_without_date_is_told_without():
    """Not every provider knows."""
    plan = planned(skus=(sku("EMS"),), current=ending(1, status="Warning", next_lifecycle=None))

    assert conflict(plan, "expired").params["date"] is None


def test_an_inherited_licence_names_the_group():
    """By its name where it was read."""
    group = Group(id="g", name="Sales NL")

    plan = planned(entry("anna"), users=(user("anna", held("EMS", group="g")),), current={"groups": (group,)})

    assert conflict(plan, "inherited").params["groups"] == ["Sales NL"]


def test_a_replacing_list_that_leaves_an_inherited_licence_out_is_no_conflict():
    """Only `[]` and `exclude` ask for what a group gives."""
    plan = planned(entry("anna", "VISIOCLIENT"), users=(user("anna", held("EMS", group="g")),))

    assert codes(plan.conflicts) == []
