"""How does a run start, and how does it end?

`main` runs one command and turns whatever it ends with into an exit code and a sentence on standard
error. It knows no command by name, and no traceback passes it unless `--debug` asks for one.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from reconciler.cli import output
from reconciler.cli.commands import root
from reconciler.errors import ConfigError, ReconcilerError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """What every command of one run shares: click's context object."""

    debug: bool = False


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit code.

    Never raises for anything that a user can do; never returns 2 but from a command that says so.
    """
    output.prepare()
    run = Run()
    try:
        code = _invoke(sys.argv[1:] if argv is None else list(argv), run)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the one place where a run ends
        code = next(code for kind, code in EXIT_CODES if isinstance(error, kind))
        with contextlib.suppress(OSError):  # standard error may be gone too
            _report(error, run)
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


def _report(error: BaseException, run: Run) -> None:
    """Say on standard error what ended the run."""
    if isinstance(error, BrokenPipeError):  # the reader has gone: as any tool in a pipe, end quietly
        return
    if run.debug:
        traceback.print_exception(error, file=sys.stderr)
    match error:
        case KeyboardInterrupt() | click.Abort():
            output.notice("Interrupted.")
        case click.ClickException():
            output.error(_usage(error))
            context = getattr(error, "ctx", None)
            output.notice(f"Try: {context.command_path if context else 'reconciler'} --help")
        case ConfigError():
            output.problems(error.problems)
            output.error(output.sentence(error))
        case ReconcilerError():
            output.error(output.sentence(error))
        case OSError():
            output.error(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}.")
        case _:
            hint = "" if run.debug else "; run with --debug for the details"
            output.error(f"internal error: {type(error).__name__}: {error}{hint}.")
