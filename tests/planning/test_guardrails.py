"""When the rails refuse: count and percent, at every size of tenant, with what runs before it took."""

from datetime import timedelta
from itertools import product

import msgspec
import pytest

from reconciler.model import (
    Baseline,
    Deed,
    Group,
    Guardrails,
    Options,
    Rail,
    Remembered,
    Subscription,
    WantedSubscription,
)
from reconciler.plan import Refusal
from reconciler.plan_rails import Toll, judge
from tests.planning.world import NOW, PLAIN, codes, conflict, entry, line, planned, sid, sku, user

KEEPER = user("zoe", "EMS")
"""Holds EMS and no entry: the SKU is not emptied, whoever else loses it."""


def losing(lost: int, holders: int, *deeds: Deed, options: Options = PLAIN, **rails: Rail):
    """Return the refusals of a plan that takes EMS from `lost` of `holders` users."""
    names = [f"u{number:03}" for number in range(holders - 1)]
    plan = planned(
        *(entry(name) for name in names[:lost]),
        users=(*(user(name, "EMS") for name in names), KEEPER),
        skus=(sku("EMS", 500),),
        desired={"guardrails": Guardrails(**rails)},
        current={"deeds": deeds},
        options=options,
    )
    return plan.refusals


def hours_ago(hours: float, **done) -> Deed:
    """Return what a run did so long ago."""
    return Deed(time=NOW - timedelta(hours=hours), **done)


def lost(number: int, part: str = "EMS") -> dict[str, int]:
    """Return that so many users lost a SKU."""
    return {sid(part): number}


# ------------------------------------------------------------ what one plan takes


@pytest.mark.parametrize(
    ("number", "holders", "refused"),
    [
        (5, 6, False),  # up to `free` always pass
        (6, 7, True),  # ten percent of seven
        (6, 59, True),
        (6, 60, False),  # exactly ten percent
        (7, 60, True),
        (40, 400, False),
        (41, 400, True),
    ],
)
def test_too_many_revocations_are_refused(number, holders, refused):
    """By default 50, or ten percent of the pairs held, whichever is less."""
    assert (codes(losing(number, holders)) == ["max-revocations"]) is refused


def test_a_refusal_says_the_numbers_and_the_flag():
    """One rail at a time."""
    (refusal,) = losing(3, 100, max_revocations=Rail(count=2))

    assert refusal == Refusal(
        code="max-revocations",
        params={"lost": 3, "held": 100, "count": 2, "free": 0},
        allow="--allow max-revocations",
    )


def test_a_rail_without_limits_lets_everything_through():
    """The file may say so."""
    assert losing(50, 51, max_revocations=Rail()) == ()


def test_a_swap_counts_as_one_pair_lost():
    """Whatever replaces it."""
    plan = planned(
        entry("anna", "SPE_E5"),
        users=(user("anna", "SPE_E3"),),
        desired={"guardrails": Guardrails(max_revocations=Rail(count=0))},
    )

    assert codes(plan.refusals) == ["max-revocations"]


def test_too_many_deletions_are_refused():
    """By default more than five."""
    names = [f"u{number}" for number in range(6)]

    def refused(count: int) -> list[str]:
        plan = planned(*(entry(name, present=False) for name in names[:count]), users=tuple(map(user, names)))
        return codes(plan.refusals)

    assert refused(5) == []
    assert refused(6) == ["max-deletions"]


def test_blocked_changes_take_nothing_and_are_not_counted():
    """The rails judge the plan that will run."""
    plan = planned(
        entry("anna"),
        users=(user("anna", "EMS"),),
        desired={
            "guardrails": Guardrails(max_revocations=Rail(count=0), protected_users=("anna@contoso.com",))
        },
    )

    assert codes(plan.conflicts) == ["protected"]
    assert plan.refusals == ()


# ------------------------------------------------------------ with what runs before it took


def test_what_runs_of_the_last_day_took_counts_too():
    """The plan alone is within the rail; with what was taken this morning it is not."""
    (refusal,) = losing(12, 500, hours_ago(5, lost=lost(30)), max_revocations=Rail(count=40))

    assert refusal == Refusal(
        code="max-revocations",
        params={"lost": 12, "held": 500, "window": "24h", "recent": 30, "count": 40, "free": 0},
        allow="--allow max-revocations",
    )


