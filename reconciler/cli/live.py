"""How does the command line reach a live tenant?

Picks the cloud, signs in, and opens Microsoft Graph there. Whoever signed in acts: there is no acting
as somebody else. A person at a terminal may be asked to sign in; nobody else is.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.cli import output
from reconciler.directory import Directory, clouds
from reconciler.directory.entra import Wanted
from reconciler.directory.methods import TENANT_ID, value
from reconciler.directory.signin import Signin
from reconciler.errors import DirectoryError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reconciler.cli.session import Connection
    from reconciler.directory.clouds import Cloud
    from reconciler.model import TenantRef


@contextmanager
def connect(tenant: TenantRef, connection: Connection, signed: Signin | None = None) -> Iterator[Directory]:
    """Sign in, and open the tenant's Graph until the context ends; raises as Signin.token does.

    Nothing is asked of Graph before somebody is signed in. Whoever `signed` in is left so at the end.
    """
    if signed is None:
        with sign_in(tenant, connection) as signing, connect(tenant, connection, signing) as directory:
            yield directory
        return
    with opened(tenant, connection, signed) as directory:
        try:
            yield directory
        except DirectoryError as refused:
            if refused.code == "unauthorized":
                _check_audience(signed, clouds.CLOUDS[tenant.cloud], refused)
            raise


def sign_in(tenant: TenantRef, connection: Connection) -> Signin:
    """Return a sign-in to the tenant that asks nobody yet.

    Raises UsageError: "as-is-for-the-sandbox" {upn}, "wrong-authority" {host, cloud, expected}.
    """
    if connection.acting_as is not None:
        raise UsageError("as-is-for-the-sandbox", upn=connection.acting_as)
    cloud = clouds.CLOUDS[tenant.cloud]
    named = value(os.environ, (TENANT_ID, "AZURESUBSCRIPTION_TENANT_ID"))
    wanted = Wanted(
        cloud=cloud,
        tenant=named or tenant.id or tenant.domain or "organizations",
        authority=clouds.authority(cloud, os.environ),
        environment=dict(os.environ),
        prompt=_ask_to_sign_in if sys.stdin.isatty() and sys.stderr.isatty() else None,
    )
    return Signin(wanted, connection.auth)


def opened(tenant: TenantRef, connection: Connection, signed: Signin) -> Directory:
    """Return the tenant's Graph for somebody who signs in first; raises UsageError("graph-url") too."""
    from reconciler.cli import session

    root = clouds.graph_url(clouds.CLOUDS[tenant.cloud], os.environ)
    signed.token()
    return Directory(
        base_url=f"{root}/v1.0", token=signed.token, renew=signed.renew, **session.reach(connection)
    )


def _ask_to_sign_in(url: str, code: str, until: datetime) -> None:
    """Ask the person at the terminal to sign in elsewhere."""
    from reconciler.report.sanitize import clean

    output.notice(
        f"To sign in, open {clean(url)} and enter the code {clean(code)}; it is good until {until:%H:%M} UTC."
    )


def _check_audience(signed: Signin, cloud: Cloud, refused: DirectoryError) -> None:
    """Tell where the token that was refused is not for this Graph at all."""
    told = signed.claims()
    if told and told.audience and told.audience.rstrip("/") not in (cloud.graph, clouds.GRAPH_AUDIENCE):
        raise DirectoryError("wrong-audience", audience=told.audience, expected=cloud.graph) from refused
