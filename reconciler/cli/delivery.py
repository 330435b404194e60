"""How does a plan that a command makes reach whoever asked for it?

Printed as a page or as JSON, saved where asked, signed where asked. What it holds is the planner's.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from reconciler.cli import output, session

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.plan import Plan
    from reconciler.plan_signing import PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What the command line says of the plan that it gets: the options of `options.delivery`."""

    out: Path | None = None
    sign_with: Path | None = None
    as_json: bool = False
    everything: bool = False
    detailed_exitcode: bool = False

    def make(self, request: session.Request, planner: session.Planner | None = None) -> Plan:
        """Make a plan, print it, and save it where asked; the last line says how to carry it out."""
        from reconciler.report.document import dumps, to_document

        key = self._signing_key()
        plan = session.make(request, planner).plan
        text = dumps(to_document(plan)) if self.as_json or self.out else ""
        signed = _save(self.out, text, key) if self.out is not None else ""
        if self.as_json:
            output.write(text)
        else:
            output.plan(plan, everything=self.everything)
        if self.out is not None:
            from reconciler.report import messages

            flags = messages.allowing(plan)
            line = f"reconciler apply {shlex.quote(str(self.out))}{f' {flags}' if flags else ''}"
            output.notice(output.shown(f"Saved the plan to {self.out}{signed}; `{line}` carries it out."))
        return plan

    def remind(self, plan: Plan) -> None:
        """Say that a plan which no other command makes again was not saved."""
        if plan.changes and self.out is None and not self.as_json:
            output.notice(
                "Nothing was saved: `--out FILE` saves this plan, and `reconciler apply FILE` carries it out."
            )

    def exit_code(self, plan: Plan) -> int:
        """Return how the command ends."""
        return 2 if self.detailed_exitcode and plan.changes else 0

    def _signing_key(self) -> PrivateKey | None:
        """Return the key to sign with, before anything is read that takes time; raises UsageError."""
        from reconciler.cli import keys

        if self.sign_with is None:
            return None
        if self.out is None or (self.out.exists() and not self.out.is_file()):
            raise click.UsageError("--sign-with signs a saved plan: add --out FILE, a file of its own.")
        return keys.to_sign_with(self.sign_with)


def _save(out: Path, text: str, key: PrivateKey | None) -> str:
    """Write a plan, and its signature where there is a key; return what is to be said of that."""
    from reconciler.cli import keys

    output.write_file(out, text)
    if key is None:
        return ""
    from reconciler import plan_signing

    output.write_file(keys.beside(out), plan_signing.sign(text, key))
    return f" and its signature by key {key.id} to {keys.beside(out)}"
