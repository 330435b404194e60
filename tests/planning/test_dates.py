"""From when until when a licence is to be held: days in UTC, the first and the last are part of it."""

from datetime import date, timedelta

import msgspec
import pytest

from reconciler.model import Choice, Exclusion, Grant, Group, Rule, WantedGroup
from tests.planning.test_matching import team
from tests.planning.test_rules import SALES, ruled, seller
from tests.planning.world import (
    NOW,
    PLAIN,
    change,
    codes,
    entry,
    grant,
    held,
    line,
    parts,
    planned,
    sid,
    sku,
    user,
)

TODAY = NOW.date()
DAY = timedelta(days=1)
SKUS = sku("ENTERPRISEPACK"), sku("EMS"), sku("FLOW_FREE")


def dated(part: str, start: date | None = None, until: date | None = None, **fields) -> Grant:
    """Return a grant with bounds."""
    return msgspec.structs.replace(grant(part, **fields), start=start, until=until)


def moves(plan) -> tuple[list[str], list[str]]:
    """Return what anna gains and loses."""
    mine = [c for c in plan.changes if c.kind == "set-licenses" and c.user.id == "id-anna"]
    return [p for c in mine for p in parts(c.assign)], [p for c in mine for p in parts(c.revoke)]


def of_anna(*licences: Grant | str, holds=(), **fields) -> tuple[list[str], list[str]]:
    """Return what anna gains and loses where her entry lists these licences."""
    return moves(planned(entry("anna", *licences, **fields), users=(user("anna", *holds),), skus=SKUS))


@pytest.mark.parametrize(
    ("start", "until", "given"),
    [
        (TODAY, None, True),
        (TODAY + DAY, None, False),
        (None, TODAY, True),
        (None, TODAY - DAY, False),
        (TODAY, TODAY, True),
    ],
)
def test_a_licence_is_given_from_its_first_to_its_last_day(start, until, given):
    """Both days are part of it."""
    assert of_anna(dated("EMS", start, until)) == (given * ["EMS"], [])


@pytest.mark.parametrize("hour", [0, 23])
def test_a_day_is_a_day_in_utc(hour):
    """From its first to its last hour."""
    options = msgspec.structs.replace(PLAIN, now=NOW.replace(hour=hour, minute=59))

    plan = planned(
        entry("anna", dated("EMS", TODAY, TODAY)), users=(user("anna"),), skus=SKUS, options=options
    )

    assert moves(plan) == (["EMS"], [])


@pytest.mark.parametrize("mode", ["replace", "add"])
def test_a_licence_whose_last_day_has_passed_is_taken_in_either_mode(mode):
    """That is what the date is for; the reason is its line."""
    over = dated("EMS", None, TODAY - DAY, at=7)

    plan = planned(entry("anna", over, mode=mode), users=(user("anna", "EMS"),), skus=SKUS)

    assert moves(plan) == ([], ["EMS"])
    assert [b.line for b in change(plan, "anna").revoke[0].because] == [7]


def test_a_licence_whose_first_day_is_to_come_is_taken_only_where_all_is_listed():
    """`replace` says what is to be held today; `add` leaves alone what it does not give."""
    later = dated("EMS", TODAY + DAY)

    assert of_anna(later, holds=("EMS",)) == ([], ["EMS"])
    assert of_anna(later, holds=("EMS",), mode="add") == ([], [])


def test_a_licence_in_force_that_is_held_is_no_change():
    """The ordinary day between the bounds."""
    assert of_anna(dated("EMS", TODAY - DAY, TODAY + DAY), holds=("EMS",)) == ([], [])


def test_what_another_grant_still_gives_does_not_end():
    """An extra that has run out takes nothing from what is given anyway."""
    assert of_anna(dated("EMS", None, TODAY - DAY), "EMS", holds=("EMS",)) == ([], [])


