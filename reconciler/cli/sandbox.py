"""How is the embedded tenant made, filled, moved in time and served?

Each command says what it did. The tenant's rules live in reconciler.sandbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import options, output, session
from reconciler.cli.commands import Command, Group

if TYPE_CHECKING:
    from pathlib import Path


@click.group(cls=Group, no_args_is_help=False)
def command() -> None:
    """Look after the embedded tenant.

    The sandbox is a small Microsoft 365 tenant in one file: the same rules, the same API. It lives in
    .reconciler/ of the working folder; RECONCILER_HOME names another. Where there is none yet, the
    first command that needs it makes the demo tenant.
    """


@command.command(
    "reset", cls=Command, examples=[("reconciler sandbox reset", "start again with the demo tenant")]
)
def reset() -> None:
    """Throw the tenant away and make the demo tenant.

    It is another tenant, with an id of its own: plans made before are not for it. The journal stays.
    """
    from reconciler import sandbox

    home = session.home()
    earlier = sandbox.exists(home)
    sandbox.reset(home)
    output.write(f"Made the demo tenant in {output.shown(home)}.")
    if earlier:
        output.write(
            "It is another tenant than before: a plan made earlier is not for it. "
            "The journal of earlier tenants stays."
        )


@command.command(
    "load", cls=Command, examples=[("reconciler sandbox load state.json", "work on a copy of a real tenant")]
)
@click.argument("path", type=options.PATH, metavar="FILE")
def load(*, path: Path) -> None:
    """Throw the tenant away and load a snapshot in its place.

    The sandbox's clock is real time again.
    """
    from reconciler import sandbox

    home = session.home()
    sandbox.load(home, path)
    output.write(f"Loaded {output.shown(path)} into the sandbox in {output.shown(home)}.")


@command.command(
    "serve",
    cls=Command,
    examples=[
        ("reconciler sandbox serve --port 8365", "speak Microsoft Graph to another program"),
        ("reconciler sandbox serve --faults flaky", "lose answers, and be too busy, as on a bad day"),
    ],
)
@click.option(
    "--port",
    type=options.Whole(0, 65535),
    default=8365,
    metavar="N",
    help="0: any free port.  [default: 8365]",
)
@click.option(
    "--faults",
    metavar="FILE|PRESET",
    help="Make go wrong what this file, or preset, describes: documented-limits, flaky, hostile, lagging, "
    "throttled.",
)
def serve(*, port: int, faults: str | None) -> None:
    """Serve the tenant's Microsoft Graph API on this computer, until Ctrl-C.

    Only 127.0.0.1 is listened on. The bearer token is the UPN of the user who acts; `sandbox` stands
    for the first global administrator.
    """
    from reconciler import sandbox
    from reconciler.sandbox import faults as described

    trouble = described.load(faults) if faults is not None else None
    sandbox.serve(
        session.ready_sandbox(),
        port,
        on_ready=lambda url: output.notice(f"Serving on {url}"),
        faults=trouble,
    )


@command.command(
    "advance",
    cls=Command,
    examples=[("reconciler sandbox advance --days 30", "see a mailbox go for good, a subscription expire")],
)
@click.option(
    "--days",
    type=options.Whole(0, 3650),
    required=True,
    metavar="N",
    help="How far to move the clock.",
)
def advance(*, days: int) -> None:
    """Move the tenant's clock forward: subscriptions renew or expire, deleted data goes for good."""
    from reconciler import sandbox

    now = sandbox.advance(session.ready_sandbox(), days)
    output.write(f"It is now {now:%Y-%m-%d %H:%M} UTC in the sandbox.")
