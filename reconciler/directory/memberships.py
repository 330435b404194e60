"""Who is in which group?

Asks for members, 20 groups a request, and reads each answer to its end: users and member groups apart,
since a group in a group gives its own members nothing, and has to be told. It writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import msgspec

from reconciler.directory import graph, paging, wire
from reconciler.directory.paging import Listing
from reconciler.directory.wire import Page
from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Executor

    from reconciler.directory.transport import Transport
    from reconciler.model import Group, User

IDS = msgspec.json.Decoder(Page[wire.Id])
GROUPS = msgspec.json.Decoder(Page[wire.Group])
_MEMBERS = msgspec.json.Decoder(Page[wire.Member])
_USERS = msgspec.json.Decoder(Page[wire.User])
_USER, _GROUP = "#microsoft.graph.user", "#microsoft.graph.group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memberships:
    """Groups by id, whole; and id → the users in it, None where that id is no group."""

    groups: tuple[Group, ...]
    members: Mapping[str, tuple[str, ...] | None]


class _Members(NamedTuple):
    """The ids of what is in a group itself, sorted."""

    users: tuple[str, ...]
    groups: tuple[str, ...]


def read(
    transport: Transport, rows: Iterable[wire.Group], others: Iterable[str], pool: Executor
) -> Memberships:
    """Read the members of groups, of the groups among these, and of `others`, ids that may be groups'.

    Raises DirectoryError where any of it could not be read, or a group went away meanwhile.
    """
    known = {row.id.lower(): row for row in rows}
    found = _members(transport, {*known, *others}, pool)
    while nested := {inner for each in known for inner in _of(found, each).groups} - known.keys():
        read = paging.read(transport, [group_listing(each) for each in sorted(nested)], pool)
        known |= {row.id.lower(): row for listed in read.rows for row in listed or ()}
        found |= _members(transport, nested - found.keys(), pool)
        gone = nested - known.keys()
        if gone:
            raise _gone(min(gone))
    translator = graph.Translator()
    groups = []
    for group_id in sorted(known):
        inside = _of(found, group_id)
        names = [known[each].display_name or each for each in inside.groups]
        groups.append(translator.group(known[group_id], inside.users, names))
    members = {each: inside and inside.users for each, inside in found.items()}
    return Memberships(groups=tuple(groups), members=members)


def group_listing(group_id: str) -> Listing:
    """Return how a group is read by its id: a listing of one, or of none."""
    return Listing(f"/groups?$filter=id eq '{quote(group_id)}'&$select={graph.GROUP_SELECT}", GROUPS)


def with_licences(transport: Transport, group_id: str) -> list[User]:
    """Return the users in a group with their licences (id, UPN and assignments), each once."""
    link = f"/groups/{quote(group_id)}/members/microsoft.graph.user?$select={graph.LICENCES_SELECT}&$top=999"
    rows = transport.listing(link, _USERS, graph.Translator().users)
    return list({user.id: user for user in rows}.values())


def _members(transport: Transport, ids: Iterable[str], pool: Executor) -> dict[str, _Members | None]:
    asked = sorted(ids)
    listings = [
        Listing(f"/groups/{quote(each)}/members?$select=id&$top=999", _MEMBERS, optional=True)
        for each in asked
    ]
    found = paging.read(transport, listings, pool).rows
    return {each: None if rows is None else _sorted(rows) for each, rows in zip(asked, found, strict=True)}


def _sorted(rows: Iterable[wire.Member]) -> _Members:
    """Tell users and groups apart; devices and the like are nobody's members here.

    What has no type is a user: Graph leaves it out of what may not be looked at.
    """
    ids: dict[str, set[str]] = {_USER: set(), _GROUP: set()}
    for row in rows:
        ids.setdefault(row.kind or _USER, set()).add(row.id.lower())
    return _Members(tuple(sorted(ids[_USER])), tuple(sorted(ids[_GROUP])))


def _of(found: Mapping[str, _Members | None], group_id: str) -> _Members:
    inside = found[group_id]
    if inside is None:
        raise _gone(group_id)
    return inside


def _gone(group_id: str) -> DirectoryError:
    return DirectoryError(
        "incomplete-read", url="/groups", message=f"group {group_id} went away while it was read"
    )
