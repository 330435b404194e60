"""Is tenant.yaml well written? No tenant is asked: names are compared with the catalogue only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import options, output, session
from reconciler.cli.commands import Command
from reconciler.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reconciler.config import Document
    from reconciler.model import Problem

DECLARED = {
    "users": "user",
    "groups": "group",
    "rules": "rule",
    "bundles": "bundle",
    "subscriptions": "subscription",
    "mailboxes": "mailbox",
}
"""What is counted of valid files, rows of CSV files among it: section → what one of it is called."""


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

    document = config.load(session.files(files))
    try:
        problems = config.check_names(document, catalogue.load(catalog))
    except ConfigError as failure:
        problems = failure.problems
    declared = {section: _number(document, section) for section in DECLARED}
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        from reconciler.cli.telling import json_text

        output.write(json_text(_document(problems, declared)))
    else:
        _print(problems, declared, errors, output.shown(" ".join(map(str, files)) or session.DEFAULT_FILE))
    return 1 if errors else 0


def _number(document: Document, section: str) -> int:
    """Return how many members of a section there are; rules are a list, the others have keys."""
    if section == "rules":
        return sum(1 for _ in document.members(section))
    return len(document.names(section))


def _print(problems: Sequence[Problem], declared: dict[str, int], errors: int, files: str) -> None:
    """Print each problem on a line of its own, and the verdict."""
    from reconciler.report.phrases import count
    from reconciler.report.problems import line, tally

    for problem in problems:
        output.write(line(problem))
    if errors:
        output.write(f"{files} is not valid: {tally(problems)}.")
        return
    contents = ", ".join(
        count(number, DECLARED[section], section) for section, number in declared.items() if number
    )
    warnings = f"; {tally(problems)}" if problems else ""
    output.write(f"{files} is valid: {contents or 'nothing declared'}{warnings}.")


def _document(problems: Sequence[Problem], declared: dict[str, int]) -> dict[str, object]:
    """Return the verdict as data."""
    from reconciler.report.problems import as_data

    return {
        "valid": not any(problem.severity == "error" for problem in problems),
        "declared": declared,
        "problems": [as_data(problem) for problem in problems],
    }
