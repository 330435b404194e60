"""What `--help` shows, and what it costs."""

import click
import pytest

from reconciler.cli import commands, entry

HEAVY = (
    "httpx",
    "rich",
    "jinja2",
    "jsonschema",
    "jsonschema_rs",
    "werkzeug",
    "waitress",
    "yaml",
    "deepdiff",
    "sqlite3",
)
NAMES = [row.name for row in commands.TABLE]


@pytest.mark.parametrize(
    "argv", [("--help",), ("--version",), ("plan", "--help"), ("sandbox", "--help"), ("nonsense",)]
)
def test_help_imports_nothing_that_is_slow(imported, argv):
    assert imported(*argv).isdisjoint(HEAVY)


def test_each_command_stands_below_its_heading(run):
    ran = run("--help")
    assert ran.code == 0
    assert ran.err == ""
    headings = [
        line.removesuffix(":") for line in ran.out.splitlines() if line.endswith(":") and line[0] != " "
    ]
    assert headings[1:] == [h for h in ("The work", "To begin", "To look") if h in headings]
    for row in commands.TABLE:
        assert f"\n  {row.name} " in ran.out


def walk(command: click.Command, *path: str):
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), *path, name)


ALL = dict(walk(commands.root))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_and_examples(run, path):
    ran = run(*path, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: {' '.join(('reconciler', *path))} ")
    assert ran.err == ""
    assert run(*path, "-h").out == ran.out
    if not isinstance(ALL[path], click.Group):
        assert "\nExamples:\n" in ran.out
        assert all(len(line) <= 80 for line in ran.out.splitlines())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_option_says_what_it_is_for(path):
    unexplained = [p.opts for p in ALL[path].params if isinstance(p, click.Option) and not p.help]
    assert unexplained == []


@pytest.mark.parametrize("row", commands.TABLE, ids=NAMES)
def test_the_summary_in_the_table_is_the_first_line_of_the_help(row):
    """Two texts, since the table must not import the command; but they say the same."""
    assert ALL[(row.name,)].help.splitlines()[0] == row.summary


@pytest.mark.parametrize("path", [path for path in ALL if getattr(ALL[path], "examples", ())], ids=" ".join)
def test_every_example_is_a_valid_command_line(path):
    for line, _purpose in ALL[path].examples:
        program, *argv = line.split()
        assert program == "reconciler"
        parse(commands.root, argv)


def parse(command: click.Command, argv: list[str], parent: click.Context | None = None) -> None:
    """Parse a command line down to the last command without running anything.

    With its parent, as in a real run: click keeps a command's help option as it is first asked for.
    """
    context = command.make_context("reconciler", list(argv), parent=parent, obj=entry.Run())
    if isinstance(command, click.Group):
        _name, below, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        parse(below, rest, context)


def test_version(run):
    ran = run("--version")
    assert (ran.code, ran.out, ran.err) == (0, "reconciler 0.1.0\n", "")
