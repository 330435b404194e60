"""Which users does a query ask for, and which of their properties?

Reads $select, $filter, $top, $count and $skiptoken. What a route does not offer is refused, never
ignored. Filters offered: terms joined by `and`, each `<property> eq|ne <value>` over the properties of
`_COMPARED`, `proxyAddresses/any(p:p eq '…')`, or `assignedLicenses/$count eq|ne 0`.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.sandbox import fault
from reconciler.sandbox.resources import SINGLE_USER_ONLY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LIST = ("$select", "$filter", "$top", "$count", "$skiptoken")
"""What a long listing that can be filtered offers."""

DEFAULT_PAGE = 100
MAX_PAGE = 999


@dataclass(frozen=True, slots=True)
class Condition:
    """One term of a filter as SQL over the table that the route lists; `advanced` needs $count=true."""

    sql: str
    values: tuple[str | int, ...] = ()
    advanced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The query options of one request; None where one is not given."""

    select: str | None = None
    filter: str | None = None
    top: int | None = None
    count: bool = False
    orderby: str | None = None
    after: str = ""


_TERM = re.compile(
    r"\s*(?:(?P<name>\w+)\s+(?P<op>eq|ne)\s+(?P<value>'(?:[^']|'')*'|true|false|null)"
    r"|(?P<dated>\w+)\s+(?P<side>ge|le)\s+(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)"
    r"|(?P<list>\w+)/any\(\s*(?P<variable>\w+)\s*:\s*(?P=variable)\s+eq\s+(?P<item>'(?:[^']|'')*')\s*\)"
    r"|(?P<counted>\w+)/\$count\s+(?P<compare>eq|ne)\s+0)\s*(?:(?P<more>and)\s|$)",
    re.IGNORECASE,
)
_HELD = "EXISTS (SELECT 1 FROM assignments WHERE user_id = users.id AND state <> 'Error')"

USERS: Mapping[str, str] = {
    "id": "id",
    "userprincipalname": "upn",
    "mail": "mail",
    "displayname": "fold(json_extract(resource, '$.displayName'))",
    "usertype": "fold(json_extract(resource, '$.userType'))",
    "accountenabled": "json_extract(resource, '$.accountEnabled')",
    "assignedlicenses/$count": _HELD,
    "proxyaddresses/any": "EXISTS (SELECT 1 FROM addresses WHERE user_id = users.id AND address = ?)",
}
"""What a filter on users may name → SQL; texts are compared without regard to case, as Graph does."""

GROUPS: Mapping[str, str] = {
    "id": "id",
    "displayname": "fold(name)",
    "assignedlicenses/$count": "json_array_length(resource, '$.assignedLicenses') > 0",
    "hasmemberswithlicenseerrors": "EXISTS (SELECT 1 FROM assignments WHERE group_id = groups.id"
    " AND remembered = 0 AND error <> 'None')",
}
_BOOLEANS = ("accountenabled", "hasmemberswithlicenseerrors")
ROLE_ASSIGNMENTS: Mapping[str, str] = {"principalid": "principal_id", "roledefinitionid": "template_id"}


def read(pairs: Iterable[tuple[str, str]], offered: Sequence[str], *, most: int = MAX_PAGE) -> Options:
    """Return the options of a query string; raises Fault for one that the route does not offer.

    `most` rows can be asked for at once.
    """
    given: dict[str, str] = {}
    for name, value in pairs:
        known = name.lower()
        if known not in offered:
            raise fault.unsupported_query(f"The query option '{name}' is not supported for this resource.")
        if known in given:
            raise fault.malformed(f"Query option '{name}' was specified more than once.")
        given[known] = value
    return Options(
        select=given.get("$select"),
        filter=given.get("$filter"),
        top=_top(given["$top"], most) if "$top" in given else None,
        count=_boolean(given["$count"]) if "$count" in given else False,
        orderby=given.get("$orderby"),
        after=_after(given["$skiptoken"]) if "$skiptoken" in given else "",
    )


def skip_token(last_id: str) -> str:
    """Return the opaque token of the page that follows the row `last_id`."""
    return base64.urlsafe_b64encode(f"1:{last_id}".encode()).decode().rstrip("=")


