"""What stands in the way of one change: each conflict code, and when it is not one."""

import pytest

from reconciler.model import (
    Actor,
    Domain,
    Group,
    Guardrails,
    Options,
    Organization,
    Restriction,
    RoleAssignment,
    Subscription,
)
from tests.planning.world import (
    ADMIN,
    GLOBAL,
    NOW,
    change,
    codes,
    conflict,
    entry,
    grant,
    line,
    pid,
    planned,
    sid,
    sku,
    user,
)


def test_a_licence_needs_a_usage_location():
    """Without one, and without a default, the change is blocked."""
    plan = planned(entry("anna", "EMS", at=5), users=(user("anna", usage_location=None),))

    found = conflict(plan, "no-usage-location")

    assert (found.subject, found.line, found.params) == (
        "users/anna@contoso.com",
        5,
        {"upn": "anna@contoso.com"},
    )
    assert change(plan, "anna").blocked_by == ("no-usage-location",)
    assert plan.summary.blocked == 1


@pytest.mark.parametrize(
    ("row", "plan_name"),
    [
        (Restriction(location=line(9), sku_id=sid("EMS"), countries=("IN",)), None),
        (Restriction(location=line(9), plan_id=pid("INTUNE_A"), countries=("IN", "NL")), "INTUNE_A"),
    ],
)
def test_a_restricted_sku_or_plan_is_not_assigned_there(row, plan_name):
    """The organisation's own rows decide."""
    plan = planned(
        entry("anna", "EMS"), users=(user("anna", usage_location="IN"),), desired={"restrictions": (row,)}
    )

    assert conflict(plan, "restricted-location").params == {
        "upn": "anna@contoso.com",
        "sku": "EMS",
        "sku_name": "Enterprise Mobility + Security E3",
        "plan": plan_name,
        "country": "IN",
    }


def test_a_restricted_plan_that_is_off_is_no_conflict():
    """The SKU may be assigned without it."""
    row = Restriction(location=line(9), plan_id=pid("INTUNE_A"), countries=("NL",))

    plan = planned(
        entry("anna", grant("EMS", off=("INTUNE_A",))),
        users=(user("anna"),),
        desired={"restrictions": (row,)},
    )

    assert plan.conflicts == ()


@pytest.mark.parametrize(
    ("owned", "rows", "reason"),
    [
        ({"applies_to": "Company"}, (), "company"),
        ({"status": "Suspended"}, (), "suspended"),
        ({"status": "LockedOut"}, (), "suspended"),
        ({}, (Subscription(id="s", sku_id=sid("EMS"), owner_type="User"),), "self-service"),
    ],
)
def test_some_skus_cannot_be_assigned(owned, rows, reason):
    """Company-wide, suspended and self-service ones."""
    plan = planned(
        entry("anna", "EMS"),
        users=(user("anna"),),
        skus=(sku("EMS", **owned),),
        current={"subscriptions": rows},
    )

    assert conflict(plan, "not-assignable").params["reason"] == reason


def test_a_company_wide_sku_that_the_tenant_lacks_is_not_assignable_either():
    """The catalogue knows what it applies to."""
    plan = planned(entry("anna", "SHAREPOINTSTORAGE"), users=(user("anna"),), skus=(sku("EMS"),))

    assert conflict(plan, "not-assignable").params["reason"] == "company"


def test_a_restriction_elsewhere_is_no_conflict():
    """The user works in another country."""
    row = Restriction(location=line(9), sku_id=sid("EMS"), countries=("IN",))

    assert (
        planned(entry("anna", "EMS"), users=(user("anna"),), desired={"restrictions": (row,)}).conflicts == ()
    )


# ------------------------------------------------------------ synced users and domains


def test_the_profile_of_a_synced_user_is_not_changed_in_the_cloud():
    """It is mastered on-premises."""
    plan = planned(
        entry("anna", grants=None, profile=(("city", "Delft"),)), users=(user("anna", synced=True),)
    )

    assert conflict(plan, "synced-user").params["action"] == "update"
    assert [c.status for c in plan.changes] == ["blocked"]


