"""What are some users' mailboxes for: a person, several, a room?

Graph tells it of one user at a time only, so it is asked in batches of 20, and only of those for whom it
decides something: who that is, the caller says. Not being told is an answer too: it is never "user".
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from reconciler.directory import wire
from reconciler.directory.transport import BATCH_SIZE
from reconciler.model import Mailbox

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from concurrent.futures import Executor

    from reconciler.directory.exchange import Answer
    from reconciler.directory.transport import Transport

NO_MAILBOX = "mailboxnotenabledforrestapi"
_OWNER = msgspec.json.Decoder(wire.MailboxOwner)


def read(transport: Transport, pool: Executor, user_ids: Collection[str]) -> tuple[Mailbox, ...]:
    """Return the mailboxes of users, by user id. Raises DirectoryError where a whole batch is not answered.

    A user without a mailbox gets no row. Where one user's answer is a refusal or can't be read, the row
    has no purpose.
    """
    ids = sorted(set(user_ids))
    parts = [ids[start : start + BATCH_SIZE] for start in range(0, len(ids), BATCH_SIZE)]
    found = pool.map(lambda part: list(_part(transport, part)), parts)
    return tuple(mailbox for part in found for mailbox in part)


def _part(transport: Transport, ids: Sequence[str]) -> Iterator[Mailbox]:
    links = [f"/users/{quote(each)}?$select=mailboxSettings" for each in ids]
    for user_id, answer in zip(ids, transport.read_batch(links), strict=True):
        if answer.status != HTTPStatus.NOT_FOUND or (answer.fault.code or "").lower() != NO_MAILBOX:
            yield Mailbox(user_id=user_id, purpose=_purpose(answer))


def _purpose(answer: Answer) -> str | None:
    if not answer.ok:
        return None
    try:
        settings = _OWNER.decode(answer.content).mailbox_settings
    except wire.UNREADABLE:
        return None
    return (settings.user_purpose or None) if settings else None
