"""How is hostile text made harmless before it reaches a terminal, a CI log or a spreadsheet?

Names in a tenant are chosen by people whom we don't know. This is the one place that neutralises
them: it changes what is shown, never what is compared or written to the tenant, and it must not know
what a text means.
"""

from __future__ import annotations

import re

_HIDDEN = (
    r"\x00-\x1f\x7f-\x9f"  # C0 and C1 controls: escape sequences, line breaks, tab
    r"\xad\u034f\u061c"  # soft hyphen, grapheme joiner, Arabic letter mark
    r"\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"  # prefixes of numbers
    r"\u115f\u1160\u3164\uffa0\u17b4\u17b5\u2800"  # letters that nobody sees
    r"\u180b-\u180f\ufe00-\ufe0d"  # variation selectors, but for the two of emoji
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # zero width, line separators, bidi
    r"\ufff9-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # format controls
    r"\ud800-\udfff\U000e0000-\U000e0fff"  # halves of a pair; tags
)
"""Every character that is never shown as it is (a test holds it against Unicode's own categories)."""

_UNSAFE = re.compile(
    f"[{_HIDDEN}]"
    r"|(?<!\S):(?=:)"  # ::set-env at the start of a line, or of a word that a line could start with
    r"|\#(?=\#\w*\[)"  # ##[command], ##vso[…], ##teamcity[…]: obeyed anywhere in a line
)
_HIDDEN_IN_JSON = re.compile(rf"[{_HIDDEN}]|\#(?=\#\w*\[)")

_FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What makes a spreadsheet read a cell as a formula; full-width forms are folded by some of them."""


def clean(text: str) -> str:
    r"""Return `text` as one harmless line: what can't be seen or would be obeyed is shown as \u{…}.

    Ordinary text of any script stays as it is. Cleaning twice changes nothing more.
    """
    if text.isascii() and text.isprintable() and "::" not in text and "##" not in text:
        return text
    return _UNSAFE.sub(lambda match: f"\\u{{{ord(match[0]):x}}}", text)


def clean_json(document: str) -> str:
    r"""Return the same JSON text with hidden characters inside its strings written as \uXXXX.

    White space between the members is left alone, so `document` may be indented.
    """
    if document.isascii() and "##" not in document and "\x7f" not in document:
        return document
    return _HIDDEN_IN_JSON.sub(_json_escape, document)


def _json_escape(match: re.Match[str]) -> str:
    """Return one character as JSON escapes it; a line break is JSON's own, hence left alone."""
    char = match[0]
    if char == "\n":
        return char
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


def encodable(text: str, encoding: str) -> str:
    r"""Return `text` with every character that `encoding` lacks shown as \u{…}, so that it can be written."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(char if _has(encoding, char) else f"\\u{{{ord(char):x}}}" for char in text)
    except LookupError:
        return encodable(text, "ascii")
    return text


def _has(encoding: str, char: str) -> bool:
    """Tell whether `encoding` can write `char`."""
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def csv_cell(text: str) -> str:
    """Return `text` for a cell of a CSV file: harmless, and never read as a formula."""
    shown = clean(text)
    return f"'{shown}" if _FORMULA.match(text) else shown
