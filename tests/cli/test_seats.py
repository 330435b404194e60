"""`reconciler seats`: owned, in use, free, grace, trial, when they end, and whether they renew."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from msgspec import structs
from rich.console import Console

from reconciler.cli import main
from reconciler.model import Subscription
from tests.cli import states

DAY = datetime(2027, 1, 3, tzinfo=UTC)
LATER = datetime(2027, 6, 24, tzinfo=UTC)


def subscription(part_number, name="1", **fields):
    sku_id = states.sid(part_number)
    return Subscription(**{"id": f"{part_number}-{name}", "sku_id": sku_id, "seats": 5, **fields})


@pytest.fixture
def seats(run, workdir):
    """Return SKU → its row of the JSON document, for a tenant with these SKUs and subscriptions."""

    def seats(*skus, subscriptions=(), **fields):
        rows = sorted(subscriptions, key=lambda row: row.id)
        current = states.tenant(
            skus=tuple(sorted(skus or states.SKUS, key=lambda one: one.id)),
            subscriptions=tuple(rows),
            **fields,
        )
        ran = run("seats", "--snapshot", states.save(workdir, current), "--json")
        assert (ran.code, ran.err) == (0, "")
        return {row["sku"]: row for row in json.loads(ran.out)["skus"]}

    return seats


# ------------------------------------------------------------ the figures


def test_a_user_takes_one_seat_however_the_licence_came(seats):
    """The user dora holds EMS twice; fay's is in error and takes none."""
    row = seats()["EMS"]
    assert (row["owned"], row["in_use"], row["free"], row["over"]) == (4, 4, 0, 0)


def test_the_service_may_know_of_more_users_than_we_see(seats):
    row = seats(states.sku("EMS", enabled=10, consumed=9))["EMS"]
    assert (row["in_use"], row["free"]) == (9, 1)


def test_grace_seats_work_but_are_not_free(seats):
    row = seats(states.sku("EMS", enabled=2, warning=3, suspended=7, locked_out=1))["EMS"]
    assert {key: row[key] for key in ("owned", "grace", "free", "over", "suspended")} == {
        "owned": 2,
        "grace": 3,
        "free": 0,
        "over": 0,
        "suspended": 8,
    }


def test_over_allocated_is_what_goes_beyond_the_grace(seats):
    assert seats(states.sku("EMS", enabled=1, warning=1))["EMS"]["over"] == 2


def test_trial_seats_are_those_of_trials_that_work(seats):
    trials = [
        subscription("EMS", "1", is_trial=True, seats=3),
        subscription("EMS", "2", is_trial=True, seats=4, status="Suspended"),
        subscription("EMS", "3", seats=5),
    ]
    assert seats(subscriptions=trials)["EMS"]["trial"] == 3


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ((True,), "yes"),
        ((False, False), "no"),
        ((True, False), "mixed"),
        ((True, None), "mixed"),
        ((None,), "unknown"),
        ((), "unknown"),
    ],
)
def test_auto_renew_is_never_guessed(seats, told, shown):
    rows = [subscription("EMS", str(n), auto_renew=value) for n, value in enumerate(told)]
    assert seats(subscriptions=rows)["EMS"]["auto_renew"] == shown


def test_every_end_is_named_once_and_deleted_subscriptions_have_none(seats):
    rows = [
        subscription("EMS", "1", next_lifecycle=LATER),
        subscription("EMS", "2", next_lifecycle=DAY),
        subscription("EMS", "3", next_lifecycle=DAY, owner_type="User"),
        subscription("EMS", "4", next_lifecycle=datetime(2026, 1, 1, tzinfo=UTC), status="Deleted"),
    ]
    row = seats(subscriptions=rows)["EMS"]
    assert row["ends"] == ["2027-01-03", "2027-06-24"]
    shown = [(one["id"].upper(), one["self_service"]) for one in row["subscriptions"]]
    assert shown == [("EMS-2", False), ("EMS-3", True), ("EMS-1", False)]


def test_each_sku_has_its_place(seats):
    storage = structs.replace(states.sku("SPE_F1"), applies_to="Company", consumed=3, enabled=1)
    found = seats(states.sku("EMS"), states.sku("FLOW_FREE"), storage)
    assert {sku: row["place"] for sku, row in found.items()} == {
        "EMS": "users",
        "FLOW_FREE": "ignored",
        "SPE_F1": "company",
    }
    assert found["SPE_F1"]["over"] == 0  # nobody is assigned to it, so nobody is too many


# ------------------------------------------------------------ how they are shown

ROWS = (
    subscription("EMS", auto_renew=False, next_lifecycle=DAY),
    subscription("ENTERPRISEPACK", auto_renew=True, next_lifecycle=LATER),
    subscription("SPE_F1", is_trial=True, seats=1),
)


