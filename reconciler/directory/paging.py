"""How are many short listings read at once, each to its end?

The first page of each goes into one batch of 20, the second pages into the next, and so on: a listing of
one page takes a twentieth of a request. A listing that did not arrive whole is an error, never a shorter
listing. Nothing is translated here.
"""

from __future__ import annotations

from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from reconciler.directory.exchange import error_of, path_of
from reconciler.directory.transport import BATCH_SIZE, EXPIRED_PAGE, MOST_PAGES
from reconciler.directory.wire import UNREADABLE, Page
from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Executor
    from datetime import datetime

    import msgspec

    from reconciler.directory.exchange import Answer
    from reconciler.directory.transport import Transport

Row = TypeVar("Row")


class Listing(NamedTuple):
    """A listing to read; `optional`: nothing need be there, and None is told then. `eventual`: see get."""

    link: str
    decoder: msgspec.json.Decoder[Page[Any]]
    eventual: bool = False
    optional: bool = False


class Read(NamedTuple):
    """The rows of each listing, in order, and the tenant's clock as the first of them was answered."""

    rows: list[list[Any] | None]
    date: datetime | None


def read(transport: Transport, listings: Sequence[Listing], pool: Executor) -> Read:
    """Read listings to their ends. Raises DirectoryError where any of one could not be read."""
    reading = [_Reading(each) for each in listings]
    waiting = {number: each.link for number, each in enumerate(listings)}
    date: datetime | None = None
    while waiting:
        following: dict[int, str] = {}
        for part in pool.map(lambda part: _answers(transport, listings, part), _parts(waiting)):
            for number, answer in part.items():
                date = date or answer.date
                link = reading[number].take(transport, answer)
                if link is not None:
                    following[number] = link
        waiting = following
    return Read([each.whole() for each in reading], date)


def rows_of(
    transport: Transport, link: str, answer: Answer, decoder: msgspec.json.Decoder[Page[Row]]
) -> list[Row] | None:
    """Return the rows of a listing whose first page is the answer; None where there is nothing to list."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    page = _page(answer, link, decoder)
    rows = list(page.value)
    if page.next_link:
        rows.extend(transport.listing(page.next_link, decoder, list))
    return rows


class _Reading:
    """One listing while it is read."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._rows: list[Any] | None = []
        self._count: int | None = None
        self._seen = {listing.link}

    def take(self, transport: Transport, answer: Answer) -> str | None:
        """Take the next page; return the link of the one after it, relative to the version root."""
        listing, rows = self._listing, self._rows or []
        if listing.optional and answer.status == HTTPStatus.NOT_FOUND and len(self._seen) == 1:
            self._rows = None
            return None
        if not answer.ok and answer.fault.code.lower() == EXPIRED_PAGE:
            # Only the first page can be asked anew.
            self._rows = transport.listing(listing.link, listing.decoder, list, eventual=listing.eventual)
            return None
        page = _page(answer, listing.link, listing.decoder)
        rows += page.value
        self._rows = rows
        if len(self._seen) == 1:
            self._count = page.count
        link = page.next_link
        if not link:
            return None
        if not link.startswith(transport.root + "/"):  # another host's is refused there
            rows += transport.listing(link, listing.decoder, list, eventual=listing.eventual)
            return None
        if link in self._seen or len(self._seen) >= MOST_PAGES:
            raise self._incomplete("its pages run in a circle")
        self._seen.add(link)
        return link.removeprefix(transport.root)

    def whole(self) -> list[Any] | None:
        """Return the rows. Raises DirectoryError("incomplete-read") where fewer came than were announced."""
        if self._rows is not None and len(self._rows) < (self._count or 0):
            raise self._incomplete(f"{len(self._rows)} of {self._count} arrived")
        return self._rows

    def _incomplete(self, message: str) -> DirectoryError:
        url, pages = path_of(self._listing.link), len(self._seen)
        return DirectoryError("incomplete-read", url=url, pages=pages, message=message)


def _page(answer: Answer, link: str, decoder: msgspec.json.Decoder[Page[Row]]) -> Page[Row]:
    if not answer.ok:
        raise error_of(answer, link)
    try:
        return decoder.decode(answer.content)
    except UNREADABLE as error:
        raise DirectoryError("bad-answer", url=path_of(link), message=str(error)) from error


def _parts(waiting: Mapping[int, str]) -> Iterator[dict[int, str]]:
    items = iter(waiting.items())
    while part := dict(islice(items, BATCH_SIZE)):
        yield part


def _answers(transport: Transport, listings: Sequence[Listing], part: Mapping[int, str]) -> dict[int, Answer]:
    eventual = {link for number, link in part.items() if listings[number].eventual}
    answers = transport.read_batch(list(part.values()), eventual=eventual)
    return dict(zip(part, answers, strict=True))
