"""What is wrong with the desired state, as far as the files alone can tell?

Rules that the schema can't state: user principal names, keys that exclude each other, cycles of
bundles. No tenant and no catalogue: names of SKUs are judged in config.desired.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from reconciler.config.document import folded
from reconciler.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.config.document import Document, Member
    from reconciler.config.source import Data
    from reconciler.model import Location

_LOCAL_LIMIT, _DOMAIN_LIMIT = 64, 48
_UPN = re.compile(
    rf"(?P<local>[A-Za-z0-9'.\-_!#^~]{{1,{_LOCAL_LIMIT}}})(?<!\.)@(?=.{{1,{_DOMAIN_LIMIT}}}\Z)"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)
_FOREIGN = re.compile(r"[^A-Za-z0-9'.\-_!#^~@]")

_MAX_CYCLES = 100  # that are told; mending one tends to mend others

_WITH_ABSENT = frozenset({"id", "ensure", "reason"})
"""Keys that say something about a user who shall be deleted."""


def check(document: Document) -> Iterator[Problem]:
    """Yield the problems that the files show without a tenant, in no order."""
    yield from _users(document)
    for member in document.members("bundles"):
        for number, item in enumerate(member.value):
            yield from _item(member, (number,), item)
    for member in document.members("restrictions"):
        if "plan" in member.value and "sku" in member.value:
            yield _both(member.locate("sku", key=True), "plan", "sku")
    yield from islice(_cycles(document), _MAX_CYCLES)


def _users(document: Document) -> Iterator[Problem]:
    """Yield the problems with single entries, and with ids that two of them claim."""
    ids: dict[str, Member] = {}
    for member in document.members("users"):
        entry: dict[str, Any] = member.value
        upn = str(member.key)
        if not _UPN.fullmatch(upn):
            yield Problem(location=member.location, code="bad-upn", params={"upn": upn, **_why(upn)})
        if "id" in entry:
            first = ids.setdefault(entry["id"].lower(), member)
            if first is not member:
                place = first.location
                params = {"name": entry["id"], "upn": first.key, "file": place.file, "line": place.line}
                yield Problem(location=member.locate("id"), code="duplicate-id", params=params)
        if entry.get("ensure") == "absent":
            for key in entry.keys() - _WITH_ABSENT:
                yield Problem(location=member.locate(key, key=True), code="absent-with", params={"key": key})
        if "licenses" in entry:
            yield from _items(member, ("licenses",), entry["licenses"])


def _items(member: Member, path: tuple[str | int, ...], licences: Data) -> Iterator[Problem]:
    """Yield the problems with the items of `licenses`, in whichever mode."""
    if isinstance(licences, dict):
        for mode, items in licences.items():
            yield from _items(member, (*path, mode), items)
        return
    for number, item in enumerate(licences):
        if type(item) is dict:
            yield from _item(member, (*path, number), item)


def _item(member: Member, path: tuple[str | int, ...], item: Data) -> Iterator[Problem]:
    """Yield the problem with an item that both disables and enables."""
    if isinstance(item, dict) and "disable" in item and "enable" in item:
        second = list(item)[max(list(item).index("disable"), list(item).index("enable"))]
        first = "enable" if second == "disable" else "disable"
        yield _both(member.locate(*path, second, key=True), first, second)


def _both(location: Location, first: str, second: str) -> Problem:
    """Return the problem with two keys of which one may stand."""
    return Problem(location=location, code="both-keys", params={"first": first, "second": second})


def _why(upn: str) -> dict[str, Any]:
    """Return what keeps `upn` from being a user principal name: the first thing that one would mend."""
    foreign = _FOREIGN.search(upn)
    if foreign:
        return {"reason": "character", "character": foreign[0]}
    local, _, domain = upn.partition("@")
    if upn.count("@") != 1 or not local or not domain:
        return {"reason": "at"}
    if len(local) > _LOCAL_LIMIT or len(domain) > _DOMAIN_LIMIT:
        return {"reason": "long", "local": _LOCAL_LIMIT, "domain": _DOMAIN_LIMIT}
    return {"reason": "dot" if local.endswith(".") else "domain"}


def _cycles(document: Document) -> Iterator[Problem]:
    """Yield each cycle of bundles, at the item that closes it."""
    bundles: dict[str, Member] = {}
    for member in document.members("bundles"):
        bundles.setdefault(folded("bundles", str(member.key)), member)
    done: set[str] = set()
    for name in bundles:
        if name not in done:
            yield from _cycles_from(name, bundles, done)


def _cycles_from(start: str, bundles: dict[str, Member], done: set[str]) -> Iterator[Problem]:
    """Walk down from one bundle, without recursion: a file may nest them as deep as it likes."""
    way = {start: enumerate(bundles[start].value)}  # the bundles from `start` to here, each half read
    while way:
        name = next(reversed(way))
        number, item = next(way[name], (-1, None))
        if number < 0:
            done.add(name)
            del way[name]
        elif isinstance(item, str) and item in way:
            names = list(way)
            cycle = [*names[names.index(item) :], item]
            yield Problem(location=bundles[name].locate(number), code="bundle-cycle", params={"cycle": cycle})
        elif isinstance(item, str) and item in bundles and item not in done:
            way[item] = enumerate(bundles[item].value)
