"""What does a saved plan hold, and who signed it? Printed as `plan` printed it; no tenant is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import options, output
from reconciler.cli.commands import Command
from reconciler.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    cls=Command,
    examples=[
        ("reconciler show plan.json", "review a plan as it was printed when it was made"),
        ("reconciler show plan.json --json", "its JSON document"),
        ("reconciler show plan.json --verify-with plan-key.pub.pem", "only if that key signed it"),
    ],
)
@click.argument("path", type=options.PATH, metavar="PLAN")
@options.verify_with
@options.as_json
@options.everything
def command(*, path: Path, verify_with: tuple[Path, ...], as_json: bool, everything: bool) -> None:
    """Print a saved plan.

    Says so where the file is not as `plan` wrote it, since `apply` refuses such a plan, and which key signed
    it, if any did. With --verify-with, a plan that none of the keys signed is refused, as `apply` does.
    """
    from reconciler.cli import keys
    from reconciler.report import document, saved_errors
    from reconciler.report.phrases import Facts

    saved = document.read(path)
    trusted = keys.to_verify_with(verify_with)
    signer = keys.verify(path, document.dumps(saved.document), trusted) if trusted else None
    if fault := document.fault(saved):
        said = saved_errors.fault(Facts({"fault": fault, "version": saved.plan.tool_version}))
        output.warning(f"{output.shown(path)} {said}; apply refuses it.")
    if as_json:
        output.write(document.dumps(saved.document))
    else:
        output.plan(saved.plan, everything=everything)
    if signed := _signed(path, signer):
        output.notice(output.shown(signed))


def _signed(path: Path, signer: str | None) -> str:
    """Return who signed a saved plan; where no key was to check that, what the file beside it says."""
    from reconciler.cli import keys

    if signer:
        return f"Signed by key {signer}."
    try:
        signature = keys.signature(path)
    except RefusedError:
        return f"Not signed: {keys.beside(path)} is no signature."
    if signature is None:
        return ""
    return f"Signed by key {signature.key}, says {keys.beside(path)}; `--verify-with KEY` checks that."
