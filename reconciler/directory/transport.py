"""How does a question get its answer? Retries of reads, pages, batches, the tenant's pace.

A read is retried within bounds, and where it fails that is a DirectoryError. A write is sent once, and
whoever sent it must look before sending again (Microsoft's own stacks were measured to commit one POST
four times). How a request is sent, sending.py knows; how fast, pacing.py.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

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
from reconciler.directory.pacing import LONGEST_WAIT, Closed
from reconciler.directory.wire import UNREADABLE, BatchReply, Page
from reconciler.errors import DirectoryError, ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from reconciler.directory.pacing import Pace
    from reconciler.directory.sending import Sender

T = TypeVar("T")
Row = TypeVar("Row")

ATTEMPTS = 6  # of one read
BATCH_SIZE = 20  # Graph's limit for $batch
MOST_PAGES = 100_000  # of one listing: a chain of links that never ends is no listing
RESTARTS = 2  # of one listing whose page token expired on the way
EXPIRED_PAGE = "directory_expiredpagetoken"
RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_ASKING_FOR_QUIET = frozenset({429, 503})
_BATCH = msgspec.json.Decoder(BatchReply)


class Transport:
    """One face of a tenant, and how patient to be with it.

    Safe to use from several threads. `sleep` and `jitter` (a number from 0 to 1) are given by tests.
    """

    def __init__(
        self,
        sender: Sender,
        pace: Pace,
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.root = sender.root
        self.pace = pace
        self.sleep = sleep
        self._sender = sender
        self._jitter = jitter

    def back_off(self, attempt: int) -> float:
        """Return the seconds to wait after failure number `attempt` (from 0): doubling, with jitter."""
        return float(min(30.0, 0.5 * 2**attempt) * (0.5 + self._jitter() / 2))

    def send(self, request: Request, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Send once, when the tenant does not ask for quiet; see Sender.send."""
        self.pace.wait()
        answer = self._sender.send(request, headers)
        self._heed(answer)
        return answer

    def fetch(self, url: str) -> Answer:
        """Get a file that the tenant named, once and without a token; see Sender.fetch."""
        return self._sender.fetch(url)

    def another_token(self, answer: Answer) -> bool:
        """Tell whether an answer is a refused sign-in, and there is another token to try with."""
        return answer.status == HTTPStatus.UNAUTHORIZED and self._sender.another_token(answer)

    def _heed(self, *answers: Answer) -> None:
        """Let everybody keep the pauses that a tenant asks for, and slow down near its limits."""
        for answer in answers:
            if answer.status in _ASKING_FOR_QUIET and answer.retry_after:
                self.pace.quiet(answer.retry_after)
        self.pace.strained(max(answer.used for answer in answers))

    # ------------------------------------------------------------ reads

    def get(self, link: str, decoder: msgspec.json.Decoder[T], *, eventual: bool = False) -> tuple[T, Answer]:
        """Read one thing. `eventual` asks for the index that `$count` in a filter needs."""
        headers = {"ConsistencyLevel": "eventual"} if eventual else {}
        return self._read(lambda: Request(method="GET", link=link), headers, decoder)

    def _read(
        self, request: Callable[[], Request], headers: Mapping[str, str], decoder: msgspec.json.Decoder[T]
    ) -> tuple[T, Answer]:
        attempt, renewed = 0, False
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
                if not renewed and self.another_token(answer):
                    renewed = True
                    continue
                if answer.status not in RETRIED:
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
            except UNREADABLE as error:  # what users hold is decoded as they are translated
                raise DirectoryError("bad-answer", url=path_of(link), message=str(error)) from error
            except DirectoryError as error:
                # Graph drops the token of a listing that took long: only the first page can be asked anew.
                if str(error.params.get("graph_code")).lower() != EXPIRED_PAGE or restarts == RESTARTS:
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
        waiting, renewed = list(range(len(links))), False
        for attempt in range(ATTEMPTS):
            requests = [
                Request(method="GET", link=links[index], eventual=links[index] in eventual)
                for index in waiting
            ]
            reply, outer = self._read(
                lambda requests=requests: batch_of(requests),  # type: ignore[misc]
                {},
                _BATCH,
            )
            got = items_of(reply, requests, outer)
            for index, answer in zip(waiting, got, strict=True):
                answers[index] = answer or missing(outer)
            self._heed(*(answers[index] for index in waiting))
            again = not renewed and any(self.another_token(answers[index]) for index in waiting)
            renewed = renewed or again
            retried = RETRIED | {HTTPStatus.UNAUTHORIZED} if again else RETRIED
            waiting = [index for index in waiting if answers[index].status in retried]
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
        try:
            with self.pace.writing(len(requests)) as moment:
                answers = self._write(requests)
        except Closed as closed:
            return [
                Lost(each.client_request_id, str(closed), sent=False, code="throttled") for each in requests
            ]
        answered = [each for each in answers if isinstance(each, Answer)]
        if answered:
            self._heed(*answered)
        if any(each.status == HTTPStatus.TOO_MANY_REQUESTS for each in answered):
            self.pace.refused(moment)
        else:
            self.pace.accepted(sum(each.ok for each in answered))
        return answers

    def _write(self, requests: Sequence[Request]) -> list[Answer | Lost]:
        try:
            answer = self._sender.send(batch_of(requests))
            reply = _BATCH.decode(answer.content) if answer.ok else None
        except Lost as lost:
            return [Lost(each.client_request_id, lost.reason, sent=lost.sent) for each in requests]
        except UNREADABLE as error:
            return [Lost(each.client_request_id, str(error)) for each in requests]
        except ReconcilerError as error:  # no token is to be had
            return [
                Lost(each.client_request_id, error.code, sent=False, code="unauthorized") for each in requests
            ]
        if reply is None:
            return [replace(answer, client_request_id=each.client_request_id) for each in requests]
        return [
            item or Lost(each.client_request_id, "the batch's answer lacks this item")
            for each, item in zip(requests, items_of(reply, requests, answer), strict=True)
        ]
