"""A plan is carried out only where, when and by whom it may be; else nothing is written at all."""

from datetime import timedelta

import pytest

from reconciler.apply import Consent, Live, Losses, approve, losses
from reconciler.errors import RefusedError, UsageError
from reconciler.model import Actor, Deed, Group, RoleAssignment
from reconciler.plan import ActorInfo, Refusal
from reconciler.plan import Warning as DataLoss
from tests.apply.bench import NOW, group_licences, licences, membership, plan_of, purchase, replace

LICENSE_ADMIN = Actor(id="id-l", name="lara@contoso.com", roles=("license-administrator",))
LIVE = Live(tenant_id="t-1", provider="sandbox", actor=LICENSE_ADMIN, now=NOW)
RAIL = Refusal(code="max-revocations", allow="--allow max-revocations")


def refused(plan, live=LIVE, **consent):
    with pytest.raises(RefusedError) as caught:
        approve(plan, live, Consent(**consent))
    return caught.value


MINE = ActorInfo(name="lara@contoso.com", roles=("license-administrator",))


def mine(plan):
    """Return a plan as one of LICENSE_ADMIN's."""
    return replace(plan, actor=MINE)


def test_a_plan_for_this_tenant_that_the_actor_may_carry_out_is_approved_as_one_of_the_actors():
    """It was made by somebody else: who applies it is who is shown."""
    plan = plan_of(licences("anna", [], ["e3"]))
    assert plan.actor != MINE
    assert approve(plan, LIVE, Consent()) == mine(plan)


@pytest.mark.parametrize("other", [{"tenant_id": "t-2"}, {"provider": "graph"}])
def test_a_plan_for_another_tenant_or_provider_is_refused(other):
    error = refused(plan_of(), replace(LIVE, **other))
    assert error.code == "wrong-tenant"
    assert (error.params["planned"], error.params["live"]) == ("t-1", other.get("tenant_id", "t-1"))


def test_a_plan_holds_until_it_expires_by_the_tenants_clock():
    expiry = NOW + timedelta(days=1)
    assert approve(plan_of(), replace(LIVE, now=expiry), Consent()) == mine(plan_of())
    error = refused(plan_of(), replace(LIVE, now=expiry + timedelta(seconds=1)))
    assert (error.code, error.params["expired_at"]) == ("expired-plan", "2026-11-25T02:00:00Z")


def test_a_guard_rails_refusal_stands_unless_that_very_rail_is_named():
    plan = plan_of(refusals=(RAIL, Refusal(code="max-deletions", allow="--allow max-deletions")))
    error = refused(plan, allow=frozenset({"max-revocations"}))
    assert error.code == "guardrail"
    assert [each.code for each in error.params["refusals"]] == ["max-deletions"]
    assert approve(plan, LIVE, Consent(allow=frozenset({"max-revocations", "max-deletions"}))) == mine(plan)


def test_a_rail_that_the_plan_was_made_without_must_be_named_to_apply_too():
    plan = plan_of(options={"allow": ["max-deletions", "protected"]})
    error = refused(plan, allow=frozenset({"protected"}))
    assert (error.code, error.params["allow"]) == ("allow-not-repeated", ["max-deletions"])
    assert approve(plan, LIVE, Consent(allow=frozenset({"protected", "max-deletions"}))) == mine(plan)


def test_a_change_that_none_of_the_actors_roles_may_make_is_blocked():
    """Whatever roles the one had who made the plan."""
    own = licences("anna", [], ["e3"])
    other = replace(own, address="users/bram", kind="delete-user", roles=("user-administrator",))
    nobody = replace(own, address="users/chris/licenses", roles=())
    error = refused(plan_of(own, other, nobody))
    assert error.code == "blocked-changes"
    assert [each.address for each in error.params["changes"]] == [other.address, nobody.address]
    assert (error.params["others"], error.params["actor"].name) == (1, "lara@contoso.com")
    approved = approve(plan_of(own, other, nobody), LIVE, Consent(partial=True))
    assert [(each.status, each.permitted, each.blocked_by) for each in approved.changes] == [
        ("ready", True, ()),
        ("blocked", False, ("role-missing",)),
        ("blocked", False, ("role-missing",)),
    ]
    assert approved.summary.blocked == 2


def test_a_change_that_the_plan_blocks_stays_blocked_even_for_an_actor_who_may_make_it():
    change = replace(licences("anna", [], ["e3"]), status="blocked", blocked_by=("role-missing",))
    assert refused(plan_of(change)).code == "blocked-changes"
    assert approve(plan_of(change), LIVE, Consent(partial=True)).changes == (change,)


