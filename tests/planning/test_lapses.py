"""What becomes of a licence whose replacing rule no longer matches its user."""

from datetime import datetime, timedelta

import msgspec
import pytest

from reconciler.model import Choice, Every, Exclusion, Not, Remembered, Rule
from reconciler.plan import Topic
from tests.planning.test_matching import rule
from tests.planning.test_rules import ENABLED, SALES, ruled, seller
from tests.planning.world import NOW, change, codes, conflict, entry, grant, held, line, parts, sid, user

OTHER = seller("zoe", "ENTERPRISEPACK")
REPLACING = rule("r", SALES, mode="replace", at=6)


def every(*conditions) -> Every:
    """Return that all of them hold."""
    return Every(conditions=conditions)


def seen(*names: str, left: int | None = None, topic: str = "rules/r") -> dict[str, tuple[Remembered, ...]]:
    """Return that runs saw these users match; `left`: for so many days they have not any more."""
    moments: dict[str, datetime] = {f"id-{name}": NOW - timedelta(days=90) for name in names}
    gone = {} if left is None else {f"id-{name}": NOW - timedelta(days=left) for name in names}
    row = Remembered(topic=topic, count=1, since={} if gone else {"id-zoe": NOW, **moments}, left=gone)
    return {"remembered": (row,)}


def lapsing(anna, *rules: Rule, left: int | None = None, **more):
    """Return the plan where rule r matched anna at an earlier run."""
    return ruled(*(rules or (REPLACING,)), users=(anna, OTHER), current=seen("anna", left=left), **more)


def told(plan) -> tuple[Topic, ...]:
    """Return what runs shall remember of users; figures of the whole tenant are for guard rails."""
    return tuple(topic for topic in plan.memory if topic.topic not in ("tenant", "users"))


def revoked(plan) -> list[str]:
    """Return what anna loses."""
    return [item.sku for c in plan.changes if c.user.id == "id-anna" for item in c.revoke]


def test_who_no_longer_matches_keeps_the_licence_for_the_grace_of_the_rule():
    """Counted from the applied run that first sees it: today, where none did yet."""
    plan = lapsing(user("anna", "ENTERPRISEPACK"))
    found = conflict(plan, "no-longer-matched")

    assert plan.changes == ()
    assert (found.subject, found.sku, found.blocks, found.line) == (
        "users/anna@contoso.com",
        "ENTERPRISEPACK",
        False,
        6,
    )
    assert found.params == {
        "upn": "anna@contoso.com",
        "rule": "r",
        "sku": "ENTERPRISEPACK",
        "sku_name": found.params["sku_name"],
        "since": "2026-11-24",
        "until": "2026-12-24",
    }


@pytest.mark.parametrize(("left", "expected"), [(29, []), (30, ["ENTERPRISEPACK"]), (31, ["ENTERPRISEPACK"])])
def test_the_licence_goes_when_the_grace_is_over(left, expected):
    """Thirty whole days; the reason is the rule."""
    plan = lapsing(user("anna", "ENTERPRISEPACK"), left=left)

    assert revoked(plan) == expected
    assert codes(plan.conflicts) == ([] if expected else ["no-longer-matched"])
    if expected:
        (reason,) = change(plan, "anna").revoke[0].because
        assert (reason.rule, reason.line) == ("r", 6)


def test_a_grace_of_no_days_takes_it_at_once():
    """The rule says so."""
    assert revoked(lapsing(user("anna", "ENTERPRISEPACK"), rule("r", SALES, mode="replace", grace=0))) == [
        "ENTERPRISEPACK"
    ]


def test_only_direct_licences_of_the_rule_lapse():
    """What groups give and what the rule never gave stays."""
    anna = user("anna", "EMS", held("ENTERPRISEPACK", group="g"))

    plan = lapsing(anna, left=40)

    assert (plan.changes, plan.conflicts) == ((), ())


def test_an_option_of_the_rule_lapses_too():
    """Whichever of `one_of` he got."""
    options = Choice(options=(grant("EMS", rule="r"), grant("ENTERPRISEPACK", rule="r")), location=line(7))

    plan = lapsing(
        user("anna", "EMS"), rule("r", SALES, mode="replace", grants=(), choices=(options,)), left=40
    )

    assert revoked(plan) == ["EMS"]


@pytest.mark.parametrize("left", [3, 40])
def test_an_ignored_licence_never_lapses(left):
    """Nobody takes what is ignored."""
    plan = lapsing(user("anna", "ENTERPRISEPACK"), left=left, ignored_skus=frozenset({sid("ENTERPRISEPACK")}))

    assert (plan.changes, plan.conflicts) == ((), ())


