"""Which changes would bring one user to what is declared, before anything is judged?

One draft per call to the tenant: the account, the profile, memberships, direct licences; what a
group's licences do to its members is handed on to group_drafts. No draft looks at seats, roles held,
rails or other users' drafts.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.model import DeletedUser, Location, User, Value
from reconciler.plan import (
    Because,
    Change,
    GroupRef,
    UserRef,
    Warning,  # noqa: A004  the field's word
    assignments_of,
)
from reconciler.planning import leavers, licenses, sequence
from reconciler.planning.context import held
from reconciler.planning.direct import part_of, rows_of, set_licenses
from reconciler.planning.drafts import Draft, Holdings, Part, difference
from reconciler.planning.identity import Missing, Restorable
from reconciler.planning.licenses import Delta
from reconciler.roles import Ability, roles_with

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from reconciler.model import Entry
    from reconciler.planning.context import Context
    from reconciler.planning.grouping import Step
    from reconciler.planning.licenses import Picks
    from reconciler.planning.people import Person
    from reconciler.planning.sequence import Placed


class Touch(Value, frozen=True, kw_only=True):
    """What a change of a group's licences does to one member, and what of his must be done before it."""

    address: str
    part: Part
    after: tuple[str, ...] = ()


class Drafted(Value, frozen=True, kw_only=True):
    """The drafts of one user, in the order in which they must be made, and how groups touch him.

    `delta` tells of his direct licences also what nobody can change.
    """

    drafts: tuple[Draft, ...] = ()
    touches: tuple[Touch, ...] = ()
    delta: Delta | None = None


def of_person(context: Context, person: Person, steps: Sequence[Step], picks: Picks = ()) -> Drafted:
    """Return what must change for one user. `steps` are those of groups that he is in, or will be."""
    return _Drafting(context, person, steps, picks).drafted()


def of_unlisted(context: Context, user: User) -> Draft | None:
    """Return what `unlisted_users: revoke` takes from a user, or None where there is nothing."""
    place = context.desired.unlisted_location or Location(file="tenant.yaml", line=1)
    delta = licenses.revocation(user.assignments, context.untouchable, ("unlisted_users", place))
    if not delta:
        return None
    move = sequence.of_direct(f"users/{user.upn}/licenses", user.assignments, delta.will)
    (placed,) = sequence.arrange(context, user.assignments, [move])
    part = part_of(UserRef(id=user.id, upn=user.upn, name=user.name), user, placed)
    return set_licenses(context, part, delta, placed)


