"""What is a current state in a file, and how does it come back?

The format of docs/reference/snapshot.md and schemas/snapshot.schema.json: Microsoft Graph's own
resources, one a line, so that a large file is read in pieces. Nothing here asks a tenant. A file
that is laid out otherwise is read whole; one that can't be read is a UsageError that says where.
"""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, get_args, get_origin

import msgspec

from reconciler import regular
from reconciler.directory import graph, wire
from reconciler.directory.collector import collector_paused
from reconciler.directory.layout import lines
from reconciler.errors import UsageError
from reconciler.model import Actor, Current, User
from reconciler.roles import GLOBAL_ADMINISTRATOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from reconciler.model import Group

T = TypeVar("T")

FORMAT_VERSION = "1.0"
CHUNK = 1 << 20
_HEAD = 1 << 22  # bytes before the users; a file whose head is longer is read whole
_USERS_LINE = re.compile(rb'\s*"users"\s*:\s*\[\s*')
_STANDIN = b'{"id":"-","userPrincipalName":"-","assignedLicenses":[]}'
_AT = " - at `$"  # how msgspec ends a message with the member's path
_UTF8_MARK = b"\xef\xbb\xbf"


class Document(msgspec.Struct, kw_only=True):
    """A snapshot as it stands in the file."""

    format_version: str
    taken_at: datetime
    organization: wire.Organization
    users: list[wire.SavedUser]
    deleted_users: list[wire.DeletedUser] = msgspec.field(name="deletedUsers", default_factory=list)
    groups: list[wire.Group] = []
    skus: list[wire.Sku] = msgspec.field(name="subscribedSkus", default_factory=list)
    subscriptions: list[wire.Subscription] = []
    roles: list[wire.Role] = msgspec.field(name="roleAssignments", default_factory=list)
    mailboxes: list[wire.Mailbox] | msgspec.UnsetType = msgspec.UNSET
    removals: list[wire.Removal] = []


_DOCUMENT = msgspec.json.Decoder(Document)
_USER_ROWS = msgspec.json.Decoder(list[wire.SavedUser])


class _OtherLayout(Exception):
    """The file is not one resource a line; it may be a good snapshot all the same."""


def load(path: Path) -> Current:
    """Read a snapshot. Raises UsageError("bad-snapshot") with file, path or line, and what is wrong."""
    try:
        with collector_paused():
            translator = graph.Translator()
            try:
                regular.check(Path(path))
                with Path(path).open("rb") as file:
                    document, users = _in_pieces(file, translator)
            except (_OtherLayout, *wire.UNREADABLE):
                document, users = _whole(path, translator)
            return _current(path, document, users, translator)
    except OSError as error:
        raise UsageError("bad-snapshot", file=str(path), what=error.strerror or str(error)) from error


def default_actor(current: Current, upn: str | None = None) -> Actor:
    """Return who is taken to act: the user named, else the first global administrator by UPN.

    Raises UsageError("unknown-actor") where there is no such user.
    """
    roles: dict[str, set[str]] = {}
    for held in current.role_assignments:
        if held.scope == "/":
            roles.setdefault(held.principal_id, set()).add(held.role)

    def chosen(user: User) -> bool:
        if upn is None:
            return GLOBAL_ADMINISTRATOR in roles.get(user.id, ())
        return user.upn == upn.lower()

    user = next(filter(chosen, current.users), None)
    if user is None:
        raise UsageError("unknown-actor", upn=upn)
    return Actor(id=user.id, name=user.upn, roles=tuple(sorted(roles.get(user.id, ()))))


def write(current: Current, path: Path) -> None:
    """Write a snapshot, whole or not at all; equal states give equal bytes.

    Raises UsageError("cannot-write") where the file can't be made.
    """
    path = Path(path)
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            for piece in lines(current, FORMAT_VERSION):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        raise UsageError("cannot-write", file=str(path), what=error.strerror or str(error)) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


# ---------------------------------------------------------------- reading in pieces


def _in_pieces(file: BinaryIO, translator: graph.Translator) -> tuple[Document, list[User]]:
    """Read users a piece at a time, the rest whole. Raises _OtherLayout or msgspec.DecodeError.

    A line break never stands inside a JSON string, so a piece that ends with one ends between
    tokens; that it is whole rows is what decoding it shows. In the rest a stand-in takes the place
    of the users: only where it comes back as the one member of `users` were the right rows taken.
    """
    head = _head(file)
    users: list[User] = []
    carry = b"\n"
    while True:
        block = file.read(CHUNK)
        if not block:
            raise _OtherLayout
        block = carry + block
        end = block.find(b"\n]")
        cut = end if end >= 0 else block.rfind(b"\n")
        rows = block[:cut].strip()
        if rows:
            if end < 0 and not rows.endswith(b","):
                raise _OtherLayout
            users.extend(translator.users(_USER_ROWS.decode(b"[" + rows.removesuffix(b",") + b"]")))
        if end >= 0:
            break
        carry = block[cut:]
    rest = block[end:] + file.read()
    document = _DOCUMENT.decode(head + _STANDIN + rest)
    if [user.id for user in document.users] != ["-"]:
        raise _OtherLayout
    return document, users


