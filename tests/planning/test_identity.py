"""Who an entry means: a typo creates no second account, a namesake gets nobody's mailbox."""

from datetime import timedelta

import pytest

from reconciler.model import DeletedUser
from tests.planning.world import NOW, codes, conflict, entry, held, parts, planned, sku, user

NAME = (("name", "Anna de Vries"),)


def deleted(number: int = 1, **fields) -> DeletedUser:
    """Return a soft-deleted anna@contoso.com."""
    return DeletedUser(
        **{
            "id": f"old-{number}",
            "upn": "anna@contoso.com",
            "name": "Anna de Vries",
            "enabled": True,
            "usage_location": "NL",
            "deleted_at": NOW - timedelta(days=3),
            **fields,
        }
    )


def test_a_user_is_found_by_upn():
    """The ordinary case."""
    assert [c.user.id for c in planned(entry("anna", "EMS"), users=(user("anna"),)).changes] == ["id-anna"]


def test_an_address_that_several_users_claim_means_nobody():
    """To name one of them as renamed would be a guess; both are told, and neither counts as unlisted."""
    alias = {"proxy_addresses": ("anna@contoso.com",)}

    plan = planned(
        entry("anna", "EMS", profile=NAME),
        users=(user("annabel", "ENTERPRISEPACK", **alias), user("annika", mail="anna@contoso.com")),
        skus=(sku("EMS"), sku("ENTERPRISEPACK")),
        desired={"unlisted_users": "revoke"},
    )
    found = conflict(plan, "ambiguous-user")

    assert plan.changes == ()
    assert codes(plan.conflicts) == ["ambiguous-user"]
    assert found.params["reason"] == "several-addresses"
    assert [(row["id"], row["upn"]) for row in found.params["candidates"]] == [
        ("id-annabel", "annabel@contoso.com"),
        ("id-annika", "annika@contoso.com"),
    ]


def test_one_user_who_has_an_address_twice_is_one():
    """As mail and among the proxy addresses: that is how Exchange has it."""
    both = {"mail": "anna@contoso.com", "proxy_addresses": ("anna@contoso.com",)}

    assert codes(planned(entry("anna"), users=(user("annabel", **both),)).conflicts) == ["renamed-user"]


def test_a_user_is_found_by_id_whatever_the_upn_is_now():
    """Addresses then speak of the present UPN."""
    plan = planned(entry("anna", "EMS", id="id-annabel"), users=(user("annabel"),))

    assert [c.address for c in plan.changes] == ["users/annabel@contoso.com/licenses"]


def test_an_id_that_nobody_has_falls_back_to_the_upn():
    """Found by id, then by UPN."""
    plan = planned(entry("anna", "EMS", id="gone"), users=(user("anna"),))

    assert [c.user.id for c in plan.changes] == ["id-anna"]


@pytest.mark.parametrize("field", [{"mail": "anna@contoso.com"}, {"proxy_addresses": ("anna@contoso.com",)}])
def test_a_user_found_only_by_an_address_was_renamed(field):
    """The present UPN is named, and nothing is created."""
    plan = planned(entry("anna", "EMS", profile=NAME, at=9), users=(user("annabel", **field),))

    found = conflict(plan, "renamed-user")

    assert plan.changes == ()
    assert (found.params["present_upn"], found.subject, found.line) == (
        "annabel@contoso.com",
        "users/anna@contoso.com",
        9,
    )


def test_an_absent_entry_of_a_renamed_user_deletes_nobody():
    """It is a conflict like any other rename."""
    plan = planned(entry("anna", present=False), users=(user("annabel", mail="anna@contoso.com"),))

    assert plan.changes == ()
    assert codes(plan.conflicts) == ["renamed-user"]


def test_an_entry_with_a_name_creates_whom_nobody_is():
    """First the account, then its licences."""
    plan = planned(entry("anna", "EMS", profile=NAME))

    assert [(c.kind, c.depends_on) for c in plan.changes] == [
        ("create-user", ()),
        ("set-licenses", ("users/anna@contoso.com",)),
    ]


@pytest.mark.parametrize("fields", [{}, {"id": "gone", "profile": NAME}])
def test_without_a_name_or_with_an_id_nobody_is_created(fields):
    """The nearest UPN is proposed."""
    plan = planned(entry("ana", "EMS", **fields), users=(user("anna"), user("bram")))

    assert plan.changes == ()
    assert conflict(plan, "unknown-user").params["nearest"] == "anna@contoso.com"


def test_where_no_upn_is_near_none_is_proposed():
    """A wild guess helps nobody."""
    assert conflict(planned(entry("zoltan")), "unknown-user").params["nearest"] is None


def test_a_near_upn_of_another_beginning_is_proposed_by_its_end():
    """The first letter may be the mistyped one."""
    plan = planned(entry("xnna"), users=(user("anna"),))

    assert conflict(plan, "unknown-user").params["nearest"] == "anna@contoso.com"


def test_a_upn_with_two_letters_transposed_is_proposed():
    """Neither the beginning nor the end of it is the same."""
    plan = planned(entry("barm"), users=(user("bram"), user("anna")))

    assert conflict(plan, "unknown-user").params["nearest"] == "bram@contoso.com"


