"""What is said of a file as such: text, YAML, tables?

One table: each code has its sentence; the others stand in problems.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.file_values import Params, character, choice, first, key, meant, value
from reconciler.report.phrases import count
from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_YAML_ADVICE: Mapping[str, str] = {
    "mapping values are not allowed in this context": "a colon is not expected here; put a text that has a "
    "colon in it in quotes, put a space after the colon of a key, and indent keys of one mapping alike",
    "found character that cannot start any token": "a value can't begin with this character; put it in "
    "quotes (a tab can't indent)",
    "did not find expected key": "a key is expected here; is the indentation right, and each bracket and "
    "quote closed once?",
    "did not find expected '-' indicator": "an item that begins with a dash is expected here; is the "
    "indentation right?",
    "did not find expected ',' or ']'": "a list in brackets is not closed: a comma or `]` is expected here",
    "did not find expected ',' or '}'": "a mapping in braces is not closed: a comma or `}` is expected here",
    "could not find expected ':'": "a key is not followed by a colon; is a quote missing, or a colon?",
    "found unexpected end of stream": "the file ends within a quoted text; a closing quote is missing",
    "block sequence entries are not allowed in this context": "a list can't begin here; put it on a line of "
    "its own",
    "found unknown escape character": "this escape is unknown; write \\\\ for a backslash",
    "did not find expected alphabetic or numeric character": "a value that begins with * or & goes in quotes",
    "found a tab character where an indentation space is expected": "tabs can't indent; use spaces",
    "found a tab character that violates indentation": "tabs can't indent; use spaces",
    "did not find expected <document start>": "nothing more is expected here; is a bracket closed twice?",
}


def _syntax(params: Params) -> str:
    """Return libyaml's complaint in words for people, or its own where it has said something rare."""
    reason = str(params["reason"])
    words = _YAML_ADVICE.get(reason) or clean(reason)
    return f"{words} (it began on line {params['began']})" if "began" in params else words


def _not_utf_8(params: Params) -> str:
    if "encoding" in params:
        return f"the file is written in {params['encoding']}; save it as UTF-8"
    return f"byte 0x{params['byte']:02X} is not UTF-8; save the file as UTF-8"


def _hidden(params: Params) -> str:
    char = params["character"]
    escape = f"\\u{ord(char):04x}" if ord(char) > 0xFF else f"\\x{ord(char):02x}"  # noqa: PLR2004  one byte
    return (
        f"{character(char)} can't be seen, so it must not stand in a reviewed file; "
        f'if it is meant, write "{escape}" in double quotes'
    )


# ---------------------------------------------------------------- tables

_CELLS = {
    "enabled": "true or false, yes or no, 1 or 0",
    "priority": "whole number",
    "licenses": "names of SKUs and bundles, separated by semicolons",
    "bytes": "a size, such as 1288490189 or 1.2 GB (1,288,490,189 bytes)",
    "archive": "the state of an archive (Active, None), its id, or true or false",
    "litigation_hold": "true or false, yes or no, 1 or 0",
    "in_place_holds": (
        "the ids of holds with semicolons between them (`$_.InPlaceHolds -join ';'`), or nothing"
    ),
    "retention_hold": "true or false, yes or no, 1 or 0",
}

_LISTED = {"users_from": "user", "mailboxes_from": "mailbox"}


def _table_outside(params: Params) -> str:
    path = value(params["path"])
    match params["reason"]:
        case "absolute":
            return f"{path} is not read; expected: a path from the folder of this file on, such as hr.csv"
        case "backslash":
            return f"{path} is not read: write / between folders"
        case "up":
            return f"{path} is not read: it leads out of the folder of this file; put the table inside it"
        case _:
            return (
                f"{path} is not read: its link leads out of the folder of this file; "
                "put the table itself inside it"
            )


def _csv(params: Params) -> str:
    reason = str(params["reason"])
    if "unexpected end" in reason:
        return "in this row a quote is opened and not closed"
    if "expected after" in reason:
        return "in this row a text follows a closing quote; write two quotes for one inside a quoted cell"
    if "field limit" in reason:
        return "in this row a cell is longer than 131,072 characters; is a closing quote missing?"
    return f"this row can't be read: {clean(reason)}"