def test_bounds_of_one_licence_follow_each_other_without_a_gap():
    """Plans off until a day, and on from the next: one change, no loss of the licence."""
    first = dated("ENTERPRISEPACK", None, TODAY - DAY, off=("SWAY",))
    then = dated("ENTERPRISEPACK", TODAY, None, off=())

    plan = planned(
        entry("anna", first, then), users=(user("anna", held("ENTERPRISEPACK", off=("SWAY",))),), skus=SKUS
    )

    assert [(item.sku, item.disabled_plans) for item in change(plan, "anna").modify] == [
        ("ENTERPRISEPACK", ())
    ]


def test_an_inherited_licence_does_not_end_with_the_grant():
    """A group's licence is the group's."""
    mine = held("EMS", group="g-team")

    assert of_anna(dated("EMS", None, TODAY - DAY), holds=(mine,)) == ([], [])


# ------------------------------------------------------------ choices


def one_of(*options: Grant) -> tuple[Choice, ...]:
    """Return one choice."""
    return (Choice(options=options, location=line(3)),)


def test_of_a_choice_the_options_in_force_count():
    """The first of them is the one that is wanted."""
    choices = one_of(dated("EMS", None, TODAY - DAY), dated("ENTERPRISEPACK", TODAY))

    assert of_anna(choices=choices) == (["ENTERPRISEPACK"], [])


def test_a_choice_of_which_no_option_is_in_force_gives_nothing():
    """And what was held of it ends with its last day."""
    choices = one_of(dated("EMS", None, TODAY - DAY), dated("ENTERPRISEPACK", TODAY + DAY))

    assert of_anna(choices=choices) == ([], [])
    assert of_anna(choices=choices, holds=("EMS",), mode="add") == ([], ["EMS"])


# ------------------------------------------------------------ exclusions, rules, groups


def test_an_exclusion_holds_to_the_end_of_its_last_day():
    """The next day the bundle gives the licence again."""
    last = Exclusion(sku_id=sid("EMS"), until=TODAY, location=line(4))

    assert of_anna("EMS", exclusions=(last,), holds=("EMS",)) == ([], ["EMS"])
    assert of_anna("EMS", exclusions=(msgspec.structs.replace(last, until=TODAY - DAY),)) == (["EMS"], [])


def test_a_rule_gives_and_ends_by_date_like_an_entry():
    """For everybody whom it matches."""
    bounded = Rule(
        name="r",
        when=SALES,
        location=line(5),
        grants=(dated("ENTERPRISEPACK", TODAY, rule="r"), dated("EMS", None, TODAY - DAY, rule="r", at=6)),
    )

    plan = ruled(bounded, users=(seller("anna", "EMS"), seller("ben", "ENTERPRISEPACK", "EMS")))

    assert moves(plan) == (["ENTERPRISEPACK"], ["EMS"])
    assert [(b.rule, b.line) for b in change(plan, "ben").revoke[0].because] == [("r", 6)]


def licensed(group: Group, *grants: Grant, mode="add"):
    """Return what changes of a group's licences."""
    wanted = WantedGroup(name="Team", location=line(3), mode=mode, grants=grants)
    plan = planned(
        users=(user("anna"),), skus=SKUS, current={"groups": (group,)}, desired={"groups": (wanted,)}
    )
    return [(c.kind, parts(c.assign), parts(c.revoke)) for c in plan.changes], codes(plan.conflicts)


def test_a_group_gives_and_ends_by_date():
    """In `add` mode what is not in force is neither given nor, before its last day, taken."""
    holds = team("anna", assignments=(held("EMS"),))

    assert licensed(team("anna"), dated("EMS", TODAY)) == ([("set-group-licenses", ["EMS"], [])], [])
    assert licensed(team("anna"), dated("EMS", TODAY + DAY)) == ([], [])
    assert licensed(holds, dated("EMS", TODAY + DAY)) == ([], [])
    assert licensed(holds, dated("EMS", None, TODAY - DAY)) == ([("set-group-licenses", [], ["EMS"])], [])


def test_a_group_that_replaces_holds_what_is_in_force_today():
    """And nothing else."""
    holds = team("anna", assignments=(held("EMS"),))

    found = licensed(holds, dated("ENTERPRISEPACK", TODAY), dated("EMS", TODAY + DAY), mode="replace")

    assert found == ([("set-group-licenses", ["ENTERPRISEPACK"], ["EMS"])], [])
