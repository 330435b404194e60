"""Has a journal been tampered with, or torn by a kill?

Each line ends with the SHA-256 of the line before, so that a line that was changed, taken out or moved
shows. This is no seal: whoever may write the file can make the whole chain anew. Pure; lines are bytes
without the newline.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

_LINK = re.compile(rb',"prev":"([0-9a-f]{64})"\}$')

Break = Literal["altered", "unlinked"]
"""altered: the line does not follow from the one before. unlinked: it tells of none, and has to."""


class Chain:
    """The chain up to a line. `tail` is what the next line has to tell of the one before it.

    A line that was torn tells of none: it is counted with the sound line before it, a newline between.
    Lines of older journals tell of none either, as long as none before them does.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._linked = False

    @property
    def tail(self) -> str:
        """Return the digest of the last sound line and of what was torn after it, in hexadecimal."""
        return self._hash.hexdigest()

    def link(self, record: bytes) -> bytes:
        """Return a record, a JSON object with members, as the next line of the chain; it becomes the last."""
        line = record[:-1] + b',"prev":"' + self.tail.encode() + b'"}'
        self._follow(line)
        return line

    def take(self, line: bytes, *, sound: bool) -> Break | None:
        """Take the next line that was read, and return what is wrong with its link.

        `sound` tells whether it is a record; one that is not was torn, if it is not linked.
        """
        found = _LINK.search(line)
        if found:
            broken: Break | None = None if found[1].decode() == self.tail else "altered"
            self._follow(line)
            return broken
        if not sound:
            self._hash.update(b"\n" + line)
            return None
        broken = "unlinked" if self._linked else None
        self._hash = hashlib.sha256(line)
        return broken

    def _follow(self, line: bytes) -> None:
        self._hash, self._linked = hashlib.sha256(line), True
