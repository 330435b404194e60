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
from reconciler import journal_recall
from reconciler.errors import UsageError
from reconciler.journal_lines import (
    Damage,
    Intent,
    Line,
    Member,
    Reading,
    Result,
    Run,
    RunEnd,
    RunStart,
)
from reconciler.journal_lock import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from reconciler.model import Remembered, Removal

__all__ = [
    "Damage",
    "Intent",
    "Journal",
    "Line",
    "Member",
    "Reading",
    "Result",
    "Run",
    "RunEnd",
    "RunStart",
    "group",
    "path_in",
    "read",
    "remembered",
    "removals",
    "runs",
]


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
    """Return the runs that `lines` tell of, in the order in which they started.

    Of two results of a change the later one counts: it was done, and the tenant did not show it.
    """
    starts: dict[str, RunStart] = {}
    intents: dict[str, list[Intent]] = {}
    results: dict[str, dict[str, Result]] = {}
    ends: dict[str, RunEnd] = {}
    for line in lines:
        if isinstance(line, RunStart):
            starts[line.run] = line
        elif isinstance(line, Intent):
            intents.setdefault(line.run, []).append(line)
        elif isinstance(line, Result):
            told = results.setdefault(line.run, {})
            told.pop(line.address, None)
            told[line.address] = line
        else:
            ends[line.run] = line
    return tuple(
        Run(
            id=run,
            start=start,
            intents=tuple(intents.get(run, ())),
            results=tuple(results.get(run, {}).values()),
            end=ends.get(run),
        )
        for run, start in starts.items()
    )


def removals(path: Path, tenant_id: str | None = None) -> tuple[Removal, ...]:
    """Return the licences that runs took from users; see journal_recall.removals."""
    return journal_recall.removals(_scan(path), tenant_id)


def remembered(path: Path, tenant_id: str | None = None) -> tuple[Remembered, ...]:
    """Return what plans of former runs asked to be remembered; see journal_recall.remembered."""
    return journal_recall.remembered(_scan(path), tenant_id)


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
