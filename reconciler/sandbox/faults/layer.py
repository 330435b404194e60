"""How does a fault come between a client and the tenant?

A WSGI application around another one: it takes each request apart into its calls, lets the faults that
were described strike them, and keeps a list of what the tenant really carried out. Which rules strike is
decided in description.py, what an answer then looks like in answers.py. It may be called from many threads.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from reconciler.sandbox.faults import answers, calls, inner, lag
from reconciler.sandbox.faults.answers import Reply
from reconciler.sandbox.faults.calls import BATCH, GRAPH, Call
from reconciler.sandbox.faults.description import Chooser
from reconciler.sandbox.faults.others import Others
from reconciler.sandbox.faults.throttle import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from reconciler.sandbox.clock import Clock
    from reconciler.sandbox.faults.description import Faults, Rule
    from reconciler.sandbox.faults.kinds import Scope

    Replies = dict[str | None, Reply | None]

_LAGS = ("stale-reads", "consumed-lag")


class Severed(Exception):
    """No answer comes: the connection ends in the way that `kind` names."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Commit(NamedTuple):
    """A write that the tenant carried out; `ours` is False where another administrator made it."""

    at: datetime
    call: Call
    reply: Reply
    ours: bool = True


class Strike(NamedTuple):
    """A fault that struck a call."""

    rule: Rule
    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """One request: itself, the calls that it is made of (or it alone), and what strikes them."""

    outer: Call
    calls: Sequence[Call]
    strikes: Sequence[Strike]

    @property
    def batch(self) -> bool:
        return self.calls[0] is not self.outer

    def of(self, scope: Scope) -> list[Strike]:
        """Return what strikes in a scope."""
        return [strike for strike in self.strikes if strike.rule.facts.scope == scope]

    def answering(self, call: Call) -> Rule | None:
        """Return the rule that makes another answer of a call, the first if there are several."""
        return next((rule for rule, struck in self.of("answer") if struck is call), None)


