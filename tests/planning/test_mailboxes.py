"""A mailbox that needs its licence keeps it: one on hold, a shared one that is large or has an archive."""

from datetime import date

import pytest
from msgspec import structs

from reconciler.model import Group, Leaver, Location, Mailbox, RoleAssignment, ToldMailbox, WantedGroup
from reconciler.planning import mailboxes
from reconciler.planning.context import Context
from tests.planning.world import (
    CATALOG,
    CHIEF,
    PLAIN,
    World,
    change,
    codes,
    conflict,
    entry,
    grant,
    held,
    line,
    planned,
    sku,
    user,
)

GB = 1024**3
INFO = user("info", "EXCHANGEENTERPRISE")
SHARED = Mailbox(user_id="id-info", purpose="shared", bytes=10 * GB, has_archive=False, on_hold=False)
GONE = entry("info")


def told(address="info@contoso.com", **facts):
    return ToldMailbox(address=address, location=Location(file="exchange.csv", line=2), **facts)


def plan_for(mailbox, *entries, users=(INFO,), file=(), **more):
    """Return the plan that takes Plan 2 from info, whose mailbox is known so."""
    current = {"mailboxes": None if mailbox is None else (mailbox,), **more.pop("current", {})}
    return planned(*(entries or (GONE,)), users=users, current=current, desired={"mailboxes": file}, **more)


def fate(plan, name="info"):
    """Return why the licence stays, or the warnings of its going."""
    found = [one.params["reason"] for one in plan.conflicts if one.code == "protected"]
    return found or codes(change(plan, name).warnings)


# ------------------------------------------------------------ what needs its licence


def test_a_shared_mailbox_needs_no_licence():
    """Small, without an archive and without a hold: it stays as it is, and nobody is warned of its loss."""
    assert fate(plan_for(SHARED)) == []
    assert change(plan_for(SHARED), "info").ready


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"on_hold": True}, "mailbox-hold"),
        ({"bytes": 50 * GB + 1}, "mailbox-size"),
        ({"has_archive": True}, "mailbox-archive"),
        ({"on_hold": True, "bytes": 90 * GB, "has_archive": True}, "mailbox-hold"),
        ({"bytes": 90 * GB, "has_archive": True}, "mailbox-size"),
        ({"purpose": "room", "bytes": 90 * GB}, "mailbox-size"),
        ({"purpose": "equipment", "has_archive": True}, "mailbox-archive"),
        ({"purpose": "user", "on_hold": True}, "mailbox-hold"),
        ({"purpose": None, "on_hold": True}, "mailbox-hold"),
    ],
)
def test_some_mailboxes_need_theirs(facts, reason):
    plan = plan_for(structs.replace(SHARED, **facts))
    found = conflict(plan, "protected")
    assert found.params == {
        "upn": "info@contoso.com",
        "action": "revoke",
        "reason": reason,
        "names": ["info@contoso.com"],
    }
    assert (found.subject, found.blocks) == ("users/info@contoso.com", True)
    blocked = change(plan, "info")
    assert (blocked.status, blocked.blocked_by) == ("blocked", ("protected",))


@pytest.mark.parametrize(
    "facts",
    [
        {"bytes": 50 * GB},
        {"purpose": "user", "bytes": 90 * GB, "has_archive": True},
        {"purpose": "linked", "bytes": 90 * GB},
        {"purpose": None, "bytes": 90 * GB},
    ],
)
def test_others_do_not(facts):
    """A person's mailbox is lost with its licence, and that is a warning, not a protection."""
    assert "protected" not in codes(plan_for(structs.replace(SHARED, **facts)).conflicts)


def test_a_mailbox_on_hold_is_kept_whatever_plan_it_has():
    """Plan 1 has no holds of its own: a policy of the organisation may still hold the mailbox."""
    plan = plan_for(structs.replace(SHARED, on_hold=True), users=(user("info", "EXCHANGESTANDARD"),))
    assert fate(plan) == ["mailbox-hold"]


