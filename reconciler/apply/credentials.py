"""Where do the passwords of created users go?

Into a file that only its owner may read, or nowhere. They pass through no other hands: no result,
no journal line and no representation of an object holds one.
"""

from __future__ import annotations

import csv
import io
import os
import secrets
import string
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Self

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from reconciler.plan import Plan

LENGTH = 20
SYMBOLS = "!#$%*+-.:=?@_"
CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits, SYMBOLS)


def generate() -> str:
    """Return a random password of 20 characters with all four classes that Entra counts.

    It begins with a letter, so that no spreadsheet takes it for a formula.
    """
    letters = secrets.choice(string.ascii_letters)
    rest = [secrets.choice(kind) for kind in CLASSES]
    rest += [secrets.choice("".join(CLASSES)) for _ in range(LENGTH - 1 - len(rest))]
    secrets.SystemRandom().shuffle(rest)
    return letters + "".join(rest)


class Credentials:
    """A CSV file (upn,password; mode 0600) for the passwords of one run. Use as a context manager.

    It must not exist yet: an older run's passwords are never overwritten. A row is on the disk
    before its user is created, so that no account is made whose password is lost; rows of users who
    were not created are taken out at the end, and the file with the last of them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[str, str] = {}
        self._mutex = threading.Lock()

    def __enter__(self) -> Self:
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise UsageError("credentials-exist", path=str(self.path)) from error
        except OSError as error:
            raise UsageError("credentials-unwritable", path=str(self.path), reason=error.strerror) from error
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
        self._put("upn,password\r\n")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if not self._rows:
            self.path.unlink(missing_ok=True)

    def issue(self, upns: Iterable[str]) -> dict[str, str]:
        """Return a new password for each user, all of them on the disk already."""
        fresh = {upn: generate() for upn in upns}
        if fresh:
            with self._mutex:
                self._rows.update(fresh)
                self._put(_csv(fresh))
        return fresh

    def keep(self, upns: Container[str]) -> None:
        """Take out the rows of everybody who is not in `upns`."""
        with self._mutex:
            kept = {upn: word for upn, word in self._rows.items() if upn in upns}
            if len(kept) < len(self._rows):
                self._rows = kept
                self._file.seek(0)
                self._file.truncate()
                self._put("upn,password\r\n" + _csv(kept))

    def _put(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()
        os.fsync(self._file.fileno())


def passwords(path: Path | None, plan: Plan) -> AbstractContextManager[Credentials | None]:
    """Return where the passwords of the users go whom a plan creates: a file, or nowhere."""
    if path is None or not any(change.kind == "create-user" for change in plan.ready):
        return nullcontext()
    return Credentials(path)


def _csv(rows: dict[str, str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows.items())
    return text.getvalue()
