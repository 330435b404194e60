"""How are up to twenty requests carried out as one?

JSON batching: each item is a request of its own, with a transaction and an answer of its own; the
outer answer is 200 wherever the batch itself could be understood. A malformed batch is refused whole,
before any item runs.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import msgspec

from reconciler.sandbox import fault, wire
from reconciler.sandbox.wire import Call, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_ITEMS = 20
_MEMBERS = ("id", "method", "url", "headers", "body", "dependsOn")
_KNOWN = frozenset(name.lower() for name in _MEMBERS)
_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
_WITH_BODY = ("POST", "PATCH", "PUT")


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a batch."""

    id: str
    call: Call
    depends_on: tuple[str, ...]


def run(outer: Call, answer: Callable[[Call], Reply]) -> Reply:
    """Return the answer to a batch; `answer` carries out one request. Raises Fault for a malformed one."""
    items = {item.id.lower(): item for item in _items(outer)}
    replies: dict[str, Reply] = {}
    for key in _order(items):
        item = items[key]
        if any(replies[parent.lower()].status >= 400 for parent in item.depends_on):  # noqa: PLR2004
            replies[key] = _failed_dependency()
        else:
            replies[key] = answer(item.call)
    return Reply(status=200, body={"responses": [_response(items[key], replies[key]) for key in items]})


def _items(outer: Call) -> list[Item]:
    requests = wire.named(wire.json_object(outer), ("requests",)).get("requests")
    if not isinstance(requests, list) or not requests:
        raise _invalid()
    if len(requests) > MAX_ITEMS:
        raise fault.malformed(f"Number of batch request steps exceeds the maximum value of {MAX_ITEMS}.")
    items = [_item(outer, request) for request in requests]
    ids = {item.id.lower() for item in items}
    if len(ids) != len(items):
        raise fault.malformed("Request ids in a batch must be unique.")
    for item in items:
        if not ids.issuperset(parent.lower() for parent in item.depends_on):
            raise fault.malformed(f"Request '{item.id}' depends on a request that is not in the batch.")
    return items


def _item(outer: Call, request: object) -> Item:
    if not isinstance(request, dict):
        raise _invalid()
    # What is no member of a request is passed over: Microsoft's SDK for Python sends `depends_on`.
    given = wire.named({key: request[key] for key in request if key.lower() in _KNOWN}, _MEMBERS)
    identity, url = _texts(given.get("id"), given.get("url"))
    url = url.removeprefix(outer.root)  # Microsoft's SDK for Python sends whole URLs
    (method,) = _texts(given.get("method"))
    headers = {} if given.get("headers") is None else given["headers"]
    depends_on = [] if given.get("dependsOn") is None else given["dependsOn"]
    if not isinstance(headers, dict) or not isinstance(depends_on, list):
        raise _invalid()
    _texts(*headers.values(), *depends_on)
    if method.upper() not in _METHODS or "://" in url.partition("?")[0] or url.startswith("//"):
        raise _invalid()
    path, _, query = url.partition("?")
    inner = {name.lower(): value for name, value in headers.items()}
    if method.upper() in _WITH_BODY and ("body" not in given or "content-type" not in inner):
        raise fault.malformed(f"Write request id : {identity} does not contain Content-Type header or body.")
    call = Call(
        method=method.upper(),
        path="/" + unquote(path).lstrip("/"),
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        headers={"authorization": outer.headers.get("authorization", ""), **inner},
        body=msgspec.json.encode(given["body"]) if "body" in given else None,
        root=outer.root,
    )
    return Item(id=identity, call=call, depends_on=tuple(depends_on))


def _texts(*values: Any) -> Sequence[str]:
    if not all(isinstance(value, str) and value for value in values):
        raise _invalid()
    return values


def _order(items: dict[str, Item]) -> list[str]:
    """Return the items' keys, each after those that it depends on."""
    sorter = TopologicalSorter(
        {key: [parent.lower() for parent in item.depends_on] for key, item in items.items()}
    )
    try:
        return list(sorter.static_order())
    except CycleError as error:
        raise fault.malformed("Requests in a batch depend on each other in a circle.") from error


def _response(item: Item, reply: Reply) -> dict[str, Any]:
    response: dict[str, Any] = {
        "id": item.id,
        "status": reply.status,
        "headers": {
            "request-id": item.call.request_id,
            "client-request-id": item.call.client_request_id,
            **reply.headers,
        },
    }
    if reply.body is not None:
        response["headers"]["Content-Type"] = reply.media_type
        response["body"] = reply.body
    return response


def _failed_dependency() -> Reply:
    message = "The request failed because a request that it depends on failed."
    return Reply(status=424, body={"error": {"code": "FailedDependency", "message": message}})


def _invalid() -> fault.Fault:
    return fault.malformed("Invalid batch payload format.")