@pytest.mark.parametrize(
    ("purpose", "enabled", "leaves", "left"),
    [
        ("user", True, None, None),
        ("user", True, date(2026, 12, 1), None),
        ("user", True, date(2026, 9, 1), True),
        ("user", False, None, True),
        (None, False, None, True),
        ("shared", False, None, None),  # such an account rests as long as it lives
    ],
)
def test_of_a_hold_it_is_told_whether_the_user_has_left(purpose, enabled, leaves, left):
    """Then the account may be deleted: the mailbox stays as an inactive one."""
    mailbox = structs.replace(SHARED, purpose=purpose, on_hold=True)
    leaver = Leaver(last_day=leaves, keep_licenses=0, location=line(1)) if leaves else None
    anna = user("info", "EXCHANGEENTERPRISE", enabled=enabled)
    plan = plan_for(mailbox, entry("info", leaver=leaver), users=(anna,))
    assert [one.params.get("left") for one in plan.conflicts if one.code == "protected"] == [left]


def test_to_allow_protected_lets_no_such_mailbox_go():
    """What is lost there is lost for good."""
    plan = plan_for(
        structs.replace(SHARED, on_hold=True), options=structs.replace(PLAIN, allow=("protected",))
    )
    assert fate(plan) == ["mailbox-hold"]


# ------------------------------------------------------------ a smaller plan, and a part of one


@pytest.mark.parametrize(
    ("facts", "reasons"),
    [
        ({"on_hold": True}, ["mailbox-hold"]),
        ({"bytes": 60 * GB}, ["mailbox-size"]),
        ({"has_archive": True}, ["mailbox-archive"]),
        ({"purpose": "user", "bytes": 60 * GB, "has_archive": True}, ["mailbox-downgrade"]),
        ({}, ["mailbox-downgrade"]),
    ],
)
def test_a_smaller_mailbox_must_still_hold_what_is_there(facts, reasons):
    """From Plan 2 to Plan 1: half the room, no archive, no hold."""
    plan = plan_for(structs.replace(SHARED, **facts), entry("info", "EXCHANGESTANDARD"))
    assert [reason for reason in fate(plan) if reason.startswith("mailbox")] == reasons


def test_a_kiosk_mailbox_is_no_smaller_than_a_shared_one_without_a_licence():
    users = (user("info", "EXCHANGESTANDARD"),)
    plan = plan_for(structs.replace(SHARED, bytes=40 * GB), entry("info", "EXCHANGEDESKLESS"), users=users)
    assert "protected" not in codes(plan.conflicts)


def test_switching_the_mailbox_plan_off_is_no_way_round():
    users = (user("info", "ENTERPRISEPACK"),)
    off = entry("info", grant("ENTERPRISEPACK", off=("EXCHANGE_S_ENTERPRISE",)))
    plan = plan_for(structs.replace(SHARED, on_hold=True), off, users=users)
    assert conflict(plan, "protected").params["action"] == "modify"


def test_an_archive_that_another_licence_keeps_is_kept():
    users = (user("info", "EXCHANGEENTERPRISE", "EXCHANGEARCHIVE_ADDON"),)
    plan = plan_for(
        structs.replace(SHARED, has_archive=True, on_hold=True),
        entry("info", "EXCHANGESTANDARD", "EXCHANGEARCHIVE_ADDON"),
        users=users,
    )
    assert "protected" not in codes(plan.conflicts)


def test_what_gives_a_mailbox_of_the_same_size_takes_nothing():
    plan = plan_for(structs.replace(SHARED, on_hold=True, bytes=90 * GB), entry("info", "ENTERPRISEPACK"))
    assert plan.conflicts == ()


def test_a_licence_without_a_mailbox_may_go():
    users = (user("info", "EXCHANGEENTERPRISE", "EMS"),)
    plan = plan_for(structs.replace(SHARED, on_hold=True), entry("info", "EXCHANGEENTERPRISE"), users=users)
    assert plan.conflicts == ()


def test_a_group_takes_no_licence_that_a_members_mailbox_needs():
    group = Group(
        id="g", name="Desk", assignments=(held("EXCHANGEENTERPRISE"),), members=("id-bea", "id-info")
    )
    inherited = held("EXCHANGEENTERPRISE", group="g")
    wanted = WantedGroup(name="Desk", location=line(3), mode="replace", grants=())
    world = World(
        users=(user("info", inherited), user("bea", inherited)),
        skus=(sku("EXCHANGEENTERPRISE"),),
        current={"groups": (group,), "mailboxes": (structs.replace(SHARED, on_hold=True),)},
        desired={"groups": (wanted,)},
    )
    found = conflict(world.plan(), "protected")
    assert (found.subject, found.params["upn"], found.params["group"], found.params["reason"]) == (
        "groups/Desk",
        "info@contoso.com",
        "Desk",
        "mailbox-hold",
    )


