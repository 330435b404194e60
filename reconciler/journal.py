"""What did each run of apply intend, and what came of it?

One chain of JSON lines per home folder, or in a place that several computers share: run-start, an intent
before each write, a result once the tenant has answered it, verified once the tenant has shown it, run-end.
Lines are only ever appended, and an intent is kept for good before its write is sent, so that a run that was
killed at any point leaves an account of what may have happened. This module neither decides nor words
anything, and a password never reaches it.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import msgspec

from reconciler import journal_deeds, journal_recall
from reconciler.errors import UsageError
from reconciler.journal_chain import Chain
from reconciler.journal_lines import (
    Damage,
    Intent,
    Line,
    Member,
    Reading,
    Result,
    Resumed,
    Run,
    RunEnd,
    RunStart,
    Verified,
)
from reconciler.journal_past import past
from reconciler.journal_place import Pen, Place, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from reconciler.model import Deed, Remembered, Removal

    Where = Path | str | Place
    """A file, a path or URL as typed, or the place that they name."""

__all__ = [
    "Damage",
    "Intent",
    "Journal",
    "Line",
    "Member",
    "Place",
    "Reading",
    "Result",
    "Resumed",
    "Run",
    "RunEnd",
    "RunStart",
    "Verified",
    "deeds",
    "group",
    "past",
    "path_in",
    "place_of",
    "read",
    "remembered",
    "removals",
    "runs",
    "unread",
]


def path_in(home: Path) -> Path:
    """Return where the journal of a home folder lies."""
    return home / "journal.jsonl"


def read(where: Where) -> Reading:
    """Read all of a journal that can be read, and where its chain is broken; to show it, not to rely on it.

    One that does not exist is empty. Raises UsageError where it can't be opened.
    """
    lines: list[Line] = []
    damage: list[Damage] = []
    for found in _Scan(place_of(where)):
        if isinstance(found, Damage):
            damage.append(found)
        else:
            lines.append(found)
    return Reading(lines=tuple(lines), damage=tuple(damage))


def unread(where: Where) -> Damage | None:
    """Return the first line of a journal in which not one can be read; None where one can, or it is empty."""
    first = None
    for found in _Scan(place_of(where)):
        if not isinstance(found, Damage):
            return None
        first = first or found
    return first


class _Scan:
    """One reading of a journal; afterwards `chain` ends with its last line, and `torn` tells of that one."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.chain = Chain()
        self.torn = False

    def __iter__(self) -> Iterator[Line | Damage]:
        """Yield what each line holds, one at a time: a journal of years needn't fit into memory."""
        decoder = msgspec.json.Decoder(Line)
        for number, text in enumerate(self.place.lines(), start=1):
            found: Line | Damage | None = None
            line = text.removesuffix(b"\n")
            self.torn = line == text
            try:
                if line.strip():
                    found = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                found = Damage(line=number, reason=str(error))
            broken = self.chain.take(line, sound=not isinstance(found, Damage | None))
            if broken:
                yield Damage(line=number, reason=broken, broken=True)
            if found:
                yield found

    def relied(self) -> Iterator[Line | Damage]:
        """Yield the same; raises UsageError("journal-broken") where the chain is."""
        for found in self:
            if isinstance(found, Damage) and found.broken:
                raise UsageError("journal-broken", path=self.place.name, line=found.line, reason=found.reason)
            yield found


def runs(where: Where) -> tuple[Run, ...]:
    """Return every run of a journal, oldest first; lines of a run whose start is lost are left out.

    Raises UsageError ("journal-broken") where it can't be relied on.
    """
    return group(line for line in _Scan(place_of(where)).relied() if not isinstance(line, Damage))


class _Told:
    """What was read of one run so far."""

    def __init__(self, start: RunStart) -> None:
        self.start = start
        self.intents: dict[str, Intent] = {}
        self.results: dict[str, Result] = {}
        self.verified: set[str] = set()
        self.resumed: list[datetime] = []
        self.end: RunEnd | None = None

    def take(self, line: Line) -> None:
        """Bring it forward over a line; the last that is said of a change counts."""
        match line:
            case Intent():
                self.results.pop(line.address, None)
                self.intents.pop(line.address, None)
                self.intents[line.address] = line
            case Result():
                self.results.pop(line.address, None)
                self.results[line.address] = line
            case Verified():
                self.verified.update(line.addresses)
            case Resumed():
                self.resumed.append(line.time)
                self.end = None
            case RunEnd():
                self.end = line
            case _:
                self.start = line

    def run(self) -> Run:
        return Run(
            id=self.start.run,
            start=self.start,
            intents=tuple(self.intents.values()),
            results=tuple(self.results.values()),
            verified=frozenset(self.verified),
            resumed=tuple(self.resumed),
            end=self.end,
        )


