"""When a saved plan may be carried out: never before its day, and never longer than was asked for."""

import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from reconciler.plan_lifetime import LONGEST, SKEW, bounded, early, expired
from tests.apply.bench import NOW, plan_of

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def made(at, hours=24):
    """Return a plan for an instant, which would hold so many hours from then on."""
    ends = at + hours * HOUR
    return plan_of(created_at=at.isoformat(), expires_at=ends.isoformat())


def ends(plan):
    return datetime.fromisoformat(plan.expires_at)


@pytest.mark.parametrize("hours", [24, 4])
def test_a_plan_for_now_holds_as_long_as_its_kind(hours):
    plan = bounded(made(NOW, hours), NOW)
    assert plan == msgspec.structs.replace(made(NOW, hours), expires_at=plan.expires_at)
    assert ends(plan) == NOW + hours * HOUR
    assert plan.expires_at.endswith("Z")


def test_what_is_asked_for_counts_in_place_of_that():
    assert ends(bounded(made(NOW), NOW, timedelta(minutes=30))) == NOW + HOUR / 2


def test_a_plan_for_a_day_to_come_ends_by_the_clock():
    """It was once good for a day beyond that day, whenever that was."""
    plan = bounded(made(NOW + 24 * 400 * HOUR), NOW)
    assert ends(plan) == NOW + 24 * HOUR


def test_a_plan_for_a_day_that_has_passed_ends_by_that_day():
    assert ends(bounded(made(NOW - 48 * HOUR), NOW)) == NOW - 24 * HOUR


def test_the_first_year_is_written_with_four_digits():
    plan = bounded(made(datetime(1, 1, 1, tzinfo=UTC)), NOW)
    assert plan.expires_at == "0001-01-02T00:00:00Z"


def test_a_plan_is_early_until_its_day_comes_give_or_take_a_clock():
    plan = made(NOW)
    assert early(plan, NOW - SKEW - SECOND)
    assert not early(plan, NOW - SKEW)


def test_a_plan_holds_to_its_last_second():
    plan = made(NOW)
    assert not expired(plan, NOW + 24 * HOUR)
    assert expired(plan, NOW + 24 * HOUR + SECOND)


def test_no_plan_holds_longer_than_can_be_asked_for():
    plan = made(NOW, hours=24 * 365)
    assert not expired(plan, NOW + LONGEST)
    assert expired(plan, NOW + LONGEST + SECOND)


def test_time_zones_make_no_difference():
    plan = plan_of(created_at="2026-11-24T04:00:00+02:00", expires_at="2026-11-24T23:00:00-05:00")
    assert not expired(plan, NOW + 24 * HOUR + HOUR * 2)
    assert expired(plan, NOW + 24 * HOUR + HOUR * 2 + SECOND)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system has one time zone for all")
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_a_plan_holds_as_long_wherever_the_computer_stands(zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        plan = bounded(made(NOW), NOW)
        assert not expired(plan, NOW + 24 * HOUR)
        assert expired(plan, NOW + 24 * HOUR + SECOND)
    finally:
        monkeypatch.undo()
        time.tzset()
