"""What did each run of apply intend, and what came of it?

One file of JSON lines per home folder: run-start, an intent before each write, a result after it,
run-end. Lines are only ever appended, and an intent is on the disk before its write is sent, so that
a run that was killed at any point leaves an account of what may have happened. This module neither
decides nor words anything, and a password never reaches it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import msgspec

from reconciler import home as homes
from reconciler.errors import UsageError
from reconciler.journal_lock import locked
from reconciler.model import Remembered, Removal
from reconciler.plan import ActorInfo, GroupRef, TenantInfo, Topic, UserRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

FORMAT_VERSION = "1.0"
UNCERTAIN = "unknown"
"""The status of a write that may or may not have happened."""
MEMBER_ERRORS = "member-errors"
"""The code of a group's change that was made, and failed to reach all of its members."""
DISABLED = "disabled"
"""The topic of accounts that shall be deleted and can't sign in."""


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """One line. `time` is the tenant's clock, in UTC, to the second."""

    run: str
    time: datetime


class RunStart(Record, frozen=True, kw_only=True, tag="run-start"):
    """What was about to be carried out, by whom, with which flags. `changes` counts ready ones.

    `memory` is what the plan tells later ones to remember; older journals have none.
    """

    format_version: str = FORMAT_VERSION
    tool_version: str
    plan_digest: str
    desired_digest: str
    tenant: TenantInfo
    actor: ActorInfo
    options: dict[str, Any]
    changes: int
    memory: tuple[Topic, ...] = ()


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of a group's licences gives to a member and takes away: SKU ids, over all sources."""

    id: str
    upn: str
    gains: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()


class Intent(Record, frozen=True, kw_only=True, tag="intent"):
    """A write that is about to be sent; `before` is what the object held a moment ago.

    `members` are those of a group that gain or lose something with its licences.
    """

    address: str
    kind: str
    user: UserRef | None = None
    group: GroupRef | None = None
    members: tuple[Member, ...] = ()
    before: dict[str, Any]
    after: dict[str, Any]


class Result(Record, frozen=True, kw_only=True, tag="result"):
    """What became of a change, written or not. `user_id` is told of created and restored users too."""

    address: str
    kind: str
    status: str
    code: str | None = None
    params: dict[str, Any] = {}
    user_id: str | None = None
    request_id: str | None = None
    client_request_id: str | None = None
    http_status: int | None = None


class RunEnd(Record, frozen=True, kw_only=True, tag="run-end"):
    """The run came to its end by itself, interrupted or not. `counts` is by status."""

    counts: dict[str, int]
    exit_code: int
    interrupted: bool = False


Line = RunStart | Intent | Result | RunEnd


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """A line that is no record: torn by a kill, or not ours. `line` counts from 1."""

    line: int
    reason: str


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """All that the journal holds of one run, in the order of writing."""

    id: str
    start: RunStart
    intents: tuple[Intent, ...] = ()
    results: tuple[Result, ...] = ()
    end: RunEnd | None = None

    @property
    def unsettled(self) -> tuple[Intent, ...]:
        """Return the intents without a result: the run died while they were under way."""
        known = {result.address for result in self.results}
        return tuple(intent for intent in self.intents if intent.address not in known)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A journal as read: every sound line, and every line that is not."""

    lines: tuple[Line, ...] = ()
    damage: tuple[Damage, ...] = ()


def path_in(home: Path) -> Path:
    """Return where the journal of a home folder lies."""
    return home / "journal.jsonl"


def read(path: Path) -> Reading:
    """Read a journal; one that does not exist is empty. Raises UsageError where it can't be opened."""
    lines: list[Line] = []
    damage: list[Damage] = []
    for found in _scan(path):
        if isinstance(found, Damage):
            damage.append(found)
        else:
            lines.append(found)
    return Reading(lines=tuple(lines), damage=tuple(damage))


def _scan(path: Path) -> Iterator[Line | Damage]:
    """Yield what each line holds, one at a time: a journal of years needn't fit into memory."""
    decoder = msgspec.json.Decoder(Line)
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                try:
                    if text.strip():
                        yield decoder.decode(text)
                except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                    yield Damage(line=number, reason=str(error))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError("journal-unreadable", path=str(path), reason=error.strerror) from error


