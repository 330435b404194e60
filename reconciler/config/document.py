"""Which files make up the desired state, and what do they say together?

Finds the files, and the tables that they name; reads and checks each, and merges them: sections that may
stand once, things that may be declared once. It knows no SKU and no tenant.
"""

from __future__ import annotations

import gc
import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.config import conditions, exchange, files, reader, shape, table
from reconciler.config.nearest import nearest
from reconciler.config.source import size
from reconciler.errors import ConfigError
from reconciler.model import Problem, Scope, TenantRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path as FilePath

    from reconciler.config.source import Data, Path, Source
    from reconciler.model import Location

PROFILE = frozenset(
    {
        "name",
        "given_name",
        "surname",
        "department",
        "job_title",
        "company",
        "office",
        "city",
        "country",
        "employee_id",
        "enabled",
    }
)
"""Fields of a user that an entry may manage, besides the usage location."""

SINGLE = ("tenant", "defaults", "unlisted_users", "ignore_skus", "guardrails", "mailboxes_from")
"""Sections that may stand in one of the files only."""

KEYED = ("subscriptions", "bundles", "users", "groups")
"""Sections whose members may each be declared in one of the files only."""

SCOPED = ("version", "owner", "scope", "users", "users_from", "groups", "rules", "bundles")
"""Sections of a file with a scope: what concerns the whole tenant is not its affair."""

SECTIONS = (*SINGLE, *KEYED, "restrictions", *SCOPED[:3], "users_from", "rules")
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
        node = self.node + (2 if type(self.key) is str else 1)  # behind its own key, if any, and value
        fields = iter(whole.items())
        name, value = next(fields)
        while name != field:
            node += 2 if type(value) is str else 1 + size(value)
            name, value = next(fields)
        return node + 1

    def locate(self, *path: str | int, key: bool = False) -> Location:
        """Return where something inside the member stands, or its key."""
        return self.source.locate((self.section, self.key, *path), key=key)


@dataclass(frozen=True, slots=True)
class Document:
    """The files, read and merged. `problems` are those found so far; what the schema refuses is left out
    of all that the document gives. `tables` are the CSV files that `users_from` names, as if each were a
    file with `users`; `exports` those that `mailboxes_from` names.
    """

    sources: tuple[Source, ...]
    digest: str
    tables: tuple[Source, ...] = ()
    exports: tuple[Source, ...] = ()
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

    @property
    def named_groups(self) -> tuple[str, ...]:
        """Return every group that the files name, in lower case: by id where one is given, else by name."""
        found = {*self.protected_groups}
        for member in self.members("groups"):
            found.add(member.value.get("id", str(member.key)).lower())
        for said in self._conditions():
            found.update(name.lower() for name in conditions.groups(said))
        return tuple(sorted(found))

    @property
    def fields(self) -> frozenset[str]:
        """Return the fields of users, by the names of model.User, that conditions test and entries manage."""
        found: set[str] = set()
        for source in (*self.sources, *self.tables):
            for entry in _section(source, "users").values():
                found.update(entry if isinstance(entry, dict) else ())
        managed = PROFILE.union({"usage_location"}) & found
        return managed.union(*map(conditions.fields, self._conditions()))

    def _conditions(self) -> Iterator[dict[str, Data]]:
        """Yield every `when` and every `scope`."""
        for source in self.sources:
            if "scope" in _sections(source) and ("scope",) not in source.failing:
                yield source.data["scope"]
        for member in self.members("rules"):
            if "when" in member.value:
                yield member.value["when"]

    def scope(self, source: Source) -> Scope | None:
        """Return whom a file may declare anything of; a table has that of the file that names it."""
        source = source.named_by or source
        if "scope" not in _sections(source) or ("scope",) in source.failing:
            return None
        return Scope(
            condition=conditions.condition(source.data["scope"]),
            owner=source.data.get("owner"),
            location=source.locate(("scope",), key=True),
        )

    def single(self, section: str) -> tuple[Source, Any] | None:
        """Return a section that may stand once, with its file; None where no file has it."""
        for source in self.sources:
            if section in _sections(source) and all(path[:1] != (section,) for path in source.failing):
                return source, source.data[section]
        return None

    def members(self, section: str) -> Iterator[Member]:
        """Yield the members of a section over all files, in order, without those that the schema refuses."""
        return chain.from_iterable(_members(source, section) for source in (*self.sources, *self.tables))

    def people(self) -> Iterator[tuple[Member, Member | None]]:
        """Yield the entry of each user, and the row of a table that means the same user, if there is one.

        A row that no entry of `users` means is an entry itself.
        """
        rows: dict[str, Member] = {}
        for source in self.tables:
            for row in _members(source, "users"):
                rows.setdefault(folded("users", str(row.key)), row)
        for source in self.sources:
            for member in _members(source, "users"):
                yield member, rows.pop(folded("users", str(member.key)), None) if rows else None
        yield from ((row, None) for row in rows.values())

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
        for source in (*self.sources, *self.tables, *self.exports):
            found.update(_section(source, section))
        return found


def _meant_as_bundles(key: str | int) -> bool:
    """Tell whether a key of the top level is `bundles`, rightly or wrongly spelt."""
    return nearest(str(key), SECTIONS) == "bundles"


