"""How does the tenant come back to what it was before a run of apply?

Prints the plan of that, and saves it where asked. It decides nothing about it and never writes to a tenant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import history, options, output, session
from reconciler.cli.commands import Command
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.catalog import Catalog
    from reconciler.cli.delivery import Delivery
    from reconciler.model import Actor, Current, Desired, Options
    from reconciler.plan import Plan


@click.command(
    cls=Command,
    examples=[
        ("reconciler undo last", "what would bring back what the last run changed"),
        ("reconciler undo last --out undo.json", "save it; `apply undo.json` carries it out"),
        ("reconciler undo 20261124-0 --target anna@contoso.com", "one user only"),
    ],
)
@click.argument("wanted", metavar="RUN")
@options.planning
@options.delivery
def command(*, wanted: str, delivery: Delivery, **request: Any) -> int:
    """Plan the way back to what was before a run.

    RUN is an id or its beginning, or `last`; `history` lists them. Licences with their service plans, users,
    fields of profiles, licences and members of groups go back to what they were, each where it still is as
    the run left it. What somebody changed since stays, and what can't come back is told.

    The plan is carried out by saving it and applying the file: `apply` without a file plans from
    tenant.yaml alone.
    """
    from reconciler import journal

    try:
        run = history.find(journal.runs(session.journal_of(request["connection"])), wanted)
    except UsageError:
        session.declared(request["files"])  # what is wrong with a file is told first, as everywhere
        raise

    def planner(desired: Desired, current: Current, actor: Actor, catalog: Catalog, chosen: Options) -> Plan:
        from reconciler.planning import undo

        if run.start.tenant.id != current.organization.id:
            raise UsageError(
                "run-elsewhere", run=run.id, domain=run.start.tenant.domain, tenant=current.organization.id
            )
        return undo(desired, current, actor, catalog, chosen, journal.past(run))

    asked = session.Request(
        groups=tuple(dict.fromkeys(one.group.id for one in run.intents if one.group)), **request
    )
    plan = delivery.make(asked, planner)
    delivery.remind(plan)
    if plan.changes and not delivery.as_json:
        output.notice(
            "tenant.yaml may still ask for what is undone: change it as well, or the next `reconciler plan` "
            "brings it again."
        )
    return delivery.exit_code(plan)
