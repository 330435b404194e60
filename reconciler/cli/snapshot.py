"""What does the tenant look like now? Saved as a file that `plan --snapshot` and `sandbox load` take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import options, output, session
from reconciler.cli.commands import Command

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.config import Document


@click.command(
    cls=Command,
    examples=[
        ("reconciler snapshot --out state.json", "save the tenant's current state"),
        ("reconciler plan --snapshot state.json", "plan against it later, with no credentials"),
        ("reconciler sandbox load state.json", "try changes on a copy of it"),
    ],
)
@options.file
@options.connection
@click.option("--out", type=options.PATH, metavar="FILE", required=True, help="Where to save it.")
def command(*, files: tuple[Path, ...], connection: session.Connection, out: Path) -> None:
    """Save the tenant's current state to a file.

    The file holds users, licences, SKUs, groups and role assignments as Microsoft Graph spells them,
    names included: keep it where only administrators read it.
    """
    from reconciler.directory import snapshot
    from reconciler.model import TenantRef
    from reconciler.planning import unlisted

    document = session.declared(files)
    tenant = document.tenant if document else TenantRef()
    with session.connect(tenant, connection) as directory:
        session.check_tenant(tenant, directory.identity()[0])
        current = session.look(directory, connection, document.named_groups if document else ())
        if document and _revokes(document):
            ids = [user.id for user in unlisted.licensed_members(current)]
            current = session.with_mailboxes(directory, current, ids)
    snapshot.write(current, out)
    users = output.count(len(current.users), "user")
    output.notice(f"Saved {users} as of {current.taken_at:%Y-%m-%d %H:%M} UTC to {output.shown(out)}.")


def _revokes(document: Document) -> bool:
    """Tell whether a plan could hang on what mailboxes are for.

    They are then asked for of everybody whom a later file could cease to list, not only of those unlisted
    now: whoever has no row in `mailboxes` is taken to have no mailbox.
    """
    said = document.single("unlisted_users")
    return said is not None and said[1] == "revoke"
