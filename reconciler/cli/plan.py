"""What would change, and what would that destroy?

Prints the plan, and saves it where asked. It decides nothing about it and never writes to a tenant.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options, output, session
from reconciler.cli.commands import Command

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    cls=Command,
    examples=[
        ("reconciler plan", "what would change"),
        (
            "reconciler plan --out plan.json",
            "save the plan for review; `apply plan.json` carries out exactly it",
        ),
        ("reconciler plan --snapshot state.json", "plan against a saved state: no credentials needed"),
        (
            "reconciler plan --json --detailed-exitcode",
            "for a pipeline: exit code 2 says that there are changes",
        ),
        ("reconciler plan --target anna@contoso.com", "one user only"),
    ],
)
@options.planning
@click.option("--out", type=options.PATH, metavar="FILE", help="Save the plan here, for `show` and `apply`.")
@options.as_json
@options.everything
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 where the plan holds changes.")
def command(
    *, out: Path | None, as_json: bool, everything: bool, detailed_exitcode: bool, **request: Any
) -> int:
    """Show what would change, and what data that would destroy.

    Compares tenant.yaml with the tenant and changes nothing. Conflicts, missing roles and refused
    guard rails are part of the plan, not errors: they exit with 0 too.
    """
    from reconciler.report import messages
    from reconciler.report.document import dumps, to_document

    plan = session.make(session.Request(**request)).plan
    text = dumps(to_document(plan)) if as_json or out else ""
    if out is not None:
        output.write_file(out, text)
    if as_json:
        output.write(text)
    else:
        output.plan(plan, everything=everything)
    if out is not None:
        flags = messages.allowing(plan)
        line = f"reconciler apply {shlex.quote(str(out))}{f' {flags}' if flags else ''}"
        output.notice(f"Saved the plan to {out}; `{line}` carries it out.")
    return 2 if detailed_exitcode and plan.changes else 0