def selected(
    select: str | None, known: Iterable[str], default: Sequence[str], *, kind: str, single: bool = False
) -> tuple[str, ...]:
    """Return the properties to show. `kind` is Graph's type; raises Fault for one that it lacks.

    `single` tells that one object is read: some properties of a user can't be read in a list.
    """
    if select is None:
        return tuple(default)
    names = {name.lower(): name for name in known}
    shown: list[str] = []
    for item in select.split(","):
        wanted = item.strip()
        if not single and kind == "user" and wanted in SINGLE_USER_ONLY:
            message = f"The property '{wanted}' can be read of a single user only."
            raise fault.Fault(501, "NotImplemented", message)
        if wanted.lower() not in names:
            raise fault.malformed(
                f"Parsing OData Select and Expand failed: Could not find a property named '{wanted}' on type"
                f" 'microsoft.graph.{kind}'."
            )
        shown.append(names[wanted.lower()])
    return tuple(dict.fromkeys(shown))


def conditions(text: str | None, offered: Mapping[str, str]) -> tuple[Condition, ...]:
    """Return the terms of a $filter; raises Fault for what is not offered or not understood."""
    if text is None:
        return ()
    found: list[Condition] = []
    position = 0
    while True:
        term = _TERM.match(text, position)
        if term is None:
            raise fault.unsupported_query(
                f"Unsupported or invalid query filter clause specified: {text[:200]}"
            )
        found.append(_condition(term, offered))
        position = term.end()
        if not term["more"]:
            return tuple(found)


def require_advanced(options: Options, found: Sequence[Condition], consistency: str | None) -> None:
    """Refuse counting without the header, and an advanced filter without both header and $count."""
    eventual = (consistency or "").lower() == "eventual"
    advanced = any(condition.advanced for condition in found)
    if (options.count and not eventual) or (advanced and not (eventual and options.count)):
        raise fault.unsupported_query(
            "Request with $count or an advanced query needs the header 'ConsistencyLevel: eventual' and"
            " $count=true."
        )


def _condition(term: re.Match[str], offered: Mapping[str, str]) -> Condition:
    if term["counted"]:
        sql = _offered(f"{term['counted']}/$count", offered)
        negated = term["compare"].lower() == "eq"
        return Condition(f"NOT ({sql})" if negated else f"({sql})", (), True)
    if term["list"]:
        return Condition(_offered(f"{term['list']}/any", offered), (_text(term["item"]),))
    if term["dated"]:
        sql, side = _offered(term["dated"], offered), {"ge": ">=", "le": "<="}[term["side"].lower()]
        if term["dated"].lower() != "activitydatetime":
            raise fault.malformed(f"A value of property '{term['dated']}' in $filter has the wrong type.")
        return Condition(f"{sql} {side} ?", (term["moment"].upper(),))
    sql = _offered(term["name"], offered)
    negated = term["op"].lower() == "ne"
    value, quoted = term["value"], term["value"].startswith("'")
    if value.lower() == "null":
        return Condition(f"{sql} IS {'NOT ' if negated else ''}NULL", (), negated)
    if quoted == (term["name"].lower() in _BOOLEANS):
        raise fault.malformed(f"A value of property '{term['name']}' in $filter has the wrong type.")
    compared: str | int = _text(value) if quoted else int(value.lower() == "true")
    return Condition(f"{sql} IS {'NOT ' if negated else ''}?", (compared,), negated)


def _offered(name: str, offered: Mapping[str, str]) -> str:
    sql = offered.get(name.lower())
    if sql is None:
        raise fault.unsupported_query(f"Unsupported property filter clause operator on '{name}'.")
    return sql


def _text(literal: str) -> str:
    return literal[1:-1].replace("''", "'").lower()


def _top(text: str, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise fault.malformed(f"Invalid value '{text[:50]}' for $top: it must lie between 1 and {most}.")
    return int(text)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise fault.malformed(f"Invalid value '{text[:50]}' for $count.")
    return text.lower() == "true"


def _after(token: str) -> str:
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise _expired() from error
    if not text.startswith("1:"):
        raise _expired()
    return text[2:]


def _expired() -> fault.Fault:
    return fault.Fault(
        400,
        "Directory_ExpiredPageToken",
        "The specified page token value has expired and can no longer be included in your request.",
    )
