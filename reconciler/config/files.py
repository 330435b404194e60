"""Which files are meant, and what bytes do they hold?

Files and folders of the command line, and the tables that files name: inside the folder of the file and
nowhere else, so that a reviewed file can't have others read. Nothing is understood here.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from reconciler import regular
from reconciler.config import text
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUFFIXES = {".yaml", ".yml"}


class NotThere(Exception):
    """A table can't be read: code and params of the problem."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def find(paths: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Yield name and path of each file: those of a folder by name; a file that is named twice, once.

    Raises UsageError where there is nothing to read.
    """
    seen = set()
    for path in paths:
        found = [path]
        if path.is_dir():
            try:
                found = sorted(
                    file for file in path.iterdir() if file.suffix in SUFFIXES and not file.is_dir()
                )
            except OSError as error:
                raise UsageError("config-unreadable", path=path.as_posix(), reason=error.strerror) from error
            if not found:
                raise UsageError("config-folder-empty", path=path.as_posix())
        for file in found:
            identity = os.path.realpath(file)  # resolve raises where links lead to each other, by Python 3.12
            if identity not in seen:
                seen.add(identity)
                yield file.as_posix(), file


def content(path: Path) -> bytes:
    """Return the bytes of a file, no more than needed to see that it is too large; raises UsageError."""
    try:
        return _bytes(path)
    except FileNotFoundError as error:
        raise UsageError("no-config", path=path.as_posix(), default=False) from error
    except OSError as error:
        raise UsageError("config-unreadable", path=path.as_posix(), reason=error.strerror) from error


def table(folder: Path, written: str) -> tuple[Path, bytes]:
    """Return the real path of a table that a file in `folder` names, and its bytes; raises NotThere."""
    where = PurePosixPath(written)
    if where.is_absolute() or PureWindowsPath(written).anchor:
        raise NotThere("table-outside", path=written, reason="absolute")
    if "\\" in written:
        raise NotThere("table-outside", path=written, reason="backslash")
    if ".." in where.parts:
        raise NotThere("table-outside", path=written, reason="up")
    try:
        real = (folder / where).resolve()
        if not real.is_relative_to(folder.resolve()):
            raise NotThere("table-outside", path=written, reason="link")
        if real.is_dir():
            raise NotThere("table-unreadable", path=written, reason="it is not a file")
        return real, _bytes(real)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead to each other, by Python 3.12
        reason = getattr(error, "strerror", None) or "its links lead nowhere"
        raise NotThere("table-unreadable", path=written, reason=reason) from error


def _bytes(path: Path) -> bytes:
    regular.check(path)
    with path.open("rb") as file:
        return file.read(text.MAX_BYTES + 1)