def test_an_adding_rule_remembers_nobody():
    """It takes nothing: what it gave stays."""
    plan = lapsing(user("anna", "ENTERPRISEPACK"), rule("r", SALES), left=40)

    assert (plan.changes, plan.conflicts) == ((), ())


def test_where_another_rule_replaces_it_is_a_swap_without_grace():
    """Who moves to Support gets what Support gets, today."""
    support = rule("s", ENABLED, "EMS", mode="replace")

    plan = lapsing(user("anna", "ENTERPRISEPACK"), REPLACING, support)

    assert parts(change(plan, "anna").assign) == ["EMS"]
    assert revoked(plan) == ["ENTERPRISEPACK"]
    assert "no-longer-matched" not in codes(plan.conflicts)


def test_what_another_grant_gives_does_not_lapse():
    """An adding rule and an entry give it as well."""
    plan = lapsing(user("anna", "ENTERPRISEPACK"), REPLACING, rule("s", ENABLED), left=40)

    assert revoked(plan) == []
    assert "no-longer-matched" not in codes(plan.conflicts)


def test_a_held_option_of_another_rule_does_not_lapse():
    """Of `one_of`, who holds one keeps that one."""
    options = Choice(options=(grant("EMS", rule="s"), grant("ENTERPRISEPACK", rule="s")), location=line(7))

    plan = lapsing(
        user("anna", "ENTERPRISEPACK"), REPLACING, rule("s", ENABLED, grants=(), choices=(options,)), left=3
    )

    assert "anna@contoso.com" not in [c.user.upn for c in plan.changes]
    assert "no-longer-matched" not in codes(plan.conflicts)


def test_a_licence_that_two_rules_gave_goes_with_the_reason_of_the_first():
    """One licence, one reason."""
    second = rule("s", SALES, mode="replace", at=8)
    rows = (*seen("anna", left=40)["remembered"], *seen("anna", left=40, topic="rules/s")["remembered"])

    plan = ruled(
        REPLACING, second, users=(user("anna", "ENTERPRISEPACK"), OTHER), current={"remembered": rows}
    )

    assert [b.rule for b in change(plan, "anna").revoke[0].because] == ["r"]


def test_who_matches_again_is_as_if_never_gone():
    """No grace runs, nothing is told."""
    plan = lapsing(seller("anna", "ENTERPRISEPACK"), left=40)

    assert (plan.changes, plan.conflicts) == ((), ())


def test_a_disabled_account_keeps_the_licence_while_it_would_match_if_it_were_not():
    """However long: somebody on leave comes back. No day is told."""
    both = rule("r", every(SALES, ENABLED), mode="replace")

    plan = lapsing(seller("anna", "ENTERPRISEPACK", enabled=False), both, left=400)
    found = conflict(plan, "no-longer-matched")

    assert plan.changes == ()
    assert (found.params["since"], found.params["until"]) == ("2025-10-20", None)


def test_a_disabled_account_that_would_not_match_loses_it_like_others():
    """Being disabled is not what keeps the rule from matching."""
    plan = lapsing(user("anna", "ENTERPRISEPACK", enabled=False), left=40)

    assert revoked(plan) == ["ENTERPRISEPACK"]


def test_a_rule_about_disabled_accounts_takes_what_it_says():
    """A replacing rule that matches only them is meant so: nothing else is kept."""
    working = rule("r", every(SALES, ENABLED))
    resting = rule("rest", every(SALES, Not(condition=ENABLED)), "EMS", mode="replace")
    anna = seller("anna", "EMS", "ENTERPRISEPACK", enabled=False)

    plan = ruled(working, resting, users=(anna, OTHER))

    assert revoked(plan) == ["ENTERPRISEPACK"]


def test_a_disabled_account_keeps_what_rules_would_give_it_whatever_else_is_replaced():
    """A rule for all of Sales replaces; the one for those who can sign in is only on hold."""
    everybody = rule("all", SALES, "FLOW_FREE", mode="replace")
    working = rule("r", every(SALES, ENABLED))
    anna = seller("anna", "EMS", "ENTERPRISEPACK", "FLOW_FREE", enabled=False)

    plan = ruled(everybody, working, users=(anna, OTHER), ignored_skus=frozenset())

    assert revoked(plan) == ["EMS"]


