"""Are these bytes text that a reviewer sees as it is?

UTF-8 only (a byte-order mark is dropped); no control characters; no characters that end a line for
some readers and not for others, or that turn the reading direction: a reviewed file must mean what it
shows. Such characters may still be written as escapes in double quotes.
"""

from __future__ import annotations

import codecs
import re
from typing import Any

from reconciler.model import Location, Problem

MAX_BYTES = 64 * 1024 * 1024
"""The limit of one file; 100,000 users in block style take 18 MB."""

_PLAIN = bytes((*b"\t\n\r", *range(0x20, 0x7F)))
_HIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_BREAK = re.compile("\r\n|\r|\n")


class Refused(Exception):
    """The bytes can't be read: `code` and `params` of the problem, and where it is."""

    def __init__(self, line: int, column: int, code: str, **params: Any) -> None:
        super().__init__(code)
        self.line = line
        self.column = column
        self.code = code
        self.params = params

    def problem(self, file: str) -> Problem:
        """Return this as the problem with a file."""
        location = Location(file=file, line=self.line, column=self.column)
        return Problem(location=location, code=self.code, params=self.params)


def check(data: bytes) -> bytes:
    """Return `data` less its byte-order mark, known to be clean UTF-8; raises Refused."""
    if len(data) > MAX_BYTES:
        raise Refused(1, 1, "file-too-large", limit=MAX_BYTES)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Refused(1, 1, "not-utf-8", encoding="UTF-16")
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.translate(None, _PLAIN):
        return data
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _position(data[: error.start].decode("utf-8"))
        raise Refused(line, column, "not-utf-8", byte=data[error.start]) from error
    hidden = _HIDDEN.search(text)
    if hidden:
        line, column = _position(text[: hidden.start()])
        raise Refused(line, column, "hidden-character", character=hidden[0])
    return data


def _position(before: str) -> tuple[int, int]:
    """Return line and column, from 1, of the character that follows `before`."""
    breaks = list(_BREAK.finditer(before))
    start = breaks[-1].end() if breaks else 0
    return len(breaks) + 1, len(before) - start + 1
