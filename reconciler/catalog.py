"""What does the product know of SKUs and service plans, before it asks any tenant?

Names, effects of an assignment, what a removal destroys and when, exclusions and dependencies: facts
read from catalog.yaml beside this file. What a tenant really owns comes from the tenant; this module
decides nothing.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from reconciler.model import Value


class Service(Value, frozen=True, kw_only=True):
    """A service and what becomes of its data (sentences in English, no final full stop).

    `kind`: "mailbox" (one plan of it makes a mailbox), "storage" (OneDrive), "data" (loses data),
    "access" (nothing is destroyed, only access ends). `days` after which data is gone; None: unknown.
    """

    key: str
    title: str
    kind: Literal["mailbox", "storage", "data", "access"]
    gives: str
    loses: str
    keeps: str = ""
    prevent: str = ""
    days: int | None = None


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
    """A SKU. `plans` are service-plan ids, sorted; `free` marks free and viral SKUs."""

    id: str
    part_number: str
    name: str
    plans: tuple[str, ...] = ()
    free: bool = False


class ExclusionGroup(Value, frozen=True, kw_only=True):
    """Plans (ids) of which a user may have one enabled. `certain`: the service refuses a pair.

    Where not certain, a pair is a warning (`near-exclusive`), never a conflict.
    """

    name: str
    plans: frozenset[str]
    certain: bool = True


class Dependency(Value, frozen=True, kw_only=True):
    """`plan` (id) works only with one of `needs` (ids) enabled."""

    plan: str
    needs: tuple[str, ...]
    certain: bool = True


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """All facts. `skus` and `plans` are keyed by id."""

    skus: dict[str, SkuFacts]
    plans: dict[str, PlanFacts]
    services: dict[str, Service]
    exclusions: tuple[ExclusionGroup, ...] = ()
    dependencies: tuple[Dependency, ...] = ()

    @property
    def free_skus(self) -> frozenset[str]:
        """Return the ids of free and viral SKUs: the default of `ignore_skus`."""
        return frozenset(sku.id for sku in self.skus.values() if sku.free)

    def sku_name(self, sku_id: str, part_number: str = "") -> str:
        """Return the product name, or the part number, or the id, whichever is known first."""
        facts = self.skus.get(sku_id)
        return facts.name if facts else part_number or sku_id
