"""How is a copy of the tenant made, as it is at this moment?

Replicas that are behind are answered from such copies (lag.py). They live in a folder of their own,
which goes with the process.
"""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import tempfile
import weakref
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.sandbox.store import FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication


class Copies:
    """Copies of the tenant in a home; `answer` makes an application of the home of one."""

    def __init__(self, home: Path, answer: Callable[[Path], WSGIApplication]) -> None:
        self._home = home
        self._answer = answer
        self._numbers = itertools.count(1)
        self._folder: Path | None = None

    def make(self) -> WSGIApplication:
        """Return the tenant as it is now."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="reconciler-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        home = self._folder / str(next(self._numbers))
        home.mkdir(mode=0o700)
        with (
            closing(sqlite3.connect(self._home / FILE)) as source,
            closing(sqlite3.connect(home / FILE)) as target,
        ):
            source.backup(target)
        return self._answer(home)
