"""Who may do what? The table of design §8, asked of the tenant itself, call by call."""

from __future__ import annotations

import pytest

from reconciler import roles

DENIED = (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")

NEW = {
    "accountEnabled": True,
    "displayName": "Zuzana",
    "mailNickname": "zuzana",
    "userPrincipalName": "zuzana@contoso.com",
    "passwordProfile": {"password": "correct-Horse-7"},
}

CALLS = {
    "assign": lambda it, build, by: it.assign("plain", "EMS", by=by),
    "revoke": lambda it, build, by: it.assign("licensed", remove=("EMS",), by=by),
    "create": lambda it, build, by: it.call("POST", "/users", by=by, json=NEW),
    "profile": lambda it, build, by: it.call(
        "PATCH", "/users/plain@contoso.com", by=by, json={"city": "Delft"}
    ),
    "usage-location": lambda it, build, by: it.call(
        "PATCH", "/users/plain@contoso.com", by=by, json={"usageLocation": "BE"}
    ),
    "delete": lambda it, build, by: it.call("DELETE", "/users/plain@contoso.com", by=by),
    "delete-privileged": lambda it, build, by: it.call("DELETE", "/users/privileged@contoso.com", by=by),
    "restore": lambda it, build, by: it.call(
        "POST", f"/directory/deletedItems/{build.user_id('gone')}/restore", by=by, json={}
    ),
    "group-licenses": lambda it, build, by: it.give("group", "EMS", by=by),
    "members": lambda it, build, by: it.join("group", "licensed", by=by),
    "leave": lambda it, build, by: it.leave("group", "unprivileged", by=by),
    "reprocess": lambda it, build, by: it.reprocess("licensed", by=by),
    "buy": lambda it, build, by: it.call(
        "PATCH", "/commerce/v1/subscriptions/sub-ems", by=by, json={"totalLicenses": 9}
    ),
}

ABILITY = {"restore": "delete", "leave": "members", "reprocess": "assign"}
"""What a call needs where that is not its own name."""


def make(tenant, build, *, role, scope="/"):
    return tenant(
        users=[
            build.user("actor"),
            build.user("plain"),
            build.user("licensed", "EMS"),
            build.user("privileged"),
            build.user("unprivileged"),
        ],
        deletedUsers=[build.user("gone", deletedDateTime="2026-11-20T00:00:00Z")],
        groups=[build.group("group", "unprivileged")],
        subscribedSkus=[build.sku("EMS")],
        subscriptions=[
            {"id": "sub-ems", "skuId": build.sku_id("EMS"), "status": "Enabled", "totalLicenses": 5},
        ],
        roleAssignments=[
            build.role("privileged", "billing-administrator"),
            build.role("unprivileged", "helpdesk-administrator"),
            *([build.role("actor", role, scope)] if role else []),
        ],
    )


@pytest.mark.parametrize("role", [None, *sorted(roles.TEMPLATE_IDS)])
def test_a_role_gives_exactly_its_abilities(tenant, build, fault, role):
    it = make(tenant, build, role=role)
    able = roles.ABILITIES.get(role, frozenset())
    for name, call in CALLS.items():
        reply = call(it, build, "actor@contoso.com")
        if ABILITY.get(name, name) in able:
            assert reply.status_code in (200, 201, 202, 204), (name, reply.text)
        else:
            assert fault(reply) == DENIED, name
    assert it.call("GET", "/users", by="actor@contoso.com").status_code == 200
    assert it.call("GET", "/commerce/v1/subscriptions", by="actor@contoso.com").status_code == 200


def test_a_role_in_an_administrative_unit_gives_nothing_tenant_wide(tenant, build, fault):
    it = make(tenant, build, role="global-administrator", scope="/administrativeUnits/1")
    for name, call in CALLS.items():
        assert fault(call(it, build, "actor@contoso.com")) == DENIED, name


def test_a_user_administrator_may_delete_only_who_holds_no_privileged_role(tenant, build, fault):
    it = make(tenant, build, role="user-administrator")
    assert it.call("DELETE", "/users/unprivileged@contoso.com", by="actor@contoso.com").status_code == 204
    assert fault(it.call("DELETE", "/users/privileged@contoso.com", by="actor@contoso.com")) == DENIED
    it.call("DELETE", "/users/privileged@contoso.com")
    path = f"/directory/deletedItems/{build.user_id('privileged')}/restore"
    assert fault(it.call("POST", path, by="actor@contoso.com", json={})) == DENIED


def test_what_is_sensitive_of_an_administrator_is_not_for_user_administrators(tenant, build, fault):
    it = make(tenant, build, role="user-administrator")
    path, by = "/users/privileged@contoso.com", "actor@contoso.com"
    assert fault(it.call("PATCH", path, by=by, json={"accountEnabled": False})) == DENIED
    assert it.call("PATCH", path, by=by, json={"city": "Delft"}).status_code == 204
    assert it.call("PATCH", path, json={"accountEnabled": False}).status_code == 204


def test_location_and_profile_in_one_update_need_both(tenant, build, fault):
    body = {"usageLocation": "BE", "city": "Gent"}
    for role in ("license-administrator", "directory-writers"):
        it = make(tenant, build, role=role)
        reply = it.call("PATCH", "/users/plain@contoso.com", by="actor@contoso.com", json=body)
        assert fault(reply) == DENIED
        assert it.get("/users/plain@contoso.com?$select=city,usageLocation")["usageLocation"] == "NL"


def test_a_license_administrator_may_license_a_global_administrator(tenant, build):
    it = make(tenant, build, role="license-administrator")
    assert it.assign("admin", "EMS", by="actor@contoso.com").status_code == 200