def test_the_licences_of_a_synced_user_are():
    """Also where the location must be set first; the profile that can't be changed blocks neither."""
    plan = planned(
        entry("anna", "EMS", profile=(("city", "Delft"),)),
        users=(user("anna", synced=True, usage_location=None),),
        desired={"default_location": "NL"},
    )

    assert [(c.kind, c.status) for c in plan.changes] == [("update-user", "ready"), ("set-licenses", "ready")]
    assert plan.changes[0].after == {"usage_location": "NL"}
    assert conflict(plan, "synced-user").blocks is False


def test_the_location_alone_of_a_synced_user_is_no_conflict():
    """Nothing that on-premises masters is touched."""
    plan = planned(entry("anna", grants=None, usage_location="BE"), users=(user("anna", synced=True),))

    assert [c.status for c in plan.changes] == ["ready"]
    assert plan.conflicts == ()


def test_a_synced_user_is_not_deleted_here():
    """Delete on-premises."""
    plan = planned(entry("anna", present=False), users=(user("anna", synced=True),))

    assert conflict(plan, "synced-user").params["action"] == "delete"


def test_nobody_is_created_in_a_federated_domain():
    """The on-premises directory does that."""
    domains = (Domain(name="contoso.com", kind="Federated"),)

    plan = planned(
        entry("anna", "EMS", profile=(("name", "Anna"),)),
        current={"organization": Organization(id="t", domains=domains)},
    )

    assert conflict(plan, "synced-user").params["action"] == "create"
    assert change(plan, "anna").blocked_by == ("no-usage-location", "users/anna@contoso.com")


def test_nobody_is_created_in_an_unverified_domain():
    """The verified ones are named."""
    plan = planned(entry("anna@fabrikam.com", profile=(("name", "Anna"),), grants=None))

    found = conflict(plan, "unverified-domain")

    assert (found.params["domain"], found.params["verified"]) == ("fabrikam.com", ["contoso.com"])


# ------------------------------------------------------------ protection


def reasons(plan) -> list[tuple[str, str, list[str]]]:
    """Return action, reason and names of every `protected` conflict."""
    return [
        (c.params["action"], c.params["reason"], c.params["names"])
        for c in plan.conflicts
        if c.code == "protected"
    ]


@pytest.mark.parametrize("name", ["anna@contoso.com", "id-anna", "g-vips", "vips"])
def test_a_protected_user_loses_nothing(name):
    """Named by UPN, id, or a group's id or name."""
    group = Group(id="g-vips", name="VIPs", members=("id-anna",))

    plan = planned(
        entry("anna"),
        users=(user("anna", "EMS"),),
        current={"groups": (group, Group(id="g-other", name="Other"))},
        desired={"guardrails": Guardrails(protected_users=(name,))},
    )

    assert reasons(plan) == [("revoke", "listed", [name])]


def test_a_protected_user_may_gain():
    """Only losses are barred."""
    plan = planned(
        entry("anna", "EMS"),
        users=(user("anna"),),
        desired={"guardrails": Guardrails(protected_users=("anna@contoso.com",))},
    )

    assert [c.status for c in plan.changes] == ["ready"]


def test_a_protected_user_is_not_deleted_disabled_or_cut_down():
    """Whatever takes something away."""
    rails = {"guardrails": Guardrails(protected_users=("anna@contoso.com",))}
    anna = (user("anna", "EMS"),)
    off = (("enabled", False),)

    assert reasons(planned(entry("anna", present=False), users=anna, desired=rails))[0][0] == "delete"
    assert (
        reasons(planned(entry("anna", grants=None, profile=off), users=anna, desired=rails))[0][0]
        == "disable"
    )
    cut = planned(entry("anna", grant("EMS", off=("INTUNE_A",))), users=anna, desired=rails)
    assert reasons(cut)[0][0] == "modify"


