"""Random small tenants as snapshots, and random desired states as the data of a tenant.yaml."""

from typing import Any

from hypothesis import strategies as st

from reconciler import catalog
from reconciler.roles import TEMPLATE_IDS

CATALOG = catalog.load()
SKUS = ("DESKLESSPACK", "EMS", "ENTERPRISEPACK", "SPE_E5", "VISIOCLIENT")
PEOPLE = ("anna", "bram", "cees", "dora", "eva", "finn")
PLANS = {"EMS": ("INTUNE_A", "AAD_PREMIUM"), "ENTERPRISEPACK": ("SWAY", "TEAMS1")}
GROUP = "99999999-0000-4000-8000-000000000001"


class Snapshot(dict[str, Any]):
    """A snapshot that is told in a few lines where a law fails: who holds what, and the seats."""

    def __repr__(self) -> str:
        """Return users with their licences, then seats."""
        parts = {row["skuId"]: row["skuPartNumber"] for row in self["subscribedSkus"]}
        people = [
            f"{user['userPrincipalName'][:45]} {user['usageLocation']} {user['userType']} "
            f"enabled={user['accountEnabled']} synced={user.get('onPremisesSyncEnabled')} "
            + str(
                [
                    (parts[one["skuId"]], bool(one["assignedByGroup"]), len(one["disabledPlans"]))
                    for one in user.get("licenseAssignmentStates", ())
                ]
            )
            for user in (*self["users"], *self["deletedUsers"])
        ]
        seats = {
            row["skuPartNumber"]: (row["prepaidUnits"]["enabled"], row["consumedUnits"])
            for row in self["subscribedSkus"]
        }
        roles = [(row["principalId"][-2:], row["roleTemplateId"][:4]) for row in self["roleAssignments"]]
        return "\n".join(["", *people, str(seats), str(roles)])


def sku_id(part_number: str) -> str:
    """Return the id of a catalogued SKU."""
    facts = CATALOG.find_sku(part_number)
    assert facts
    return facts.id


def plan_ids(part_number: str) -> list[str]:
    """Return the ids of the plans of a SKU that a test may switch off."""
    facts = [CATALOG.find_plan(name) for name in PLANS.get(part_number, ())]
    return sorted(plan.id for plan in facts if plan)


def user_id(number: int) -> str:
    """Return a fixed id."""
    return f"00000000-0000-4000-8000-{number:012}"


def compatible(parts: list[str]) -> list[str]:
    """Return `parts` less those whose plans the service would not let be on beside the others."""
    kept: list[str] = []
    for part in parts:
        plans = {plan for name in (*kept, part) for plan in CATALOG.skus[sku_id(name)].plans}
        if not any(certain for *_, certain in CATALOG.exclusive(plans)):
            kept.append(part)
    return kept


@st.composite
def users(draw: st.DrawFn, number: int, *, grouped: bool) -> dict[str, Any]:
    """Return a user as Graph spells one; a member of the group inherits VISIOCLIENT."""
    name = PEOPLE[number]
    states = [
        {
            "skuId": sku_id(part),
            "assignedByGroup": None,
            "disabledPlans": draw(st.lists(st.sampled_from(plan_ids(part)), unique=True).map(sorted))
            if plan_ids(part)
            else [],
            "state": "Active",
            "error": "None",
        }
        for part in compatible(draw(st.lists(st.sampled_from(SKUS), unique=True, max_size=3)))
    ]
    if grouped:
        states.append(
            {
                "skuId": sku_id("VISIOCLIENT"),
                "assignedByGroup": GROUP,
                "disabledPlans": [],
                "state": "Active",
                "error": "None",
            }
        )
    merged: dict[str, set[str]] = {}
    for state in states:
        off = set(state["disabledPlans"])
        merged[state["skuId"]] = merged.get(state["skuId"], off) & off
    return {
        "id": user_id(number),
        "userPrincipalName": f"{name}@contoso.com",
        "displayName": name.title(),
        "mail": f"{name}@contoso.com",
        "proxyAddresses": [f"SMTP:{name}@contoso.com"],
        "usageLocation": draw(st.sampled_from(["NL", "IN", None])),
        "accountEnabled": draw(st.sampled_from([True, True, False])),
        "userType": draw(st.sampled_from(["Member", "Member", "Guest"])),
        "department": draw(st.sampled_from(["Sales", "IT", None])),
        "onPremisesSyncEnabled": draw(st.sampled_from([None, None, True])),
        "assignedLicenses": [
            {"skuId": sku, "disabledPlans": sorted(off)} for sku, off in sorted(merged.items())
        ],
        "licenseAssignmentStates": states,
    }


