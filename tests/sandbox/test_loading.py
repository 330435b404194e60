"""How does a snapshot become a tenant, and when does it not?"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from contextlib import closing

import httpx
import pytest

from reconciler import sandbox
from reconciler.errors import UsageError
from reconciler.sandbox import schema, store


def load(tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    sandbox.load(tmp_path / "home", path)


def test_there_is_a_tenant_once_one_was_loaded(tenant, tmp_path):
    assert not sandbox.exists(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    assert sandbox.exists(tenant().home)


def test_members_that_are_not_known_are_ignored(tenant, build):
    it = tenant(users=[build.user("anna", shoeSize=42)], weather={"sunny": True})
    assert it.get("/users/anna@contoso.com")["displayName"] == "Anna"


def test_the_whole_tenant_is_replaced(tenant, build, tmp_path):
    it = tenant(users=[build.user("anna", "EMS")], subscribedSkus=[build.sku("EMS")])
    (tmp_path / "other.json").write_text(json.dumps(build.snapshot(users=[build.user("bram")])))
    sandbox.load(it.home, tmp_path / "other.json")
    assert [row["displayName"] for row in it.get("/users")["value"]] in (["Admin", "Bram"], ["Bram", "Admin"])
    assert it.get("/subscribedSkus")["value"] == []


def test_a_snapshot_that_is_refused_leaves_the_tenant_as_it_was(tenant, build, tmp_path):
    it = tenant(users=[build.user("anna")])
    with pytest.raises(UsageError):
        sandbox.load(it.home, tmp_path / "missing.json")
    assert it.get("/users/anna@contoso.com")["displayName"] == "Anna"


def test_without_states_every_licence_is_direct(tenant, build):
    it = tenant(users=[build.user("anna", "EMS")], subscribedSkus=[build.sku("EMS")])
    assert it.states("anna") == [("EMS", None, "Active", "None")]


def test_a_licence_that_no_state_tells_of_is_direct(tenant, build):
    states = [{"skuId": build.sku_id("EMS"), "assignedByGroup": "g"}]
    it = tenant(
        users=[build.user("anna", "EMS", "POWER_BI_PRO", licenseAssignmentStates=states)],
        subscribedSkus=[build.sku("EMS"), build.sku("POWER_BI_PRO")],
    )
    assert sorted(it.states("anna")) == [
        ("EMS", "g", "Active", "None"),
        ("POWER_BI_PRO", None, "Active", "None"),
    ]


def test_nothing_is_inferred_from_a_groups_members(tenant, build):
    group = {
        "id": "g",
        "displayName": "Sales",
        "members": [build.user_id("anna")],
        "assignedLicenses": [{"skuId": build.sku_id("EMS")}],
    }
    it = tenant(users=[build.user("anna")], groups=[group], subscribedSkus=[build.sku("EMS")])
    assert it.states("anna") == []


def test_seats_in_use_beyond_the_users_told_stay_in_use(tenant, build):
    """Somebody holds them; what is assigned from then on comes on top."""
    it = tenant(
        users=[build.user("anna", "EMS"), build.user("bram")],
        subscribedSkus=[build.sku("EMS", 5, consumedUnits=4)],
    )
    assert it.in_use("EMS") == 4
    assert it.assign("bram", "EMS").status_code == 200
    assert it.in_use("EMS") == 5
    it.assign("anna", remove=("EMS",))
    assert it.in_use("EMS") == 4


def test_seats_in_use_below_the_users_told_are_those_of_the_users(tenant, build):
    it = tenant(users=[build.user("anna", "EMS")], subscribedSkus=[build.sku("EMS", consumedUnits=0)])
    assert it.in_use("EMS") == 1


def test_more_may_be_in_use_than_is_owned(tenant, build):
    users = [build.user(name, "EMS") for name in ("anna", "bram")]
    it = tenant(users=users, subscribedSkus=[build.sku("EMS", 1)])
    assert it.in_use("EMS") == 2
    it.assign("anna", remove=("EMS",))
    assert it.assign("anna", "EMS").status_code == 400


@pytest.mark.parametrize("told", [25, 30, 20])
def test_prepaid_units_read_as_they_were_told_whatever_the_subscriptions_sum_up_to(tenant, build, told):
    row = {"id": "s", "skuId": build.sku_id("EMS"), "status": "Enabled", "totalLicenses": 25}
    it = tenant(subscribedSkus=[build.sku("EMS", told)], subscriptions=[row])
    assert it.sku("EMS")["prepaidUnits"]["enabled"] == told
    assert it.get("/directory/subscriptions")["value"][0]["totalLicenses"] == 25


def test_a_sku_without_subscriptions_gets_one_for_each_status(tenant, build):
    units = {"enabled": 3, "warning": 2, "suspended": 1, "lockedOut": 0}
    it = tenant(subscribedSkus=[build.sku("EMS", prepaidUnits=units)])
    rows = it.get("/directory/subscriptions")["value"]
    found = {row["status"]: row["totalLicenses"] for row in rows}
    assert found == {"Enabled": 3, "Warning": 2, "Suspended": 1}
    assert it.sku("EMS")["prepaidUnits"] == units


def test_a_subscription_alone_makes_its_sku(tenant, build):
    row = {"id": "s", "skuId": build.sku_id("EMS"), "skuPartNumber": "EMS", "totalLicenses": 2}
    it = tenant(subscriptions=[row])
    assert (it.sku("EMS")["prepaidUnits"]["enabled"], it.sku("EMS")["capabilityStatus"]) == (2, "Enabled")


def test_deleted_users_are_told_under_their_prefixed_name(tenant, build):
    key = build.user_id("anna").replace("-", "")
    gone = build.user(
        "anna", userPrincipalName=f"{key}anna@contoso.com", deletedDateTime="2026-11-20T00:00:00Z"
    )
    for row in (gone, build.user("anna", deletedDateTime="2026-11-20T00:00:00Z")):
        it = tenant(deletedUsers=[row])
        (told,) = it.get("/directory/deletedItems/microsoft.graph.user")["value"]
        assert told["userPrincipalName"] == f"{key}anna@contoso.com"
        path = f"/directory/deletedItems/{build.user_id('anna')}/restore"
        assert it.call("POST", path, json={}).json()["userPrincipalName"] == "anna@contoso.com"


def test_ids_need_not_be_guids(tenant, build):
    """A snapshot that a person wrote may name things as it likes."""
    sku = build.sku("EMS") | {"skuId": "sku-1"}
    it = tenant(users=[build.user("anna")], subscribedSkus=[sku])
    body = {"addLicenses": [{"skuId": "SKU-1"}], "removeLicenses": []}
    assert it.call("POST", "/users/anna@contoso.com/assignLicense", json=body).status_code == 200


BAD = [
    (b"", None, "truncated"),
    (b"{", None, "truncated"),
    (b"[]", None, "Expected `object`"),
    (b"\xff\xfe", None, ""),
    (b"[" * 5000, None, ""),
    ({"format_version": "1.0"}, None, "missing required field"),
]


@pytest.mark.parametrize(("content", "path", "what"), BAD)
def test_a_file_that_is_no_snapshot_is_refused(tmp_path, content, path, what):
    with pytest.raises(UsageError) as caught:
        load(tmp_path, content)
    assert caught.value.code == "bad-snapshot"
    assert caught.value.params["file"] == str(tmp_path / "bad.json")
    assert caught.value.params.get("path") == path
    assert what in caught.value.params["what"]


def test_a_mistake_in_a_snapshot_is_told_with_its_place(tmp_path, build):
    anna = build.user("anna")
    cases = {
        "users[1].assignedLicenses": {"users": [anna | {"assignedLicenses": None}]},
        "users[1]": {"users": [{"id": "x"}]},
        "users[2].id": {"users": [anna, build.user("bram", id=anna["id"].upper())]},
        "users[2].userPrincipalName": {
            "users": [anna, build.user("bram", userPrincipalName="ANNA@contoso.com")]
        },
        "deletedUsers[0].id": {"users": [anna], "deletedUsers": [anna]},
        "subscribedSkus[1].skuId": {"subscribedSkus": [build.sku("EMS"), build.sku("EMS")]},
        "subscriptions[0].totalLicenses": {
            "subscriptions": [{"id": "a", "skuId": "b", "totalLicenses": "5"}]
        },
        "removals[0].removedAt": {"removals": [{"userId": "a", "skuId": "b", "removedAt": "yesterday"}]},
        "format_version": {"format_version": "2.0"},
        "taken_at": {"taken_at": 7},
    }
    for path, members in cases.items():
        with pytest.raises(UsageError) as caught:
            load(tmp_path, build.snapshot(**members))
        assert (caught.value.code, caught.value.params["path"]) == ("bad-snapshot", path)


def test_a_byte_order_mark_does_no_harm(tmp_path, build):
    load(tmp_path, b"\xef\xbb\xbf" + json.dumps(build.snapshot()).encode())
    assert sandbox.exists(tmp_path / "home")


def test_a_file_that_is_no_database_is_told_and_a_reset_replaces_it(tmp_path):
    (tmp_path / "sandbox.db").write_bytes(b"this is not a database, and long enough to be seen as none" * 20)
    with pytest.raises(UsageError) as caught:
        sandbox.exists(tmp_path)
    assert (caught.value.code, caught.value.params["file"]) == ("bad-sandbox", str(tmp_path / "sandbox.db"))
    sandbox.reset(tmp_path)
    assert sandbox.exists(tmp_path)


def test_a_tenant_of_another_version_is_told_and_not_thrown_away(tenant):
    it = tenant()
    with closing(sqlite3.connect(it.home / "sandbox.db", isolation_level=None)) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(UsageError) as caught:
        sandbox.exists(it.home)
    assert caught.value.code == "bad-sandbox"
    sandbox.reset(it.home)
    assert sandbox.exists(it.home)


def test_a_home_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        sandbox.reset(tmp_path / "file" / "home")
    assert (caught.value.code, caught.value.params["path"]) == ("home-unusable", str(tmp_path / "file/home"))


def test_damage_within_the_file_is_told_at_once_and_a_reset_replaces_it(tenant, fault):
    it = tenant()
    with closing(sqlite3.connect(it.home / "sandbox.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = (it.home / "sandbox.db").read_bytes()
    (it.home / "sandbox.db").write_bytes(content[:4096] + b"\x5a" * (len(content) - 4096))
    with pytest.raises(UsageError) as caught:
        sandbox.exists(it.home)
    assert caught.value.code == "bad-sandbox"
    transport = httpx.WSGITransport(app=sandbox.app(it.home), raise_app_exceptions=False)
    with httpx.Client(transport=transport, base_url="https://sandbox.invalid") as client:
        status, code, message = fault(client.get("/v1.0/organization"))
    assert (status, code) == (507, "generalException")
    assert message.startswith("The sandbox's file can't be used: ")
    sandbox.reset(it.home)
    assert sandbox.exists(it.home)


def read_only(monkeypatch):
    """Open every database so that it can't be written, as its mode would for anybody but root."""
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda path, **how: connect(f"file:{path}?mode=ro", uri=True, **how)
    )


