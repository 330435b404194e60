"""What the shared options accept."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from reconciler.cli import options


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-24", datetime(2026, 11, 24, tzinfo=UTC)),
        ("2026-11-24T09:30:00Z", datetime(2026, 11, 24, 9, 30, tzinfo=UTC)),
        ("2026-11-24t09:30:00z", datetime(2026, 11, 24, 9, 30, tzinfo=UTC)),
        ("2026-11-24T00:30:00+01:00", datetime(2026, 11, 23, 23, 30, tzinfo=UTC)),
        ("2026-11-24T09:30:00.25Z", datetime(2026, 11, 24, 9, 30, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_an_instant_is_a_date_or_rfc_3339(text, instant):
    assert options.instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "2026",
        "20261124",
        "2026-02-31",
        "2026-11-24T09:30:00",
        "2026-11-24T09:30Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31",
    ],
)
def test_what_is_no_instant_is_refused_with_an_example(text):
    """A local time without its offset is refused: nobody could say which instant is meant."""
    with pytest.raises(click.BadParameter, match="2026-11-24T09:00:00Z"):
        options.instant(text)


def test_a_upn_is_taken_in_any_case():
    assert options.upn("Anna.O'Brien#EXT#@Contoso.com") == "anna.o'brien#ext#@contoso.com"


@pytest.mark.parametrize(
    "text", ["", "anna", "anna@", "@contoso.com", "an na@contoso.com", "änna@contoso.com", "a\n@b"]
)
def test_what_can_be_no_upn_is_refused(text):
    with pytest.raises(click.BadParameter, match="sign-in name"):
        options.upn(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Anna@Contoso.com", "anna@contoso.com"),
        ("users/Anna@Contoso.com/Licenses", "users/anna@contoso.com/licenses"),
        ("Subscriptions/enterprisepack/Seats", "subscriptions/ENTERPRISEPACK/seats"),
        ("Groups/Sales NL", "groups/Sales NL"),
        ("groups/Sales NL/members/anna@contoso.com", "groups/Sales NL/members/anna@contoso.com"),
    ],
)
def test_a_target_is_spelt_as_plans_spell_it(text, meant):
    assert options.target(text) == meant


def test_a_rule_is_no_target_since_it_is_not_what_changes():
    with pytest.raises(click.BadParameter, match="users, groups and subscriptions"):
        options.target("rules/sales")


@pytest.mark.parametrize(("text", "number"), [("1d", 1), ("90d", 90), ("3650d", 3650)])
def test_a_horizon_is_a_number_of_days(text, number):
    assert options.days(text) == number


@pytest.mark.parametrize("text", ["", "90", "0d", "-1d", "1.5d", "3651d", "90D", "3 d", "\u0663d", "1w"])
def test_what_is_no_number_of_days_is_refused_with_an_example(text):
    with pytest.raises(click.BadParameter, match="from 1d to 3650d"):
        options.days(text)


@pytest.mark.parametrize(
    ("text", "minutes"), [("5m", 5), ("90m", 90), ("8h", 480), ("7d", 10080), ("168h", 10080)]
)
def test_a_plan_holds_for_minutes_hours_or_days(text, minutes):
    assert options.lifetime(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", ["", "8", "4m", "0h", "-1h", "1.5h", "8d", "169h", "8H", "1\u0663h", "1w", "9" * 9 + "m"]
)
def test_what_is_no_lifetime_of_a_plan_is_refused_with_its_bounds(text):
    with pytest.raises(click.BadParameter, match="from 5m to 7d"):
        options.lifetime(text)
