"""How does a person, or a program, learn what came of a run?

One line per change as it happens, a progress bar on a terminal, a summary; or one JSON document. The
words are report's.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import output
from reconciler.report import results as words
from reconciler.report.layout import Span, plain, wrap
from reconciler.report.rows import Row, verb_of, what
from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from reconciler.apply import Result, Run
    from reconciler.journal import Journal
    from reconciler.plan import Change, Plan

STATUS_WIDTH = max(len(shown) for shown, _ in words.STATUSES.values())


class Teller:
    """Tells what came of the changes of one plan; with `as_json` the lines go to standard error."""

    def __init__(self, plan: Plan, *, as_json: bool) -> None:
        self._plan = plan
        self._as_json = as_json
        self._changes = {change.address: change for change in plan.changes}
        self._names = sku_names(plan)
        self._stream = sys.stderr if as_json else sys.stdout

    def _say(self, text: str) -> None:
        """Print a line. A reader who has gone (`| head`) must not end a run that is writing."""
        with contextlib.suppress(BrokenPipeError):
            (output.notice if self._as_json else output.write)(text)
            self._stream.flush()

    @contextlib.contextmanager
    def progress(self) -> Iterator[Callable[[Result], None]]:
        """Yield what is to be called with each result: it prints a line and moves the bar."""
        self._say("")
        if not sys.stderr.isatty():
            yield self._tell
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

        bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True, no_color=not output.coloured(sys.stderr)),
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
        )
        with bar:
            task = bar.add_task("apply", total=len(self._changes))
            known: set[str] = set()

            def told(result: Result) -> None:
                # Drawn anew before the line: a line scrolls above the bar as it was last drawn, and a
                # batch brings twenty lines within a moment. A change may be told twice: see apply.run.
                known.add(result.address)
                bar.update(task, completed=len(known), refresh=True)
                self._tell(result)

            yield told

    def waiting(self, count: int) -> None:
        """Say for what it takes longer: the tenant does not show yet what it accepted."""
        output.notice(f"Waiting until the tenant shows {output.count(count, 'change')}: it may take minutes.")

    def _tell(self, result: Result) -> None:
        shown, colour = words.STATUSES[result.status]
        label = shown.ljust(STATUS_WIDTH)
        if output.coloured(self._stream):
            label = click.style(label, fg=colour)
        told = self._sentence(result)
        about = describe(self._changes[result.address], self._names)
        self._say(f"{label}  {self._folded(f'{about} -- {told}' if told else about)}")

    def _folded(self, text: str) -> str:
        """Return text with its further lines below its first on a terminal; as one line elsewhere."""
        if not self._stream.isatty():
            return text
        start = STATUS_WIDTH + len("  ")
        width = shutil.get_terminal_size().columns
        return plain(wrap([Span(text)], width, start, start)).strip()

    def _sentence(self, result: Result) -> str:
        return words.sentence(result.status, result.code, result.params, self._names)

    # ------------------------------------------------------------ the end

    def nothing(self, run: Run) -> int:
        """Tell of a plan of which nothing could be tried; return the exit code."""
        for result in run.results:
            if result.status != "blocked":  # the plan just shown has told of those
                self._tell(result)
        if self._as_json:
            self._write_document(run, journal=None)
        return run.exit_code

    def summary(self, run: Run, log: Journal) -> int:
        """Tell what came of the run as a whole, and where it is on record; return the exit code."""
        self._say(f"\nApplied: {words.counted(run.counts)}.")
        if run.interrupted:
            self._say("Interrupted: what is left was not tried; `reconciler apply --resume` goes on with it.")
        if run.canary_failed:
            self._say(
                "Stopped after the canary: one of the first changes was not carried out, or the tenant does "
                "not show it; nothing else was tried."
            )
        if run.counts["stale"] or run.counts["unknown"]:
            self._say("Plan again to see what the tenant holds now.")
        if run.counts["unsettled"]:
            self._say("What is unsettled was accepted; plan again later to see that it is there.")
        self._say(clean(f"Run {run.id} is in {log.path}; `reconciler history {run.id}` shows it."))
        if run.error:
            output.error(f"the run ended early: {_reason(run.error)}")
        if self._as_json:
            self._write_document(run, journal=log)
        return run.exit_code

    def _write_document(self, run: Run, *, journal: Journal | None) -> None:
        document: dict[str, Any] = {
            "run": run.id or None,
            "tenant": self._plan.tenant.id,
            "results": [
                {
                    "address": result.address,
                    "kind": result.kind,
                    "status": result.status,
                    "code": result.code,
                    "params": result.params,
                    "message": self._sentence(result),
                    "user_id": result.user_id,
                    "request_id": result.request_id,
                    "client_request_id": result.client_request_id,
                    "http_status": result.http_status,
                }
                for result in run.results
            ],
            "counts": run.counts,
            "interrupted": run.interrupted,
            "exit_code": run.exit_code,
            "journal": str(journal.path) if journal else None,
        }
        output.write(json_text(document))


def describe(change: Change, skus: Mapping[str, str] | None = None) -> str:
    """Return what a change does, in a few words: "assign anna@contoso.com: EMS".

    `skus` maps SKU ids to part numbers, as far as they are known.
    """
    row = Row(verb_of(change), (change,))
    if change.kind == "create-user":
        return f"{row.verb} {row.subject} ({clean(change.user.name if change.user else '')})"
    details = what(row, "->", short=True, skus=skus)
    if details.startswith("(") or change.kind in ("add-member", "remove-member"):
        return f"{row.verb} {row.subject} {details}"
    return f"{row.verb} {row.subject}{f': {details}' if details else ''}"


def sku_names(plan: Plan) -> dict[str, str]:
    """Return SKU id → part number, as far as a plan tells."""
    names = {row.sku_id: row.sku for row in plan.seats}
    for change in plan.changes:
        names |= {
            one.sku_id: one.sku for part in (change.assign, change.revoke, change.modify) for one in part
        }
    return names


def json_text(document: dict[str, Any]) -> str:
    """Return a document as indented JSON that may be shown anywhere."""
    from reconciler.report.sanitize import clean_json

    return clean_json(json.dumps(document, indent=2, ensure_ascii=False))


def _reason(error: BaseException) -> str:
    from reconciler.errors import ReconcilerError
    from reconciler.report.errors import sentence

    if isinstance(error, ReconcilerError):
        return sentence(error)
    return f"internal error: {type(error).__name__}: {clean(str(error))}"