class Layer:
    """The faults around a tenant.

    `copy` returns a copy of the tenant as it is now, as an application. `sleep` is how time passes.
    `commits`, `strikes` and `seen` (every call: batches, and what is in them) grow with each request.
    """

    def __init__(
        self,
        app: WSGIApplication,
        faults: Faults,
        *,
        clock: Clock,
        copy: Callable[[], WSGIApplication],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._app = app
        self._clock = clock
        self._sleep = sleep
        self._lag = lag.Lag(copy)
        self._others = Others(app)
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # one request with writes at a time: what is carried out has an order
        self.commits: list[Commit] = []
        self.strikes: list[Strike] = []
        self.seen: list[Call] = []
        self.change(faults)

    def change(self, faults: Faults) -> None:
        """Let other things go wrong from now on; what lags goes on lagging."""
        self._faults = faults
        self._chooser = Chooser(faults)
        self._meter: Meter | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (WSGI). Raises Severed where no answer shall come."""
        request = self._request(calls.of_environ(environ))
        if any(call.writes for call in request.calls):
            with self._turn:
                reply = self._answer(request)
        else:
            reply = self._answer(request)
        body = b"" if request.outer.method == "HEAD" else reply.body
        headers = [(name, text) for name, text in reply.headers.items() if name.lower() != "content-length"]
        status = f"{reply.status} {HTTPStatus(reply.status).phrase}"
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]

    # ------------------------------------------------------------ what is asked, and what strikes it

    def _request(self, outer: Call) -> _Request:
        """Return a request with what strikes it, and take note of both."""
        parts = inner.items(outer) if outer.kind == BATCH else []
        if parts:
            parts = [self._sized(call) for call in parts]
            outer = inner.with_items(outer, parts)
        else:
            outer = self._sized(outer)
        every = [outer, *parts]
        strikes = [Strike(rule, call) for call in every for rule in self._chooser.strikes(call)]
        with self._lock:
            self.seen += every
            self.strikes += strikes
        return _Request(outer=outer, calls=parts or [outer], strikes=strikes)

    def _sized(self, call: Call) -> Call:
        """Return a call whose page is no larger than pages are here."""
        size, top = self._faults.page_size, call.options.get("$top", "")
        if size is None or call.method != "GET" or not top.isdigit() or int(top) <= size:
            return call
        return call.with_options(top=str(size))

    # ------------------------------------------------------------ one request

    def _answer(self, request: _Request) -> Reply:
        for rule, call in request.of("beside"):
            if rule.kind == "latency":
                self._sleep(rule.duration)
            elif rule.kind == "seats-taken":
                taken = self._others.take_seats(call, rule.count)
                self.commits += [Commit(self._clock(), each, reply, ours=False) for each, reply in taken]
        for rule, _ in request.of("connection"):
            if rule.commits:
                self._carry_out(request)
            self._sleep(rule.duration)
            raise Severed(rule.kind)
        whole = request.answering(request.outer) if request.batch else None
        if whole is None:
            return self._carry_out(request)
        told = self._carry_out(request) if whole.commits else None
        return answers.struck(whole, request.outer, told, self._clock()) or Reply(status=200)

    def _carry_out(self, request: _Request) -> Reply:
        """Return the answer to a request that arrived; faults may still strike what it is made of."""
        now = self._clock()
        replies: Replies = self._throttled(request.calls, now)
        for call in request.calls:
            rule = request.answering(call)
            if rule is not None and not rule.commits and call.item not in replies:
                replies[call.item] = answers.struck(rule, call, None, now)
        before = {rule.kind: self._lag.copy() for rule, _ in request.of("beside") if rule.kind in _LAGS}
        frame, told = self._passed_on(request, replies, now)
        for call in request.calls:
            reply = told.get(call.item)
            if reply is not None:
                self._note(request, call, reply, before)
                rule = request.answering(call)
                replies[call.item] = reply if rule is None else answers.struck(rule, call, reply, now)
        if not request.batch:
            return self._metered(request.outer, replies[None] or Reply(status=200))
        if not frame.ok:
            return frame
        shown = {
            call.item: self._metered(call, reply)
            for call in request.calls
            if (reply := replies.get(call.item)) is not None
        }
        return inner.batch_of(frame, shown, request.calls)

    def _passed_on(
        self, request: _Request, replies: Replies, now: datetime
    ) -> tuple[Reply, dict[str | None, Reply]]:
        """Return what the tenant, or a replica that is behind, says to the calls without a reply."""
        told: dict[str | None, Reply] = {}
        for call in request.calls:
            replica = None if call.item in replies else self._lag.replica(call, now.timestamp())
            if replica is not None:
                told[call.item] = inner.ask(replica, call)
        if request.batch:
            held_back = {key: reply for key, reply in (replies | told).items() if key is not None}
            frame, answered = inner.ask_batch(self._app, request.outer, held_back)
            return frame, told | answered
        if None not in told and None not in replies:
            told[None] = inner.ask(self._app, request.outer)
        return Reply(status=200), told

    def _note(
        self, request: _Request, call: Call, reply: Reply, before: Mapping[str, WSGIApplication]
    ) -> None:
        """Take note of what was carried out, and let reads of it lag where a rule says so."""
        if not (call.writes and reply.ok):
            return
        now = self._clock()
        self.commits.append(Commit(now, call, reply))
        for rule, struck in request.of("beside"):
            if struck is not call or rule.kind not in _LAGS:
                continue
            until = now.timestamp() + rule.duration
            if rule.kind == "stale-reads":
                self._lag.hold(lag.names_of(call, reply), before[rule.kind], until)
            else:
                self._lag.hold_skus(before[rule.kind], until)

    # ------------------------------------------------------------ limits

    def _throttled(self, parts: Sequence[Call], now: datetime) -> Replies:
        """Return the refusals of those calls for which the tenant is too busy, by item."""
        if self._faults.throttle is None:
            return {}
        moment = now.timestamp()
        with self._lock:
            if self._meter is None:
                self._meter = Meter(self._faults.throttle, moment, self._users)
            self._meter.begin(moment)
            refused = {call.item: self._meter.refuse(call, moment) for call in parts}
        return {key: reply for key, reply in refused.items() if reply is not None}

    def _metered(self, call: Call, reply: Reply) -> Reply:
        if self._meter is None:
            return reply
        with self._lock:
            return self._meter.note(call, reply)

    def _users(self) -> int:
        """Return how many users the tenant has."""
        headers = {"authorization": "Bearer sandbox", "consistencylevel": "eventual"}
        reply = inner.ask(self._app, Call(method="GET", path=f"{GRAPH}/users/$count", headers=headers))
        return int(reply.body) if reply.ok else 0
