"""Can this tenant be reached from here, who acts there, and may they do what the files ask for?

Signs in and reads two or three small things; changes nothing and plans nothing. What goes wrong on the
way is a finding, not the end: the rest is still looked at. Sentences are made in report.doctor.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options, output, session
from reconciler.cli.commands import Command
from reconciler.errors import DirectoryError, ReconcilerError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.config import Document
    from reconciler.directory import Directory
    from reconciler.directory.signin import Signin
    from reconciler.looking.checkup import Checkup
    from reconciler.model import Actor

WARN, FAULT = timedelta(seconds=30), timedelta(seconds=120)
"""A clock that is further off is told; much further, it is a fault: tokens and plans stop being valid."""


@click.command(
    cls=Command,
    examples=[
        ("reconciler doctor", "who signs in, and what they may do in the tenant of tenant.yaml"),
        ("reconciler doctor --auth azure-cli", "the same, by one way to sign in"),
        ("reconciler doctor --json", "for a pipeline: as data"),
    ],
)
@options.file
@options.connection
@options.as_json
def command(*, files: tuple[Path, ...], connection: session.Connection, as_json: bool) -> int:
    """Check sign-in, roles, permissions and clock.

    Signs in to the tenant of tenant.yaml, and tells who acts there, with which roles and permissions, what
    each command may do with them, what is missing, and what is more than the files take. Nothing is
    changed.

    Exits with 0 where `plan` can run, and with 1 where it can't: nobody is signed in, the tenant is
    another one or out of reach, something may not be read, or this computer's clock is wrong.
    """
    document = session.declared(files)
    found = examine(document, connection)
    if as_json:
        from reconciler.cli.telling import json_text
        from reconciler.report.doctor import document as told

        output.write(json_text(told(found)))
    else:
        from reconciler.report import doctor, listing

        listing.show(lambda screen: doctor.lines(found, screen))
    return 1 if found.errors else 0


def examine(document: Document | None, connection: session.Connection) -> Checkup:
    """Find out what can be found out."""
    from reconciler.looking.checkup import Checkup
    from reconciler.model import TenantRef

    tenant = document.tenant if document else TenantRef()
    found = Checkup(tenant=tenant)
    try:
        if tenant.provider == "graph":
            _live(found, document, connection)
        else:
            with session.connect(tenant, connection) as directory:
                _ask(found, document, directory)
    except ReconcilerError as error:
        if isinstance(error, UsageError) and tenant.provider == "sandbox":
            raise  # about files of this computer: there is no tenant to tell of
        found.errors.append(error)
        if error.code != "forbidden":  # then nobody knows what the token is worth here
            found.diagnosis = None
    unread = found.diagnosis.verdicts[0].lacks if found.diagnosis else ()
    if unread:
        found.errors.append(DirectoryError("may-not-read", what=list(unread)))
    return found


def _live(found: Checkup, document: Document | None, connection: session.Connection) -> None:
    """Sign in, and look at the token before the tenant is asked."""
    from reconciler.cli import live
    from reconciler.directory import clouds, whoami
    from reconciler.roles import ROLES

    found.graph = clouds.graph_url(clouds.CLOUDS[found.tenant.cloud], os.environ)
    with live.sign_in(found.tenant, connection) as signed:
        try:
            claims = signed.claims()
        finally:
            found.method, found.tried = signed.method, _tried(signed)
        if claims is not None:
            found.expires, found.signed_into = claims.expires, claims.tenant
            found.kind = "application" if claims.is_application else "user"
            found.in_token = tuple(sorted(ROLES[each] for each in claims.wids if each in ROLES))
            _judge(found, document, whoami.told(claims))
        with live.connect(found.tenant, connection, signed) as directory:
            _ask(found, document, directory)


def _tried(signed: Signin) -> list[dict[str, Any]]:
    return [
        {"method": one.method, "reason": one.reason, "names": list(one.names), "what": one.what}
        for one in signed.tried
    ]


def _ask(found: Checkup, document: Document | None, directory: Directory) -> None:
    """Ask the tenant who it is, what its clock says and who acts."""
    before = datetime.now(UTC)
    found.organization, clock = directory.identity()
    if found.tenant.provider == "graph":
        _compare_clocks(found, clock, before, datetime.now(UTC))
    session.check_tenant(found.tenant, found.organization)
    _judge(found, document, directory.actor())
    found.confirmed = True


def _judge(found: Checkup, document: Document | None, actor: Actor) -> None:
    """Compare what somebody has with what the files take."""
    from reconciler.config import uses
    from reconciler.looking import permissions

    abilities = uses.abilities(document) if document else frozenset()
    found.actor = actor
    found.diagnosis = permissions.diagnose(actor, found.kind, abilities)


def _compare_clocks(found: Checkup, clock: datetime, before: datetime, after: datetime) -> None:
    """Tell how far this computer's clock is off; a tenant tells its own to the second."""
    ours = before + (after - before) / 2
    skew = ours - clock - timedelta(seconds=0.5)
    found.skew = skew
    if abs(skew) > WARN:
        row = found.errors if abs(skew) > FAULT else found.warnings
        row.append(DirectoryError("clock-skew", seconds=round(skew.total_seconds())))
