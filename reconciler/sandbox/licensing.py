"""May these licences be given to and taken from this user?

The rules of assignLicense as functions over plain values: no storage, no clock, no HTTP. What the
service refuses is a Fault with the service's own words. Only rules that are certain stand here; the
disputed ones (SharePoint 1 and 2, Exchange 1 and 2) are for the client to warn of.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.sandbox.fault import Fault, refused, wrong_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.catalog import Catalog

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LOCATION = re.compile(r"[A-Za-z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One licence of a user from one source; `group_id` is None for a direct one."""

    sku_id: str
    group_id: str | None = None
    disabled_plans: tuple[str, ...] = ()
    state: str = "Active"
    error: str = "None"

    @property
    def active(self) -> bool:
        """Tell whether this source gives service and takes a seat."""
        return self.state != "Error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One item of addLicenses; `disabled_plans` is the whole new list, not a delta."""

    sku_id: str
    disabled_plans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A SKU of the tenant. `plans` maps plan id → "User" or "Company"; `free` may be negative."""

    sku_id: str
    part_number: str
    applies_to: str
    owned: bool
    free: int
    plans: Mapping[str, str]


def is_guid(text: str) -> bool:
    """Tell whether a lower-case text is a GUID."""
    return _GUID.fullmatch(text) is not None


def assign(
    held: Sequence[Held],
    *,
    add: Sequence[Wanted],
    remove: Sequence[str],
    products: Mapping[str, Product],
    usage_location: str | None,
    catalog: Catalog,
) -> tuple[Held, ...]:
    """Return what the user holds afterwards; raises Fault, and nothing is done, where a rule says no.

    `held` is sorted in no particular way. Additions and removals are judged together, as one step.
    """
    _check_form(add, remove, products)
    kept = _without(held, remove)
    if add and not _LOCATION.fullmatch(usage_location or ""):
        raise refused("License assignment cannot be done for user with invalid usage location.")
    for wanted in add:
        _check_assignable(wanted, products)
    added = {wanted.sku_id: wanted for wanted in add}
    after = [each for each in kept if each.group_id is not None or each.sku_id not in added]
    after += [Held(sku_id=each.sku_id, disabled_plans=tuple(sorted(each.disabled_plans))) for each in add]
    for sku_id in sorted(seats(after) - seats(held)):
        if products[sku_id].free < 1:
            raise refused(f"Subscription with SKU {sku_id} does not have any available licenses.")
    _check_plans(enabled_plans(held, products), enabled_plans(after, products), catalog)
    return tuple(after)


def seats(held: Iterable[Held]) -> set[str]:
    """Return the SKUs of which the user takes a seat."""
    return {each.sku_id for each in held if each.active}


def enabled_plans(held: Iterable[Held], products: Mapping[str, Product]) -> set[str]:
    """Return the service plans that are on: those that any source leaves on."""
    return {
        plan
        for each in held
        if each.active and each.sku_id in products
        for plan in products[each.sku_id].plans
        if plan not in each.disabled_plans
    }


def settle_inherited(each: Held, *, seat: bool) -> Held:
    """Return an inherited licence as it comes (back) to a member: in error where there is no seat."""
    state, error = ("Active", "None") if seat else ("Error", "CountViolation")
    return replace(each, state=state, error=error)


def _check_form(add: Sequence[Wanted], remove: Sequence[str], products: Mapping[str, Product]) -> None:
    """Refuse ids that are none, and a SKU that is named twice."""
    ids = [wanted.sku_id for wanted in add] + list(remove)
    for sku_id in ids:
        if sku_id not in products and not is_guid(sku_id):
            raise wrong_type("Guid")
    for wanted in add:
        known = products[wanted.sku_id].plans if wanted.sku_id in products else {}
        if any(plan not in known and not is_guid(plan) for plan in wanted.disabled_plans):
            raise wrong_type("Guid")
    twice = next((sku_id for sku_id, times in Counter(ids).items() if times > 1), None)
    if twice is not None:
        raise refused(f"License {twice} is named more than once in addLicenses and removeLicenses.")


def _without(held: Sequence[Held], remove: Sequence[str]) -> list[Held]:
    """Return what is left when the direct licences in `remove` are gone."""
    for sku_id in remove:
        sources = [each for each in held if each.sku_id == sku_id]
        if not sources:
            raise refused("User does not have a corresponding license.")
        if all(each.group_id is not None for each in sources):
            raise refused(
                "User license is inherited from a group membership and it cannot be removed directly from"
                " the user."
            )
    return [each for each in held if each.group_id is not None or each.sku_id not in remove]


def _check_assignable(wanted: Wanted, products: Mapping[str, Product]) -> None:
    product = products.get(wanted.sku_id)
    if product is None or not product.owned:
        raise refused(f"License {wanted.sku_id} does not correspond to a valid company License.")
    if product.applies_to != "User":
        raise refused(f"License {product.part_number} cannot be assigned to a user.")
    for plan in wanted.disabled_plans:
        if product.plans.get(plan) != "User":
            raise refused(
                f"License assignment failed because service plan {plan} does not belong to the subscription"
                f" with SKU {wanted.sku_id} or cannot be disabled for a user."
            )


def _check_plans(before: set[str], after: set[str], catalog: Catalog) -> None:
    """Refuse exclusive plans and missing dependencies that were not there before.

    What a tenant already holds against the rules does not stand in the way of another change.
    """
    old = {fault.message for fault in _plan_faults(before, catalog)}
    for fault in _plan_faults(after, catalog):
        if fault.message not in old:
            raise fault


def _plan_faults(plans: set[str], catalog: Catalog) -> Iterator[Fault]:
    for plan, other, certain in catalog.exclusive(plans):
        if certain:
            yield refused(
                f"License assignment failed because service plans {plan}, {other} are mutually exclusive."
            )
    for rule in catalog.missing(plans):
        if rule.certain:
            yield refused(
                f"License assignment failed because service plan {rule.plan} depends on the service plan(s)"
                f" {', '.join(rule.needs)}"
            )