def test_a_file_that_cannot_be_written_is_told_before_anything_is_lost(tenant, build, monkeypatch, fault):
    it = tenant(users=[build.user("anna")])
    snapshot = it.home / "state.json"
    snapshot.write_text(json.dumps(build.snapshot()))
    file = str(it.home / "sandbox.db")
    read_only(monkeypatch)
    for change in (
        sandbox.check_writable,
        sandbox.reset,
        lambda home: sandbox.load(home, snapshot),
        lambda home: sandbox.advance(home, 1),
    ):
        with pytest.raises(UsageError) as caught:
            change(it.home)
        assert (caught.value.code, caught.value.params["file"]) == ("sandbox-unwritable", file)
    transport = httpx.WSGITransport(app=sandbox.app(it.home), raise_app_exceptions=False)
    headers = {"Authorization": "Bearer sandbox"}
    with httpx.Client(transport=transport, base_url="https://sandbox.invalid", headers=headers) as client:
        reply = client.patch("/v1.0/users/anna@contoso.com", json={"city": "Delft"})
        assert fault(reply)[:2] == (507, "generalException")
        assert client.get("/v1.0/users/anna@contoso.com").status_code == 200


def test_a_file_that_another_process_changes_is_told(tenant, monkeypatch):
    it = tenant()
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.01)
    with closing(sqlite3.connect(it.home / "sandbox.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UsageError) as caught:
            sandbox.advance(it.home, 1)
    assert caught.value.code == "sandbox-busy"


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_nobody_else_may_read_the_tenant(tmp_path, monkeypatch):
    """A loaded tenant holds real people; the files beside the database hold them for a while, too."""
    home = tmp_path / "home"
    before = os.umask(0o022)
    try:
        sandbox.reset(home)
        with closing(sqlite3.connect(home / "sandbox.db")) as db:
            db.execute("BEGIN IMMEDIATE")
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("sandbox.db", "sandbox.db-wal", "sandbox.db-shm"), 0o600)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
