"""How does a request become an answer?

The WSGI application: routing, who is asking, one transaction a request, and Graph's form for whatever
goes wrong. No rule of the tenant stands here. It may be called from many threads.
"""

from __future__ import annotations

import logging
import sqlite3
from datetime import timedelta
from email.utils import format_datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from reconciler.errors import UsageError
from reconciler.sandbox import access, batch, commerce, fault, graph, processing, usage, wire
from reconciler.sandbox.store import Store
from reconciler.sandbox.wire import Call, Context, Reply, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

    from reconciler.sandbox.clock import Clock

GRAPH_ROOT = "/v1.0"
COMMERCE_ROOT = "/commerce/v1"
BATCH = "/$batch"

_log = logging.getLogger(__name__)


class Face:
    """The sandbox as a WSGI application: the Graph face, and the commerce face beside it."""

    def __init__(self, home: Path, clock: Clock, group_delay: timedelta = timedelta(0)) -> None:
        self._store = Store(home, clock)
        self._clock = clock
        self._group_delay = group_delay
        self._maps = {GRAPH_ROOT: _map(graph.ROUTES), COMMERCE_ROOT: _map(commerce.ROUTES)}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (WSGI); nothing is ever raised."""
        request = Request({**environ, "PATH_INFO": _wsgi_path(environ.get("PATH_INFO", ""))})
        root = next((root for root in self._maps if request.path.startswith(root + "/")), None)
        call, unreadable = _call(request, root or "")
        now = self._now()
        if unreadable is not None:
            reply = wire.refusal(unreadable, call, now)
        elif root is None and (call.method, usage.FILES) == ("GET", call.path[: len(usage.FILES)]):
            reply = self._file(call, now)
        elif root is None:
            reply = wire.refusal(fault.no_segment(request.path.strip("/").partition("/")[0]), call, now)
        elif (root, call.path) == (GRAPH_ROOT, BATCH):
            reply = self._batch(call, now)
        else:
            reply = self._answer(root, call, now)
        return _response(reply, call, now)(environ, start_response)

    def _batch(self, outer: Call, now: datetime) -> Reply:
        def run() -> Reply:
            with self._store.reading() as db:
                access.actor(db, outer.headers.get("authorization"), self._clock())
            if outer.method != "POST":
                raise _not_allowed()
            return batch.run(outer, lambda call: self._answer(GRAPH_ROOT, call, now))

        return _safely(run, outer, now)

    def _file(self, call: Call, now: datetime) -> Reply:
        """Return a file that a report named; it takes no token."""

        def run() -> Reply:
            with self._store.reading() as db:
                return usage.file(db, call.path, self._store.now(db))

        return _safely(run, call, now)

    def _answer(self, root: str, call: Call, now: datetime) -> Reply:
        """Return the answer to one call; whatever goes wrong is an answer too."""
        route, params, no_route = self._route(root, call)

        def run() -> Reply:
            self._settle()
            with self._store.writing() if route is not None and route.writes else self._store.reading() as db:
                context = Context(
                    db=db,
                    now=self._store.now(db),
                    actor=access.actor(db, call.headers.get("authorization"), self._clock()),
                    call=call,
                    params=params,
                    group_delay=self._group_delay,
                )
                if route is None:
                    raise no_route or fault.no_segment(call.path)
                if route.method != "GET" and call.query:
                    raise fault.unsupported_query("Query options are not supported for this request.")
                if route.method == "GET" and root == GRAPH_ROOT:
                    context.actor.require_reading(call.path)
                return route.handler(context)

        return _safely(run, call, now)

    def _settle(self) -> None:
        """Let group-based licensing do what is due: every request sees it done."""
        with self._store.reading() as db:
            due = processing.is_due(db, self._store.now(db))
        if due:
            with self._store.writing() as db:
                processing.settle(db, self._store.now(db))

    def _route(self, root: str, call: Call) -> tuple[Route | None, dict[str, Any], fault.Fault | None]:
        """Return who answers a call and the path's variable parts, or why nobody does."""
        if "//" in call.path:
            return None, {}, fault.no_segment("")
        path = call.path.replace("/graph.", "/microsoft.graph.")  # the alias that Microsoft's SDKs use
        try:
            rule, params = self._maps[root].bind("sandbox").match(path, call.method)
        except MethodNotAllowed:
            return None, {}, _not_allowed()
        except HTTPException:
            return None, {}, fault.no_segment(_unknown_segment(root, call.path))
        return rule, dict(params), None

    def _now(self) -> datetime:
        """Return the tenant's time, or real time where the tenant can't be read."""
        try:
            with self._store.reading() as db:
                return self._store.now(db)
        except (sqlite3.Error, UsageError):  # an answer needs a date, whatever state the tenant is in
            return self._clock()


