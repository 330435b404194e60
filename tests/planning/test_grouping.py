"""Declared groups: which is meant, what it shall give, who shall be in it, what stands in the way."""

from typing import Any

from reconciler.model import (
    Assignment,
    DeletedUser,
    Grant,
    Group,
    Guardrails,
    Rail,
    Scope,
    WantedGroup,
    WantedMember,
)
from reconciler.model import Test as Check
from reconciler.plan import GroupRef, MemberEffect, Plan, UserRef, fingerprint
from tests.planning.world import (
    NOW,
    World,
    change,
    codes,
    conflict,
    entry,
    grant,
    held,
    line,
    parts,
    sid,
    sku,
    user,
)

SKUS = tuple(sku(part, 50) for part in ("EMS", "ENTERPRISEPACK", "POWER_BI_PRO", "VISIOCLIENT", "SPE_E5"))
SALES = Check(field="department", values=("sales",))
SCOPE = Scope(condition=SALES, owner="sales-it", location=line(2))
LICENCES = "groups/Team/licenses"


def team(*members: str, gives: tuple[Assignment, ...] = (), name: str = "Team", **fields: Any) -> Group:
    """Return a group with these members and licences."""
    ids = tuple(f"id-{member}" for member in members)
    return Group(**{"id": f"g-{name}".lower(), "name": name, "members": ids, "assignments": gives, **fields})


def wanted(*licences: str | Grant, members: tuple[str, ...] | None = None, **fields: Any) -> WantedGroup:
    """Return what is declared of a group; without licences these are not managed."""
    grants = tuple(
        one if isinstance(one, Grant) else grant(one, at=7, rule="groups")
        for one in sorted(licences, key=_id)
    )
    rows = None
    if members is not None:
        rows = tuple(WantedMember(upn=f"{name}@contoso.com", location=line(8)) for name in members)
    return WantedGroup(
        **{"name": "team", "location": line(6), "grants": grants or None, "members": rows, **fields}
    )


def _id(licence: str | Grant) -> str:
    return licence.sku_id if isinstance(licence, Grant) else sid(licence)


def grouped(
    *declared: WantedGroup, groups=(), users=(), entries=(), skus=SKUS, current=None, options=None, **desired
) -> Plan:
    """Return the plan of declared groups."""
    return World(
        users=users,
        skus=skus,
        entries=entries,
        current={"groups": groups, **(current or {})},
        desired={"groups": declared, **desired},
        **({"options": options} if options else {}),
    ).plan()


