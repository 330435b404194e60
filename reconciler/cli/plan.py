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

    from reconciler.catalog import Catalog
    from reconciler.model import Actor, Current, Desired, Options
    from reconciler.plan import Plan
    from reconciler.plan_signing import PrivateKey


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
@options.out
@options.sign_with
@options.expires_in
@options.as_json
@options.everything
@options.detailed_exitcode
def command(
    *,
    horizon: int | None,
    out: Path | None,
    sign_with: Path | None,
    as_json: bool,
    everything: bool,
    detailed_exitcode: bool,
    **request: Any,
) -> int:
    """Show what would change, and what data that would destroy.

    Compares tenant.yaml with the tenant and changes nothing. Conflicts, missing roles and refused
    guard rails are part of the plan, not errors: they exit with 0 too.

    --horizon adds what begins, ends and falls due later, day by day: dates of licences and rules,
    leavers, deletions. It changes nothing of what apply would do now.
    """
    key = signing_key(sign_with, out)
    plan = session.make(session.Request(**request), _looking_ahead(horizon) if horizon else None).plan
    deliver(plan, out=out, key=key, as_json=as_json, everything=everything)
    return 2 if detailed_exitcode and plan.changes else 0


def _looking_ahead(days: int) -> session.Planner:
    """Return what makes a plan and adds what falls due in so many days."""
    from reconciler.planning import look_ahead, make_plan

    def planner(desired: Desired, current: Current, actor: Actor, catalog: Catalog, options: Options) -> Plan:
        plan = make_plan(desired, current, actor, catalog, options)
        return look_ahead(plan, desired, current, actor, catalog, options, days)

    return planner


def signing_key(path: Path | None, out: Path | None) -> PrivateKey | None:
    """Return the key to sign with, before anything is read that takes time; raises UsageError."""
    from reconciler.cli import keys

    if path is None:
        return None
    if out is None or (out.exists() and not out.is_file()):
        raise click.UsageError("--sign-with signs a saved plan: add --out FILE, a file of its own.")
    return keys.to_sign_with(path)


def deliver(plan: Plan, *, out: Path | None, key: PrivateKey | None, as_json: bool, everything: bool) -> None:
    """Print a plan, and save it where asked; the last line says how to carry it out."""
    from reconciler.report.document import dumps, to_document

    text = dumps(to_document(plan)) if as_json or out else ""
    signed = _save(out, text, key) if out is not None else ""
    if as_json:
        output.write(text)
    else:
        output.plan(plan, everything=everything)
    if out is not None:
        from reconciler.report import messages

        flags = messages.allowing(plan)
        line = f"reconciler apply {shlex.quote(str(out))}{f' {flags}' if flags else ''}"
        output.notice(f"Saved the plan to {out}{signed}; `{line}` carries it out.")


def _save(out: Path, text: str, key: PrivateKey | None) -> str:
    """Write a plan, and its signature where there is a key; return what is to be said of that."""
    from reconciler.cli import keys

    output.write_file(out, text)
    if key is None:
        return ""
    from reconciler import plan_signing

    output.write_file(keys.beside(out), plan_signing.sign(text, key))
    return f" and its signature by key {key.id} to {keys.beside(out)}"
