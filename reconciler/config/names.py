"""Which SKU or service plan does a name in the file stand for?

The tenant's own SKUs come first, then the catalogue; a name is a part number (in any case) or an id.
Words nothing and decides nothing about users: an unknown name is a Fault, which the caller places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.config.nearest import scored

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.catalog import Catalog
    from reconciler.model import Sku

_MAX_SUGGESTIONS = 500  # a search takes milliseconds; a file with more unknown names has another trouble
_NOTHING_NEAR: dict[str, Any] = {"kind": None, "nearest": None, "nearest_name": None}


class Fault(Exception):
    """A name stands for nothing, or not for one thing: code and params of the problem."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


class Plan(NamedTuple):
    """A service plan of a SKU; `assignable` tells whether it can be switched on and off for a user."""

    id: str
    name: str
    assignable: bool = True


class Names:
    """The names that a tenant and the catalogue know, together with the bundles of the file."""

    def __init__(
        self, skus: Sequence[Sku], catalog: Catalog, bundles: Iterable[str], *, offline: bool
    ) -> None:
        self._catalog = catalog
        self._bundles = sorted(bundles)
        self._offline = offline
        self._tenant = {sku.id: sku for sku in skus}
        self._parts = _by_name((sku.part_number, sku.id) for sku in skus)
        self._known_parts = _by_name((sku.part_number, sku.id) for sku in catalog.skus.values())
        self._nearest: dict[str, dict[str, Any]] = {}

    def has_sku(self, name: str) -> bool:
        """Tell whether `name` is a SKU's part number or id."""
        folded = name.upper()
        return (
            folded in self._parts
            or folded in self._known_parts
            or name.lower() in self._tenant
            or name.lower() in self._catalog.skus
        )

    def sku(self, name: str) -> str:
        """Return the id of the SKU `name`; raises Fault."""
        for parts, ids in ((self._parts, self._tenant), (self._known_parts, self._catalog.skus)):
            found = parts.get(name.upper(), [])
            if len(found) > 1:
                raise Fault("ambiguous-sku", name=name, ids=sorted(found))
            if found:
                return found[0]
            if name.lower() in ids:
                return name.lower()
        raise self._unknown_sku(name)

    def part_number(self, sku_id: str) -> str:
        """Return the part number of a SKU."""
        if sku_id in self._tenant:
            return self._tenant[sku_id].part_number
        return self._catalog.skus[sku_id].part_number

    def plans(self, sku_id: str) -> list[Plan]:
        """Return the plans of a SKU: the tenant's, or the catalogue's where the tenant lacks the SKU."""
        if sku_id in self._tenant:
            return [
                Plan(plan.id, plan.name, plan.applies_to == "User") for plan in self._tenant[sku_id].plans
            ]
        known = self._catalog.plans
        return [
            Plan(plan_id, known[plan_id].name if plan_id in known else plan_id)
            for plan_id in self._catalog.skus[sku_id].plans
        ]

    def plan(self, name: str, sku_id: str) -> Plan:
        """Return the plan `name` of a SKU, one that can be switched; raises Fault."""
        plans = self.plans(sku_id)
        for plan in plans:
            if name.upper() == plan.name.upper() or name.lower() == plan.id:
                if plan.assignable:
                    return plan
                raise Fault("plan-not-assignable", plan=plan.name, **self._sku_params(sku_id))
        params = {**self._sku_params(sku_id), **self._nearest_plan(name, plans)}
        known = self.plan_ids(name)
        raise Fault("plan-not-in-sku" if known else "unknown-plan", plan=name, **params)

    def plan_ids(self, name: str) -> list[str]:
        """Return the ids of the plans with that name or id, in whatever SKU; none: it is unknown."""
        return sorted(
            {
                plan.id
                for plan in self._all_plans()
                if name.upper() == plan.name.upper() or name.lower() == plan.id
            }
        )

    def unknown_plan(self, name: str) -> Fault:
        """Return the problem with a plan that no SKU has."""
        return Fault("unknown-plan", plan=name, **self._nearest_plan(name, self._all_plans()))

    def _all_plans(self) -> Iterable[Plan]:
        """Yield the plans of the tenant's SKUs, then the catalogue's."""
        for sku_id in self._tenant:
            yield from self.plans(sku_id)
        for facts in self._catalog.plans.values():
            yield Plan(facts.id, facts.name)

    def _sku_params(self, sku_id: str) -> dict[str, Any]:
        """Return how a SKU is named in params."""
        part_number = self.part_number(sku_id)
        return {"sku": part_number, "sku_name": self._catalog.sku_name(sku_id, part_number)}

    def _nearest_plan(self, name: str, plans: Iterable[Plan]) -> dict[str, Any]:
        """Return what was meant by the plan `name`, by the plan's own name or the one for people."""
        titles: dict[str, str] = {}
        for plan in plans:
            facts = self._catalog.plans.get(plan.id)
            titles.setdefault(plan.name, plan.name)
            if facts:
                titles.setdefault(facts.title, plan.name)
        best = scored(name, titles)
        return {"nearest": titles[best[1]] if best else None}

    def _unknown_sku(self, name: str) -> Fault:
        """Return the problem with a name that is no SKU, with what was meant by it."""
        if name in self._bundles:
            return Fault("bundle-as-sku", name=name)
        if name not in self._nearest:
            enough = len(self._nearest) >= _MAX_SUGGESTIONS
            self._nearest[name] = _NOTHING_NEAR if enough else self._suggest(name)
        params = self._nearest[name]
        code = "unknown-bundle" if params["kind"] == "bundle" else "unknown-sku"
        return Fault(code, name=name, offline=self._offline, **params)

    def _suggest(self, name: str) -> dict[str, Any]:
        """Return what was meant by `name`: a part number, a product name, or a bundle."""
        words: dict[str, tuple[str, str]] = {}  # word → (kind, id of the SKU or name of the bundle)
        for sku in self._tenant.values():
            words.setdefault(sku.part_number, ("sku", sku.id))
        for bundle in self._bundles:
            words.setdefault(bundle, ("bundle", bundle))
        for facts in self._catalog.skus.values():
            words.setdefault(facts.part_number, ("sku", facts.id))
        for facts in self._catalog.skus.values():
            words.setdefault(facts.name, ("sku", facts.id))
        best = scored(name, words)
        if best is None:
            return _NOTHING_NEAR
        kind, found = words[best[1]]
        if kind == "bundle":
            return {"kind": kind, "nearest": found, "nearest_name": None}
        part_number = self.part_number(found)
        known = self._catalog.skus.get(found)
        return {"kind": kind, "nearest": part_number, "nearest_name": known.name if known else None}


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return name in upper case → ids, of which there is more than one only in odd tenants."""
    found: dict[str, list[str]] = {}
    for name, thing in pairs:
        found.setdefault(name.upper(), []).append(thing)
    return found
