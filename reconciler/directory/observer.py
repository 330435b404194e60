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

from reconciler.directory import graph, memberships, paging, purchases, wire
from reconciler.directory.requests import group_link, user_link
from reconciler.directory.transport import BATCH_SIZE
from reconciler.errors import DirectoryError
from reconciler.plan import assignments_of, fingerprint, observed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from reconciler.directory.exchange import Answer
    from reconciler.directory.transport import Transport
    from reconciler.model import DeletedUser, User
    from reconciler.plan import Change

_USER = msgspec.json.Decoder(wire.User)
_DELETED = msgspec.json.Decoder(wire.DeletedUser)
_GROUP = msgspec.json.Decoder(wire.Group)
_OF_MEMBERS = ("add-member", "remove-member")
LAG_TRIES = 8  # at a user made just now, over about two minutes: replicas follow later


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one object holds now: `values` by the keys of the change, None where it could not be read.

    Where the members of a group are asked for, "upns" tells beside them who they are: id → UPN.
    """

    values: dict[str, Any] | None
    user_id: str | None = None


UNREAD = Seen(values=None)


class Look(Protocol):
    """A way to look at the objects of some changes; `ids`: UPN → id of users of this run."""

    def __call__(self, changes: Sequence[Change], ids: Mapping[str, str], /) -> Mapping[str, Seen]:
        """Return address → what the change's object holds now."""


class Holds(Protocol):
    """A way to tell whether an object (None: it could not be read) is as somebody waits for it."""

    def __call__(self, change: Change, values: Mapping[str, Any] | None, /) -> bool:
        """Return that."""


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

        A user of this run who is not there yet is waited for, within bounds. Raises DirectoryError where
        the tenant does not accept the sign-in.
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

    def watch(
        self,
        changes: Sequence[Change],
        ids: Mapping[str, str],
        holds: Holds,
        *,
        times: int,
        patience: float,
        go_on: Callable[[int], bool],
        spread: Spread = map,
    ) -> dict[str, dict[str, Any]]:
        """Look until each object has been as `holds` wants it `times` times in a row; return those.

        A pause is made only where one is not so yet; all pauses together last `patience` seconds at most.
        """
        found: dict[str, dict[str, Any]] = {}
        streaks = dict.fromkeys((change.address for change in changes), 0)
        waiting, waited, tries = list(changes), 0.0, 0
        while True:
            seen = self._once(waiting, ids, spread)
            for change in waiting:
                values = seen[change.address].values
                streaks[change.address] = streaks[change.address] + 1 if holds(change, values) else 0
                if values is not None and streaks[change.address] >= times:
                    found[change.address] = values
            waiting = [change for change in waiting if change.address not in found]
            if not waiting:
                return found
            if not all(streaks[change.address] for change in waiting):
                pause = min(self._transport.back_off(tries + 1), patience - waited)
                if pause <= 0 or not go_on(len(waiting)):
                    return found
                self._transport.sleep(pause)
                waited, tries = waited + pause, tries + 1

    def _lags(self, change: Change, ids: Mapping[str, str], seen: Seen) -> bool:
        if change.kind not in ("update-user", "set-licenses", "add-member") or change.user is None:
            return False
        return ids.get(change.user.upn) in self._fresh and seen.values == {}

    def _once(self, changes: Sequence[Change], ids: Mapping[str, str], spread: Spread) -> dict[str, Seen]:
        links = {change.address: _links(change, ids) for change in changes}
        wanted = list(dict.fromkeys(link for each in links.values() for link in each))
        parts = [wanted[start : start + BATCH_SIZE] for start in range(0, len(wanted), BATCH_SIZE)]
        answers: dict[str, Answer] = {}
        for part, got in zip(parts, spread(self._ask, parts), strict=True):
            answers.update(zip(part, got, strict=False))
        return {
            change.address: self._seen(change, {link: answers.get(link) for link in links[change.address]})
            for change in changes
        }

    def _seen(self, change: Change, answers: Mapping[str, Answer | None]) -> Seen:
        """Return what the object of one change holds; `answers` by link, in the order of _links."""
        try:
            if change.buys:
                return self._subscription(change)
            if change.kind == "set-group-licenses":
                return self._group(change, *answers.values())
            if change.kind in _OF_MEMBERS:
                return self._member(change, answers)
        except DirectoryError:
            return UNREAD
        return _user(change, list(answers.values()))

    def _group(self, change: Change, answer: Answer | None) -> Seen:
        """Return a group's licences and, where they are expected, its members with what they hold."""
        if answer is not None and answer.status == HTTPStatus.NOT_FOUND:
            return Seen(values={})
        try:
            row = _GROUP.decode(answer.content) if answer and answer.ok else None
        except wire.UNREADABLE:
            row = None
        if row is None or change.group is None:
            return UNREAD
        group = graph.Translator().group(row)
        rows = [{"sku_id": a.sku_id, "disabled_plans": list(a.disabled_plans)} for a in group.assignments]
        values: dict[str, Any] = {"assignments": rows}
        if "members" in change.before:
            found = memberships.with_licences(self._transport, change.group.id)
            values["members"] = {user.id: fingerprint(user.assignments) for user in found}
            values["upns"] = {user.id: user.upn for user in found}
        return Seen(values=values)

    def _member(self, change: Change, answers: Mapping[str, Answer | None]) -> Seen:
        """Return whether a user is in a group, and what the user holds."""
        (_, told), (link, listed) = answers.items()
        user, sure = _state(told, deleted=False)
        if user is None:
            return Seen(values={}) if sure else UNREAD
        groups = paging.rows_of(self._transport, link, listed, memberships.IDS) if listed else None
        if groups is None or change.group is None:
            return UNREAD
        member = change.group.id in {row.id.lower() for row in groups}
        return Seen(values={"member": member, "assignments": assignments_of(user)}, user_id=user.id)

    def _ask(self, links: Sequence[str]) -> list[Answer]:
        try:
            return self._transport.read_batch(links)
        except DirectoryError as error:
            if error.code == "unauthorized":
                raise  # nothing can be read any more, here or elsewhere
            return []

    def _subscription(self, change: Change) -> Seen:
        if self._commerce is None:
            return UNREAD
        return Seen(values=purchases.state_of(change, self._transport, self._commerce))


def _links(change: Change, ids: Mapping[str, str]) -> list[str]:
    """Return where the object may be: with the users, or for a deleted one in the recycle bin."""
    if change.buys:
        return []
    if change.kind == "set-group-licenses":
        return [f"{group_link(change)}?$select=id,assignedLicenses"]
    if change.user is None:
        raise ValueError(f"{change.address} names no user")
    user = user_link(ids.get(change.user.upn) or change.user.id or change.user.upn)
    if change.kind in _OF_MEMBERS:
        # A user's own groups are few; a group's members may be a hundred thousand.
        return [f"{user}?$select={graph.LICENCES_SELECT}", f"{user}/memberOf?$select=id&$top=999"]
    links = [f"{user}?$select={graph.USER_SELECT}"]
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