@st.composite
def snapshots(draw: st.DrawFn) -> dict[str, Any]:
    """Return a tenant of up to six people and an administrator, seats scarce or over-used."""
    count = draw(st.integers(1, len(PEOPLE)))
    members = draw(st.sets(st.integers(0, count - 1), max_size=2))
    people = [draw(users(number, grouped=number in members)) for number in range(count)]
    gone = draw(st.integers(0, 1)) if count < len(PEOPLE) else 0
    deleted = [draw(users(count, grouped=False))] if gone else []
    for user in deleted:
        user |= {"deletedDateTime": "2026-11-20T00:00:00Z", "onPremisesSyncEnabled": None}
        user["userPrincipalName"] = user["id"].replace("-", "") + user["userPrincipalName"]
    in_use = {
        part: sum(any(one["skuId"] == sku_id(part) for one in user["assignedLicenses"]) for user in people)
        for part in SKUS
    }
    administrator = {
        "id": user_id(99),
        "userPrincipalName": "admin@contoso.com",
        "displayName": "Administrator",
        "usageLocation": "NL",
        "accountEnabled": True,
        "userType": "Member",
        "assignedLicenses": [],
    }
    holder = draw(st.sampled_from([None, *range(count)]))
    roles = [{"principalId": user_id(99), "roleTemplateId": TEMPLATE_IDS["global-administrator"]}]
    if holder is not None:
        role = draw(st.sampled_from(sorted(TEMPLATE_IDS)))
        roles.append({"principalId": user_id(holder), "roleTemplateId": TEMPLATE_IDS[role]})
    return Snapshot(
        {
            "format_version": "1.0",
            "taken_at": "2026-11-24T02:00:00Z",
            "organization": {
                "id": user_id(1000),
                "displayName": "Contoso",
                "countryLetterCode": "NL",
                "verifiedDomains": [{"name": "contoso.com", "isDefault": True, "type": "Managed"}],
            },
            "users": [*people, administrator],
            "deletedUsers": deleted,
            "groups": [
                {
                    "id": GROUP,
                    "displayName": "Draughtsmen",
                    "assignedLicenses": [{"skuId": sku_id("VISIOCLIENT"), "disabledPlans": []}],
                    "members": sorted(user_id(number) for number in members),
                }
            ],
            "subscribedSkus": [
                _sku(part, max(0, in_use[part] + draw(st.integers(-1, 2))), in_use[part]) for part in SKUS
            ],
            "subscriptions": [],
            "roleAssignments": [{**role, "directoryScopeId": "/"} for role in roles],
        }
    )


def _sku(part: str, enabled: int, consumed: int) -> dict[str, Any]:
    facts = CATALOG.skus[sku_id(part)]
    return {
        "skuId": facts.id,
        "skuPartNumber": part,
        "appliesTo": "User",
        "capabilityStatus": "Enabled",
        "consumedUnits": consumed,
        "prepaidUnits": {"enabled": enabled, "warning": 0, "suspended": 0, "lockedOut": 0},
        "servicePlans": [
            {
                "servicePlanId": plan,
                "servicePlanName": CATALOG.plans[plan].name,
                "appliesTo": "User",
                "provisioningStatus": "Success",
            }
            for plan in facts.plans
        ],
        "subscriptionIds": [],
    }


@st.composite
def items(draw: st.DrawFn) -> str | dict[str, Any]:
    """Return one item of a list of licences: a bundle, a SKU, or a SKU with plans on or off."""
    part = draw(st.sampled_from([*SKUS, "office"]))
    if part in PLANS and draw(st.booleans()):
        how = draw(st.sampled_from(["disable", "enable"]))
        least = 1 if how == "enable" else 0
        return {"sku": part, how: draw(st.lists(st.sampled_from(PLANS[part]), unique=True, min_size=least))}
    return part


