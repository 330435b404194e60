"""How does the tenant come back to what it was before a run of apply?

Prints the plan of that, and saves it where asked. It decides nothing about it and never writes to a tenant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import history, options, output, session
from reconciler.cli.commands import Command
from reconciler.cli.plan import deliver, signing_key
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.catalog import Catalog
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
@options.out
@options.sign_with
@options.expires_in
@options.as_json
@options.everything
@options.detailed_exitcode
def command(
    *,
    wanted: str,
    out: Path | None,
    sign_with: Path | None,
    as_json: bool,
    everything: bool,
    detailed_exitcode: bool,
    **request: Any,
) -> int:
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
    key = signing_key(sign_with, out)
    plan = session.make(asked, planner).plan
    deliver(plan, out=out, key=key, as_json=as_json, everything=everything)
    if plan.changes and not as_json:
        _hint(saved=out is not None)
    return 2 if detailed_exitcode and plan.changes else 0


def _hint(*, saved: bool) -> None:
    if not saved:
        output.notice(
            "Nothing was saved: `--out FILE` saves this plan, and `reconciler apply FILE` carries it out."
        )
    output.notice(
        "tenant.yaml may still ask for what is undone: change it as well, or the next `reconciler plan` "
        "brings it again."
    )
