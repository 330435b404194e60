"""How is it made sure that one apply at a time writes to a journal?

By a lock that tells who holds it, since when and until when, with a fencing token that grows with each
holder. On a file the operating system keeps it, and lets go of it when its holder ends, however it ends. Who
took it from a holder that is still there puts another file in its place: the former holder finds that out
before its next batch of writes, and sends nothing more. Reading a journal takes no lock.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import msgspec

from reconciler.errors import RefusedError
from reconciler.home import FILE_MODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LIFETIME = timedelta(minutes=15)
"""For so long a lock is its holder's alone after the last batch; then others may take it."""


def wall() -> datetime:
    """Return the time of this computer: a lock has nothing to do with the tenant's clock."""
    return datetime.now(UTC)


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a lock. `id` is what `--break-lock` names; `token` grows with each holder."""

    id: str
    host: str
    process: int
    started: datetime
    expires: datetime
    token: int
    released: bool = False

    @classmethod
    def next(cls, last: Holder | None, now: datetime) -> Self:
        """Return this process as the holder after `last`."""
        return cls(
            id=secrets.token_hex(4),
            host=socket.gethostname(),
            process=os.getpid(),
            started=now,
            expires=now + LIFETIME,
            token=last.token + 1 if last else 1,
        )

    def renewed(self, now: datetime) -> Self | None:
        """Return it with more time, where half of it is over; else None."""
        if self.expires - now > LIFETIME / 2:
            return None
        return msgspec.structs.replace(self, expires=now + LIFETIME)

    def yields(self, now: datetime, breaking: str | None) -> bool:
        """Tell whether another may take the lock: it was let go, its time is over, or it is named."""
        return self.released or now > self.expires or breaking == self.id


def read(text: bytes) -> Holder | None:
    """Return who a lock's text names; None where it names nobody (a lock of an older version)."""
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.json.decode(text, type=Holder)
    return None


def refusal(place: str, holder: Holder | None) -> RefusedError:
    """Return what is raised where another holds the lock."""
    return RefusedError("locked", path=place, **_told(holder))


def lost(place: str, holder: Holder | None) -> RefusedError:
    """Return what is raised where another took the lock."""
    return RefusedError("lock-lost", path=place, **_told(holder))


def _told(holder: Holder | None) -> dict[str, Any]:
    if holder is None:
        return {}
    return {
        "holder": holder.id,
        "host": holder.host,
        "process": str(holder.process),
        "since": holder.started.isoformat(timespec="seconds"),
        "until": holder.expires.isoformat(timespec="seconds"),
    }


class FileLock:
    """A lock that this process holds on a file."""

    def __init__(self, path: Path, descriptor: int, holder: Holder, now: Callable[[], datetime]) -> None:
        self._path = path
        self._descriptor = descriptor
        self._now = now
        self.holder = holder

    def check(self) -> None:
        """Make sure that the lock is still ours, and renew it; raises RefusedError("lock-lost")."""
        if not _is_at(self._path, self._descriptor):
            raise lost(str(self._path), read(_text_at(self._path)))
        renewed = self.holder.renewed(self._now())
        if renewed:
            self.holder = renewed
            _put(self._descriptor, renewed)


@contextlib.contextmanager
def locked(
    path: Path, *, breaking: str | None = None, now: Callable[[], datetime] = wall
) -> Iterator[FileLock]:
    """Hold the lock; raises RefusedError("locked") where another process does.

    `breaking` is the id of a holder from whom it is taken although its time is not over.
    """
    descriptor = _acquired(path, breaking, now())
    try:
        lock = FileLock(path, descriptor, Holder.next(read(_text(descriptor)), now()), now)
        _put(descriptor, lock.holder)
        yield lock
    finally:
        os.close(descriptor)


def _acquired(path: Path, breaking: str | None, now: datetime) -> int:
    """Return the open lock file, locked."""
    while True:
        with contextlib.ExitStack() as stack:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
            stack.callback(os.close, descriptor)
            if _take(descriptor):
                if _is_at(path, descriptor):
                    stack.pop_all()
                    return descriptor
                continue  # replaced while we came: the one in its place counts
            text = _text(descriptor)
        holder = read(text)
        if holder is None or not holder.yields(now, breaking):
            raise refusal(str(path), holder)
        _replace(path, text)


def _replace(path: Path, text: bytes) -> None:
    """Put another file in the place of a lock that is held: its holder holds nothing then."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        os.write(descriptor, text)
    finally:
        os.close(descriptor)
    fresh.replace(path)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _text(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, 4096)


def _text_at(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _put(descriptor: int, holder: Holder) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, msgspec.json.encode(holder) + b"\n")


if sys.platform == "win32":  # pragma: no cover  the suite's gate runs on POSIX
    import msvcrt

    def _take(descriptor: int) -> bool:
        """Lock a byte far behind the text, which stays readable."""
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _take(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
