"""How does text leave this program?

Standard output carries what was asked for, standard error everything else. Files are written whole
or not at all. What is said is decided elsewhere.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.errors import ReconcilerError
    from reconciler.model import Problem
    from reconciler.plan import Plan


_begun = ContextVar("begun", default=False)


def prepare() -> None:
    """Make both streams safe for any name: UTF-8 into pipes and files, never an encoding error."""
    _begun.set(False)
    # A stream that the caller closed (`>&-`) is None: there is nobody to write to.
    sys.stdout = sys.stdout or io.TextIOWrapper(io.FileIO(os.devnull, "w"))
    sys.stderr = sys.stderr or io.TextIOWrapper(io.FileIO(os.devnull, "w"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            if stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def abandon() -> None:
    """Throw away what standard output no longer takes, so that Python does not fail on it at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def coloured(stream: object) -> bool:
    """Tell whether `stream` takes colour: a terminal, and NO_COLOR not set (https://no-color.org)."""
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def plan(shown: Plan, *, everything: bool = False) -> None:
    """Print a plan for people on standard output; with `everything` no list is cut short."""
    from reconciler.report.text import render

    render(shown, everything=everything)


def write(text: str) -> None:
    """Write a document to standard output, with one line end behind it."""
    _begun.set(True)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def begun() -> bool:
    """Tell whether this run has written to standard output: a second document must not follow a first."""
    return _begun.get()


def notice(text: str) -> None:
    """Say something beside the point, on standard error."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()  # in a terminal or a log the two streams then stand in the order of events
    print(text, file=sys.stderr)


def error(text: str) -> None:
    """Say what went wrong, on standard error."""
    label = click.style("error:", fg="red", bold=True) if coloured(sys.stderr) else "error:"
    notice(f"{label} {text}")


def warning(text: str) -> None:
    """Say what the reader must know before relying on the output, on standard error."""
    label = click.style("warning:", fg="yellow", bold=True) if coloured(sys.stderr) else "warning:"
    notice(f"{label} {text}")


def problems(found: Iterable[Problem]) -> None:
    """List problems of the desired state on standard error."""
    from reconciler.report.problems import line

    for problem in found:
        notice(line(problem))


def sentence(failure: ReconcilerError) -> str:
    """Return what a reader is told about an error."""
    from reconciler.report.errors import sentence as word

    return word(failure)


def shown(named: object) -> str:
    """Return a path, a run's id or whatever was typed as harmless text on one line."""
    from reconciler.report.sanitize import clean

    return clean(str(named))


def count(number: int, noun: str) -> str:
    """Return `1 user`, `2 users`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def write_file(path: Path, text: str) -> None:
    """Write `path` as a whole: a reader sees the old content or the new, never a part.

    What is no regular file (a pipe, /dev/stdout) is written to, never replaced. Raises UsageError.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")
        else:
            _replace(target, text)
    except OSError as failure:
        raise UsageError("cannot-write", file=str(path), what=failure.strerror or str(failure)) from failure


def _replace(target: Path, text: str) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
