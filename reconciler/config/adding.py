"""How is a licence added to users in the files, by a hand as careful as a person's?

Text is only ever inserted: no byte that is there changes. What comes out is read again, and must say
what the file said before and the new licences, and nothing else; otherwise it is refused. Nothing is
written to a file here.
"""

from __future__ import annotations

import codecs
import copy
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import reconciler.config as whole
from reconciler.config import reader
from reconciler.config.document import folded
from reconciler.config.insertion import INDENT, Change, Insertion, parse
from reconciler.errors import ConfigError, UsageError
from reconciler.model import Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.config.document import Document
    from reconciler.config.insertion import Node
    from reconciler.config.source import Source

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9'.\-_!#^~@]*@[A-Za-z0-9.\-]+")
_PLAIN_SKU = re.compile(r"(?!(?:TRUE|FALSE|YES|NO|ON|OFF|NULL|Y|N)\Z)[A-Z][A-Z0-9_]*")


class Edit(Value, frozen=True, kw_only=True):
    """What becomes of one file: its bytes before and after, and which lines differ."""

    name: str
    before: bytes
    after: bytes
    changes: tuple[Change, ...]


def add(document: Document, upns: Mapping[str, str | None], sku: str) -> tuple[Edit, ...]:
    """Return the edits that add `sku` to users, one for each file that changes.

    `upns` maps each user's UPN to that of the entry which means the user, or to None where there is
    none: then one is made, beside the other users. Raises UsageError("cannot-edit") {file, reason}
    where a file is written in a way that can't be added to.
    """
    edits = []
    for number, chosen in _by_file(document, upns).items():
        source = document.sources[number]
        content = _read(source.name)
        edit = _edit(source, content, chosen, sku)
        _prove(document, number, edit.after, _with_licences(source.data, chosen, sku))
        edits.append(edit)
    return tuple(edits)


def _by_file(document: Document, upns: Mapping[str, str | None]) -> dict[int, dict[str, bool]]:
    """Return number of the file → key of the entry → whether it is there already.

    Where a user has no entry, or only a row in a table, one goes to the first file that has users, else
    to the first, of those that may declare anything of everybody; to one with a scope only where all have.
    """
    places: dict[str, tuple[int, str]] = {}
    for number, source in enumerate(document.sources):
        for key in source.data.get("users", {}):
            places[folded("users", key)] = number, key
    home = max(range(len(document.sources)), key=lambda number: _hospitality(document.sources[number]))
    chosen: dict[int, dict[str, bool]] = {}
    for upn, entry in upns.items():
        number, key = places.get(entry or "", (home, entry or upn))
        chosen.setdefault(number, {})[key] = entry in places
    return dict(sorted(chosen.items()))


def _hospitality(source: Source) -> tuple[bool, bool]:
    """Return the key by which the file for new entries is chosen; the first of the highest is."""
    return "scope" not in source.data, "users" in source.data


# ------------------------------------------------------------ the text


def _edit(source: Source, content: bytes, chosen: Mapping[str, bool], sku: str) -> Edit:
    """Return the content of a file with the licence put in."""
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    text = content.removeprefix(mark).decode()
    listed = [key for key, there in chosen.items() if there]
    looked_into = frozenset(listed)

    def wanted(path: tuple[str, ...]) -> bool:
        return path[0] == "users" and (len(path) == 1 or path[1] in looked_into)

    root = parse(text, wanted)
    insertion = Insertion(text)
    users = root.get("users")
    entries = {key: entry for key, _, entry in users.parts} if users else {}
    for key in listed:
        _into_entry(insertion, entries[key], source.data["users"][key], sku)
    new = [f"{_key(key)}: {{licenses: {{add: [{_name(sku)}]}}}}" for key in chosen if key not in listed]
    if new and users:
        insertion.add(users, new)
    elif new and root.flow:
        insertion.add(root, [f"users: {{{', '.join(new)}}}"])
    elif new:
        insertion.add(root, ["\n".join(["users:", *(INDENT + line for line in new)])], spaced=True)
    after = mark + insertion.result().encode()
    return Edit(name=source.name, before=content, after=after, changes=insertion.changes())


def _into_entry(insertion: Insertion, entry: Node, value: dict[str, Any], sku: str) -> None:
    """Add the licence to an entry, in the form that it has."""
    licences = entry.get("licenses")
    if licences is None:
        insertion.add(entry, [f"licenses: {{add: [{_name(sku)}]}}"])
        return
    if isinstance(value["licenses"], dict):  # {add: […]} or {replace: […]}
        licences = licences.parts[0][2]
    insertion.add(licences, [_name(sku)])


def _key(upn: str) -> str:
    return upn if _PLAIN_KEY.fullmatch(upn) else json.dumps(upn)


def _name(sku: str) -> str:
    """Return a SKU as YAML that means this text: plain where no reader takes it for anything else."""
    return sku if _PLAIN_SKU.fullmatch(sku) else json.dumps(sku)


# ------------------------------------------------------------ the proof


def _with_licences(data: dict[str, Any], chosen: Mapping[str, bool], sku: str) -> dict[str, Any]:
    """Return what the file shall say."""
    users = dict(data.get("users", {}))
    for key, there in chosen.items():
        entry = copy.deepcopy(users[key]) if there else {}
        licences = entry.setdefault("licenses", {"add": []})
        (next(iter(licences.values())) if isinstance(licences, dict) else licences).append(sku)
        users[key] = entry
    return {**data, "users": users}


def _prove(document: Document, number: int, after: bytes, expected: dict[str, Any]) -> None:
    """Raise UsageError unless the edited file says what is expected, and the files together are sound."""
    name = document.sources[number].name
    if reader.read(name, after).data != expected:
        raise UsageError("cannot-edit", file=name, reason="layout")
    files = [Path(source.name) for source in document.sources]
    try:
        whole.read(files, {files[number]: after})
    except ConfigError as error:
        codes = [problem.code for problem in error.problems]
        raise UsageError("cannot-edit", file=name, reason="problems", problems=codes) from error


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageError("unreadable-file", file=name, reason=error.strerror) from error


def unchanged(edits: Sequence[Edit]) -> None:
    """Raise UsageError where a file is no longer what the edits were made from."""
    for edit in edits:
        if _read(edit.name) != edit.before:
            raise UsageError("cannot-edit", file=edit.name, reason="moved")