@pytest.mark.parametrize("fields", [{}, {"present": False}])
def test_a_protected_sku_is_taken_from_nobody(fields):
    """Neither revoked, nor lost with an account."""
    plan = planned(
        entry("anna", **fields),
        users=(user("anna", "EMS"),),
        desired={"guardrails": Guardrails(protected_skus=(sid("EMS"), sid("SPE_E5")))},
    )

    assert [row[1:] for row in reasons(plan)] == [("sku", ["EMS"])]


def helpdesk(name: str) -> RoleAssignment:
    """Return a directory role of a user."""
    return RoleAssignment(principal_id=f"id-{name}", role="helpdesk-administrator", scope="/units/1")


def test_the_holder_of_a_directory_role_loses_nothing():
    """Of whatever scope; `--allow protected` lets licences through, not the account."""
    roles = {"role_assignments": (GLOBAL, helpdesk("anna"))}
    anna = (user("anna", "EMS"),)
    allowing = Options(now=NOW, allow=("protected",))

    assert reasons(planned(entry("anna"), users=anna, current=roles)) == [
        ("revoke", "role", ["helpdesk-administrator"])
    ]
    assert reasons(planned(entry("anna"), users=anna, current=roles, options=allowing)) == []
    assert reasons(planned(entry("anna", present=False), users=anna, current=roles, options=allowing)) == [
        ("delete", "role", ["helpdesk-administrator"])
    ]


def test_a_role_held_through_a_group_counts():
    """The members of a role-assignable group are role holders."""
    group = Group(id="g", name="Admins", members=("id-anna",))
    roles = (GLOBAL, RoleAssignment(principal_id="g", role="helpdesk-administrator"))

    plan = planned(
        entry("anna"), users=(user("anna", "EMS"),), current={"groups": (group,), "role_assignments": roles}
    )

    assert reasons(plan)[0][1] == "role"


def test_the_actor_is_never_allowed_through():
    """Whoever applies can't cut the branch they sit on."""
    actor = Actor(id="id-anna", name="anna@contoso.com", roles=("global-administrator",))

    plan = planned(
        entry("anna"),
        users=(user("anna", "EMS"),),
        actor=actor,
        options=Options(now=NOW, allow=("protected",)),
    )

    assert reasons(plan) == [("revoke", "actor", ["anna@contoso.com"])]


def test_the_last_global_administrator_is_never_allowed_through():
    """A disabled second one does not count."""
    other = user("other", enabled=False)
    roles = (
        RoleAssignment(principal_id="id-anna", role="global-administrator"),
        RoleAssignment(principal_id="id-other", role="global-administrator"),
    )

    plan = planned(
        entry("anna"),
        users=(user("anna", "EMS"), other),
        current={"role_assignments": roles},
        options=Options(now=NOW, allow=("protected",)),
    )

    assert reasons(plan) == [("revoke", "last-global-administrator", ["anna@contoso.com"])]


# ------------------------------------------------------------ plans that do not go together


def test_exclusive_plans_block_the_assignment():
    """F3 beside E1: Exchange and Skype plans that the service refuses."""
    plan = planned(entry("anna", "DESKLESSPACK", "STANDARDPACK"), users=(user("anna"),))

    assert {(c.code, *c.params["skus"]) for c in plan.conflicts} == {
        ("exclusive-plans", "DESKLESSPACK", "STANDARDPACK")
    }
    assert change(plan, "anna").blocked_by == ("exclusive-plans",)


def test_a_swap_of_exclusive_plans_is_none():
    """What counts is the resulting set."""
    plan = planned(entry("anna", "STANDARDPACK"), users=(user("anna", "DESKLESSPACK"),))

    assert plan.conflicts == ()


def test_exclusive_plans_that_were_there_before_block_nothing():
    """The service has let them be."""
    plan = planned(
        entry("anna", "DESKLESSPACK", "STANDARDPACK", "EMS"),
        users=(user("anna", "DESKLESSPACK", "STANDARDPACK"),),
    )

    assert [c.status for c in plan.changes] == ["ready"]


