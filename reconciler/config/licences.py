"""Which licences does a list in the files stand for? `licenses` and `exclude` → grants, choices, exclusions.

For users, groups and rules alike. Names become ids, and every licence keeps its place in the file. What
the tenant holds now is nothing to it.
"""

from __future__ import annotations

from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from reconciler.config.dates import ALWAYS, Span, day, span
from reconciler.config.grants import Grants
from reconciler.config.names import Fault
from reconciler.config.source import size
from reconciler.model import Choice, Exclusion, Grant, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.config.document import Document, Member
    from reconciler.config.grants import Granted, Item
    from reconciler.config.names import Names
    from reconciler.config.source import Data
    from reconciler.model import Location, Mode

MAX_GRANTS = 5_000_000
"""All users together; more come from a mistake or from malice, and would fill the memory."""


_BY_SKU = attrgetter("sku_id")


Declared = tuple["Mode", tuple[Grant, ...], tuple[Choice, ...]]
"""What a value of `licenses` comes to: mode, grants by SKU id, and choices."""


class Licences:
    """Works out lists of licences, and holds the problems with them."""

    def __init__(self, document: Document, names: Names) -> None:
        self.names = names
        self.problems: list[Problem] = []
        self.granted = 0  # licences granted so far, against small files that grant billions
        bundles = {str(member.key): member.value for member in document.members("bundles")}
        failing: dict[str, list[Data]] = {name: [] for name in document.names("bundles") - bundles.keys()}
        self.items = Grants(names, {**failing, **bundles})

    def problem(self, location: Location, code: str, params: dict[str, Any]) -> None:
        """Note a problem."""
        self.problems.append(Problem(location=location, code=code, params=params))

    def sku(self, name: str, location: Location) -> str | None:
        """Return the id of a SKU, or None and a problem."""
        try:
            return self.names.sku(name)
        except Fault as fault:
            self.problem(location, fault.code, fault.params)
            return None

    def bundles(self, document: Document) -> None:
        """Look into every bundle, used or not."""
        for member in document.members("bundles"):
            name = str(member.key)
            if self.names.has_sku(name):
                self.problem(member.location, "bundle-is-sku", {"name": name})
            for number, item in enumerate(member.value):
                for wrong in self.items.item(item).wrong:
                    self.problem(member.locate(number, *wrong.path), wrong.code, wrong.params)

    def declared(self, member: Member, mode: Mode, rule: str = "users", days: Span = ALWAYS) -> Declared:
        """Return what `licenses` of a member asks for, within `days`; a plain list is in `mode`."""
        licences = member.value["licenses"]
        node = member.node_of("licenses")
        path: tuple[str, ...] = ("licenses",)
        if type(licences) is dict:
            ((mode, licences),) = licences.items()
            path = ("licenses", mode)
            node += 2  # behind the mapping and its one key
        grants: list[Grant] = []
        choices: list[Choice] = []
        source = member.source
        bounded = days != ALWAYS
        node += 1
        for number, item in enumerate(licences):
            found = self.items.item(item)
            place = source.location(node)
            self.granted += len(found.granted)
            if self.granted > MAX_GRANTS:
                if self.granted - len(found.granted) <= MAX_GRANTS:  # told once
                    self.problem(place, "too-many-licences", {"limit": MAX_GRANTS})
                break
            if bounded:
                found = self._bounded(found, item, days, place)
            grants += _at(place, found.granted, rule)
            if found.options:
                choices.append(self._choice(member, (*path, number), found, rule))
            for fault in found.wrong:
                self.problem(member.locate(*path, number, *fault.path), fault.code, fault.params)
            node += 1 if type(item) is str else size(item)
        if len(grants) > 1:
            grants.sort(key=_BY_SKU)
        return mode, tuple(grants), tuple(choices)

    def exclusions(self, member: Member, rule: str = "users") -> Iterator[Exclusion]:
        """Yield what `exclude` of a member forbids."""
        for number, item in enumerate(member.value["exclude"]):
            said = {"sku": item} if isinstance(item, str) else item
            where = member.locate("exclude", number)
            at = where if isinstance(item, str) else member.locate("exclude", number, "sku")
            sku_id = self.sku(said["sku"], at)
            if sku_id:
                yield Exclusion(
                    sku_id=sku_id,
                    rule=rule,
                    reason=said.get("reason"),
                    owner=said.get("owner"),
                    until=day(said["until"]) if "until" in said else None,
                    location=where,
                )

    def contradictions(
        self, exclusions: Iterable[Exclusion], grants: Iterable[Grant], choices: Iterable[Choice]
    ) -> None:
        """Note each SKU that one entry or rule both lists by itself and excludes: what is meant?"""
        options = (option for choice in choices for option in choice.options)
        listed = [*options, *(grant for grant in grants if grant.bundle is None)]
        for exclusion in exclusions:
            both = (grant for grant in listed if _at_once(grant, exclusion))
            if grant := next(both, None):
                params = {"sku": self.names.part_number(exclusion.sku_id), "line": grant.location.line}
                self.problem(exclusion.location, "excluded-and-listed", params)

    def _bounded(self, found: Item, item: Data, days: Span, place: Location) -> Item:
        """Return what an item of a rule with dates grants; one that never holds is a problem."""
        own = ALWAYS if isinstance(item, str) else span(item)
        both = own.within(days)
        if both.empty and not own.empty and not days.empty:
            self.problem(place, "never-in-force", {"from": str(both.start), "until": str(both.until)})
        return found.within(days)

    def _choice(self, member: Member, path: tuple[str | int, ...], found: Item, rule: str) -> Choice:
        """Return the choice that an item with `one_of` gives; each option stands at its own place."""
        options = (_at(member.locate(*path, "one_of", number), [one], rule) for number, one in found.options)
        return Choice(options=tuple(chain.from_iterable(options)), location=member.locate(*path))


def _at(place: Location, granted: Iterable[Granted], rule: str) -> list[Grant]:
    """Return the grants of `rule` that stand at `place`."""
    return [
        Grant(
            sku_id=sku_id,
            disabled_plans=disabled,
            rule=rule,
            bundle=bundle,
            start=start,
            until=until,
            location=place,
        )
        for sku_id, disabled, bundle, (start, until) in granted
    ]


def _at_once(grant: Grant, exclusion: Exclusion) -> bool:
    """Tell whether a grant is of the SKU that is excluded, on some day of the exclusion."""
    later = exclusion.until and grant.start and exclusion.until < grant.start
    return grant.sku_id == exclusion.sku_id and not later
