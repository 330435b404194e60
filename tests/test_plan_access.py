"""Who may make a change: by a role within the sign-in's scopes, or as an application by permission."""

import pytest

from reconciler import roles
from reconciler.model import Actor
from reconciler.plan import ActorInfo, Change
from reconciler.plan_access import abilities, permissions, permitted

LICENCES = Change(address="users/a/licenses", kind="set-licenses", roles=roles.roles_with("assign", "revoke"))
DELETE = Change(address="users/a", kind="delete-user", roles=roles.roles_with("delete"))
DELETE_ADMIN = Change(address="users/a", kind="delete-user", roles=roles.roles_with("delete-privileged"))


def update(*able, **after):
    return Change(address="u", kind="update-user", after=after, roles=roles.roles_with(*able))


@pytest.mark.parametrize(
    ("change", "able"),
    [
        (Change(address="u", kind="create-user"), ("create",)),
        (Change(address="u", kind="restore-user"), ("delete",)),
        (DELETE, ("delete",)),
        (DELETE_ADMIN, ("delete-privileged",)),
        (LICENCES, ("assign", "revoke")),
        (Change(address="g", kind="set-group-licenses"), ("group-licenses",)),
        (Change(address="g", kind="add-member"), ("members",)),
        (Change(address="g", kind="remove-member"), ("members",)),
        (Change(address="s", kind="buy-seats"), ("buy",)),
        (Change(address="s", kind="set-auto-renew"), ("buy",)),
        (update("usage-location", usage_location="NL"), ("usage-location",)),
        (update("profile", city="Gent"), ("profile",)),
        (
            update("usage-location", "profile", usage_location="NL", city="Gent"),
            ("usage-location", "profile"),
        ),
        (update("profile", "delete-privileged", enabled=False), ("profile", "delete-privileged")),
    ],
    ids=lambda value: value.kind if isinstance(value, Change) else "",
)
def test_what_a_change_takes_follows_from_what_it_does(change, able):
    assert abilities(change) == able


@pytest.mark.parametrize("role", sorted(roles.ABILITIES))
@pytest.mark.parametrize("change", [LICENCES, DELETE, DELETE_ADMIN])
def test_a_role_that_the_change_names_is_enough_where_no_scopes_are_told(change, role):
    assert permitted(change, Actor(id="", name="", roles=(role,))) is (role in change.roles)


def test_an_application_needs_a_permission_or_a_role():
    assert permitted(LICENCES, Actor(id="", name="", permissions=("LicenseAssignment.ReadWrite.All",)))
    assert not permitted(LICENCES, Actor(id="", name="", permissions=("User.Read.All", "Unknown.Thing")))
    by_role = Actor(id="", name="", permissions=("User.Read.All",), roles=("license-administrator",))
    assert permitted(LICENCES, by_role)


def test_no_permission_of_an_application_reaches_the_holders_of_privileged_roles():
    """User.ReadWrite.All deletes users, and no administrators: Microsoft on sensitive actions."""
    everything = tuple(roles.PERMISSIONS)
    assert permitted(DELETE, Actor(id="", name="", permissions=everything))
    assert not permitted(DELETE_ADMIN, Actor(id="", name="", permissions=everything))
    assert permissions(DELETE_ADMIN) == ()


@pytest.mark.parametrize(
    ("held", "scopes", "may"),
    [
        (("license-administrator",), ("LicenseAssignment.ReadWrite.All",), True),
        (("license-administrator",), ("User.Read.All",), False),
        (("license-administrator",), (), False),
        (("license-administrator",), (roles.AS_THE_USER,), True),
        (("helpdesk-administrator",), ("LicenseAssignment.ReadWrite.All",), False),
        (("license-administrator",), None, True),
    ],
)
def test_a_user_needs_the_role_and_the_scope(held, scopes, may):
    actor = Actor(id="", name="a@contoso.com", roles=held, scopes=scopes)
    assert permitted(LICENCES, actor) is may
    assert permitted(LICENCES, ActorInfo.of(actor)) is may


def test_a_scope_does_not_tell_administrators_apart():
    actor = Actor(id="", name="", roles=("global-administrator",), scopes=("User.DeleteRestore.All",))
    assert permitted(DELETE_ADMIN, actor)


def test_the_permissions_that_would_do_are_told_least_first():
    assert permissions(LICENCES) == (
        "LicenseAssignment.ReadWrite.All",
        "User.ReadWrite.All",
        "Directory.ReadWrite.All",
    )
    assert permissions(DELETE) == ("User.DeleteRestore.All", "User.ReadWrite.All")
    assert permissions(Change(address="s", kind="buy-seats")) == ()
