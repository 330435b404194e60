"""May this plan be carried out here and now, by this actor, with these flags?

Pure. It takes a plan that was saved, or made a moment ago, and either refuses it as a whole before
anything is written, or blocks single changes. It never makes a change ready.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from reconciler import plan_lifetime
from reconciler.errors import RefusedError
from reconciler.model import Actor, Deed, Group, RoleAssignment, Value
from reconciler.plan import ActorInfo
from reconciler.plan_access import permitted
from reconciler.plan_rails import MONEY, judge, of_plan
from reconciler.roles import GLOBAL_ADMINISTRATOR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.plan import Change, Plan, Refusal, UserRef

DESTROYS_MAILBOX, DESTROYS_USER = "mailbox-deletion", "user-deletion"
OF_LICENCES = ("set-licenses", "set-group-licenses", "remove-member")
"""Kinds that take nothing but licences away."""


class Live(Value, frozen=True, kw_only=True):
    """Who and where we are now: the tenant's id and clock, and the actor with the roles of now.

    `roles` and `groups` are what protects users now: all role assignments, and the groups that the
    plan's guard rails name. `deeds` is what runs took lately, by the journal. None of these is needed for a
    plan that was made a moment ago.
    """

    tenant_id: str
    provider: str
    actor: Actor
    now: datetime
    roles: tuple[RoleAssignment, ...] = ()
    groups: tuple[Group, ...] = ()
    deeds: tuple[Deed, ...] = ()


class Consent(Value, frozen=True, kw_only=True):
    """What the person at the keyboard allows beyond the plan; `allow` names guard rails.

    `buy` tells that changes that spend money are carried out too.
    """

    partial: bool = False
    buy: bool = False
    allow: frozenset[str] = frozenset()


class Losses(Value, frozen=True, kw_only=True):
    """Whose mailbox, or whose whole account, the ready changes of a plan would destroy: UPNs, sorted.

    A user to be deleted is counted as a user, not as a mailbox too.
    """

    users: tuple[str, ...] = ()
    mailboxes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Return the number that a person has to type."""
        return len(self.users) + len(self.mailboxes)


def approve(plan: Plan, live: Live, consent: Consent) -> Plan:
    """Return the plan as the live actor may carry it out; see `permit`.

    Raises RefusedError, the first that holds of: wrong-tenant, early-plan, expired-plan, guardrail,
    allow-not-repeated, blocked-changes.
    """
    found, wanted = (live.provider, live.tenant_id), (plan.tenant.provider, plan.tenant.id)
    if found != wanted:
        raise RefusedError(
            "wrong-tenant",
            domain=plan.tenant.domain,
            planned=plan.tenant.id,
            planned_provider=plan.tenant.provider,
            live=live.tenant_id,
            live_provider=live.provider,
        )
    timely(plan, live.now)
    refusals = tuple(_refusals(plan, live, consent))
    if refusals:
        raise RefusedError("guardrail", refusals=refusals)
    unrepeated = sorted(set(plan.options.get("allow", ())) - consent.allow)
    if unrepeated:
        raise RefusedError("allow-not-repeated", allow=unrepeated)
    judged = protect(permit(plan, live.actor), live)
    stopped = tuple(change for change in judged.changes if not change.ready)
    if stopped and not consent.partial:
        raise RefusedError(
            "blocked-changes",
            changes=stopped,
            others=len(judged.changes) - len(stopped),
            actor=ActorInfo.of(live.actor),
        )
    return judged


def _refusals(plan: Plan, live: Live, consent: Consent) -> Iterator[Refusal]:
    """Yield the guard rails that refuse the plan now: as it was judged, and with what runs did since.

    Rails on money refuse nothing where nothing is bought.
    """
    rails, toll = of_plan(plan)
    then = (*plan.refusals, *plan.allowed)
    known = {refusal.code for refusal in then}
    since = (one for one in judge(rails, toll, live.deeds, live.now) if one.code not in known)
    passing = consent.allow if consent.buy else consent.allow.union(MONEY)
    for refusal in sorted((*then, *since), key=lambda refusal: refusal.code):
        if refusal.code not in passing:
            yield refusal


def timely(plan: Plan, now: datetime) -> None:
    """Return if a plan holds now; raises RefusedError: early-plan, expired-plan."""
    if plan_lifetime.early(plan, now):
        raise RefusedError("early-plan", created_at=plan.created_at, now=now.isoformat())
    if plan_lifetime.expired(plan, now):
        raise RefusedError("expired-plan", expired_at=plan.expires_at, now=now.isoformat())


def permit(plan: Plan, actor: Actor) -> Plan:
    """Return the plan as one of this actor's: what neither roles nor permissions allow is blocked.

    What the plan blocks stays blocked, whoever applies it.
    """
    changes = tuple(_permit(change, actor) for change in plan.changes)
    blocked = sum(not change.ready for change in changes)
    summary = msgspec.structs.replace(plan.summary, blocked=blocked)
    who = ActorInfo.of(actor)
    return msgspec.structs.replace(plan, actor=who, changes=changes, summary=summary)


def _permit(change: Change, actor: Actor) -> Change:
    if not change.ready or permitted(change, actor):
        return change
    return msgspec.structs.replace(
        change, status="blocked", permitted=False, blocked_by=(*change.blocked_by, "role-missing")
    )


def protect(plan: Plan, live: Live) -> Plan:
    """Return the plan with every ready change blocked that takes something from a protected user.

    Through a group too: from whoever leaves it, or loses something with the licences that it gives.
    The plan was judged when it was made; since then somebody may have got a directory role, joined a
    protected group, or be the one who applies. What the plan allows by name stays allowed.
    """
    held = {row.principal_id for row in live.roles}
    administrators = {row.principal_id for row in live.roles if row.role == GLOBAL_ADMINISTRATOR}
    named = set(plan.guardrails.get("protected_users", ()))
    listed = {
        member for group in live.groups if named & {group.id, group.name.lower()} for member in group.members
    }

    def shielded(user: UserRef, *, allowed: bool) -> bool:
        return bool(
            user.id == live.actor.id
            or administrators == {user.id}
            or user.id in listed
            or named & {user.id, user.upn}
            or (user.id in held and not allowed)
        )

    def protected(change: Change) -> bool:
        if not (change.ready and change.removes):
            return False
        allowed = "protected" in plan.options.get("allow", ()) and change.kind in OF_LICENCES
        return any(shielded(user, allowed=allowed) for user in _losers(change) if user.id)

    changes = tuple(_protected(change) if protected(change) else change for change in plan.changes)
    summary = msgspec.structs.replace(plan.summary, blocked=sum(not change.ready for change in changes))
    return msgspec.structs.replace(plan, changes=changes, summary=summary)


def _losers(change: Change) -> Iterator[UserRef]:
    """Yield the users from whom a change takes something."""
    if change.user:
        yield change.user
    yield from (member.user for member in change.members if member.loses)


def _protected(change: Change) -> Change:
    return msgspec.structs.replace(change, status="blocked", blocked_by=(*change.blocked_by, "protected"))


def losses(plan: Plan) -> Losses:
    """Return whose data the ready changes of a plan would destroy."""
    users: set[str] = set()
    mailboxes: set[str] = set()
    for change in plan.ready:
        for warning in change.warnings:
            upn = change.user.upn if change.user else warning.params.get("upn")
            if upn and warning.code == DESTROYS_USER:
                users.add(upn)
            elif upn and warning.code == DESTROYS_MAILBOX:
                mailboxes.add(upn)
    return Losses(users=tuple(sorted(users)), mailboxes=tuple(sorted(mailboxes - users)))
