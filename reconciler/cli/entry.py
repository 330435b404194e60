"""How does a run start, and how does it end?

`main` runs one command and turns whatever it ends with into an exit code and a sentence on standard
error; with `--json`, into a document on standard output too. It knows no command by name, and no
traceback passes it unless `--debug` asks for one.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import output
from reconciler.cli.commands import root
from reconciler.errors import ConfigError, ReconcilerError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model import Problem

DONE = 0
ERROR = 1
CHANGES_FOUND = 2
REFUSED = 3
PARTLY_APPLIED = 4
UNSETTLED = 5
INTERRUPTED = 130

EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (KeyboardInterrupt, INTERRUPTED),
    (click.Abort, INTERRUPTED),
    (RefusedError, REFUSED),
    (ReconcilerError, ERROR),
    (click.ClickException, ERROR),
    (Exception, ERROR),
)
"""What a run that ends with an exception exits with: the first row that fits."""


@dataclass(slots=True)
class Run:
    """What every command of one run shares: click's context object.

    `as_json` holds before anything is parsed: a command line that is refused may have asked for JSON.
    """

    debug: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why a run ended early: a stable code, the sentence for people, and what they rest on."""

    code: str
    message: str
    params: Mapping[str, Any] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    hint: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit code.

    Never raises for anything that a user can do; never returns 2 but from a command that says so.
    """
    output.prepare()
    args = sys.argv[1:] if argv is None else list(argv)
    run = Run(as_json="--json" in args)
    try:
        code = _invoke(args, run)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the one place where a run ends
        code = next(code for kind, code in EXIT_CODES if isinstance(error, kind))
        if not isinstance(error, BrokenPipeError):  # the reader has gone: as any tool in a pipe, end quietly
            _report(error, code, run)
        with contextlib.suppress(OSError):
            output.abandon()
    return code


def _invoke(argv: list[str], run: Run) -> int:
    """Run one command; click's own `main` would exit with 2 for bad usage, which means changes here."""
    try:
        with root.make_context("reconciler", argv, obj=run) as context:
            return int(root.invoke(context) or DONE)
    except click.exceptions.Exit as done:
        return done.exit_code


def _usage(error: click.ClickException) -> str:
    """Return what is wrong with a command line: the option or argument, then what it lacks."""
    match error:
        case click.MissingParameter():
            return f"{_named(error.param)} is missing."
        case click.BadParameter():
            return f"{_named(error.param)}: {error.message}"
        case click.NoSuchOption():
            near = f"; did you mean {error.possibilities[0]}?" if error.possibilities else "."
            return f"{error.option_name} is not an option of this command{near}"
        case click.BadOptionUsage() if "requires" in error.message:
            return f"{error.option_name} needs a value behind it."
        case _:
            return error.format_message()


def _named(param: click.Parameter | None) -> str:
    """Return an option as it is typed, an argument as the help calls it."""
    if param is None:
        return "the command line"
    named = param.opts[-1] if isinstance(param, click.Option) else (param.metavar or param.name or "")
    return named.strip("[]")


def _ending(error: BaseException, run: Run) -> Ending:
    """Return what is told of whatever ended the run."""
    match error:
        case KeyboardInterrupt() | click.Abort():
            return Ending(code="interrupted", message="Interrupted.")
        case click.ClickException():
            context = getattr(error, "ctx", None)
            hint = f"Try: {context.command_path if context else 'reconciler'} --help"
            return Ending(code="usage", message=output.shown(_usage(error)), hint=hint)
        case ReconcilerError():
            problems = error.problems if isinstance(error, ConfigError) else ()
            message = output.sentence(error)
            return Ending(code=error.code, message=message, params=error.params, problems=problems)
        case OSError():
            where = f": {error.filename}" if error.filename else ""
            return Ending(code="system", message=output.shown(f"{error.strerror or error}{where}."))
        case _:
            hint = "" if run.debug else "; run with --debug for the details"
            message = output.shown(f"internal error: {type(error).__name__}: {error}{hint}.")
            return Ending(code="internal", message=message)


def _report(error: BaseException, code: int, run: Run) -> None:
    """Say what ended the run: to people on standard error, and with `--json` to programs as a document."""
    ending = _ending(error, run)
    with contextlib.suppress(OSError):  # either stream may be gone
        if run.debug:
            traceback.print_exception(error, file=sys.stderr)
        output.problems(ending.problems)
        (output.notice if ending.code == "interrupted" else output.error)(ending.message)
        if ending.hint:
            output.notice(ending.hint)
    if run.as_json and not output.begun():
        with contextlib.suppress(OSError):
            output.write(_document(ending, code))


def _document(ending: Ending, code: int) -> str:
    """Return the document of a run that has no other."""
    import msgspec

    from reconciler.cli.telling import json_text
    from reconciler.report.problems import as_data

    error = {
        "code": ending.code,
        "message": ending.message,
        # Params may hold parts of a plan, instants and paths.
        "params": msgspec.to_builtins(ending.params, enc_hook=str, order="deterministic"),
        "problems": [as_data(problem) for problem in ending.problems],
    }
    return json_text({"error": error, "exit_code": code})
