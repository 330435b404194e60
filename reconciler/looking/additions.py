"""To which entries would a licence be added, and how many seats would that take?

For `users --assign`. Whoever gets it already by the desired state, or shall not have it, is left out
with the reason. Nothing is written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from reconciler.model import Value
from reconciler.plan import SkuRef
from reconciler.planning.checks import protected_by
from reconciler.planning.identity import Found, identify

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.looking.users import Person
    from reconciler.model import Entry, Location, User
    from reconciler.planning.context import Context

Reason = Literal["listed", "absent", "excluded", "unclear", "protected", "none"]


class LeftOut(Value, frozen=True, kw_only=True):
    """A user who gets nothing added, and why; `file` and `line` are those of the entry, if there is one.

    listed: the entry asks for the SKU already, perhaps as one of several. absent: the user shall be deleted.
    excluded: the entry forbids the SKU. unclear: an entry seems to mean the user, but not for certain. Only
    where nobody named the user: protected: by `protected_users`, `note` says by which names; none: the entry
    says that there shall be no licence, `note` is its reason.
    """

    upn: str
    reason: Reason
    file: str | None = None
    line: int | None = None
    note: str = ""


class Additions(Value, frozen=True, kw_only=True):
    """Who gets the SKU: pairs of a UPN and that of the entry for it, None where one must be made.

    Seats: `owned`, `in_use` now, and `taken` by those who don't hold the SKU yet. `nowhere` are UPNs of
    users who get it and have no usage location, nor would any be set for them; `promised` of those whose
    entry asks for other licences already, which they don't hold yet.
    """

    sku: SkuRef
    entries: tuple[tuple[str, str | None], ...]
    left_out: tuple[LeftOut, ...] = ()
    owned: int = 0
    in_use: int = 0
    taken: int = 0
    nowhere: tuple[str, ...] = ()
    promised: tuple[str, ...] = ()

    @property
    def free_before(self) -> int:
        """Return the seats that are free now."""
        return max(0, self.owned - self.in_use)

    @property
    def free_after(self) -> int:
        """Return the seats that are free when all is applied."""
        return max(0, self.free_before - self.taken)

    @property
    def short(self) -> int:
        """Return how many of those seats there are not."""
        return max(0, self.taken - self.free_before)


def propose(context: Context, people: Iterable[Person], sku_id: str, *, named: bool = False) -> Additions:
    """Return what adding a SKU to these users comes to.

    `named` tells that somebody named each of them: what stands against it is then known.
    """
    meanings, _ = identify(context)
    meant = {meaning.user.id: meaning.entry for meaning in meanings if isinstance(meaning, Found)}
    by_upn = {entry.upn: entry for entry in context.desired.entries}
    entries: list[tuple[str, str | None]] = []
    left_out: list[LeftOut] = []
    taken = 0
    nowhere: list[str] = []
    promised: list[str] = []
    for person in people:
        user = person.user
        entry = meant.get(user.id)
        claims = (by_upn.get(name) for name in (user.upn, user.mail or "", *user.proxy_addresses))
        unclear = None if entry else next(filter(None, claims), None)
        reason: Reason | None = "unclear" if unclear else _reason(entry, sku_id)
        note = ""
        if reason is None and not named:
            reason, note = _deliberate(context, user, entry)
        if reason:
            about = entry or unclear
            left_out.append(_left_out(user.upn, reason, about.location if about else None, note))
            continue
        entries.append((user.upn, entry.upn if entry else None))
        taken += not person.holds(sku_id)
        located = user.usage_location or (entry and entry.usage_location) or context.desired.default_location
        if not located:
            nowhere.append(user.upn)
        if entry and (entry.grants or entry.choices):
            promised.append(user.upn)
    return Additions(
        sku=context.sku_ref(sku_id),
        entries=tuple(entries),
        left_out=tuple(left_out),
        owned=context.sku(sku_id).enabled,
        in_use=context.in_use(sku_id),
        taken=taken,
        nowhere=tuple(nowhere),
        promised=tuple(promised),
    )


def _left_out(upn: str, reason: Reason, place: Location | None, note: str) -> LeftOut:
    if place is None:
        return LeftOut(upn=upn, reason=reason, note=note)
    return LeftOut(upn=upn, reason=reason, file=place.file, line=place.line, note=note)


def _deliberate(context: Context, user: User, entry: Entry | None) -> tuple[Reason | None, str]:
    """Return why nobody but a person may decide that this user gets a licence, and what is known of it."""
    if protection := protected_by(context, user):
        return "protected", ", ".join(protection)
    if entry and entry.grants == () and not entry.choices:
        return "none", entry.reason or ""
    return None, ""


def _reason(entry: Entry | None, sku_id: str) -> Reason | None:
    """Return why nothing is added to an entry."""
    if entry is None:
        return None
    if not entry.present:
        return "absent"
    if any(one.sku_id == sku_id for one in entry.exclusions):
        return "excluded"
    options = (option for choice in entry.choices for option in choice.options)
    return "listed" if any(one.sku_id == sku_id for one in (*(entry.grants or ()), *options)) else None
