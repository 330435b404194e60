"""Which users are there, what do they hold from which source, and who stands out?

The lists of `reconciler users`. A user who is not certainly an enabled member of the organisation is
put aside by class, and counted: a list to assign licences from must hold nobody by mistake.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from reconciler.model import User, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from reconciler.model import Assignment, Current, Desired
    from reconciler.planning.context import Context

Kind = Literal["member", "guest", "resource", "shared", "disabled", "unknown"]
Filter = Literal["all", "unlicensed", "sku", "disabled", "guests", "errors", "double"]

Told = Literal["told", "no-premium", "forbidden", "not-told"]
"""Whether sign-ins are known, or why not; "not-told": a snapshot holds none."""

ASIDE: tuple[Kind, ...] = ("guest", "disabled", "resource", "shared", "unknown")
"""The classes of users who are not listed as unlicensed unless they are asked for."""

IN_ERROR = frozenset({"Error", "ActiveWithError"})


class Holding(Value, frozen=True, kw_only=True):
    """One licence from one source; `group` is the group's name where it is inherited.

    `active` tells whether the user has the service from this source. `ignored`: it does not count
    as a licence.
    """

    sku: str
    sku_id: str
    name: str
    group_id: str | None = None
    group: str | None = None
    disabled_plans: tuple[str, ...] = ()
    state: str = "Active"
    error: str = "None"
    active: bool = True
    ignored: bool = False

    @property
    def failed(self) -> bool:
        """Tell whether the service reports an error of this assignment."""
        return self.state in IN_ERROR or self.error not in ("None", "")


class Person(Value, frozen=True, kw_only=True):
    """A user with what the user holds, by SKU, direct before inherited."""

    user: User
    kind: Kind
    holdings: tuple[Holding, ...] = ()

    @property
    def licensed(self) -> bool:
        """Tell whether the user holds a licence that counts, from any source."""
        return any(one.active and not one.ignored for one in self.holdings)

    @property
    def double(self) -> tuple[str, ...]:
        """Return the ids of the SKUs that are held directly and through a group, sorted."""
        direct = {one.sku_id for one in self.holdings if one.active and one.group_id is None}
        return tuple(sorted(direct & {one.sku_id for one in self.holdings if one.active and one.group_id}))

    def holds(self, sku_id: str) -> bool:
        """Tell whether the user holds a SKU from any source."""
        return any(one.active and one.sku_id == sku_id for one in self.holdings)


class Found(Value, frozen=True, kw_only=True):
    """The users of one list, by UPN, and how many more there are of each class that is not shown."""

    people: tuple[Person, ...]
    aside: tuple[tuple[Kind, int], ...] = ()


def people(context: Context, users: Iterable[User] | None = None) -> tuple[Person, ...]:
    """Return users (default: everybody, by UPN) with all their licences."""
    purposes = {user_id: row.purpose for user_id, row in context.mailboxes.items()}
    known: dict[tuple[Assignment, ...], tuple[Holding, ...]] = {}
    found = []
    for user in context.current.users if users is None else users:
        held = known.get(user.assignments)
        if held is None:
            held = known[user.assignments] = holdings(context, user.assignments)
        found.append(Person(user=user, kind=kind_of(user, purposes.get(user.id)), holdings=held))
    return tuple(found)


def candidates(current: Current, desired: Desired) -> tuple[str, ...]:
    """Return the ids of whoever is listed as unlicensed unless the mailbox turns out to be shared."""
    return tuple(
        user.id
        for user in current.users
        if kind_of(user, None) == "member"
        and desired.ignored_skus.issuperset(one.sku_id for one in user.assignments if one.active)
    )


def holdings(context: Context, assignments: tuple[Assignment, ...]) -> tuple[Holding, ...]:
    """Return what assignments mean, by part number, the direct one first."""
    found = []
    for one in assignments:
        ref = context.sku_ref(one.sku_id)
        group = context.groups.get(one.assigned_by or "")
        found.append(
            Holding(
                sku=ref.sku,
                sku_id=one.sku_id,
                name=ref.name,
                group_id=one.assigned_by,
                group=group.name if group else one.assigned_by,
                disabled_plans=one.disabled_plans,
                state=one.state,
                error=one.error,
                active=one.active,
                ignored=one.sku_id in context.desired.ignored_skus,
            )
        )
    return tuple(sorted(found, key=lambda held: (held.sku, held.group or "")))


def kind_of(user: User, purpose: str | None) -> Kind:
    """Return the first class that fits; `purpose` is the mailbox's, None where it is not known."""
    if user.user_type == "Guest":
        return "guest"
    if user.resource_account or purpose in ("room", "equipment"):
        return "resource"
    if purpose not in (None, "user", "linked"):
        return "shared"
    if user.enabled is False:
        return "disabled"
    return "member" if user.enabled and user.user_type == "Member" else "unknown"


def find(
    everybody: tuple[Person, ...], wanted: Filter, *, sku_id: str = "", include: Collection[str] = ()
) -> Found:
    """Return the users of the list `wanted`; `include` are classes to show among the unlicensed."""
    if wanted == "unlicensed":
        return _unlicensed(everybody, frozenset(include))
    fits = (lambda person: person.holds(sku_id)) if wanted == "sku" else _TESTS[wanted]
    return Found(people=tuple(filter(fits, everybody)))


class Silence(Value, frozen=True, kw_only=True):
    """Who has not signed in for `days` until `now`; `told`: whether sign-ins are known, or why not."""

    now: datetime
    days: int
    told: Told


def inactive(found: Found, silence: Silence) -> Found:
    """Return of a list those who have not signed in for so many days, in whatever way.

    Who never did counts from the day on which the account was made. Whose sign-ins are not known is not
    listed: that is no sign of anything.
    """
    before = silence.now - timedelta(days=silence.days)
    people = tuple(person for person in found.people if _silent(person.user, before))
    return msgspec.structs.replace(found, people=people)


def _silent(user: User, before: datetime) -> bool:
    if user.sign_in is None:
        return False
    last = user.sign_in.last or user.created_at
    return last is None or last < before


def _unlicensed(everybody: tuple[Person, ...], include: frozenset[str]) -> Found:
    shown, aside = [], Counter[Kind]()
    for person in everybody:
        if person.licensed:
            continue
        if person.kind == "member" or person.kind in include:
            shown.append(person)
        else:
            aside[person.kind] += 1
    return Found(people=tuple(shown), aside=tuple((kind, aside[kind]) for kind in ASIDE if aside[kind]))


_TESTS: Mapping[Filter, Callable[[Person], bool]] = {
    "all": lambda _: True,
    "disabled": lambda person: person.user.enabled is False,
    "guests": lambda person: person.user.user_type == "Guest",
    "errors": lambda person: any(one.failed for one in person.holdings),
    "double": lambda person: bool(person.double),
}
"""Filter → whether a user belongs in its list; those that take an argument stand in find."""
