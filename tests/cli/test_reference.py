"""docs/reference/cli.md shows what `--help` really prints.

After a change of the command line, `python tests/cli/test_reference.py` writes them anew.
"""

import contextlib
import io
import os
from pathlib import Path

import click

from reconciler.cli import commands, main

REFERENCE = Path(__file__).parents[2] / "docs/reference/cli.md"
FIRST = "## reconciler\n"


def real(path: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([*path.split(), "--help"]) == 0
    return out.getvalue()


def paths(group: click.Group = commands.root, above: str = "") -> list[str]:
    """Return every command's path, parents first, each with a leading space."""
    context = click.Context(group)
    found = [above]
    for name in group.list_commands(context):
        below = group.get_command(context, name)
        found += paths(below, f"{above} {name}") if isinstance(below, click.Group) else [f"{above} {name}"]
    return found


def sections() -> str:
    """Return all that follows the first command's heading, as it has to be."""
    return "\n".join(
        f"## reconciler{path}\n\n```console\n$ reconciler{path} --help\n{real(path)}```\n" for path in paths()
    )


def test_the_reference_shows_every_command_as_it_is():
    text = REFERENCE.read_text(encoding="utf-8")
    assert text[text.index(FIRST) :] == sections()


if __name__ == "__main__":
    os.environ["COLUMNS"] = "80"
    text = REFERENCE.read_text(encoding="utf-8")
    REFERENCE.write_text(text[: text.index(FIRST)] + sections(), encoding="utf-8", newline="\n")
