"""What does an answer look like once a fault has struck it?

Answers as the fault layer handles them, and one function for each kind that makes another answer of a
call. They know Graph's forms and nothing of the tenant; when they are used is layer.py's business.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.faults.calls import AGAIN, Data

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from reconciler.sandbox.faults.calls import Call
    from reconciler.sandbox.faults.description import Rule

JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
FUTURE = "unknownFutureValue"
"""Graph's own word for a member of an enumeration that a client can't know yet."""

ENUMERATIONS = frozenset({"state", "error", "capabilityStatus", "provisioningStatus", "ownerType", "status"})
ELSEWHERE = "https://graph.example.com"
_PAGE_HTML = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Hotel Wi-Fi</body></html>"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer: status, headers in the spelling in which they are sent, and the body's bytes."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Tell whether it is a success."""
        return 200 <= self.status < 300  # noqa: PLR2004  HTTP's class of success

    @property
    def content(self) -> Data:
        """Return the body as data, None where it is no JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None

    def having(self, content: Data, status: int | None = None) -> Reply:
        """Return the same answer with other content."""
        headers = {**self.headers, "Content-Type": JSON}
        return replace(self, status=status or self.status, headers=headers, body=json.dumps(content).encode())

    def told(self, **headers: str) -> Reply:
        """Return the same answer with more headers; _ stands for - in their names."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})