def statuses(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return what blocks each change, by address; nothing: it is ready."""
    return {c.address: c.blocked_by for c in plan.changes}


def through(part: str, name: str = "Team", **more: Any) -> Assignment:
    """Return a licence that a group gives."""
    return held(part, group=f"g-{name}".lower(), **more)


# ------------------------------------------------------------ which group is meant


def test_a_group_is_found_by_its_name_in_any_case_or_by_its_id():
    """Its changes bear the tenant's display name, whatever the file calls it."""
    groups = (team("anna"), team(name="Other"))

    by_name = grouped(wanted("EMS", name="TEAM"), groups=groups, users=(user("anna"),))
    by_id = grouped(wanted("EMS", name="Sales", id="g-team"), groups=groups, users=(user("anna"),))

    assert [c.address for c in by_name.changes] == [LICENCES]
    assert by_name.changes == by_id.changes
    assert by_name.changes[0].group == GroupRef(id="g-team", name="Team")


def test_a_name_that_no_group_bears_is_told_with_the_nearest():
    """Nothing is planned for it; where no name comes near, none is told."""
    plan = grouped(wanted("EMS", name="Teams"), groups=(team(),))
    assert plan.changes == ()
    found = conflict(plan, "unknown-group")
    assert (found.subject, found.line, found.params) == (
        "groups/Teams",
        6,
        {"group": "Teams", "nearest": "Team"},
    )

    plan = grouped(wanted("EMS", name="Finance"), groups=(team(),))
    assert conflict(plan, "unknown-group").params == {"group": "Finance", "nearest": None}


def test_a_name_that_two_groups_bear_is_not_guessed():
    """Display names need not be unique; the ids to choose from are told."""
    plan = grouped(wanted("EMS"), groups=(team(), team(id="g-2", name="TEAM")))

    assert plan.changes == ()
    assert conflict(plan, "ambiguous-group").params == {
        "group": "team",
        "candidates": [{"id": "g-team", "name": "Team"}, {"id": "g-2", "name": "TEAM"}],
    }


def test_two_declarations_of_one_group_are_not_added_up():
    """By name and by id they may well contradict each other: the first stands, the second is told."""
    plan = grouped(wanted("EMS"), wanted("POWER_BI_PRO", name="x", id="g-team"), groups=(team(),))

    assert [(c.address, parts(c.assign)) for c in plan.changes] == [(LICENCES, ["EMS"])]
    assert conflict(plan, "ambiguous-group").params == {
        "group": "Team",
        "candidates": [{"id": "g-team", "name": "Team"}],
    }


# ------------------------------------------------------------ its licences


def test_a_change_of_licences_tells_what_it_is_for_the_group_and_for_each_member():
    """One change, however many members; who gains and loses nothing is left out of the effects."""
    anna, ben = (
        user("anna", through("POWER_BI_PRO")),
        user("ben", "EMS", through("POWER_BI_PRO"), "POWER_BI_PRO"),
    )
    group = team("anna", "ben", "unread", gives=(held("POWER_BI_PRO"),))

    plan = grouped(
        wanted(grant("EMS", off=("INTUNE_A",), at=7), mode="replace"), groups=(group,), users=(anna, ben)
    )

    only = change(plan, LICENCES)
    assert (only.kind, parts(only.assign), parts(only.revoke), only.modify) == (
        "set-group-licenses",
        ["EMS"],
        ["POWER_BI_PRO"],
        (),
    )
    assert [(b.rule, b.line) for b in only.revoke[0].because] == [("groups", 6)]
    intune = only.assign[0].disabled_plans
    assert only.before == {
        "assignments": [{"sku_id": sid("POWER_BI_PRO"), "disabled_plans": []}],
        "members": {"id-anna": fingerprint(anna.assignments), "id-ben": fingerprint(ben.assignments)},
    }
    assert only.after == {"assignments": [{"sku_id": sid("EMS"), "disabled_plans": list(intune)}]}
    assert only.members == (
        MemberEffect(
            user=UserRef(id="id-anna", upn="anna@contoso.com", name="Anna"),
            gains=("EMS",),
            loses=("POWER_BI_PRO",),
        ),
    )
    assert plan.summary.group_licenses == 1
    assert (plan.summary.assign, plan.summary.revoke) == (0, 0)


def test_members_who_hold_the_same_have_the_same_fingerprint():
    """It is worked out once for all who share what they hold."""
    anna = user("anna", "EMS")
    ben = user("ben", assignments=anna.assignments)

    plan = grouped(wanted("POWER_BI_PRO"), groups=(team("anna", "ben"),), users=(anna, ben))

    expected = fingerprint(anna.assignments)
    assert change(plan, LICENCES).before["members"] == {"id-anna": expected, "id-ben": expected}


def test_a_list_adds_and_only_replace_takes():
    """What else the group gives stays in `add` mode; to take all is to replace it by nothing."""
    group = team("anna", gives=(held("EMS"),))
    people = (user("anna", through("EMS")),)

    assert (
        parts(change(grouped(wanted("POWER_BI_PRO"), groups=(group,), users=people), LICENCES).revoke) == []
    )
    nothing = grouped(wanted(grants=(), mode="replace"), groups=(group,), users=people)
    assert parts(change(nothing, LICENCES).revoke) == ["EMS"]
    assert grouped(wanted("EMS", mode="replace"), groups=(group,), users=people).changes == ()


def test_plans_that_a_group_switches_are_a_modification():
    """Its members keep the licence: nobody gains or loses one."""
    group = team("anna", gives=(held("EMS", off=("INTUNE_A",)),))

    plan = grouped(
        wanted(grant("EMS", off=())),
        groups=(group,),
        users=(user("anna", through("EMS", off=("INTUNE_A",))),),
    )

    only = change(plan, LICENCES)
    assert (parts(only.modify), only.members, only.removes) == (["EMS"], (), False)


def test_each_member_takes_a_seat_and_a_group_is_served_whole_or_not():
    """Two members and one seat: none of them is left to Graph's chance."""
    people = user("anna"), user("ben"), user("cas", "EMS")
    group = team("anna", "ben", "cas")

    plan = grouped(wanted("EMS"), groups=(group,), users=people, skus=(sku("EMS", 2),))

    assert statuses(plan) == {LICENCES: ("no-seats",)}
    found = conflict(plan, "no-seats")
    assert (found.subject, found.line, found.params["group"]) == ("groups/Team", 6, "Team")
    assert (found.params["needed"], found.params["buy"]) == (3, 1)
    assert "upn" not in found.params
    assert statuses(grouped(wanted("EMS"), groups=(group,), users=people)) == {LICENCES: ()}


def test_scarce_seats_go_to_the_group_of_the_higher_priority():
    """Before users and groups of lower priority, whatever their names."""
    groups = team("anna"), team("ben", name="Zeta")
    people = user("anna"), user("ben"), user("cas")
    few = (sku("EMS", 1),)

    plan = grouped(
        wanted("EMS"),
        wanted("EMS", name="Zeta", priority=5),
        groups=groups,
        users=people,
        entries=(entry("cas", "EMS", priority=4),),
        skus=few,
    )

    assert statuses(plan) == {
        "groups/Zeta/licenses": (),
        "groups/Team/licenses": ("no-seats",),
        "users/cas@contoso.com/licenses": ("no-seats",),
    }


def test_what_can_not_be_given_to_a_member_blocks_the_groups_change():
    """The group is the subject, the member is named."""
    both = user("anna", "ENTERPRISEPACK", usage_location=None)
    plan = grouped(wanted("SPE_E5"), groups=(team("anna", "ben"),), users=(both, user("ben")))

    found = conflict(plan, "no-usage-location")
    assert (found.subject, found.params) == ("groups/Team", {"group": "Team", "upn": "anna@contoso.com"})
    assert statuses(plan) == {LICENCES: ("no-usage-location",)}


def test_a_seat_that_a_deleted_member_frees_is_free_for_the_group():
    """His deletion comes first; nothing is done to him through the group."""
    people = user("anna", "EMS"), user("ben")

    plan = grouped(
        wanted("EMS"),
        groups=(team("anna", "ben"),),
        users=people,
        entries=(entry("anna", present=False),),
        skus=(sku("EMS", 1),),
    )

    assert [(c.address, c.ready, c.depends_on) for c in plan.changes] == [
        ("users/anna@contoso.com", True, ()),
        (LICENCES, True, ("users/anna@contoso.com",)),
    ]
    assert [effect.user.upn for effect in change(plan, LICENCES).members] == ["ben@contoso.com"]


def test_a_member_who_rests_disabled_before_his_deletion_is_one_like_others():
    """Until he is deleted the group gives to him too, at the tenant's location where he has none."""
    plan = grouped(
        wanted("EMS"),
        wanted(members=("anna",), name="Other"),
        groups=(team("anna"), team(name="Other")),
        users=(user("anna", usage_location=None),),
        entries=(entry("anna", present=False),),
        disable_before_delete=7,
    )

    assert statuses(plan)[LICENCES] == ("no-usage-location",)
    assert "users/anna@contoso.com/profile" in statuses(plan)


# ------------------------------------------------------------ its members


def test_who_is_listed_joins_and_who_is_not_leaves():
    """A member's change names the user and the group, and what he holds before and after."""
    group = team("ben", "unread", gives=(held("EMS"),))
    plan = grouped(
        wanted(members=("anna",)), groups=(group,), users=(user("anna"), user("ben", through("EMS")))
    )

    row = {"sku_id": sid("EMS"), "disabled_plans": [], "assigned_by": "g-team"}
    joins, leaves = (change(plan, f"groups/Team/members/{name}@contoso.com") for name in ("anna", "ben"))
    assert (joins.kind, joins.user.id, joins.group.id) == ("add-member", "id-anna", "g-team")
    assert (joins.before, joins.after) == (
        {"member": False, "assignments": []},
        {"member": True, "assignments": [row]},
    )
    assert (leaves.kind, leaves.user.id, leaves.removes) == ("remove-member", "id-ben", True)
    assert (leaves.before, leaves.after) == (
        {"member": True, "assignments": [row]},
        {"member": False, "assignments": []},
    )
    assert len(plan.changes) == 2  # who was not read is left alone
    assert plan.summary.members == 2


def test_members_that_are_not_declared_are_left_alone():
    """Omitted is not managed; an empty list means that there shall be none."""
    groups, people = (team("anna"),), (user("anna"),)

    assert grouped(wanted(), groups=groups, users=people).changes == ()
    assert [c.kind for c in grouped(wanted(members=()), groups=groups, users=people).changes] == [
        "remove-member"
    ]
    assert grouped(wanted(members=("anna",)), groups=groups, users=people).changes == ()


def test_nobody_leaves_who_may_be_meant_by_an_unknown_name():
    """A slip in a UPN, or an address instead of it, must not cost anybody his licences."""
    people = user("anna"), user("ben", mail="b.jansen@contoso.com"), user("cas")

    plan = grouped(wanted(members=("annna", "b.jansen")), groups=(team("anna", "ben", "cas"),), users=people)

    assert [c.address for c in plan.changes] == ["groups/Team/members/cas@contoso.com"]
    assert [(c.subject, c.line, c.params) for c in plan.conflicts if c.code == "unknown-user"] == [
        ("groups/Team", 8, {"group": "Team", "upn": "annna@contoso.com", "nearest": "anna@contoso.com"}),
        ("groups/Team", 8, {"group": "Team", "upn": "b.jansen@contoso.com", "nearest": None}),
    ]


def test_somebody_created_in_this_plan_joins_once_he_is_there_and_the_group_is_as_it_shall_be():
    """His id is not known yet; without a location of his own the tenant's default is given."""
    plan = grouped(
        wanted("EMS", members=("new",)),
        groups=(team(),),
        entries=(entry("new", grants=None, profile=(("name", "New"),)),),
        default_location="NL",
    )

    joins = change(plan, "groups/Team/members/new@contoso.com")
    assert joins.user == UserRef(id=None, upn="new@contoso.com", name="New")
    assert joins.depends_on == (LICENCES, "users/new@contoso.com")
    assert change(plan, "users/new@contoso.com").after["usage_location"] == "NL"
    assert joins.ready


def test_somebody_restored_in_this_plan_joins_after_that():
    """He is a user whom the tenant knows."""
    gone = user("anna")
    deleted = DeletedUser(id=gone.id, upn=gone.upn, name="Anna", deleted_at=NOW, usage_location="NL")

    plan = grouped(
        wanted(members=("anna",)),
        groups=(team(gives=(held("EMS"),)),),
        entries=(entry("anna", grants=None, restore="id-anna"),),
        current={"deleted_users": (deleted,)},
    )

    assert [(c.kind, c.depends_on) for c in plan.changes] == [
        ("restore-user", ()),
        ("add-member", ("users/anna@contoso.com/restore",)),
    ]


def test_who_is_deleted_in_this_plan_neither_joins_nor_leaves():
    """The deletion takes him out of every group."""
    people = user("anna"), user("ben")
    entries = entry("anna", present=False), entry("ben", present=False)

    plan = grouped(wanted(members=("ben",)), groups=(team("anna"),), users=people, entries=entries)

    assert [c.kind for c in plan.changes] == ["delete-user", "delete-user"]


def test_a_member_without_location_gets_the_default_before_a_group_gives_him_something():
    """As a direct licence would; a group that gives nothing needs none."""
    people = (user("anna", usage_location=None),)
    declared = wanted(members=("anna",))

    plan = grouped(declared, groups=(team(gives=(held("EMS"),)),), users=people, default_location="NL")
    assert [(c.address, c.depends_on) for c in plan.changes] == [
        ("users/anna@contoso.com/profile", ()),
        ("groups/Team/members/anna@contoso.com", ("users/anna@contoso.com/profile",)),
    ]
    plan = grouped(declared, groups=(team(),), users=people, default_location="NL")
    assert [c.kind for c in plan.changes] == ["add-member"]


def test_what_can_not_be_assigned_bars_who_would_join():
    """A seat of a SKU that is suspended is none."""
    suspended = sku("EMS", 50, status="Suspended")
    plan = grouped(
        wanted(members=("anna",)),
        groups=(team(gives=(held("EMS"),)),),
        users=(user("anna"),),
        skus=(suspended,),
    )

    found = conflict(plan, "not-assignable")
    assert (found.subject, found.params["upn"], found.params["group"], found.params["reason"]) == (
        "groups/Team",
        "anna@contoso.com",
        "Team",
        "suspended",
    )


# ------------------------------------------------------------ what is not ours to change


def test_members_of_a_group_that_others_keep_are_not_changed_but_its_licences_are():
    """A rule of the tenant's, or Active Directory, decides on the members."""
    for field, code in (("dynamic", "dynamic-group"), ("synced", "synced-group")):
        plan = grouped(
            wanted("EMS", members=()), groups=(team("anna", **{field: True}),), users=(user("anna"),)
        )

        assert [c.address for c in plan.changes] == [LICENCES]
        found = conflict(plan, code)
        assert (found.subject, found.params, found.line) == ("groups/Team", {"group": "Team"}, 6)
        assert codes(plan.conflicts) == [code]


def test_a_group_that_roles_can_be_given_to_is_never_changed():
    """Whoever changes it could make himself an administrator."""
    group, people = team("anna", role_assignable=True), (user("anna"),)

    for declared, action in ((wanted("EMS"), "licenses"), (wanted(members=()), "members")):
        plan = grouped(declared, groups=(group,), users=people)

        assert plan.changes == ()
        assert conflict(plan, "protected").params == {
            "group": "Team",
            "action": action,
            "reason": "role-assignable",
            "names": [],
        }
    assert grouped(wanted(members=("anna",)), groups=(group,), users=people).conflicts == ()


def test_a_group_with_members_outside_the_scope_of_its_file_is_left_alone():
    """Those who are members and those who shall be; at most twenty are named."""
    seller, other = user("anna", department="Sales"), user("ben", department="IT")

    inside = grouped(wanted("EMS", scope=SCOPE), groups=(team("anna"),), users=(seller, other))
    assert [c.address for c in inside.changes] == [LICENCES]

    for members, declared in ((("anna", "ben"), None), (("anna",), ("anna", "ben"))):
        plan = grouped(
            wanted("EMS", members=declared, scope=SCOPE), groups=(team(*members),), users=(seller, other)
        )
        assert plan.changes == ()
        assert conflict(plan, "out-of-scope").params == {
            "group": "Team",
            "owner": "sales-it",
            "file": "tenant.yaml",
            "users": ["ben@contoso.com"],
            "count": 1,
        }

    many = tuple(user(f"u{number:02}", department="IT") for number in range(21))
    plan = grouped(wanted("EMS", scope=SCOPE), groups=(team(*(u.name.lower() for u in many)),), users=many)
    params = conflict(plan, "out-of-scope").params
    assert (len(params["users"]), params["count"]) == (20, 21)


def test_nested_groups_and_members_whom_licences_do_not_reach_are_told_and_block_nothing():
    """Microsoft licenses direct members only, and keeps what went wrong at each member."""
    failed = [
        Assignment(sku_id=sid(part), assigned_by="g-team", state="Error", error="CountViolation")
        for part in ("EMS", "VISIOCLIENT")  # all or none: every licence fails for the same reason
    ]
    people = tuple(user(f"u{number:02}", *failed) for number in range(21))
    group = team(*(u.name.lower() for u in people), "unread", gives=(held("EMS"),), nested=("Interns",))

    plan = grouped(
        wanted("EMS", "POWER_BI_PRO"), groups=(group,), users=(*people, user("anna", through("EMS")))
    )

    assert statuses(plan) == {LICENCES: ()}
    nested, errors = conflict(plan, "nested-group"), conflict(plan, "group-errors")
    assert (nested.blocks, nested.params) == (False, {"group": "Team", "nested": ["Interns"]})
    assert (errors.blocks, errors.params["count"], len(errors.params["members"])) == (False, 21, 20)
    assert errors.params["members"][0] == {"upn": "u00@contoso.com", "error": "CountViolation"}


def test_of_a_member_who_leaves_anyway_no_error_is_told():
    """The plan takes the user out of the group: there is nothing left to mend."""
    failed = Assignment(sku_id=sid("EMS"), assigned_by="g-team", state="Error", error="CountViolation")
    people = user("anna", failed), user("ben", failed)
    group = team("anna", "ben", gives=(held("EMS"),))

    plan = grouped(wanted("EMS", members=("anna",)), groups=(group,), users=people)

    assert conflict(plan, "group-errors").params["members"] == [
        {"upn": "anna@contoso.com", "error": "CountViolation"}
    ]


def test_who_leaves_a_group_that_gives_nothing_any_more_waits_for_nothing_of_his_own():
    """The group's licence goes first; what then becomes of the same SKU held directly is another matter."""
    anna = user("anna", "EMS", through("EMS"))
    plan = grouped(
        wanted(grants=(), mode="replace", members=()),
        entries=(entry("anna"),),
        groups=(team("anna", gives=(held("EMS"),)),),
        users=(anna,),
    )
    left = change(plan, "groups/Team/members/anna@contoso.com")
    assert left.depends_on == ("groups/Team/licenses",)
    assert left.before["assignments"] == [{"sku_id": sid("EMS"), "disabled_plans": [], "assigned_by": None}]


def test_who_leaves_a_declared_group_is_not_listed_through_it():
    """With `unlisted_users: revoke` one plan does all of it; a second one finds nothing more to take."""
    plan = grouped(
        wanted("EMS", members=()),
        groups=(team("anna", gives=(held("EMS"),)),),
        users=(user("anna", "VISIOCLIENT", through("EMS")),),
        unlisted_users="revoke",
    )
    assert {one.address for one in plan.ready} == {
        "groups/Team/members/anna@contoso.com",
        "users/anna@contoso.com/licenses",
    }


# ------------------------------------------------------------ what guard rails say


def test_a_group_takes_nothing_from_whom_a_guard_rail_protects():
    """One protected member is enough; who loses nothing with it is none."""
    group = team("anna", "ben", gives=(held("EMS"),))
    people = user("anna", through("EMS")), user("ben", "EMS", through("EMS"))
    nothing = wanted(grants=(), mode="replace")

    def rails(*upns: str, skus: tuple[str, ...] = ()) -> Guardrails:
        return Guardrails(protected_users=upns, protected_skus=skus)

    plan = grouped(nothing, groups=(group,), users=people, guardrails=rails("anna@contoso.com"))
    found = conflict(plan, "protected")
    assert (found.subject, found.params) == (
        "groups/Team",
        {"group": "Team", "action": "revoke", "reason": "members", "names": ["anna@contoso.com"]},
    )
    plan = grouped(nothing, groups=(group,), users=people, guardrails=rails("ben@contoso.com"))
    assert statuses(plan) == {LICENCES: ()}

    plan = grouped(nothing, groups=(group,), users=people, guardrails=rails(skus=(sid("EMS"),)))
    found = conflict(plan, "protected")
    assert (found.params["reason"], found.params["names"]) == ("sku", ["EMS"])


def test_who_is_protected_does_not_leave_a_group_that_gives_him_something():
    """Leaving one that gives nothing takes nothing."""
    rails = Guardrails(protected_users=("anna@contoso.com",))
    people = (user("anna", through("EMS")),)

    plan = grouped(
        wanted(members=()), groups=(team("anna", gives=(held("EMS"),)),), users=people, guardrails=rails
    )
    assert conflict(plan, "protected").params == {
        "upn": "anna@contoso.com",
        "group": "Team",
        "action": "revoke",
        "reason": "listed",
        "names": ["anna@contoso.com"],
    }
    plan = grouped(wanted(members=()), groups=(team("anna"),), users=(user("anna"),), guardrails=rails)
    assert statuses(plan) == {"groups/Team/members/anna@contoso.com": ()}


def test_licences_lost_through_groups_count_for_the_rail_of_revocations():
    """One for each member who loses one, not one for the group."""
    people = tuple(user(name, through("EMS")) for name in ("anna", "ben", "cas"))
    group = team("anna", "ben", "cas", gives=(held("EMS"),))
    nothing = wanted(grants=(), mode="replace")
    keeper = user("dan", "EMS")

    def refused(count: int) -> list[str]:
        rails = Guardrails(max_revocations=Rail(count=count))
        return codes(grouped(nothing, groups=(group,), users=(*people, keeper), guardrails=rails).refusals)

    assert refused(2) == ["max-revocations"]
    assert refused(3) == []
