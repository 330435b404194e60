"""May these licences be given to and taken from this user, by an administrator or by a group?

The rules of assignLicense and of group-based licensing as functions over plain values: no storage, no
clock, no HTTP. What the service refuses is a Fault with the service's own words. Only rules that are
certain stand here; the disputed ones (SharePoint 1 and 2, Exchange 1 and 2) are for the client to warn
of.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule that says no. `error` is the word that licenseAssignmentState has for it.

    Whose doing it is: a licence of `sku_id`, or one that has one of `plans` on; where neither is set,
    every licence that is given.
    """

    error: str
    fault: Fault
    sku_id: str | None = None
    plans: frozenset[str] = frozenset()

    def concerns(self, each: Held, products: Mapping[str, Product]) -> bool:
        """Tell whether a licence is (among) what the rule says no to."""
        if self.sku_id is not None:
            return each.sku_id == self.sku_id
        return not self.plans or not self.plans.isdisjoint(_plans_on(each, products))


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
    if add and not is_location(usage_location):
        raise _no_location().fault
    for wanted in add:
        _check_assignable(wanted, products)
    added = {wanted.sku_id: wanted for wanted in add}
    after = [each for each in kept if each.group_id is not None or each.sku_id not in added]
    after += [Held(sku_id=each.sku_id, disabled_plans=tuple(sorted(each.disabled_plans))) for each in add]
    for violation in _violations(held, after, products, catalog):
        raise violation.fault
    return tuple(after)


def change_group(
    given: Iterable[Wanted],
    *,
    add: Sequence[Wanted],
    remove: Sequence[str],
    products: Mapping[str, Product],
) -> tuple[Wanted, ...]:
    """Return what a group gives its members afterwards, by SKU id; raises Fault as `assign` does.

    Seats and the members' other licences are nothing to the group: they are judged member by member.
    """
    _check_form(add, remove, products)
    after = {each.sku_id: each for each in given}
    for sku_id in remove:
        if after.pop(sku_id, None) is None:
            raise refused("Group does not have a corresponding license.")
    for wanted in add:
        _check_assignable(wanted, products)
        after[wanted.sku_id] = wanted
    return tuple(after[sku_id] for sku_id in sorted(after))


def inherit(
    held: Sequence[Held],
    group_id: str,
    wanted: Sequence[Wanted],
    *,
    products: Mapping[str, Product],
    usage_location: str | None,
    catalog: Catalog,
) -> tuple[tuple[Held, ...], Fault | None]:
    """Return what a user holds once a group's licences are to be `wanted`, and why not those, if so.

    One step, all or nothing: where a rule says no, none of the group's products is given and none is
    taken; what the user already had from the group stays (ActiveWithError), the rest is in Error. The
    licences to blame tell the rule, the others "Other". `usage_location` is the user's, or else the
    tenant's.
    """
    others = [each for each in held if each.group_id != group_id]
    old = {each.sku_id: each for each in held if each.group_id == group_id}
    new = {
        each.sku_id: Held(sku_id=each.sku_id, group_id=group_id, disabled_plans=each.disabled_plans)
        for each in wanted
    }
    if old == new:
        return tuple(held), None
    after = (*others, *new.values())
    found = [_no_location()] if new and not is_location(usage_location) else []
    found += _violations(held, after, products, catalog)
    if not found:
        return after, None
    rows = []
    for sku_id in sorted(old.keys() | new.keys()):
        meant = new.get(sku_id) or old[sku_id]
        error = next((each.error for each in found if each.concerns(meant, products)), "Other")
        if sku_id in old and old[sku_id].active:
            rows.append(replace(old[sku_id], state="ActiveWithError", error=error))
        elif sku_id in new:
            rows.append(replace(meant, state="Error", error=error))
    return (*others, *rows), found[0].fault


def is_location(text: str | None) -> bool:
    """Tell whether a text is a usage location: the code of a country."""
    return _LOCATION.fullmatch(text or "") is not None


def seats(held: Iterable[Held]) -> set[str]:
    """Return the SKUs of which the user takes a seat."""
    return {each.sku_id for each in held if each.active}


def enabled_plans(held: Iterable[Held], products: Mapping[str, Product]) -> set[str]:
    """Return the service plans that are on: those that any source leaves on."""
    return {plan for each in held if each.active for plan in _plans_on(each, products)}


def _plans_on(each: Held, products: Mapping[str, Product]) -> set[str]:
    """Return the plans that a licence leaves on, whatever its state."""
    product = products.get(each.sku_id)
    return set() if product is None else product.plans.keys() - set(each.disabled_plans)


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


def _no_location() -> Violation:
    message = "License assignment cannot be done for user with invalid usage location."
    return Violation(error="ProhibitedInUsageLocationViolation", fault=refused(message))


def _violations(
    before: Iterable[Held], after: Iterable[Held], products: Mapping[str, Product], catalog: Catalog
) -> Iterator[Violation]:
    """Yield what stands against a step: missing seats, then exclusive plans and missing dependencies.

    What a tenant already holds against the rules does not stand in the way of another change.
    """
    for sku_id in sorted(seats(after) - seats(before)):
        product = products.get(sku_id)
        if product is None or product.free < 1:
            message = f"Subscription with SKU {sku_id} does not have any available licenses."
            yield Violation(error="CountViolation", fault=refused(message), sku_id=sku_id)
    old = {each.fault.message for each in _clashes(enabled_plans(before, products), catalog)}
    for violation in _clashes(enabled_plans(after, products), catalog):
        if violation.fault.message not in old:
            yield violation


def _clashes(plans: set[str], catalog: Catalog) -> Iterator[Violation]:
    for plan, other, certain in catalog.exclusive(plans):
        if certain:
            message = (
                f"License assignment failed because service plans {plan}, {other} are mutually exclusive."
            )
            yield Violation(
                error="MutuallyExclusiveViolation", fault=refused(message), plans=frozenset((plan, other))
            )
    for rule in catalog.missing(plans):
        if rule.certain:
            message = (
                f"License assignment failed because service plan {rule.plan} depends on the service plan(s)"
                f" {', '.join(rule.needs)}"
            )
            yield Violation(
                error="DependencyViolation",
                fault=refused(message),
                plans=frozenset((rule.plan, *rule.needs)),
            )
