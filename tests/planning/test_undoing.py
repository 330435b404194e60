"""The way back to what was before a run: what still is as the run left it goes back, and nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from reconciler.model import DeletedUser, Group, Guardrails, Rail, User, WantedGroup
from reconciler.plan import Change, GroupRef, Plan, UserRef
from reconciler.plan_past import Past
from reconciler.planning import undo
from tests.planning.world import (
    CATALOG,
    CHIEF,
    NOW,
    PLAIN,
    World,
    change,
    codes,
    conflict,
    entry,
    held,
    line,
    parts,
    pid,
    sid,
    sku,
    user,
)

RUN = "20261123-090000-abcd"
DAY = timedelta(days=1)


def ref(name: str, user_id: str | None = "") -> UserRef:
    """Return a user as a change names one."""
    return UserRef(
        id=f"id-{name}" if user_id == "" else user_id, upn=f"{name}@contoso.com", name=name.title()
    )


def rows(*licences, group: str | None = None) -> list[dict[str, Any]]:
    """Return licences as a change holds them."""
    found = [held(one, group=group) if isinstance(one, str) else one for one in licences]
    return [
        {"sku_id": a.sku_id, "disabled_plans": list(a.disabled_plans), "assigned_by": a.assigned_by}
        for a in found
    ]


def licences(name: str, before: list, after: list) -> Change:
    """Return a change of direct licences, as the journal has it."""
    return Change(
        address=f"users/{name}@contoso.com/licenses",
        kind="set-licenses",
        user=ref(name),
        before={"assignments": rows(*before), "usage_location": "NL", "enabled": True},
        after={"assignments": rows(*after), "usage_location": "NL", "enabled": True},
    )


def account(kind, name: str, before=None, after=None, user_id: str | None = "") -> Change:
    """Return a change of an account."""
    address = f"users/{name}@contoso.com" + {"update-user": "/profile", "restore-user": "/restore"}.get(
        kind, ""
    )
    return Change(address=address, kind=kind, user=ref(name, user_id), before=before or {}, after=after or {})


def deletion(name: str, *had) -> Change:
    return account("delete-user", name, {"deleted": False, "assignments": rows(*had)}, {"deleted": True})


def deleted(name: str, *licences, days: int = 1, **fields: Any) -> DeletedUser:
    """Return a user who was deleted some days ago."""
    gone = user(name, *licences)
    told = {field: getattr(gone, field) for field in User.__struct_fields__}
    return DeletedUser(**{**told, "deleted_at": NOW - days * DAY, **fields})


SALES = Group(id="g", name="Sales NL", assignments=(held("EMS"),), members=("id-anna", "id-bram"))


def in_group(kind, *, name: str | None = None, before=None, after=None, group: Group = SALES) -> Change:
    """Return a change of a group."""
    part = f"members/{name}@contoso.com" if name else "licenses"
    return Change(
        address=f"groups/{group.name}/{part}",
        kind=kind,
        user=ref(name) if name else None,
        group=GroupRef(id=group.id, name=group.name),
        before=before or {},
        after=after or {},
    )


def undone(
    *changes: Change, users: tuple[User, ...] = (), moment=NOW - DAY, options=PLAIN, **more: Any
) -> Plan:
    """Return the plan that undoes a run of these changes."""
    current = more.pop("current", {})
    skus = more.pop("skus", tuple(sku(one) for one in ("EMS", "ENTERPRISEPACK", "SPE_E5", "POWER_BI_PRO")))
    world = World(users=users, skus=skus, current=current, **more)
    past = Past(run=RUN, moment=moment, changes=changes)
    return undo(*world.states(), CHIEF, CATALOG, options, past)


def told(plan: Plan) -> list[tuple[str, str, str]]:
    """Return what is not undone, and why."""
    return [
        (one.subject, one.code, one.params.get("reason") or one.params["what"])
        for one in plan.conflicts
        if one.code in ("changed-since", "not-undone")
    ]


# ------------------------------------------------------------ licences


def test_a_swap_goes_back_in_one_call_with_the_plans_that_were_off():
    before = [held("ENTERPRISEPACK", off=("YAMMER_ENTERPRISE",)), "POWER_BI_PRO"]
    plan = undone(
        licences("anna", before, ["SPE_E5", "POWER_BI_PRO"]), users=(user("anna", "SPE_E5", "POWER_BI_PRO"),)
    )
    (back,) = plan.changes
    assert (parts(back.assign), parts(back.revoke), back.status) == (["ENTERPRISEPACK"], ["SPE_E5"], "ready")
    assert back.assign[0].disabled_plans == (pid("YAMMER_ENTERPRISE"),)
    assert {row["sku_id"] for row in back.after["assignments"]} == {
        sid("ENTERPRISEPACK"),
        sid("POWER_BI_PRO"),
    }
    assert [(one.rule, one.file) for one in back.assign[0].because] == [("undo", f"run {RUN}")]
    assert (plan.conflicts, plan.memory, plan.options["undoes"]) == ((), (), RUN)


def test_plans_that_were_switched_off_are_on_again():
    off = held("ENTERPRISEPACK", off=("YAMMER_ENTERPRISE",))
    plan = undone(licences("anna", ["ENTERPRISEPACK"], [off]), users=(user("anna", off),))
    (back,) = plan.changes
    assert [one.disabled_plans for one in back.modify] == [()]


def test_what_is_as_before_already_is_left_alone_and_nobody_else_is_touched():
    plan = undone(licences("anna", ["EMS"], ["SPE_E5"]), users=(user("anna", "EMS"), user("bram", "SPE_E5")))
    assert (plan.changes, plan.conflicts) == ((), ())


def test_what_somebody_changed_since_stays_and_is_told():
    """The rest goes back: each licence by itself."""
    changed = held("SPE_E5", off=("YAMMER_ENTERPRISE",))
    plan = undone(licences("anna", ["EMS"], ["SPE_E5"]), users=(user("anna", changed, "POWER_BI_PRO"),))
    (back,) = plan.changes
    assert (parts(back.assign), parts(back.revoke)) == (["EMS"], [])
    assert told(plan) == [("users/anna@contoso.com", "changed-since", "licence SPE_E5")]
    assert conflict(plan, "changed-since").blocks is False


def test_licences_from_groups_are_none_of_a_users_own():
    before = [held("EMS", group="g"), "SPE_E5"]
    plan = undone(licences("anna", before, [held("EMS", group="g")]), users=(user("anna"),))
    assert parts(change(plan, "anna").assign) == ["SPE_E5"]


def test_a_seat_that_is_missing_blocks_as_in_every_plan():
    plan = undone(
        licences("anna", ["EMS"], []),
        users=(user("anna"), user("bram", "EMS")),
        skus=(sku("EMS", enabled=1),),
    )
    assert (codes(plan.conflicts), change(plan, "anna").status) == (["no-seats"], "blocked")
    assert plan.purchases[0].buy == 1


@pytest.mark.parametrize(
    ("days", "after", "has", "reasons"),
    [
        (31, [], (), ["mailbox-gone"]),
        (29, [], (), []),
        (31, ["SPE_E5"], ("SPE_E5",), []),  # the mailbox was there all the time
    ],
)
def test_a_mailbox_that_was_deleted_over_thirty_days_ago_comes_back_empty(days, after, has, reasons):
    plan = undone(
        licences("anna", ["ENTERPRISEPACK"], after), users=(user("anna", *has),), moment=NOW - days * DAY
    )
    assert parts(change(plan, "anna").assign) == ["ENTERPRISEPACK"]
    assert [reason for _, _, reason in told(plan)] == reasons


# ------------------------------------------------------------ accounts


def test_a_deleted_user_is_restored_and_gets_exactly_the_former_licences():
    had = (held("ENTERPRISEPACK", off=("YAMMER_ENTERPRISE",)), "EMS")
    plan = undone(deletion("anna", *had), current={"deleted_users": (deleted("anna", "EMS"),)})
    back, assigned = plan.changes
    assert (back.kind, back.address) == ("restore-user", "users/anna@contoso.com/restore")
    assert assigned.depends_on == (back.address,)
    assert [(one.sku, one.disabled_plans) for one in assigned.assign] == [
        ("ENTERPRISEPACK", (pid("YAMMER_ENTERPRISE"),))
    ]
    assert plan.conflicts == ()


def test_a_user_who_came_back_with_every_licence_needs_no_more_than_that():
    plan = undone(deletion("anna", "EMS"), current={"deleted_users": (deleted("anna", "EMS"),)})
    assert [one.kind for one in plan.changes] == ["restore-user"]


def test_what_the_run_took_before_it_deleted_comes_back_too():
    changes = (
        account("update-user", "anna", {"department": "Sales"}, {"department": None}),
        licences("anna", ["EMS", "SPE_E5"], ["SPE_E5"]),
        deletion("anna", "SPE_E5"),
    )
    gone = deleted("anna", "SPE_E5", department=None)
    plan = undone(*changes, current={"deleted_users": (gone,)})
    assert [one.kind for one in plan.changes] == ["restore-user", "update-user", "set-licenses"]
    assert plan.changes[1].after == {"department": "Sales"}
    assert parts(plan.changes[2].assign) == ["EMS"]


def test_a_user_whom_somebody_restored_since_gets_the_licences_that_are_missing():
    plan = undone(deletion("anna", "EMS", "SPE_E5"), users=(user("anna", "EMS"),))
    assert [one.kind for one in plan.changes] == ["set-licenses"]
    assert parts(change(plan, "anna").assign) == ["SPE_E5"]


@pytest.mark.parametrize(
    ("changes", "there", "reason"),
    [
        ((deletion("anna", "EMS"),), (), "purged"),
        ((deletion("anna", "EMS"),), (deleted("anna", days=31),), "purged"),
        ((licences("anna", ["EMS"], []),), (), "user-gone"),
        ((licences("anna", ["EMS"], []),), (deleted("anna"),), "user-deleted"),
        ((account("create-user", "anna", user_id=None),), (), "unknown"),
    ],
)
def test_an_account_that_can_not_come_back_is_told(changes, there, reason):
    plan = undone(*changes, current={"deleted_users": there})
    assert plan.changes == ()
    assert told(plan) == [("users/anna@contoso.com", "not-undone", reason)]


def test_a_name_that_somebody_else_has_now_is_not_taken_from_them():
    plan = undone(
        deletion("anna"), users=(user("anna", id="id-other"),), current={"deleted_users": (deleted("anna"),)}
    )
    assert (plan.changes, [reason for *_, reason in told(plan)]) == ((), ["name-taken"])


@pytest.mark.parametrize("kind", ["create-user", "restore-user"])
def test_an_account_that_was_not_there_before_is_deleted(kind):
    """And not touched otherwise; where somebody deleted it since, nothing is left to do."""
    changes = (account(kind, "anna"), licences("anna", [], ["EMS"]))
    plan = undone(*changes, users=(user("anna", "EMS"),))
    assert [(one.kind, one.address) for one in plan.changes] == [("delete-user", "users/anna@contoso.com")]
    assert codes(plan.changes[0].warnings) == ["user-deletion"]
    assert undone(*changes).changes == ()


def test_fields_of_a_profile_go_back_one_by_one():
    before = {"department": "Sales", "job_title": None, "city": "Delft", "name": "Anna", "office": "1"}
    after = {"department": "IT", "job_title": "Chief", "city": "Breda", "name": "Ann", "office": "2"}
    now = structs.replace(
        user("anna"), department="IT", job_title="Chief", city="Utrecht", name="Ann", office="1"
    )
    plan = undone(account("update-user", "anna", before, after), users=(now,))
    (back,) = plan.changes
    assert back.before == {"department": "IT", "job_title": "Chief", "name": "Ann"}
    assert back.after == {"department": "Sales", "job_title": None, "name": "Anna"}
    assert told(plan) == [("users/anna@contoso.com", "changed-since", "city")]


def test_a_usage_location_goes_back_but_can_not_be_emptied():
    changed = account("update-user", "anna", {"usage_location": "BE"}, {"usage_location": "NL"})
    plan = undone(changed, users=(user("anna"),))
    assert plan.changes[0].after == {"usage_location": "BE"}
    plan = undone(
        account("update-user", "anna", {"usage_location": None}, {"usage_location": "NL"}),
        users=(user("anna"),),
    )
    assert plan.changes == ()
    assert conflict(plan, "not-undone").params == {
        "run": RUN, "reason": "never-empty", "upn": "anna@contoso.com", "field": "usage location",
    }  # fmt: skip


def test_money_is_not_given_back():
    plan = undone(
        Change(address="subscriptions/EMS/seats", kind="buy-seats"),
        Change(address="subscriptions/EMS/auto-renew", kind="set-auto-renew"),
    )
    assert plan.changes == ()
    assert told(plan) == [
        ("subscriptions/EMS", "not-undone", "bought"),
        ("subscriptions/EMS", "not-undone", "renewal"),
    ]


# ------------------------------------------------------------ groups


ANNA, BRAM = user("anna", held("EMS", group="g")), user("bram", held("EMS", group="g"))


def test_the_licences_of_a_group_go_back_and_what_somebody_added_stays():
    group = structs.replace(SALES, assignments=(held("EMS"), held("POWER_BI_PRO")))
    users = tuple(
        user(name, held("EMS", group="g"), held("POWER_BI_PRO", group="g")) for name in ("anna", "bram")
    )
    plan = undone(
        in_group(
            "set-group-licenses",
            before={"assignments": rows("SPE_E5")},
            after={"assignments": rows("EMS")},
        ),
        users=users,
        current={"groups": (group,)},
    )
    (back,) = plan.changes
    assert (back.kind, parts(back.assign), parts(back.revoke)) == ("set-group-licenses", ["SPE_E5"], ["EMS"])
    assert [one.user.upn for one in back.members] == ["anna@contoso.com", "bram@contoso.com"]


def test_a_groups_licence_that_somebody_changed_since_stays():
    plan = undone(
        in_group("set-group-licenses", before={"assignments": rows("SPE_E5")}, after={"assignments": rows()}),
        users=(ANNA, BRAM),
        current={
            "groups": (structs.replace(SALES, assignments=(held("SPE_E5", off=("YAMMER_ENTERPRISE",)),)),)
        },
    )
    assert (plan.changes, told(plan)) == ((), [("groups/Sales NL", "changed-since", "licence SPE_E5")])


def test_who_joined_leaves_and_who_left_joins():
    chris = user("chris")
    plan = undone(
        in_group("add-member", name="bram"),
        in_group("remove-member", name="chris"),
        in_group("add-member", name="nobody"),
        users=(ANNA, BRAM, chris),
        current={"groups": (SALES,)},
    )
    assert sorted((one.kind, one.address) for one in plan.changes) == [
        ("add-member", "groups/Sales NL/members/chris@contoso.com"),
        ("remove-member", "groups/Sales NL/members/bram@contoso.com"),
    ]
    assert plan.conflicts == ()


def test_who_comes_back_joins_again_and_who_goes_leaves_with_the_account():
    plan = undone(
        in_group("remove-member", name="chris"),
        deletion("chris"),
        account("create-user", "bram"),
        in_group("add-member", name="bram"),
        users=(ANNA, BRAM),
        current={"groups": (SALES,), "deleted_users": (deleted("chris"),)},
    )
    assert sorted(one.address for one in plan.changes) == [
        "groups/Sales NL/members/chris@contoso.com",
        "users/bram@contoso.com",
        "users/chris@contoso.com/restore",
    ]


def test_a_member_who_is_gone_and_a_group_that_is_gone_are_told():
    other = structs.replace(SALES, id="h", name="Others")
    plan = undone(
        in_group("remove-member", name="chris"),
        in_group("remove-member", name="dora"),
        in_group("add-member", name="anna", group=other),
        users=(ANNA, BRAM),
        current={"groups": (SALES,), "deleted_users": (deleted("dora"),)},
    )
    assert plan.changes == ()
    assert sorted(told(plan)) == [
        ("groups/Others", "not-undone", "group-gone"),
        ("groups/Sales NL", "not-undone", "user-gone"),
    ]


# ------------------------------------------------------------ what holds of every plan


def test_what_the_files_declare_is_left_aside_but_the_rails():
    rails = Guardrails(max_revocations=Rail(count=0), protected_users=("bram@contoso.com",))
    plan = undone(
        licences("anna", [], ["EMS"]),
        licences("bram", [], ["EMS"]),
        users=(user("anna", "EMS"), user("bram", "EMS")),
        entries=(entry("anna", "EMS", "SPE_E5"),),
        desired={"guardrails": rails, "groups": (WantedGroup(name="Sales NL", location=line(3)),)},
    )
    assert {one.address: one.status for one in plan.changes} == {
        "users/anna@contoso.com/licenses": "ready",
        "users/bram@contoso.com/licenses": "blocked",
    }
    assert codes(plan.refusals) == ["max-revocations"]


def test_nothing_is_undone_of_a_run_that_wrote_nothing():
    plan = undone(users=(user("anna", "EMS"),))
    assert (plan.changes, plan.conflicts) == ((), ())


def test_the_undoing_of_the_undoing_is_where_one_was():
    forward = licences("anna", ["EMS"], ["SPE_E5"])
    back = undone(forward, users=(user("anna", "SPE_E5"),)).changes[0]
    again = undone(back, users=(user("anna", "EMS"),)).changes[0]
    assert (parts(again.assign), parts(again.revoke)) == (["SPE_E5"], ["EMS"])
