"""What happens to users whom no entry names."""

import msgspec
import pytest

from reconciler.model import (
    Current,
    Desired,
    Location,
    Mailbox,
    Organization,
    RoleAssignment,
    TenantRef,
)
from reconciler.plan import Because
from reconciler.planning import unlisted
from tests.planning.world import GLOBAL, NOW, entry, held, parts, planned, sid, user

ROLE = RoleAssignment(principal_id="id-x", role="reports-reader")
REVOKE = {"unlisted_users": "revoke", "unlisted_location": Location(file="tenant.yaml", line=8)}


def test_unlisted_users_are_untouched_and_counted():
    """The default; the administrator of the tests is unlisted too."""
    plan = planned(entry("anna", "EMS"), users=(user("anna"), user("bram", "EMS")))

    assert [c.user.upn for c in plan.changes] == ["anna@contoso.com"]
    assert plan.summary.unlisted_users == 2
    assert "unlisted_kept" not in plan.options


def test_with_revoke_an_enabled_member_loses_direct_licences():
    """Inherited and ignored ones stay; the reason is the line that says so."""
    bram = user("bram", "EMS", "FLOW_FREE", held("VISIOCLIENT", group="g"))

    plan = planned(users=(bram,), desired={**REVOKE, "ignored_skus": frozenset({sid("FLOW_FREE")})})
    (change,) = plan.changes

    assert parts(change.revoke) == ["EMS"]
    assert change.revoke[0].because == (Because(rule="unlisted_users", file="tenant.yaml", line=8),)


def test_the_line_is_the_first_where_nobody_said_it():
    """A desired state need not come from a file."""
    plan = planned(users=(user("bram", "EMS"),), desired={"unlisted_users": "revoke"})

    assert plan.changes[0].revoke[0].because[0].line == 1


@pytest.mark.parametrize(
    ("kind", "who", "current"),
    [
        ("guest", user("x", "EMS", user_type="Guest"), {}),
        (
            "role-holder",
            user("x", "EMS"),
            {"role_assignments": (GLOBAL, RoleAssignment(principal_id="id-x", role="r"))},
        ),
        ("sync-account", user("x", "EMS", upn="sync_server@contoso.com"), {}),
        ("resource", user("x", "EMS", resource_account=True), {}),
        ("shared", user("x", "EMS"), {"mailboxes": (Mailbox(user_id="id-x", purpose="shared"),)}),
        ("disabled", user("x", "EMS", enabled=False), {}),
        ("unknown", user("x", "EMS", enabled=None), {}),
        ("unknown", user("x", "EMS", user_type=None), {}),
    ],
)
def test_everybody_else_is_kept_and_counted_by_class(kind, who, current):
    """Who is not certainly an enabled Member loses nothing."""
    plan = planned(users=(who,), desired=REVOKE, current=current)

    assert plan.changes == ()
    assert (
        plan.options["unlisted_kept"] == {"role-holder": 2}
        if kind == "role-holder"
        else {
            kind: 1,
            "role-holder": 1,
        }
    )


def test_a_listed_user_is_not_unlisted():
    """Even where the entry manages no licences."""
    plan = planned(entry("anna", grants=None), users=(user("anna", "EMS"), user("bram")), desired=REVOKE)

    assert plan.changes == ()


@pytest.mark.parametrize(
    ("listed", "who"),
    [
        ((entry("anna", "EMS"),), user("annabel", "EMS", mail="anna@contoso.com")),
        ((entry("ana", "EMS"),), user("anna", "EMS")),
        ((entry("anna", "EMS"), entry("bram", id="id-anna")), user("anna", "EMS")),
        ((entry("bram", "EMS", id="id-x"), entry("cees", id="id-x")), user("x", "EMS")),
    ],
    ids=["renamed", "mistyped", "twice", "twice by id"],
)
def test_whom_an_entry_in_conflict_may_mean_is_not_unlisted(listed, who):
    """A rename or a typing error in the file must not cost anybody a mailbox."""
    plan = planned(*listed, users=(who,), desired=REVOKE)

    assert plan.changes == ()
    assert plan.options["unlisted_kept"] == {"in-doubt": 1, "role-holder": 1}


def test_a_purpose_that_could_not_be_read_is_not_that_of_a_person():
    """The account is kept: it may be a shared one."""
    unread = {"mailboxes": (Mailbox(user_id="id-bram"),)}

    plan = planned(users=(user("bram", "EMS"),), desired=REVOKE, current=unread)

    assert plan.changes == ()
    assert plan.options["unlisted_kept"]["unknown"] == 1


def test_where_nobody_told_of_mailboxes_the_plan_says_so():
    """A reviewer must know that shared accounts could not be told apart."""
    bram = (user("bram", "EMS"),)

    assert planned(users=bram, desired=REVOKE).options["mailboxes_unknown"] is True
    assert "mailboxes_unknown" not in planned(users=bram, desired=REVOKE, current={"mailboxes": ()}).options


def test_only_whoever_may_lose_a_licence_is_asked_for_the_mailbox():
    """Enabled, unlisted Members with a direct licence that counts."""
    people = (
        user("anna", "EMS"),
        user("bram", "EMS"),
        user("cees", "EMS", enabled=False),
        user("dora", "EMS", user_type="Guest"),
        user("eva", "FLOW_FREE", held("EMS", group="g")),
    )
    current = Current(taken_at=NOW, organization=Organization(id="t"), users=people)
    desired = Desired(
        tenant=TenantRef(),
        digest="",
        entries=(entry("anna"),),
        ignored_skus=frozenset({sid("FLOW_FREE")}),
        **REVOKE,
    )

    assert unlisted.candidates(current, desired) == ("id-bram",)
    assert unlisted.candidates(current, msgspec.structs.replace(desired, unlisted_users="keep")) == ()

    by_id = (entry("bram", id="id-anna"),)
    assert unlisted.candidates(current, msgspec.structs.replace(desired, entries=by_id)) == ("id-bram",)
