"""What does the product know of SKUs and service plans, before it asks any tenant?

Names, effects of an assignment, what a removal destroys and when, exclusions and dependencies: facts
read from catalog.yaml beside this file, and from Microsoft's published CSV where the caller names one.
What a tenant really owns comes from the tenant; this module decides nothing.
"""

from __future__ import annotations

from functools import cache, cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from reconciler.errors import UsageError
from reconciler.model import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

BUILT_IN = Path(__file__).with_name("catalog.yaml")


class Service(Value, frozen=True, kw_only=True):
    """A service and what becomes of its data.

    The texts are English clauses with no full stop at the end; those of `gives`, `loses` and `keeps`
    begin in lower case, to stand after the title and a colon. `kind`: "mailbox" (one plan with a
    quota makes a mailbox), "storage" (OneDrive), "data" (data of the user is at risk), "access"
    (nothing is destroyed, only access ends). `days` after which data is gone; None: unknown.
    `covers` are keys of services that this one includes (Power BI Pro includes Power BI).
    """

    key: str
    title: str
    kind: Literal["mailbox", "storage", "data", "access"]
    gives: str
    loses: str
    keeps: str = ""
    prevent: str = ""
    days: int | None = None
    covers: tuple[str, ...] = ()


class PlanFacts(Value, frozen=True, kw_only=True):
    """A service plan. `service` is a key of Catalog.services, or None where it is of no account
    (foundation plans and the like: no effect, no loss).

    `level` ranks plans of a mailbox or storage service by quota in GB (0: no mailbox or storage of
    its own, such as an archive add-on); `features` are rights that a lower plan lacks: "archive",
    "hold".
    """

    id: str
    name: str
    title: str
    service: str | None = None
    level: int = 0
    features: tuple[str, ...] = ()


class SkuFacts(Value, frozen=True, kw_only=True):
    """A SKU. `plans` are service-plan ids, sorted; `free` marks free and viral SKUs.

    `part_number` is as Microsoft spells it: compare it without regard to case. `applies_to` is "User"
    or "Company" (for the whole tenant, as storage is: never assigned to a user).
    """

    id: str
    part_number: str
    name: str
    plans: tuple[str, ...] = ()
    free: bool = False
    applies_to: str = "User"


class ExclusionGroup(Value, frozen=True, kw_only=True):
    """Plans (ids) of which a user may have one enabled. `certain`: the service refuses a pair.

    Where not certain, a pair is a warning (`near-exclusive`), never a conflict; `disputed` are the
    pairs of which that is true in a group that is certain otherwise.
    """

    name: str
    plans: frozenset[str]
    certain: bool = True
    disputed: frozenset[frozenset[str]] = frozenset()


class Dependency(Value, frozen=True, kw_only=True):
    """`plan` (id) works only with one of `needs` (ids) enabled."""

    plan: str
    needs: tuple[str, ...]
    certain: bool = True


