"""How do several computers share a journal, a pipeline's runners say?

In a folder of an object storage: the journal in segments, the lock, and the plans of runs that have not
ended whole. An object is only ever made where there is none (if-none-match) or replaced as it was read
(if-match), so that of two writers one is refused, whatever their clocks say. The last segment is replaced by
itself with the new lines behind it, up to a size: an object for each batch of lines would make a journal of
years a hundred thousand requests to read, and one object for all of it every batch as large as that. Who may
read and write there, the environment says, as for every tool of that cloud; no secret is read here.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec

from reconciler import journal_lock
from reconciler.errors import UsageError
from reconciler.journal_lock import Holder
from reconciler.journal_place import FilePlace, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from obstore import UpdateVersion
    from obstore.store import ObjectStore

SCHEMES = ("s3", "az", "gs")
SEGMENT = 256 * 1024  # bytes from which on lines go into a new segment
PATIENCE = timedelta(seconds=60)  # with a storage that does not answer, or says that it is busy
_LOCK = "lock.json"


def place_at(url: str, scheme: str) -> Place:
    """Return the place of a URL; raises UsageError ("journal-url", "journal-extra")."""
    parts = urlsplit(url)
    if scheme == "file" and parts.path.strip("/") and parts.netloc in ("", "localhost"):
        return FilePlace(Path(url2pathname(parts.path)) / "journal.jsonl")
    if scheme not in SCHEMES or not parts.netloc or parts.query or "@" in parts.netloc:
        raise UsageError("journal-url", url=f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")
    try:
        from obstore.exceptions import BaseError  # noqa: PLC0415  an extra: see pyproject.toml
        from obstore.store import from_url  # noqa: PLC0415  the same
    except ImportError as error:
        raise UsageError("journal-extra", url=url) from error
    try:
        store = from_url(url, retry_config={"max_retries": 5, "retry_timeout": PATIENCE})
    except (BaseError, ValueError) as error:
        raise _unreachable(url, error) from error
    return SharedPlace(url.rstrip("/"), store)


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it was read or written; `version` is what it is replaced by."""

    data: bytes
    version: UpdateVersion


@dataclass(frozen=True, slots=True)
class SharedPlace:
    """A folder of an object storage."""

    name: str
    store: ObjectStore = field(repr=False)
    now: Callable[[], datetime] = journal_lock.wall

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of all segments."""
        for segment in self._segments():
            stored = self.get(segment)
            yield from stored.data.splitlines(keepends=True) if stored else ()

    @contextlib.contextmanager
    def open(self, *, breaking: str | None = None) -> Iterator[SharedPen]:
        """Take the lock, and let go of it at the end."""
        pen = SharedPen(self, self._acquired(breaking))
        try:
            segments = self._segments()
            if segments:
                pen.go_on(segments[-1])
            yield pen
        finally:
            with contextlib.suppress(UsageError):  # it is free by itself when its time is over
                pen.let_go()

    def keep(self, run: str, plan: bytes) -> None:
        """Keep a plan."""
        import obstore  # noqa: PLC0415

        with self.told():
            for rows in obstore.list(self.store, "runs"):
                obstore.delete(self.store, [row["path"] for row in rows])
            obstore.put(self.store, f"runs/{run}.plan.json", plan)

    def kept(self, run: str) -> bytes | None:
        """Return a kept plan."""
        stored = self.get(f"runs/{run}.plan.json")
        return stored.data if stored else None

    def forget(self, run: str) -> None:
        """Remove a kept plan."""
        import obstore  # noqa: PLC0415

        with self.told(), contextlib.suppress(FileNotFoundError):
            obstore.delete(self.store, f"runs/{run}.plan.json")

    # ------------------------------------------------------------ objects

    def get(self, path: str) -> Stored | None:
        """Return an object, or None where there is none."""
        import obstore  # noqa: PLC0415

        with self.told():
            try:
                found = obstore.get(self.store, path)
                return Stored(bytes(found.bytes()), _version(found.meta))
            except FileNotFoundError:
                return None

    def put(self, path: str, data: bytes, over: Stored | None) -> Stored | None:
        """Put an object where there is none, or `over` one as it was read; None where that is no longer so.

        A refusal may be that of a second try, the first one's answer having been lost: then what is there is
        what we put.
        """
        import obstore  # noqa: PLC0415
        from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: PLC0415

        with self.told():
            try:
                put = obstore.put(self.store, path, data, mode=over.version if over else "create")
                return Stored(data, _version(put))
            except (AlreadyExistsError, PreconditionError):
                there = self.get(path)
                return there if there and there.data == data else None

    def _segments(self) -> list[str]:
        import obstore  # noqa: PLC0415

        with self.told():
            found = [row["path"] for rows in obstore.list(self.store, "journal") for row in rows]
        return sorted(path for path in found if re.fullmatch(r"journal/\d{8}\.jsonl", path))

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Tell of what goes wrong with the storage as an error of ours."""
        from obstore.exceptions import BaseError  # noqa: PLC0415

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise _unreachable(self.name, error) from error

    # ------------------------------------------------------------ the lock

    def lock(self) -> tuple[Stored | None, Holder | None]:
        """Return the lock, and whom it names."""
        stored = self.get(_LOCK)
        return stored, journal_lock.read(stored.data) if stored else None

    def put_lock(self, holder: Holder, over: Stored | None) -> Stored | None:
        """Put the lock; see `put`."""
        return self.put(_LOCK, msgspec.json.encode(holder), over)

    def _acquired(self, breaking: str | None) -> Holder:
        """Take the lock, or raise RefusedError("locked")."""
        stored, holder = self.lock()
        now = self.now()
        if stored and not (holder and holder.yields(now, breaking)):
            raise journal_lock.refusal(self.name, holder)
        mine = Holder.next(holder, now)
        if self.put_lock(mine, stored) is None:  # another came first
            raise journal_lock.refusal(self.name, self.lock()[1])
        return mine


