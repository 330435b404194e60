"""Where does the tenant live, and how do sixteen threads share it?

One SQLite file in the home folder, in WAL mode: readers see one consistent state and never wait,
writers take turns (BEGIN IMMEDIATE). Each thread has a connection of its own. What the rows mean is
none of this module's business.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler import home as homes
from reconciler.errors import UsageError
from reconciler.sandbox import clock, schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

FILE = "sandbox.db"
BUSY_SECONDS = 30.0
CACHE_KIB = 64 * 1024

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_CODES = {
    **dict.fromkeys(_DAMAGED, "bad-sandbox"),
    **dict.fromkeys((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED), "sandbox-busy"),
    **dict.fromkeys(
        (
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_FULL,
            sqlite3.SQLITE_IOERR,
            sqlite3.SQLITE_PERM,
            sqlite3.SQLITE_READONLY,
        ),
        "sandbox-unwritable",
    ),
}
"""SQLite's primary result code → the code of our error; any other is a fault of this program."""


class Connection(sqlite3.Connection):
    """A connection that closes with the thread, or the store, that owned it."""

    def __del__(self) -> None:
        self.close()


class Store:
    """The tenant's file. `clock` is real time; `now` adds what `advance` did."""

    def __init__(self, home: Path, clock: clock.Clock) -> None:
        self.path = home / FILE
        self._clock = clock
        self._local = threading.local()
        self._writer = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that sees one consistent state throughout."""
        with _translated(self.path), _transaction(self._connection(), "BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection whose changes all come to stand, or none where anything is raised."""
        # The lock spares this process's own threads SQLite's wait by polling.
        with (
            _translated(self.path),
            self._writer,
            _transaction(self._connection(), "BEGIN IMMEDIATE") as connection,
        ):
            yield connection

    def ready(self) -> bool:
        """Tell whether the file holds a tenant.

        Raises UsageError("bad-sandbox") for a file that this version can't read.
        """
        if not self.path.is_file():
            return False
        with self.reading() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == schema.VERSION:
                db.execute("SELECT value FROM tenant").fetchall()  # damage behind the head shows here
        if version not in (0, schema.VERSION):
            what = "another version of this program made it"
            raise UsageError("bad-sandbox", file=str(self.path), what=what)
        return bool(version)

    def clear_way(self) -> None:
        """Throw the file away where it is no tenant of this version, so that a new one can be made."""
        if not self.path.is_file():
            return
        with _translated(self.path), closing(sqlite3.connect(self.path)) as db:
            try:
                (version,) = db.execute("PRAGMA user_version").fetchone()
            except sqlite3.DatabaseError as error:
                if _primary(error) not in _DAMAGED:
                    raise
                version = None
        if version not in (0, schema.VERSION):
            self.discard()

    def discard(self) -> None:
        """Throw the file away, and what SQLite keeps beside it."""
        self._local = threading.local()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(FILE + suffix).unlink(missing_ok=True)

    def now(self, db: sqlite3.Connection) -> datetime:
        """Return the tenant's time in UTC."""
        row = db.execute("SELECT value FROM tenant WHERE key = 'offset'").fetchone()
        return self._clock() + timedelta(seconds=int(row[0]) if row else 0)

    def empty(self, db: sqlite3.Connection) -> None:
        """Throw away every table and lay them out anew, without indexes, inside the caller's transaction."""
        for table in schema.TABLES:
            db.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in schema.LAYOUT:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {schema.VERSION}")

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = _open(self.path)
        return found


def _open(path: Path) -> sqlite3.Connection:
    homes.make(path.parent)
    homes.make_file(path)  # SQLite makes its other files alike
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=Connection
    )
    connection.row_factory = sqlite3.Row
    # SQLite's own lower() knows ASCII only.
    connection.create_function("fold", 1, _fold, deterministic=True)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection


def _fold(text: str | None) -> str | None:
    return text if text is None else text.lower()


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[sqlite3.Connection]:
    connection.execute(begin)
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends some by itself, on a full disk for one
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn a file that can't be used, damaged, locked or not writable, into an error for people."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = _CODES.get(_primary(error))
        if code is None:
            raise
        raise UsageError(code, file=str(path), what=str(error)) from error
    except OSError as error:
        raise UsageError("sandbox-unwritable", file=str(path), what=error.strerror or str(error)) from error


def _primary(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code; errors of Python's own module have none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
