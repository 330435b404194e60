"""Small tenants and desired states for the planning tests: a word each for what a test needs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reconciler import catalog
from reconciler.model import (
    Actor,
    Assignment,
    Current,
    Desired,
    Domain,
    Entry,
    Exclusion,
    Grant,
    Location,
    Options,
    Organization,
    RoleAssignment,
    ServicePlan,
    Sku,
    TenantRef,
    User,
)
from reconciler.plan import Change, Conflict, Plan
from reconciler.planning import make_plan

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
CATALOG = catalog.load()
ADMIN = "admin@contoso.com"


def sid(part_number: str) -> str:
    """Return the id of a catalogued SKU."""
    facts = CATALOG.find_sku(part_number)
    assert facts
    return facts.id


def pid(plan_name: str) -> str:
    """Return the id of a catalogued service plan."""
    facts = CATALOG.find_plan(plan_name)
    assert facts
    return facts.id


def sku(part_number: str, enabled: int = 10, **fields: Any) -> Sku:
    """Return a SKU of the tenant with all of its catalogued plans."""
    facts = CATALOG.find_sku(part_number)
    assert facts
    plans = tuple(ServicePlan(id=plan, name=CATALOG.plans[plan].name) for plan in facts.plans)
    return Sku(id=facts.id, part_number=facts.part_number, enabled=enabled, plans=plans, **fields)


def held(part_number: str, *, off: tuple[str, ...] = (), group: str | None = None, state: str = "Active"):
    """Return an assignment; `off` are names of disabled plans."""
    plans = tuple(sorted(pid(name) for name in off))
    return Assignment(sku_id=sid(part_number), disabled_plans=plans, assigned_by=group, state=state)


def user(name: str, *licences: str | Assignment, **fields: Any) -> User:
    """Return an enabled member NAME@contoso.com in the Netherlands."""
    assignments = [held(one) if isinstance(one, str) else one for one in licences]
    return User(
        **{
            "id": f"id-{name}",
            "upn": f"{name}@contoso.com",
            "name": name.title(),
            "enabled": True,
            "user_type": "Member",
            "usage_location": "NL",
            "assignments": tuple(sorted(assignments, key=lambda a: (a.sku_id, a.assigned_by or ""))),
            **fields,
        }
    )


def line(number: int) -> Location:
    """Return a place in tenant.yaml."""
    return Location(file="tenant.yaml", line=number)


def grant(part_number: str, *, off: tuple[str, ...] | None = None, at: int = 1, rule: str = "users") -> Grant:
    """Return a grant; `off` None: it does not manage plans."""
    plans = None if off is None else tuple(sorted(pid(name) for name in off))
    return Grant(sku_id=sid(part_number), disabled_plans=plans, location=line(at), rule=rule)


def entry(
    name: str, *licences: str | Grant, at: int = 1, exclude: tuple[str, ...] = (), **fields: Any
) -> Entry:
    """Return an entry that manages licences, unless `grants=None` says otherwise."""
    grants = tuple(one if isinstance(one, Grant) else grant(one, at=at) for one in licences)
    exclusions = tuple(Exclusion(sku_id=sid(part), location=line(at)) for part in exclude)
    upn = name if "@" in name else f"{name}@contoso.com"
    return Entry(**{"upn": upn, "location": line(at), "grants": grants, "exclusions": exclusions, **fields})


ADMINISTRATOR = user("admin")
CHIEF = Actor(id="id-admin", name=ADMIN, roles=("global-administrator",))
PLAIN = Options(now=NOW)
GLOBAL = RoleAssignment(principal_id="id-admin", role="global-administrator")


@dataclass
class World:
    """A tenant that an administrator looks at."""

    users: tuple[User, ...] = ()
    skus: tuple[Sku, ...] = ()
    entries: tuple[Entry, ...] = ()
    current: dict[str, Any] | None = None
    desired: dict[str, Any] | None = None
    actor: Actor = CHIEF
    options: Options = PLAIN

    def states(self) -> tuple[Desired, Current]:
        """Return the desired and the current state of this world."""
        current = Current(
            **{
                "taken_at": NOW,
                "organization": Organization(
                    id="tenant", domains=(Domain(name="contoso.com", is_default=True),)
                ),
                "users": tuple(sorted((*self.users, ADMINISTRATOR), key=lambda u: u.upn)),
                "skus": self.skus,
                "role_assignments": (GLOBAL,),
                **(self.current or {}),
            }
        )
        desired = Desired(
            **{
                "tenant": TenantRef(domain="contoso.com"),
                "digest": "sha256:0",
                "entries": tuple(sorted(self.entries, key=lambda e: e.upn)),
                **(self.desired or {}),
            }
        )
        return desired, current

    def plan(self) -> Plan:
        """Return the plan of this world."""
        return make_plan(*self.states(), self.actor, CATALOG, self.options)


def planned(*entries: Entry, users: tuple[User, ...] = (), skus: tuple[Sku, ...] = (), **more: Any) -> Plan:
    """Return the plan of entries against users and SKUs (all that are mentioned, ten seats each)."""
    return World(users=users, skus=skus or _mentioned(entries, users), entries=entries, **more).plan()


def _mentioned(entries: tuple[Entry, ...], users: tuple[User, ...]) -> tuple[Sku, ...]:
    ids = {a.sku_id for one in users for a in one.assignments}
    ids |= {row.sku_id for one in entries for row in (*(one.grants or ()), *one.exclusions)}
    return tuple(sku(CATALOG.skus[sku_id].part_number) for sku_id in sorted(ids))


def change(plan: Plan, address: str) -> Change:
    """Return the change at `address`; a bare name means that user's licences."""
    wanted = address if "/" in address else f"users/{address}@contoso.com/licenses"
    return next(one for one in plan.changes if one.address == wanted)


def parts(licences) -> list[str]:
    """Return the part numbers of licences of a change."""
    return [one.sku for one in licences]


def codes(rows) -> list[str]:
    """Return the codes of conflicts, warnings or refusals."""
    return [row.code for row in rows]


def conflict(plan: Plan, code: str) -> Conflict:
    """Return the only conflict with `code`."""
    (found,) = (one for one in plan.conflicts if one.code == code)
    return found
