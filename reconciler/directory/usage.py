"""How large are mailboxes, and who has an archive, by the tenant's report on their usage?

One file of the last seven days, a day or two old. Graph answers with the address of the file, which stands
with another host and takes no token; only Microsoft's own hosts are followed there. Where the tenant hides
names in its reports, the file tells of nobody.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from reconciler.directory.exchange import Lost, Request, error_of
from reconciler.directory.pacing import LONGEST_WAIT
from reconciler.directory.transport import ATTEMPTS, RETRIED
from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from reconciler.directory.exchange import Answer
    from reconciler.directory.transport import Transport

LINK = "/reports/getMailboxUsageDetail(period='D7')"
_NAME, _SIZE, _ARCHIVE, _GONE = "user principal name", "storage used (byte)", "has archive", "is deleted"
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")


class Use(NamedTuple):
    """What the report tells of one mailbox; None: it does not."""

    bytes: int | None
    has_archive: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """UPN, in lower case → what the report tells; `concealed`: it names nobody."""

    mailboxes: Mapping[str, Use]
    concealed: bool = False


def read(transport: Transport) -> Usage:
    """Return what the report tells. Raises DirectoryError where it can't be had."""
    answer = _patiently(transport, LINK, lambda: transport.send(Request(method="GET", link=LINK)))
    where = answer.headers.get("location")
    if answer.status == HTTPStatus.FOUND and where:
        answer = _patiently(transport, LINK, lambda: transport.fetch(where))
    if not answer.ok:
        raise error_of(answer, LINK)
    try:
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DirectoryError("bad-answer", url=LINK, message=str(error)) from error
    if rows and _NAME not in {str(name).strip().lower() for name in rows[0]}:
        raise DirectoryError("bad-answer", url=LINK, message="it has no column of user principal names")
    found = dict(_mailboxes(rows))
    return Usage(mailboxes=found, concealed=bool(found) and not any("@" in name for name in found))


def _patiently(transport: Transport, link: str, ask: Callable[[], Answer]) -> Answer:
    """Return an answer that is none of those that pass."""
    attempt = 0
    while True:
        wait: float | None = None
        try:
            answer = ask()
        except Lost as lost:
            error = DirectoryError("unreachable", url=link, message=lost.reason)
            error.__cause__ = lost
        else:
            if answer.status not in RETRIED:
                return answer
            error, wait = error_of(answer, link), answer.retry_after
        attempt += 1
        if attempt == ATTEMPTS or (wait or 0.0) > LONGEST_WAIT:
            raise error
        transport.sleep(transport.back_off(attempt - 1) if wait is None else wait)


def _mailboxes(rows: list[dict[str | None, str]]) -> Iterator[tuple[str, Use]]:
    for row in rows:
        told = {str(name).strip().lower(): str(value or "").strip() for name, value in row.items()}
        if told[_NAME] and told.get(_GONE, "").lower() not in _YES:
            size, archive = told.get(_SIZE, ""), told.get(_ARCHIVE, "").lower()
            has = True if archive in _YES else False if archive in _NO else None
            yield told[_NAME].lower(), Use(int(size) if size.isdecimal() else None, has)
