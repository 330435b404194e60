"""How is a change carried out exactly once, and what is said where that is not certain?

Each write is sent once. A lost answer (time-out, reset, 5xx, a batch without the item) is settled by
reading the object again: as wanted, it was done; as before, it was not. Only where the tenant said
that it was too busy (429, a concurrent change) or refused the token, and the object is as before, is it
sent again, within bounds. A change of a group is then waited for (settling.py). Nothing here chooses what
to write.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from reconciler.directory import codes, purchases
from reconciler.directory.exchange import Answer, Lost
from reconciler.directory.observer import LAG_TRIES, UNREAD, Seen
from reconciler.directory.outcome import Outcome, Write
from reconciler.directory.pacing import LONGEST_WAIT
from reconciler.directory.requests import request_for
from reconciler.directory.transport import BATCH_SIZE
from reconciler.directory.wire import UNREADABLE, Id
from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.directory.observer import Look
    from reconciler.directory.settling import Settler
    from reconciler.directory.transport import Transport
    from reconciler.plan import Change

Doubt = Literal["lost", "busy", "renewed", "lagging", "unsent"]

MOST_SENDS = 5  # of one write that the tenant was too busy for
LOOKS = 7  # at an object whose write got no answer, over two minutes: reads lag behind writes by up to one
BLIND_LOOKS = 2  # at one that can't be read: each look has waited long by itself
_ABSENT = object()
_ID = msgspec.json.Decoder(Id)
_CREATES = ("create-user", "restore-user")
_OF_GROUPS: dict[str, tuple[str, ...]] = {
    "set-group-licenses": ("assignments",),
    "add-member": ("member",),
    "remove-member": ("member",),
}
"""What shows whether a change of a group was carried out: the members' licences follow later."""


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """One write on its way: how often it was sent, and what came back last."""

    write: Write
    sends: int = 0
    doubted: bool = False  # an earlier send may have been carried out
    renewed: bool = False  # it goes with another token than at first
    reply: Answer | Lost | None = None
    doubt: Doubt | None = None
    wait: float = 0.0

    @property
    def change(self) -> Change:
        return self.write.change

    @property
    def spent(self) -> bool:
        """Tell whether patience with the tenant ends here."""
        if isinstance(self.reply, Lost) and self.reply.code:
            return True
        most = LAG_TRIES if self.doubt == "lagging" else MOST_SENDS
        return self.sends >= most or self.wait > LONGEST_WAIT