_ERRORS: dict[int, tuple[str, str]] = {
    400: ("Request_BadRequest", "The request could not be carried out."),
    401: ("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
    403: ("Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    404: (
        "Request_ResourceNotFound",
        "Resource '{key}' does not exist or one of its queried reference-property objects are not present.",
    ),
    408: ("RequestTimeout", "The request timed out."),
    409: (
        "Directory_ConcurrencyViolation",
        "Error due to concurrent requests being made to the tenant. Please wait briefly and retry.",
    ),
    410: ("Gone", "The requested resource is no longer available at the server."),
    412: ("PreconditionFailed", "A precondition of the request does not hold."),
    423: ("Locked", "The resource is locked."),
    429: ("TooManyRequests", "Please retry again later."),
    500: ("InternalServerError", "An internal server error occurred. The operation failed."),
    502: ("BadGateway", "The gateway received no usable answer."),
    503: ("serviceNotAvailable", "The service is temporarily unavailable."),
    504: ("GatewayTimeout", "The gateway waited too long for an answer."),
    507: ("QuotaLimitExceeded", "The quota of the tenant is used up."),
}


def error(status: int, call: Call, code: str | None = None, message: str | None = None) -> Reply:
    """Return an error in Graph's form, with ids of its own for support."""
    known, text = _ERRORS[status]
    request_id = str(uuid.uuid4())
    client_id = call.headers.get("client-request-id") or request_id
    body = {
        "error": {
            "code": code or known,
            "message": message or text.format(key=call.object or ""),
            "innerError": {"request-id": request_id, "client-request-id": client_id},
        }
    }
    headers = {"request-id": request_id, "client-request-id": client_id}
    if status == 401:  # noqa: PLR2004
        headers["WWW-Authenticate"] = 'Bearer realm="", error="invalid_token"'
    return Reply(status=status, headers=headers).having(body)


def struck(rule: Rule, call: Call, told: Reply | None, now: datetime) -> Reply | None:
    """Return the answer to a call that a rule strikes, None where none comes.

    `told` is what the tenant said, None where it did not get the call.
    """
    if rule.kind == "missing-answer":
        return None
    if rule.kind.isdigit():
        return _waiting(error(int(rule.kind), call), rule, now)
    return _MAKERS[rule.kind](rule, call, told or Reply(status=call.success))


def _waiting(reply: Reply, rule: Rule, now: datetime) -> Reply:
    if rule.retry_after is not None:
        return reply.told(Retry_After=rule.retry_after)
    if rule.retry_after_date is not None:
        until = now.replace(microsecond=0) + timedelta(seconds=rule.retry_after_date)
        return reply.told(Retry_After=format_datetime(until, usegmt=True))
    return reply


# ------------------------------------------------------------ answers that are none


def _redirect(_: Rule, call: Call, __: Reply) -> Reply:
    return Reply(status=302, headers={"Location": f"{ELSEWHERE}{call.path}"})


def _html(_: Rule, __: Call, ___: Reply) -> Reply:
    return Reply(status=200, headers={"Content-Type": "text/html"}, body=_PAGE_HTML.encode())


def _empty(_: Rule, call: Call, told: Reply) -> Reply:
    return replace(told, body=b"") if told.ok and told.body else replace(told, status=_full(call), body=b"")


def _truncated(_: Rule, call: Call, told: Reply) -> Reply:
    whole = told.body or b'{"id": "", "value": []}'
    return replace(told, status=_full(call), body=whole[: len(whole) * 2 // 3], headers=_as_json(told))


def _not_json(_: Rule, call: Call, told: Reply) -> Reply:
    return replace(told, status=_full(call), body=b'{"value": "\xe9\xff\x00"', headers=_as_json(told))


def _full(call: Call) -> int:
    """Return a status of success that comes with a body."""
    return 200 if call.success == 204 else call.success  # noqa: PLR2004


def _as_json(told: Reply) -> dict[str, str]:
    return {**told.headers, "Content-Type": JSON}


def _ignored(_: Rule, call: Call, __: Reply) -> Reply:
    done = Reply(status=call.success)
    if call.kind == "create":
        return done.having({**(call.content or {}), "id": str(uuid.uuid4()), "passwordProfile": None})
    return done if call.success == 204 else done.having({"id": call.object})  # noqa: PLR2004


# ------------------------------------------------------------ answers that say something else


def _unknown_enum(_: Rule, __: Call, told: Reply) -> Reply:
    def changed(name: str, value: Data) -> Data:
        return FUTURE if name in ENUMERATIONS and isinstance(value, str) and value != "None" else value

    return told.having(_walked(told.content, lambda row: {name: changed(name, row[name]) for name in row}))


def _extra_field(_: Rule, __: Call, told: Reply) -> Reply:
    new = {"@odata.future": 1, "futureProperty": {"of": [{"a": "kind"}, None]}}
    return told.having(_walked(told.content, lambda row: {**row, **new})) if told.body else told


def _missing_field(rule: Rule, __: Call, told: Reply) -> Reply:
    name = rule.field or "id"
    return told.having(_walked(told.content, lambda row: {k: v for k, v in row.items() if k != name}))


def _walked(value: Data, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Data:
    if isinstance(value, dict):
        return change({name: _walked(inner, change) for name, inner in value.items()})
    return [_walked(inner, change) for inner in value] if isinstance(value, list) else value


# ------------------------------------------------------------ pages


def _foreign_link(_: Rule, call: Call, told: Reply) -> Reply:
    return _page(told, lambda body: {**body, "@odata.nextLink": f"{ELSEWHERE}{call.path}?$skiptoken=x"})


def _looping_link(_: Rule, call: Call, told: Reply) -> Reply:
    return _page(told, lambda body: {**body, "@odata.nextLink": call.link})


def _expired_page(_: Rule, call: Call, __: Reply) -> Reply:
    return error(400, call, "Directory_ExpiredPageToken", "The specified page token value has expired.")


def _repeated_item(_: Rule, __: Call, told: Reply) -> Reply:
    return _page(told, lambda body: {**body, "value": [*body["value"], *body["value"][:1]]})


def _missing_item(_: Rule, __: Call, told: Reply) -> Reply:
    return _page(told, lambda body: {**body, "value": body["value"][:-1]})


def _empty_page(_: Rule, call: Call, __: Reply) -> Reply:
    following = f"{call.link}{'&' if call.query else '?'}{AGAIN}"
    return Reply(status=200).having({"value": [], "@odata.nextLink": following})


def _page(told: Reply, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Reply:
    body = told.content
    return told.having(change(body)) if told.ok and isinstance(body, dict) and body.get("value") else told


def _shuffled(_: Rule, __: Call, told: Reply) -> Reply:
    body = told.content
    if not told.ok or not isinstance(body, dict):
        return told
    return told.having({"responses": list(reversed(body["responses"]))})


_MAKERS: dict[str, Callable[[Rule, Call, Reply], Reply]] = {
    "redirect": _redirect,
    "html": _html,
    "empty": _empty,
    "truncated": _truncated,
    "not-json": _not_json,
    "ignored": _ignored,
    "unknown-enum": _unknown_enum,
    "extra-field": _extra_field,
    "missing-field": _missing_field,
    "foreign-link": _foreign_link,
    "looping-link": _looping_link,
    "expired-page": _expired_page,
    "repeated-item": _repeated_item,
    "missing-item": _missing_item,
    "empty-page": _empty_page,
    "shuffled": _shuffled,
}
