"""What does an item of a list of licences grant?

An item names a bundle, or a SKU, perhaps with service plans, or SKUs of which one is enough; it may have
dates. Equal items grant the same, so that each is worked out once, however many users have it. Where it
stands in a file is the caller's affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.config.dates import ALWAYS, Span, span
from reconciler.config.names import Fault
from reconciler.config.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

    from reconciler.config.names import Names
    from reconciler.config.source import Data


class Granted(NamedTuple):
    """One SKU that an item grants; `disabled` as in model.Grant, `bundle` as the item names it."""

    sku_id: str
    disabled: tuple[str, ...] | None = None
    bundle: str | None = None
    span: Span = ALWAYS


class Wrong(NamedTuple):
    """What is wrong inside an item: where (from the item on), and code and params."""

    path: tuple[str | int, ...]
    code: str
    params: dict[str, Any]


class Item(NamedTuple):
    """What an item grants, and what is wrong with it.

    `options` of an item with `one_of` are what it offers instead, each with its number in the list.
    """

    granted: tuple[Granted, ...] = ()
    wrong: tuple[Wrong, ...] = ()
    options: tuple[tuple[int, Granted], ...] = ()

    def within(self, days: Span) -> Item:
        """Return what of it ever holds within `days`, bounded by them."""
        options = ((number, one) for number, option in self.options for one in within([option], days))
        return Item(tuple(within(self.granted, days)), self.wrong, tuple(options))


class Grants:
    """Works out items, with the bundles of the file and the names that the tenant knows."""

    def __init__(self, names: Names, bundles: Mapping[str, list[Data]]) -> None:
        self._names = names
        self._bundles = bundles
        self._items: dict[Hashable, Item] = {}
        self._contents: dict[str, tuple[Granted, ...]] = {}  # what each bundle comes to

    def item(self, item: Data) -> Item:
        """Return what `item` grants. What is wrong inside a bundle is told at the bundle only."""
        if type(item) is str:
            found = self._items.get(item)
            if found is None:
                found = self._items[item] = self._named(item)
            return found
        key = _frozen(item)
        found = self._items.get(key)
        if found is None:
            found = self._items[key] = self._dated(item)
        return found

    def _dated(self, item: dict[str, Any]) -> Item:
        """Return what a mapping grants, within its dates."""
        days = span(item)
        found = self._offered(item) if "one_of" in item else self._bundle_or_sku(item)
        if days == ALWAYS:
            return found
        return found.within(days)

    def _bundle_or_sku(self, item: dict[str, Any]) -> Item:
        """Return what a mapping grants, whenever."""
        if "sku" in item:
            return self._with_plans(item)
        name = item["bundle"]
        if name in self._bundles:
            return self._named(name)
        params = {
            "name": name,
            "sku": self._names.has_sku(name),
            "nearest": nearest(name, tuple(sorted(self._bundles))),
        }
        return Item(wrong=(Wrong(("bundle",), "not-a-bundle", params),))

    def _offered(self, item: dict[str, Any]) -> Item:
        """Return the options of an item with `one_of`; a SKU that comes twice counts once."""
        options: dict[str, tuple[int, Granted]] = {}
        wrong: list[Wrong] = []
        for number, option in enumerate(item["one_of"]):
            found = self._with_plans({"sku": option} if isinstance(option, str) else option)
            wrong += [_in_option(number, fault, written=option) for fault in found.wrong]
            for granted in found.granted:
                first, _ = options.setdefault(granted.sku_id, (number, granted))
                if first != number:
                    params = {"sku": self._names.part_number(granted.sku_id), "first": first}
                    wrong.append(Wrong(("one_of", number), "option-twice", params))
        return Item((), tuple(wrong), tuple(options.values()))

    def _named(self, name: str) -> Item:
        """Return what a plain name grants: a bundle's licences or a SKU."""
        if name in self._bundles:
            if name not in self._contents:
                self._work_out(name)
            contents = self._contents[name]
            return Item(tuple(granted._replace(bundle=name) for granted in contents))
        try:
            return Item((Granted(self._names.sku(name)),))
        except Fault as fault:
            return Item(wrong=(Wrong((), fault.code, fault.params),))

    def _work_out(self, start: str) -> None:
        """Note what a bundle comes to, and before it each bundle that it names.

        Each is looked at once and holds each grant once, and there is no recursion: bundles of bundles
        of bundles cost no more than they take to write. In a cycle, which is a problem anyway, the
        bundle that closes it grants nothing there.
        """
        way = {start: self._nested(start)}
        while way:
            name = next(reversed(way))
            inner = next(
                (inner for inner in way[name] if inner not in self._contents and inner not in way), None
            )
            if inner is not None:
                way[inner] = self._nested(inner)
                continue
            del way[name]
            self._contents[name] = tuple(dict.fromkeys(self._granted(name)))

    def _nested(self, name: str) -> Iterator[str]:
        """Yield the bundles that a bundle names."""
        return (inner for inner in map(named, self._bundles[name]) if inner in self._bundles)

    def _granted(self, name: str) -> Iterator[Granted]:
        """Yield what a bundle grants, the bundles in it worked out."""
        for item in self._bundles[name]:
            inner = named(item)
            if inner in self._bundles:
                days = ALWAYS if isinstance(item, str) else span(item)
                yield from within(self._contents.get(inner, ()), days)
            else:
                yield from self.item(item).granted

    def _with_plans(self, item: dict[str, Any]) -> Item:
        """Return what an item grants that names a SKU and perhaps its plans."""
        try:
            sku_id = self._names.sku(item["sku"])
        except Fault as fault:
            return Item(wrong=(Wrong(("sku",), fault.code, fault.params),))
        wrong: list[Wrong] = []
        disabled = None
        if "disable" in item:
            disabled = tuple(sorted(set(self._plans(sku_id, "disable", item["disable"], wrong))))
        elif "enable" in item:
            wanted = set(self._plans(sku_id, "enable", item["enable"], wrong))
            plans = self._names.plans(sku_id)
            disabled = tuple(sorted(plan.id for plan in plans if plan.assignable and plan.id not in wanted))
        return Item((Granted(sku_id, disabled),), tuple(wrong))

    def _plans(self, sku_id: str, key: str, named: list[str], wrong: list[Wrong]) -> Iterator[str]:
        """Yield the ids of the named plans; those that are not the SKU's are added to `wrong`."""
        for number, name in enumerate(named):
            try:
                yield self._names.plan(name, sku_id).id
            except Fault as fault:
                wrong.append(Wrong((key, number), fault.code, fault.params))


def named(item: Data) -> str:
    """Return the bundle or SKU that an item of a bundle names; "" where a SKU has to be one."""
    if isinstance(item, str):
        return item
    return item.get("bundle", "") if isinstance(item, dict) else ""


def within(granted: Iterable[Granted], days: Span) -> list[Granted]:
    """Return what of `granted` ever holds within `days`, bounded by them."""
    if days == ALWAYS:
        return list(granted)
    bounded = (one._replace(span=one.span.within(days)) for one in granted)
    return [one for one in bounded if not one.span.empty]


def _in_option(number: int, fault: Wrong, *, written: Data) -> Wrong:
    """Return a fault of an option as one of the item; a plain name has no key `sku`."""
    return fault._replace(path=("one_of", number, *(() if isinstance(written, str) else fault.path)))


def _frozen(value: Data) -> Hashable:
    """Return what stands for a value in a table."""
    if type(value) is dict:
        return tuple((name, _frozen(inner)) for name, inner in value.items())
    return tuple(map(_frozen, value)) if type(value) is list else value
