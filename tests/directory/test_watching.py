"""A change that the tenant accepted is watched until its copies show it, within a bound."""

import json

import httpx
import pytest

from reconciler.apply.expectation import shows
from reconciler.directory import Write
from tests.directory import tenants
from tests.directory.test_faults import is_write


class Copies:
    """A tenant whose copies answer in turn, as it is or as it was before."""

    def __init__(self, home, **options):
        self.wire = tenants.Wire(tenants.in_process(home))
        self.time = tenants.Time()
        self.tenant = tenants.directory(self.wire, time=self.time, **options)
        self.before = {}

    def remember(self, *changes):
        """Keep what is to be seen of these users now, for later answers; return the links."""
        self.tenant.observe(changes, {})
        request = self.wire.requests[-1]
        response = self.wire.inner.handle_request(request)
        response.read()
        asked = {each["id"]: each["url"] for each in json.loads(request.content)["requests"]}
        self.before = {asked[each["id"]]: each for each in response.json()["responses"]}
        self.wire.requests.clear()

    def show(self, *fresh):
        """Answer the coming looks from a copy that is up to date, or not; the last for good."""
        left = list(fresh)

        def after(request, response):
            if is_write(request) or (left.pop(0) if len(left) > 1 else left[0]):
                return response
            asked = {each["id"]: each["url"] for each in json.loads(request.content)["requests"]}
            answers = [
                {**self.before.get(asked[each["id"]], each), "id": each["id"]}
                for each in response.json()["responses"]
            ]
            return httpx.Response(200, json={"responses": answers})

        self.wire.after = after

    def write(self, *changes):
        """Carry changes out, and take no look."""
        outcomes = self.tenant.carry_out([Write(change=change) for change in changes])
        assert {outcome.status for outcome in outcomes} == {"done"}
        self.wire.requests.clear()


@pytest.fixture
def copies(tmp_path):
    made = Copies(tenants.fill(tmp_path / "home"), patience=60.0)
    yield made
    made.tenant.close()


def test_what_is_shown_at_once_takes_as_many_looks_as_are_asked_for_and_no_pause(copies):
    changes = [tenants.swap(), tenants.take("admin")]
    copies.write(*changes)
    found = copies.tenant.watch(changes, {}, shows, times=2)
    assert set(found) == {change.address for change in changes}
    assert (len(copies.wire.requests), copies.time.pauses) == (2, [])


def test_what_is_shown_late_is_waited_for(copies):
    change = tenants.swap()
    copies.remember(change)
    copies.write(change)
    copies.show(False, False, True)
    assert change.address in copies.tenant.watch([change], {}, shows, times=2)
    assert (len(copies.wire.requests), copies.time.pauses) == (4, [1.0, 2.0])


def test_copies_that_disagree_are_asked_until_they_do(copies):
    change = tenants.swap()
    copies.remember(change)
    copies.write(change)
    copies.show(True, False, True, True)
    assert change.address in copies.tenant.watch([change], {}, shows, times=2)
    assert (len(copies.wire.requests), copies.time.pauses) == (4, [1.0])


@pytest.mark.parametrize(
    ("patience", "pauses"), [(0.0, []), (5.0, [1.0, 2.0, 2.0]), (60.0, [1, 2, 4, 8, 16, 29])]
)
def test_patience_ends(tmp_path, patience, pauses):
    copies = Copies(tenants.fill(tmp_path / "home"), patience=patience)
    change, other = tenants.swap(), tenants.take("admin")
    copies.remember(change)
    copies.write(change, other)
    copies.show(False)
    assert set(copies.tenant.watch([change, other], {}, shows, times=1)) == {other.address}
    assert copies.time.pauses == pauses
    copies.tenant.close()


def test_whoever_waits_is_asked_before_each_pause(copies):
    change, told = tenants.swap(), []
    copies.remember(change)
    copies.write(change)
    copies.show(False)
    go_on = lambda left: told.append(left) or len(told) < 3  # noqa: E731
    assert copies.tenant.watch([change], {}, shows, go_on=go_on) == {}
    assert (told, copies.time.pauses) == ([1, 1, 1], [1.0, 2.0])


def test_a_look_that_fails_is_taken_again(copies):
    change = tenants.swap()
    copies.write(change)
    left = [1]

    def before(request):
        return httpx.Response(403, json={}) if left and left.pop() else None

    copies.wire.before = before
    assert change.address in copies.tenant.watch([change], {}, shows, times=2)
    assert copies.time.pauses == [1.0]


def test_many_are_looked_at_twenty_in_a_request(copies):
    changes = [tenants.create(f"c{number}") for number in range(25)]
    found = copies.tenant.watch(changes, {}, lambda change, values: values == {})
    assert set(found) == {change.address for change in changes}
    assert len(copies.wire.requests) == 2


@pytest.mark.parametrize(
    "change",
    [tenants.swap(), tenants.switch_on(), tenants.update(), tenants.delete(), tenants.restore()],
    ids=lambda each: each.kind,
)
def test_each_kind_of_change_shows_when_it_was_carried_out(copies, change):
    assert copies.tenant.watch([change], {}, shows, go_on=lambda _: False) == {}
    copies.write(change)
    assert set(copies.tenant.watch([change], {}, shows, go_on=lambda _: False)) == {change.address}


def test_a_created_user_shows_under_the_new_id(copies):
    change = tenants.create()
    (outcome,) = copies.tenant.carry_out([Write(change=change, password=tenants.PASSWORD)])
    found = copies.tenant.watch([change], {change.user.upn: outcome.user_id}, shows, times=2)
    assert found[change.address]["department"] == "Sales"
