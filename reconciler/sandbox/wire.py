"""What goes over the wire: a call, what it asks of, and the reply?

Plain values between the HTTP border (face.py, batch.py) and the handlers, and the reading of JSON
bodies. Names in a body are taken without regard to case, as Graph does; unknown ones are refused.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.sandbox import fault

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from reconciler.sandbox.access import Actor

_JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize",'
    ' client_id="00000003-0000-0000-c000-000000000000"'
)
"""What a 401 says of how to sign in."""

MAX_BODY = 4 * 1024 * 1024
"""Graph takes no larger body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `path` is decoded and relative to the version root; header names are lower case.

    `root` is the URL of the version root, for links. `body` is None where there is none.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    root: str = ""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def client_request_id(self) -> str:
        """Return the client's id of the request, or the service's own."""
        return self.headers.get("client-request-id") or self.request_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a handler works with; `params` are the variable parts of the path.

    `group_delay` is how long a change of a group takes to reach its members.
    """

    db: sqlite3.Connection
    now: datetime
    actor: Actor
    call: Call
    params: Mapping[str, str]
    group_delay: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer. `body` is JSON, or text that is sent as such; None sends no body."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def media_type(self) -> str:
        """Return the Content-Type of the body."""
        if isinstance(self.body, str):
            return "text/plain"
        return _JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method and path (Werkzeug's rule syntax), who answers, and whether that writes."""

    method: str
    path: str
    handler: Callable[[Context], Reply]
    writes: bool = False


def refusal(no: fault.Fault, call: Call, now: datetime) -> Reply:
    """Return a Fault as Graph's error body."""
    error: dict[str, Any] = {"code": no.code, "message": no.message}
    if no.details:
        error["details"] = list(no.details)
    error["innerError"] = {
        "date": now.strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": call.request_id,
        "client-request-id": call.client_request_id,
    }
    headers = {"WWW-Authenticate": CHALLENGE} if no.status == HTTPStatus.UNAUTHORIZED else {}
    return Reply(status=no.status, body={"error": error}, headers=headers)


def json_object(call: Call, *, optional: bool = False) -> dict[str, Any]:
    """Return the body, a JSON object; raises Fault where it is none. `optional` lets it be missing."""
    if not call.body:
        if optional:
            return {}
        raise fault.unreadable()
    media_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise fault.unreadable()
    try:
        body = msgspec.json.decode(call.body)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise fault.unreadable() from error
    if not isinstance(body, dict):
        raise fault.unreadable()
    return body


def named(body: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Return a body's members under the spelling in `known`; raises Fault for an unknown or doubled one.

    Annotations ("@odata.…") say nothing to the sandbox and are left out.
    """
    spelling = {name.lower(): name for name in known}
    found: dict[str, Any] = {}
    for name, value in body.items():
        if "@odata." in name:
            continue
        proper = spelling.get(name.lower())
        if proper is None:
            raise fault.refused(f"Invalid property '{name[:200]}'.")
        if proper in found:
            raise fault.malformed(f"Duplicate property names are not allowed: '{proper}'.")
        found[proper] = value
    return found
