"""What does a tenant of N users look like, as `tenant.yaml` and as a snapshot?

Seeded: the same numbers give the same bytes. The spread of departments, SKUs, add-ons and licensed
groups is that of an ordinary company; one user in a hundred is about to change. Seats are ample and
the guard rails wide, so that the plan is about users and nothing is refused. Names and addresses are
invented. Nothing here is imported by the product.

    python benchmarks/generate.py --users 10000 FOLDER
"""

from __future__ import annotations

import argparse
import json
import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from reconciler import catalog, roles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

TAKEN_AT = "2026-11-24T02:00:00Z"
RENEWAL = "2027-08-31T00:00:00Z"
DOMAIN = "contoso.com"
ADMIN = f"admin@{DOMAIN}"

T = TypeVar("T")
Kind = Literal["same", "add", "drop", "swap", "profile", "create", "delete"]
Item = tuple[str, tuple[str, ...]]
"""A SKU's part number and the names of the plans switched off."""

BUNDLES: dict[str, tuple[Item, ...]] = {
    "office": (("SPE_E3", ()),),
    "office-quiet": (("SPE_E3", ("SWAY", "YAMMER_ENTERPRISE")),),
    "frontline": (("SPE_F1", ()),),
    "legacy": (("ENTERPRISEPACK", ()), ("EMS", ())),
}
SKUS = (
    "EMS",
    "ENTERPRISEPACK",
    "EXCHANGESTANDARD",
    "FLOW_FREE",
    "MCOMEETADV",
    "POWER_BI_PRO",
    "POWER_BI_STANDARD",
    "SPE_E3",
    "SPE_E5",
    "SPE_F1",
    "VISIOCLIENT",
)
BASES = {
    ("office",): 40,
    ("office-quiet",): 8,
    ("frontline",): 27,
    ("legacy",): 12,
    ("SPE_E5",): 6,
    ("EXCHANGESTANDARD",): 3,
    (): 4,
}
ADD_ONS = {"POWER_BI_PRO": 0.08, "VISIOCLIENT": 0.04}
CHANGES: dict[Kind, int] = {"add": 40, "drop": 20, "swap": 15, "profile": 15, "create": 5, "delete": 5}
GROUPS = {"Audio conferencing Sales": "MCOMEETADV", "Reports Finance": "POWER_BI_STANDARD"}
DEPARTMENTS = {
    "Production": 30,
    "Sales": 15,
    "Logistics": 15,
    "Customer Service": 12,
    "Finance": 7,
    "Engineering": 7,
    "IT": 5,
    "Marketing": 4,
    "Human Resources": 3,
    "Legal": 2,
}
CITIES = {"Amsterdam": "NL", "Utrecht": "NL", "Antwerpen": "BE", "Köln": "DE", "Lyon": "FR", "Malmö": "SE"}
GIVEN = (
    "Anna Bram Chloé Dirk Eva Femke Gijs Hanna Inès Jan Karin Lars Maja Noor Olaf Petra René Sofie Tom Zoë"
)
FAMILY = (
    "Bakker,de Vries,Dubois,Jansen,Lindqvist,Maes,Meijer,Müller,Peeters,Petit,Schmidt,Smit,van Dijk,Visser"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One user: what `tenant.yaml` says (`wanted`) and what the tenant holds (`held`)."""

    id: str
    upn: str
    given_name: str
    surname: str
    department: str
    city: str
    kind: Kind
    wanted: tuple[str, ...]
    held: tuple[Item, ...]
    group: str | None

    @property
    def name(self) -> str:
        """Return the display name."""
        return f"{self.given_name} {self.surname}"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A generated tenant; `changed` counts the users of each kind of change."""

    people: tuple[Person, ...]
    changed: Counter[Kind] = field(default_factory=Counter)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write `tenant.yaml` and `state.json` into `folder`; return their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        desired, state = folder / "tenant.yaml", folder / "state.json"
        with desired.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in _desired(self.people))
        with state.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in _snapshot(self.people))
        return desired, state