def test_what_spends_money_stops_nothing_else():
    """Without `--buy` it is left out when the plan is carried out."""
    plan = plan_of(purchase("e5", 25, 26, roles=("license-administrator",)))
    assert approve(plan, LIVE, Consent()) == mine(plan)


# ------------------------------------------------------------ who is protected by now


def blocked_now(plan, **live):
    """Return the codes by which a plan's only change is blocked, given who is what by now."""
    (change,) = approve(plan, replace(LIVE, **live), Consent(partial=True, allow=ALLOWED)).changes
    return change.blocked_by


ALLOWED = frozenset({"protected"})
HELPDESK = RoleAssignment(principal_id="id-anna", role="helpdesk-administrator", scope="/units/1")
GLOBAL = RoleAssignment(principal_id="id-anna", role="global-administrator")
OTHER = RoleAssignment(principal_id="id-other", role="global-administrator")


def test_whoever_got_a_role_since_the_plan_was_made_loses_nothing():
    """What gives is no loss, and what the plan allows by name stays allowed, but for the last of all."""
    taking, giving = plan_of(licences("anna", ["e3"], [])), plan_of(licences("anna", [], ["e3"]))
    allowing = replace(taking, options={"allow": ["protected"]})
    assert blocked_now(taking) == ()
    assert blocked_now(taking, roles=(HELPDESK,)) == ("protected",)
    assert blocked_now(giving, roles=(HELPDESK,)) == ()
    assert blocked_now(allowing, roles=(HELPDESK,)) == ()
    assert blocked_now(allowing, roles=(GLOBAL, OTHER)) == ()
    assert blocked_now(allowing, roles=(GLOBAL,)) == ("protected",)


def test_whoever_applies_takes_nothing_from_themselves():
    plan = plan_of(licences("anna", ["e3"], []))
    actor = Actor(id="id-anna", name="anna@contoso.com", roles=("license-administrator",))
    assert blocked_now(plan, actor=actor) == ("protected",)


def test_whoever_joined_a_protected_group_or_is_named_loses_nothing():
    group = Group(id="g", name="VIPs", members=("id-anna",))
    plan = plan_of(licences("anna", ["e3"], []))
    for names, protected in ((["vips"], True), (["g"], True), (["id-anna"], True), (["others"], False)):
        railed = replace(plan, guardrails={"protected_users": names})
        assert bool(blocked_now(railed, groups=(group,))) is protected


@pytest.mark.parametrize(
    "taking",
    [membership("remove-member", "anna", "g", ["e3"]), group_licences("g", ["e3"], [], ["bram", "anna"])],
    ids=lambda change: change.kind,
)
def test_whoever_is_protected_loses_nothing_through_a_group_either(taking):
    """A role holder may, where the plan allows it by name: it is licences that go, as when direct ones do."""
    roles = ("license-administrator",)
    plan = plan_of(replace(taking, roles=roles))
    allowing = replace(plan, options={"allow": ["protected"]})
    assert blocked_now(plan) == ()
    assert blocked_now(plan, roles=(HELPDESK,)) == ("protected",)
    assert blocked_now(allowing, roles=(HELPDESK,)) == ()
    assert blocked_now(replace(allowing, guardrails={"protected_users": ["anna"]})) == ("protected",)


@pytest.mark.parametrize(
    "giving",
    [membership("add-member", "anna", "g", [], ["e3"]), group_licences("g", [], ["e3"], ["anna"])],
    ids=lambda change: change.kind,
)
def test_what_a_group_gives_is_no_loss(giving):
    plan = plan_of(replace(giving, roles=("license-administrator",)))
    assert blocked_now(plan, roles=(HELPDESK,)) == ()


def test_a_group_that_takes_from_others_concerns_no_protected_member():
    """Whoever holds the licence from elsewhere too loses nothing."""
    change = group_licences("g", ["e3"], [], ["bram", "anna"], roles=("license-administrator",))
    keeps = replace(change.members[1], loses=())
    change = replace(change, members=(change.members[0], keeps))
    assert blocked_now(plan_of(change), roles=(HELPDESK,)) == ()


def test_a_protected_user_stops_the_plan_unless_the_rest_may_go_alone():
    plan = plan_of(licences("anna", ["e3"], []))
    assert refused(plan, replace(LIVE, roles=(HELPDESK,))).code == "blocked-changes"