@pytest.mark.parametrize(
    ("hours", "window"), [(0, "24h"), (23.9, "24h"), (24, "7d"), (167.9, "7d"), (168, None)]
)
def test_a_run_is_counted_for_a_day_and_for_a_week(hours, window):
    """To the second, by the instant for which the plan is made."""
    refusals = losing(2, 500, hours_ago(hours, lost=lost(9)), max_revocations=Rail(count=10))

    assert [refusal.params["window"] for refusal in refusals] == ([window] if window else [])


def test_a_plan_of_a_later_day_looks_back_from_that_day():
    """`--at` moves the window too."""
    later = msgspec.structs.replace(PLAIN, now=NOW + timedelta(days=8))

    assert losing(2, 500, hours_ago(1, lost=lost(9)), max_revocations=Rail(count=10), options=later) == ()


def test_percent_over_a_window_is_of_what_was_held_before_it():
    """Not of what is left: a tenant that shrinks must not make the brake tighter, nor looser."""
    rail = Rail(percent=10)

    assert losing(5, 90, hours_ago(1, lost=lost(5)), max_revocations=rail) != ()  # 10 of 95
    assert losing(5, 95, hours_ago(1, lost=lost(5)), max_revocations=rail) == ()  # 10 of 100


def test_a_plan_that_takes_nothing_is_not_refused_for_what_others_took():
    """It may well be the one that gives back."""
    plan = planned(
        entry("anna", "EMS"), users=(user("anna"),), current={"deeds": (hours_ago(1, deleted=99),)}
    )

    assert plan.refusals == ()


def test_deletions_and_purchases_count_over_a_window_too():
    """Each rail by itself."""
    names = [f"u{number}" for number in range(3)]
    plan = planned(
        *(entry(name, present=False) for name in names),
        users=tuple(map(user, names)),
        current={"deeds": (hours_ago(30, deleted=3, bought=49, lost=lost(50)),)},
    )
    (refusal,) = plan.refusals

    assert (refusal.code, refusal.params["window"], refusal.params["recent"]) == ("max-deletions", "7d", 3)


def test_every_size_of_tenant_every_number_and_every_history():
    """The brake says what its definition says, at every size."""
    rails = {"max_revocations": Guardrails().max_revocations}
    for held, now, day, week in product(range(1, 120, 7), range(0, 60, 3), (0, 1, 4, 20, 60), (0, 5, 50)):
        if now > held:
            continue
        deeds = (hours_ago(2, lost={"x": day}), hours_ago(48, lost={"x": week}))

        def over(taken: int, total: int) -> bool:
            return taken > 5 and (taken > 50 or taken * 10 > total)

        wanted = None
        if now and over(now, held):
            wanted = "plan"
        elif now and over(now + day, held + day):
            wanted = "24h"
        elif now and over(now + day + week, held + day + week):
            wanted = "7d"
        found = list(judge(rails, Toll(revoked=now, held=held), deeds, NOW))
        assert [one.params.get("window", "plan") for one in found] == ([wanted] if wanted else [])


# ------------------------------------------------------------ seats


def buying(seats: int, *deeds: Deed, **rails: Rail):
    """Return the refusals of a plan that buys so many seats of EMS."""
    wanted = WantedSubscription(sku_id=sid("EMS"), location=line(3), seats=10 + seats)
    return planned(
        skus=(sku("EMS", 10),),
        desired={"subscriptions": (wanted,), "guardrails": Guardrails(**rails)},
        current={"deeds": deeds, "subscriptions": (Subscription(id="s", sku_id=sid("EMS"), seats=10),)},
    ).refusals


def test_too_many_seats_to_buy_are_refused():
    """By default more than 50: a figure with a nought too many costs a year's budget."""
    assert buying(50) == ()
    assert buying(51) == (
        Refusal(
            code="max-purchases",
            params={"bought": 51, "count": 50, "free": 0},
            allow="--allow max-purchases",
        ),
    )
    assert buying(3, max_purchases=Rail(count=2)) != ()
    assert buying(2, hours_ago(3, bought=2), max_purchases=Rail(count=3))[0].params["recent"] == 2


