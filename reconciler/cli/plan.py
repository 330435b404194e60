"""What would change, and what would that destroy?

Prints the plan, and saves it where asked. It decides nothing about it and never writes to a tenant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options, session
from reconciler.cli.commands import Command

if TYPE_CHECKING:
    from reconciler.catalog import Catalog
    from reconciler.cli.delivery import Delivery
    from reconciler.model import Actor, Current, Desired, Options
    from reconciler.plan import Plan


@click.command(
    cls=Command,
    examples=[
        ("reconciler plan", "what would change"),
        (
            "reconciler plan --out plan.json",
            "save the plan for review; `apply plan.json` carries out exactly it",
        ),
        (
            "reconciler plan --out plan.json --sign-with plan-key.pem",
            "sign it too, so that another job can tell that it is yours",
        ),
        ("reconciler plan --snapshot state.json", "plan against a saved state: no credentials needed"),
        (
            "reconciler plan --json --detailed-exitcode",
            "for a pipeline: exit code 2 says that there are changes",
        ),
        ("reconciler plan --horizon 90d", "what falls due in 90 days, and when seats run short"),
        ("reconciler plan --at 2027-01-01", "the plan of a day to come, if nothing changes until then"),
        ("reconciler plan --target anna@contoso.com", "one user only"),
    ],
)
@options.planning
@click.option(
    "--horizon",
    type=options.days,
    metavar="DAYS",
    help="Show what falls due in so many days (90d), and when seats run short.",
)
@options.delivery
def command(*, horizon: int | None, delivery: Delivery, **request: Any) -> int:
    """Show what would change, and what data that would destroy.

    Compares tenant.yaml with the tenant and changes nothing. Conflicts, missing roles and refused
    guard rails are part of the plan, not errors: they exit with 0 too.

    --horizon adds what begins, ends and falls due later, day by day: dates of licences and rules,
    leavers, deletions. It changes nothing of what apply would do now.
    """
    return delivery.exit_code(
        delivery.make(session.Request(**request), _looking_ahead(horizon) if horizon else None)
    )


def _looking_ahead(days: int) -> session.Planner:
    """Return what makes a plan and adds what falls due in so many days."""
    from reconciler.planning import look_ahead, make_plan

    def planner(desired: Desired, current: Current, actor: Actor, catalog: Catalog, options: Options) -> Plan:
        plan = make_plan(desired, current, actor, catalog, options)
        return look_ahead(plan, desired, current, actor, catalog, options, days)

    return planner
