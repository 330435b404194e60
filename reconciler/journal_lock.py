"""How is it made sure that one process at a time applies in a home folder?

By a lock of the operating system, which lets go of it when its holder ends, however it ends: no lock
file has ever to be removed by hand. Reading a journal takes no lock.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from reconciler.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock; raises RefusedError("locked") where another process does, naming its id."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _take(descriptor):
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            raise RefusedError("locked", path=str(path), process=holder)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":  # pragma: no cover  the suite's gate runs on POSIX
    import msvcrt

    def _take(descriptor: int) -> bool:
        """Lock a byte far behind the text, which stays readable."""
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True
else:
    import fcntl

    def _take(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