class SharedPen:
    """A journal in an object storage, open for writing."""

    def __init__(self, place: SharedPlace, holder: Holder) -> None:
        self._place = place
        self._holder = holder
        self._number = 0
        self._last: Stored | None = None

    @property
    def token(self) -> int:
        """Return the fencing token."""
        return self._holder.token

    def go_on(self, segment: str) -> None:
        """Take up the last segment."""
        self._number = int(segment.removeprefix("journal/").removesuffix(".jsonl"))
        self._last = self._place.get(segment)

    def append(self, data: bytes) -> None:
        """Append, as long as the lock is ours and nobody else wrote; raises RefusedError("lock-lost")."""
        self._check()
        number, last = self._number, self._last
        if last is None or len(last.data) >= SEGMENT:
            number, last = number + 1, None
        text = (last.data if last else b"") + data
        stored = self._place.put(f"journal/{number:08}.jsonl", text, last)
        if stored is None:
            raise journal_lock.lost(self._place.name, self._place.lock()[1])
        self._number, self._last = number, stored

    def let_go(self) -> None:
        """Let go of the lock, if it is still ours."""
        stored, holder = self._place.lock()
        if holder and holder.id == self._holder.id:
            self._place.put_lock(msgspec.structs.replace(holder, released=True), stored)

    def _check(self) -> None:
        stored, holder = self._place.lock()
        if holder is None or holder.id != self._holder.id:
            raise journal_lock.lost(self._place.name, holder)
        renewed = holder.renewed(self._place.now())
        if renewed and self._place.put_lock(renewed, stored) is None:
            raise journal_lock.lost(self._place.name, self._place.lock()[1])


def _version(told: Any) -> UpdateVersion:  # noqa: ANN401  of a put or of a get: both tell it
    """Return by what an object is replaced: each cloud tells one of the two, or both."""
    return cast("UpdateVersion", {key: told[key] for key in ("e_tag", "version") if told.get(key)})


def _unreachable(url: str, error: Exception) -> UsageError:
    """Return an error with the library's first sentence, without what a URL in it may be signed with."""
    told = str(error).partition("\n")[0]
    return UsageError("journal-unreachable", path=url, reason=re.sub(r"\?\S*", "?…", told)[:300])
