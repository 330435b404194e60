"""Is tenant.yaml well written? No tenant is asked: names are compared with the catalogue only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from reconciler.cli import options, output, session
from reconciler.cli.commands import Command
from reconciler.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reconciler.model import Problem


@click.command(
    cls=Command,
    examples=[
        ("reconciler validate", "check ./tenant.yaml"),
        ("reconciler validate -f tenant/ -f seats.yaml", "several files and folders are one desired state"),
        ("reconciler validate --json", "problems with file, line and column, for an editor or a pipeline"),
    ],
)
@options.file
@options.catalog
@options.as_json
def command(*, files: tuple[Path, ...], catalog: Path | None, as_json: bool) -> int:
    """Check tenant.yaml; no tenant is asked.

    Lists every problem of every file and exits with 1 if there is one. SKUs and service plans that the
    built-in catalogue does not know are warnings: your tenant may know them, `plan` asks it.
    """
    from reconciler import catalog as catalogue
    from reconciler import config

    try:
        document = config.read(session.files(files))
        problems: Sequence[Problem] = config.check_names(document, catalogue.load(catalog))
        found = config.counts(document)
    except ConfigError as failure:
        problems, found = failure.problems, {}
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        output.write(json.dumps(_document(problems, found), indent=2, ensure_ascii=False))
    else:
        _print(problems, found, errors, " ".join(map(str, files)) or str(session.DEFAULT_FILE))
    return 1 if errors else 0


def _print(problems: Sequence[Problem], found: dict[str, int], errors: int, files: str) -> None:
    """Print each problem on a line of its own, and the verdict."""
    from reconciler.report.problems import line

    for problem in problems:
        output.write(line(problem))
    if errors:
        output.write(f"{files} is not valid: {output.count(errors, 'problem')}.")
        return
    contents = ", ".join(output.count(number, noun) for noun, number in found.items() if number)
    warnings = f"; {output.count(len(problems), 'warning')}" if problems else ""
    output.write(f"{files} is valid: {contents or 'nothing declared'}{warnings}.")


def _document(problems: Sequence[Problem], found: dict[str, int]) -> dict[str, object]:
    """Return the verdict as data; the keys of a problem are those of its printed line."""
    from reconciler.report.problems import message

    return {
        "valid": not any(problem.severity == "error" for problem in problems),
        "declared": {f"{noun}s": number for noun, number in found.items()},
        "problems": [
            {
                "file": problem.location.file,
                "line": problem.location.line,
                "column": problem.location.column,
                "severity": problem.severity,
                "code": problem.code,
                "params": problem.params,
                "message": message(problem),
            }
            for problem in problems
        ],
    }
