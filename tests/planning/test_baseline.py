"""Which rails hold where a revision or a trusted file has some too, and what is told of what is loosened."""

import msgspec
import pytest

from reconciler.model import Baseline, Every, Guardrails, Rail, Restriction, Rule, ToldMailbox
from reconciler.planning.baseline import looser
from tests.planning.world import CATALOG, codes, conflict, entry, line, pid, planned, sid, user

MAIN = Baseline(name="origin/main", guardrails=Guardrails(), entries=3, unlisted_users="keep")


NONE = Guardrails()


def based(*bases: Baseline, guardrails: Guardrails = NONE, **desired):
    """Return the plan of files with these rails against baselines."""
    return planned(
        entry("admin", grants=None),
        desired={
            "guardrails": guardrails,
            "guardrails_location": line(9),
            "baselines": bases,
            **desired,
        },
    )


def told(plan) -> list[tuple]:
    """Return what is told as loosened: the setting, what it was and what it is."""
    return [
        (one.code, one.params["setting"], one.params["was"], one.params["now"])
        for one in plan.conflicts
        if one.code.endswith("-loosened")
    ]


@pytest.mark.parametrize("rail", ["max_revocations", "max_deletions", "max_purchases"])
@pytest.mark.parametrize(
    ("own", "base", "holds"),
    [
        (Rail(count=9), Rail(count=5), {"count": 5, "free": 0}),
        (Rail(count=5), Rail(count=9), {"count": 5, "free": 0}),
        (Rail(), Rail(count=9), {"count": 9, "free": 0}),
        (Rail(count=9), Rail(percent=5), {"count": 9, "percent": 5, "free": 0}),
        (Rail(percent=9, free=3), Rail(percent=5, free=7), {"percent": 5, "free": 3}),
        (Rail(free=3), Rail(), {"free": 0}),
    ],
)
def test_the_stricter_of_both_holds_for_every_figure(rail, own, base, holds):
    """None is no limit, and every figure is stricter than none."""
    bases = (msgspec.structs.replace(MAIN, guardrails=Guardrails(**{rail: base})),)
    plan = based(*bases, guardrails=Guardrails(**{rail: own}))

    assert plan.guardrails[rail] == holds
    assert plan.guardrails["stricter_of"] == ["tenant.yaml", "origin/main"]


def test_a_rail_that_is_loosened_is_told_and_has_no_effect():
    """The pull request that loosens a rail can't use it."""
    names = [f"u{number}" for number in range(9)]
    plan = planned(
        *(entry(name) for name in names),
        users=(*(user(name, "EMS") for name in names), user("zoe", "EMS")),
        desired={
            "guardrails": Guardrails(max_revocations=Rail()),
            "guardrails_location": line(9),
            "baselines": (MAIN,),
        },
    )
    found = conflict(plan, "guardrail-loosened")

    assert codes(plan.refusals) == ["max-revocations"]
    assert (found.subject, found.blocks, found.file, found.line) == (
        "guardrails/max_revocations",
        False,
        "tenant.yaml",
        9,
    )
    assert found.params == {
        "setting": "guardrails.max_revocations",
        "base": "origin/main",
        "was": {"count": 50, "percent": 10, "free": 5},
        "now": {"free": 0},
    }


def test_a_rail_that_is_tightened_is_no_news():
    """It holds at once."""
    plan = based(MAIN, guardrails=Guardrails(max_deletions=Rail(count=1)))

    assert plan.conflicts == ()
    assert plan.guardrails["max_deletions"] == {"count": 1, "free": 0}


def test_whom_one_side_protects_is_protected():
    """Users and SKUs of both; what the files take out is told."""
    base = Guardrails(protected_users=("anna@contoso.com", "vips"), protected_skus=(sid("EMS"),))
    own = Guardrails(protected_users=("bram@contoso.com", "vips"), protected_skus=(sid("SPE_E5"),))
    people = tuple(user(name, "SPE_E3", "EMS", "SPE_E5") for name in ("anna", "bram", "cees"))
    plan = planned(
        entry("anna"),
        entry("bram"),
        entry("cees", "SPE_E3"),
        users=people,
        desired={
            "guardrails": own,
            "baselines": (msgspec.structs.replace(MAIN, guardrails=base),),
        },
    )

    assert codes(plan.conflicts).count("protected") == 3
    assert plan.ready == ()
    assert told(plan) == [
        ("guardrail-loosened", "guardrails.protected_skus", ["EMS"], []),
        ("guardrail-loosened", "guardrails.protected_users", ["anna@contoso.com"], []),
    ]
    assert plan.guardrails["protected_users"] == ["anna@contoso.com", "bram@contoso.com", "vips"]


def test_of_several_baselines_the_strictest_holds():
    """A branch and a trusted file."""
    rails = Guardrails(max_deletions=Rail(count=2))
    trusted = Baseline(name="rails.yaml", guardrails=rails)
    plan = based(MAIN, trusted)

    assert plan.guardrails["max_deletions"]["count"] == 2
    assert plan.guardrails["stricter_of"] == ["tenant.yaml", "origin/main", "rails.yaml"]
    assert [one.params["base"] for one in plan.conflicts] == ["rails.yaml"]


