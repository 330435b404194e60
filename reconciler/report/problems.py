"""How is a problem of the desired state told? Code and params → `file:line:column: code: message`.

One table: each code has its sentence. It says what was found, what was expected and what may have been
meant; nothing is looked up here. Everything that comes from a file is made harmless first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.report.phrases import count
from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reconciler.model import Problem

_MAX_SHOWN = 80
"""Characters of a value that are shown; a long one helps nobody to find it."""

_ONLY_A_WARNING = " (a warning: `plan` asks the tenant, and decides)"

_MAX_NAMES = 12
"""Names of a cycle that are shown."""

Params = dict[str, Any]


def lines(problems: Iterable[Problem]) -> list[str]:
    """Return one line for each problem, in the order given."""
    return [line(problem) for problem in problems]


def line(problem: Problem) -> str:
    """Return a problem as editors and people read it: place, code, sentence."""
    place = problem.location
    return f"{clean(place.file)}:{place.line}:{place.column}: {problem.code}: {message(problem)}"


def message(problem: Problem) -> str:
    """Return the sentence alone, which says so where it is a warning."""
    return _sentence(problem) + (_ONLY_A_WARNING if problem.severity == "warning" else "")


def as_data(problem: Problem) -> dict[str, Any]:
    """Return a problem for programs; the keys are those of its printed line."""
    return {
        "file": problem.location.file,
        "line": problem.location.line,
        "column": problem.location.column,
        "severity": problem.severity,
        "code": problem.code,
        "params": problem.params,
        "message": message(problem),
    }


def tally(problems: Sequence[Problem]) -> str:
    """Return how many there are: "6 problems, 1 warning"."""
    warnings = sum(problem.severity == "warning" for problem in problems)
    errors = len(problems) - warnings
    return ", ".join(
        [
            *([count(errors, "problem")] if errors else []),
            *([count(warnings, "warning")] if warnings else []),
        ]
    )


def _sentence(problem: Problem) -> str:
    """Return what is wrong. A code that is not in the table is told with its params."""
    sentence = _SENTENCES.get(problem.code)
    if sentence is None:
        return ", ".join(f"{clean(key)}: {_value(value)}" for key, value in problem.params.items())
    return sentence if isinstance(sentence, str) else sentence(problem.params)


def _value(value: object) -> str:
    """Return a value of the file as it is shown: text in quotes, constants as YAML spells them."""
    if isinstance(value, str):
        shown = clean(value)
        return f'"{shown[:_MAX_SHOWN]}…"' if len(shown) > _MAX_SHOWN else f'"{shown}"'
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _key(key: object) -> str:
    """Return a key of the file."""
    shown = clean(str(key))
    return f"`{shown[:_MAX_SHOWN]}…`" if len(shown) > _MAX_SHOWN else f"`{shown}`"


def _what(params: Params) -> str:
    """Return the place in the document that a problem is about: its key, or which item of a list."""
    path = params["path"]
    if not path:
        return "the file"
    if isinstance(path[-1], int):
        return (
            f"item {path[-1] + 1} of {_key(next(step for step in reversed(path) if isinstance(step, str)))}"
        )
    return _key(path[-1])


def _meant(params: Params) -> str:
    """Return the suggestion, if there is one, as the end of a sentence."""
    nearest = params.get("nearest")
    return f"; did you mean {_value(nearest)}?" if nearest is not None else ""


def _first(params: Params) -> str:
    """Return where the first of two stands."""
    file = f"{clean(params['file'])}:" if "file" in params else "line "
    return f"{file}{params['line']}" + (f":{params['column']}" if "column" in params else "")


def _choice(options: Iterable[Any]) -> str:
    """Return alternatives as a phrase."""
    *most, last = [_value(option) if isinstance(option, str) else str(option) for option in options]
    return f"{', '.join(most)} or {last}" if most else last


def _character(char: str) -> str:
    """Return a character by code point and name, never as itself: it may look like another."""
    from unicodedata import name  # noqa: PLC0415  for problems only

    return f"U+{ord(char):04X} {name(char, '')}".rstrip()


# ---------------------------------------------------------------- text and YAML

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
        f"{_character(char)} can't be seen, so it must not stand in a reviewed file; "
        f'if it is meant, write "{escape}" in double quotes'
    )


# ---------------------------------------------------------------- shape


def _unknown_key(params: Params) -> str:
    key = _key(params["key"])
    if params.get("nearest") is not None:
        return f"{key} is not a key here; did you mean {_key(params['nearest'])}?"
    return f"{key} is not a key here; known are {', '.join(params['known'])}"


def _null(params: Params) -> str:
    return f"{_what(params)} has no value (null); expected: {params['expected']}; or leave the key out"


def _wrong_type(params: Params) -> str:
    said = "in quotes" in params["expected"]
    quote = "; put it in quotes if it is meant as text" if params["quote"] and not said else ""
    return f"{_what(params)} is {params['found']}; expected: {params['expected']}{quote}"


def _bad_value(params: Params) -> str:
    found = f"{_what(params)} is {_value(params['value'])}; expected: "
    return found + (
        f"{_choice(params['options'])}{_meant(params)}" if "options" in params else params["expected"]
    )


def _country(params: Params) -> str:
    found = f"{_value(params['value'])} is not a country code (ISO 3166, two capital letters)"
    return found + (
        f"; did you mean {_value(params['nearest'])} ({params['name']})?" if params["nearest"] else ""
    )


def _empty_list(params: Params) -> str:
    none = ", or write {replace: []} for none" if params.get("none") else ""
    return f"{_what(params)} is an empty list, which says nothing here; leave it out{none}"


def _empty_mapping(params: Params) -> str:
    keys = ", ".join(map(_key, params["keys"]))
    everybody = "; for everybody write {user_type: Member}" if "user_type" in params["keys"] else ""
    return f"{_what(params)} is an empty mapping; expected: at least one of {keys}{everybody}"


def _date(params: Params) -> str:
    last = f"; the last day of that month is the {params['last']}th" if params["last"] else ""
    last = last.replace("31th", "31st")
    return f"{_what(params)} is {_value(params['value'])}, which is not a day of the calendar{last}"


def _range(params: Params) -> str:
    limit = f"at least {params['minimum']}" if "minimum" in params else f"at most {params['maximum']}"
    return f"{_what(params)} is {_value(params['value'])}; it must be {limit}"


# ---------------------------------------------------------------- meaning


def _upn(params: Params) -> str:
    upn = _value(params["upn"])
    match params["reason"]:
        case "character":
            return f"{upn} is not a user principal name: {_character(params['character'])} can't stand in one"
        case "long":
            return (
                f"{upn} is too long for a user principal name: "
                f"{params['local']} characters before the @ and {params['domain']} after it"
            )
        case "dot":
            return f"{upn} is not a user principal name: a dot can't stand before the @"
        case "domain":
            return f"{upn} is not a user principal name: what follows the @ is not a domain"
        case _:
            return f"{upn} is not a user principal name; expected: name@domain"


_CELLS = {
    "enabled": "true or false, yes or no, 1 or 0",
    "priority": "whole number",
    "licenses": "names of SKUs and bundles, separated by semicolons",
}


def _table_outside(params: Params) -> str:
    path = _value(params["path"])
    match params["reason"]:
        case "absolute":
            return f"{path} is not read: expected: a path from the folder of this file on, such as hr.csv"
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


def _deleted_with_licences(params: Params) -> str:
    keep = f"`keep_licenses: {params['keep']}`" + ("" if params["said"] else " (the default)")
    return (
        f"`delete_after` is {params['delete']}, but licences are kept for longer: {keep}; "
        "make one of them fit the other"
    )


def _not_a_bundle(params: Params) -> str:
    name = _value(params["name"])
    if params["sku"]:
        return f"{name} is a SKU, and a bundle is expected here; write {{sku: {clean(params['name'])}}}"
    return f"{name} is not a bundle of these files{_meant(params)}"


def _cycle(params: Params) -> str:
    names = [clean(name) for name in params["cycle"]]
    if len(names) > _MAX_NAMES:
        names[_MAX_NAMES - 2 : -1] = ["…"]
    return f"bundles name each other in a cycle: {' → '.join(names)}"


def _unknown_sku(params: Params) -> str:
    name = _value(params["name"])
    found = f"{name} is not a SKU of {'the catalogue' if params['offline'] else 'this tenant'}"
    if params["nearest"] is None:
        return f"{found}, though your tenant may have it" if params["offline"] else found
    product = f" ({clean(params['nearest_name'])})" if params["nearest_name"] else ""
    return f"{found}; did you mean {_value(params['nearest'])}{product}?"


def _sku(params: Params) -> str:
    """Return a SKU by part number and product name."""
    part_number, name = clean(params["sku"]), clean(params["sku_name"])
    return part_number if name == part_number else f"{part_number} ({name})"


_SENTENCES: dict[str, str | Callable[[Params], str]] = {
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
    "duplicate-key": lambda p: f"{_key(p['key'])} was already given at {p['line']}:{p['column']}",
    "bad-number": lambda p: f"{_value(p['value'])} is not a number that can be used; quotes make it text",
    "too-deep": lambda p: f"nested more than {p['limit']} levels deep",
    "too-many-problems": lambda p: f"{p['limit']} problems so far; those that follow are not told",
    # shape
    "unknown-key": _unknown_key,
    "missing-key": lambda p: (
        f"{_what(p)} lacks {' or '.join(_key(key) for key in p.get('any') or [p['key']])}"
    ),
    "null-value": _null,
    "wrong-type": _wrong_type,
    "unknown-country": _country,
    "bad-value": _bad_value,
    "empty-list": _empty_list,
    "too-few": lambda p: (
        f"{_what(p)} has {count(p['count'], 'item')}; expected: at least {p['minimum']}"
        + ("; a single SKU is named by itself" if p["path"][-1] == "one_of" else "")
    ),
    "empty-mapping": _empty_mapping,
    "bad-date": _date,
    "empty-text": lambda p: f"{_what(p)} is an empty text",
    "too-long": lambda p: f"{_what(p)} has {p['length']} characters; the limit is {p['limit']}",
    "out-of-range": _range,
    "one-key": lambda p: f"{_what(p)} takes exactly one of {_choice(p['keys'])}",
    # several files
    "duplicate-section": lambda p: (
        f"{_key(p['name'])} may stand in one file only; it was given at {_first(p)}"
    ),
    "duplicate-user": lambda p: f"user {_value(p['name'])} was already declared at {_first(p)}",
    "duplicate-bundle": lambda p: f"bundle {_value(p['name'])} was already declared at {_first(p)}",
    "duplicate-subscription": lambda p: f"SKU {_value(p['name'])} was already declared at {_first(p)}",
    "duplicate-group": lambda p: f"group {_value(p['name'])} was already declared at {_first(p)}",
    "duplicate-rule": lambda p: (
        f"rule {_value(p['name'])} was already declared at {_first(p)}; give one of them another name"
    ),
    "scoped-section": lambda p: (
        f"{_key(p['key'])} is for the whole tenant, and this file has a `scope`; "
        "move it to a file without one"
    ),
    # meaning
    "bad-upn": _upn,
    "duplicate-id": lambda p: f"id {_value(p['name'])} is already that of {_value(p['upn'])}, at {_first(p)}",
    "absent-with": lambda p: (
        f"{_key(p['key'])} has no meaning for a user who shall be deleted "
        "(`ensure: absent`); leave one of the two out"
    ),
    "both-keys": lambda p: f"{_key(p['second'])} can't stand beside {_key(p['first'])}; keep one of them",
    "bundle-cycle": _cycle,
    "dates-reversed": lambda p: (
        f"{_key(p['second'])} is {_value(p['end'])}, but {_key(p['first'])} is {_value(p['start'])}: "
        "there is no day between them; turn them round, or mend one of them"
    ),
    "leaver-enabled": (
        "`enabled: true` contradicts `leaver`, which blocks sign-in after the last day; leave one of them out"
    ),
    "deleted-with-licences": _deleted_with_licences,
    "duplicate-member": lambda p: (
        f"{_value(p['name'])} is already a member of this group, at {_first(p)}; leave one of them out"
    ),
    "reserved-name": lambda p: (
        f"{_value(p['name'])} can't be the name of a rule: plans tell by it what comes from `{p['name']}`; "
        "give the rule another name"
    ),
    "never-in-force": lambda p: (
        f"this is never in force: by its own dates and the rule's it begins on {p['from']} "
        f"and ends on {p['until']}; mend one of them"
    ),
    # tables
    "table-outside": _table_outside,
    "table-unreadable": lambda p: (
        f"{_value(p['path'])} can't be read: {clean(p['reason'])}; "
        "expected: a CSV file in the folder of this file"
    ),
    "table-twice": lambda p: f"{_value(p['name'])} is already read by {_first(p)}; name each table once",
    "table-empty": "the table is empty; expected: a row of column names, and below it one row for each user",
    "table-without-rows": (
        "there are column names, and no user below them: that may be a broken export; "
        "leave `users_from` out if nobody is meant"
    ),
    "csv-syntax": _csv,
    "unknown-column": lambda p: (
        f"{clean(p['file'])} has no column {_value(p['name'])}"
        + (_meant(p) or f"; it has {', '.join(map(_value, p['known']))}")
    ),
    "duplicate-column": lambda p: (
        f"a second column is called {_value(p['name'])}; give each column that is read a name of its own"
    ),
    "column-twice": lambda p: (
        f"column {_value(p['name'])} is already read as {_key(p['first'])}; a column fills one field"
    ),
    "row-length": lambda p: (
        f"this row has {count(p['found'], 'cell')}, and there are {count(p['expected'], 'column')}; "
        "put a cell with a separator or a quote in double quotes, and write empty cells, too"
    ),
    "no-upn": lambda p: (
        f"this row says nothing in {_value(p['column'])}; expected: the user's UPN, such as anna@contoso.com"
    ),
    "bad-cell": lambda p: f"{_key(p['key'])} is {_value(p['value'])}; expected: {_CELLS[p['key']]}",
    "given-twice": lambda p: (
        f"{_key(p['name'])} is already given for this user at {_first(p)}; leave one of the two out"
    ),
    "absent-in-table": lambda p: (
        f"{_value(p['name'])} shall be deleted (`ensure: absent`), but {_first(p)} lists the user; "
        "leave one of the two out"
    ),
    # names
    "unknown-sku": _unknown_sku,
    "unknown-bundle": lambda p: (
        f"{_value(p['name'])} is neither a bundle nor a SKU of "
        f"{'the catalogue' if p['offline'] else 'this tenant'}{_meant(p)}"
    ),
    "bundle-as-sku": lambda p: (
        f"{_value(p['name'])} is a bundle, and a SKU is expected here; "
        "a bundle is named by itself in a list of licences"
    ),
    "ambiguous-sku": lambda p: (
        f"{_value(p['name'])} is the part number of several SKUs; "
        f"use one of the ids {', '.join(map(clean, p['ids']))}"
    ),
    "unknown-plan": lambda p: (
        f"{_value(p['plan'])} is not a service plan{' of ' + _sku(p) if 'sku' in p else ''}{_meant(p)}"
    ),
    "plan-not-in-sku": lambda p: f"{_sku(p)} has no service plan {_value(p['plan'])}{_meant(p)}",
    "plan-not-assignable": lambda p: (
        f"{_value(p['plan'])} of {_sku(p)} is set for the whole tenant; it can't be switched for a user"
    ),
    "not-a-bundle": _not_a_bundle,
    "option-twice": lambda p: (
        f"{clean(p['sku'])} is already option {p['first'] + 1} of this `one_of`; leave one of them out"
    ),
    "bundle-is-sku": lambda p: f"{_value(p['name'])} is also a SKU; give the bundle another name",
    "too-many-licences": lambda p: (
        f"more than {p['limit']:,} licences are granted so far; no tenant has those"
    ),
    "excluded-and-listed": lambda p: (
        f"{clean(p['sku'])} is excluded here, but line {p['line']} lists it "
        "for the same users; leave one of the two out"
    ),
}
