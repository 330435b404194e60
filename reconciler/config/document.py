"""Which files make up the desired state, and what do they say together?

Finds the files, reads and checks each, and merges them: sections that may stand once, things that may
be declared once. It knows no SKU and no tenant.
"""

from __future__ import annotations

import gc
import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.config import reader, shape, text
from reconciler.config.nearest import nearest
from reconciler.config.source import size
from reconciler.errors import ConfigError, UsageError
from reconciler.model import Problem, TenantRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path as FilePath

    from reconciler.config.source import Data, Path, Source
    from reconciler.model import Location

SUFFIXES = {".yaml", ".yml"}

SINGLE = ("tenant", "defaults", "unlisted_users", "ignore_skus", "guardrails")
"""Sections that may stand in one of the files only."""

KEYED = ("subscriptions", "bundles", "users")
"""Sections whose members may each be declared in one of the files only."""


SECTIONS = (*SINGLE, *KEYED, "version", "restrictions")
"""Every key of the top level."""


class Member(NamedTuple):
    """Something in a section: its key (or number), its value, and the node with which it begins.

    `value` is without what the schema refuses.
    """

    source: Source
    section: str
    key: str | int
    value: Any
    node: int

    @property
    def location(self) -> Location:
        """Return where the member begins."""
        return self.source.location(self.node)

    def node_of(self, field: str) -> int:
        """Return the node of a field's value: the same as `locate` finds, without looking it up."""
        whole = self.source.data[self.section][self.key] if self.source.failing else self.value
        node = self.node + 2  # behind the member's own key and value
        names = list(whole)
        for name in names[: names.index(field)]:
            value = whole[name]
            node += 2 if type(value) is str else 1 + size(value)
        return node + 1

    def locate(self, *path: str | int, key: bool = False) -> Location:
        """Return where something inside the member stands, or its key."""
        return self.source.locate((self.section, self.key, *path), key=key)


@dataclass(frozen=True, slots=True)
class Document:
    """The files, read and merged. `problems` are those found so far; what the schema refuses is left out
    of all that the document gives.
    """

    sources: tuple[Source, ...]
    digest: str
    problems: list[Problem] = field(default_factory=list)

    @property
    def tenant(self) -> TenantRef:
        """Return which tenant is meant; the sandbox where no file says so."""
        declared = self.single("tenant")
        if declared is None:
            return TenantRef()
        source, value = declared
        found = {key: value[key].lower() for key in ("domain", "id") if key in value}
        return TenantRef(
            domain=found.get("domain"),
            id=found.get("id"),
            provider=value.get("provider", "sandbox"),
            cloud=value.get("cloud", "global"),
            location=source.locate(("tenant",), key=True),
        )

    @property
    def protected_groups(self) -> tuple[str, ...]:
        """Return what `protected_users` names other than UPNs: groups by name or id, users by id."""
        declared = self.single("guardrails")
        names = declared[1].get("protected_users", []) if declared else []
        return tuple(sorted({name.lower() for name in names if "@" not in name}))

    def single(self, section: str) -> tuple[Source, Any] | None:
        """Return a section that may stand once, with its file; None where no file has it."""
        for source in self.sources:
            if section in _sections(source) and all(path[:1] != (section,) for path in source.failing):
                return source, source.data[section]
        return None

    def members(self, section: str) -> Iterator[Member]:
        """Yield the members of a section over all files, in order, without those that the schema refuses."""
        for source in self.sources:
            if section not in _sections(source) or (section,) in source.failing:
                continue
            value = source.data[section]
            items = value.items() if isinstance(value, dict) else enumerate(value)
            nodes = source.members[section]
            for node, (key, whole) in zip(nodes, items, strict=True):
                if not source.failing:
                    yield Member(source, section, key, whole, node)
                elif (section, key) not in source.failing:
                    yield Member(source, section, key, _without(source.failing, section, key, whole), node)

    @property
    def names_lost(self) -> bool:
        """Tell whether bundles may be declared that could not be read."""
        return any(
            not isinstance(source.data, dict)
            or source.names_lost
            or any(len(path) == 1 and _meant_as_bundles(path[0]) for path in source.failing)
            for source in self.sources
        )

    def names(self, section: str) -> set[str]:
        """Return the keys of a section over all files, of members that the schema refuses too."""
        found: set[str] = set()
        for source in self.sources:
            value = _sections(source).get(section)
            found.update(value if isinstance(value, dict) else ())
        return found


