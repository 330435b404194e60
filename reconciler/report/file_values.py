"""How is something of a file shown in a sentence? Made harmless, and short.

For problems.py and file_words.py, which say the sentences. Nothing is looked up here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_SHOWN = 80
"""Characters of a value that are shown; a long one helps nobody to find it."""

Params = dict[str, Any]


def value(given: object) -> str:
    """Return a value of the file as it is shown: text in quotes, constants as YAML spells them."""
    if isinstance(given, str):
        shown = clean(given)
        return f'"{shown[:_MAX_SHOWN]}…"' if len(shown) > _MAX_SHOWN else f'"{shown}"'
    if isinstance(given, list | dict):
        return "a list" if isinstance(given, list) else "a mapping"
    return {True: "true", False: "false"}[given] if isinstance(given, bool) else str(given)


def key(name: object) -> str:
    """Return a key of the file."""
    shown = clean(str(name))
    return f"`{shown[:_MAX_SHOWN]}…`" if len(shown) > _MAX_SHOWN else f"`{shown}`"


def what(params: Params) -> str:
    """Return the place in the document that a problem is about: its key, or which item of a list."""
    path = params["path"]
    if not path:
        return "the file"
    if isinstance(path[-1], int):
        return f"item {path[-1] + 1} of {key(next(step for step in reversed(path) if isinstance(step, str)))}"
    return key(path[-1])


def meant(params: Params) -> str:
    """Return the suggestion, if there is one, as the end of a sentence."""
    nearest = params.get("nearest")
    return f"; did you mean {value(nearest)}?" if nearest is not None else ""


def first(params: Params) -> str:
    """Return where the first of two stands."""
    file = f"{clean(params['file'])}:" if "file" in params else "line "
    return f"{file}{params['line']}" + (f":{params['column']}" if "column" in params else "")


def choice(options: Iterable[Any]) -> str:
    """Return alternatives as a phrase."""
    *most, last = [value(option) if isinstance(option, str) else str(option) for option in options]
    return f"{', '.join(most)} or {last}" if most else last


def character(char: str) -> str:
    """Return a character by code point and name, never as itself: it may look like another."""
    from unicodedata import name  # noqa: PLC0415  for problems only

    return f"U+{ord(char):04X} {name(char, '')}".rstrip()
