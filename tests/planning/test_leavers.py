"""Somebody who leaves: signed out after the last day, without licences later, then deleted."""

from datetime import timedelta

import pytest

from reconciler.model import Choice, DeletedUser, Every, Exclusion, Leaver
from tests.planning.test_lapses import REPLACING, seen
from tests.planning.test_matching import rule, team
from tests.planning.test_rules import ENABLED, SALES, ruled, seller
from tests.planning.world import NOW, change, codes, entry, grant, held, line, parts, sid, user

TODAY = NOW.date()
SIGNED_IN = Every(conditions=(SALES, ENABLED))


def leaving(days_ago: int, **fields) -> Leaver:
    """Return a leaver whose last day was so many days ago."""
    return Leaver(**{"last_day": TODAY - timedelta(days=days_ago), "location": line(4), **fields})


def left(days_ago: int, *licences, leaver=None, **fields):
    """Return the entry of anna, who leaves."""
    found = leaving(days_ago, **(leaver or {}))
    return entry("anna", *licences, leaver=found, **fields)


def of(mine, anna=None, *rules, **more):
    """Return the plan of one entry."""
    return ruled(*rules, users=(anna or user("anna", "EMS"),), entries=(mine,), **more)


def kinds(plan) -> list[str]:
    """Return the kinds of all changes."""
    return [c.kind for c in plan.changes]


@pytest.mark.parametrize("days_ago", [0, -30])
def test_to_the_end_of_the_last_day_everything_is_as_declared(days_ago):
    """Somebody who leaves works until then."""
    plan = of(left(days_ago, "ENTERPRISEPACK"))

    assert kinds(plan) == ["set-licenses"]
    assert parts(change(plan, "anna").assign) == ["ENTERPRISEPACK"]


def test_after_the_last_day_sign_in_is_blocked_and_licences_stay():
    """Whatever the entry lists; the checklist says what comes when."""
    plan = of(left(1, "ENTERPRISEPACK", leaver={"delete_after": 90}))
    (only,) = plan.changes

    assert (only.kind, only.before, only.after) == ("update-user", {"enabled": True}, {"enabled": False})
    assert [(w.code, w.params) for w in only.warnings] == [
        ("leaver-checklist", {"last_day": "2026-11-23", "revoke_on": "2026-12-24", "delete_on": "2027-02-22"})
    ]


def test_the_rest_of_the_profile_is_still_kept_as_declared():
    """What is declared of a colleague who left can be corrected; `enabled: true` no longer counts."""
    plan = of(left(1, grants=None, profile=(("department", "IT"), ("enabled", True))))

    assert change(plan, "users/anna@contoso.com/profile").after == {"department": "IT", "enabled": False}


def test_whoever_is_signed_out_already_has_no_change():
    """Until the licences go; an exclusion or a choice no longer matters."""
    choice = Choice(options=(grant("ENTERPRISEPACK"), grant("FLOW_FREE")), location=line(5))
    out = Exclusion(sku_id=sid("EMS"), location=line(6))

    plan = of(left(30, choices=(choice,), exclusions=(out,)), user("anna", "EMS", enabled=False))

    assert plan.changes == ()


@pytest.mark.parametrize(("keep", "days_ago", "gone"), [(30, 30, False), (30, 31, True), (0, 1, True)])
def test_the_licences_go_after_they_were_kept_for_so_many_days(keep, days_ago, gone):
    """Days count from the day after the last."""
    plan = of(left(days_ago, "EMS", leaver={"keep_licenses": keep}), user("anna", "EMS", enabled=False))

    assert kinds(plan) == gone * ["set-licenses"]
    if gone:
        assert parts(change(plan, "anna").revoke) == ["EMS"]


def test_all_direct_licences_go_also_where_the_entry_only_adds_or_manages_none():
    """Nothing may be held by somebody who is gone."""
    anna = user("anna", "EMS", "ENTERPRISEPACK", enabled=False)

    for mine in (left(40, "EMS", mode="add"), left(40, grants=None)):
        assert parts(change(of(mine, anna), "anna").revoke) == ["ENTERPRISEPACK", "EMS"]


@pytest.mark.parametrize(("days_ago", "expected"), [(60, []), (61, ["delete-user"])])
def test_the_account_is_deleted_where_the_entry_says_when(days_ago, expected):
    """Days count from the day after the last, here too."""
    assert kinds(of(left(days_ago, leaver={"delete_after": 60}), user("anna", enabled=False))) == expected


def test_without_a_day_the_account_is_never_deleted():
    """It stays, signed out and without licences."""
    assert kinds(of(left(4000), user("anna", enabled=False))) == []


def test_a_deletion_before_the_licences_go_wins():
    """They go with the account."""
    plan = of(left(11, leaver={"keep_licenses": 30, "delete_after": 10}))

    assert kinds(plan) == ["delete-user"]


def test_no_rule_matches_somebody_who_has_left():
    """It neither gives nor takes; the one who is still there is counted."""
    anna = seller("anna", "EMS", enabled=False)
    mine = left(1, grants=None)

    plan = ruled(
        rule("r", SALES, mode="replace"), users=(anna, seller("ben", "ENTERPRISEPACK")), entries=(mine,)
    )

    assert plan.changes == ()
    assert [row.matched for row in plan.rules] == [1]


def test_somebody_who_has_left_keeps_by_his_own_days_not_by_the_rule():
    """A rule that used to match starts no second count."""
    anna = seller("anna", "ENTERPRISEPACK", enabled=False)

    plan = ruled(
        REPLACING,
        users=(anna, seller("zoe", "ENTERPRISEPACK")),
        entries=(left(1, grants=None),),
        current=seen("anna", left=40),
    )

    assert (plan.changes, plan.conflicts) == ((), ())


def test_rules_that_ask_for_sign_in_keep_nothing_for_somebody_whose_time_is_over():
    """He would match if he were not disabled; he has left for good."""
    anna = seller("anna", "ENTERPRISEPACK", enabled=False)

    plan = ruled(
        rule("r", SIGNED_IN), users=(anna, seller("ben", "ENTERPRISEPACK")), entries=(left(40, grants=None),)
    )

    assert parts(change(plan, "anna").revoke) == ["ENTERPRISEPACK"]


def test_somebody_who_has_left_and_is_not_there_any_more_means_nobody():
    """Nothing is created or restored, and nothing is in the way."""
    gone = DeletedUser(id="old", upn="anna@contoso.com", name="Anna", deleted_at=NOW)
    mine = left(1, profile=(("name", "Anna"),))

    plan = ruled(entries=(mine,), current={"deleted_users": (gone,)})

    assert (plan.changes, plan.conflicts) == ((), ())


def test_inherited_licences_of_somebody_who_has_left_are_told_not_taken():
    """Only the group can take them."""
    anna = user("anna", held("EMS", group="g-team"), enabled=False)

    plan = of(left(40), anna, current={"groups": (team("anna"),)})

    assert plan.changes == ()
    assert codes(plan.conflicts) == ["inherited"]