def group(lines: Iterable[Line]) -> tuple[Run, ...]:
    """Return the runs that `lines` tell of, in the order in which they started.

    Of two results of a change the later one counts: it was done, and the tenant did not show it.
    """
    told: dict[str, _Told] = {}
    for line in lines:
        if isinstance(line, RunStart):
            told.setdefault(line.run, _Told(line))
        if line.run in told:
            told[line.run].take(line)
    return tuple(one.run() for one in told.values())


def removals(where: Where, tenant_id: str | None = None) -> tuple[Removal, ...]:
    """Return the licences that runs took from users; see journal_recall.removals."""
    return journal_recall.removals(_Scan(place_of(where)).relied(), tenant_id)


def remembered(where: Where, tenant_id: str | None = None) -> tuple[Remembered, ...]:
    """Return what plans of former runs asked to be remembered; see journal_recall.remembered."""
    return journal_recall.remembered(_Scan(place_of(where)).relied(), tenant_id)


def deeds(where: Where, tenant_id: str | None = None) -> tuple[Deed, ...]:
    """Return what runs took away, deleted and bought; see journal_deeds.deeds."""
    return journal_deeds.deeds(_Scan(place_of(where)).relied(), tenant_id)


class Journal:
    """A journal, open for one run and locked against a second one.

    Use as a context manager. `torn` tells that the last run was killed in the middle of a line;
    that line stays as it is and the next record begins on a line of its own. Methods may be called
    from several threads. Raises RefusedError("locked") where another process applies, but not where
    `breaking` is that one's id; UsageError("journal-broken") where the chain is.
    """

    def __init__(
        self,
        where: Where,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        breaking: str | None = None,
    ) -> None:
        self.place = place_of(where)
        self.clock = clock
        self.run = ""
        self.torn = False
        self._breaking = breaking
        self._mutex = threading.Lock()
        self._encoder = msgspec.json.Encoder()
        self._chain = Chain()
        self._pen: Pen
        self._guard = contextlib.ExitStack()

    @property
    def path(self) -> str:
        """Return the path or URL, as people know it."""
        return self.place.name

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._pen = stack.enter_context(self.place.open(breaking=self._breaking))
            scan = _Scan(self.place)
            deque(scan.relied(), maxlen=0)
            self._chain, self.torn = scan.chain, scan.torn
            if self.torn:
                self._append(b"\n")
            self._guard = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._guard.close()

    def begin(self, plan: str | None = None, **header: Any) -> str:
        """Write the run-start line (its fields by keyword) and return the new run's id.

        The document of its plan is kept beside the journal, in the place of that of an earlier run: who
        resumes the run needs it.
        """
        moment = self._now()
        self.run = f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        if plan is not None:
            self.place.keep(self.run, plan.encode())
        self.write(RunStart(run=self.run, time=moment, fencing_token=self._pen.token, **header))
        return self.run

    def resume(self, run: str, **header: Any) -> None:
        """Write that a run goes on (the fields of Resumed by keyword)."""
        self.run = run
        self.write(Resumed(run=run, time=self._now(), fencing_token=self._pen.token, **header))

    def intend(self, intents: Iterable[dict[str, Any]]) -> None:
        """Put the intents of one batch on the disk, with one fsync; only then may it be sent.

        Raises RefusedError("lock-lost") where another took the lock: then it must not be sent.
        """
        moment = self._now()
        self.write(*(Intent(run=self.run, time=moment, **intent) for intent in intents))

    def record(self, results: Iterable[dict[str, Any]]) -> None:
        """Put results on the disk."""
        moment = self._now()
        self.write(*(Result(run=self.run, time=moment, **result) for result in results))

    def verify(self, addresses: Iterable[str]) -> None:
        """Put on the disk what the tenant has shown; nothing where that is nothing."""
        shown = tuple(addresses)
        if shown:
            self.write(Verified(run=self.run, time=self._now(), addresses=shown))

    def end(self, *, counts: dict[str, int], exit_code: int, interrupted: bool) -> None:
        """Write the run-end line."""
        self.write(
            RunEnd(
                run=self.run, time=self._now(), counts=counts, exit_code=exit_code, interrupted=interrupted
            )
        )

    def write(self, *lines: Line) -> None:
        """Append lines and wait until they are kept for good. Raises UsageError where they are not."""
        with self._mutex:
            self._append(b"".join(self._chain.link(self._encoder.encode(line)) + b"\n" for line in lines))

    def _append(self, data: bytes) -> None:
        self._pen.append(data)

    def _now(self) -> datetime:
        return self.clock().astimezone(UTC).replace(microsecond=0)
