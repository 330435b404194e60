"""What stands in the way of one change? One function per conflict code, one visible list.

Each check looks at a draft by itself; seats, which depend on everybody's drafts, are settled later.
To add a check, copy the nearest one and name it in CHECKS.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from reconciler.plan import Conflict
from reconciler.plan_access import permissions, permitted
from reconciler.planning import leavers, mailboxes
from reconciler.planning.context import held

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model import Assignment, User
    from reconciler.planning.context import Context
    from reconciler.planning.drafts import Draft, Part


def conflicts(context: Context, draft: Draft) -> list[Conflict]:
    """Return everything but seats that blocks a draft, in the order of CHECKS."""
    return list(chain.from_iterable(check(context, draft) for check in CHECKS))


def _conflict(
    draft: Draft,
    code: str,
    sku: str | None = None,
    *,
    member: Part | None = None,
    blocks: bool = True,
    **params: Any,
) -> Conflict:
    """Return a conflict about a draft; `member` tells which member of a group is meant."""
    about = {"upn": draft.change.user.upn} if draft.change.user else {}
    if draft.change.group:
        about["group"] = draft.change.group.name
    if member and not draft.change.user:
        about["upn"] = member.user.upn
    place = draft.location
    return Conflict(
        code=code,
        params={**about, **({"sku": sku} if sku else {}), **params},
        subject=draft.subject,
        sku=sku,
        roles=draft.change.roles if code == "role-missing" else (),
        blocks=blocks,
        file=place.file if place else None,
        line=place.line if place else None,
    )


def _given(part: Part) -> list[Assignment]:
    """Return what a user is given, new or with other plans."""
    return [a for a in part.will if a.active and a not in part.was]


def _location(_context: Context, draft: Draft) -> Iterator[Conflict]:
    """A licence needs a usage location; through a group, the tenant's is taken where there is none."""
    for part in draft.parts if draft.alters else ():
        if not part.country and _given(part):
            yield _conflict(draft, "no-usage-location", member=part)


def _restricted(context: Context, draft: Draft) -> Iterator[Conflict]:
    """The organisation's own rows of what is not assignable where; Microsoft publishes no such list."""
    for part in draft.parts if draft.alters and context.desired.restrictions else ():
        for row in context.desired.restrictions:
            if part.country not in row.countries:
                continue
            for given in _given(part):
                enabled = context.plans_of(given.sku_id).difference(given.disabled_plans)
                if given.sku_id == row.sku_id or row.plan_id in enabled:
                    ref = context.sku_ref(given.sku_id)
                    plan = context.plan_name(row.plan_id) if row.plan_id else None
                    yield _conflict(
                        draft,
                        "restricted-location",
                        ref.sku,
                        member=part,
                        sku_name=ref.name,
                        plan=plan,
                        country=part.country,
                    )


def _assignable(context: Context, draft: Draft) -> Iterator[Conflict]:
    """Company-wide, suspended and self-service SKUs can't be assigned by an administrator."""
    given = [item.sku_id for item in draft.change.assign]
    if draft.change.kind == "add-member":
        given = [a.sku_id for part in draft.parts for a in _given(part)]
    for sku_id in given:
        sku, ref = context.sku(sku_id), context.sku_ref(sku_id)
        reason = None
        if sku.applies_to == "Company":
            reason = "company"
        elif sku.status in ("Suspended", "LockedOut", "Deleted"):
            reason = "suspended"
        elif context.self_service(sku_id):
            reason = "self-service"
        if reason:
            yield _conflict(draft, "not-assignable", ref.sku, sku_name=ref.name, reason=reason)


def _synced(context: Context, draft: Draft) -> Iterator[Conflict]:
    """What is mastered on-premises can't be changed in the cloud; licences and location can."""
    change = draft.change
    domain = draft.subject.rpartition("@")[2]
    if change.kind == "create-user":
        federated = {row.name for row in context.current.organization.domains if row.kind == "Federated"}
        if domain in federated:
            yield _conflict(draft, "synced-user", action="create", domain=domain)
    elif draft.target and draft.target.synced:
        only_location = set(change.after) == {"usage_location"}
        action = {"update-user": "update", "delete-user": "delete", "restore-user": "restore"}.get(
            change.kind
        )
        if action and (not only_location or _profile_differs(draft)):
            yield _conflict(draft, "synced-user", blocks=not only_location, action=action, domain=domain)


