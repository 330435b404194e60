"""What is the published JSON of a plan, and how is one read back?

The structs of reconciler.plan with their sentences and their digest, in the order that the schema
(schemas/plan.schema.json) describes. The same plan gives the same bytes, so that a file can be told
from what was written. Nothing here computes a plan; who may trust a document is for apply to decide.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

import msgspec

from reconciler import __version__, regular, schemas
from reconciler import plan as plans
from reconciler.errors import UsageError
from reconciler.report import messages
from reconciler.report.sanitize import clean_json

if TYPE_CHECKING:
    from pathlib import Path

    import jsonschema_rs

    from reconciler.plan import Plan

_HALF = re.compile(r"\\u[dD][89a-fA-F]")

MAX_BYTES = 1 << 30
"""A larger file is no plan that anybody can review; it is refused unread."""


MAX_DIGITS = 18
"""A whole number has no more: every reader of JSON has room for that, and no plan counts so far."""


def to_document(plan: Plan) -> dict[str, Any]:
    """Return the published document of `plan`: JSON values only, members in their published order.

    Left out where they say nothing: `sku`, `group` and `members` of a change, two counts of groups in
    `summary`, `allowed`, `rules`, `memory`, and `horizon` where nobody asked for one. Every other member
    is there.
    """
    day = plan.created_at[:10]
    provider = plan.tenant.provider
    document: dict[str, Any] = {
        "format_version": plan.format_version,
        "tool_version": plan.tool_version,
        "created_at": plan.created_at,
        "expires_at": plan.expires_at,
        "digest": "",
        "desired_digest": plan.desired_digest,
        "tenant": _members(plan.tenant),
        "actor": _members(plan.actor),
        "guardrails": _members(plan.guardrails),
        "options": _members(plan.options),
        "summary": _told(plan.summary, "group_licenses", "members"),
        "changes": [_change(change, day) for change in plan.changes],
        "purchases": [_purchase(purchase, provider) for purchase in plan.purchases],
        "conflicts": [_conflict(conflict) for conflict in plan.conflicts],
        "seats": [_members(row) for row in plan.seats],
        "refusals": [_refusal(refusal) for refusal in plan.refusals],
        **({"allowed": [_allowed(refusal) for refusal in plan.allowed]} if plan.allowed else {}),
        **{part: _members(found) for part in ("rules", "memory") if (found := getattr(plan, part))},
        **({} if plan.horizon is None else {"horizon": _members(plan.horizon)}),
    }
    document["digest"] = plans.digest_of(document)
    return document


def dumps(document: dict[str, Any]) -> str:
    """Return a document as indented JSON with a line end; the same document gives the same text.

    Hidden and dangerous characters stand as escapes, so that the text may be shown anywhere.
    """
    text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    return clean_json(text) + "\n"


class Saved(NamedTuple):
    """A plan as it was read from a file: `document` with its sentences, `text` as it stands there."""

    plan: Plan
    document: dict[str, Any]
    text: str


Fault = Literal["digest", "version", "foreign", "text"]
"""What is wrong with a saved plan: see `fault`."""


def read(path: Path) -> Saved:
    """Return the plan in a file, which may be of a later minor version; see `fault` before trusting it.

    Raises UsageError: "unreadable-file" {path, reason}, "bad-plan" {path, reason, and line and
    column or at (a path inside the document)}, "unsupported-plan-version" {path, found, supported}.
    """
    return parse(_text(path), path)


def parse(text: str, path: Path) -> Saved:
    """Return the plan in the text of the file `path`; raises UsageError as `read` does."""
    document = _parse(text, path)
    version = document.get("format_version")
    major = plans.FORMAT_VERSION.partition(".")[0]
    if isinstance(version, str) and version.partition(".")[0] != major:
        raise UsageError(
            "unsupported-plan-version", path=str(path), found=version, supported=plans.FORMAT_VERSION
        )
    try:
        plan = plans.from_document(document)
    except msgspec.ValidationError as error:
        reason, _, at = str(error).partition(" - at ")
        raise UsageError("bad-plan", path=str(path), reason=reason, at=at.strip("`") or "$") from error
    if not _shape().is_valid(document):
        place = next(iter(_shape().iter_errors(document))).instance_path
        at = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
        raise UsageError("bad-plan", path=str(path), reason="no change looks like that", at=f"${at}")
    return Saved(plan, document, text)


def verify(document: dict[str, Any]) -> bool:
    """Tell whether a document still is what was written: its digest fits all its other members."""
    return document.get("digest") == plans.digest_of(document)


def fault(saved: Saved) -> Fault | None:
    """Tell why a file is not, to the letter, what this program writes for the plan that it holds.

    digest: a member was changed, added or taken out. version: another version of this program made it,
    which may mean other things by it. foreign: it has members or values that no plan has. text: it means
    the same, but was written anew: members in another order, sentences that the codes don't say, other
    spacing. Line ends and a mark at the start are as the system that carried it likes them.
    """
    if not verify(saved.document):
        return "digest"
    if saved.plan.tool_version != __version__:
        return "version"
    if not _validator().is_valid(saved.document):
        return "foreign"
    return None if saved.text.strip() == dumps(to_document(saved.plan)).strip() else "text"


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    from jsonschema_rs import Draft202012Validator  # noqa: PLC0415  who only writes plans needs none

    return Draft202012Validator(schemas.load("plan"), validate_formats=True)


@cache
def _shape() -> jsonschema_rs.Draft202012Validator:
    """Return what tells a change that can be shown: all that the schema asks of one, and room for more."""
    from jsonschema_rs import Draft202012Validator  # noqa: PLC0415  as above

    schema = schemas.load("plan")
    changes = {"changes": schema["properties"]["changes"]}
    return Draft202012Validator(_open({"$defs": schema["$defs"], "properties": changes}))


def _open(schema: Any) -> Any:  # noqa: ANN401  a schema, or a part of one
    """Return a schema that lets members pass that a later minor version may add."""
    if isinstance(schema, list):
        return [_open(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _open(part) for key, part in schema.items() if (key, part) != ("additionalProperties", False)
    }


# ------------------------------------------------------------ writing


def _change(change: plans.Change, day: str) -> dict[str, Any]:
    """Return a change; its warnings name its user, a member of its group, or its SKU."""
    shown = _told(change, "sku", "group", "members", "because")
    shown["warnings"] = [
        _warning(warning, messages.whom(change, warning), day) for warning in change.warnings
    ]
    return shown


def _warning(warning: plans.Warning, about: str, day: str) -> dict[str, Any]:
    told = messages.warning(warning, about=about, day=day)
    shown = _insert(_members(warning), after="params", message=told.message)
    return {**shown, "prevent": told.prevent}


def _conflict(conflict: plans.Conflict) -> dict[str, Any]:
    told = messages.conflict(conflict)
    return _insert(_members(conflict), after="sku", message=told.message, remedies=list(told.remedies))


def _purchase(purchase: plans.Purchase, provider: str) -> dict[str, Any]:
    return _insert(_members(purchase), after="cost", how=messages.purchase(purchase, provider))


def _refusal(refusal: plans.Refusal) -> dict[str, Any]:
    return _insert(_members(refusal), after="params", message=messages.refusal(refusal))


def _allowed(refusal: plans.Refusal) -> dict[str, Any]:
    return _insert(_members(refusal), after="params", message=messages.allowed(refusal))


def _members(value: object) -> Any:  # noqa: ANN401  an object for a struct, a list for several
    """Return structs as JSON gives them back: lists for tuples, nothing shared."""
    return msgspec.json.decode(msgspec.json.encode(value, order="deterministic"))


def _told(value: msgspec.Struct, *optional: str) -> dict[str, Any]:
    """Return the members of a struct, without those `optional` ones that say nothing."""
    members: dict[str, Any] = _members(value)
    return {key: told for key, told in members.items() if told or key not in optional}


def _insert(members: dict[str, Any], *, after: str, **new: Any) -> dict[str, Any]:
    """Return the members with the new ones right behind the one called `after`."""
    result: dict[str, Any] = {}
    for key, value in members.items():
        result[key] = value
        if key == after:
            result.update(new)
    return result


# ------------------------------------------------------------ reading


def _text(path: Path) -> str:
    try:
        regular.check(path)
        if path.stat().st_size > MAX_BYTES:
            raise UsageError("bad-plan", path=str(path), reason="the file is larger than 1 GB")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError("unreadable-file", path=str(path), reason=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise UsageError("bad-plan", path=str(path), reason="the file is not UTF-8") from error


def _parse(text: str, path: Path) -> dict[str, Any]:
    """Return the JSON object in a text; a repeated member, which readers take in two ways, is refused."""
    try:
        document = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_fraction,
        )
    except json.JSONDecodeError as error:
        raise UsageError(
            "bad-plan", path=str(path), reason=error.msg, line=error.lineno, column=error.colno
        ) from error
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise UsageError("bad-plan", path=str(path), reason=reason) from error
    if _HALF.search(text) and not _encodable(document):
        raise UsageError("bad-plan", path=str(path), reason="a text in it holds half a character")
    if not isinstance(document, dict):
        raise UsageError("bad-plan", path=str(path), reason="it is not a JSON object")
    return document


def _encodable(document: object) -> bool:
    """Tell whether all text in a document is Unicode that can be written: JSON may escape half a pair."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'the member "{twice}" stands twice in one object')
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    """Return a whole number that every reader of JSON takes for the same."""
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"the number {digits[:MAX_DIGITS]}… in it is too large")
    return int(digits)


def _fraction(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:MAX_DIGITS]} in it is too large")
    return number
