"""What is said of who may not make a change, and of who can't sign in."""

import pytest

from reconciler import plan as p
from reconciler.errors import DirectoryError, UsageError
from reconciler.plan import ActorInfo
from reconciler.report import document, errors, messages, phrases, signin_errors
from tests.report.samples import licence, licences, plan

WRITES = "LicenseAssignment.ReadWrite.All"
APP = ActorInfo(name="reconciler (a-1)", roles=(), permissions=("User.Read.All",))
KINDS = {"upn": "anna@contoso.com", "action": "set-licenses", "actor": "joe@contoso.com"}
ROLES = ("license-administrator", "user-administrator")


def told(**params):
    found = p.Conflict(
        code="role-missing", subject="users/anna@contoso.com", params=KINDS | params, roles=ROLES
    )
    return messages.conflict(found)


def test_a_user_without_the_role_is_told_that_an_application_would_do_too():
    said = told(lacks="role", permissions=[WRITES], actor_permissions=[], actor_roles=[])
    assert said.message == (
        "joe@contoso.com may not change the licences of user anna@contoso.com: that takes the role License "
        "Administrator or User Administrator, and joe@contoso.com has no directory role."
    )
    assert said.remedies[1] == f"Or as an application with the permission {WRITES}."


def test_an_application_is_told_the_permission_first():
    said = told(
        lacks="role",
        permissions=[WRITES, "User.ReadWrite.All"],
        actor_permissions=["User.Read.All"],
        actor_roles=["helpdesk-administrator"],
    )
    assert f"that takes the permission {WRITES}, or the role License Administrator" in said.message
    assert "has only User.Read.All and Helpdesk Administrator" in said.message
    assert said.remedies[0].startswith(f"Grant the application the permission {WRITES}")


def test_an_application_that_no_permission_helps_is_told_the_role():
    said = told(lacks="role", permissions=[], actor_permissions=["User.Read.All"], actor_roles=[])
    assert "that takes the role License Administrator or User Administrator, and" in said.message


def test_a_sign_in_that_lacks_the_scope_is_told_so():
    said = told(lacks="scope", permissions=[WRITES], actor_permissions=[], actor_roles=list(ROLES))
    assert f"that takes the permission {WRITES} in the sign-in, and joe@contoso.com signed in without it" in (
        said.message
    )
    assert "consent" in said.remedies[0]


def test_an_actor_is_named_with_roles_and_permissions():
    both = ActorInfo(name="app", roles=("license-administrator",), permissions=(WRITES,))
    assert phrases.actor(both) == f"app (License Administrator, {WRITES})"
    assert phrases.actor(ActorInfo(name="a", roles=())) == "a (no directory role)"


def blocked(**more):
    one = licences("lee", (licence("EMS"),), status="blocked", permitted=False, **more)
    return p.Change(**{name: getattr(one, name) for name in one.__struct_fields__} | {
        "blocked_by": ("role-missing",), "roles": ROLES})  # fmt: skip


@pytest.mark.parametrize(
    ("actor", "needed"),
    [
        (APP, f"the permission {WRITES}"),
        (ActorInfo(name="a", roles=()), "License Administrator or User Administrator"),
        (ActorInfo(name="a", roles=ROLES[:1], scopes=()), f"the permission {WRITES}"),
        (ActorInfo(name="a", roles=(), scopes=()), "License Administrator or User Administrator"),
    ],
)
def test_the_closing_line_tells_what_would_let_the_rest_through(actor, needed):
    assert messages.may_not(actor, [blocked()]).endswith(
        f"may not make 1 change that is ready otherwise: 1 takes {needed}."
    )


def test_a_document_names_permissions_scopes_and_cloud_only_where_they_say_something():
    tenant = p.TenantInfo(id="t", domain="contoso.com", provider="graph", cloud="china")
    told = document.to_document(plan(actor=APP, tenant=tenant))
    assert told["actor"] == {"name": "reconciler (a-1)", "roles": [], "permissions": ["User.Read.All"]}
    assert told["tenant"]["cloud"] == "china"
    plain = document.to_document(plan())
    assert set(plain["actor"]) == {"name", "roles"}
    assert "cloud" not in plain["tenant"]
    scoped = document.to_document(plan(actor=ActorInfo(name="a", roles=(), scopes=())))
    assert scoped["actor"]["scopes"] == []


@pytest.mark.parametrize("code", sorted(signin_errors.ENTRA))
def test_each_known_refusal_of_entra_says_what_it_means_and_what_to_do(code):
    params = {"method": "client-secret", "client": "c", "tenant": "t", "message": f"AADSTS{code}: x."}
    said = errors.sentence(DirectoryError("sign-in-refused", aadsts=code, **params))
    means, todo = signin_errors.ENTRA[code]
    start = "the sign-in to tenant t by client-secret, application c is refused: "
    assert said == f"{start}{means} (AADSTS{code}: x). {todo}"
    assert todo.endswith((".", "?"))


def test_an_unknown_refusal_of_entra_is_told_in_its_own_words():
    said = errors.sentence(
        DirectoryError("sign-in-refused", method="azure-cli", aadsts=1, message="AADSTS1: new.")
    )
    assert said.startswith("the sign-in by azure-cli is refused: AADSTS1: new. `reconciler doctor`")


@pytest.mark.parametrize("reason", ["unset", "no-managed-identity", "no-azure-cli", "no-terminal", "other"])
def test_why_a_way_is_not_used_is_told(reason):
    way = {"method": "gitlab", "reason": reason, "names": ["A", "B"], "what": ""}
    said = errors.sentence(UsageError("no-sign-in", tried=[way], pinned=None))
    assert "gitlab (" in said
    assert ("A and B are not set" in said) is (reason == "unset")
