"""How do users move from direct licences to those of a group, with no gap and no second seat?

Prints the plan of that move, and saves it where asked. It decides nothing about it and never writes to
a tenant.
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
        ("reconciler migrate-to-group Sales", "what the move would change"),
        ("reconciler migrate-to-group Sales --out move.json", "save it; `apply move.json` carries it out"),
        (
            "reconciler migrate-to-group 02e7f1bb-9c0f-4b5e-8a4e-1f3f6c1d2a90",
            "a group by its id, where the name is not unique",
        ),
    ],
)
@click.argument("group", metavar="GROUP")
@options.planning
@options.delivery
def command(*, group: str, delivery: Delivery, **request: Any) -> int:
    """Plan the move from direct licences to those of a group.

    GROUP is a name or an id. A direct licence is dropped only once the member has the same one through
    the group, active and with every service plan that the direct one has on: nobody is without a
    service in between, and nobody takes a second seat.

    The plan is carried out by saving it and applying the file: `apply` without a file plans from
    tenant.yaml alone.
    """

    def planner(desired: Desired, current: Current, actor: Actor, catalog: Catalog, chosen: Options) -> Plan:
        from reconciler.planning import migrate

        return migrate(desired, current, actor, catalog, chosen, group)

    plan = delivery.make(session.Request(groups=(group,), **request), planner)
    delivery.remind(plan)
    return delivery.exit_code(plan)