def test_who_is_created_has_no_mailbox_yet():
    plan = planned(
        entry("new", "EXCHANGESTANDARD", usage_location="NL", profile=(("name", "New"),)),
        desired={"mailboxes": (told(),)},
    )
    assert plan.conflicts == ()


# ------------------------------------------------------------ what is not known


@pytest.mark.parametrize(
    ("facts", "unknown"),
    [
        ({"bytes": None}, ["bytes"]),
        ({"has_archive": None, "on_hold": None}, ["has_archive", "on_hold"]),
        ({"bytes": None, "has_archive": None, "on_hold": None}, ["bytes", "has_archive", "on_hold"]),
    ],
)
def test_of_a_shared_mailbox_what_nobody_told_is_named(facts, unknown):
    """It is not taken for a no: the mailbox may be lost."""
    (warning,) = change(plan_for(structs.replace(SHARED, **facts)), "info").warnings
    assert (warning.code, warning.params["purpose"], warning.params["unknown"]) == (
        "mailbox-deletion",
        "shared",
        unknown,
    )
    assert "report" not in warning.params
    assert warning.recoverable_until == date(2026, 12, 24).isoformat()


def test_why_sizes_are_not_known_is_told_with_them():
    plan = plan_for(structs.replace(SHARED, bytes=None), current={"usage_report": "concealed"})
    (warning,) = change(plan, "info").warnings
    assert warning.params["report"] == "concealed"


@pytest.mark.parametrize(
    "mailbox", [None, Mailbox(user_id="id-info"), Mailbox(user_id="id-info", purpose="user")]
)
def test_of_a_person_or_of_nobody_knows_whom_it_is_a_loss_as_ever(mailbox):
    (warning,) = change(plan_for(mailbox), "info").warnings
    assert (warning.code, set(warning.params)) == ("mailbox-deletion", {"plan_title", "sku", "sku_name"})


def test_what_is_blocked_is_told_as_a_loss_as_ever():
    plan = plan_for(structs.replace(SHARED, on_hold=True, bytes=None))
    (warning,) = change(plan, "info").warnings
    assert "unknown" not in warning.params


# ------------------------------------------------------------ deletion


@pytest.mark.parametrize(("on_hold", "told_so"), [(True, True), (False, None), (None, None)])
def test_a_deleted_user_leaves_a_mailbox_on_hold_behind(on_hold, told_so):
    """An inactive mailbox: so deletion is no loss that would have to be blocked."""
    absent = entry("info", present=False, grants=None)
    plan = plan_for(structs.replace(SHARED, on_hold=on_hold), absent)
    found = change(plan, "users/info@contoso.com")
    assert found.ready
    assert found.warnings[0].params.get("on_hold") is told_so


# ------------------------------------------------------------ what the tenant and the file tell


def known(mailbox=None, file=(), users=(INFO,)):
    world = World(
        users=users,
        current={"mailboxes": None if mailbox is None else (mailbox,)},
        desired={"mailboxes": file},
    )
    return Context(*world.states(), CHIEF, CATALOG, PLAIN).mailboxes


def test_the_tenant_knows_better_what_a_mailbox_is_for():
    live = Mailbox(user_id="id-info", purpose="user")
    assert known(live, (told(purpose="shared"),))["id-info"].purpose == "user"
    assert (
        known(structs.replace(live, purpose=None), (told(purpose="shared"),))["id-info"].purpose == "shared"
    )
    assert known(None, (told(purpose="shared"),))["id-info"].purpose == "shared"


def test_where_tenant_and_file_disagree_on_what_needs_no_licence_it_is_told():
    """The plan goes by the tenant, so the file's word is lost on it: with its place, and blocking nothing."""
    live = structs.replace(SHARED, purpose="user")
    plan = plan_for(live, file=(told(purpose="shared", bytes=60 * GB),))
    (found,) = [one for one in plan.conflicts if one.code == "mailbox-disagreement"]
    assert found.params == {"upn": "info@contoso.com", "tenant": "user", "told": "shared"}
    assert (found.subject, found.blocks) == ("users/info@contoso.com", False)
    assert (found.file, found.line) == ("exchange.csv", 2)