def test_one_deleted_user_of_the_same_upn_and_name_is_restored():
    """With the licences that come back."""
    plan = planned(
        entry("anna", "EMS", profile=NAME),
        skus=(sku("EMS"), sku("ENTERPRISEPACK")),
        current={"deleted_users": (deleted(assignments=(held("ENTERPRISEPACK"),)),)},
    )
    restore, licenses = plan.changes

    assert (restore.kind, restore.address, restore.user.id) == (
        "restore-user",
        "users/anna@contoso.com/restore",
        "old-1",
    )
    assert restore.before["deleted"] is True
    assert restore.after == {"deleted": False}
    assert (parts(licenses.assign), parts(licenses.revoke)) == (["EMS"], ["ENTERPRISEPACK"])
    assert licenses.depends_on == (restore.address,)


def test_a_restored_user_is_updated_where_the_profile_differs():
    """What the account held before its deletion is known, and is what it comes back with."""
    profile = (("department", "Sales"), *NAME)

    same = planned(
        entry("anna", profile=profile, grants=None),
        current={"deleted_users": (deleted(department="Sales"),)},
    )
    other = planned(
        entry("anna", profile=profile, grants=None),
        current={"deleted_users": (deleted(department="IT"),)},
    )

    assert [c.kind for c in same.changes] == ["restore-user"]
    assert [(c.kind, c.before, c.depends_on) for c in other.changes[1:]] == [
        ("update-user", {"department": "IT"}, ("users/anna@contoso.com/restore",))
    ]


def test_a_restored_user_needs_the_seats_that_come_back():
    """Without one the restore waits, and so do the licences."""
    plan = planned(
        entry("anna", "EMS", profile=NAME),
        users=(user("bram", "ENTERPRISEPACK"),),
        skus=(sku("EMS"), sku("ENTERPRISEPACK", 1)),
        current={"deleted_users": (deleted(assignments=(held("ENTERPRISEPACK"),)),)},
    )

    assert [(c.kind, c.blocked_by) for c in plan.changes] == [
        ("set-licenses", ("users/anna@contoso.com/restore",)),
        ("restore-user", ("no-seats",)),
    ]


@pytest.mark.parametrize(
    ("entry_name", "people", "reason"),
    [
        ("Anna de Vries", (deleted(1), deleted(2)), "several"),
        ("Anna Bakker", (deleted(),), "other-name"),
        (None, (deleted(),), "other-name"),
    ],
)
def test_a_namesake_never_gets_a_deleted_persons_mailbox(entry_name, people, reason):
    """Several, or another name: nothing is created or restored."""
    profile = (("name", entry_name),) if entry_name else ()

    plan = planned(entry("anna", "EMS", profile=profile), current={"deleted_users": people})

    found = conflict(plan, "ambiguous-user")
    assert plan.changes == ()
    assert found.params["reason"] == reason
    assert [row["id"] for row in found.params["candidates"]] == [one.id for one in people]


def test_the_entry_chooses_whom_to_restore():
    """`restore: <id>` decides between several, and whatever the name is."""
    plan = planned(
        entry("anna", restore="old-2", grants=None),
        current={"deleted_users": (deleted(1), deleted(2, name="Other"))},
    )

    assert [c.user.id for c in plan.changes] == ["old-2"]


def test_an_id_alone_restores_nobody():
    """UPN and name must be that person's, too; `restore` says what is meant beyond doubt."""
    gone = {"deleted_users": (deleted(), deleted(2, upn="bram@contoso.com", name="Bram"))}

    def reason(name: str, **fields) -> str | None:
        plan = planned(entry(name, grants=None, **fields), current=gone)
        return plan.conflicts[0].params["reason"] if plan.conflicts else plan.changes[0].kind

    assert reason("anna", id="old-1", profile=NAME) == "restore-user"
    assert reason("anna", id="old-1") == "other-name"
    assert reason("anna", id="other", profile=NAME) == "other-id"
    assert reason("cees", id="old-1", profile=NAME) == "other-upn"
    assert reason("cees", restore="old-1") == "other-upn"


def test_who_was_deleted_more_than_thirty_days_ago_is_gone():
    """Nobody can restore that person, and the UPN is free."""
    gone = {"deleted_users": (deleted(deleted_at=NOW - timedelta(days=31)),)}

    assert [c.kind for c in planned(entry("anna", profile=NAME, grants=None), current=gone).changes] == [
        "create-user"
    ]


def test_restoring_whom_nobody_deleted_is_ambiguous():
    """Nothing is created instead."""
    plan = planned(entry("anna", restore="nobody", profile=NAME))

    assert plan.changes == ()
    assert conflict(plan, "ambiguous-user").params["reason"] == "no-such-deleted"


def test_of_entries_that_mean_the_same_user_none_is_followed():
    """They may contradict each other, and the wrong one could cost a mailbox: both are told."""
    plan = planned(
        entry("anna"),
        entry("bram", "EMS", id="id-anna"),
        entry("cees", "EMS", id="id-anna"),
        users=(user("anna", "ENTERPRISEPACK"),),
    )

    assert plan.changes == ()
    assert [(c.code, c.subject, c.params["other"], c.params["reason"]) for c in plan.conflicts] == [
        ("ambiguous-user", "users/anna@contoso.com", "bram@contoso.com", "twice"),
        ("ambiguous-user", "users/bram@contoso.com", "anna@contoso.com", "twice"),
        ("ambiguous-user", "users/cees@contoso.com", "anna@contoso.com", "twice"),
    ]


def test_a_conflict_names_the_id_that_the_entry_gives():
    """It is by the id that the user was sought."""
    assert conflict(planned(entry("anna", id="gone")), "unknown-user").params["id"] == "gone"


def test_an_absent_entry_that_nobody_is_means_nothing():
    """Deleted already."""
    plan = planned(entry("anna", present=False), current={"deleted_users": (deleted(),)})

    assert (plan.changes, plan.conflicts) == ((), ())
