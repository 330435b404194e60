"""Writes go as fast as the tenant's limit allows, and no faster; a tenant that asks for quiet gets it."""

import threading

import pytest

from reconciler.directory.pacing import (
    BUDGET,
    LONGEST_WAIT,
    RATE,
    SLOWEST,
    WINDOW,
    Closed,
    Pace,
)
from tests.directory.limited import Bucket, Window, write
from tests.directory.tenants import Time

LIMIT = 3000 / 150  # writes a second that Graph documents


def pace(batches=4, **options):
    time = Time()
    return Pace(batches, clock=time, sleep=time.sleep, **options), time


def send(paced, count=20):
    with paced.writing(count) as moment:
        return moment


# ---------------------------------------------------------------- a whole run


def rate(tenant, *, since):
    """Return how many writes the tenant took in a second, beyond the burst at the beginning."""
    moments = tenant.written[since:]
    return len(moments) / (moments[-1] - moments[0])


@pytest.mark.parametrize(
    ("limit", "refusals"),
    [
        (Bucket(), 0),
        (Window(), 0),
        (Bucket(full=0.2), 0),
        (Bucket(full=0.0), 20),  # somebody else has just used it up: one batch finds out
        (Bucket(count=100, seconds=5.0), 20),
    ],
    ids=["as documented", "counted by window", "nearly used up", "used up", "no room for a burst"],
)
def test_a_long_run_writes_at_nine_tenths_of_the_limit_and_does_not_storm(limit, refusals):
    tenant, outcomes = write(limit, 6000)
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert len(tenant.written) == 6000
    assert rate(tenant, since=3000) >= 0.9 * LIMIT
    assert tenant.refused <= refusals
    assert tenant.early == 0


def test_a_tenant_with_half_the_limit_refuses_few():
    """Its limit is nowhere told: it is felt for, and found again and again."""
    tenant, outcomes = write(Bucket(count=1500), 5000)
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert rate(tenant, since=2500) >= 0.75 * LIMIT / 2
    assert tenant.refused < 5000 / 100
    assert tenant.early == 0


def test_a_run_of_a_thousand_writes_is_not_slowed_down():
    tenant, _ = write(Window(), 1000)
    assert tenant.time.pauses == []


def test_no_pause_of_a_long_run_is_long():
    """Who wants to stop it does not wait for minutes."""
    tenant, _ = write(Window(), 5000)
    assert max(tenant.time.pauses) < 3.0


def test_a_tenant_that_nobody_throttles_is_not_spared():
    tenant, _ = write(Window(count=10**9), 4000, budget=float("inf"))
    assert tenant.time.pauses == []


# ---------------------------------------------------------------- the budget


def test_no_time_of_the_window_holds_more_writes_than_the_budget():
    paced, time = pace()
    moments = []
    while time.now < 1000.0 + 5 * WINDOW:
        moments.append(send(paced))
        time.now += 0.1
    assert all(
        20 * sum(start <= moment < start + WINDOW for moment in moments) <= BUDGET for start in moments
    )


def test_what_is_left_is_spread_over_the_rest_of_the_window():
    paced, time = pace()
    for _ in range(72):
        send(paced)
    assert (time.now, time.pauses) == (1000.0, [])
    for _ in range(10):
        send(paced)
    assert max(time.pauses) < 3.0
    assert time.now - 1000.0 > 10 * 1.2


def test_being_ready_takes_nothing():
    paced, time = pace(budget=40)
    for _ in range(5):
        paced.ready(20)
    assert time.pauses == []
    for _ in range(2):
        send(paced)
    paced.ready(20)
    assert time.now >= 1000.0 + WINDOW
    before = time.now
    send(paced)
    assert time.now == before