def _meant_as_bundles(key: str | int) -> bool:
    """Tell whether a key of the top level is `bundles`, rightly or wrongly spelt."""
    return nearest(str(key), SECTIONS) == "bundles"


def _sections(source: Source) -> dict[str, Any]:
    """Return the sections of a file; none where it could not be read or is no mapping."""
    return source.data if isinstance(source.data, dict) else {}


def _without(failing: set[Path], section: str, key: str | int, value: Data) -> Data:
    """Return a member without its fields that the schema refuses."""
    if not isinstance(value, dict):
        return value
    return {name: field for name, field in value.items() if (section, key, name) not in failing}


def load(paths: Sequence[FilePath]) -> Document:
    """Read, check and merge the files; what is wrong stands in `problems` of the document.

    Raises UsageError where a path can't be read at all.
    """
    digest = hashlib.sha256()
    sources = []
    for name, path in _files(paths):
        content = _content(path)
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0%d\0" % len(content))
        digest.update(content)
        sources.append(reader.read(name, content))
    document = Document(tuple(sources), f"sha256:{digest.hexdigest()}")
    for source in sources:
        if source.data is not None:
            shape.check(source)
        document.problems.extend(source.problems)
    document.problems.extend(_declared_twice(document))
    return document


def raise_for(problems: Sequence[Problem]) -> None:
    """Raise ConfigError with the problems, sorted by position, if there are any."""
    if problems:
        raise ConfigError(sorted(problems, key=by_position))


def by_position(problem: Problem) -> tuple[str, int, int, str]:
    """Return the key by which problems are sorted."""
    location = problem.location
    return location.file, location.line, location.column, problem.code


@contextmanager
def paused_collection() -> Iterator[None]:
    """Turn the cyclic garbage collector off: walking a million new objects again and again takes most
    of the time of a large file, and there are no cycles to find.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _files(paths: Sequence[FilePath]) -> Iterator[tuple[str, FilePath]]:
    """Yield name and path of each file: those of a folder by name; a file that is named twice, once."""
    seen = set()
    for path in paths:
        found = [path]
        if path.is_dir():
            try:
                found = sorted(
                    file for file in path.iterdir() if file.suffix in SUFFIXES and not file.is_dir()
                )
            except OSError as error:
                raise UsageError("config-unreadable", path=path.as_posix(), reason=error.strerror) from error
            if not found:
                raise UsageError("config-folder-empty", path=path.as_posix())
        for file in found:
            identity = file.resolve()
            if identity not in seen:
                seen.add(identity)
                yield file.as_posix(), file


def _content(path: FilePath) -> bytes:
    """Return the bytes of a file, no more than needed to see that it is too large."""
    try:
        with path.open("rb") as file:
            return file.read(text.MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UsageError("no-config", path=path.as_posix(), default=False) from error
    except OSError as error:
        raise UsageError("config-unreadable", path=path.as_posix(), reason=error.strerror) from error


def _declared_twice(document: Document) -> Iterator[Problem]:
    """Yield what may stand once and stands twice, at the second, naming the first."""
    for section in SINGLE:
        first: Location | None = None
        for source in document.sources:
            if section in _sections(source):
                location = source.locate((section,), key=True)
                if first is not None:
                    yield _twice(location, "duplicate-section", section, first)
                first = first or location
    for section in KEYED:
        members: dict[str, Member] = {}
        for member in document.members(section):
            name = folded(section, str(member.key))
            present = members.setdefault(name, member)
            if present is not member:
                code = f"duplicate-{section[:-1]}"
                yield _twice(member.location, code, str(member.key), present.location)


def folded(section: str, key: str) -> str:
    """Return `key` as it is compared: UPNs in lower case, SKUs in upper case, bundles as they are."""
    if section == "users":
        return key if key.islower() else key.lower()
    return key.upper() if section == "subscriptions" else key


def _twice(location: Location, code: str, name: str, first: Location) -> Problem:
    """Return the problem with a thing that is declared twice."""
    params = {"name": name, "file": first.file, "line": first.line, "column": first.column}
    return Problem(location=location, code=code, params=params)
