"""What somebody may do here, what is missing and what is too much: the judgement of `doctor`."""

import pytest

from reconciler import roles
from reconciler.looking.permissions import STATE, Surplus, Verdict, diagnose, least
from reconciler.model import Actor

READS = ("GroupMember.Read.All", "Organization.Read.All", "RoleManagement.Read.Directory", "User.Read.All")
WRITES = "LicenseAssignment.ReadWrite.All"


def application(*permissions, held=()):
    return Actor(id="app", name="app", permissions=permissions, roles=held)


def user(*held, scopes=None):
    return Actor(id="u", name="admin@contoso.com", roles=held, scopes=scopes)


def lacks(diagnosis, command):
    return next(row for row in diagnosis.verdicts if row.command == command).lacks


@pytest.mark.parametrize(
    ("used", "names"),
    [
        ((), READS),
        (("assign", "revoke"), (*READS, WRITES)),
        (("group-licenses",), (*READS, WRITES)),
        (("assign", "delete"), (*READS, WRITES, "User.DeleteRestore.All")),
        (("create", "assign"), (*READS[:3], "User.ReadWrite.All")),
        (("members", "assign"), (*READS[1:], "GroupMember.ReadWrite.All", WRITES)),
    ],
)
def test_the_least_set_holds_no_permission_that_another_one_gives(used, names):
    assert least(used, STATE) == tuple(sorted(names))


def test_an_application_with_the_least_set_may_do_everything_and_has_nothing_too_much():
    found = diagnose(application(*READS, WRITES), "application", {"assign", "revoke"})
    assert all(verdict.may for verdict in found.verdicts)
    assert (found.missing, found.surplus) == ((), ())
    assert (found.least_plan, found.least_apply) == (READS, tuple(sorted((*READS, WRITES))))
    assert found.least_roles == ("license-administrator",)


def test_without_files_licences_are_what_it_is_about():
    assert diagnose(application(*READS), "application", ()).missing == (WRITES,)


def test_what_an_application_lacks_is_told_for_each_command():
    found = diagnose(application("User.Read.All", WRITES), "application", {"delete"})
    assert lacks(found, "plan") == ("organization", "groups", "roles")
    assert lacks(found, "apply") == ("organization", "groups", "roles", "delete")
    assert found.missing == ("GroupMember.Read.All", "Organization.Read.All",
                             "RoleManagement.Read.Directory", "User.DeleteRestore.All")  # fmt: skip
    assert [row.command for row in found.verdicts][:2] == ["plan", "apply"]


def test_an_application_without_any_permission_may_do_nothing():
    found = diagnose(application(), "application", {"assign"})
    assert Verdict(command="seats", lacks=STATE) in found.verdicts
    assert found.missing == tuple(sorted((*READS, WRITES)))


def test_a_directory_role_of_an_application_counts():
    found = diagnose(application(held=("license-administrator",)), "application", {"assign", "delete"})
    assert lacks(found, "plan") == ()
    assert lacks(found, "apply") == ("delete",)


def test_a_user_whose_scopes_nobody_told_may_read_and_do_what_the_roles_allow():
    found = diagnose(user("license-administrator"), "user", {"assign", "revoke", "create"})
    assert lacks(found, "plan") == ()
    assert lacks(found, "apply") == ("create",)
    assert found.missing == ()
    assert found.least_roles == ("directory-writers",)


def test_a_user_needs_role_and_scope():
    scopes = (*READS, WRITES, "User.Read", "openid")
    assert lacks(diagnose(user("license-administrator", scopes=scopes), "user", {"assign"}), "apply") == ()
    assert lacks(diagnose(user(scopes=scopes), "user", {"assign"}), "apply") == ("assign",)
    found = diagnose(user("license-administrator", scopes=READS), "user", {"assign"})
    assert (lacks(found, "apply"), found.missing) == (("assign",), (WRITES,))
    unread = diagnose(user("license-administrator", scopes=()), "user", {"assign"})
    assert lacks(unread, "plan") == STATE


def test_what_the_azure_cli_brings_along_is_more_than_it_takes():
    scopes = ("Application.ReadWrite.All", "Directory.AccessAsUser.All", "Group.ReadWrite.All", "email")
    found = diagnose(user("user-administrator", scopes=scopes), "user", {"assign"})
    assert lacks(found, "apply") == ()
    assert found.missing == ()
    assert found.surplus == (
        Surplus(name="Application.ReadWrite.All", dangerous=True),
        Surplus(name="Directory.AccessAsUser.All", dangerous=True, instead=(WRITES, *READS[1:])),
        Surplus(name="Group.ReadWrite.All", instead=READS[:1]),
    )


@pytest.mark.parametrize(
    "name",
    [
        "RoleManagement.ReadWrite.Directory",
        "AppRoleAssignment.ReadWrite.All",
        "Directory.ReadWrite.All",
        "DelegatedPermissionGrant.ReadWrite.All",
    ],
)
def test_a_permission_that_could_take_the_tenant_is_marked(name):
    found = diagnose(application(*READS, WRITES, name), "application", {"assign"})
    assert found.surplus == (Surplus(name=name, dangerous=True),)


def test_a_broad_permission_is_told_with_the_narrower_ones_that_would_do():
    found = diagnose(application("Directory.ReadWrite.All"), "application", {"assign", "delete"})
    assert lacks(found, "apply") == ("delete",)
    instead = tuple(sorted((*READS, WRITES)))
    assert found.surplus == (Surplus(name="Directory.ReadWrite.All", dangerous=True, instead=instead),)


def test_what_is_least_for_something_is_not_too_much_beside_a_broader_one():
    """Creating users takes a permission that gives licences, too: having both is no fault."""
    used = {"create", "assign", "revoke", "delete", "members"}
    table = (WRITES, "User.ReadWrite.All", "User.DeleteRestore.All", "GroupMember.ReadWrite.All")
    assert diagnose(application(*READS, *table), "application", used).surplus == ()
    found = diagnose(user("license-administrator", scopes=(*READS, WRITES)), "user", used)
    assert (found.surplus, "User.ReadWrite.All" in found.missing) == ((), True)
    found = diagnose(application(*READS, *table), "application", {"create"})
    assert {each.name for each in found.surplus} == {*table} - {"User.ReadWrite.All"}


def test_what_only_an_application_reads_is_no_wish_of_a_person():
    """A person's sign-in tells of that person's mailbox only."""
    found = diagnose(user("license-administrator", scopes=(*READS, "MailboxSettings.Read")), "user", ())
    assert found.wishes == ("reports", "audit")
    assert found.surplus == (Surplus(name="MailboxSettings.Read"),)


def test_a_global_administrator_is_told_of_a_narrower_role():
    found = diagnose(user("global-administrator"), "user", {"assign", "members"})
    instead = ("directory-writers",)
    assert found.surplus == (Surplus(name="global-administrator", dangerous=True, instead=instead),)
    assert diagnose(user("global-administrator"), "user", {"assign"}).surplus[0].instead == (
        "license-administrator",
    )


def test_what_would_make_answers_fuller_is_a_wish_and_never_too_much():
    found = diagnose(application(*READS, WRITES, "AuditLog.Read.All"), "application", {"assign"})
    assert (found.wishes, found.surplus, lacks(found, "plan")) == (("mailboxes", "reports"), (), ())
    assert diagnose(user("license-administrator"), "user", {"assign"}).wishes == ()


def test_every_thing_to_read_has_a_least_permission_that_writes_nothing():
    assert all("Write" not in names[0] for names in roles.READ.values())