def test_who_is_told_to_stop_waits_no_longer_than_a_second():
    """A pause that the tenant asked for may last minutes; Ctrl-C is heard in the middle of it."""
    paced, time = pace()
    paced.quiet(290.0)
    paced.ready(20, lambda: time.now >= 1003.0)
    assert time.pauses == [1.0, 1.0, 1.0]
    paced.ready(20)
    assert time.now == 1290.0


# ---------------------------------------------------------------- quiet


def test_nobody_sends_while_the_tenant_asks_for_quiet():
    paced, time = pace()
    paced.quiet(7.0)
    paced.quiet(3.0)
    paced.wait()
    assert time.pauses == [7.0]
    send(paced)
    assert time.pauses == [7.0]
    paced.quiet(5.0)
    send(paced)
    assert time.pauses == [7.0, 5.0]


def test_a_pause_that_grows_while_it_is_kept_is_kept_to_its_end():
    paced, time = pace()
    sleep = time.sleep

    def longer(seconds):
        if not time.pauses:
            paced.quiet(10.0)
        sleep(seconds)

    paced._sleep = longer
    paced.quiet(4.0)
    paced.wait()
    assert time.pauses == [4.0, 6.0]


def test_a_pause_beyond_patience_is_kept_by_writes_and_not_waited_for():
    """Reads find out by themselves; what was to be written is told to the user."""
    paced, time = pace()
    paced.quiet(LONGEST_WAIT + 1)
    paced.wait()
    paced.ready(20)
    with pytest.raises(Closed, match="301 seconds"):
        send(paced)
    assert time.pauses == []
    time.now += 2
    send(paced)
    assert time.pauses == [LONGEST_WAIT - 1]


@pytest.mark.parametrize(("used", "pause"), [(0.0, 0.0), (0.8, 0.0), (0.9, 0.1), (1.3, 0.5), (99.0, 1.2)])
def test_near_a_limit_everybody_slows_down(used, pause):
    paced, time = pace()
    paced.strained(used)
    paced.wait()
    assert sum(time.pauses) == pytest.approx(pause)


def test_near_a_limit_writes_keep_a_distance():
    paced, time = pace()
    paced.strained(0.81)
    for _ in range(40):
        send(paced)
    assert 800 / (time.now - 1000.0) == pytest.approx(RATE, rel=0.1)


# ---------------------------------------------------------------- batches in flight


def widths(paced):
    """Return how many batches may be in flight now, by trying."""
    flying = []
    while paced._flying < int(paced._width):
        held = paced.writing(1)
        held.__enter__()
        flying.append(held)
    for held in flying:
        held.__exit__(None, None, None)
    return len(flying)


def test_fewer_batches_are_in_flight_after_a_refusal_and_more_again_after_success():
    paced, time = pace(8)
    assert widths(paced) == 8
    for width in (4, 2, 1, 1):
        time.now += 60
        paced.refused(time.now)
        assert widths(paced) == width
    found = []
    for _ in range(40):
        paced.accepted(20)
        found.append(widths(paced))
    assert found == sorted(found)
    assert found[-1] == 8
    assert found[1] < 4


def test_refusals_of_what_was_in_flight_together_lower_the_pace_once():
    paced, time = pace(8)
    moments = [send(paced) for _ in range(4)]
    time.now += 1
    for moment in moments:
        paced.refused(moment)
    assert widths(paced) == 4


def test_the_rate_has_a_floor_and_comes_back():
    paced, time = pace()
    for _ in range(10):
        time.now += 1
        paced.refused(time.now)
    assert paced._rate == SLOWEST
    for _ in range(200):
        paced.accepted(20)
    assert paced._rate == RATE


def test_a_batch_waits_for_a_place():
    paced, _ = pace(1)
    entered, done = threading.Event(), []

    def second():
        entered.set()
        with paced.writing(1):
            done.append("second")

    with paced.writing(1):
        thread = threading.Thread(target=second)
        thread.start()
        assert entered.wait(20)
        done.append("first")
    thread.join(20)
    assert done == ["first", "second"]
