"""What does a saved plan hold? Printed as `plan` printed it; no tenant is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import options, output
from reconciler.cli.commands import Command

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    cls=Command,
    examples=[
        ("reconciler show plan.json", "review a plan as it was printed when it was made"),
        ("reconciler show plan.json --json", "its JSON document"),
    ],
)
@click.argument("path", type=options.PATH, metavar="PLAN")
@options.as_json
@options.everything
def command(*, path: Path, as_json: bool, everything: bool) -> None:
    """Print a saved plan.

    Says so where the file was altered after `plan` wrote it; `apply` refuses such a plan.
    """
    from reconciler.report.document import dumps, read, verify

    plan, document = read(path)
    if not verify(document):
        output.warning(f"{path} was altered after it was made (its digest does not fit); apply refuses it.")
    if as_json:
        output.write(dumps(document))
    else:
        output.plan(plan, everything=everything)