def test_a_disabled_account_keeps_one_option_of_a_rule_that_matches_it_anyway():
    """Only what waits for sign-in is kept, not every option of a choice."""
    options = Choice(options=(grant("EMS", rule="r"), grant("ENTERPRISEPACK", rule="r")), location=line(7))
    everybody = rule("r", SALES, mode="replace", grants=(), choices=(options,))
    working = rule("w", every(SALES, ENABLED), "FLOW_FREE")
    anna = seller("anna", "EMS", "ENTERPRISEPACK", "FLOW_FREE", enabled=False)

    assert revoked(ruled(everybody, working, users=(anna,))) == ["ENTERPRISEPACK"]


def test_who_waits_for_the_end_of_the_grace_is_not_unlisted():
    """The rule still means him: `unlisted_users: revoke` takes nothing from him."""
    plan = lapsing(user("anna", "ENTERPRISEPACK", "EMS"), left=3, unlisted_users="revoke")

    assert revoked(plan) == []
    assert plan.summary.unlisted_users == 1  # the administrator


def test_somebody_who_is_to_be_deleted_keeps_nothing():
    """The licence goes with the account: there is no grace to tell of."""
    plan = lapsing(user("anna", "ENTERPRISEPACK"), entries=(entry("anna", grants=None, present=False),))

    assert [c.kind for c in plan.changes] == ["delete-user"]
    assert "no-longer-matched" not in codes(plan.conflicts)


def test_who_is_remembered_and_gone_from_the_tenant_is_nobody():
    """The journal outlives accounts."""
    plan = ruled(REPLACING, users=(OTHER,), current=seen("anna", left=40))

    assert (plan.changes, plan.conflicts) == ((), ())


def test_an_excluded_licence_has_no_grace():
    """The exclusion takes it today, and is the reason."""
    out = Exclusion(sku_id=sid("ENTERPRISEPACK"), location=line(9))

    plan = lapsing(user("anna", "ENTERPRISEPACK"), entries=(entry("anna", mode="add", exclusions=(out,)),))

    assert [(b.rule, b.line) for b in change(plan, "anna").revoke[0].because] == [("users", 9)]
    assert "no-longer-matched" not in codes(plan.conflicts)


def test_a_licence_whose_last_day_has_passed_has_no_grace():
    """The date takes it today, and is the reason."""
    over = msgspec.structs.replace(grant("ENTERPRISEPACK", at=9), until=NOW.date() - timedelta(days=1))

    plan = lapsing(user("anna", "ENTERPRISEPACK"), entries=(entry("anna", over, mode="add"),))

    assert [(b.rule, b.line) for b in change(plan, "anna").revoke[0].because] == [("users", 9)]
    assert "no-longer-matched" not in codes(plan.conflicts)


# ------------------------------------------------------------ what is remembered


def test_a_run_remembers_whom_a_replacing_rule_matches_now():
    """Against those of whom earlier runs know; adding rules are not remembered."""
    plan = ruled(
        REPLACING,
        rule("s", SALES),
        users=(seller("anna", "ENTERPRISEPACK"), user("ben"), OTHER),
        current=seen("ben"),
    )

    assert told(plan) == (Topic(topic="rules/r", count=2, joined=("id-anna",), left=("id-ben",)),)


def test_a_first_run_remembers_everybody():
    """There is nothing to compare with."""
    plan = ruled(REPLACING, users=(OTHER,))

    assert told(plan) == (Topic(topic="rules/r", count=1, joined=("id-zoe",)),)


def test_accounts_that_rest_before_they_are_deleted_are_remembered():
    """The days count from the applied run that first saw them disabled; who is back is forgotten."""
    gone = entry("anna", grants=None, present=False)
    row = Remembered(topic="disabled", count=1, since={"id-ben": NOW})

    plan = ruled(
        users=(user("anna", enabled=False), user("ben")),
        entries=(gone,),
        current={"remembered": (row,)},
        disable_before_delete=7,
    )

    assert plan.changes == ()
    assert told(plan) == (Topic(topic="disabled", count=1, joined=("id-anna",), left=("id-ben",)),)


@pytest.mark.parametrize(("days", "kinds"), [(6, []), (7, ["delete-user"])])
def test_an_account_is_deleted_after_it_rested_for_all_days(days, kinds):
    """Counted by the day."""
    row = Remembered(topic="disabled", count=1, since={"id-anna": NOW - timedelta(days=days)})

    plan = ruled(
        users=(user("anna", enabled=False),),
        entries=(entry("anna", grants=None, present=False),),
        current={"remembered": (row,)},
        disable_before_delete=7,
    )

    assert [c.kind for c in plan.changes] == kinds
