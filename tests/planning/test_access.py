"""A plan says by what its actor may make each change: a role, an application's permission, a scope."""

import pytest

from reconciler.model import Actor, TenantRef
from reconciler.plan import ActorInfo
from tests.planning.world import conflict, entry, planned, user

GRAPH = {"tenant": TenantRef(domain="contoso.com", provider="graph")}
WRITES = "LicenseAssignment.ReadWrite.All"


def plan_as(actor, **desired):
    return planned(entry("anna", "EMS"), users=(user("anna"),), actor=actor, desired=GRAPH | desired)


def application(*permissions, **more):
    return Actor(id="app", name="reconciler (app)", permissions=permissions, **more)


def test_an_application_may_make_what_its_permissions_allow():
    plan = plan_as(application(WRITES))
    (licences,) = plan.changes
    assert (licences.permitted, licences.status, plan.conflicts) == (True, "ready", ())
    assert plan.actor == ActorInfo(name="reconciler (app)", roles=(), permissions=(WRITES,))


def test_what_an_application_may_not_make_names_the_permission_that_would_do():
    plan = plan_as(application("User.Read.All"))
    assert (plan.changes[0].permitted, plan.changes[0].blocked_by) == (False, ("role-missing",))
    assert conflict(plan, "role-missing").params == {
        "upn": "anna@contoso.com",
        "action": "set-licenses",
        "actor": "reconciler (app)",
        "actor_roles": [],
        "lacks": "role",
        "permissions": [WRITES, "User.ReadWrite.All", "Directory.ReadWrite.All"],
        "actor_permissions": ["User.Read.All"],
    }


def test_a_user_of_a_live_tenant_is_told_the_permission_too():
    plan = plan_as(Actor(id="x", name="x@contoso.com", roles=("helpdesk-administrator",)))
    found = conflict(plan, "role-missing").params
    assert (found["lacks"], found["permissions"][0], found["actor_permissions"]) == ("role", WRITES, [])


def test_a_sign_in_without_the_scope_is_told_so():
    roles = ("license-administrator",)
    plan = plan_as(Actor(id="x", name="x@contoso.com", roles=roles, scopes=("User.Read.All",)))
    assert conflict(plan, "role-missing").params["lacks"] == "scope"
    assert plan.actor.scopes == ("User.Read.All",)


@pytest.mark.parametrize(("cloud", "told"), [("global", None), ("usgov", "usgov")])
def test_a_plan_names_the_cloud_unless_it_is_the_global_one(cloud, told):
    tenant = TenantRef(domain="contoso.com", provider="graph", cloud=cloud)
    assert plan_as(application(WRITES), tenant=tenant).tenant.cloud == told