def _profile_differs(draft: Draft) -> bool:
    """Tell whether an entry wants profile fields of its user that the draft leaves out."""
    profile = draft.entry.profile if draft.entry else ()
    return any(getattr(draft.target, field) != value for field, value in profile)


def _verified(context: Context, draft: Draft) -> Iterator[Conflict]:
    """A user can only be created in a verified domain."""
    if draft.change.kind == "create-user":
        domain = draft.subject.rpartition("@")[2]
        verified = sorted(row.name for row in context.current.organization.domains)
        if domain not in verified:
            yield _conflict(draft, "unverified-domain", domain=domain, verified=verified)


def _protected(context: Context, draft: Draft) -> Iterator[Conflict]:
    """Nothing is taken from those whom a guard rail protects.

    `--allow protected` lets the licences of role holders through, never anything of the actor, the
    last global administrator, or who and what the file protects.
    """
    kind = draft.change.kind
    if not draft.change.removes or (kind == "remove-member" and not _takes(context, draft.parts[0])):
        return
    if kind == "set-group-licenses":
        skus = _protected_skus(context, draft)
        parts = [part for part in draft.parts if not skus and _takes(context, part)]
        members = [part.user.upn for part in parts if _protects(context, draft, part.target)]
        if skus or members:
            reason = "sku" if skus else "members"
            yield _conflict(draft, "protected", action="revoke", reason=reason, names=sorted(skus or members))
        return
    found = _protects(context, draft, draft.parts[0].target if draft.parts else draft.target)
    if found:
        reason, names = found
        action = {"delete-user": "delete", "update-user": "disable"}.get(kind, "revoke")
        if kind == "set-licenses" and not draft.change.revoke:
            action = "modify"
        yield _conflict(draft, "protected", action=action, reason=reason, names=sorted(names))


def _mailbox(context: Context, draft: Draft) -> Iterator[Conflict]:
    """A mailbox on hold, or a shared one that is too large or has an archive, needs its licence."""
    for part in draft.parts if draft.alters else ():
        reason = mailboxes.kept(context, part)
        if reason:
            gone = held(part.was) - held(part.will)
            left: dict[str, Any] = {}
            if reason == "mailbox-hold" and _left(context, draft, part):
                left["left"] = True
            yield _conflict(
                draft,
                "protected",
                member=part,
                action="revoke" if gone else "modify",
                reason=reason,
                names=[part.user.upn],
                **left,
            )


def _left(context: Context, draft: Draft, part: Part) -> bool:
    """Tell whether whose mailbox it is seems to have left; the account of a shared one rests anyway."""
    owner = part.target
    if owner is None or context.mailboxes[owner.id].purpose in mailboxes.LICENCE_FREE:
        return False
    leaver = draft.entry.leaver if draft.entry else None
    return owner.enabled is False or leavers.stage(leaver, context.options.today) != "working"


def _protects(context: Context, draft: Draft, user: User | None) -> tuple[str, list[str]] | None:
    """Return why a change may take nothing from a user, and by which names; None: it may."""
    if user is None:
        return None
    allowed = "protected" in context.options.allow and draft.alters
    reasons: list[tuple[str, list[str]]] = [
        ("actor", [user.upn] if user.id == context.actor.id else []),
        ("last-global-administrator", [user.upn] if context.global_administrators == {user.id} else []),
        ("listed", protected_by(context, user)),
        ("sku", _protected_skus(context, draft)),
        ("role", [] if allowed else list(context.roles_of.get(user.id, ()))),
    ]
    return next(((reason, names) for reason, names in reasons if names), None)


def _takes(context: Context, part: Part) -> bool:
    """Tell whether a change takes something from a user: of a group's, some members may lose nothing."""
    plans = context.enabled_plans
    return bool(plans(part.was) - plans(part.will) or held(part.was) - held(part.will))