def runs(path: Path) -> tuple[Run, ...]:
    """Return every run of a journal, oldest first; lines of a run whose start is lost are left out."""
    return group(read(path).lines)


def group(lines: Iterable[Line]) -> tuple[Run, ...]:
    """Return the runs that `lines` tell of, in the order in which they started."""
    starts: dict[str, RunStart] = {}
    intents: dict[str, list[Intent]] = {}
    results: dict[str, list[Result]] = {}
    ends: dict[str, RunEnd] = {}
    for line in lines:
        if isinstance(line, RunStart):
            starts[line.run] = line
        elif isinstance(line, Intent):
            intents.setdefault(line.run, []).append(line)
        elif isinstance(line, Result):
            results.setdefault(line.run, []).append(line)
        else:
            ends[line.run] = line
    return tuple(
        Run(
            id=run,
            start=start,
            intents=tuple(intents.get(run, ())),
            results=tuple(results.get(run, ())),
            end=ends.get(run),
        )
        for run, start in starts.items()
    )


def removals(path: Path, tenant_id: str | None = None) -> tuple[Removal, ...]:
    """Return the licences that runs took from users and that no later run gave back.

    Sorted by user and SKU; `tenant_id` leaves other tenants' runs out. A write whose outcome is not
    known counts as done: whoever asks compares with what the user holds now, and a deadline that
    may be real must not be missed.
    """
    taken: Taken = {}
    pending: dict[str, Intent] = {}
    ours = False
    for line in _scan(path):
        if isinstance(line, Intent) and ours:
            pending[line.address] = line
        elif isinstance(line, Result) and line.address in pending:
            _replay(pending.pop(line.address), line, taken)
        elif isinstance(line, RunStart):
            _replay_all(pending, taken)
            ours = tenant_id in (None, line.tenant.id)
    _replay_all(pending, taken)
    return tuple(
        Removal(user_id=user, sku_id=sku, removed_at=moment)
        for (user, sku), (moment, _) in sorted(taken.items())
    )


Taken = dict[tuple[str, str], tuple[datetime, str]]
"""(user id, SKU id) → when it was taken, and by which kind of change."""


def _replay_all(pending: dict[str, Intent], taken: Taken) -> None:
    """Take account of the writes of a run that was killed while they were on their way."""
    for intent in pending.values():
        _replay(intent, None, taken)
    pending.clear()


def _replay(intent: Intent, result: Result | None, taken: Taken) -> None:
    """Bring `taken` forward over one write."""
    user = (result.user_id if result else None) or (intent.user.id if intent.user else None)
    if result and result.status not in ("done", UNCERTAIN) and result.code != MEMBER_ERRORS:
        return
    moment = result.time if result else intent.time
    for member in intent.members:
        taken.update({(member.id, sku): (moment, intent.kind) for sku in member.loses})
        for sku in member.gains:
            taken.pop((member.id, sku), None)
    if user is None:
        return
    held, kept = _skus(intent.before), _skus(intent.after)
    match intent.kind:
        case "restore-user":
            for key in [key for key, (_, by) in taken.items() if key[0] == user and by == "delete-user"]:
                del taken[key]
        case "delete-user":
            taken.update({(user, sku): (moment, intent.kind) for sku in held})
        case "set-licenses" | "add-member" | "remove-member":
            taken.update({(user, sku): (moment, intent.kind) for sku in held - kept})
            for sku in kept - held:
                taken.pop((user, sku), None)


def _skus(state: dict[str, Any]) -> frozenset[str]:
    """Return the SKUs that a change's `before` or `after` holds, from whichever source."""
    held = state.get("assignments")
    if not isinstance(held, list):
        return frozenset()
    return frozenset(str(one["sku_id"]) for one in held if isinstance(one, dict) and "sku_id" in one)