@st.composite
def entries(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Return what the file says of one person."""
    if draw(st.integers(0, 5)) == 0:
        return {"ensure": "absent"}
    entry: dict[str, Any] = {}
    listed = draw(st.lists(items(), max_size=2, unique_by=str))
    shape = draw(st.sampled_from(["omitted", "list", "add", "replace"]))
    if shape == "list":
        entry["licenses"] = listed
    elif shape == "add" and listed:
        entry["licenses"] = {"add": listed}
    elif shape == "replace":
        entry["licenses"] = {"replace": listed}
    if draw(st.booleans()):
        entry["name"] = name.title()
    if draw(st.integers(0, 3)) == 0:
        entry["usage_location"] = draw(st.sampled_from(["NL", "IN"]))
    if draw(st.integers(0, 3)) == 0:
        entry["department"] = draw(st.sampled_from(["Sales", "IT"]))
    if draw(st.integers(0, 4)) == 0:
        named = {one["sku"] if isinstance(one, dict) else one for one in listed}
        free = [part for part in SKUS if part not in named]
        entry["exclude"] = [draw(st.sampled_from(free))]
    if draw(st.integers(0, 5)) == 0:
        entry["leaver"] = draw(leavers())
    return entry


@st.composite
def leavers(draw: st.DrawFn) -> dict[str, Any]:
    """Return when somebody leaves, around the day of the laws."""
    leaver = {
        "last_day": draw(st.sampled_from(["2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25"])),
        "keep_licenses": draw(st.sampled_from(["1d", "2d"])),
    }
    if draw(st.booleans()):
        leaver["delete_after"] = "4d"
    return leaver


@st.composite
def dated(draw: st.DrawFn) -> str | dict[str, Any]:
    """Return an item of a list of licences, perhaps with dates around the day of the laws, or a choice."""
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return {"one_of": draw(st.lists(st.sampled_from(SKUS), min_size=2, max_size=3, unique=True))}
    if kind == 1:
        day = draw(st.sampled_from(["2026-11-23", "2026-11-24", "2026-11-25"]))
        return {"sku": draw(st.sampled_from(SKUS)), draw(st.sampled_from(["from", "until"])): day}
    return draw(items())


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    """Return the condition of a rule."""
    tests = [
        {"department": draw(st.sampled_from(["Sales", "IT"]))},
        {"department": {"not": "Sales"}},
        {"user_type": "Member"},
        {"enabled": True},
        {"usage_location": "NL"},
        {"member_of": "Draughtsmen"},
        {"any": [{"department": "IT"}, {"not": {"member_of": ["Draughtsmen"]}}]},
    ]
    return draw(st.sampled_from(tests))


@st.composite
def rules(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """Return a rule."""
    listed = draw(st.lists(dated(), min_size=1, max_size=2, unique_by=str))
    rule: dict[str, Any] = {"name": f"rule-{number}", "when": draw(conditions())}
    rule["licenses"] = draw(st.sampled_from([listed, {"replace": listed}]))
    rule["grace"] = draw(st.sampled_from(["0d", "2d"]))
    if draw(st.integers(0, 3)) == 0:
        rule["priority"] = draw(st.integers(-1, 1))
    return rule


@st.composite
def groups(draw: st.DrawFn) -> dict[str, Any]:
    """Return what is declared of the one group."""
    group: dict[str, Any] = {}
    listed = draw(st.lists(items(), min_size=1, max_size=2, unique_by=str))
    shape = draw(st.sampled_from(["omitted", "list", "replace", "none"]))
    if shape == "list":
        group["licenses"] = listed
    elif shape != "omitted":
        group["licenses"] = {"replace": listed if shape == "replace" else []}
    if draw(st.booleans()):
        names = draw(st.lists(st.sampled_from(PEOPLE), unique=True, max_size=3))
        group["members"] = [f"{name}@contoso.com" for name in names]
    return group


@st.composite
def declarations(draw: st.DrawFn) -> dict[str, Any]:
    """Return a whole tenant.yaml as data."""
    names = draw(st.lists(st.sampled_from(PEOPLE), unique=True))
    document: dict[str, Any] = {
        "version": 1,
        "tenant": {"domain": "contoso.com"},
        "defaults": {"licenses": draw(st.sampled_from(["replace", "add"]))},
        "unlisted_users": draw(st.sampled_from(["keep", "keep", "revoke"])),
        "bundles": {"office": ["ENTERPRISEPACK", {"sku": "EMS", "disable": ["INTUNE_A"]}]},
        "users": {f"{name}@contoso.com": draw(entries(name)) for name in names},
        "guardrails": {"max_revocations": {"count": 100, "percent": 100}, "max_deletions": {"count": 100}},
    }
    if draw(st.booleans()):
        document["defaults"]["usage_location"] = "NL"
    if draw(st.integers(0, 2)) == 0:
        document["defaults"]["disable_before_delete"] = "3d"
    if draw(st.booleans()):
        document["restrictions"] = [{"sku": "VISIOCLIENT", "countries": ["IN"]}]
    if draw(st.booleans()):
        document["rules"] = [draw(rules(number)) for number in range(draw(st.integers(1, 2)))]
    if draw(st.booleans()):
        document["groups"] = {"Draughtsmen": draw(groups())}
    if draw(st.integers(0, 2)) == 0:
        document["subscriptions"] = {draw(st.sampled_from(SKUS)): {"seats": draw(st.integers(0, 6))}}
    return document
