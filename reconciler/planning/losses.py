"""What does a user gain and lose when service plans go on and off?

Compares the plans that are enabled over all sources before and after; the facts are the catalogue's.
It neither knows changes nor judges them, and it words nothing.
"""

from __future__ import annotations

from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from reconciler.plan import Warning  # noqa: A004  the field's word; the built-in is not used here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from reconciler.catalog import PlanFacts, Service
    from reconciler.planning.context import Context

Function = TypeVar("Function", bound="Callable[..., Any]")
Plans = frozenset[str]
SHOWN = 3
"""How many services are named that an assignment leaves as they are."""


def _once(function: Function) -> Function:
    """Work out once what is the same for all users with the same service plans."""

    @wraps(function)
    def known(context: Context, *plans: Plans) -> object:
        key = (function.__name__, *plans)
        if key not in context.worked_out:
            context.worked_out[key] = function(context, *plans)
        return context.worked_out[key]

    return cast("Function", known)


@_once
def effects(context: Context, before: Plans, after: Plans) -> tuple[str, ...]:
    """Return what is set up for the user: a sentence for each service that was not there before.

    Where none is new, one sentence says so and names those that go on.
    """
    gained = services(context, after) - context.catalog.held(before)
    known = context.catalog.services
    if gained:
        return tuple(f"{row.title}: {row.gives}" for key, row in known.items() if key in gained)
    kept = services(context, after)
    titles = [row.title for key, row in known.items() if key in kept]
    more = f" and {len(titles) - SHOWN} more" if len(titles) > SHOWN else ""
    return (f"nothing new; {', '.join(titles[:SHOWN])}{more} go on",) if titles else ()


@_once
def services(context: Context, plans: Plans) -> frozenset[str]:
    """Return the keys of the services that plans give."""
    return frozenset(facts.service for facts in _facts(context, plans) if facts.service)


@_once
def mailbox_level(context: Context, plans: Plans) -> int:
    """Return the mailbox quota in GB that plans give; 0: no mailbox."""
    return max(
        (
            facts.level
            for facts in _facts(context, plans)
            if facts.service and context.catalog.services[facts.service].kind == "mailbox"
        ),
        default=0,
    )


@_once
def mailbox_features(context: Context, plans: Plans) -> frozenset[str]:
    """Return the rights of a mailbox that only some plans give: "archive", "hold"."""
    return frozenset(feature for facts in _facts(context, plans) for feature in facts.features)


@_once
def has_onedrive(context: Context, plans: Plans) -> bool:
    """Tell whether plans give a storage of the user's own."""
    return any(context.catalog.services[key].kind == "storage" for key in services(context, plans))


@_once
def warnings(context: Context, before: Plans, after: Plans) -> tuple[Warning, ...]:
    """Return what is lost, service by service in the catalogue's order, then the unknown plans.

    Dates count from the day of apply. A plan that the catalogue doesn't know is *unknown*, never
    nothing.
    """
    lost = before - after
    if not lost:
        return ()
    had, has = _by_service(context, before), _by_service(context, after)
    held = context.catalog.held(after)
    found = [
        warning
        for key, service in context.catalog.services.items()
        if key in had
        for warning in _of_service(service, had[key], has.get(key, []), context.options.today, key in held)
    ]
    strange = sorted(context.plan_name(plan) for plan in lost if plan not in context.catalog.plans)
    found += [unknown(name, name) for name in strange]
    return tuple(found)


def unknown(title: str, *plans: str) -> Warning:
    """Return the warning of a loss of which nobody knows what it destroys."""
    return Warning(
        code="data-deletion",
        params={"service": None, "title": title, "plans": list(plans), "days": None, "known": False},
    )


def _by_service(context: Context, plans: Plans) -> dict[str, list[PlanFacts]]:
    """Return service key → the plans that give it."""
    found: dict[str, list[PlanFacts]] = {}
    for facts in _facts(context, plans):
        if facts.service:
            found.setdefault(facts.service, []).append(facts)
    return found


def _of_service(
    service: Service, had: list[PlanFacts], has: list[PlanFacts], today: date, covered: bool
) -> Iterable[Warning]:
    """Yield the warning of one service, if it is lost or made smaller.

    `covered` tells that the plans afterwards still give it, be it through another service's.
    """
    if {facts.id for facts in had} <= {facts.id for facts in has}:
        return
    best, rest = _best(had), _best(has) if has else None
    match service.kind:
        case "mailbox" if best.level and not (rest and rest.level):
            yield Warning(
                code="mailbox-deletion",
                params={"plan_title": best.title},
                recoverable_until=_until(today, service.days),
            )
        case "mailbox" if rest and (rest.level < best.level or _features(had) - _features(has)):
            yield Warning(
                code="mailbox-downgrade",
                params={
                    "from_title": best.title,
                    "to_title": rest.title,
                    "from_gb": best.level,
                    "to_gb": rest.level,
                    "lost": sorted(_features(had) - _features(has)),
                },
            )
        case "storage" if rest and rest.level < best.level:
            yield Warning(
                code="storage-downgrade",
                params={
                    "from_title": best.title,
                    "to_title": rest.title,
                    "from_gb": best.level,
                    "to_gb": rest.level,
                },
            )
        case "mailbox" | "storage" | "data" if not has and not covered:
            yield Warning(
                code="data-deletion",
                params={
                    "service": service.key,
                    "title": service.title,
                    "plans": sorted(facts.name for facts in had),
                    "days": service.days,
                    "known": True,
                },
                recoverable_until=_until(today, service.days),
            )
        case _:  # access ends, and nothing is destroyed
            return


def _facts(context: Context, plans: Plans) -> list[PlanFacts]:
    known = context.catalog.plans
    return [known[plan] for plan in sorted(plans) if plan in known]


def _best(facts: list[PlanFacts]) -> PlanFacts:
    return max(facts, key=lambda plan: (plan.level, plan.id))


def _features(facts: list[PlanFacts]) -> set[str]:
    return {feature for plan in facts for feature in plan.features}


def _until(today: date, days: int | None) -> str | None:
    return None if days is None else (today + timedelta(days=days)).isoformat()
