"""What do the objects of some changes hold at this moment?

Re-reads each object, many in one batch, in the shape of plan.observed, so that a change's `before`
and `after` can be compared with it. It judges nothing and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import msgspec

from reconciler.directory import graph, purchases, wire
from reconciler.directory.requests import user_link
from reconciler.directory.transport import BATCH_SIZE
from reconciler.errors import DirectoryError
from reconciler.plan import observed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from reconciler.directory.exchange import Answer
    from reconciler.directory.transport import Transport
    from reconciler.model import DeletedUser, User
    from reconciler.plan import Change

_USER = msgspec.json.Decoder(wire.User)
_DELETED = msgspec.json.Decoder(wire.DeletedUser)
LAG_TRIES = 8  # at a user made just now, over about two minutes: replicas follow later


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one object holds now: `values` by the keys of the change, None where it could not be read."""

    values: dict[str, Any] | None
    user_id: str | None = None


UNREAD = Seen(values=None)


class Look(Protocol):
    """A way to look at the objects of some changes; `ids`: UPN → id of users of this run."""

    def __call__(self, changes: Sequence[Change], ids: Mapping[str, str], /) -> Mapping[str, Seen]:
        """Return address → what the change's object holds now."""


class Spread(Protocol):
    """`map`, over threads or not."""

    def __call__(
        self, ask: Callable[[Sequence[str]], list[Answer]], parts: Iterable[Sequence[str]], /
    ) -> Iterable[list[Answer]]:
        """Return what `ask` answers to each part, in order."""


class Observer:
    """Looks at a tenant's objects. `fresh` are the ids of users whom this run made or restored."""

    def __init__(self, transport: Transport, commerce: Transport | None, fresh: AbstractSet[str]) -> None:
        self._transport = transport
        self._commerce = commerce
        self._fresh = fresh

    def look(
        self, changes: Sequence[Change], ids: Mapping[str, str], spread: Spread = map
    ) -> dict[str, Seen]:
        """Return address → what the change's object holds now.

        A user of this run who is not there yet is waited for, within bounds.
        """
        seen: dict[str, Seen] = {}
        waiting = list(changes)
        for attempt in range(LAG_TRIES):
            seen.update(self._once(waiting, ids, spread))
            waiting = [change for change in waiting if self._lags(change, ids, seen[change.address])]
            if not waiting or attempt + 1 == LAG_TRIES:
                break
            self._transport.sleep(self._transport.back_off(attempt + 2))
        return seen

    def _lags(self, change: Change, ids: Mapping[str, str], seen: Seen) -> bool:
        if change.kind not in ("update-user", "set-licenses") or change.user is None:
            return False
        return ids.get(change.user.upn) in self._fresh and seen.values == {}

    def _once(self, changes: Sequence[Change], ids: Mapping[str, str], spread: Spread) -> dict[str, Seen]:
        links = {change.address: _links(change, ids) for change in changes if not change.buys}
        wanted = list(dict.fromkeys(link for each in links.values() for link in each))
        parts = [wanted[start : start + BATCH_SIZE] for start in range(0, len(wanted), BATCH_SIZE)]
        answers: dict[str, Answer] = {}
        for part, got in zip(parts, spread(self._ask, parts), strict=True):
            answers.update(zip(part, got, strict=False))
        return {
            change.address: self._subscription(change)
            if change.buys
            else _user(change, [answers.get(link) for link in links[change.address]])
            for change in changes
        }

    def _ask(self, links: Sequence[str]) -> list[Answer]:
        try:
            return self._transport.read_batch(links)
        except DirectoryError:
            return []

    def _subscription(self, change: Change) -> Seen:
        if self._commerce is None:
            return UNREAD
        try:
            return Seen(values=purchases.state_of(change, self._transport, self._commerce))
        except DirectoryError:
            return UNREAD


def _links(change: Change, ids: Mapping[str, str]) -> list[str]:
    """Return where the object may be: with the users, or for a deleted one in the recycle bin."""
    if change.user is None:
        raise ValueError(f"{change.address} names no user")
    user = ids.get(change.user.upn) or change.user.id or change.user.upn
    links = [f"{user_link(user)}?$select={graph.USER_SELECT}"]
    if change.kind in ("restore-user", "delete-user") and change.user.id is not None:
        links.append(f"/directory/deletedItems/{quote(change.user.id)}?$select={graph.DELETED_SELECT}")
    return links


def _user(change: Change, answers: Sequence[Answer | None]) -> Seen:
    states = [_state(answer, deleted=bool(index)) for index, answer in enumerate(answers)]
    found = next((state for state, _ in states if state is not None), None)
    if found is None and not all(sure for _, sure in states):
        return UNREAD
    keys = dict.fromkeys((*change.before, *change.after))
    return Seen(values=observed(found, keys), user_id=found.id if found else None)


def _state(answer: Answer | None, *, deleted: bool) -> tuple[User | DeletedUser | None, bool]:
    """Return the user in an answer, and whether the answer is one: "not there" is, an error is not."""
    if answer is None or not (answer.ok or answer.status == HTTPStatus.NOT_FOUND):
        return None, False
    if not answer.ok:
        return None, True
    translator = graph.Translator()
    try:
        if deleted:
            return next(translator.deleted_users([_DELETED.decode(answer.content)])), True
        return next(translator.users([_USER.decode(answer.content)])), True
    except wire.UNREADABLE:
        return None, False
