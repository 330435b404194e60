"""Which commands are there, and how are they shown?

One table, in the order of `reconciler --help`. A command's module is imported only when the command
is used: `--help` must not pay for HTTP clients, schemas or colours.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

import click

import reconciler

if TYPE_CHECKING:
    from collections.abc import Sequence


class Row(NamedTuple):
    """One command of the table; its click command is `command` in the module of that name."""

    name: str
    heading: str
    summary: str


TABLE = (
    Row("validate", "The work", "Check tenant.yaml; no tenant is asked."),
    Row("plan", "The work", "Show what would change, and what data that would destroy."),
    Row("show", "The work", "Print a saved plan."),
    Row("apply", "The work", "Carry out the ready changes of a plan."),
    Row("undo", "The work", "Plan the way back to what was before a run."),
    Row("migrate-to-group", "The work", "Plan the move from direct licences to those of a group."),
    Row("doctor", "To begin", "Check sign-in, roles, permissions and clock."),
    Row("sandbox", "To begin", "Look after the embedded tenant."),
    Row("users", "To look", "List users and their licences, or those without one."),
    Row("why", "To look", "Say why a user has each licence, and what apply would do."),
    Row("seats", "To look", "Show owned, used and free seats, and when they end."),
    Row("recoverable", "To look", "Show whose data can still be saved, until when, and how."),
    Row("history", "To look", "List the runs of apply, or show one."),
    Row("snapshot", "To look", "Save the tenant's current state to a file."),
)


def _ask_for_traceback(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.find_root().obj.debug = True


def debug_option(*, hidden: bool) -> click.Option:
    """Return `--debug`, which stands before or after the command's name."""
    return click.Option(
        ["--debug"],
        is_flag=True,
        hidden=hidden,
        expose_value=False,
        callback=_ask_for_traceback,
        help="Show the traceback of an error.",
    )


class Command(click.Command):
    """A command with examples below its options: pairs of a command line and what it is for."""

    def __init__(self, *args: Any, examples: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(debug_option(hidden=True))
        self.examples = tuple(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and let the run know where `--json` can't be meant."""
        if not any("--json" in param.opts for param in self.params):
            ctx.find_root().obj.as_json = False
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for line, purpose in self.examples:
                    formatter.write_text(f"# {purpose}")
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Group(click.Group):
    """A group of commands; without one it shows its help, as an error."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help on standard error where no command is named: nothing was done."""
        if not args and not ctx.resilient_parsing:
            click.echo(self.get_help(ctx), err=True)
            ctx.exit(1)
        return super().parse_args(ctx, args)

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names in the order in which the commands were added."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its whole summary: click cuts it at 45 characters."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(200)) for name, command in commands if command]
            )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown name with the nearest known one."""
        name, names = args[0], self.list_commands(ctx)
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            ctx.fail(f"{name!r} is not a command{f'; did you mean {near[0]!r}?' if near else '.'}")
        return super().resolve_command(ctx, args)


class Root(Group):
    """The group of all commands of TABLE."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names in the table's order."""
        return [row.name for row in TABLE]

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """Import and return one command, or None where there is none of that name."""
        if not any(row.name == name for row in TABLE):
            return None
        command: click.Command = importlib.import_module(f"reconciler.cli.{name.replace('-', '_')}").command
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, grouped by heading."""
        width = max(len(row.name) for row in TABLE)
        for heading in dict.fromkeys(row.heading for row in TABLE):
            rows = [(row.name.ljust(width), row.summary) for row in TABLE if row.heading == heading]
            with formatter.section(heading):
                formatter.write_dl(rows)


root = Root(
    name="reconciler",
    no_args_is_help=False,
    help="""Licence management for Microsoft 365 as reviewed code.

    tenant.yaml says who shall have which licence; `reconciler plan` shows what that would change in
    the tenant, `reconciler apply` changes it.""",
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[debug_option(hidden=False)],
)
click.version_option(reconciler.__version__, prog_name="reconciler", message="%(prog)s %(version)s")(root)