def generate(users: int, *, seed: int = 1) -> Tenant:
    """Return a tenant of `users` users, of whom one in a hundred (at least six) is about to change."""
    chance = random.Random(seed)
    changing = max(round(users / 100), len(CHANGES))
    kinds: list[Kind] = [
        kind for kind, share in CHANGES.items() for _ in range(max(1, changing * share // 100))
    ]
    kinds += ["same"] * (users - len(kinds))
    chance.shuffle(kinds)
    people = tuple(_person(number, kind, chance) for number, kind in enumerate(kinds, start=1))
    return Tenant(people, Counter(kind for kind in kinds if kind != "same"))


def _person(number: int, kind: Kind, chance: random.Random) -> Person:
    """Draw one user; a change is made by what the tenant holds differing from what the file says."""
    given, surname = chance.choice(GIVEN.split()), chance.choice(FAMILY.split(","))
    department = _weighted(DEPARTMENTS, chance)
    base = ("office",) if kind in ("add", "drop", "swap") else _weighted(BASES, chance)
    add_ons = tuple(sku for sku, share in ADD_ONS.items() if base and chance.random() < share)
    held = [item for name in (*base, *add_ons) for item in BUNDLES.get(name, ((name, ()),))]
    match kind:
        case "add":
            add_ons, held = ("VISIOCLIENT",), list(BUNDLES["office"])
        case "drop":
            add_ons, held = (), [*BUNDLES["office"], ("VISIOCLIENT", ())]
        case "swap":
            add_ons, held = (), list(BUNDLES["legacy"])
        case "create":
            held = []
        case _:
            pass
    if kind != "create" and chance.random() < 0.3:  # noqa: PLR2004  the share of people who once tried a flow
        held.append(("FLOW_FREE", ()))
    return Person(
        id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        upn=f"{_plain(given)}.{_plain(surname)}.{number}@{DOMAIN}",
        given_name=given,
        surname=surname,
        department=department,
        city=chance.choice(list(CITIES)),
        kind=kind,
        wanted=(*base, *add_ons),
        held=tuple(held),
        group=_group(department, base, kind),
    )


def _group(department: str, base: Sequence[str], kind: Kind) -> str | None:
    """Return the licensed group of a user: by department, and only for those with an office licence."""
    if kind == "create" or base not in (("office",), ("office-quiet",)):
        return None
    return next((name for name in GROUPS if name.endswith(department)), None)


def _weighted(weights: dict[T, int], chance: random.Random) -> T:
    return chance.choices(list(weights), list(weights.values()))[0]


def _plain(name: str) -> str:
    """Return a name as its part of an address: ASCII, lower case, no spaces."""
    letters = str.maketrans("éèëöüô", "eeeouo")
    return name.lower().translate(letters).replace(" ", "-")


# ------------------------------------------------------------------------------------- tenant.yaml


def _desired(people: Sequence[Person]) -> Iterator[str]:
    yield f"version: 1\ntenant:\n  domain: {DOMAIN}\ndefaults:\n  usage_location: NL\nbundles:"
    for name, items in BUNDLES.items():
        yield f"  {name}:"
        for sku, disabled in items:
            yield f"    - {{sku: {sku}, disable: [{', '.join(disabled)}]}}" if disabled else f"    - {sku}"
    yield "guardrails:"
    for rail in ("max_revocations", "max_deletions"):
        yield f"  {rail}: {{count: {2 * len(people)}, percent: 100}}"
    yield f"users:\n  {ADMIN}: {{}}"
    for person in people:
        if person.kind == "delete":
            yield f"  {person.upn}:\n    ensure: absent"
            continue
        yield f"  {person.upn}:\n    name: {person.name}\n    department: {person.department}"
        if person.wanted:
            yield "    licenses:"
            yield from (f"      - {item}" for item in person.wanted)
        else:
            yield "    licenses: []"


# ------------------------------------------------------------------------------------- state.json


def _snapshot(people: Sequence[Person]) -> Iterator[str]:
    """Yield the lines of a snapshot: one resource of Microsoft Graph on each."""
    facts = catalog.load()
    by_part = {sku.part_number: sku for sku in facts.skus.values() if sku.part_number in SKUS}
    plan_ids = {plan.name: plan.id for plan in facts.plans.values()}
    ids = {part: sku.id for part, sku in by_part.items()}
    groups = {name: str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in GROUPS}
    present = [person for person in people if person.kind != "create"]
    seats = Counter(sku for person in present for sku, _ in person.held)
    seats.update(GROUPS[person.group] for person in present if person.group)

    yield f'{{"format_version": "1.0", "taken_at": "{TAKEN_AT}",'
    yield f'"organization": {_json(_organization())},'
    yield from _array("users", ((_admin(), *(_user(p, ids, plan_ids, groups) for p in present))))
    yield from _array("deletedUsers", ())
    yield from _array("groups", (_licensed_group(name, groups, ids, present) for name in GROUPS))
    yield from _array("subscribedSkus", (_sku(by_part[part], facts, seats[part]) for part in SKUS))
    yield from _array("subscriptions", (_subscription(by_part[part], seats[part]) for part in SKUS))
    role = {"principalId": _admin()["id"], "roleTemplateId": roles.TEMPLATE_IDS[roles.GLOBAL_ADMINISTRATOR]}
    yield from _array("roleAssignments", ({**role, "directoryScopeId": "/"},), last=True)
    yield "}"


def _array(name: str, resources: Iterable[dict[str, Any]], *, last: bool = False) -> Iterator[str]:
    yield f'"{name}": ['
    previous = None
    for resource in resources:
        if previous is not None:
            yield f"{previous},"
        previous = _json(resource)
    if previous is not None:
        yield previous
    yield "]" if last else "],"


def _json(resource: dict[str, Any]) -> str:
    return json.dumps(resource, ensure_ascii=False)


def _organization() -> dict[str, Any]:
    domain = {"name": DOMAIN, "isDefault": True, "type": "Managed"}
    name = uuid.uuid5(uuid.NAMESPACE_DNS, DOMAIN)
    return {"id": str(name), "displayName": "Contoso", "countryLetterCode": "NL", "verifiedDomains": [domain]}


def _admin() -> dict[str, Any]:
    key = str(uuid.uuid5(uuid.NAMESPACE_DNS, ADMIN))
    return {
        "id": key,
        "userPrincipalName": ADMIN,
        "displayName": "Administrator",
        "usageLocation": "NL",
        "accountEnabled": True,
        "userType": "Member",
        "assignedLicenses": [],
    }


def _user(
    person: Person, ids: dict[str, str], plan_ids: dict[str, str], groups: dict[str, str]
) -> dict[str, Any]:
    licenses: list[tuple[str, list[str], str | None]] = [
        (ids[sku], sorted(plan_ids[plan] for plan in off), None) for sku, off in person.held
    ]
    if person.group:
        licenses.append((ids[GROUPS[person.group]], [], groups[person.group]))
    return {
        "id": person.id,
        "userPrincipalName": person.upn,
        "displayName": person.name,
        "givenName": person.given_name,
        "surname": person.surname,
        "mail": person.upn,
        "proxyAddresses": [f"SMTP:{person.upn}"],
        "usageLocation": CITIES[person.city],
        "accountEnabled": True,
        "userType": "Member",
        "department": "Sales (old)" if person.kind == "profile" else person.department,
        "jobTitle": None,
        "city": person.city,
        "country": CITIES[person.city],
        "onPremisesSyncEnabled": None,
        "isResourceAccount": None,
        "assignedLicenses": [{"skuId": sku, "disabledPlans": off} for sku, off, _ in licenses],
        "licenseAssignmentStates": [
            {"skuId": sku, "assignedByGroup": by, "disabledPlans": off, "state": "Active", "error": "None"}
            for sku, off, by in licenses
        ],
    }


def _licensed_group(
    name: str, groups: dict[str, str], ids: dict[str, str], present: Iterable[Person]
) -> dict[str, Any]:
    members = [person.id for person in present if person.group == name]
    license_ = {"skuId": ids[GROUPS[name]], "disabledPlans": []}
    return {"id": groups[name], "displayName": name, "assignedLicenses": [license_], "members": members}


def _seats(in_use: int) -> int:
    """Return seats for all who hold the SKU, and ample spare ones."""
    return in_use + in_use // 10 + 1_000


def _sku(sku: catalog.SkuFacts, facts: catalog.Catalog, in_use: int) -> dict[str, Any]:
    plans = [
        {
            "servicePlanId": plan,
            "servicePlanName": facts.plans[plan].name,
            "appliesTo": "User",
            "provisioningStatus": "Success",
        }
        for plan in sku.plans
        if plan in facts.plans
    ]
    prepaid = {"enabled": _seats(in_use), "warning": 0, "suspended": 0, "lockedOut": 0}
    return {
        "skuId": sku.id,
        "skuPartNumber": sku.part_number,
        "appliesTo": "User",
        "capabilityStatus": "Enabled",
        "consumedUnits": in_use,
        "prepaidUnits": prepaid,
        "servicePlans": plans,
        "subscriptionIds": [_subscription_id(sku)],
    }


def _subscription_id(sku: catalog.SkuFacts) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, sku.id))


def _subscription(sku: catalog.SkuFacts, in_use: int) -> dict[str, Any]:
    return {
        "id": _subscription_id(sku),
        "skuId": sku.id,
        "skuPartNumber": sku.part_number,
        "status": "Enabled",
        "totalLicenses": _seats(in_use),
        "nextLifecycleDateTime": RENEWAL,
        "isTrial": False,
        "ownerType": None,
        "autoRenew": True,
    }


def main() -> None:
    """Write one tenant into a folder."""
    parser = argparse.ArgumentParser(description="Write tenant.yaml and state.json of an invented tenant.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    tenant = generate(arguments.users, seed=arguments.seed)
    desired, state = tenant.write(arguments.folder)
    changed = ", ".join(f"{count} {kind}" for kind, count in sorted(tenant.changed.items()))
    print(f"{desired}, {state}: {len(tenant.people)} users; to change: {changed}")


if __name__ == "__main__":
    main()