def remembered(path: Path, tenant_id: str | None = None) -> tuple[Remembered, ...]:
    """Return what the plans of all runs, by topic, told later ones to remember, sorted by topic.

    A user is there since the run that first told of the user, or was switched off by a run; `tenant_id`
    leaves other tenants' runs out.
    """
    topics: dict[str, _Memory] = {}
    pending: dict[str, Intent] = {}
    ours = False
    for line in _scan(path):
        if isinstance(line, RunStart):
            ours = tenant_id in (None, line.tenant.id)
            pending.clear()
            for topic in line.memory if ours else ():
                topics.setdefault(topic.topic, _Memory()).take(topic, line.time)
        elif isinstance(line, Intent) and ours and line.kind == "update-user":
            pending[line.address] = line
        elif isinstance(line, Result) and line.status == "done" and line.address in pending:
            enabled = pending.pop(line.address).after.get("enabled")
            if line.user_id and isinstance(enabled, bool):
                topics.setdefault(DISABLED, _Memory()).switched(line.user_id, line.time, on=enabled)
    return tuple(
        Remembered(topic=topic, count=memory.count, since=memory.since, left=memory.left)
        for topic, memory in sorted(topics.items())
    )


class _Memory:
    """What is remembered of one topic so far."""

    def __init__(self) -> None:
        self.count = 0
        self.since: dict[str, datetime] = {}
        self.left: dict[str, datetime] = {}

    def take(self, topic: Topic, moment: datetime) -> None:
        """Bring it forward over what a run told at its start."""
        self.count = topic.count
        for user in topic.joined:
            self.since[user] = moment
            self.left.pop(user, None)
        for user in topic.left:
            self.since.pop(user, None)
            self.left[user] = moment

    def switched(self, user: str, moment: datetime, *, on: bool) -> None:
        """Bring it forward over an account that a run switched on or off."""
        self.since.pop(user, None)
        if not on:
            self.since[user] = moment


class Journal:
    """The journal of one home folder, open for one run and locked against a second one.

    Use as a context manager. `torn` tells that the last run was killed in the middle of a line;
    that line stays as it is and the next record begins on a line of its own. Methods may be called
    from several threads. Raises RefusedError("locked") where another process applies in this home.
    """

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path = path
        self.clock = clock
        self.run = ""
        self.torn = False
        self._mutex = threading.Lock()
        self._encoder = msgspec.json.Encoder()
        self._fd = -1
        self._guard = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            try:
                homes.make(self.path.parent)
                stack.enter_context(locked(self.path.with_suffix(".lock")))
                self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, homes.FILE_MODE)
                stack.callback(os.close, self._fd)
                _settle_folder(self.path.parent)
                size = os.fstat(self._fd).st_size
                self.torn = size > 0 and _last_byte(self._fd, size) != b"\n"
                if self.torn:
                    self._append(b"\n")
            except OSError as error:
                raise UsageError("journal-unwritable", path=str(self.path), reason=error.strerror) from error
            self._guard = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._guard.close()

    def begin(self, **header: Any) -> str:
        """Write the run-start line (its fields by keyword) and return the new run's id."""
        moment = self._now()
        self.run = f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        self.write(RunStart(run=self.run, time=moment, **header))
        return self.run

    def intend(self, intents: Iterable[dict[str, Any]]) -> None:
        """Put the intents of one batch on the disk, with one fsync; only then may it be sent."""
        moment = self._now()
        self.write(*(Intent(run=self.run, time=moment, **intent) for intent in intents))

    def record(self, results: Iterable[dict[str, Any]]) -> None:
        """Put results on the disk."""
        moment = self._now()
        self.write(*(Result(run=self.run, time=moment, **result) for result in results))

    def end(self, *, counts: dict[str, int], exit_code: int, interrupted: bool) -> None:
        """Write the run-end line."""
        self.write(
            RunEnd(
                run=self.run, time=self._now(), counts=counts, exit_code=exit_code, interrupted=interrupted
            )
        )

    def write(self, *lines: Line) -> None:
        """Append lines and wait until the disk has them. Raises UsageError where it does not."""
        data = b"".join(self._encoder.encode(line) + b"\n" for line in lines)
        try:
            with self._mutex:
                self._append(data)
        except OSError as error:
            raise UsageError("journal-unwritable", path=str(self.path), reason=error.strerror) from error

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        os.fsync(self._fd)

    def _now(self) -> datetime:
        return self.clock().astimezone(UTC).replace(microsecond=0)


def _last_byte(descriptor: int, size: int) -> bytes:
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1)


def _settle_folder(folder: Path) -> None:
    """Put the name of a new file on the disk too; Windows has no such call and needs none."""
    if sys.platform == "win32":  # pragma: no cover  the suite's gate runs on POSIX
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
