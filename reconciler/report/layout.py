"""How do styled words become lines of a given width?

A page of styled lines, wrapped between words and never inside one: a UPN can be copied whole, and a
line never starts with anything but our own indent. It knows nothing of plans.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rich.cells import cell_len

from reconciler.report.sanitize import clean, encodable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")

_CODE = re.compile(r"`[^`]*`")
_SHORT = 42  # longer pieces of code may be broken between their words

MIN_WIDTH, MAX_WIDTH = 40, 120
"""Narrower than this nothing can be aligned; wider lines are hard to read."""


class Symbols(NamedTuple):
    """The few signs that carry meaning; a terminal without them gets ASCII."""

    add: str = "+"
    change: str = "~"
    remove: str = "\N{MINUS SIGN}"
    swap: str = "\N{PLUS-MINUS SIGN}"
    blocked: str = "\N{MULTIPLICATION SIGN}"
    attention: str = "!"
    arrow: str = "\N{RIGHTWARDS ARROW}"
    more: str = "\N{HORIZONTAL ELLIPSIS}"

    @classmethod
    def of(cls, encoding: str) -> Symbols:
        """Return the symbols that `encoding` can write."""
        nice = cls()
        return nice if encodable("".join(nice), encoding) == "".join(nice) else ASCII


ASCII = Symbols(remove="-", swap="*", blocked="x", arrow="->", more="...")


class Span(NamedTuple):
    """A piece of text in one style (rich's words: "bold red"); plain where style is empty."""

    text: str
    style: str = ""


Line = tuple[Span, ...]


class Page:
    """Lines in the making. All text is cleaned as it comes in."""

    def __init__(self, width: int, symbols: Symbols, *, limit: int | None) -> None:
        self.width = max(MIN_WIDTH, min(width, MAX_WIDTH))
        self.symbols = symbols
        self.limit = limit
        self.lines: list[Line] = []
        self.cut = False  # whether some list was shown in part

    def some(self, items: Sequence[T], least: int = 0) -> Sequence[T]:
        """Return as many items as a list shows, at least `least`; one more is shown rather than counted."""
        if self.limit is None or len(items) <= max(self.limit, least) + 1:
            return items
        self.cut = True
        return items[: max(self.limit, least)]

    def blank(self) -> None:
        """Leave a line empty."""
        self.lines.append(())

    def heading(self, title: str) -> None:
        """Start a section: an empty line, then its title."""
        self.lines += [(), (Span(title, "bold underline"),)]

    def put(self, *spans: Span, indent: int = 2, hang: int | None = None) -> None:
        """Add a paragraph, its first line indented by `indent`, the others by `hang` (default: the same)."""
        self.lines += wrap(spans, self.width, indent, indent if hang is None else hang)

    def row(self, cells: Sequence[tuple[Span, int]], rest: Iterable[Span], indent: int = 2) -> None:
        """Add cells padded to their widths, then `rest`, wrapped below itself."""
        padded = [Span(pad(clean(span.text), width), span.style) for span, width in cells]
        start = indent + sum(width_of(span.text) for span in padded)
        if start > self.width // 2 + indent and start > self.width - 20:  # no room: below, a little indented
            self.lines.append((Span(" " * indent), *padded))
            self.put(*rest, indent=indent + 4)
            return
        first, *others = wrap(list(rest), self.width, start, start)
        self.lines.append((Span(" " * indent), *padded, *first[1:]))
        self.lines += others


def wrap(spans: Iterable[Span], width: int, indent: int, hang: int) -> list[Line]:
    """Return the spans as lines of at most `width` cells, broken between words only.

    The first line is indented by `indent`, the others by `hang`. Several spaces count as one.
    """
    lines: list[Line] = []
    line = [Span(" " * indent)]
    used, gap = indent, False
    for span in spans:
        text = clean(span.text)
        measure = len if text.isascii() else cell_len
        piece = ""  # what of this span stands on the present line
        for number, word in enumerate(_words(text)):
            gap = gap or number > 0
            if not word:
                continue
            length = measure(word)
            started = bool(piece) or len(line) > 1
            if gap and started and used + 1 + length > width:
                lines.append((*line, Span(piece, span.style)) if piece else tuple(line))
                line, piece, used = [Span(" " * hang)], word, hang + length
            elif gap and started:
                piece, used = f"{piece} {word}", used + 1 + length
            else:
                piece, used = piece + word, used + length
            gap = False
        if piece:
            line.append(Span(piece, span.style))
    return [*lines, tuple(line)]


def _words(text: str) -> list[str]:
    """Return what may stand on lines of its own: words, and short `pieces of code` as a whole."""
    if "`" not in text:
        return text.split(" ")
    joined = _CODE.sub(_kept_together, text)
    return [word.replace("\0", " ") for word in joined.split(" ")]


def _kept_together(code: re.Match[str]) -> str:
    return code[0].replace(" ", "\0") if len(code[0]) <= _SHORT else code[0]  # clean text holds no NUL


def width_of(text: str) -> int:
    """Return how many cells a terminal gives to `text`: two for most East Asian characters."""
    return len(text) if text.isascii() else cell_len(text)


def pad(text: str, width: int) -> str:
    """Return `text` filled up to `width` cells; longer text keeps one space behind it."""
    return text + " " * max(1, width - width_of(text))


def shorten(text: str, width: int, more: str) -> str:
    """Return `text` cut to `width` cells, with `more` at the end where it was cut."""
    if width_of(text) <= width:
        return text
    room = width - width_of(more)
    while text and width_of(text) > room:
        text = text[:-1]
    return text + more


def plain(lines: Iterable[Line]) -> str:
    """Return lines without their styles, one a line, with no space at the ends."""
    return "".join("".join(span.text for span in line).rstrip() + "\n" for line in lines)