class Catalog(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All facts. `skus`, `plans` and `named` are keyed by id, `services` by key, in order of weight.

    `plans` are those of which we know what they set up and destroy. Of a plan in `named` (from an
    extension) only name and title are known: what becomes of its data is as unknown as with a plan
    that stands nowhere.
    """

    skus: dict[str, SkuFacts]
    plans: dict[str, PlanFacts]
    services: dict[str, Service]
    exclusions: tuple[ExclusionGroup, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    named: dict[str, PlanFacts] = {}

    @cached_property
    def free_skus(self) -> frozenset[str]:
        """The ids of free and viral SKUs: the default of `ignore_skus`."""
        return frozenset(sku.id for sku in self.skus.values() if sku.free)

    def sku_name(self, sku_id: str, part_number: str = "") -> str:
        """Return the product name, or the part number, or the id, whichever is known first."""
        facts = self.skus.get(sku_id)
        return facts.name if facts else part_number or sku_id

    def find_sku(self, text: str) -> SkuFacts | None:
        """Return the SKU with this part number or id, in any case of letters."""
        sought = text.strip().lower()
        return self.skus.get(sought) or self._skus_by_part_number.get(sought)

    def find_plan(self, text: str) -> PlanFacts | None:
        """Return the service plan with this name or id, in any case of letters.

        Microsoft gives a few names to two plans: the built-in one, else the first, is returned.
        """
        sought = text.strip().lower()
        return self.plans.get(sought) or self.named.get(sought) or self._plans_by_name.get(sought)

    @cached_property
    def sku_words(self) -> dict[str, str]:
        """Part numbers and product names → part number: what "did you mean" may choose from."""
        skus = sorted(self.skus.values(), key=lambda sku: sku.part_number)
        words = {sku.name: sku.part_number for sku in reversed(skus)}
        return words | {sku.part_number: sku.part_number for sku in skus}

    def held(self, plans: Iterable[str]) -> frozenset[str]:
        """Return the keys of the services that enabled plans (ids) give, covered ones included.

        A mailbox takes a plan with a quota: an archive add-on alone gives no Exchange Online. Plans
        that are not in `plans` give nothing here: the caller has to tell them as unknown.
        """
        given = self._services_of
        return frozenset(key for plan in plans for key in given.get(plan, ()))

    def exclusive(self, plans: Iterable[str]) -> tuple[tuple[str, str, bool], ...]:
        """Return the pairs of enabled plans (ids) that clash, as (a, b, certain), sorted; a < b."""
        clashes = self._clashes
        suspects = sorted(self._clashing.intersection(plans))
        return tuple((*pair, clashes[pair]) for pair in combinations(suspects, 2) if pair in clashes)

    def missing(self, plans: Collection[str]) -> tuple[Dependency, ...]:
        """Return the dependencies that a set of enabled plans (ids) does not satisfy."""
        return tuple(
            rule
            for rule in self.dependencies
            if rule.plan in plans and not any(need in plans for need in rule.needs)
        )

    @cached_property
    def _skus_by_part_number(self) -> dict[str, SkuFacts]:
        return {sku.part_number.lower(): sku for sku in reversed(self.skus.values())}

    @cached_property
    def _plans_by_name(self) -> dict[str, PlanFacts]:
        plans = (*self.plans.values(), *self.named.values())
        return {plan.name.lower(): plan for plan in reversed(plans)}

    @cached_property
    def _services_of(self) -> dict[str, tuple[str, ...]]:
        found = {}
        for plan in self.plans.values():
            service = self.services.get(plan.service or "")
            if service and (service.kind != "mailbox" or plan.level):
                found[plan.id] = (service.key, *service.covers)
        return found

    @cached_property
    def _clashes(self) -> dict[tuple[str, str], bool]:
        """Each exclusive pair, lower id first → whether it is certain in at least one group."""
        found: dict[tuple[str, str], bool] = {}
        for group in self.exclusions:
            for pair in combinations(sorted(group.plans), 2):
                certain = group.certain and frozenset(pair) not in group.disputed
                found[pair] = certain or found.get(pair, False)
        return found

    @cached_property
    def _clashing(self) -> frozenset[str]:
        return frozenset(plan for pair in self._clashes for plan in pair)


# ---------------------------------------------------------------- loading


def load(extra_csv: Path | None = None) -> Catalog:
    """Return the built-in catalogue, and with it what Microsoft's published CSV adds.

    Built-in facts win; the CSV adds the SKUs and the names of plans that are not built in. Raises
    UsageError "bad-catalog" {file, reason, …} where the CSV can't be used.
    """
    built_in = _built_in()
    if extra_csv is None:
        return built_in
    from reconciler import catalog_csv  # noqa: PLC0415  it needs the structs above

    skus, named = catalog_csv.read(extra_csv)
    return msgspec.structs.replace(
        built_in,
        skus=built_in.skus | {key: sku for key, sku in skus.items() if key not in built_in.skus},
        named={key: plan for key, plan in named.items() if key not in built_in.plans},
    )


@cache
def _built_in() -> Catalog:
    return from_yaml(BUILT_IN.read_text(encoding="utf-8"))


def from_yaml(text: str) -> Catalog:
    """Return the catalogue that a text in the layout of catalog.yaml holds."""
    tree = _tree(text)
    plans = [
        PlanFacts(
            id=row["id"],
            name=name,
            title=row["title"],
            service=None if service == "none" else service,
            level=int(row.get("level", 0)),
            features=tuple(row.get("features", ())),
        )
        for service, rows in tree["plans"].items()
        for name, row in rows.items()
    ]
    ids = {plan.name: plan.id for plan in plans}
    return Catalog(
        skus={row["id"]: _sku(part_number, row, ids) for part_number, row in tree["skus"].items()},
        plans={plan.id: plan for plan in plans},
        services={
            key: msgspec.convert(row | {"key": key}, Service, strict=False)
            for key, row in tree["services"].items()
        },
        exclusions=tuple(_exclusion(name, row) for name, row in tree["exclusions"].items()),
        dependencies=tuple(
            Dependency(plan=ids[name], needs=tuple(sorted(ids[need] for need in row["needs"])))
            for name, row in tree["dependencies"].items()
        ),
    )


def _sku(part_number: str, row: Mapping[str, Any], ids: Mapping[str, str]) -> SkuFacts:
    return SkuFacts(
        id=row["id"],
        part_number=part_number,
        name=row["name"],
        plans=tuple(sorted(ids[name] for name in row["plans"])),
        free=row.get("free") == "true",
        applies_to=row.get("applies_to", "User"),
    )


def _exclusion(name: str, row: Mapping[str, Any]) -> ExclusionGroup:
    ids = row["plans"]
    return ExclusionGroup(
        name=name,
        plans=frozenset(ids.values()),
        certain=row.get("certain") != "false",
        disputed=frozenset(frozenset(ids[plan] for plan in pair) for pair in row.get("disputed", ())),
    )


def _tree(text: str) -> dict[str, Any]:
    """Return our own YAML as dicts, lists and texts.

    Straight from libyaml's events: PyYAML's loaders take more than twice the time, and let a later
    key hide an earlier one.
    """
    import yaml  # noqa: PLC0415  a run that needs no facts need not pay for it

    next_event: Callable[[], Any] = yaml.CBaseLoader(text).get_event
    scalar, mapping = yaml.ScalarEvent, yaml.MappingStartEvent
    mapping_end, sequence_end = yaml.MappingEndEvent, yaml.SequenceEndEvent

    def node(event: Any) -> Any:  # noqa: ANN401  libyaml's events, and a tree of three types
        if type(event) is scalar:
            return event.value
        if type(event) is mapping:
            found: dict[str, Any] = {}
            while type(key := next_event()) is not mapping_end:
                if key.value in found:
                    line = key.start_mark.line + 1
                    raise UsageError(
                        "bad-catalog", file=BUILT_IN.name, reason="twice", line=line, value=key.value
                    )
                found[key.value] = node(next_event())
            return found
        items = []
        while type(item := next_event()) is not sequence_end:
            items.append(node(item))
        return items

    next_event()  # the stream's start
    next_event()  # the document's start
    return cast("dict[str, Any]", node(next_event()))
