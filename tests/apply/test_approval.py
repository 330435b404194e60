"""A plan is carried out only where, when and by whom it may be; else nothing is written at all."""

from datetime import timedelta

import pytest

from reconciler.apply import Consent, Live, Losses, approve, losses
from reconciler.errors import RefusedError
from reconciler.model import Actor
from reconciler.plan import ActorInfo, Refusal
from reconciler.plan import Warning as DataLoss
from tests.apply.bench import NOW, licences, plan_of, purchase, replace

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
    assert (error.params["others"], error.params["actor"]) == (1, "lara@contoso.com")
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


def test_what_spends_money_counts_as_blocked_until_buying_is_allowed():
    plan = plan_of(purchase("e5", 25, 26, roles=("license-administrator",)))
    assert refused(plan).code == "blocked-changes"
    assert approve(plan, LIVE, Consent(partial=True)) == mine(plan)
    assert approve(plan, LIVE, Consent(buy=True)) == mine(plan)


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
    )
    assert losses(plan) == Losses(users=("zoe",), mailboxes=("anna",))
    assert losses(plan).count == 2
    assert losses(plan_of()).count == 0