@cache
def _map(routes: tuple[Route, ...]) -> Map:
    rules = [Rule(route.path, methods=[route.method], endpoint=route) for route in routes]
    return Map(rules, merge_slashes=False, strict_slashes=True, redirect_defaults=False)


def _wsgi_path(path: str) -> str:
    """Return PATH_INFO as WSGI wants it, UTF-8 bytes as Latin-1 text; httpx hands it over decoded."""
    try:
        path.encode("latin-1").decode()
    except UnicodeError:
        return path.encode("utf-8", "replace").decode("latin-1")
    return path


def _call(request: Request, root: str) -> tuple[Call, fault.Fault | None]:
    """Return a request as a Call, and why its body can't be read, if so."""
    body, unreadable = None, None
    request.max_content_length = wire.MAX_BODY
    try:
        body = request.get_data() or None
    except HTTPException as error:
        code = "RequestEntityTooLarge" if error.code == 413 else "BadRequest"  # noqa: PLR2004
        unreadable = fault.Fault(error.code or 400, code, "The request body is too large or incomplete.")
    call = Call(
        method=request.method,
        path=request.path.removeprefix(root),
        query=tuple(request.args.items(multi=True)),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        root=request.host_url.rstrip("/") + root,
    )
    return call, unreadable


def _safely(run: Callable[[], Reply], call: Call, now: datetime) -> Reply:
    """Return the reply of `run`, or Graph's form of what it raises."""
    try:
        return run()
    except fault.Fault as refusal:
        return wire.refusal(refusal, call, now)
    except UsageError as error:
        _log.debug("the file could not be used: %s %s", call.method, call.path, exc_info=True)
        return wire.refusal(_unusable(error), call, now)
    except sqlite3.OperationalError:
        _log.debug("the tenant could not be used: %s %s", call.method, call.path, exc_info=True)
        return wire.refusal(_BUSY, call, now)
    except Exception:  # noqa: BLE001  no traceback reaches a client; it is logged for --debug
        _log.debug("an internal error: %s %s", call.method, call.path, exc_info=True)
        message = "An internal server error occurred. The operation failed."
        return wire.refusal(fault.Fault(500, "InternalServerError", message), call, now)


_BUSY = fault.Fault(503, "serviceNotAvailable", "The service is temporarily unavailable.")


def _unusable(error: UsageError) -> fault.Fault:
    """Return why the tenant's file can't be used; nobody need try again unless it is only busy."""
    if error.code == "sandbox-busy":
        return _BUSY
    reason = error.params.get("what", error.params.get("reason", error.code))
    return fault.Fault(507, "generalException", f"The sandbox's file can't be used: {reason}.")


def _response(reply: Reply, call: Call, now: datetime) -> Response:
    headers = {
        "request-id": call.request_id,
        "client-request-id": _header_text(call.client_request_id),
        "Date": format_datetime(now, usegmt=True),
        "OData-Version": "4.0",
        "Cache-Control": "no-cache",
        **reply.headers,
    }
    if reply.body is None:
        response = Response(status=reply.status, headers=headers)
        del response.headers["Content-Type"]
        return response
    content = reply.body.encode() if isinstance(reply.body, str) else msgspec.json.encode(reply.body)
    return Response(content, status=reply.status, headers=headers, content_type=reply.media_type)


def _header_text(text: str) -> str:
    return "".join(each for each in text if " " <= each <= "~")[:200]


def _unknown_segment(root: str, path: str) -> str:
    """Return the first segment of a path at which no route goes on."""
    routes = graph.ROUTES if root == GRAPH_ROOT else commerce.ROUTES
    patterns = [route.path.strip("/").split("/") for route in routes]
    segments = path.strip("/").split("/")
    for depth, segment in enumerate(segments):
        patterns = [
            each
            for each in patterns
            if len(each) > depth and (each[depth] == segment or each[depth][0] == "<")
        ]
        if not patterns:
            return segment
    return segments[-1]


def _not_allowed() -> fault.Fault:
    return fault.Fault(405, fault.BAD_REQUEST, "Specified HTTP method is not allowed for the request target.")
