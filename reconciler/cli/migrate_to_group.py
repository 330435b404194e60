"""How do users move from direct licences to those of a group, with no gap and no second seat?

Prints the plan of that move, and saves it where asked. It decides nothing about it and never writes to
a tenant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options, output, session
from reconciler.cli.commands import Command
from reconciler.cli.plan import deliver, signing_key

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.catalog import Catalog
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
@options.out
@options.sign_with
@options.expires_in
@options.as_json
@options.everything
@options.detailed_exitcode
def command(
    *,
    group: str,
    out: Path | None,
    sign_with: Path | None,
    as_json: bool,
    everything: bool,
    detailed_exitcode: bool,
    **request: Any,
) -> int:
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

    key = signing_key(sign_with, out)
    plan = session.make(session.Request(groups=(group,), **request), planner).plan
    deliver(plan, out=out, key=key, as_json=as_json, everything=everything)
    if plan.changes and out is None and not as_json:
        output.notice(
            "Nothing was saved: `--out FILE` saves this plan, and `reconciler apply FILE` carries it out."
        )
    return 2 if detailed_exitcode and plan.changes else 0
