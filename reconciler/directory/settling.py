"""When has a change of a group reached its members, and whom does it not reach?

The tenant accepts such a change at once and works it off later, member by member (facts: groups' licences
are assigned asynchronously). Here it is waited for, within a bound: every member shall show what the group
gives now and nothing else from it. A member in error is processed anew once. Nothing else is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from reconciler.directory import graph, memberships, wire
from reconciler.directory.exchange import Answer, Lost, Request
from reconciler.directory.requests import group_link, user_link
from reconciler.directory.transport import BATCH_SIZE
from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.directory.outcome import Write
    from reconciler.directory.transport import Transport
    from reconciler.model import User

PATIENCE = 300.0  # seconds; a group of few members takes a minute or two
TOLD = 20  # members whose errors an outcome names
_USER = msgspec.json.Decoder(wire.User)

Rows = frozenset[tuple[str, tuple[str, ...]]]
"""SKUs and their plans that are off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a group's change ended for its members; `params` name those in error."""

    status: Literal["done", "failed", "unsettled"]
    code: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Case:
    """One change that is waited for: what is wanted of whom, and how far it has come."""

    write: Write
    group_id: str
    wanted: Rows
    waiting: set[str] | None = None  # who has not followed yet; None: nobody could look
    failing: dict[str, tuple[str, str]] = field(default_factory=dict)  # user id → UPN, error
    anew: set[str] = field(default_factory=set)  # whose licences were processed anew

    @property
    def settled(self) -> bool:
        """Tell whether another look can bring nothing new."""
        return self.waiting is not None and not self.waiting and self.failing.keys() <= self.anew

    def look(self, users: Iterable[User] | None) -> None:
        """Take note of what the members hold; None where that could not be read."""
        if users is None:
            self.waiting = self.waiting or None
            return
        self.waiting, self.failing = set(), {}
        for user in users:
            rows = [row for row in user.assignments if row.assigned_by == self.group_id]
            error = next((r.error for r in rows if r.error != "None" or not r.active), None)
            if error is not None:
                self.failing[user.id] = (user.upn, error)
            elif {(row.sku_id, row.disabled_plans) for row in rows} != self.wanted:
                self.waiting.add(user.id)

    def end(self) -> Settled:
        """Return what is to be said once no more looks are taken."""
        params: dict[str, Any] = {}
        if self.failing:
            named = sorted(self.failing.values())
            params["members"] = [{"upn": upn, "error": error} for upn, error in named[:TOLD]]
            params["count"] = len(named)
        if self.waiting is None or self.waiting:
            return Settled(
                status="unsettled",
                code="group-not-settled",
                params={**params, "waiting": None if self.waiting is None else len(self.waiting)},
            )
        if self.failing:
            return Settled(status="failed", code="member-errors", params=params)
        return Settled(status="done")


class Settler:
    """Waits for the members of groups, `patience` seconds of pauses at most."""

    def __init__(self, transport: Transport, patience: float = PATIENCE) -> None:
        self._transport = transport
        self._patience = patience

    def settle(self, writes: Sequence[Write]) -> dict[str, Settled]:
        """Wait for changes of groups that the tenant accepted, together; return address → how each ended."""
        cases = [_case(write) for write in writes]
        waited, tries = 0.0, 0
        self._look(cases)
        while open_ := [case for case in cases if not case.settled]:
            pause = min(self._transport.back_off(tries + 1), self._patience - waited)
            if pause <= 0:
                break
            self._process_anew(open_)
            self._transport.sleep(pause)
            waited, tries = waited + pause, tries + 1
            self._look(open_)
        return {case.write.change.address: case.end() for case in cases}

    # ------------------------------------------------------------ looking

    def _look(self, cases: Sequence[_Case]) -> None:
        single = [case for case in cases if case.write.target is not None]
        for case in cases:
            if case.write.target is None:
                case.look(self._members(case.group_id))
        for start in range(0, len(single), BATCH_SIZE):
            part = single[start : start + BATCH_SIZE]
            for case, user in zip(part, self._users(part), strict=True):
                case.look(user)

    def _members(self, group_id: str) -> list[User] | None:
        try:
            return memberships.with_licences(self._transport, group_id)
        except DirectoryError:
            return None

    def _users(self, cases: Sequence[_Case]) -> list[list[User] | None]:
        links = [f"{user_link(str(c.write.target))}?$select={graph.LICENCES_SELECT}" for c in cases]
        try:
            answers = self._transport.read_batch(links)
        except DirectoryError:
            return [None] * len(cases)
        return [_user(answer) for answer in answers]

    # ------------------------------------------------------------ members in error

    def _process_anew(self, cases: Sequence[_Case]) -> None:
        """Ask the tenant, once for each member in error, to process the licences of its groups anew.

        Freed seats alone make it try no member again (facts: licensing rules, section 5).
        """
        wanted = sorted({user_id for case in cases for user_id in case.failing.keys() - case.anew})
        for start in range(0, len(wanted), BATCH_SIZE):
            part = wanted[start : start + BATCH_SIZE]
            replies = self._transport.write_batch(
                [
                    Request(method="POST", link=f"{user_link(each)}/reprocessLicenseAssignment", body={})
                    for each in part
                ]
            )
            for user_id, reply in zip(part, replies, strict=True):
                if _reached(reply):
                    for case in cases:
                        case.anew.add(user_id)


def _reached(reply: Answer | Lost) -> bool:
    """Tell whether the tenant was reached and not too busy; else it is asked again with the next look."""
    if isinstance(reply, Lost):
        return reply.sent
    return reply.status != HTTPStatus.TOO_MANY_REQUESTS


def _case(write: Write) -> _Case:
    """Return what is to be waited for: what the group gives afterwards, or gives this one user."""
    change = write.change
    group_id = group_link(change).rpartition("/")[2]
    rows = change.after.get("assignments", ())
    wanted = [row for row in rows if row.get("assigned_by", group_id) == group_id]
    return _Case(
        write=write,
        group_id=group_id,
        wanted=frozenset((row["sku_id"], tuple(sorted(row["disabled_plans"]))) for row in wanted),
    )


def _user(answer: Answer) -> list[User] | None:
    try:
        return list(graph.Translator().users([_USER.decode(answer.content)])) if answer.ok else None
    except wire.UNREADABLE:
        return None