# ------------------------------------------------------------ what needs no setting


def test_a_sku_that_all_of_its_holders_lose_is_refused():
    """More than always pass: a licence for everybody is not taken by a slip."""

    def emptied(holders: int, free: int = 5, *deeds: Deed) -> list[dict]:
        names = [f"u{number}" for number in range(holders)]
        others = tuple(user(f"x{number}", "SPE_E5") for number in range(200))
        plan = planned(
            *(entry(name) for name in names),
            users=(*(user(name, "EMS") for name in names), *others),
            skus=(sku("EMS", 500), sku("SPE_E5", 500)),
            desired={"guardrails": Guardrails(max_revocations=Rail(count=50, free=free))},
            current={"deeds": deeds},
        )
        return [refusal.params for refusal in plan.refusals if refusal.code == "sku-emptied"]

    numbers = {"sku": "EMS", "sku_name": "Enterprise Mobility + Security E3"}
    assert emptied(5) == []
    assert emptied(6) == [numbers | {"held": 6, "free": 5}]
    assert emptied(1, 0) == []
    assert emptied(2, 0) == [numbers | {"held": 2, "free": 0}]
    assert emptied(3, 5, hours_ago(100, lost=lost(3))) == [numbers | {"held": 3, "free": 5, "recent": 3}]
    assert emptied(3, 5, hours_ago(200, lost=lost(3))) == []


def test_a_sku_that_others_get_is_not_emptied():
    """Somebody holds it afterwards."""
    names = [f"u{number}" for number in range(6)]
    plan = planned(
        *(entry(name) for name in names),
        entry("anna", "EMS"),
        users=(*(user(name, "EMS") for name in names), user("anna")),
        desired={"guardrails": Guardrails(max_revocations=Rail())},
    )

    assert plan.refusals == ()


def test_ignored_skus_may_be_emptied():
    """They go with their users."""
    names = [f"u{number}" for number in range(6)]
    plan = planned(
        *(entry(name, present=False) for name in names),
        users=tuple(user(name, "EMS") for name in names),
        desired={"guardrails": Guardrails(max_deletions=Rail()), "ignored_skus": frozenset({sid("EMS")})},
    )

    assert plan.refusals == ()


def remembering(**counts: int) -> dict[str, tuple[Remembered, ...]]:
    """Return that the last applied run saw so many of a topic."""
    return {"remembered": tuple(Remembered(topic=topic, count=count) for topic, count in counts.items())}


def test_users_that_are_emptied_are_refused():
    """An export that failed looks like this."""
    (refusal,) = planned(current=remembering(users=40)).refusals

    assert (refusal.code, refusal.params, refusal.allow) == (
        "users-emptied",
        {"was": 40},
        "--allow users-emptied",
    )
    assert planned(entry("admin", grants=None), current=remembering(users=40)).refusals == ()
    assert planned(current=remembering(users=0)).refusals == ()


@pytest.mark.parametrize(
    ("was", "now", "refused"), [(20, 18, False), (20, 17, True), (8, 7, False), (8, 6, True), (5, 9, False)]
)
def test_a_tenant_that_shrank_is_refused(was, now, refused):
    """By more than ten percent, and more than one user: it looks as if not everybody could be read."""
    people = tuple(user(f"u{number}") for number in range(now - 1))
    plan = planned(entry("u0", grants=None), users=people, current=remembering(tenant=was))

    assert [refusal.params for refusal in plan.refusals] == (
        [{"now": now, "was": was, "percent": 10}] if refused else []
    )


def test_who_is_deleted_by_a_run_is_not_missed_by_the_next():
    """What a run shall remember is how many it leaves."""
    plan = planned(entry("anna", present=False), users=(user("anna"), user("bram")))

    assert {topic.topic: topic.count for topic in plan.memory} == {"tenant": 2, "users": 1}


# ------------------------------------------------------------ allowed by name