@pytest.fixture
def state(workdir):
    storage = states.named_sku("SHAREPOINTSTORAGE", applies_to="Company", enabled=500)
    skus = (*states.SKUS, storage)
    over = structs.replace(states.sku("EMS"), enabled=3)
    skus = tuple(sorted((over if one.part_number == "EMS" else one for one in skus), key=lambda one: one.id))
    return states.save(workdir, states.tenant(skus=skus, subscriptions=ROWS))


def test_in_a_pipe_there_are_plain_columns(run, state):
    ran = run("seats", "--snapshot", state)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "SKU             OWNED  IN USE  FREE  GRACE  TRIAL  ENDS        RENEWS\n"
        "EMS                 3       4    -1      -      -  2027-01-03  no\n"
        "ENTERPRISEPACK     10       3     7      -      -  2027-06-24  yes\n"
        "SPE_F1              1       0     1      -      1  -           unknown\n"
        "\n"
        "EMS (Enterprise Mobility + Security E3): 1 user more than there are seats. `reconciler plan` names "
        "who could give one up.\n"
        "\n"
        "For the whole tenant, not assigned to users\n"
        "SHAREPOINTSTORAGE: 500 owned, no end known\n"
        "\n"
        "Not counted as a licence: FLOW_FREE (1 in use); `--all` shows it.\n"
    )


def test_all_shows_ignored_skus_among_the_others(run, state):
    out = run("seats", "--all", "--snapshot", state).out
    assert "FLOW_FREE       10,000" in out
    assert "Not counted" not in out


def terminal(monkeypatch, width, *argv):
    """Run a command line on a terminal of that width and return what it prints, styled."""
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=True, color_system="standard", width=width, highlight=False, no_color=False
    )
    monkeypatch.setattr("rich.console.Console", lambda **_: console)
    assert main([str(arg) for arg in argv]) == 0
    return out.getvalue()


def test_a_terminal_has_a_bar_for_each_sku(monkeypatch, state):
    out = terminal(monkeypatch, 120, "seats", "--snapshot", state)
    assert [
        line.count("\u25a0") + line.count("\u00b7") + line.count("!") for line in out.splitlines()[1:4]
    ] == [
        30,
        30,
        30,
    ]
    assert "\x1b[32m" + "\u25a0" * 9 + "\x1b[0m" in out  # 3 of 10


def test_over_allocated_is_red_and_its_bar_overflows(monkeypatch, state):
    out = terminal(monkeypatch, 120, "seats", "--snapshot", state)
    ems = next(line for line in out.splitlines() if "\x1b[1;31mEMS\x1b[0m" in line)
    assert "\x1b[31m\u25a0" in ems
    assert "!\x1b[0m" in ems


def test_a_narrow_terminal_has_the_bars_below(monkeypatch, state):
    out = terminal(monkeypatch, 60, "seats", "--snapshot", state)
    below = [line for line in out.splitlines() if line.startswith("  ") and "\u25a0" in line]
    assert len(below) == 2


def test_a_terminal_leaves_out_columns_with_nothing_in_them(monkeypatch, state):
    head = terminal(monkeypatch, 120, "seats", "--snapshot", state).splitlines()[0]
    assert "TRIAL" in head
    assert "GRACE" not in head


def test_an_end_without_renewal_that_is_near_is_marked(monkeypatch, workdir):
    soon = states.soon(30)
    rows = (subscription("EMS", auto_renew=False, next_lifecycle=soon),)
    state = states.save(workdir, states.tenant(subscriptions=rows))
    assert f"\x1b[33m{soon:%Y-%m-%d}" in terminal(monkeypatch, 120, "seats", "--snapshot", state)


def test_csv_has_a_row_for_each_sku_that_counts(run, state):
    rows = list(csv.DictReader(io.StringIO(run("seats", "--csv", "--snapshot", state).out)))
    assert [row["sku"] for row in rows] == ["EMS", "ENTERPRISEPACK", "SHAREPOINTSTORAGE", "SPE_F1"]
    assert (rows[0]["in_use"], rows[0]["over"], rows[0]["ends"]) == ("4", "1", "2027-01-03")
    assert "FLOW_FREE" in run("seats", "--csv", "--all", "--snapshot", state).out


def test_a_tenant_without_skus_says_so(run, workdir):
    state = states.save(workdir, states.tenant((states.user("admin"),), skus=()))
    assert run("seats", "--snapshot", state).out == "No SKU that can be assigned to users.\n"


def test_two_formats_at_once_are_refused(run):
    assert run("seats", "--json", "--csv").code == 1
