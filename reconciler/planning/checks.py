"""What stands in the way of one change? One function per conflict code, one visible list.

Each check looks at a draft by itself; seats, which depend on everybody's drafts, are settled later.
To add a check, copy the nearest one and name it in CHECKS.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from reconciler.model import User
from reconciler.plan import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.planning.context import Context
    from reconciler.planning.drafts import Draft


def conflicts(context: Context, draft: Draft) -> list[Conflict]:
    """Return everything but seats that blocks a draft, in the order of CHECKS."""
    return list(chain.from_iterable(check(context, draft) for check in CHECKS))


def _conflict(
    draft: Draft, code: str, sku: str | None = None, *, blocks: bool = True, **params: Any
) -> Conflict:
    about = {"upn": draft.change.user.upn} if draft.change.user else {}
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


def _location(_context: Context, draft: Draft) -> Iterator[Conflict]:
    """A licence needs a usage location, also where it comes through a group."""
    change = draft.change
    if (change.assign or change.modify) and not change.after["usage_location"]:
        yield _conflict(draft, "no-usage-location")


def _restricted(context: Context, draft: Draft) -> Iterator[Conflict]:
    """The organisation's own rows of what is not assignable where; Microsoft publishes no such list."""
    country = draft.change.after.get("usage_location")
    for row in context.desired.restrictions:
        if country not in row.countries:
            continue
        for item in (*draft.change.assign, *draft.change.modify):
            enabled = context.plans_of(item.sku_id).difference(item.disabled_plans)
            if item.sku_id == row.sku_id or row.plan_id in enabled:
                plan = context.plan_name(row.plan_id) if row.plan_id else None
                yield _conflict(
                    draft, "restricted-location", item.sku, sku_name=item.name, plan=plan, country=country
                )


def _assignable(context: Context, draft: Draft) -> Iterator[Conflict]:
    """Company-wide, suspended and self-service SKUs can't be assigned by an administrator."""
    for item in draft.change.assign:
        sku = context.sku(item.sku_id)
        reason = None
        if sku.applies_to == "Company":
            reason = "company"
        elif sku.status in ("Suspended", "LockedOut", "Deleted"):
            reason = "suspended"
        elif context.self_service(item.sku_id):
            reason = "self-service"
        if reason:
            yield _conflict(draft, "not-assignable", item.sku, sku_name=item.name, reason=reason)


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
    user = draft.target
    if not isinstance(user, User) or not draft.change.removes:
        return
    roles = context.roles_of.get(user.id, ())
    last = context.global_administrators == {user.id}
    allowed = "protected" in context.options.allow and draft.change.kind == "set-licenses"
    reasons: list[tuple[str, Iterable[str]]] = [
        ("actor", [user.upn] if user.id == context.actor.id else []),
        ("last-global-administrator", [user.upn] if last else []),
        ("listed", protected_by(context, user)),
        ("sku", _protected_skus(context, draft)),
        ("role", [] if allowed else roles),
    ]
    action = {"delete-user": "delete", "update-user": "disable"}.get(draft.change.kind, "revoke")
    if action == "revoke" and not draft.change.revoke:
        action = "modify"
    for reason, names in reasons:
        if names:
            yield _conflict(draft, "protected", action=action, reason=reason, names=sorted(names))
            return


def protected_by(context: Context, user: User) -> list[str]:
    """Return the entries of `protected_users` that mean this user: by UPN, id, or group."""
    wanted = context.desired.guardrails.protected_users
    keys = {user.upn, user.id}
    for group in context.current.groups if wanted else ():
        if user.id in group.members:
            keys |= {group.id, group.name.lower()}
    return [name for name in wanted if name in keys]


def _protected_skus(context: Context, draft: Draft) -> list[str]:
    """Return the part numbers of protected SKUs that the draft takes from or cuts down."""
    change = draft.change
    touched = {item.sku_id for item in (*change.revoke, *change.modify)} | set(draft.frees)
    return [
        context.sku(sku_id).part_number
        for sku_id in context.desired.guardrails.protected_skus
        if sku_id in touched
    ]


def _exclusive(context: Context, draft: Draft) -> Iterator[Conflict]:
    """Some service plans can't be on at once for a user; pairs that were there before stay."""
    before = set(context.catalog.exclusive(context.enabled_plans(draft.was)))
    for pair in context.catalog.exclusive(context.enabled_plans(draft.will)):
        plan, other, certain = pair
        if certain and pair not in before and draft.change.kind == "set-licenses":
            yield _conflict(
                draft,
                "exclusive-plans",
                plan=context.plan_name(plan),
                plan_title=context.plan_title(plan),
                other=context.plan_name(other),
                other_title=context.plan_title(other),
                skus=skus_giving(context, draft, (plan, other)),
            )


def skus_giving(context: Context, draft: Draft, plans: Iterable[str]) -> list[str]:
    """Return the part numbers of the SKUs that give any of `plans` after the draft."""
    wanted = set(plans)
    return sorted(
        {
            context.sku(a.sku_id).part_number
            for a in draft.will
            if context.plans_of(a.sku_id).difference(a.disabled_plans) & wanted
        }
    )


def _dependent(context: Context, draft: Draft) -> Iterator[Conflict]:
    """Some service plans work only beside another; it is checked on adding and on removing."""
    before = set(context.catalog.missing(context.enabled_plans(draft.was)))
    for row in context.catalog.missing(context.enabled_plans(draft.will)):
        if row.certain and row not in before and draft.change.kind == "set-licenses":
            givers = skus_giving(context, draft, (row.plan,))
            yield _conflict(
                draft,
                "missing-dependency",
                givers[0],
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
    """The actor needs one of the roles that may make the change."""
    change = draft.change
    if not set(change.roles) & set(context.actor.roles):
        yield _conflict(
            draft,
            "role-missing",
            change.sku.sku if change.sku else None,
            action=change.kind,
            actor=context.actor.name,
            actor_roles=list(context.actor.roles),
        )


CHECKS = (
    _verified,
    _synced,
    _protected,
    _location,
    _restricted,
    _assignable,
    _exclusive,
    _dependent,
    _purchasable,
    _permitted,
)
"""Every check that can block a change, in the order in which a user is told."""
