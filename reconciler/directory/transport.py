"""How does one request get an answer? Headers, token, retries of reads, pages, batches.

The only module that speaks HTTP: everything that httpx raises ends here as a DirectoryError, or as
`Lost` for a write. A read is retried within bounds; a write is sent once, and whoever sent it must
look before sending again (design §9: Microsoft's own stacks were measured to commit one POST four
times). A token goes to the exact origin of the base URL and nowhere else.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, TypeVar

import httpx
import msgspec

from reconciler.directory.collector import collector_paused
from reconciler.directory.exchange import (
    Answer,
    Lost,
    Request,
    batch_of,
    error_of,
    items_of,
    missing,
    path_of,
)
from reconciler.directory.wire import UNREADABLE, BatchReply, Page
from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

T = TypeVar("T")
Row = TypeVar("Row")

ATTEMPTS = 6  # of one read
LONGEST_WAIT = 300.0  # seconds; a tenant that asks for more is told to the user instead
BATCH_SIZE = 20  # Graph's limit for $batch
MOST_PAGES = 100_000  # of one listing: a chain of links that never ends is no listing
RESTARTS = 2  # of one listing whose page token expired on the way
_EXPIRED_PAGE = "directory_expiredpagetoken"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_BATCH = msgspec.json.Decoder(BatchReply)


class Transport:
    """One face of a tenant: a base URL, the token for it, and how patient to be.

    Safe to use from several threads. `sleep` and `jitter` (a number from 0 to 1) are given by tests.
    """

    def __init__(
        self,
        client: httpx.Client,
        base_url: str,
        token: Callable[[], str],
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self.root = base_url.rstrip("/")
        self._origin = _origin(httpx.URL(self.root))
        self._token = token
        self.sleep = sleep
        self._jitter = jitter

    def back_off(self, attempt: int) -> float:
        """Return the seconds to wait after failure number `attempt` (from 0): doubling, with jitter."""
        return float(min(30.0, 0.5 * 2**attempt) * (0.5 + self._jitter() / 2))

    # ------------------------------------------------------------ one request

    def send(self, request: Request, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Send once. Raises Lost where no answer came, DirectoryError("foreign-link") for another origin."""
        url = self._url(request.link)
        known = {
            "Authorization": f"Bearer {self._token()}",
            "client-request-id": request.client_request_id,
            "Accept": "application/json",
            **(headers or {}),
        }
        content = None
        if request.body is not None:
            known["Content-Type"] = "application/json"
            content = msgspec.json.encode(request.body)
        try:
            response = self._client.request(request.method, url, headers=known, content=content)
        except _UNSENT as error:
            raise Lost(request.client_request_id, _reason(error), sent=False) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise Lost(request.client_request_id, _reason(error)) from error
        return Answer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            content=response.content,
            client_request_id=request.client_request_id,
        )

    def _url(self, link: str) -> httpx.URL:
        if link.startswith("/"):
            return httpx.URL(self.root + link)
        try:
            url = httpx.URL(link)
        except httpx.InvalidURL as error:
            raise DirectoryError("foreign-link", url=path_of(link), host=None) from error
        if _origin(url) != self._origin or url.userinfo:
            raise DirectoryError("foreign-link", url=path_of(link), host=url.host)
        return url

    # ------------------------------------------------------------ reads

    def get(self, link: str, decoder: msgspec.json.Decoder[T], *, eventual: bool = False) -> tuple[T, Answer]:
        """Read one thing. `eventual` asks for the index that `$count` in a filter needs."""
        headers = {"x-ms-throttle-priority": "low"}
        if eventual:
            headers["ConsistencyLevel"] = "eventual"
        return self._read(lambda: Request(method="GET", link=link), headers, decoder)

    def _read(
        self, request: Callable[[], Request], headers: Mapping[str, str], decoder: msgspec.json.Decoder[T]
    ) -> tuple[T, Answer]:
        attempt = 0
        while True:
            made, wait = request(), None
            try:
                answer = self.send(made, headers=headers)
                if answer.ok:
                    with collector_paused():
                        return decoder.decode(answer.content), answer
            except Lost as lost:
                error = DirectoryError(
                    "unreachable",
                    url=path_of(made.link),
                    message=lost.reason,
                    client_request_id=made.client_request_id,
                )
                error.__cause__ = lost
            except UNREADABLE as cause:
                # A body cut short, or a proxy's page: may be right the next time.
                error = DirectoryError(
                    "bad-answer",
                    url=path_of(made.link),
                    message=str(cause),
                    client_request_id=made.client_request_id,
                )
                error.__cause__ = cause
            else:
                error, wait = error_of(answer, made.link), answer.retry_after
                if answer.status not in _RETRIED:
                    raise error
            attempt += 1
            pause = self.back_off(attempt - 1) if wait is None else wait
            if attempt == ATTEMPTS or pause > LONGEST_WAIT:
                error.params["retry_after"] = wait
                raise error
            self.sleep(pause)

    def listing(
        self,
        link: str,
        decoder: msgspec.json.Decoder[Page[Row]],
        translate: Callable[[Sequence[Row]], Iterable[T]],
        *,
        eventual: bool = False,
    ) -> list[T]:
        """Read a listing to its end, each page translated as it comes.

        Raises DirectoryError("incomplete-read") where the pages run in a circle or never end: what
        did not arrive whole is no listing at all, since absence would look like removal.
        """
        restarts = 0
        while True:
            found: list[T] = []
            try:
                for rows in self._pages(link, decoder, eventual=eventual):
                    with collector_paused():
                        found.extend(translate(rows))
            except DirectoryError as error:
                # Graph drops the token of a listing that took long: only the first page can be asked anew.
                if str(error.params.get("graph_code")).lower() != _EXPIRED_PAGE or restarts == RESTARTS:
                    raise
                restarts += 1
            else:
                return found

    def _pages(
        self, link: str, decoder: msgspec.json.Decoder[Page[Row]], *, eventual: bool
    ) -> Iterator[Sequence[Row]]:
        seen: set[str] = set()
        following: str | None = link
        while following is not None:
            if following in seen or len(seen) >= MOST_PAGES:
                raise DirectoryError(
                    "incomplete-read", url=path_of(link), pages=len(seen), message="its pages run in a circle"
                )
            seen.add(following)
            page, _ = self.get(following, decoder, eventual=eventual)
            yield page.value
            following = page.next_link or None

    # ------------------------------------------------------------ batches

    def read_batch(self, links: Sequence[str], *, eventual: Collection[str] = ()) -> list[Answer]:
        """Read up to 20 things in one request; an item that is throttled or down is asked again, alone.

        Items that stay bad are returned as they are: each has its own status. `eventual`: see get.
        """
        answers: dict[int, Answer] = {}
        waiting = list(range(len(links)))
        for attempt in range(ATTEMPTS):
            requests = [
                Request(method="GET", link=links[index], eventual=links[index] in eventual)
                for index in waiting
            ]
            reply, outer = self._read(
                lambda requests=requests: batch_of(requests),  # type: ignore[misc]
                {"x-ms-throttle-priority": "low"},
                _BATCH,
            )
            got = items_of(reply, requests, outer)
            for index, answer in zip(waiting, got, strict=True):
                answers[index] = answer or missing(outer)
            waiting = [index for index in waiting if answers[index].status in _RETRIED]
            if not waiting or attempt + 1 == ATTEMPTS:
                break
            asked = [wait for index in waiting if (wait := answers[index].retry_after) is not None]
            pause = max(asked, default=self.back_off(attempt))
            if pause > LONGEST_WAIT:
                break
            self.sleep(pause)
        return [answers[index] for index in range(len(links))]

    def write_batch(self, requests: Sequence[Request]) -> list[Answer | Lost]:
        """Send up to 20 writes in one request, once. Each has its own answer, or none.

        Where the batch as a whole was refused or lost, that is the answer of each of its items.
        """
        outer = batch_of(requests)
        try:
            answer = self.send(outer)
            reply = _BATCH.decode(answer.content) if answer.ok else None
        except Lost as lost:
            return [Lost(each.client_request_id, lost.reason, sent=lost.sent) for each in requests]
        except UNREADABLE as error:
            return [Lost(each.client_request_id, str(error)) for each in requests]
        if reply is None:
            return [
                Answer(
                    status=answer.status,
                    headers=answer.headers,
                    content=answer.content,
                    client_request_id=each.client_request_id,
                )
                for each in requests
            ]
        return [
            item or Lost(each.client_request_id, "the batch's answer lacks this item")
            for each, item in zip(requests, items_of(reply, requests, answer), strict=True)
        ]


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or _DEFAULT_PORTS.get(url.scheme)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