def test_a_rail_that_is_named_refuses_nothing_and_its_numbers_are_told_all_the_same():
    """A reviewer sees what is let through."""
    allow = msgspec.structs.replace(PLAIN, allow=("max-revocations",))
    names = [f"u{number}" for number in range(9)]
    plan = planned(
        *(entry(name) for name in names),
        users=(*(user(name, "EMS") for name in names), KEEPER),
        options=allow,
    )

    assert plan.refusals == ()
    assert [(one.code, one.params["lost"]) for one in plan.allowed] == [("max-revocations", 9)]


def test_a_rail_that_is_not_named_refuses_beside_one_that_is():
    """One at a time."""
    allow = msgspec.structs.replace(PLAIN, allow=("max-deletions",))

    assert codes(losing(9, 20, options=allow)) == ["max-revocations"]


# ------------------------------------------------------------ what the plan shows


def test_a_protection_that_means_nobody_is_told():
    """A slip in the file must not go unseen; users by UPN or id, and groups by name or id, are known."""
    rails = Guardrails(
        protected_users=("admin@contoso.com", "brakeglass@contoso.com", "g", "id-admin", "vips")
    )

    plan = planned(
        current={"groups": (Group(id="g", name="VIPs"),)},
        desired={"guardrails": rails},
    )

    assert plan.options["protects_nobody"] == ["brakeglass@contoso.com"]
    assert "protects_nobody" not in planned().options


def test_a_protection_that_means_nobody_is_a_conflict_with_its_place_and_whom_it_may_mean():
    """Counted like others, it blocks nothing; of a trusted file it has the place of these files' rails."""
    own = Guardrails(protected_users=("breakglas@contoso.com", "vip", "zzz"))
    base = Baseline(name="main", guardrails=Guardrails(protected_users=("gone@contoso.com",)))

    plan = planned(
        users=(user("breakglass"),),
        current={"groups": (Group(id="g", name="VIPs"),)},
        desired={
            "guardrails": own,
            "guardrails_location": line(3),
            "protected_places": (line(5), line(6), line(7)),
            "baselines": (base,),
        },
    )

    found = [one for one in plan.conflicts if one.code == "protects-nobody"]
    assert [(one.params["name"], one.params["nearest"], one.file, one.line) for one in found] == [
        ("breakglas@contoso.com", "breakglass@contoso.com", "tenant.yaml", 5),
        ("gone@contoso.com", None, "tenant.yaml", 3),
        ("vip", "VIPs", "tenant.yaml", 6),
        ("zzz", None, "tenant.yaml", 7),
    ]
    assert {(one.subject, one.blocks) for one in found} == {("guardrails/protected_users", False)}
    assert plan.summary.conflicts == len(plan.conflicts)


def test_a_protection_of_a_trusted_file_alone_may_have_no_place_here():
    base = Baseline(name="main", guardrails=Guardrails(protected_users=("gone@contoso.com",)))
    (found,) = planned(desired={"baselines": (base,)}).conflicts[:1]
    assert (found.code, found.file, found.line) == ("guardrail-loosened", None, None)
    assert conflict(planned(desired={"baselines": (base,)}), "protects-nobody").file is None


def test_the_plan_shows_the_rails_in_force_and_what_they_count():
    """A reviewer sees how near they are, and apply judges a saved plan again by these figures."""
    assert planned().guardrails == {
        "max_revocations": {"count": 50, "percent": 10, "free": 5},
        "max_deletions": {"count": 5, "free": 0},
        "max_purchases": {"count": 50, "free": 0},
        "protected_users": [],
        "protected_skus": [],
        "judged": {"revoked": 0, "held": 0, "deleted": 0, "users": 1, "bought": 0},
    }
    plan = planned(
        entry("anna"),
        users=(user("anna", "EMS"), KEEPER),
        current={"deeds": (hours_ago(2, lost=lost(1)), hours_ago(50, deleted=2, bought=3))},
    )
    assert plan.guardrails["judged"] == {
        "revoked": 1,
        "held": 2,
        "deleted": 0,
        "users": 3,
        "bought": 0,
        "last_24h": {"revoked": 1, "deleted": 0, "bought": 0},
        "last_7d": {"revoked": 1, "deleted": 2, "bought": 3},
    }
