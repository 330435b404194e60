"""Which changes would bring the tenant to the desired state, before anything is judged?

One draft per call to the tenant. No draft looks at seats, roles held, rails or other users' drafts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, assert_never

from reconciler.model import Location
from reconciler.plan import Change, UserRef, Warning, assignments_of  # noqa: A004  the field's word
from reconciler.planning import licenses
from reconciler.planning.context import held
from reconciler.planning.drafts import Draft
from reconciler.planning.identity import Found, Meaning, Missing, Restorable
from reconciler.roles import Ability, roles_with

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model import Assignment, DeletedUser, Entry, User, WantedSubscription
    from reconciler.planning.context import Context
    from reconciler.planning.licenses import Delta


def of_meaning(context: Context, meaning: Meaning) -> Iterator[Draft]:
    """Yield the drafts of one entry, in the order in which they must be made."""
    match meaning:
        case Found(entry=entry, user=user) if _settled(entry, user):
            return
        case Found(entry=entry, user=user) if not entry.present:
            yield _delete(context, entry, user)
        case Found(entry=entry, user=user):
            yield from _found(context, entry, user)
        case Missing(entry=entry):
            yield from _create(context, entry)
        case Restorable(entry=entry, user=deleted):
            yield from _restore(context, entry, deleted)
        case _:
            assert_never(meaning)


def of_subscription(context: Context, wanted: WantedSubscription) -> Iterator[Draft]:
    """Yield what must be bought or set to renew for one row of `subscriptions`."""
    ref = context.sku_ref(wanted.sku_id)
    subject = f"subscriptions/{ref.sku}"
    owned = context.sku(wanted.sku_id).enabled
    roles = roles_with("buy")
    if wanted.seats is not None and wanted.seats > owned:
        change = Change(
            address=f"{subject}/seats",
            kind="buy-seats",
            sku=ref,
            before={"seats": owned},
            after={"seats": wanted.seats},
            roles=roles,
            effects=_cost(wanted, wanted.seats - owned),
        )
        bought = wanted.seats - owned
        yield Draft(change=change, subject=subject, location=wanted.location, bought=bought)
    rows = context.subscriptions.get(wanted.sku_id, ())
    differing = [row.auto_renew for row in rows if row.auto_renew is not wanted.auto_renew]
    if wanted.auto_renew is not None and differing:
        change = Change(
            address=f"{subject}/auto-renew",
            kind="set-auto-renew",
            sku=ref,
            before={"auto_renew": differing[0]},
            after={"auto_renew": wanted.auto_renew},
            roles=roles,
        )
        yield Draft(change=change, subject=subject, location=wanted.location)


def _cost(wanted: WantedSubscription, seats: int) -> tuple[str, ...]:
    """Return what seats cost, where a price is declared."""
    price = wanted.price
    if not price:
        return ()
    per = f"{price.currency} per {price.per}"
    return (f"{seats} x {price.amount} = {Decimal(price.amount) * seats} {per}",)


def of_unlisted(context: Context, user: User) -> Draft | None:
    """Return what `unlisted_users: revoke` takes from a user, or None where there is nothing."""
    place = context.desired.unlisted_location or Location(file="tenant.yaml", line=1)
    delta = licenses.revocation(user.assignments, context.untouchable, ("unlisted_users", place))
    return _licenses(context, None, user, delta) if delta else None


# ------------------------------------------------------------ one user


def _settled(entry: Entry, user: User) -> bool:
    """Tell at a glance that a user is as declared: nearly all are, and a large tenant has many.

    False only means that it takes a closer look.
    """
    if not entry.present or entry.exclusions:
        return False
    if entry.grants is not None:
        if len(entry.grants) != len(user.assignments):
            return False
        for grant, held_ in zip(entry.grants, user.assignments, strict=True):
            same = grant.sku_id == held_.sku_id and held_.assigned_by is None
            if not same or grant.disabled_plans not in (None, held_.disabled_plans):
                return False
    if entry.usage_location not in (None, user.usage_location):
        return False
    return all(getattr(user, field) == value for field, value in entry.profile)


def _delete(context: Context, entry: Entry, user: User) -> Draft:
    privileged = context.privileged(user.id)
    change = Change(
        address=f"users/{user.upn}",
        kind="delete-user",
        user=UserRef(id=user.id, upn=user.upn, name=user.name),
        before={
            "deleted": False,
            "upn": user.upn,
            "synced": user.synced,
            "enabled": user.enabled,
            "assignments": assignments_of(user),
        },
        after={"deleted": True},
        roles=roles_with("delete-privileged" if privileged else "delete"),
    )
    return Draft(
        change=change,
        subject=f"users/{user.upn}",
        location=entry.location,
        entry=entry,
        target=user,
        was=user.assignments,
        frees=tuple(sorted(held(user.assignments))),
    )


def _found(context: Context, entry: Entry, user: User, first: tuple[str, ...] = ()) -> Iterator[Draft]:
    delta = licenses.of_entry(entry, user.assignments, context.untouchable)
    update = _update(context, entry, user, first, needs_location=bool(delta.assign or delta.modify))
    if update:
        yield update
    if delta:
        yield _licenses(context, entry, user, delta, first=first, update=update)


def _update(
    context: Context, entry: Entry, user: User, first: tuple[str, ...], *, needs_location: bool
) -> Draft | None:
    """Return the change of a user's profile and usage location, or None where both are as wanted.

    A synced user's profile is mastered on-premises, the usage location is not: where it must be set
    for a licence's sake, the change is about it alone, so that the licence can follow.
    """
    after: dict[str, Any] = {field: value for field, value in entry.profile if getattr(user, field) != value}
    warnings: tuple[Warning, ...] = ()
    location = entry.usage_location
    if location is None and user.usage_location is None and needs_location:
        location = context.desired.default_location
        warnings = _default_location(location)
    if location is not None and location != user.usage_location:
        after = {"usage_location": location} if user.synced else {**after, "usage_location": location}
    if not after:
        return None
    abilities: list[Ability] = []
    if "usage_location" in after:
        abilities.append("usage-location")
    if set(after) - {"usage_location"}:
        abilities.append("profile")
    if "enabled" in after and context.privileged(user.id):
        abilities.append("delete-privileged")
    change = Change(
        address=f"users/{user.upn}/profile",
        kind="update-user",
        user=UserRef(id=user.id, upn=user.upn, name=user.name),
        before={field: getattr(user, field) for field in sorted(after)},
        after=dict(sorted(after.items())),
        roles=roles_with(*abilities),
        warnings=warnings,
    )
    return Draft(
        change=change,
        subject=f"users/{user.upn}",
        location=entry.location,
        entry=entry,
        target=user,
        after=first,
    )


def _create(context: Context, entry: Entry) -> Iterator[Draft]:
    location = entry.usage_location or (context.desired.default_location if entry.grants else None)
    after = {"upn": entry.upn, "enabled": True, **dict(entry.profile)}
    warnings: tuple[Warning, ...] = ()
    if location is not None:
        after["usage_location"] = location
        warnings = () if entry.usage_location else _default_location(location)
    address = f"users/{entry.upn}"
    name = str(after["name"])
    yield Draft(
        change=Change(
            address=address,
            kind="create-user",
            user=UserRef(id=None, upn=entry.upn, name=name),
            after=dict(sorted(after.items())),
            roles=roles_with("create"),
            warnings=warnings,
        ),
        subject=address,
        location=entry.location,
        entry=entry,
    )
    delta = licenses.of_entry(entry, (), context.untouchable)
    if delta:
        yield _license_draft(
            context,
            UserRef(id=None, upn=entry.upn, name=name),
            entry=entry,
            delta=delta,
            before={"assignments": [], "usage_location": location, "enabled": after["enabled"]},
            first=(address,),
        )


def _restore(context: Context, entry: Entry, user: DeletedUser) -> Iterator[Draft]:
    """Restore, then update and license the user as one who is there.

    A restored user takes the seats of the licences that come back, so these are takes like others.
    """
    address = f"users/{entry.upn}/restore"
    direct = tuple(a for a in user.assignments if a.assigned_by is None)
    yield Draft(
        change=Change(
            address=address,
            kind="restore-user",
            user=UserRef(id=user.id, upn=entry.upn, name=user.name),
            before={"deleted": True, "assignments": assignments_of(user)},
            after={"deleted": False},
            roles=roles_with("delete"),
        ),
        subject=f"users/{entry.upn}",
        location=entry.location,
        entry=entry,
        target=user,
        will=direct,
        takes=tuple(sorted(held(direct))),
    )
    restored = context.restored(user, direct, entry.upn)
    yield from _found(context, entry, restored, (address,))


def _licenses(
    context: Context,
    entry: Entry | None,
    user: User,
    delta: Delta,
    *,
    first: tuple[str, ...] = (),
    update: Draft | None = None,
) -> Draft:
    """Return the licence change of a user who is there, or will be after `first`."""
    planned = update.change.after if update else {}
    waits = (
        (update.address,) if update and "usage_location" in planned and (delta.assign or delta.modify) else ()
    )
    return _license_draft(
        context,
        UserRef(id=user.id, upn=user.upn, name=user.name),
        entry=entry,
        delta=delta,
        target=user,
        before={
            "assignments": assignments_of(user),
            "usage_location": user.usage_location,
            "enabled": user.enabled,
        },
        planned={key: planned[key] for key in ("usage_location", "enabled") if key in planned},
        first=(*first, *waits),
    )


def _license_draft(
    context: Context,
    ref: UserRef,
    *,
    entry: Entry | None,
    delta: Delta,
    before: dict[str, Any],
    first: tuple[str, ...],
    target: User | None = None,
    planned: dict[str, Any] | None = None,
) -> Draft:
    was = target.assignments if target else ()
    will = tuple(a for a in delta.will if a.active)
    abilities: list[Ability] = []
    if delta.assign or delta.modify:
        abilities.append("assign")
    if delta.revoke:
        abilities.append("revoke")
    after = {
        **before,
        **(planned or {}),
        "assignments": [
            {"sku_id": a.sku_id, "disabled_plans": list(a.disabled_plans), "assigned_by": a.assigned_by}
            for a in will
        ],
    }
    change = Change(
        address=f"users/{ref.upn}/licenses",
        kind="set-licenses",
        user=ref,
        assign=tuple(context.license(*row) for row in delta.assign),
        revoke=tuple(context.license(*row) for row in delta.revoke),
        modify=tuple(context.license(*row) for row in delta.modify),
        before=before,
        after=after,
        roles=roles_with(*abilities),
    )
    return Draft(
        change=change,
        subject=f"users/{ref.upn}",
        location=entry.location if entry else context.desired.unlisted_location,
        entry=entry,
        target=target,
        was=was,
        will=will,
        takes=tuple(sorted(held(will) - held(was))),
        frees=tuple(sorted(held(was) - held(will))),
        after=first,
    )


def _default_location(country: str | None) -> tuple[Warning, ...]:
    return (Warning(code="default-location", params={"country": country}),) if country else ()


def unreachable(context: Context, meanings: Iterable[Meaning]) -> Iterator[tuple[Entry, User, str]]:
    """Yield each SKU that `[]` or `exclude` asks to take away but that only a group gives."""
    for meaning in meanings:
        if isinstance(meaning, Found) and meaning.entry.present:
            entry, user = meaning.entry, meaning.user
            if entry.grants == () or entry.exclusions:
                delta = licenses.of_entry(entry, user.assignments, context.untouchable)
                yield from ((entry, user, sku_id) for sku_id in delta.unreachable)


def self_bought(context: Context, meanings: Iterable[Meaning]) -> Iterator[dict[str, str]]:
    """Yield each licence that its user bought and that an entry would take: shown, never planned."""
    bought = {sku_id for sku_id in context.subscriptions if context.self_service(sku_id)}
    for meaning in meanings if bought else ():
        if not isinstance(meaning, Found) or not meaning.entry.present:
            continue
        entry, user = meaning.entry, meaning.user
        listed = {grant.sku_id for grant in entry.grants or ()}
        unwanted = {exclusion.sku_id for exclusion in entry.exclusions}
        if entry.grants is not None and entry.mode == "replace":
            unwanted |= bought - listed
        for sku_id in sorted(bought & unwanted & held(user.assignments)):
            yield {"upn": user.upn, "sku": context.sku(sku_id).part_number}


def groups_giving(user_assignments: tuple[Assignment, ...], sku_id: str) -> tuple[str, ...]:
    """Return the ids of the groups through which a user has the SKU."""
    return tuple(a.assigned_by for a in user_assignments if a.sku_id == sku_id and a.assigned_by)