def test_disputed_pairs_are_only_a_warning():
    """SharePoint 1 and 2: the documentation says both."""
    plan = planned(entry("anna", "STANDARDPACK", "ENTERPRISEPACK"), users=(user("anna"),))

    assert "near-exclusive" in codes(change(plan, "anna").warnings)
    assert change(plan, "anna").status == "ready"


def test_a_missing_dependency_blocks():
    """Workplace Analytics needs an Exchange plan; removing the base is told as well as adding."""
    analytics = "WORKPLACE_ANALYTICS"

    alone = planned(entry("anna", analytics), users=(user("anna"),))
    stranded = planned(entry("anna", analytics), users=(user("anna", analytics, "EXCHANGESTANDARD"),))
    together = planned(entry("anna", analytics, "EXCHANGESTANDARD"), users=(user("anna"),))
    before = planned(entry("anna", analytics, "EMS"), users=(user("anna", analytics),))

    assert conflict(alone, "missing-dependency").params["plan"] == analytics
    assert conflict(stranded, "missing-dependency").sku == analytics
    assert (together.conflicts, before.conflicts) == ((), ())


# ------------------------------------------------------------ roles


@pytest.mark.parametrize(
    ("role", "permitted"),
    [("license-administrator", True), ("helpdesk-administrator", False), ("billing-administrator", False)],
)
def test_a_change_needs_one_of_the_roles_that_may_make_it(role, permitted):
    """The conflict names them."""
    actor = Actor(id="id-x", name="x@contoso.com", roles=(role,))

    plan = planned(entry("anna", "EMS"), users=(user("anna"),), actor=actor)
    (licenses,) = plan.changes

    assert licenses.permitted is permitted
    assert licenses.roles == (
        "directory-writers",
        "global-administrator",
        "license-administrator",
        "user-administrator",
    )
    assert licenses.blocked_by == (() if permitted else ("role-missing",))
    if not permitted:
        found = conflict(plan, "role-missing")
        assert found.roles == licenses.roles
        assert found.params == {
            "upn": "anna@contoso.com",
            "action": "set-licenses",
            "actor": "x@contoso.com",
            "actor_roles": [role],
        }


def test_deleting_a_privileged_user_takes_a_privileged_role():
    """A user administrator may delete a helpdesk administrator, not a billing administrator."""
    roles = (
        GLOBAL,
        RoleAssignment(principal_id="id-anna", role="billing-administrator"),
        RoleAssignment(principal_id="id-bram", role="helpdesk-administrator"),
    )

    plan = planned(
        entry("anna", present=False),
        entry("bram", present=False),
        users=(user("anna"), user("bram")),
        current={"role_assignments": roles},
    )

    assert {c.user.upn: "user-administrator" in c.roles for c in plan.changes} == {
        "anna@contoso.com": False,
        "bram@contoso.com": True,
    }


def test_disabling_a_privileged_user_takes_a_global_administrator():
    """Signing in is a sensitive attribute of an administrator."""
    roles = (GLOBAL, RoleAssignment(principal_id="id-anna", role="billing-administrator"))

    plan = planned(
        entry("anna", grants=None, profile=(("enabled", False),)),
        users=(user("anna"),),
        current={"role_assignments": roles},
    )

    assert plan.changes[0].roles == ("global-administrator",)


def test_the_location_alone_takes_less_than_the_profile():
    """A license administrator may set it; directory writers may not."""
    location = planned(entry("anna", grants=None, usage_location="BE"), users=(user("anna"),)).changes[0]
    both = planned(
        entry("anna", grants=None, usage_location="BE", profile=(("city", "Gent"),)), users=(user("anna"),)
    ).changes[0]

    assert location.roles == ("global-administrator", "license-administrator", "user-administrator")
    assert both.roles == ("global-administrator", "user-administrator")


def test_the_default_administrator_is_named():
    """The plan shows who it was made for."""
    assert planned().actor.name == ADMIN
