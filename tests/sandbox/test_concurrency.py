"""Do sixteen threads at once keep the tenant whole?"""

from __future__ import annotations

import dataclasses
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest

from reconciler import sandbox
from reconciler.sandbox.store import Store

THREADS = 16


def at_once(work, items):
    """Run `work` on every item, all threads starting together."""
    start = threading.Barrier(THREADS)

    def run(mine):
        start.wait()
        return [work(item) for item in mine]

    with ThreadPoolExecutor(THREADS) as pool:
        parts = [items[n::THREADS] for n in range(THREADS)]
        return [result for part in pool.map(run, parts) for result in part]


def test_the_last_seats_are_never_given_twice(tenant, build):
    names = [f"user{n}" for n in range(48)]
    it = tenant(users=[build.user(name) for name in names], subscribedSkus=[build.sku("EMS", 7)])
    statuses = at_once(lambda name: it.assign(name, "EMS").status_code, names)
    assert sorted(statuses) == [200] * 7 + [400] * 41
    assert it.in_use("EMS") == 7
    assert sum(it.licences(name) == {"EMS": []} for name in names) == 7


def test_two_programs_at_one_tenant_take_turns(tenant, build):
    """What is mounted twice shares nothing but the file, as two processes do."""
    names = [f"user{n}" for n in range(64)]
    it = tenant(users=[build.user(name) for name in names], subscribedSkus=[build.sku("EMS", 40)])
    transport = httpx.WSGITransport(app=sandbox.app(it.home, clock=it.clock))
    with httpx.Client(transport=transport, base_url="https://sandbox.invalid") as client:
        other = dataclasses.replace(it, client=client)
        work = [(name, it if n % 2 else other) for n, name in enumerate(names)]
        statuses = at_once(lambda each: each[1].assign(each[0], "EMS").status_code, work)
    assert sorted(statuses) == [200] * 40 + [400] * 24
    assert it.in_use("EMS") == 40


def test_one_upn_is_given_to_one_user(tenant, build):
    it = tenant()
    body = {
        "accountEnabled": True,
        "displayName": "Anna",
        "mailNickname": "anna",
        "userPrincipalName": "anna@contoso.com",
        "passwordProfile": {"password": "correct-Horse-7"},
    }
    statuses = at_once(lambda _: it.call("POST", "/users", json=body).status_code, list(range(THREADS)))
    assert sorted(statuses) == [201] + [400] * 15


def test_readers_see_a_swap_whole_or_not_at_all(tenant, build):
    it = tenant(
        users=[build.user("anna", "ENTERPRISEPACK")],
        subscribedSkus=[build.sku("ENTERPRISEPACK", 1), build.sku("SPE_F1", 1)],
    )

    def work(turn):
        if turn == 0:
            there = it.assign("anna", "SPE_F1", remove=("ENTERPRISEPACK",)).status_code
            back = it.assign("anna", "ENTERPRISEPACK", remove=("SPE_F1",)).status_code
            return there, back
        rows = it.get("/users/anna@contoso.com?$select=assignedLicenses")["assignedLicenses"]
        states = it.get("/subscribedSkus?$select=consumedUnits")["value"]
        return len(rows), sum(row["consumedUnits"] for row in states)

    results = at_once(work, [0, *range(1, 64)])
    assert results[0] == (200, 200)
    assert set(results[1:]) == {(1, 1)}


def test_groups_that_are_changed_by_many_at_once_give_no_seat_twice(tenant, build):
    names = [f"user{n}" for n in range(48)]
    it = tenant(
        users=[build.user(name) for name in names],
        groups=[build.group("sales", skus=("EMS",)), build.group("dutch", *names)],
        subscribedSkus=[build.sku("EMS", 7)],
    )

    def work(name):
        return it.join("sales", name).status_code, it.give("dutch").status_code

    assert set(at_once(work, names)) == {(204, 202)}
    assert it.in_use("EMS") == 7
    states = [it.states(name) for name in names]
    assert sorted(rows[0][2] for rows in states) == ["Active"] * 7 + ["Error"] * 41


def test_each_thread_has_a_connection_of_its_own_in_wal_mode(tenant):
    store = Store(tenant().home, lambda: None)
    found = {}

    def look(name):
        with store.reading() as db:
            found[name] = (id(db), db.execute("PRAGMA journal_mode").fetchone()[0])
            foreign_keys = db.execute("PRAGMA foreign_keys").fetchone()[0]
            start.wait()
        return foreign_keys

    start = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(look, ("a", "b"))) == [1, 1]
    assert found["a"][0] != found["b"][0]
    assert {mode for _, mode in found.values()} == {"wal"}


def test_what_is_written_before_an_error_does_not_come_to_stand(tenant):
    store = Store(tenant().home, lambda: None)

    def fail():
        with store.writing() as db:
            db.execute("DELETE FROM users")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.reading() as db:
        assert db.execute("SELECT COUNT(*) FROM users").fetchone()[0] == 1


def test_an_assignment_of_nobody_cannot_come_to_stand(tenant):
    store = Store(tenant().home, lambda: None)
    with pytest.raises(sqlite3.IntegrityError), store.writing() as db:
        db.execute("INSERT INTO assignments (user_id, sku_id) VALUES ('nobody', 'x')")


def test_another_process_sees_what_was_written(tenant, build):
    it = tenant(users=[build.user("anna")])
    it.call("PATCH", "/users/anna@contoso.com", json={"city": "Delft"})
    with closing(sqlite3.connect(it.home / "sandbox.db")) as db:
        row = db.execute("SELECT resource FROM users WHERE upn = 'anna@contoso.com'").fetchone()
    assert '"city": "Delft"' in row[0]