FILES: dict[str, str | Callable[[Params], str]] = {
    # text
    "file-too-large": lambda p: f"the file is larger than {p['limit'] // (1024 * 1024)} MiB",
    "not-utf-8": _not_utf_8,
    "hidden-character": _hidden,
    # YAML
    "yaml-syntax": _syntax,
    "yaml-version": lambda p: f"files are read as YAML 1.2, not {p['version']}; leave the %YAML line out",
    "several-documents": "a second document begins here; a file holds one, and -f takes several files",
    "empty-file": "the file is empty; it needs `version: 1` at least",
    "merge-key": "merge keys (<<) are not supported; use `bundles` for what several users share",
    "alias": lambda p: f"aliases are not supported (*{clean(p['name'])}); use `bundles` for what users share",
    "anchor": lambda p: (
        f"anchors are not supported (&{clean(p['name'])}); use `bundles` for what users share"
    ),
    "tag": lambda p: (
        f"tags are not supported ({clean(p['tag'].replace('tag:yaml.org,2002:', '!!'))}); "
        "quotes make a value text"
    ),
    "empty-key": "a key is missing before the colon",
    "key-not-text": "a key must be text",
    "duplicate-key": lambda p: f"{key(p['key'])} was already given at {p['line']}:{p['column']}",
    "bad-number": lambda p: f"{value(p['value'])} is not a number that can be used; quotes make it text",
    "too-deep": lambda p: f"nested more than {p['limit']} levels deep",
    "too-many-problems": lambda p: f"{p['limit']} problems so far; those that follow are not told",
    # tables
    "table-outside": _table_outside,
    "table-unreadable": lambda p: (
        f"{value(p['path'])} can't be read: {clean(p['reason'])}; "
        "expected: a CSV file in the folder of this file"
    ),
    "table-twice": lambda p: f"{value(p['name'])} is already read by {first(p)}; name each table once",
    "table-empty": lambda p: (
        "the table is empty; expected: a row of column names, and below it one row for each "
        f"{_LISTED[p['named']]}"
    ),
    "table-without-rows": lambda p: (
        f"there are column names, and no {_LISTED[p['named']]} below them: that may be a broken export; "
        f"leave `{p['named']}` out if nobody is meant"
    ),
    "csv-syntax": _csv,
    "unknown-column": lambda p: (
        f"{clean(p['file'])} has no column {value(p['name'])}"
        + (meant(p) or f"; it has {', '.join(map(value, p['known']))}")
    ),
    "near-column": lambda p: (
        f"column {value(p['name'])} is not read, and seems to tell what {value(p['nearest'])} would; "
        "rename it in the export, map it in `columns`, or leave it out"
    ),
    "table-without-facts": lambda p: (
        f"this table names {_LISTED[p['named']]}es and tells nothing of them; expected: a column such as "
        f"{choice(p['usual'])}, or others that `columns` maps"
    ),
    "duplicate-column": lambda p: (
        f"a second column is called {value(p['name'])}; give each column that is read a name of its own"
    ),
    "column-twice": lambda p: (
        f"column {value(p['name'])} is already read as {key(p['first'])}; a column fills one field"
    ),
    "row-length": lambda p: (
        f"this row has {count(p['found'], 'cell')}, and there are {count(p['expected'], 'column')}; "
        "put a cell with a separator or a quote in double quotes, and write empty cells, too"
    ),
    "no-upn": lambda p: (
        f"this row says nothing in {value(p['column'])}; expected: the user's UPN, such as anna@contoso.com"
    ),
    "bad-cell": lambda p: f"{key(p['key'])} is {value(p['value'])}; expected: {_CELLS[p['key']]}",
    "given-twice": lambda p: (
        f"{key(p['name'])} is already given for this user at {first(p)}; leave one of the two out"
    ),
    "absent-in-table": lambda p: (
        f"{value(p['name'])} shall be deleted (`ensure: absent`), but {first(p)} lists the user; "
        "leave one of the two out"
    ),
}
