"""How is the tenant behind the faults asked?

One call in, one answer out, or a batch of which some items are held back. No fault strikes here.
"""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reconciler.sandbox.faults import calls
from reconciler.sandbox.faults.answers import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from reconciler.sandbox.faults.calls import Call

_OWN_NAMES = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


def ask(app: WSGIApplication, call: Call) -> Reply:
    """Return the answer of an application to one call."""
    told: list[Any] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _: object = None
    ) -> Callable[[bytes], object]:
        told[:] = [int(status[:3]), headers]
        return lambda _: None

    chunks = app(_environ(call), start_response)
    body = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    status, headers = told
    return Reply(status=status, headers=dict(headers), body=body)


def _environ(call: Call) -> WSGIEnvironment:
    root = urlsplit(call.root)
    headers = {
        _OWN_NAMES.get(name, f"HTTP_{name.upper().replace('-', '_')}"): text
        for name, text in call.headers.items()
    }
    return {
        **headers,
        "REQUEST_METHOD": call.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": call.path,
        "QUERY_STRING": call.query.removesuffix(calls.AGAIN).removesuffix("&"),
        "CONTENT_LENGTH": str(len(call.body)),
        "SERVER_NAME": root.hostname or "localhost",
        "SERVER_PORT": str(root.port or (443 if root.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": root.scheme or "http",
        "wsgi.input": io.BytesIO(call.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


# ------------------------------------------------------------ batches


def items(outer: Call) -> list[Call]:
    """Return the requests of a batch; none where it is malformed: the tenant refuses it."""
    body = outer.content
    try:
        return [calls.of_item(item, outer) for item in body["requests"]]
    except (TypeError, KeyError, AttributeError):
        return []


def with_items(outer: Call, items: Sequence[Call]) -> Call:
    """Return a batch with other queries in its items."""
    body = outer.content
    links = [call.path.removeprefix(calls.GRAPH) + (f"?{call.query}" if call.query else "") for call in items]
    requests = [{**item, "url": link} for item, link in zip(body["requests"], links, strict=True)]
    return replace(outer, body=json.dumps({**body, "requests": requests}).encode())


def ask_batch(
    app: WSGIApplication, outer: Call, held_back: Mapping[str, Reply | None]
) -> tuple[Reply, dict[str, Reply]]:
    """Return the tenant's answer to a batch less the items that it shall not see, and its items' answers.

    `held_back` is how those are answered, None: not at all; what depends on one that fails gets 424.
    """
    requests: list[dict[str, Any]] = outer.content["requests"]
    gone = set(held_back)
    failed = {key for key, reply in held_back.items() if reply is None or not reply.ok}
    replies: dict[str, Reply] = {}
    while dependents := [
        str(item["id"])
        for item in requests
        if str(item["id"]) not in gone and failed.intersection(_parents(item))
    ]:
        failed.update(dependents)
        gone.update(dependents)
        replies |= dict.fromkeys(dependents, _FAILED_DEPENDENCY)
    passed = [_without(item, gone) for item in requests if str(item["id"]) not in gone]
    if not passed:
        return Reply(status=200).having({}), replies
    frame = ask(app, replace(outer, body=json.dumps({"requests": passed}).encode()))
    if frame.ok:
        replies |= {str(answer["id"]): _reply(answer) for answer in frame.content["responses"]}
    return frame, replies


def batch_of(frame: Reply, replies: Mapping[str | None, Reply], order: Iterable[Call]) -> Reply:
    """Return the answer to a batch with these answers of its items."""
    told = [(call.item, replies.get(call.item)) for call in order]
    responses = [_item(key, reply) for key, reply in told if key is not None and reply is not None]
    return frame.having({"responses": responses})


_FAILED_DEPENDENCY = Reply(status=424).having(
    {
        "error": {
            "code": "FailedDependency",
            "message": "The request failed because a request that it depends on failed.",
        }
    }
)


def _parents(item: Mapping[str, Any]) -> list[str]:
    return [str(parent) for parent in item.get("dependsOn") or ()]


def _without(item: Mapping[str, Any], gone: set[str]) -> dict[str, Any]:
    """Return an item that depends on nothing that the tenant does not get."""
    kept = [parent for parent in _parents(item) if parent not in gone]
    rest = {name: value for name, value in item.items() if name != "dependsOn"}
    return {**rest, "dependsOn": kept} if kept else rest


def _reply(answer: Mapping[str, Any]) -> Reply:
    body = answer.get("body")
    return Reply(
        status=answer["status"],
        headers=answer.get("headers") or {},
        body=b"" if body is None else json.dumps(body).encode(),
    )


def _item(key: str, reply: Reply) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": key, "status": reply.status, "headers": dict(reply.headers)}
    if reply.body:
        content = reply.content
        shown["body"] = reply.body.decode("utf-8", "replace") if content is None else content
    return shown