@pytest.mark.parametrize(
    ("live", "file"),
    [
        ("shared", told(purpose="room")),  # neither needs one
        ("user", told(purpose="linked")),
        ("user", told(has_archive=True)),  # one says nothing
        (None, told(purpose="shared")),
        ("user", told("nobody@contoso.com", purpose="shared")),
    ],
)
def test_otherwise_they_agree(live, file):
    plan = plan_for(structs.replace(SHARED, purpose=live), file=(file,))
    assert "mailbox-disagreement" not in codes(plan.conflicts)


def test_how_much_of_the_file_is_about_users_here_is_told():
    strangers = tuple(told(f"x{number:02}@contoso.com") for number in range(mailboxes.SHOWN + 2))
    plan = plan_for(SHARED, file=(told(), *strangers))
    found = plan.options["mailboxes_told"]
    assert (found["rows"], found["matched"], len(found["unmatched"])) == (23, 1, mailboxes.SHOWN)
    assert "mailboxes_told" not in plan_for(SHARED).options


@pytest.mark.parametrize(
    ("live", "file", "counts"),
    [(None, None, None), (True, None, True), (False, None, False), (None, False, False), (False, True, True)],
)
def test_of_all_else_the_more_careful_counts(live, file, counts):
    row = Mailbox(user_id="id-info", has_archive=live, on_hold=live, bytes=None if live is None else 2 + live)
    size = None if file is None else 2 + file
    found = known(row, (told(has_archive=file, on_hold=file, bytes=size),))["id-info"]
    assert (found.has_archive, found.on_hold) == (counts, counts)
    assert found.bytes == (None if counts is None else 2 + counts)


def test_a_mailbox_is_found_by_upn_then_by_an_address_that_only_one_has():
    ann = user("ann", proxy_addresses=("help@contoso.com", "both@contoso.com"))
    bob = user("bob", mail="both@contoso.com")
    users = (INFO, ann, bob)
    assert set(known(None, (told("help@contoso.com", purpose="shared"),), users)) == {"id-ann"}
    assert known(None, (told("both@contoso.com"), told("nobody@contoso.com")), users) == {}


def test_a_file_alone_says_who_is_a_shared_account():
    """`unlisted_users: revoke` leaves it alone; who is in no row, or has no type there, is as before."""
    users = (INFO, user("bea", "EXCHANGEENTERPRISE"), user("ann", "EXCHANGEENTERPRISE"))
    file = (told(purpose="shared"), told("bea@contoso.com", on_hold=False))
    world = World(
        users=users,
        skus=(sku("EXCHANGEENTERPRISE"),),
        desired={"unlisted_users": "revoke", "unlisted_location": line(1), "mailboxes": file},
        current={"role_assignments": (RoleAssignment(principal_id="id-admin", role="global-administrator"),)},
    )
    plan = world.plan()
    assert sorted(one.user.upn for one in plan.changes) == ["ann@contoso.com", "bea@contoso.com"]
    assert plan.options["unlisted_kept"]["shared"] == 1


# ------------------------------------------------------------ of whom a tenant is asked


def test_asked_is_of_whoever_would_lose_a_mailbox_or_a_part_of_one():
    group = Group(id="g", name="Desk", assignments=(held("EXCHANGESTANDARD"),), members=("id-gus",))
    world = World(
        users=(
            INFO,
            user("bea", "EXCHANGEENTERPRISE"),
            user("cas", "EMS"),
            user("gus", held("EXCHANGESTANDARD", group="g")),
        ),
        skus=(sku("EXCHANGEENTERPRISE"), sku("EXCHANGESTANDARD"), sku("EMS")),
        entries=(
            GONE,
            entry("bea", "EXCHANGESTANDARD"),
            entry("cas"),
            entry("new", profile=(("name", "N"),)),
        ),
        current={"groups": (group,)},
        desired={"groups": (WantedGroup(name="Desk", location=line(3), mode="replace", grants=()),)},
    )
    _, current = world.states()
    assert mailboxes.concerned(world.plan(), current) == ("id-bea", "id-gus", "id-info")
