"""How is a problem of the desired state told? Code and params → `file:line:column: code: message`.

One table: each code has its sentence, those of files as such in file_words. It says what was found, what
was expected and what may have been meant; nothing is looked up here. Everything that comes from a file is
made harmless first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.report.file_values import Params, character, choice, first, key, meant, value, what
from reconciler.report.file_words import FILES
from reconciler.report.phrases import count
from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.model import Problem

_ONLY_A_WARNING = " (a warning: `plan` asks the tenant, and decides)"

_MAX_NAMES = 12
"""Names of a cycle that are shown."""


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
        return ", ".join(f"{clean(name)}: {value(given)}" for name, given in problem.params.items())
    return sentence if isinstance(sentence, str) else sentence(problem.params)


# ---------------------------------------------------------------- shape


def _unknown_key(params: Params) -> str:
    found = f"{key(params['key'])} is not a key here"
    if params.get("nearest") is not None:
        return f"{found}; did you mean {key(params['nearest'])}?"
    return f"{found}; known are {', '.join(params['known'])}"


def _null(params: Params) -> str:
    return f"{what(params)} has no value (null); expected: {params['expected']}; or leave the key out"


def _wrong_type(params: Params) -> str:
    said = "in quotes" in params["expected"]
    quote = "; put it in quotes if it is meant as text" if params["quote"] and not said else ""
    return f"{what(params)} is {params['found']}; expected: {params['expected']}{quote}"


def _bad_value(params: Params) -> str:
    found = f"{what(params)} is {value(params['value'])}; expected: "
    return found + (
        f"{choice(params['options'])}{meant(params)}" if "options" in params else params["expected"]
    )


def _country(params: Params) -> str:
    found = f"{value(params['value'])} is not a country code (ISO 3166, two capital letters)"
    return found + (
        f"; did you mean {value(params['nearest'])} ({params['name']})?" if params["nearest"] else ""
    )


def _empty_list(params: Params) -> str:
    none = ", or write {replace: []} for none" if params.get("none") else ""
    return f"{what(params)} is an empty list, which says nothing here; leave it out{none}"


def _empty_mapping(params: Params) -> str:
    keys = ", ".join(map(key, params["keys"]))
    everybody = "; for everybody write {user_type: Member}" if "user_type" in params["keys"] else ""
    return f"{what(params)} is an empty mapping; expected: at least one of {keys}{everybody}"


def _date(params: Params) -> str:
    last = f"; the last day of that month is the {params['last']}th" if params["last"] else ""
    last = last.replace("31th", "31st")
    return f"{what(params)} is {value(params['value'])}, which is not a day of the calendar{last}"


def _range(params: Params) -> str:
    limit = f"at least {params['minimum']}" if "minimum" in params else f"at most {params['maximum']}"
    return f"{what(params)} is {value(params['value'])}; it must be {limit}"


# ---------------------------------------------------------------- meaning


def _upn(params: Params) -> str:
    upn = value(params["upn"])
    match params["reason"]:
        case "character":
            return f"{upn} is not a user principal name: {character(params['character'])} can't stand in one"
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


def _deleted_with_licences(params: Params) -> str:
    keep = f"`keep_licenses: {params['keep']}`" + ("" if params["said"] else " (the default)")
    return (
        f"`delete_after` is {params['delete']}, but licences are kept for longer: {keep}; "
        "make one of them fit the other"
    )


def _not_a_bundle(params: Params) -> str:
    name = value(params["name"])
    if params["sku"]:
        return f"{name} is a SKU, and a bundle is expected here; write {{sku: {clean(params['name'])}}}"
    return f"{name} is not a bundle of these files{meant(params)}"


def _cycle(params: Params) -> str:
    names = [clean(name) for name in params["cycle"]]
    if len(names) > _MAX_NAMES:
        names[_MAX_NAMES - 2 : -1] = ["…"]
    return f"bundles name each other in a cycle: {' → '.join(names)}"


def _unknown_sku(params: Params) -> str:
    name = value(params["name"])
    found = f"{name} is not a SKU of {'the catalogue' if params['offline'] else 'this tenant'}"
    if params["nearest"] is None:
        return f"{found}, though your tenant may have it" if params["offline"] else found
    product = f" ({clean(params['nearest_name'])})" if params["nearest_name"] else ""
    return f"{found}; did you mean {value(params['nearest'])}{product}?"


def _sku(params: Params) -> str:
    """Return a SKU by part number and product name."""
    part_number, name = clean(params["sku"]), clean(params["sku_name"])
    return part_number if name == part_number else f"{part_number} ({name})"


_SENTENCES: dict[str, str | Callable[[Params], str]] = {
    **FILES,
    # shape
    "unknown-key": _unknown_key,
    "missing-key": lambda p: f"{what(p)} lacks {' or '.join(map(key, p.get('any') or [p['key']]))}",
    "null-value": _null,
    "wrong-type": _wrong_type,
    "unknown-country": _country,
    "bad-value": _bad_value,
    "empty-list": _empty_list,
    "too-few": lambda p: (
        f"{what(p)} has {count(p['count'], 'item')}; expected: at least {p['minimum']}"
        + ("; a single SKU is named by itself" if p["path"][-1] == "one_of" else "")
    ),
    "empty-mapping": _empty_mapping,
    "bad-date": _date,
    "empty-text": lambda p: f"{what(p)} is an empty text",
    "too-long": lambda p: f"{what(p)} has {p['length']} characters; the limit is {p['limit']}",
    "out-of-range": _range,
    "one-key": lambda p: f"{what(p)} takes exactly one of {choice(p['keys'])}",
    # several files
    "duplicate-section": lambda p: f"{key(p['name'])} may stand in one file only; it was given at {first(p)}",
    "duplicate-mailbox": lambda p: f"mailbox {value(p['name'])} was already told of at {first(p)}",
    "duplicate-user": lambda p: f"user {value(p['name'])} was already declared at {first(p)}",
    "duplicate-bundle": lambda p: f"bundle {value(p['name'])} was already declared at {first(p)}",
    "duplicate-subscription": lambda p: f"SKU {value(p['name'])} was already declared at {first(p)}",
    "duplicate-group": lambda p: f"group {value(p['name'])} was already declared at {first(p)}",
    "duplicate-rule": lambda p: (
        f"rule {value(p['name'])} was already declared at {first(p)}; give one of them another name"
    ),
    "scoped-section": lambda p: (
        f"{key(p['key'])} is for the whole tenant, and this file has a `scope`; move it to a file without one"
    ),
    # meaning
    "bad-upn": _upn,
    "duplicate-id": lambda p: f"id {value(p['name'])} is already that of {value(p['upn'])}, at {first(p)}",
    "absent-with": lambda p: (
        f"{key(p['key'])} has no meaning for a user who shall be deleted "
        "(`ensure: absent`); leave one of the two out"
    ),
    "both-keys": lambda p: f"{key(p['second'])} can't stand beside {key(p['first'])}; keep one of them",
    "bundle-cycle": _cycle,
    "dates-reversed": lambda p: (
        f"{key(p['second'])} is {value(p['end'])}, but {key(p['first'])} is {value(p['start'])}: "
        "there is no day between them; turn them round, or mend one of them"
    ),
    "leaver-enabled": (
        "`enabled: true` contradicts `leaver`, which blocks sign-in after the last day; leave one of them out"
    ),
    "deleted-with-licences": _deleted_with_licences,
    "duplicate-member": lambda p: (
        f"{value(p['name'])} is already a member of this group, at {first(p)}; leave one of them out"
    ),
    "reserved-name": lambda p: (
        f"{value(p['name'])} can't be the name of a rule: plans tell by it what comes from `{p['name']}`; "
        "give the rule another name"
    ),
    "never-in-force": lambda p: (
        f"this is never in force: by its own dates and the rule's it begins on {p['from']} "
        f"and ends on {p['until']}; mend one of them"
    ),
    # names
    "unknown-sku": _unknown_sku,
    "unknown-bundle": lambda p: (
        f"{value(p['name'])} is neither a bundle nor a SKU of "
        f"{'the catalogue' if p['offline'] else 'this tenant'}{meant(p)}"
    ),
    "bundle-as-sku": lambda p: (
        f"{value(p['name'])} is a bundle, and a SKU is expected here; "
        "a bundle is named by itself in a list of licences"
    ),
    "ambiguous-sku": lambda p: (
        f"{value(p['name'])} is the part number of several SKUs; "
        f"use one of the ids {', '.join(map(clean, p['ids']))}"
    ),
    "unknown-plan": lambda p: (
        f"{value(p['plan'])} is not a service plan{' of ' + _sku(p) if 'sku' in p else ''}{meant(p)}"
    ),
    "plan-not-in-sku": lambda p: f"{_sku(p)} has no service plan {value(p['plan'])}{meant(p)}",
    "plan-not-assignable": lambda p: (
        f"{value(p['plan'])} of {_sku(p)} is set for the whole tenant; it can't be switched for a user"
    ),
    "not-a-bundle": _not_a_bundle,
    "option-twice": lambda p: (
        f"{clean(p['sku'])} is already option {p['first'] + 1} of this `one_of`; leave one of them out"
    ),
    "bundle-is-sku": lambda p: f"{value(p['name'])} is also a SKU; give the bundle another name",
    "too-many-licences": lambda p: (
        f"more than {p['limit']:,} licences are granted so far; no tenant has those"
    ),
    "excluded-and-listed": lambda p: (
        f"{clean(p['sku'])} is excluded here, but line {p['line']} lists it "
        "for the same users; leave one of the two out"
    ),
}