# ------------------------------------------------------------ what would be lost


def test_losses_are_the_users_and_mailboxes_of_ready_changes():
    """A deleted user counts once; a warning about less than a mailbox does not count."""

    def warned(upn, *codes, **more):
        change = replace(licences(upn, ["e3"], []), warnings=tuple(DataLoss(code=code) for code in codes))
        return replace(change, **more)

    plan = plan_of(
        warned("zoe", "user-deletion", "mailbox-deletion", kind="delete-user", address="users/zoe"),
        warned("zoe", "mailbox-deletion"),
        warned("anna", "data-deletion", "mailbox-deletion"),
        warned("bram", "data-deletion"),
        warned("chris", "mailbox-deletion", status="blocked"),
        replace(purchase("e5", 1, 2), warnings=(DataLoss(code="mailbox-deletion"),)),
        replace(
            group_licences("g", ["e3"], [], ["eva", "zoe", "anna"]),
            warnings=tuple(
                DataLoss(code=code, params={"upn": upn})
                for code, upn in [
                    ("mailbox-deletion", "eva"),
                    ("mailbox-deletion", "zoe"),
                    ("data-deletion", "fred"),
                ]
            ),
        ),
    )
    assert losses(plan) == Losses(users=("zoe",), mailboxes=("anna", "eva"))
    assert losses(plan).count == 3
    assert losses(plan_of()).count == 0


# ------------------------------------------------------------ rails, judged again

RAILS = {
    "max_revocations": {"count": 5, "free": 0},
    "max_deletions": {"count": 5, "free": 0},
    "max_purchases": {"count": 50, "free": 0},
    "protected_users": [],
    "judged": {"revoked": 3, "held": 90, "deleted": 0, "users": 20, "bought": 0},
}


def after(**done):
    """Return the situation in which a run did something an hour ago."""
    return replace(LIVE, deeds=(Deed(time=NOW - timedelta(hours=1), **done),))


def test_a_saved_plan_is_judged_again_with_what_runs_did_since():
    """Two plans that are each small enough, made at the same time, are not when one has been applied."""
    plan = plan_of(licences("anna", ["e1"], []), guardrails=RAILS)
    assert approve(plan, after(lost={"e1": 2}), Consent()) == mine(plan)
    error = refused(plan, after(lost={"e1": 3}))
    assert error.code == "guardrail"
    assert error.params["refusals"] == (
        Refusal(
            code="max-revocations",
            params={"lost": 3, "held": 90, "window": "24h", "recent": 3, "count": 5, "free": 0},
            allow="--allow max-revocations",
        ),
    )
    allowed = Consent(allow=frozenset({"max-revocations"}))
    assert approve(plan, after(lost={"e1": 3}), allowed) == mine(plan)


def test_what_the_plan_tells_of_a_rail_is_told_once():
    plan = plan_of(licences("anna", ["e1"], []), guardrails=RAILS, refusals=(RAIL,))
    assert refused(plan, after(lost={"e1": 3})).params["refusals"] == (RAIL,)


def test_a_rail_that_the_plan_was_allowed_to_pass_is_told_with_its_numbers():
    """Where apply is not told so too."""
    plan = plan_of(options={"allow": ["max-revocations"]}, allowed=(RAIL,))
    error = refused(plan)
    assert (error.code, error.params["refusals"]) == ("guardrail", (RAIL,))
    assert approve(plan, LIVE, Consent(allow=frozenset({"max-revocations"}))) == mine(plan)


def test_a_rail_on_money_refuses_only_where_money_is_spent():
    """Without leave to buy, nothing is bought."""
    plan = plan_of(refusals=(Refusal(code="max-purchases", allow="--allow max-purchases"),))
    assert [each.code for each in refused(plan, buy=True).params["refusals"]] == ["max-purchases"]
    assert approve(plan, LIVE, Consent()) == mine(plan)
    assert approve(plan, LIVE, Consent(buy=True, allow=frozenset({"max-purchases"}))) == mine(plan)


@pytest.mark.parametrize(
    "broken", [{"max_revocations": {"count": "many"}}, {"max_deletions": 5}, {"judged": {"revoked": "x"}}]
)
def test_rails_that_can_not_be_read_let_nothing_pass(broken):
    """A plan that somebody wrote by hand."""
    with pytest.raises(UsageError) as caught:
        approve(plan_of(guardrails=RAILS | broken), LIVE, Consent())
    assert (caught.value.code, caught.value.params["at"]) == ("bad-plan", "$.guardrails")
