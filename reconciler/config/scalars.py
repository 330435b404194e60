"""What does an unquoted scalar mean? YAML 1.2's core schema and nothing more.

`NO` is text, `012` is twelve, `0o17` is fifteen, `12:30` and `2026-01-01` are text. This module
knows nothing of files and positions.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

MAX_DIGITS = 18
"""More digits than this are refused: no figure here needs them, and they would not fit 64 bits."""

_CONSTANTS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NUMERIC_START = frozenset("+-.0123456789")


class NumberRefused(Exception):
    """The scalar is a number that can't be held: too many digits, infinite, or not a number."""


def resolve(text: str) -> Scalar:
    """Return the value of the plain scalar `text`; raises NumberRefused."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMERIC_START:
        return text
    for pattern, base in ((_INTEGER, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            if len(text) > MAX_DIGITS:
                raise NumberRefused
            return int(text, base)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise NumberRefused
        return value
    if _NOT_FINITE.fullmatch(text):
        raise NumberRefused
    return text
