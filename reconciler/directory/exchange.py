"""What is asked of a tenant, what came back, and what does an error in it mean?

Values of one call, alone or inside a batch. Nothing is sent here.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.directory.wire import UNREADABLE, BatchReply, Fault, FaultReply
from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CODES = {401: "unauthorized", 403: "forbidden", 404: "not-found", 429: "throttled"}
_NO_FAULT = Fault()
_FAULT = msgspec.json.Decoder(FaultReply)
LOW_PRIORITY = {"x-ms-throttle-priority": "low"}
"""Asks a tenant that is short of breath to let others pass: nobody waits at a screen for a run of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call inside a batch, or alone; `link` is relative to the version root.

    `eventual` asks for the index that `$count` in a filter needs.
    """

    method: str
    link: str
    body: Mapping[str, Any] | None = None
    eventual: bool = False
    client_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the tenant answered; header names are in lower case. `generation` is that of the token."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    client_request_id: str
    generation: int = 0

    @property
    def ok(self) -> bool:
        """Tell whether the tenant did what was asked."""
        return self.status // 100 == 2  # noqa: PLR2004  HTTP's class of success

    @property
    def refused(self) -> bool:
        """Tell whether the tenant said no: then nothing was changed. A time-out (408) is no answer."""
        return self.status // 100 == 4 and self.status != HTTPStatus.REQUEST_TIMEOUT  # noqa: PLR2004  HTTP's class

    @property
    def retry_after(self) -> float | None:
        """Return the seconds that the tenant asks to wait, or None where it doesn't say."""
        return seconds_to_wait(self.headers.get("retry-after"), self.headers.get("date"))

    @property
    def used(self) -> float:
        """Return the part of its limit that the tenant says is used; it says so only near it."""
        try:
            return float(self.headers.get("x-ms-throttle-limit-percentage", ""))
        except ValueError:
            return 0.0

    @property
    def date(self) -> datetime | None:
        """Return the tenant's own clock in UTC (the `Date` header)."""
        return _http_date(self.headers.get("date"))

    @property
    def fault(self) -> Fault:
        """Return Graph's error object, or one without code and message."""
        try:
            return _FAULT.decode(self.content).error
        except UNREADABLE:
            return _NO_FAULT

    @property
    def request_id(self) -> str | None:
        """Return the id under which the tenant's support finds this call."""
        return self.headers.get("request-id") or self.fault.inner_error.request_id


class Lost(Exception):
    """No usable answer came to a write. `sent` is False where the request never left.

    `code` tells why it is of no use to try again now; None: it may be.
    """

    def __init__(
        self, client_request_id: str, reason: str, *, sent: bool = True, code: str | None = None
    ) -> None:
        super().__init__(reason)
        self.client_request_id = client_request_id
        self.reason = reason
        self.sent = sent
        self.code = code


def _http_date(value: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value) if value else None
    except ValueError:
        return None
    if moment is None:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def seconds_to_wait(value: str | None, date: str | None = None) -> float | None:
    """Return the seconds of a Retry-After: an integer, a decimal (seen from Graph) or an HTTP date.

    A date counts from the answer's own `Date`, since the local clock may be off. What can't be
    understood is None: the caller then backs off on its own.
    """
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        until, now = _http_date(value), _http_date(date) or datetime.now(UTC)
        return max(0.0, (until - now).total_seconds()) if until else None
    return seconds if 0 <= seconds < float("inf") else None


def error_of(answer: Answer, link: str) -> DirectoryError:
    """Return the error for an answer that ends a read."""
    fault = answer.fault
    code = _CODES.get(answer.status)
    if code is None:
        kind = answer.status // 100
        code = "rejected" if kind == 4 else "unreachable" if kind == 5 else "bad-answer"  # noqa: PLR2004  HTTP's classes
    return DirectoryError(
        code,
        url=path_of(link),
        status=answer.status,
        graph_code=fault.code or None,
        message=fault.message or None,
        request_id=answer.request_id,
        client_request_id=answer.client_request_id,
    )


def path_of(link: str) -> str:
    """Return a link without its query, which is long and says nothing to a person."""
    return link.partition("?")[0]


def batch_of(requests: Sequence[Request]) -> Request:
    """Return the one request that carries several."""
    items: list[dict[str, Any]] = []
    for number, request in enumerate(requests):
        item: dict[str, Any] = {"id": str(number), "method": request.method, "url": request.link}
        item["headers"] = {"client-request-id": request.client_request_id, **LOW_PRIORITY}
        if request.eventual:
            item["headers"]["ConsistencyLevel"] = "eventual"
        if request.body is not None:
            item["headers"]["Content-Type"] = "application/json"
            item["body"] = request.body
        items.append(item)
    return Request(method="POST", link="/$batch", body={"requests": items})


def items_of(reply: BatchReply, requests: Sequence[Request], outer: Answer) -> list[Answer | None]:
    """Return the answers in the order of the requests: Graph gives them in any.

    Those inside have no clock of their own: they get the outer one's.
    """
    by_id = {item.id: item for item in reply.responses}
    clock = {name: outer.headers[name] for name in ("date",) if name in outer.headers}
    answers: list[Answer | None] = []
    for number, request in enumerate(requests):
        item = by_id.get(str(number))
        answers.append(
            None
            if item is None
            else Answer(
                status=item.status,
                headers=clock | {name.lower(): str(value) for name, value in (item.headers or {}).items()},
                content=bytes(item.body),
                client_request_id=request.client_request_id,
                generation=outer.generation,
            )
        )
    return answers


def missing(outer: Answer) -> Answer:
    """Return the answer of an item that a batch's answer lacks: as good as none."""
    return Answer(status=502, headers=outer.headers, content=b"", client_request_id=outer.client_request_id)
