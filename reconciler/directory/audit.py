"""Which licences were taken from whom lately, as the tenant's own log tells it?

Reads the events "Update user" of a window of time, and compares the SKUs that a user held before and after:
an event without a difference is noise, and one whose values were cut short or make no sense says nothing.
The log allows five requests in ten seconds, so it is read at that pace, and no further than a few minutes
of it. What a tenant does not let be filtered is filtered here.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from reconciler.directory import graph, wire
from reconciler.directory.transport import EXPIRED_PAGE
from reconciler.directory.wire import Page
from reconciler.errors import DirectoryError
from reconciler.model import Removal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from reconciler.directory.transport import Transport

LINK = "/auditLogs/directoryAudits"
REQUESTS, SECONDS = 5, 10.0  # Microsoft's limit, an app in a tenant
MOST_PAGES = 60  # of a thousand events: two minutes

_NAME = "Update user"
_PAGE = msgspec.json.Decoder(Page[wire.Audit])
_SKU = re.compile(r"SkuId\W{1,4}([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What the log tells: licences taken away since an instant; `unread` events could not be understood.

    `since` is later than was asked for where the log holds more than can be read in a few minutes.
    """

    removals: tuple[Removal, ...]
    since: datetime
    unread: int = 0


class _Gate:
    """Lets five requests through in ten seconds. `clock` is monotonic."""

    def __init__(self, sleep: Callable[[float], None], clock: Callable[[], float]) -> None:
        self._sleep = sleep
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=REQUESTS)

    def wait(self) -> None:
        """Wait for a place, and take it."""
        now = self._clock()
        if len(self._sent) == REQUESTS and (pause := self._sent[0] + SECONDS - now) > 0:
            self._sleep(pause)
            now += pause
        self._sent.append(now)


def read(transport: Transport, since: datetime, *, clock: Callable[[], float] = time.monotonic) -> Audited:
    """Return the licences taken away since an instant. Raises DirectoryError where the log can't be read."""
    removals: set[Removal] = set()
    unread, oldest = 0, None
    for rows in _pages(transport, since, _Gate(transport.sleep, clock)):
        if rows is None:  # there is more than is read
            since = oldest or since
            break
        for row in rows:
            moment = _moment(row)
            oldest = min(oldest or moment, moment)
            if moment < since or row.activity_display_name != _NAME or row.result not in (None, "success"):
                continue
            for user_id, taken in _taken(row):
                if taken is None:
                    unread += 1
                else:
                    removals.update(
                        Removal(user_id=user_id, sku_id=sku_id, removed_at=moment) for sku_id in taken
                    )
    found = sorted(removals, key=lambda each: (each.user_id, each.sku_id, each.removed_at))
    return Audited(removals=tuple(found), since=since, unread=unread)


def _links(since: datetime) -> Iterator[str]:
    """Yield the ways to ask, the one that sends least first: some tenants refuse a filter, or two of them."""
    dated, named = f"activityDateTime ge {since:%Y-%m-%dT%H:%M:%SZ}", f"activityDisplayName eq '{_NAME}'"
    for terms in ((dated, named), (dated,), (named,)):
        yield f"{LINK}?$filter={' and '.join(terms)}&$top=1000"
    yield f"{LINK}?$top=1000"


def _pages(transport: Transport, since: datetime, gate: _Gate) -> Iterator[list[wire.Audit] | None]:
    """Yield the log page by page, the newest events first; None in the end where more is there."""
    page = _first(transport, since, gate)
    seen: set[str] = set()
    while True:
        yield page.value
        link = page.next_link
        times = [_moment(row) for row in page.value]
        falling = times == sorted(times, reverse=True)
        if not link or (times and times[-1] < since and falling):
            return
        if link in seen or len(seen) + 1 >= MOST_PAGES:
            break
        seen.add(link)
        gate.wait()
        try:
            page, _ = transport.get(link, _PAGE)
        except DirectoryError as error:
            if str(error.params.get("graph_code")).lower() != EXPIRED_PAGE:
                raise
            break
    if not falling:
        message = "its events do not come newest first"
        raise DirectoryError("incomplete-read", url=LINK, pages=len(seen) + 1, message=message)
    yield None


def _first(transport: Transport, since: datetime, gate: _Gate) -> Page[wire.Audit]:
    """Return the first page, asked for in a way that the tenant takes."""
    refused: DirectoryError | None = None
    for link in _links(since):
        gate.wait()
        try:
            return transport.get(link, _PAGE)[0]
        except DirectoryError as error:
            if error.params.get("status") != 400:  # noqa: PLR2004  HTTP's code of a query that is not taken
                raise
            refused = error
    raise refused or ValueError("no way to ask")


def _moment(row: wire.Audit) -> datetime:
    return graph.utc(row.activity_date_time) or row.activity_date_time


def _taken(row: wire.Audit) -> Iterator[tuple[str, frozenset[str] | None]]:
    """Yield each user of an event of licences, and the SKUs that are gone; None: nobody can tell."""
    for target in row.target_resources or ():
        if target is None or not target.id or target.type not in (None, "User"):
            continue
        for change in target.modified_properties or ():
            if change is not None and change.display_name == "AssignedLicense":
                old, new = _skus(change.old_value), _skus(change.new_value)
                yield target.id.lower(), None if old is None or new is None else old - new


def _skus(text: str | None) -> frozenset[str] | None:
    """Return the SKUs of a value: JSON in a text, whose items are texts or objects. None: not understood."""
    if not text:
        return frozenset()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    items = value if isinstance(value, list) else [] if value is None else [value]
    found: set[str] = set()
    for item in items:
        ids = _SKU.findall(item if isinstance(item, str) else json.dumps(item))
        if not ids:
            return None
        found.update(map(str.lower, ids))
    return frozenset(found)
