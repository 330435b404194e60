"""A few changes first: the rest follows only where all of these were made and the tenant shows them."""

import threading

import pytest

from tests.apply.bench import licences, plan_of, purchase


@pytest.fixture
def five(bench):
    """Put five users into the tenant, and return the changes of a plan about them."""
    changes = [licences(f"u{number:02}", [], ["e3"]) for number in range(5)]
    bench.tenant.hold(*changes)
    return changes


def statuses(run):
    return [(result.status, result.code) for result in run.results]


def test_the_rest_follows_where_the_tenant_shows_the_first(bench, five):
    """Looked at before anything else is sent, twice in a row, and not once more at the end."""
    run = bench.run(plan_of(*five), canary=2)

    assert statuses(run) == [("done", None)] * 5
    assert (run.canary_failed, run.exit_code) == (False, 0)
    first, second = five[0].address, five[1].address
    log = bench.tenant.log
    assert bench.tenant.batches == [[first, second], [each.address for each in five[2:]]]
    assert log.count(("watch", first)) == log.count(("watch", second)) == 2
    shown = max(place for place, event in enumerate(log) if event == ("watch", first))
    assert shown < log.index(("write", five[2].address))


def test_one_that_fails_ends_the_run(bench, five):
    bench.tenant.refuse = {five[1].address}
    run = bench.run(plan_of(*five), canary=2)

    assert statuses(run) == [("done", None), ("failed", "no-seats"), *[("skipped", "canary")] * 3]
    assert bench.tenant.written == [five[0].address, five[1].address]
    assert (run.canary_failed, run.exit_code) == (True, 4)


def test_one_that_is_stale_ends_the_run(bench, five):
    bench.tenant.objects[bench.tenant.key(five[0])]["usage_location"] = "DE"
    run = bench.run(plan_of(*five), canary=1)

    assert [result.status for result in run.results] == ["stale", *["skipped"] * 4]
    assert (bench.tenant.written, run.canary_failed, run.exit_code) == ([], True, 4)


def test_one_whose_outcome_is_unknown_ends_the_run(bench, five):
    bench.tenant.lose = {five[0].address}
    run = bench.run(plan_of(*five), canary=1)

    assert [result.status for result in run.results] == ["unknown", *["skipped"] * 4]
    assert (run.canary_failed, run.exit_code) == (True, 5)


def test_one_that_the_tenant_does_not_show_ends_the_run(bench, five):
    bench.tenant.lags[five[0].address] = ({**five[0].before}, 99)
    run = bench.run(plan_of(*five), canary=1)

    assert statuses(run) == [("unsettled", "not-shown"), *[("skipped", "canary")] * 4]
    assert (run.canary_failed, run.exit_code) == (True, 5)


def test_the_first_are_those_that_wait_for_nothing(bench, five):
    """An order that respects `depends_on` is kept; what waits comes when its turn comes."""
    five[0] = licences("u00", [], ["e3"], depends_on=(five[4].address,))
    run = bench.run(plan_of(*five), canary=1)

    assert bench.tenant.written[0] == five[1].address
    assert [result.status for result in run.results] == ["done"] * 5


def test_more_than_there_are_is_all_of_them(bench, five):
    run = bench.run(plan_of(*five), canary=99)

    assert [result.status for result in run.results] == ["done"] * 5
    assert run.canary_failed is False


def test_where_nothing_is_left_nothing_was_stopped(bench, five):
    bench.tenant.refuse = {five[4].address}
    run = bench.run(plan_of(*five), canary=5)

    assert ([result.status for result in run.results][4], run.canary_failed) == ("failed", False)


def test_what_is_not_tried_at_all_is_no_canary(bench, five):
    """Blocked changes, and purchases without leave, are set aside before."""
    run = bench.run(plan_of(purchase("e3", 5, 9), *five), canary=1)

    assert [result.status for result in run.results] == ["left-out", *["done"] * 5]


def test_an_interruption_is_told_as_such(bench, five):
    stop = threading.Event()
    bench.tenant.before_write = lambda _: stop.set()
    run = bench.run(plan_of(*five), canary=1, stop=stop)

    assert statuses(run)[1:] == [("skipped", "interrupted")] * 4
    assert (run.canary_failed, run.interrupted, run.exit_code) == (False, True, 130)


def test_an_error_that_ends_the_run_is_told_as_such(bench, five):
    def broken(_):
        raise OSError("cut")

    bench.tenant.before_write = broken
    run = bench.run(plan_of(*five), failing=True, canary=1)

    assert [code for _, code in statuses(run)][1:] == ["run-ended"] * 4
    assert run.canary_failed is False
