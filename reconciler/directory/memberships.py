"""Who is in which group?

Asks for members, 20 groups a request, and reads each answer to its end: users and member groups apart,
since a group in a group gives its own members nothing, and has to be told. It writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import msgspec

from reconciler.directory import graph, wire
from reconciler.directory.exchange import error_of, path_of
from reconciler.directory.transport import BATCH_SIZE
from reconciler.directory.wire import UNREADABLE, Page
from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Executor

    from reconciler.directory.exchange import Answer
    from reconciler.directory.transport import Transport
    from reconciler.model import Group, User

Row = TypeVar("Row")

IDS = msgspec.json.Decoder(Page[wire.Id])
_GROUPS = msgspec.json.Decoder(Page[wire.Group])
_USERS = msgspec.json.Decoder(Page[wire.User])
_USERS_ONLY, _GROUPS_ONLY = (
    "microsoft.graph.user?$select=id",
    f"microsoft.graph.group?$select={graph.GROUP_SELECT}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memberships:
    """Groups by id, whole; and id → the users in it, None where that id is no group."""

    groups: tuple[Group, ...]
    members: Mapping[str, tuple[str, ...] | None]


def read(
    transport: Transport, rows: Iterable[wire.Group], others: Sequence[str], pool: Executor
) -> Memberships:
    """Read the members of groups, of the groups among these, and of `others`, ids that may be groups'.

    Raises DirectoryError where any of it could not be read, or a group went away meanwhile.
    """
    known = {row.id.lower(): row for row in rows}
    members: dict[str, tuple[str, ...] | None] = {}
    nested: dict[str, tuple[str, ...]] = {}
    waiting = list(known)
    members.update(_ids(transport, [*waiting, *others], pool))
    while waiting:
        inner = _listed(transport, waiting, _GROUPS_ONLY, _GROUPS, pool)
        waiting = []
        for group_id, found in inner.items():
            if found is None:
                raise _gone(group_id)
            nested[group_id] = tuple(row.display_name or row.id for row in found)
            waiting += [row.id.lower() for row in found if row.id.lower() not in known]
            known |= {row.id.lower(): row for row in found if row.id.lower() not in known}
        members.update(_ids(transport, waiting, pool))
    translator = graph.Translator()
    groups = []
    for group_id in sorted(known):
        ids = members[group_id]
        if ids is None:
            raise _gone(group_id)
        groups.append(translator.group(known[group_id], ids, nested[group_id]))
    return Memberships(groups=tuple(groups), members=members)


def with_licences(transport: Transport, group_id: str) -> list[User]:
    """Return the users in a group with their licences (id, UPN and assignments), each once."""
    link = f"/groups/{quote(group_id)}/members/microsoft.graph.user?$select={graph.LICENCES_SELECT}&$top=999"
    rows = transport.listing(link, _USERS, graph.Translator().users)
    return list({user.id: user for user in rows}.values())


def _ids(transport: Transport, ids: Sequence[str], pool: Executor) -> dict[str, tuple[str, ...] | None]:
    found = _listed(transport, ids, _USERS_ONLY, IDS, pool)
    return {
        each: None if rows is None else tuple(sorted({row.id.lower() for row in rows}))
        for each, rows in found.items()
    }


def _listed(
    transport: Transport,
    ids: Sequence[str],
    what: str,
    decoder: msgspec.json.Decoder[Page[Row]],
    pool: Executor,
) -> dict[str, list[Row] | None]:
    """Return id → its members of a kind, to the end; None where that id is no group."""

    def part(ids: Sequence[str]) -> dict[str, list[Row] | None]:
        links = [f"/groups/{quote(each)}/members/{what}&$top=999" for each in ids]
        answers = transport.read_batch(links)
        return {
            each: rows_of(transport, link, answer, decoder)
            for each, link, answer in zip(ids, links, answers, strict=True)
        }

    parts = [ids[start : start + BATCH_SIZE] for start in range(0, len(ids), BATCH_SIZE)]
    found: dict[str, list[Row] | None] = {}
    for each in pool.map(part, parts):
        found.update(each)
    return found


def rows_of(
    transport: Transport, link: str, answer: Answer, decoder: msgspec.json.Decoder[Page[Row]]
) -> list[Row] | None:
    """Return the rows of a listing whose first page is the answer; None where there is nothing to list."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    if not answer.ok:
        raise error_of(answer, link)
    try:
        page = decoder.decode(answer.content)
    except UNREADABLE as error:
        raise DirectoryError("bad-answer", url=path_of(link), message=str(error)) from error
    rows = list(page.value)
    if page.next_link:
        rows.extend(transport.listing(page.next_link, decoder, list))
    return rows


def _gone(group_id: str) -> DirectoryError:
    return DirectoryError(
        "incomplete-read", url="/groups", message=f"group {group_id} went away while it was read"
    )
