"""What did past runs of apply do? Read from the journal; no tenant is asked.

What can be read of a damaged journal is shown, with a warning: nothing is done with it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options, output, session
from reconciler.cli.commands import Command
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from reconciler.journal import Reading, Result, Run


@click.command(
    cls=Command,
    examples=[
        ("reconciler history", "every run: when, who, what came of it"),
        ("reconciler history last", "each change of the last run, and Graph's request ids"),
        ("reconciler history 20261124-0", "a run by the beginning of its id"),
        ("reconciler history --journal s3://bucket/contoso", "the runs of all that share that journal"),
    ],
)
@click.argument("wanted", metavar="[RUN]", required=False)
@options.journal
@options.as_json
def command(*, wanted: str | None, journal: str | None, as_json: bool) -> None:
    """List the runs of apply, or show one.

    RUN is an id or its beginning, or `last`. A run that was killed has no end; what it had sent
    without an answer is shown as unknown.
    """
    from reconciler import journal as journals

    place = session.journal_of(session.Connection(journal=journal))
    reading = journals.read(place)
    runs = journals.group(reading.lines)
    _damage(reading, place.name)
    if wanted is not None:
        run = find(runs, wanted)
        if as_json:
            from reconciler.cli.telling import json_text

            output.write(json_text(_document(run)))
        else:
            _show(run)
    elif as_json:
        from reconciler.cli.telling import json_text

        output.write(json_text({"journal": place.name, "runs": [_head(run) for run in runs]}))
    else:
        _list(runs, place.name)


def _damage(reading: Reading, path: str) -> None:
    """Tell of what can't be read, and of the first place where the chain breaks: what follows is in doubt."""
    from reconciler.report.errors import sentence

    broken = next((damage for damage in reading.damage if damage.broken), None)
    if broken:
        params = {"path": path, "line": broken.line, "reason": broken.reason}
        output.warning(sentence(UsageError("journal-broken", **params)))
    for damage in reading.damage:
        if damage.broken:
            continue
        unread = f"{path}:{damage.line}: this line is no record and is left out ({damage.reason})."
        output.warning(output.shown(unread))


def find(runs: Sequence[Run], wanted: str) -> Run:
    """Return the one run that is meant; raises UsageError where there is none or more than one."""
    found = list(runs[-1:]) if wanted == "last" else [run for run in runs if run.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    raise UsageError(
        "no-such-run" if not found else "several-runs", run=wanted, runs=[run.id for run in found or runs]
    )


# ------------------------------------------------------------ for people


def _list(runs: Sequence[Run], path: str) -> None:
    from reconciler.report.sanitize import clean

    if not runs:
        output.write(f"No run of apply yet: {clean(path)} is empty.")
        return
    rows = [
        (clean(run.id), f"{run.start.time:%Y-%m-%d %H:%M}", clean(run.start.actor.name), _outcome(run))
        for run in runs
    ]
    widths = [max(len(row[column]) for row in [*rows, HEAD]) for column in range(3)]
    for row in [HEAD, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        output.write("  ".join([*cells, row[3]]))


KILLED = "the run was killed while it was on its way; run plan again to see what the tenant holds"
HEAD = ("RUN", "WHEN (UTC)", "WHO", "OUTCOME")


def _outcome(run: Run) -> str:
    """Return "12 done, 1 stale", and how the run ended where that was not by itself."""
    from reconciler.report.results import counted

    told = counted(_counts(run))
    if run.end is None:
        return f"killed or under way: {told}"
    return f"interrupted: {told}" if run.end.interrupted else told


def _counts(run: Run) -> dict[str, int]:
    counts: dict[str, int] = {}
    for result in run.results:
        counts[result.status] = counts.get(result.status, 0) + 1
    if run.unsettled:
        counts["unknown"] = counts.get("unknown", 0) + len(run.unsettled)
    return counts


def _show(run: Run) -> None:
    from reconciler.report.phrases import actor
    from reconciler.report.results import STATUSES, sentence
    from reconciler.report.sanitize import clean

    names = _sku_names()
    start = run.start
    output.write(f"Run {clean(run.id)}: {_outcome(run)}.")
    output.write(f"  started   {start.time:%Y-%m-%d %H:%M:%S} UTC")
    for moment in run.resumed:
        output.write(f"  resumed   {moment:%Y-%m-%d %H:%M:%S} UTC")
    if run.end:
        output.write(f"  ended     {run.end.time:%Y-%m-%d %H:%M:%S} UTC, exit code {run.end.exit_code}")
    output.write(
        f"  tenant    {clean(start.tenant.domain)} ({clean(start.tenant.provider)}, {clean(start.tenant.id)})"
    )
    output.write(f"  actor     {actor(start.actor)}")
    output.write(f"  plan      {clean(start.plan_digest)}")
    output.write(f"  options   {_options(start.options)}")
    output.write("")
    for result in run.results:
        shown, _ = STATUSES.get(result.status, (clean(result.status), ""))
        told = sentence(result.status, result.code, result.params, names)
        output.write(
            f"{shown:<12}  {clean(result.kind)} {clean(result.address)}{f' -- {told}' if told else ''}"
        )
        ids = _request_ids(result)
        if ids:
            output.write(f"{'':<12}  {ids}")
    for intent in run.unsettled:
        output.write(f"{'unknown':<12}  {clean(intent.kind)} {clean(intent.address)} -- {KILLED}")


def _options(given: dict[str, Any]) -> str:
    """Return the flags as they were typed."""
    from reconciler.report.sanitize import clean

    told = ["a saved plan"] if given.get("saved_plan") else []
    for name, value in given.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, list):
            told += [f"{flag} {one}" for one in value]
        elif value and name != "saved_plan":
            told.append(flag)
    return clean(", ".join(told)) or "none"


def _request_ids(result: Result) -> str:
    from reconciler.report.sanitize import clean

    ids = [("request-id", result.request_id), ("client-request-id", result.client_request_id)]
    return ", ".join(f"{name} {clean(value)}" for name, value in ids if value)


def _sku_names() -> dict[str, str]:
    """Return SKU id → part number for the SKUs that the built-in catalogue knows."""
    from reconciler import catalog

    return {sku.id: sku.part_number for sku in catalog.load().skus.values()}


# ------------------------------------------------------------ for programs


def _head(run: Run) -> dict[str, Any]:
    """Return a run as one row of the list."""
    return {
        "run": run.id,
        "started": _instant(run.start.time),
        "ended": _instant(run.end.time) if run.end else None,
        "actor": run.start.actor.name,
        "tenant": run.start.tenant.id,
        "counts": _counts(run),
        "interrupted": run.end is None or run.end.interrupted,
        "exit_code": run.end.exit_code if run.end else None,
    }


def _document(run: Run) -> dict[str, Any]:
    """Return all that the journal holds of a run."""
    import msgspec

    plain = msgspec.to_builtins(run)
    return {
        **_head(run),
        "start": plain["start"],
        "intents": plain["intents"],
        "results": plain["results"],
        "verified": sorted(run.verified),
        "resumed": [_instant(moment) for moment in run.resumed],
        "unsettled": [intent.address for intent in run.unsettled],
    }


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
