"""Where does a journal lie, and how is it written there?

Two kinds of places: a file with a lock beside it, here, and a folder of an object storage that several
computers share (journal_shared.py). Beside the journal lies the plan of a run that has not ended whole. What
the lines say is no business of theirs.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from reconciler import home as homes
from reconciler import journal_lock, regular
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)


class Pen(Protocol):
    """A journal that is open for writing, by this process alone until another takes the lock."""

    @property
    def token(self) -> int:
        """Return the fencing token: it grows with each that opens the journal."""

    def append(self, data: bytes) -> None:
        """Append whole lines and return when they are kept for good.

        Raises RefusedError("lock-lost") where another took the lock, UsageError.
        """


class Place(Protocol):
    """Where a journal lies. `name` is how people know it."""

    @property
    def name(self) -> str:
        """Return its path or URL."""

    def lines(self) -> Iterator[bytes]:
        """Yield the lines, each with its newline; none where there is no journal. Raises UsageError."""

    def open(self, *, breaking: str | None = None) -> AbstractContextManager[Pen]:
        """Lock and open it for writing; see journal_lock. Raises UsageError or RefusedError("locked")."""

    def keep(self, run: str, plan: bytes) -> None:
        """Keep the plan of a run, out of others' sight, instead of any kept before. Raises UsageError."""

    def kept(self, run: str) -> bytes | None:
        """Return the plan that was kept of a run. Raises UsageError."""

    def forget(self, run: str) -> None:
        """Let go of the plan of a run, if one is kept. Raises UsageError."""


def place_of(where: Path | str | Place) -> Place:
    """Return the place that a path or a URL names: `FILE`, a folder, file://, s3://, az:// or gs://.

    Raises UsageError ("journal-url") for another kind of URL.
    """
    if isinstance(where, Path):
        return FilePlace(where)
    if not isinstance(where, str):
        return where
    found = _URL.match(where)
    if found is None:
        path = Path(where).expanduser()
        return FilePlace(path / "journal.jsonl" if path.is_dir() else path)
    from reconciler import journal_shared  # noqa: PLC0415  only who uses it pays for it

    return journal_shared.place_at(where, found[1].lower())


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A file, its lock, and the folder of plans beside it."""

    path: Path

    @property
    def name(self) -> str:
        """Return the path."""
        return str(self.path)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines, one at a time: a journal of years needn't fit into memory."""
        try:
            regular.check(self.path)
            with self.path.open("rb") as file:
                yield from file
        except FileNotFoundError:
            return
        except OSError as error:
            raise UsageError("journal-unreadable", path=self.name, reason=error.strerror) from error

    @contextlib.contextmanager
    def open(self, *, breaking: str | None = None) -> Iterator[FilePen]:
        """Lock and open the file; make it where there is none."""
        with contextlib.ExitStack() as stack:
            with self._told():
                homes.make(self.path.parent)
                with contextlib.suppress(FileNotFoundError):
                    regular.check(self.path)
                lock = stack.enter_context(
                    journal_lock.locked(self.path.with_suffix(".lock"), breaking=breaking)
                )
                descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, homes.FILE_MODE)
                stack.callback(os.close, descriptor)
                _settle_folder(self.path.parent)
            yield FilePen(self, descriptor, lock)

    def keep(self, run: str, plan: bytes) -> None:
        """Keep a plan in a file that only its owner may read."""
        with self._told():
            path = self._plan(run)
            homes.make(path.parent)
            for former in path.parent.glob("*.plan.json"):
                former.unlink()
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, homes.FILE_MODE)
            try:
                _write(descriptor, plan)
            finally:
                os.close(descriptor)
            _settle_folder(path.parent)

    def kept(self, run: str) -> bytes | None:
        """Return a kept plan."""
        try:
            return self._plan(run).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError("unreadable-file", path=str(self._plan(run)), reason=error.strerror) from error

    def forget(self, run: str) -> None:
        """Remove a kept plan."""
        with self._told():
            self._plan(run).unlink(missing_ok=True)

    def _plan(self, run: str) -> Path:
        return self.path.parent / "runs" / f"{run}.plan.json"

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UsageError("journal-unwritable", path=self.name, reason=error.strerror) from error


class FilePen:
    """The file, open for writing. After a failure nothing more is written: what is on the disk is torn."""

    def __init__(self, place: FilePlace, descriptor: int, lock: journal_lock.FileLock) -> None:
        self._place = place
        self._descriptor = descriptor
        self._lock = lock
        self._failed: UsageError | None = None

    @property
    def token(self) -> int:
        """Return the fencing token."""
        return self._lock.holder.token

    def append(self, data: bytes) -> None:
        """Append, and wait until the disk has it."""
        if self._failed:
            raise self._failed
        self._lock.check()
        try:
            _write(self._descriptor, data)
        except OSError as error:
            self._failed = UsageError("journal-unwritable", path=self._place.name, reason=error.strerror)
            raise self._failed from error


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _settle_folder(folder: Path) -> None:
    """Put the name of a new file on the disk too; Windows has no such call and needs none."""
    if sys.platform == "win32":  # pragma: no cover  the suite's gate runs on POSIX
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
