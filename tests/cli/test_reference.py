"""docs/reference/cli.md shows what `--help` really prints.

After a change of the command line, `python tests/cli/test_reference.py` writes its blocks anew.
"""

import contextlib
import io
import os
import re
from pathlib import Path

import click

from reconciler.cli import commands, main

REFERENCE = Path(__file__).parents[2] / "docs/reference/cli.md"
BLOCK = re.compile(
    r"^```console\n\$ reconciler(?P<path>(?: [a-z-]+)*) --help\n(?P<shown>.*?)^```\n",
    re.MULTILINE | re.DOTALL,
)


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


def test_each_block_is_what_the_command_prints():
    text = REFERENCE.read_text(encoding="utf-8")
    shown = {match["path"]: match["shown"] for match in BLOCK.finditer(text)}
    assert shown == {path: real(path) for path in shown}


def test_every_command_has_its_block():
    text = REFERENCE.read_text(encoding="utf-8")
    assert [match["path"] for match in BLOCK.finditer(text)] == paths()


if __name__ == "__main__":
    os.environ["COLUMNS"] = "80"
    old = REFERENCE.read_text(encoding="utf-8")
    new = BLOCK.sub(
        lambda match: f"```console\n$ reconciler{match['path']} --help\n{real(match['path'])}```\n", old
    )
    missing = [path for path in paths() if f"$ reconciler{path} --help\n" not in new]
    new += "".join(
        f"\n## reconciler{path}\n\n```console\n$ reconciler{path} --help\n{real(path)}```\n"
        for path in missing
    )
    REFERENCE.write_text(new, encoding="utf-8", newline="\n")