class Writer:
    """Carries writes out over one tenant.

    `fresh` is where it notes the ids whose state the tenant's replicas may not all show yet; `settler`
    waits for the members of groups.
    """

    def __init__(
        self,
        transport: Transport,
        commerce: Transport | None,
        look: Look,
        fresh: set[str],
        settler: Settler,
    ) -> None:
        self._transport = transport
        self._settler = settler
        self._commerce = commerce
        self._look = look
        self._fresh = fresh

    def carry_out(self, writes: Sequence[Write]) -> list[Outcome]:
        """Carry out at most 20 writes and return what became of each, in order."""
        if len(writes) > BATCH_SIZE:
            raise ValueError(f"{len(writes)} writes do not fit into one batch of {BATCH_SIZE}")
        outcomes: dict[str, Outcome] = {}
        pending = [_Attempt(write=write) for write in writes]
        while pending:
            self._send(pending)
            for attempt in pending:
                outcome = self._judge(attempt)
                if outcome is not None:
                    outcomes[attempt.change.address] = outcome
            pending = [attempt for attempt in pending if attempt.change.address not in outcomes]
            if pending:
                outcomes.update(self._settle(pending))
                pending = [attempt for attempt in pending if attempt.change.address not in outcomes]
        for write in writes:
            self._remember(write, outcomes[write.change.address])
        self._wait_for_members(writes, outcomes)
        return [outcomes[write.change.address] for write in writes]

    def _wait_for_members(self, writes: Sequence[Write], outcomes: dict[str, Outcome]) -> None:
        """Wait until the groups that were changed have reached their members; say where they have not."""
        changed = [
            write
            for write in writes
            if write.change.kind in _OF_GROUPS and outcomes[write.change.address].status == "done"
        ]
        for address, end in (self._settler.settle(changed) if changed else {}).items():
            outcomes[address] = replace(
                outcomes[address], status=end.status, code=end.code, params=end.params
            )

    # ------------------------------------------------------------ sending

    def _send(self, attempts: Sequence[_Attempt]) -> None:
        for attempt in attempts:
            attempt.sends += 1
            if attempt.change.buys:
                attempt.reply = self._purchase(attempt.change)
        users = [attempt for attempt in attempts if not attempt.change.buys]
        if users:
            root = self._transport.root
            replies = self._transport.write_batch([request_for(attempt.write, root) for attempt in users])
            for attempt, reply in zip(users, replies, strict=True):
                attempt.reply = reply

    def _purchase(self, change: Change) -> Answer | Lost | None:
        """Send the requests of a purchase one by one, to the first that is not answered well."""
        if self._commerce is None:
            return None
        try:
            requests = purchases.requests_for(change, self._transport, self._commerce)
        except DirectoryError as error:
            # Nothing was sent yet: the look before it failed.
            return Lost(str(error.params.get("client_request_id")), str(error), sent=False)
        reply: Answer | Lost = Answer(status=200, headers={}, content=b"", client_request_id="")
        for request in requests:
            try:
                reply = self._commerce.send(request)
            except Lost as lost:
                return lost
            if not reply.ok:
                break
        return reply

    # ------------------------------------------------------------ judging an answer

    def _judge(self, attempt: _Attempt) -> Outcome | None:
        """Return the outcome that an answer makes certain; None, with `doubt` set, where it does not."""
        reply, change = attempt.reply, attempt.change
        attempt.doubt, attempt.wait = None, 0.0
        if reply is None:
            return Outcome(address=change.address, status="failed", code="not-purchasable")
        if isinstance(reply, Lost):
            attempt.doubt = "lost" if reply.sent else "unsent"
        elif reply.ok:
            user_id = _user_id(attempt.write, reply)
            if user_id is not None or change.kind != "create-user":
                return _outcome(attempt, "done", user_id=user_id)
            attempt.doubt = "lost"  # made, but the answer does not say under which id
        elif reply.status == HTTPStatus.TOO_MANY_REQUESTS or codes.concurrent(reply):
            # Too many requests has been seen on a change that was made (facts: Q&A 5529013).
            attempt.doubt, attempt.wait = "busy", reply.retry_after or 0.0
        elif not attempt.renewed and self._transport.another_token(reply):
            attempt.doubt, attempt.renewed = "renewed", True
        elif not reply.refused:
            attempt.doubt = "lost"
        elif self._lags(attempt, reply):
            attempt.doubt = "lagging"
        elif attempt.doubted:
            attempt.doubt = "lost"  # refused perhaps because the first one was carried out
        else:
            return _outcome(attempt, "failed", code=codes.code_for(change.kind, reply))
        if attempt.doubt in ("lost", "busy"):
            attempt.doubted = True
        return None

    def _lags(self, attempt: _Attempt, reply: Answer) -> bool:
        """Tell whether the tenant does not yet know everywhere what this run wrote a moment ago."""
        if attempt.write.target not in self._fresh:
            return False
        return codes.code_for(attempt.change.kind, reply) in (codes.NOT_THERE, codes.NO_LOCATION)

    # ------------------------------------------------------------ settling doubts

    def _settle(self, attempts: Sequence[_Attempt]) -> dict[str, Outcome]:
        """Settle what can be settled; an attempt without an outcome is to be sent again."""
        outcomes = self._settle_unanswered([each for each in attempts if each.doubt == "lost"])
        for attempt in attempts:
            if attempt.doubt in ("lagging", "unsent") and attempt.spent:
                outcomes[attempt.change.address] = _outcome(attempt, "failed", code=_code(attempt))
        again = [each for each in attempts if each.change.address not in outcomes]
        pause = max(map(self._pause, again), default=0.0)
        if pause:
            self._transport.sleep(pause)
        return outcomes | self._settle_busy([each for each in again if each.doubt in ("busy", "renewed")])

    def _pause(self, attempt: _Attempt) -> float:
        """Return the seconds to wait before a write is looked at or sent again."""
        if attempt.wait > LONGEST_WAIT:
            return 0.0
        slower = 2 if attempt.doubt == "lagging" else 0
        return attempt.wait or self._transport.back_off(attempt.sends - 1 + slower)

    def _settle_unanswered(self, attempts: Sequence[_Attempt]) -> dict[str, Outcome]:
        """Look until the object is as wanted, or it has been looked at often enough."""
        outcomes: dict[str, Outcome] = {}
        waiting = list(attempts)
        for look in range(LOOKS):
            if not waiting:
                break
            if look:
                self._transport.sleep(2.0**look)
            seen = self._seen(waiting)
            for attempt in waiting:
                outcomes[attempt.change.address] = _by_looking(attempt, seen[attempt.change.address])
            blind = look + 1 >= BLIND_LOOKS
            waiting = [
                each
                for each in waiting
                if outcomes[each.change.address].status != "done"
                and not (blind and seen[each.change.address] == UNREAD)
            ]
        return outcomes

    def _settle_busy(self, attempts: Sequence[_Attempt]) -> dict[str, Outcome]:
        """Look once, after the wait that the tenant asked for: what is as before is sent again."""
        outcomes: dict[str, Outcome] = {}
        seen = self._seen(attempts)
        for attempt in attempts:
            outcome = _by_looking(attempt, seen[attempt.change.address])
            if outcome.status == "failed":
                if not attempt.spent:
                    continue
                outcome = _outcome(attempt, "failed", code=_code(attempt))
            outcomes[attempt.change.address] = outcome
        return outcomes

    def _seen(self, attempts: Sequence[_Attempt]) -> Mapping[str, Seen]:
        if not attempts:
            return {}
        ids = {
            each.change.user.upn: each.write.user_id
            for each in attempts
            if each.change.user is not None and each.write.user_id is not None
        }
        try:
            return self._look([_without_members(each.change) for each in attempts], ids)
        except DirectoryError:
            return dict.fromkeys((each.change.address for each in attempts), UNREAD)

    def _remember(self, write: Write, outcome: Outcome) -> None:
        if outcome.status != "done" or outcome.user_id is None:
            return
        if write.change.kind in _CREATES or "usage_location" in write.change.after:
            self._fresh.add(outcome.user_id)