def _sections(source: Source) -> dict[str, Any]:
    """Return the sections of a file; none where it could not be read or is no mapping."""
    return source.data if isinstance(source.data, dict) else {}


def _section(source: Source, section: str) -> dict[str, Any]:
    """Return a section that is a mapping, whatever it holds; an empty one where there is none."""
    value = _sections(source).get(section)
    return value if isinstance(value, dict) else {}


def _members(source: Source, section: str) -> Iterator[Member]:
    """Yield the members of a section of one file, without those that the schema refuses."""
    if section not in _sections(source) or (section,) in source.failing:
        return
    value = source.data[section]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    nodes = source.members[section]
    for node, (key, whole) in zip(nodes, items, strict=True):
        if not source.failing:
            yield Member(source, section, key, whole, node)
        elif (section, key) not in source.failing:
            yield Member(source, section, key, _without(source.failing, section, key, whole), node)


def _without(failing: set[Path], section: str, key: str | int, value: Data) -> Data:
    """Return a member without its fields that the schema refuses."""
    if not isinstance(value, dict):
        return value
    return {name: field for name, field in value.items() if (section, key, name) not in failing}


def load(paths: Sequence[FilePath], instead: Mapping[FilePath, bytes] | None = None) -> Document:
    """Read, check and merge the files; what is wrong stands in `problems` of the document.

    `instead` holds contents that shall be taken for those of files. Raises UsageError where a path can't
    be read at all.
    """
    digest = hashlib.sha256()
    sources = []
    tables: dict[FilePath, Source] = {}
    exports: dict[FilePath, Source] = {}
    for name, path in files.find(paths):
        content = instead[path] if instead and path in instead else files.content(path)
        _add(digest, name, content)
        source = reader.read(name, content)
        sources.append(source)
        if source.data is not None:
            shape.check(source)
            _read_table(source, path.parent, tables, digest, table.USERS)
            _read_table(source, path.parent, exports, digest, exchange.MAILBOXES)
    document = Document(
        tuple(sources), f"sha256:{digest.hexdigest()}", tuple(tables.values()), tuple(exports.values())
    )
    for source in (*sources, *tables.values(), *exports.values()):
        document.problems.extend(source.problems)
    document.problems.extend(declared_twice(document))
    return document


def _read_table(
    source: Source,
    folder: FilePath,
    tables: dict[FilePath, Source],
    digest: hashlib._Hash,
    kind: table.Kind,
) -> None:
    """Read the table of a kind that a file in `folder` names, if it names one."""
    said = _section(source, kind.named)
    if not said or (kind.named,) in source.failing:
        return
    where = (kind.named, "csv")
    try:
        path, content = files.table(folder, said["csv"])
    except files.NotThere as fault:
        source.problems.append(Problem(location=source.locate(where), code=fault.code, params=fault.params))
        return
    if path in tables and (first := tables[path].named_by):
        problem = twice(source.locate(where), "table-twice", said["csv"], first.locate(where))
        source.problems.append(problem)
        return
    name = (folder / said["csv"]).as_posix()
    _add(digest, name, content)
    tables[path] = table.read(name, content, said.get("columns"), source, kind)
    if kind is table.USERS and tables[path].data is not None:
        shape.check(tables[path])


def _add(digest: hashlib._Hash, name: str, content: bytes) -> None:
    """Add a file to the digest."""
    digest.update(name.encode("utf-8", "surrogateescape") + b"\0%d\0" % len(content))
    digest.update(content)


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


def declared_twice(document: Document) -> Iterator[Problem]:
    """Yield what may stand once and stands twice, at the second, naming the first."""
    for section in SINGLE:
        first: Location | None = None
        for source in document.sources:
            if section in _sections(source):
                location = source.locate((section,), key=True)
                if first is not None:
                    yield twice(location, "duplicate-section", section, first)
                first = first or location
    for section in KEYED:
        yield from _keyed_twice(document.sources, section, f"duplicate-{section[:-1]}")
    for kind, tables in ((table.USERS, document.tables), (exchange.MAILBOXES, document.exports)):
        yield from _keyed_twice(tables, kind.rows, kind.twice)


def _keyed_twice(sources: Iterable[Source], section: str, code: str) -> Iterator[Problem]:
    """Yield each member of a section that was there before, in these files."""
    members: dict[str, Member] = {}
    for source in sources:
        for member in _members(source, section):
            name = folded(section, str(member.key))
            present = members.setdefault(name, member)
            if present is not member:
                yield twice(member.location, code, str(member.key), present.location)


def folded(section: str, key: str) -> str:
    """Return `key` as it is compared: UPNs in lower case, SKUs in upper case, groups whatever the case,
    bundles as they are.
    """
    if section in ("users", "mailboxes"):
        return key if key.islower() else key.lower()
    if section == "groups":
        return key.casefold()
    return key.upper() if section == "subscriptions" else key


def twice(location: Location, code: str, name: str, first: Location) -> Problem:
    """Return the problem with a thing that is declared twice."""
    params = {"name": name, "file": first.file, "line": first.line, "column": first.column}
    return Problem(location=location, code=code, params=params)