def _head(file: BinaryIO) -> bytes:
    """Return everything up to the line that opens the users, that line included."""
    found: list[bytes] = []
    size = 0
    for line in file:
        found.append(line.removeprefix(_UTF8_MARK) if not found else line)
        size += len(line)
        if _USERS_LINE.fullmatch(line):
            return b"".join(found)
        if size > _HEAD:
            break
    raise _OtherLayout


# ---------------------------------------------------------------- reading whole


def _whole(path: Path, translator: graph.Translator) -> tuple[Document, list[User]]:
    content = Path(path).read_bytes().removeprefix(_UTF8_MARK)
    try:
        document = _DOCUMENT.decode(content)
        return document, list(translator.users(document.users))
    except wire.UNREADABLE as error:
        raise _bad(path, content, error) from error


def _bad(path: Path, content: bytes, error: Exception) -> UsageError:
    """Return the error with its place: msgspec names the member, but not which row of a list."""
    try:
        members = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        members = {}
    except wire.UNREADABLE as syntax:
        return UsageError("bad-snapshot", file=str(path), line=_line(content, syntax), what=str(syntax))
    what, _, where = str(error).partition(_AT)
    problem = _first_bad_row(content, members) or (where.rstrip("`").removeprefix(".") or None, None, what)
    return UsageError("bad-snapshot", file=str(path), path=problem[0], line=problem[1], what=problem[2])


def _line(content: bytes, syntax: Exception) -> int | None:
    if not isinstance(syntax, msgspec.DecodeError):
        return None
    at = re.search(r"\(byte (\d+)\)", str(syntax))
    return content.count(b"\n", 0, int(at[1]) if at else len(content)) + 1


def _first_bad_row(content: bytes, members: dict[str, msgspec.Raw]) -> tuple[str, int, str] | None:
    for member in msgspec.structs.fields(Document):
        row_type = _row_type(member.type)
        if row_type is None or member.encode_name not in members:
            continue
        try:
            rows = msgspec.json.decode(members[member.encode_name], type=list[msgspec.Raw])
        except msgspec.ValidationError:
            continue
        for number, row in enumerate(rows):
            problem = _problem_of(row, row_type)
            if problem is not None:
                what, _, inner = problem.partition(_AT)
                line = content.count(b"\n", 0, content.find(bytes(row))) + 1
                return f"{member.encode_name}[{number}]{inner.rstrip('`')}", line, what
    return None


def _row_type(member: object) -> type | None:
    """Return what a member's rows are, or None where it is no list; a list may also be left out."""
    kinds = (member, *get_args(member))
    return next((get_args(kind)[0] for kind in kinds if get_origin(kind) is list), None)


def _problem_of(row: msgspec.Raw, row_type: type) -> str | None:
    try:
        value: object = msgspec.json.decode(row, type=row_type)
        translator = graph.Translator()
        if isinstance(value, wire.DeletedUser):
            list(translator.deleted_users([value]))
        elif isinstance(value, wire.User):
            list(translator.users([value]))
    except wire.UNREADABLE as error:
        return str(error)
    return None


# ---------------------------------------------------------------- the values


def _current(path: Path, document: Document, users: list[User], translator: graph.Translator) -> Current:
    if document.format_version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        what = f"format {document.format_version} is not known here; this is format {FORMAT_VERSION}"
        raise UsageError("bad-snapshot", file=str(path), path="format_version", what=what)
    try:
        deleted = list(translator.deleted_users(document.deleted_users))
    except wire.UNREADABLE as error:
        raise _bad(path, Path(path).read_bytes(), error) from error
    users.sort(key=lambda user: user.upn)
    for earlier, later in itertools.pairwise(users):
        if earlier.upn == later.upn:
            raise UsageError("bad-snapshot", file=str(path), path="users", what=f"two users are {later.upn}")
    if len({user.id for user in users}) != len(users):
        raise UsageError("bad-snapshot", file=str(path), path="users", what="two users have the same id")
    return Current(
        taken_at=graph.utc(document.taken_at) or document.taken_at.replace(tzinfo=UTC),
        organization=graph.organization(document.organization),
        users=tuple(users),
        deleted_users=_sorted(deleted, lambda user: user.id),
        groups=_sorted(_groups(document.groups, translator), lambda group: group.id),
        skus=_sorted(map(graph.sku, document.skus), lambda sku: sku.id),
        subscriptions=_sorted(map(graph.subscription, document.subscriptions), lambda each: each.id),
        role_assignments=_sorted(
            map(graph.role_assignment, document.roles),
            lambda held: (held.principal_id, held.role, held.scope),
        ),
        mailboxes=(
            None
            if document.mailboxes is msgspec.UNSET
            else _sorted(map(graph.mailbox, document.mailboxes), lambda mailbox: mailbox.user_id)
        ),
        removals=_sorted(
            map(graph.removal, document.removals), lambda each: (each.user_id, each.sku_id, each.removed_at)
        ),
    )


def _groups(rows: Sequence[wire.Group], translator: graph.Translator) -> Iterator[Group]:
    """Yield the groups; a member that is a group of the file is no user."""
    names = {row.id.lower(): row.display_name or row.id for row in rows}
    for row in rows:
        members = [each.lower() for each in row.members or ()]
        yield translator.group(
            row,
            (each for each in members if each not in names),
            (names[each] for each in members if each in names),
        )


def _sorted(values: Iterable[T], key: Callable[[T], Any]) -> tuple[T, ...]:
    return tuple(sorted(values, key=key))