def protected_by(context: Context, user: User) -> list[str]:
    """Return the entries of `protected_users` that mean this user: by UPN, id, or group."""
    wanted = context.rails.protected_users
    keys = {user.upn, user.id}
    for group in context.current.groups if wanted else ():
        if user.id in group.members:
            keys |= {group.id, group.name.lower()}
    return [name for name in wanted if name in keys]


def _protected_skus(context: Context, draft: Draft) -> list[str]:
    """Return the part numbers of protected SKUs that the draft takes from or cuts down."""
    change = draft.change
    touched = {item.sku_id for item in (*change.revoke, *change.modify)} | set(draft.frees)
    return [context.sku(sku_id).part_number for sku_id in context.rails.protected_skus if sku_id in touched]


def _exclusive(context: Context, draft: Draft) -> Iterator[Conflict]:
    """Some service plans can't be on at once for a user; pairs that were there before stay."""
    for part in draft.parts if draft.alters else ():
        before = set(context.catalog.exclusive(context.enabled_plans(part.was)))
        for pair in context.catalog.exclusive(context.enabled_plans(part.will)):
            plan, other, certain = pair
            if certain and pair not in before:
                yield _conflict(
                    draft,
                    "exclusive-plans",
                    member=part,
                    plan=context.plan_name(plan),
                    plan_title=context.plan_title(plan),
                    other=context.plan_name(other),
                    other_title=context.plan_title(other),
                    skus=skus_giving(context, part, (plan, other)),
                )


def skus_giving(context: Context, part: Part, plans: Iterable[str]) -> list[str]:
    """Return the part numbers of the SKUs that give a user any of `plans` after a change."""
    wanted = set(plans)
    return sorted(
        {
            context.sku(a.sku_id).part_number
            for a in part.will
            if context.plans_of(a.sku_id).difference(a.disabled_plans) & wanted
        }
    )


def _dependent(context: Context, draft: Draft) -> Iterator[Conflict]:
    """Some service plans work only beside another; it is checked on adding and on removing."""
    for part in draft.parts if draft.alters else ():
        before = set(context.catalog.missing(context.enabled_plans(part.was)))
        for row in context.catalog.missing(context.enabled_plans(part.will)):
            if row.certain and row not in before:
                yield _conflict(
                    draft,
                    "missing-dependency",
                    skus_giving(context, part, (row.plan,))[0],
                    member=part,
                    plan=context.plan_name(row.plan),
                    plan_title=context.plan_title(row.plan),
                    needs=[context.plan_title(plan) for plan in row.needs],
                )


def _purchasable(context: Context, draft: Draft) -> Iterator[Conflict]:
    """Graph can't buy; the purchase is told as an instruction."""
    change = draft.change
    if change.buys and change.sku and context.desired.tenant.provider == "graph":
        yield _conflict(
            draft,
            "not-purchasable",
            change.sku.sku,
            sku_name=change.sku.name,
            action=change.kind,
            seats=change.after.get("seats"),
        )


def _permitted(context: Context, draft: Draft) -> Iterator[Conflict]:
    """The actor needs a role, or as an application a permission, that may make the change."""
    change, actor = draft.change, context.actor
    if permitted(change, actor):
        return
    live: dict[str, Any] = {}
    if context.desired.tenant.provider == "graph" or actor.permissions:
        lacks = "scope" if set(change.roles) & set(actor.roles) else "role"
        live = {
            "lacks": lacks,
            "permissions": list(permissions(change)),
            "actor_permissions": list(actor.permissions),
        }
    yield _conflict(
        draft,
        "role-missing",
        change.sku.sku if change.sku else None,
        action=change.kind,
        actor=actor.name,
        actor_roles=list(actor.roles),
        **live,
    )


CHECKS = (
    _verified,
    _synced,
    _protected,
    _mailbox,
    _location,
    _restricted,
    _assignable,
    _exclusive,
    _dependent,
    _purchasable,
    _permitted,
)
"""Every check that can block a change, in the order in which a user is told."""
