"""Which call is this: of what kind, on which object, to which address?

A request as the fault layer sees it, alone or inside a batch, and the names by which a fault file speaks
of calls. It knows methods and paths only, and nothing of what the tenant answers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from wsgiref.types import WSGIEnvironment

GRAPH = "/v1.0"
COMMERCE = "/commerce/v1"
BATCH = "batch"
AGAIN = "$empty=1"
"""Marks the link behind an empty page that a fault put in, which else would be that page's own link."""

Data = Any
"""What JSON can hold."""

_ONE = r"[^/]+"
_TABLE: tuple[tuple[str, str, str], ...] = (
    (BATCH, "POST", r"/\$batch"),
    ("organization", "GET", "/organization"),
    ("skus", "GET", "/subscribedSkus"),
    ("subscriptions", "GET", "/directory/subscriptions"),
    ("roles", "GET", "/roleManagement/directory/roleAssignments"),
    ("me", "GET", "/me(/.*)?"),
    ("list", "GET", "/users"),
    ("get", "GET", f"/users/{_ONE}"),
    ("bin", "GET", f"/directory/deletedItems/{_ONE}"),
    ("groups", "GET", "/groups"),
    ("group-state", "GET", f"/groups/{_ONE}"),
    ("members", "GET", f"/groups/{_ONE}/members(/.*)?"),
    ("members", "GET", f"/groups/{_ONE}/membersWithLicenseErrors"),
    ("member-of", "GET", f"/users/{_ONE}/memberOf"),
    ("audit", "GET", "/auditLogs/.*"),
    ("reports", "GET", "/reports/.*"),
    ("create", "POST", "/users"),
    ("patch", "PATCH", f"/users/{_ONE}"),
    ("delete", "DELETE", f"/users/{_ONE}"),
    ("assign", "POST", f"/users/{_ONE}/assignLicense"),
    ("reprocess", "POST", f"/users/{_ONE}/reprocessLicenseAssignment"),
    ("restore", "POST", f"/directory/deletedItems/{_ONE}/restore"),
    ("group-assign", "POST", f"/groups/{_ONE}/assignLicense"),
    ("join", "POST", rf"/groups/{_ONE}/members/\$ref"),
    ("leave", "DELETE", rf"/groups/{_ONE}/members/{_ONE}/\$ref"),
)
_GRAPH_KINDS = tuple((name, method, re.compile(pattern)) for name, method, pattern in _TABLE)

PAGE = "page"
SEATS = "seats"
BUY = "buy"
OTHER = "other"
READ, WRITE, ANY = "read", "write", "any"
KINDS = (*dict.fromkeys(name for name, _, _ in _TABLE), PAGE, SEATS, BUY, OTHER)
"""Every call is of one of these: `page` is a further page of any listing, `seats` and `buy` are commerce."""

CLASSES = (ANY, READ, WRITE)
"""Every call but a batch itself is `any`, and `read` or `write`."""

_SUCCESS = {"create": 201, "patch": 204, "delete": 204, "group-assign": 202, "join": 204, "leave": 204}
_OBJECT = re.compile(f"/(?:users|groups|directory/deletedItems)/({_ONE})")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request. `path` is decoded and whole; header names are lower case; `item` is its id in a batch."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    root: str = ""
    item: str | None = None

    @cached_property
    def kind(self) -> str:
        """Return the name that a fault file has for such a call."""
        if self.path.startswith(COMMERCE):
            return SEATS if self.method == "GET" else BUY
        inner = self.path.removeprefix(GRAPH)
        for name, method, pattern in _GRAPH_KINDS:
            if method == self.method and pattern.fullmatch(inner):
                return PAGE if name != BATCH and "$skiptoken" in self.options else name
        return OTHER

    @property
    def writes(self) -> bool:
        """Tell whether it is a write; a batch is none, whatever its items are."""
        return self.method != "GET" and self.kind != BATCH

    @cached_property
    def options(self) -> dict[str, str]:
        """Return the query options, names in lower case."""
        return {name.lower(): value for name, value in parse_qsl(self.query, keep_blank_values=True)}

    @property
    def repeated(self) -> bool:
        """Tell whether it follows a link behind an empty page that a fault put in."""
        return AGAIN in self.query

    @property
    def link(self) -> str:
        """Return its URL."""
        return f"{self.root}{self.path}" + (f"?{self.query}" if self.query else "")

    @property
    def object(self) -> str | None:
        """Return the id, in lower case, of the user or group that it is about."""
        found = _OBJECT.match(self.path.removeprefix(GRAPH))
        return found[1].lower() if found else None

    @property
    def success(self) -> int:
        """Return the status of success."""
        return _SUCCESS.get(self.kind, 200)

    @property
    def content(self) -> Data:
        """Return the body as data, None where it is no JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None

    def is_a(self, kinds: tuple[str, ...]) -> bool:
        """Tell whether it is of one of `kinds`, classes among them."""
        if self.kind in kinds:
            return True
        if self.kind == BATCH:
            return False
        return ANY in kinds or (WRITE if self.writes else READ) in kinds

    def with_options(self, **changed: str) -> Call:
        """Return the call with other values for query options that it has, dollar left out of the names."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        new = [(name, changed.get(name.lower().removeprefix("$"), value)) for name, value in pairs]
        return replace(self, query=urlencode(new, safe="$,/()':"))


def of_environ(environ: WSGIEnvironment) -> Call:
    """Return the request of a WSGI environment; its body is read, and can be read no more."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    headers["content-type"] = environ.get("CONTENT_TYPE") or ""
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    return Call(
        method=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO", ""),
        query=environ.get("QUERY_STRING", ""),
        headers=headers,
        body=environ["wsgi.input"].read(length) if length else b"",
        root=f"{environ.get('wsgi.url_scheme', 'http')}://{host}",
    )


def of_item(item: Mapping[str, Any], outer: Call) -> Call:
    """Return one request of a batch."""
    path, _, query = str(item["url"]).partition("?")
    given = item.get("headers") or {}
    body = item.get("body")
    return Call(
        method=str(item["method"]).upper(),
        path=f"{GRAPH}/{unquote(path).lstrip('/')}",
        query=query,
        headers={
            "authorization": outer.headers.get("authorization", ""),
            **{str(name).lower(): str(value) for name, value in given.items()},
        },
        body=b"" if body is None else json.dumps(body).encode(),
        root=outer.root,
        item=str(item["id"]),
    )