def test_other_safeguards_that_are_loosened_are_told_and_followed():
    """Unlisted users, the rest before a deletion, and restrictions."""
    plans = Restriction(location=line(3), plan_id=pid("MCOMEETADV"), countries=("IN", "VN"))
    skus = Restriction(location=line(4), sku_id=sid("EMS"), countries=("IN",))
    base = msgspec.structs.replace(MAIN, disable_before_delete=7, restrictions=(plans, skus))
    fewer = msgspec.structs.replace(plans, countries=("VN",))
    plan = based(
        base,
        unlisted_users="revoke",
        unlisted_location=line(2),
        disable_before_delete=3,
        restrictions=(fewer,),
    )

    assert told(plan) == [
        ("safeguard-loosened", "defaults.disable_before_delete", "7d", "3d"),
        ("safeguard-loosened", "restrictions", ["EMS in IN", "MCOMEETADV in IN"], []),
        ("safeguard-loosened", "unlisted_users", "keep", "revoke"),
    ]
    assert [one.line for one in plan.conflicts] == [None, None, 2]
    gone = based(base, disable_before_delete=None, restrictions=(plans, skus))
    assert told(gone) == [("safeguard-loosened", "defaults.disable_before_delete", "7d", None)]


def test_licences_that_were_to_stay_and_are_taken_are_told():
    """A mode that replaces; SKUs that count again, of those that the tenant has; a shorter grace."""
    base = msgspec.structs.replace(
        MAIN,
        default_mode="add",
        ignored_skus=frozenset({sid("EMS"), sid("FLOW_FREE"), sid("POWER_BI_STANDARD")}),
        graces={"sales": 30, "longer": 30, "adding": 30},
    )
    rules = tuple(
        Rule(name=name, when=Every(conditions=()), mode=mode, grace=days, location=line(3))
        for name, mode, days in [
            ("adding", "add", 0),
            ("longer", "replace", 60),
            ("new", "replace", 0),
            ("sales", "replace", 7),
        ]
    )
    more = {"ignored_skus": frozenset({sid("EMS")}), "rules": rules, "default_mode": "replace"}
    plan = planned(
        entry("admin", grants=None),
        users=(user("anna", "EMS", "FLOW_FREE"),),
        desired={"baselines": (base,), **more},
    )

    assert told(plan) == [
        ("safeguard-loosened", "defaults.licenses", "add", "replace"),
        ("safeguard-loosened", "ignore_skus", ["FLOW_FREE"], []),
        ("safeguard-loosened", "rules.sales.grace", "30d", "7d"),
    ]
    shorter = next(one for one in plan.conflicts if one.subject == "rules/sales" and not one.blocks)
    assert (shorter.code, shorter.line) == ("safeguard-loosened", 3)
    same = {"ignored_skus": base.ignored_skus, "rules": rules[:-1], "default_mode": "add"}
    assert told(based(base, **same)) == []


def test_a_hold_that_the_files_tell_no_more_is_told():
    """Of users who are here, by whichever address; the table itself, where none is left."""
    base = msgspec.structs.replace(
        MAIN,
        mailboxes_from="exchange.csv",
        holds=("anna@contoso.com", "b@contoso.com", "cees@contoso.com", "gone@contoso.com"),
    )
    bram = user("bram", proxy_addresses=("b@contoso.com", "bram@contoso.com"))
    people = (user("anna"), bram, user("cees"))
    rows = (
        ToldMailbox(address="anna@contoso.com", location=line(2), on_hold=True),
        ToldMailbox(address="cees@contoso.com", location=line(3), on_hold=False),
    )

    def against(*mailboxes):
        return told(planned(users=people, desired={"baselines": (base,), "mailboxes": mailboxes}))

    lost = ["hold on bram@contoso.com", "hold on cees@contoso.com"]
    assert against(*rows) == [("safeguard-loosened", "mailboxes_from", lost, [])]
    assert against() == [("safeguard-loosened", "mailboxes_from", "exchange.csv", None)]


def test_a_file_of_rails_speaks_of_rails_alone():
    """It says nothing of unlisted users, so that nothing is loosened there."""
    plan = based(Baseline(name="rails.yaml", guardrails=Guardrails()), unlisted_users="revoke")

    assert plan.conflicts == ()


def test_users_that_are_emptied_against_the_revision_are_refused():
    """Also where no run was ever applied; the last applied run is told first."""
    (refusal,) = planned(desired={"baselines": (MAIN,)}).refusals
    assert (refusal.code, refusal.params) == ("users-emptied", {"was": 3, "base": "origin/main"})
    empty = msgspec.structs.replace(MAIN, entries=0)
    trusted = Baseline(name="rails.yaml", guardrails=Guardrails())
    assert planned(desired={"baselines": (trusted, empty)}).refusals == ()


def test_a_plan_is_looser_where_one_of_its_rails_is_or_protects_less():
    """A rail that it does not have is looser than any."""
    base = Baseline(
        name="rails.yaml",
        guardrails=Guardrails(
            max_deletions=Rail(count=1),
            protected_users=("anna@contoso.com",),
            protected_skus=(sid("EMS"), sid("SPE_E5")),
        ),
    )
    plan = based(base)
    assert looser(plan, base, CATALOG) == []
    assert [one["setting"] for one in looser(based(), base, CATALOG)] == [
        "guardrails.max_deletions",
        "guardrails.protected_users",
        "guardrails.protected_skus",
    ]
    older = {key: value for key, value in plan.guardrails.items() if key != "max_purchases"}
    assert looser(msgspec.structs.replace(plan, guardrails=older), base, CATALOG) == [
        {"setting": "guardrails.max_purchases", "was": {"count": 50, "free": 0}, "now": {"free": 0}}
    ]
