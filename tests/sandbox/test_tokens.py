"""A JSON Web Token names who acts in the sandbox: a user within scopes, or an application."""

import base64
import json

import pytest

from reconciler import roles
from tests.sandbox.test_roles import ABILITY, CALLS, DENIED, make

APP = "cccccccc-0000-0000-0000-000000000001"
READS = ["User.Read.All", "Organization.Read.All", "GroupMember.Read.All", "RoleManagement.Read.Directory"]


def encode(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def token(**claims):
    """Return an unsigned token; Graph's audience where nothing else is said."""
    return f"{encode({'alg': 'none'})}.{encode({'aud': 'https://graph.microsoft.com', **claims})}."


def app(*permissions, **claims):
    return token(idtyp="app", oid=APP, roles=list(permissions), **claims)


@pytest.mark.parametrize("permission", [*roles.PERMISSIONS, "User.Read.All"])
def test_a_permission_gives_an_application_exactly_its_abilities(tenant, build, fault, permission):
    it = make(tenant, build, role=None)
    able = roles.PERMISSIONS.get(permission, frozenset())
    for name, call in CALLS.items():
        reply = call(it, build, app(permission))
        if ABILITY.get(name, name) in able:
            assert reply.status_code in (200, 201, 202, 204), (name, reply.text)
        else:
            assert fault(reply) == DENIED, name


@pytest.mark.parametrize("scope", list(roles.PERMISSIONS))
def test_a_scope_bounds_what_a_users_roles_allow(tenant, build, fault, scope):
    it = make(tenant, build, role="global-administrator")
    able = roles.PERMISSIONS[scope] | (
        {"delete-privileged"} if "delete" in roles.PERMISSIONS[scope] else set()
    )
    by = token(idtyp="user", upn="actor@contoso.com", scp=f"{scope} User.Read")
    for name, call in CALLS.items():
        reply = call(it, build, by)
        if ABILITY.get(name, name) in able:
            assert reply.status_code in (200, 201, 202, 204), (name, reply.text)
        else:
            assert fault(reply) == DENIED, name


def test_a_scope_gives_nothing_that_no_role_gives(tenant, build, fault):
    it = make(tenant, build, role=None)
    by = token(upn="actor@contoso.com", scp="User.ReadWrite.All")
    assert fault(it.assign("plain", "EMS", by=by)) == DENIED


def test_directory_access_as_the_user_lets_a_user_do_what_the_roles_allow(tenant, build):
    it = make(tenant, build, role="license-administrator")
    by = token(oid=build.user_id("actor"), scp=roles.AS_THE_USER)
    assert it.assign("plain", "EMS", by=by).status_code == 200


def test_roles_in_the_token_count_beside_those_in_the_directory(tenant, build):
    it = make(tenant, build, role=None)
    by = token(upn="ACTOR@contoso.com", wids=[roles.TEMPLATE_IDS["license-administrator"]])
    assert it.assign("plain", "EMS", by=by).status_code == 200


def test_an_application_may_hold_a_directory_role(tenant, build, fault):
    it = tenant(
        users=[build.user("plain")],
        subscribedSkus=[build.sku("EMS")],
        roleAssignments=[
            {
                "principalId": APP,
                "roleTemplateId": roles.TEMPLATE_IDS["license-administrator"],
                "directoryScopeId": "/",
            }
        ],
    )
    assert it.assign("plain", "EMS", by=app()).status_code == 200
    assert it.call("GET", "/users", by=app()).status_code == 200
    assert fault(it.call("DELETE", "/users/plain@contoso.com", by=app())) == DENIED


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/users", "User.Read.All"),
        ("/directory/deletedItems/microsoft.graph.user", "User.Read.All"),
        ("/organization", "Organization.Read.All"),
        ("/directory/subscriptions", "Organization.Read.All"),
        ("/subscribedSkus", "LicenseAssignment.Read.All"),
        ("/groups", "GroupMember.Read.All"),
        ("/roleManagement/directory/roleAssignments", "RoleManagement.Read.Directory"),
    ],
)
def test_reading_takes_a_permission_of_its_own(tenant, build, fault, path, permission):
    it = make(tenant, build, role=None)
    others = [each for each in READS if each != permission and not path.endswith("Skus")]
    assert it.call("GET", path, by=app(permission)).status_code == 200
    assert fault(it.call("GET", path, by=app(*others))) == DENIED
    by = {name: token(upn="actor@contoso.com", scp=name) for name in (permission, "User.Read")}
    assert it.call("GET", path, by=by[permission]).status_code == 200
    assert fault(it.call("GET", path, by=by["User.Read"])) == DENIED


def test_what_a_mailbox_is_for_takes_a_permission_of_its_own(tenant, build, fault):
    it = make(tenant, build, role=None)
    path = "/users/plain@contoso.com?$select=mailboxSettings"
    assert fault(it.call("GET", path, by=app(*READS))) == DENIED
    assert fault(it.call("GET", path, by=app(*READS, "MailboxSettings.Read")))[0] == 404  # it has none


@pytest.mark.parametrize(
    "path", ["/me", "/me/transitiveMemberOf", "/me/transitiveMemberOf/microsoft.graph.directoryRole"]
)
def test_an_application_has_no_self(tenant, build, fault, path):
    it = make(tenant, build, role=None)
    told = fault(it.call("GET", path, by=app(*READS)))
    assert told == (400, "BadRequest", "/me request is only valid with delegated authentication flow.")


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"aud": "https://management.azure.com"}, "Access token validation failure. Invalid audience."),
        ({"aud": 7}, "Access token validation failure. Invalid audience."),
        ({"exp": 1}, "Lifetime validation failed, the token is expired."),
        ({"tid": "22222222-0000-0000-0000-000000000000"}, "Access token validation failure. Invalid tenant."),
        ({"upn": "nobody@contoso.com"}, "Access token validation failure: it names no user of this tenant."),
        ({"upn": None}, "Access token validation failure: it names nobody."),
    ],
)
def test_a_token_that_an_honest_client_got_wrong_is_refused_and_says_how_to_sign_in(
    tenant, build, fault, claims, message
):
    it = make(tenant, build, role="global-administrator")
    reply = it.call("GET", "/users", by=token(**{"upn": "actor@contoso.com", **claims}))
    assert fault(reply) == (401, "InvalidAuthenticationToken", message)
    assert reply.headers["WWW-Authenticate"].startswith('Bearer realm="", authorization_uri="https://login.')


@pytest.mark.parametrize("audience", ["00000003-0000-0000-c000-000000000000", "https://graph.microsoft.us/"])
def test_graph_has_several_names(tenant, build, audience):
    it = make(tenant, build, role=None)
    by = token(upn="actor@contoso.com", aud=audience, exp=4_000_000_000)
    assert it.call("GET", "/users", by=by).status_code == 200


@pytest.mark.parametrize("text", ["a.b.c", "e30.W10.x", "e30.bm8.x", "a.!.c"])
def test_what_only_looks_like_a_token_names_nobody(tenant, build, fault, text):
    it = make(tenant, build, role=None)
    assert fault(it.call("GET", "/users", by=text))[0] == 401
