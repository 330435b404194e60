"""Which user does an entry mean?

A typo must never create a second account, and a namesake must never get a deleted person's mailbox:
what is not certain is a conflict, and nothing is created or restored for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.model import DeletedUser, Entry, User, Value
from reconciler.plan import Conflict
from reconciler.planning import grouping, leavers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.planning.context import Context


class Found(Value, frozen=True, kw_only=True):
    """The entry means this user."""

    entry: Entry
    user: User


class Restorable(Value, frozen=True, kw_only=True):
    """The entry means this soft-deleted user."""

    entry: Entry
    user: DeletedUser


class Missing(Value, frozen=True, kw_only=True):
    """Nobody is meant by the entry; it may create one."""

    entry: Entry


Meaning = Found | Restorable | Missing


def identify(context: Context) -> tuple[list[Meaning], list[Conflict]]:
    """Return who each entry means, in the order of the entries, and the conflicts of the others.

    Found by id, then UPN; found only by mail or proxy address is a rename, and a conflict. An absent
    user whose entry says `ensure: absent` means nobody and is no conflict. Entries that mean the same
    user contradict each other: none of them is followed.
    """
    meanings: list[Meaning] = []
    conflicts: list[Conflict] = []
    seen: dict[str, Entry] = {}
    twice: set[str] = set()
    by_upn = context.by_upn
    for entry in context.entries:
        user = (context.by_id.get(entry.id) if entry.id else None) or by_upn.get(entry.upn)
        if user and seen.setdefault(user.id, entry) is entry:
            meanings.append(Found(entry=entry, user=user))
            continue
        verdict = Found(entry=entry, user=user) if user else _absent(context, entry)
        if isinstance(verdict, Found | Restorable):
            first = seen.setdefault(verdict.user.id, entry)
            if first is not entry:
                conflicts += [_twice(entry, first)]
                if verdict.user.id not in twice:
                    conflicts += [_twice(first, entry)]
                twice.add(verdict.user.id)
        if isinstance(verdict, Conflict):
            conflicts.append(verdict)
        elif verdict is not None:
            meanings.append(verdict)
    if twice:
        meanings = [m for m in meanings if isinstance(m, Missing) or m.user.id not in twice]
    if any(entry.scope for entry in context.entries):
        outside = [m for m in meanings if not context.in_scope(m.entry.scope, _subject(context, m))]
        conflicts += [_outside(meaning.entry, _subject(context, meaning)) for meaning in outside]
        meanings = [meaning for meaning in meanings if meaning not in outside]
    return meanings, conflicts


def newcomer(context: Context, entry: Entry) -> User:
    """Return the user whom an entry would create, as far as it is declared."""
    blank = User(
        id=f"new:{entry.upn}",
        upn=entry.upn,
        enabled=True,
        user_type="Member",
        usage_location=entry.usage_location,
        created_at=context.options.now,
    )
    return msgspec.structs.replace(blank, **dict(entry.profile))


def _subject(context: Context, meaning: Meaning) -> User:
    return newcomer(context, meaning.entry) if isinstance(meaning, Missing) else meaning.user


def _outside(entry: Entry, user: User) -> Conflict:
    scope = entry.scope
    about = grouping.strangers(scope, [user]) if scope else {}
    return conflict(entry, "out-of-scope", **about)


def _twice(entry: Entry, other: Entry) -> Conflict:
    return conflict(entry, "ambiguous-user", reason="twice", candidates=[], other=other.upn)


def in_doubt(context: Context, conflicts: Iterable[Conflict]) -> frozenset[str]:
    """Return the ids of users whom the entries in conflict may mean: nobody knows that they are unlisted."""
    named = set()
    for found in conflicts:
        named |= {found.params.get(key) for key in ("upn", "id", "present_upn", "nearest")}
        named |= {candidate["id"] for candidate in found.params.get("candidates", ())}
    users = (context.by_upn.get(name) or context.by_id.get(name) for name in named if name)
    return frozenset(user.id for user in users if user)


def _absent(context: Context, entry: Entry) -> Meaning | Conflict | None:
    """Decide on an entry that no user has the id or the UPN of."""
    holders = context.by_address.get(entry.upn, ())
    if len(holders) > 1:
        candidates = [{"id": user.id, "name": user.name, "upn": user.upn} for user in holders]
        return conflict(entry, "ambiguous-user", reason="several-addresses", candidates=candidates)
    if holders:
        return conflict(entry, "renamed-user", present_upn=holders[0].upn)
    if not entry.present or leavers.stage(entry.leaver, context.options.today) != "working":
        return None
    deleted = _deleted(context, entry)
    if deleted:
        return deleted
    if entry.name and not entry.id:
        return Missing(entry=entry)
    return conflict(entry, "unknown-user", nearest=context.nearest(entry.upn))


def _deleted(context: Context, entry: Entry) -> Restorable | Conflict | None:
    """Return the soft-deleted user whom the entry means, or why that is not certain; None: nobody.

    Only `restore` chooses freely, under the same UPN; else there must be one candidate, and UPN, name
    and the entry's id must all be that person's.
    """
    namesakes = context.deleted_by_upn.get(entry.upn, ())
    chosen = entry.restore or entry.id
    people = tuple(user for user in context.restorable if user.id == chosen)
    if entry.restore and not people:
        return _ambiguous(entry, "no-such-deleted", namesakes)
    people = people or namesakes
    if not people:
        return None
    doubts = {
        "several": len(people) > 1,
        "other-upn": people[0].upn != entry.upn,
        "other-id": chosen not in (None, people[0].id),
        "other-name": not entry.restore and entry.name != people[0].name,
    }
    doubt = next((reason for reason, there in doubts.items() if there), None)
    return _ambiguous(entry, doubt, people) if doubt else Restorable(entry=entry, user=people[0])


def _ambiguous(entry: Entry, reason: str, deleted: Iterable[DeletedUser]) -> Conflict:
    candidates = [
        {"id": user.id, "name": user.name, "deleted_at": user.deleted_at and user.deleted_at.isoformat()}
        for user in sorted(deleted, key=lambda user: user.id)
    ]
    return conflict(entry, "ambiguous-user", reason=reason, candidates=candidates)


def conflict(entry: Entry, code: str, **params: Any) -> Conflict:
    """Return a conflict about an entry."""
    return Conflict(
        code=code,
        params={"upn": entry.upn, **({"id": entry.id} if entry.id else {}), **params},
        subject=f"users/{entry.upn}",
        file=entry.location.file,
        line=entry.location.line,
    )