class _Drafting:
    """The drafts of one user: what they have in common is worked out once."""

    def __init__(self, context: Context, person: Person, steps: Sequence[Step], picks: Picks) -> None:
        self.context = context
        self.person = person
        self.entry = person.entry
        self.steps = steps
        self.picks = picks
        self.subject = f"users/{person.upn}"
        self.user = person.user
        self.assignments: Holdings = person.user.assignments if person.user else ()
        name = person.user.name if person.user else (self.entry and self.entry.name) or person.upn
        missing = isinstance(person.meaning, Missing)
        self.ref = UserRef(
            id=None if missing or not person.user else person.user.id, upn=person.upn, name=name
        )

    def drafted(self) -> Drafted:
        """Return everything of this user."""
        if self.entry and not self.entry.present and self.user:
            drafts = self._deletion(self.entry, self.user)
            return Drafted(drafts=drafts, touches=tuple(self._touches_of_deletion(drafts)))
        base = self.assignments
        for step in self.steps:
            base = step.applied(base)
        delta = licenses.of_demand(self.person.demand, base, self.context.untouchable, self.picks)
        moves = [sequence.of_step(step, self.assignments) for step in self.steps]
        if delta:
            moves.append(sequence.of_direct(f"{self.subject}/licenses", self.assignments, delta.will))
        joins = any(step.kind == "join" and step.gives for step in self.steps)
        accounts = self._accounts(needs_location=joins or bool(delta.assign or delta.modify))
        own: list[Draft] = []
        touches: list[Touch] = []
        by_address = {step.address: step for step in self.steps}
        for placed in sequence.arrange(self.context, self.assignments, moves):
            source = by_address.get(placed.move.address)
            part = self._part(placed, accounts)
            if source is None:
                own.append(self._direct(delta, placed, [*accounts, *own], part))
            elif source.kind == "licences":
                touches.append(Touch(address=source.address, part=part, after=placed.after))
            else:
                own.append(self._member(source, placed, accounts, part))
        return Drafted(drafts=(*accounts, *own), touches=tuple(touches), delta=delta)

    # ------------------------------------------------------------ the account

    def _accounts(self, *, needs_location: bool) -> list[Draft]:
        """Return what is done to the account itself: created, or restored and then updated."""
        meaning = self.person.meaning
        if isinstance(meaning, Missing):
            return [self._create(meaning.entry, needs_location=needs_location)]
        first: list[Draft] = []
        if isinstance(meaning, Restorable):
            first = [self._restore(meaning.entry, meaning.user)]
        after = tuple(draft.address for draft in first)
        update = self._update(self.user, after, needs_location=needs_location) if self.user else None
        return [*first, update] if update else first

    def _create(self, entry: Entry, *, needs_location: bool) -> Draft:
        location = entry.usage_location or (self.context.desired.default_location if needs_location else None)
        after = {"upn": entry.upn, "enabled": True, **dict(entry.profile)}
        if location is not None:
            after["usage_location"] = location
        change = Change(
            address=self.subject,
            kind="create-user",
            user=self.ref,
            after=dict(sorted(after.items())),
            roles=roles_with("create"),
            warnings=() if entry.usage_location else _default_location(location),
        )
        return self._draft(change)

    def _restore(self, entry: Entry, user: DeletedUser) -> Draft:
        """Restore a user; the licences that come back take seats like others."""
        change = Change(
            address=f"{self.subject}/restore",
            kind="restore-user",
            user=UserRef(id=user.id, upn=entry.upn, name=user.name),
            before={"deleted": True, "assignments": assignments_of(user)},
            after={"deleted": False},
            roles=roles_with("delete"),
        )
        part = Part(user=self.ref, target=user, will=self.assignments)
        takes = difference(held(self.assignments), ())
        return self._draft(change, target=user, parts=(part,), takes=takes)

    def _update(self, user: User, first: tuple[str, ...], *, needs_location: bool) -> Draft | None:
        """Return the change of a user's profile and usage location, or None where both are as wanted.

        A synced user's profile is mastered on-premises, the usage location is not: where it must be
        set for a licence's sake, the change is about it alone, so that the licence can follow.
        """
        entry = self.entry
        profile = entry.profile if entry else ()
        after: dict[str, Any] = {field: value for field, value in profile if getattr(user, field) != value}
        warnings: tuple[Warning, ...] = ()
        location = entry.usage_location if entry else None
        if location is None and user.usage_location is None and needs_location:
            location = self.context.desired.default_location
            warnings = _default_location(location)
        if location is not None and location != user.usage_location:
            after = {"usage_location": location} if user.synced else {**after, "usage_location": location}
        if not after:
            return None
        change = Change(
            address=f"{self.subject}/profile",
            kind="update-user",
            user=self.ref,
            before={field: getattr(user, field) for field in sorted(after)},
            after=dict(sorted(after.items())),
            roles=roles_with(*self._abilities(user, after)),
            warnings=(*warnings, *self._checklist(after)),
        )
        return self._draft(change, after=first)

    def _abilities(self, user: User, after: dict[str, Any]) -> list[Ability]:
        abilities: list[Ability] = []
        if "usage_location" in after:
            abilities.append("usage-location")
        if set(after) - {"usage_location"}:
            abilities.append("profile")
        if "enabled" in after and self.context.privileged(user.id):
            abilities.append("delete-privileged")
        return abilities

    def _checklist(self, after: dict[str, Any]) -> tuple[Warning, ...]:
        """Return what is to be done for somebody who has left, when sign-in is blocked."""
        leaver = self.entry.leaver if self.entry else None
        if leaver is None or after.get("enabled") is not False:
            return ()
        return (
            Warning(
                code="leaver-checklist",
                params={
                    "last_day": leaver.last_day.isoformat(),
                    "revoke_on": leavers.revocation(leaver).isoformat(),
                    "delete_on": _iso(leavers.deletion(leaver)),
                },
            ),
        )

    # ------------------------------------------------------------ deletion

    def _deletion(self, entry: Entry, user: User) -> tuple[Draft, ...]:
        """Return the deletion, or the step before it: an account can be made to rest disabled first."""
        days = self.context.desired.disable_before_delete
        if not days:
            return (self._delete(entry, user),)
        today = self.context.options.today
        if user.enabled is not False:
            ends = (today + timedelta(days=days)).isoformat()
            change = Change(
                address=f"{self.subject}/profile",
                kind="update-user",
                user=self.ref,
                before={"enabled": user.enabled},
                after={"enabled": False},
                roles=roles_with(*self._abilities(user, {"enabled": False})),
                warnings=(Warning(code="deletion-later", params={"date": ends, "days": days}),),
            )
            return (self._draft(change),)
        since = self.context.disabled_since(user.id)
        if since is None or today < since + timedelta(days=days):
            return ()
        return (self._delete(entry, user),)

    def _delete(self, entry: Entry, user: User) -> Draft:
        privileged = self.context.privileged(user.id)
        change = Change(
            address=self.subject,
            kind="delete-user",
            user=self.ref,
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
        part = Part(user=self.ref, target=user, was=user.assignments)
        frees = difference(held(user.assignments), ())
        return msgspec.structs.replace(self._draft(change, parts=(part,), frees=frees), entry=entry)

    def _touches_of_deletion(self, drafts: Sequence[Draft]) -> Iterator[Touch]:
        """Yield how groups touch someone who is to be deleted.

        Their change waits for the deletion, so that nothing is done to him, and his seats are free for
        others; while he has to rest disabled first, he is a member like others. He joins and leaves none.
        """
        first = tuple(draft.address for draft in drafts if draft.change.kind == "delete-user")
        was = self.assignments
        for step in self.steps:
            will = was if first else step.applied(was)
            part = Part(user=self.ref, target=self.user, was=was, will=will, country=self._country())
            yield Touch(address=step.address, part=part, after=first)
            was = will

    # ------------------------------------------------------------ licences

    def _country(self) -> str | None:
        """Return the location that a group's licences go by: the tenant's, where the user has none."""
        return (self.user and self.user.usage_location) or self.context.current.organization.country

    def _part(self, placed: Placed, accounts: Sequence[Draft]) -> Part:
        """Return what one change of the sequence does, given what becomes of the account."""
        country = self.user.usage_location if self.user else None
        for draft in accounts:
            country = draft.change.after.get("usage_location", country)
        if placed.move.source is not None:
            country = country or self._country()
        part = part_of(self.ref, self.user, placed)
        return msgspec.structs.replace(part, country=country)

    def _member(self, step: Step, placed: Placed, accounts: Sequence[Draft], part: Part) -> Draft:
        joins = step.kind == "join"
        before, after = placed.expected, placed.move.applied(placed.expected)
        change = Change(
            address=step.address,
            kind="add-member" if joins else "remove-member",
            user=self.ref,
            group=GroupRef(id=step.group.id, name=step.group.name),
            before={"member": not joins, "assignments": rows_of(before)},
            after={"member": joins, "assignments": rows_of(after)},
            roles=roles_with("members"),
        )
        first = [draft.address for draft in accounts if _makes(draft) or (joins and _locates(draft))]
        draft = self._draft(
            change,
            parts=(part,),
            takes=difference(held(placed.will), held(placed.was)),
            frees=difference(held(placed.was), held(placed.will)),
            after=(*first, *placed.after, *_licences_first(step)),
        )
        return msgspec.structs.replace(draft, subject=step.subject, location=step.location)

    def _direct(self, delta: Delta, placed: Placed, others: Sequence[Draft], part: Part) -> Draft:
        """Return the change of direct licences, after the account and what rules wait for."""
        gains = bool(delta.assign or delta.modify)
        first = tuple(
            draft.address
            for draft in others
            if _makes(draft)
            or (gains and _locates(draft))
            or (self.person.waits and draft.change.kind in ("update-user", "add-member", "remove-member"))
        )
        planned: dict[str, Any] = {}
        start: dict[str, Any] = {}
        for draft in others:
            fields = {key: draft.change.after[key] for key in _ACCOUNT if key in draft.change.after}
            (start if draft.change.kind == "create-user" else planned).update(fields)
        draft = set_licenses(self.context, part, delta, placed, start=start, planned=planned)
        entry = self.entry
        return msgspec.structs.replace(
            draft,
            location=entry.location if entry else draft.location,
            entry=entry,
            demand=self.person.demand,
            priority=self.person.demand.priority,
            after=(*first, *placed.after),
        )

    def _draft(self, change: Change, **fields: Any) -> Draft:
        place = self.entry.location if self.entry and change.kind in ACCOUNT else None
        because = (Because(rule="users", file=place.file, line=place.line),) if place else ()
        return Draft(
            **{
                "change": msgspec.structs.replace(change, because=because),
                "subject": self.subject,
                "location": self.entry.location if self.entry else None,
                "entry": self.entry,
                "target": self.user,
                "demand": self.person.demand,
                "priority": self.person.demand.priority,
                **fields,
            }
        )


ACCOUNT = ("create-user", "restore-user", "update-user", "delete-user")
"""Kinds of changes of the account itself: each tells where its user is declared."""

_ACCOUNT = ("usage_location", "enabled")
"""What the licences' change tells of the account."""


def _licences_first(step: Step) -> tuple[str, ...]:
    """Return the change of the group's own licences, where there is one: membership comes after it."""
    return (f"{step.subject}/licenses",) if step.follows else ()


def _makes(draft: Draft) -> bool:
    return draft.change.kind in ("create-user", "restore-user")


def _locates(draft: Draft) -> bool:
    return draft.change.kind == "update-user" and "usage_location" in draft.change.after


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _default_location(country: str | None) -> tuple[Warning, ...]:
    return (Warning(code="default-location", params={"country": country}),) if country else ()
