"""Is somebody who is to be created perhaps there already, or about to be created twice?

Goes by the display name, and by one typing error in the UPN. It only asks: people do share names.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.planning.context import Context

ALIKE = 0.9
"""Share of letters in common, from which on two names before the @ are taken for one, mistyped."""

_SHORTEST = 5  # of shorter names, one letter is too much for ALIKE


class Someone(NamedTuple):
    """A person: `coming` tells that the account is yet to be created. Sorted, who is there comes first."""

    coming: bool
    upn: str
    name: str


class Namesake(NamedTuple):
    """Who may be meant by somebody who is to be created, and what the two share: "name" or "upn"."""

    other: Someone
    reason: str


def of(context: Context) -> Mapping[str, Namesake]:
    """Return UPN → whom it may mean, of those who are to be created; one for each, the likeliest."""
    coming = [
        Someone(coming=True, upn=entry.upn, name=entry.name)
        for entry in context.entries
        if entry.present and entry.name and entry.id is None and entry.upn not in context.by_upn
    ]
    names = {_folded(one.name) for one in coming}
    ends = {end for one in coming for end in _ends(one.upn)}
    there = [
        Someone(coming=False, upn=user.upn, name=user.name)
        for user in context.current.users
        if not ends.isdisjoint(_ends(user.upn)) or _folded(user.name) in names
    ]
    everybody = sorted((*there, *coming))
    return {
        **{upn: Namesake(other, "upn") for upn, other in _mistyped(coming, everybody).items()},
        **{upn: Namesake(other, "name") for upn, other in _named_alike(coming, everybody).items()},
    }


def _named_alike(coming: Iterable[Someone], everybody: Iterable[Someone]) -> Mapping[str, Someone]:
    """Return who has the same display name, whatever its case and spaces."""
    names: dict[str, list[Someone]] = {_folded(one.name): [] for one in coming}
    for one in everybody:
        alike = names.get(_folded(one.name))
        if alike is not None and len(alike) <= 1:  # one more than needed: it may be the same person
            alike.append(one)
    return {
        one.upn: other
        for one in coming
        for other in [other for other in names[_folded(one.name)] if other.upn != one.upn][:1]
    }


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _mistyped(coming: Sequence[Someone], everybody: Iterable[Someone]) -> Mapping[str, Someone]:
    """Return whose UPN is one typing error away, in the same domain; numbers are no typing errors.

    Two words with one letter wrong, left out or swapped with the next are the same word when each lacks
    one letter: that finds them among a hundred thousand without comparing all with all.
    """
    lacking: dict[str, list[str]] = {}
    for one in coming:
        for word in _lacking(one.upn):
            lacking.setdefault(word, []).append(one.upn)
    found: dict[str, Someone] = {}
    for other in everybody:
        for word in _lacking(other.upn):
            for upn in lacking.get(word, ()):
                if upn not in found and upn != other.upn and _alike(upn, other.upn):
                    found[upn] = other
    return found


def _ends(upn: str) -> tuple[str, str]:
    """Return how the name before the @ begins and ends: one typing error spares one of the two."""
    at = upn.find("@")
    return upn[:2], upn[max(at - 2, 0) : at + 1]


def _lacking(upn: str) -> Iterator[str]:
    """Yield a UPN, and what it is without each letter before the @; nothing for a short one."""
    size = upn.find("@")
    if size < _SHORTEST - 1:
        return
    yield upn
    for at in range(size):
        yield upn[:at] + upn[at + 1 :]


def _alike(one: str, other: str) -> bool:
    words = one.partition("@")[0], other.partition("@")[0]
    first, second = ("".join(filter(str.isdigit, word)) for word in words)
    return first == second and SequenceMatcher(None, *words, autojunk=False).ratio() >= ALIKE
