"""What is wrong with the desired state, as far as the files alone can tell?

What the schema can't state: user principal names, keys that exclude each other, dates in the wrong
order, names that are there twice, cycles of bundles. No tenant and no catalogue: names of SKUs are judged
in config.licences.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from reconciler.config import conditions
from reconciler.config.dates import KEEP_LICENCES, days
from reconciler.config.document import SCOPED, SECTIONS, folded, twice
from reconciler.config.grants import named
from reconciler.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.config.document import Document, Member
    from reconciler.config.source import Data, Path, Source
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


_WITH_SCOPE = frozenset(SCOPED)

_RESERVED = frozenset({"users", "groups"})
"""Where a licence comes from is told by the name of a rule, or by one of these."""

_APART = (
    ("sku", "bundle"),
    ("sku", "one_of"),
    ("bundle", "one_of"),
    ("disable", "enable"),
    *((one, key) for one in ("bundle", "one_of") for key in ("disable", "enable")),
)
"""Keys of an item of which one may stand."""


def check(document: Document) -> Iterator[Problem]:
    """Yield the problems that the files show without a tenant, in no order."""
    for source in document.sources:
        yield from _scoped(source)
    yield from _users(document)
    yield from _groups(document)
    yield from _rules(document)
    for member in document.members("bundles"):
        for number, item in enumerate(member.value):
            if isinstance(item, dict):
                yield from _item(member, (number,), item)
    for member in document.members("restrictions"):
        yield from _apart(member, (), member.value, [("plan", "sku")])
    yield from islice(_cycles(document), _MAX_CYCLES)


def _scoped(source: Source) -> Iterator[Problem]:
    """Yield the problems with what is for the whole tenant in a file that is for some users only."""
    if not isinstance(source.data, dict) or "scope" not in source.data:
        return
    for section in source.data:
        if section in SECTIONS and section not in _WITH_SCOPE:
            location = source.locate((section,), key=True)
            yield Problem(location=location, code="scoped-section", params={"key": section})
    if ("scope",) not in source.failing:
        for path, test in conditions.places(source.data["scope"], ("scope",)):
            yield from _order(source, path, test, "after", "before")


def _users(document: Document) -> Iterator[Problem]:
    """Yield the problems with single entries, and with ids that two of them claim."""
    ids: dict[str, Member] = {}
    for member, row in document.people():
        entry: dict[str, Any] = member.value
        upn = str(member.key)
        if not _UPN.fullmatch(upn):
            yield Problem(location=member.location, code="bad-upn", params={"upn": upn, **_why(upn)})
        if row:
            yield from _given_twice(member, row)
        for holder in (member, row) if row else (member,):
            if "id" in holder.value:
                first = ids.setdefault(holder.value["id"].lower(), member)
                if first is not member:
                    place = first.location
                    params = {"name": holder.value["id"], "upn": first.key}
                    params |= {"file": place.file, "line": place.line}
                    yield Problem(location=holder.locate("id"), code="duplicate-id", params=params)
        if entry.get("ensure") == "absent":
            for key in entry.keys() - _WITH_ABSENT:
                yield Problem(location=member.locate(key, key=True), code="absent-with", params={"key": key})
        if "licenses" in entry:
            yield from _items(member, ("licenses",), entry["licenses"])
        if "leaver" in entry:
            yield from _leaver(member)


def _given_twice(member: Member, row: Member) -> Iterator[Problem]:
    """Yield the problems with an entry and a row of a table that contradict each other."""
    if member.value.get("ensure") == "absent" and row.value.keys() - _WITH_ABSENT:
        yield twice(member.locate("ensure", key=True), "absent-in-table", str(member.key), row.location)
        return
    for key in member.value.keys() & row.value.keys():
        yield twice(member.locate(key, key=True), "given-twice", key, row.locate(key, key=True))


def _leaver(member: Member) -> Iterator[Problem]:
    """Yield the problems with somebody who leaves."""
    leaver = member.value["leaver"]
    if member.value.get("enabled") is True and member.source.named_by is None:
        yield Problem(location=member.locate("enabled", key=True), code="leaver-enabled")
    if "delete_after" in leaver:
        keep = days(leaver["keep_licenses"]) if "keep_licenses" in leaver else KEEP_LICENCES
        if days(leaver["delete_after"]) < keep:
            params = {"delete": leaver["delete_after"], "keep": f"{keep}d", "said": "keep_licenses" in leaver}
            location = member.locate("leaver", "delete_after")
            yield Problem(location=location, code="deleted-with-licences", params=params)


def _groups(document: Document) -> Iterator[Problem]:
    """Yield the problems with groups and their members, and with ids that two of them claim."""
    ids: dict[str, Member] = {}
    for group in document.members("groups"):
        if "id" in group.value:
            first = ids.setdefault(group.value["id"].lower(), group)
            if first is not group:
                yield twice(group.locate("id"), "duplicate-group", group.value["id"], first.location)
        if "licenses" in group.value:
            yield from _items(group, ("licenses",), group.value["licenses"])
        seen: dict[str, int] = {}
        for number, upn in enumerate(group.value.get("members", ())):
            location = group.locate("members", number)
            if not _UPN.fullmatch(upn):
                yield Problem(location=location, code="bad-upn", params={"upn": upn, **_why(upn)})
            first_number = seen.setdefault(folded("users", upn), number)
            if first_number != number:
                yield twice(location, "duplicate-member", upn, group.locate("members", first_number))


def _rules(document: Document) -> Iterator[Problem]:
    """Yield the problems with rules; a name may stand once in all files, whatever its case."""
    names: dict[str, Member] = {}
    for rule in document.members("rules"):
        said: dict[str, Any] = rule.value
        name = str(said.get("name", ""))
        if name in _RESERVED:
            params = {"name": name}
            yield Problem(location=rule.locate("name"), code="reserved-name", params=params)
        first = names.setdefault(name.casefold(), rule) if name else rule
        if first is not rule:
            yield twice(rule.locate("name"), "duplicate-rule", name, first.locate("name"))
        if "licenses" in said:
            yield from _items(rule, ("licenses",), said["licenses"])
        place = ("rules", rule.key)
        yield from _order(rule.source, place, said, "from", "until")
        for path, test in conditions.places(said.get("when", {}), (*place, "when")):
            yield from _order(rule.source, path, test, "after", "before")


def _items(member: Member, path: Path, licences: Data) -> Iterator[Problem]:
    """Yield the problems with the items of `licenses`, in whichever mode."""
    if isinstance(licences, dict):
        for mode, items in licences.items():
            yield from _items(member, (*path, mode), items)
        return
    for number, item in enumerate(licences):
        if type(item) is dict:
            yield from _item(member, (*path, number), item)


def _item(member: Member, path: Path, item: dict[str, Any]) -> Iterator[Problem]:
    """Yield the problems with an item that has keys that exclude each other, or no day in its dates."""
    yield from _apart(member, path, item, _APART)
    yield from _order(member.source, (member.section, member.key, *path), item, "from", "until")
    for number, option in enumerate(item.get("one_of", ())):
        if isinstance(option, dict):
            yield from _apart(member, (*path, "one_of", number), option, _APART)


def _apart(
    member: Member, path: Path, item: dict[str, Any], pairs: Iterable[tuple[str, str]]
) -> Iterator[Problem]:
    """Yield a problem, at the second, for the first of the pairs of which both keys are there."""
    for pair in pairs:
        if pair[0] in item and pair[1] in item:
            first, second = (key for key in item if key in pair)
            yield _both(member.locate(*path, second, key=True), first, second)
            return


def _order(source: Source, path: Path, said: Data, start: str, end: str) -> Iterator[Problem]:
    """Yield the problem with two days of a mapping of which the second comes before the first.

    `after` and `before` name the beginning of a day: with the same day there is nothing between them.
    """
    if not isinstance(said, dict) or start not in said or end not in said:
        return
    if said[start] > said[end] or (said[start] == said[end] and end == "before"):
        params = {"first": start, "start": said[start], "second": end, "end": said[end]}
        yield Problem(location=source.locate((*path, end)), code="dates-reversed", params=params)


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
        elif (inner := named(item)) in way:
            names = list(way)
            cycle = [*names[names.index(inner) :], inner]
            yield Problem(location=bundles[name].locate(number), code="bundle-cycle", params={"cycle": cycle})
        elif inner in bundles and inner not in done:
            way[inner] = enumerate(bundles[inner].value)