def _without_members(change: Change) -> Change:
    """Return a change whose group is looked at without its members, who may be very many."""
    before = {key: value for key, value in change.before.items() if key != "members"}
    return msgspec.structs.replace(change, before=before)


def _by_looking(attempt: _Attempt, seen: Seen) -> Outcome:
    """Return what the object's present state says about a write whose answer is not certain."""
    change = attempt.change
    changed = _OF_GROUPS.get(change.kind) or [
        key for key in change.after if change.after[key] != change.before.get(key, _ABSENT)
    ]
    if seen.values is not None:
        if _holds(seen.values, change.after, changed):
            user_id = seen.user_id or attempt.write.target
            return _outcome(attempt, "done", user_id=user_id)
        if _holds(seen.values, change.before, changed):
            full = isinstance(attempt.reply, Answer) and codes.code_for(change.kind, attempt.reply)
            code = codes.QUOTA if full == codes.QUOTA else "not-carried-out"
            return _outcome(attempt, "failed", code=code)
    return _outcome(attempt, "unknown", code="unread" if seen == UNREAD else "changed-meanwhile")


def _holds(values: Mapping[str, Any], wanted: Mapping[str, Any], keys: Sequence[str]) -> bool:
    return all(_comparable(values, key) == _comparable(wanted, key) for key in keys)


def _comparable(values: Mapping[str, Any], key: str) -> object:
    """Return a value that compares by content: a list of assignments is a set of them.

    Those that a user inherits are no write's of ours: a group's change may move them meanwhile.
    """
    value = values.get(key, _ABSENT)
    if isinstance(value, list):
        own = [item for item in value if not item.get("assigned_by")]
        return sorted(msgspec.json.encode(item, order="deterministic") for item in own)
    return value


def _code(attempt: _Attempt) -> str:
    """Return why patience with the tenant ended."""
    if not isinstance(attempt.reply, Answer):
        return (attempt.reply.code if attempt.reply else None) or "unreachable"
    if attempt.doubt == "busy" and attempt.reply.status != HTTPStatus.TOO_MANY_REQUESTS:
        return "concurrent-changes"
    return codes.code_for(attempt.change.kind, attempt.reply)


def _user_id(write: Write, answer: Answer) -> str | None:
    if write.change.kind != "create-user":
        return write.target
    try:
        return _ID.decode(answer.content).id.lower()
    except UNREADABLE:
        return None


def _outcome(
    attempt: _Attempt,
    status: Literal["done", "failed", "unknown"],
    *,
    user_id: str | None = None,
    code: str | None = None,
) -> Outcome:
    reply = attempt.reply
    answer = reply if isinstance(reply, Answer) else None
    message, params = None, {}
    if code == codes.UNKNOWN_LICENCE_ERROR and answer and answer.request_id:
        params = {"request_id": answer.request_id}
    if status != "done":
        message = (answer.fault.message or None) if answer else str(reply)
    return Outcome(
        address=attempt.change.address,
        status=status,
        user_id=user_id or attempt.write.target,
        code=code,
        message=message,
        params=params,
        request_id=answer.request_id if answer else None,
        client_request_id=reply.client_request_id if reply else None,
        http_status=answer.status if answer else None,
    )
