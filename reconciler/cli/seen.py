"""What does a command look at that changes nothing: which tenant, and what the files say of it?

The commands of "To look" get both states here. tenant.yaml is optional for them: without one, the
sandbox is looked at, and the catalogue says which SKUs don't count as a licence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeVar

import click

from reconciler.cli import asking, options, session

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from reconciler.catalog import Catalog
    from reconciler.config import Document
    from reconciler.directory.audit import Audited
    from reconciler.journal import Place
    from reconciler.looking.recoverable import Log
    from reconciler.looking.users import Told
    from reconciler.model import Actor, Current, Desired, TenantRef
    from reconciler.planning.context import Context

Decorated = TypeVar("Decorated", bound="Callable[..., Any] | click.Command")

snapshot = click.option(
    "--snapshot", type=options.PATH, metavar="FILE", help="Look at a saved current state instead of a tenant."
)
at = click.option(
    "--at",
    type=options.instant,
    metavar="INSTANT",
    help="Count days from this date or RFC 3339 instant.  [default: the tenant's clock]",
)
as_csv = click.option("as_csv", "--csv", is_flag=True, help="Print CSV with a header line.")


def one_format(*, as_json: bool, as_csv: bool) -> None:
    """Refuse two output formats at once."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Both states, and the instant that days count from. `document` is None where there are no files.

    `sign_ins` tells whether users' sign-ins are known, `log` whether the tenant's audit log was read, which
    told `audited`; None: nobody asked.
    """

    current: Current
    desired: Desired
    document: Document | None
    catalog: Catalog
    now: datetime
    actor: Actor
    journal: Place
    sign_ins: Told | None = None
    log: Log | None = None
    audited: Audited | None = None

    @cached_property
    def context(self) -> Context:
        """Return the look-ups over both states."""
        from reconciler.model import Options
        from reconciler.planning.context import Context

        return Context(self.desired, self.current, self.actor, self.catalog, Options(now=self.now))


def see(
    files: tuple[Path, ...],
    *,
    connection: session.Connection = session.PLAIN,
    snapshot: Path | None = None,
    at: datetime | None = None,
    catalog: Path | None = None,
    needs_actor: bool = False,
    asks_mailboxes_of: Asked | None = None,
    asks: tuple[Further, ...] = (),
) -> Seen:
    """Read the files, if there are any, and the tenant; raises as `session.planned` does.

    Who acts is found out only where that is needed: a snapshot may hold no administrator. So are the
    purposes of mailboxes, at 20 users a request, and the further things in `asks`.
    """
    from reconciler import catalog as catalogue
    from reconciler import config
    from reconciler.looking.recoverable import log_kept
    from reconciler.model import Desired, TenantRef

    facts = catalogue.load(catalog)
    document = config.read(session.files(files)) if files or session.DEFAULT_FILE.exists() else None
    tenant = document.tenant if document else TenantRef()
    if snapshot is not None:
        current, actor, now = _saved(snapshot, tenant, connection, needs_actor=needs_actor)
    else:
        groups = document.named_groups if document else ()
        current, actor, now = _live(tenant, connection, groups, needs_actor=needs_actor)
    desired = (
        config.resolve(document, current.skus, facts)
        if document
        else Desired(tenant=tenant, digest="", ignored_skus=facts.free_skus)
    )
    sign_ins: Told | None = None
    log, audited = None, None
    if snapshot is None and (asks_mailboxes_of or asks):
        with session.connect(tenant, connection) as directory:
            if asks_mailboxes_of:
                current = session.with_mailboxes(directory, current, asks_mailboxes_of(current, desired))
            if "sign-ins" in asks:
                current, sign_ins = asking.with_sign_ins(directory, current)
            if "log" in asks:
                since = now - log_kept(current.skus, facts)
                audited, log = asking.audited(directory, tenant, since)
    elif "sign-ins" in asks:
        current, sign_ins = asking.saved_sign_ins(current)
    return Seen(
        current=current,
        desired=desired,
        document=document,
        catalog=facts,
        now=at or now,
        actor=actor,
        journal=session.journal_of(connection),
        sign_ins=sign_ins,
        log=log,
        audited=audited,
    )


Further = Literal["sign-ins", "log"]
"""What more may be looked at than every plan needs."""

Asked = Callable[["Current", "Desired"], "Collection[str]"]
"""Whose mailboxes' purposes a command needs, once both states are known: user ids."""

Looked = tuple["Current", "Actor", "datetime"]
"""A current state, who acts, and the instant from which days count."""


def _saved(path: Path, tenant: TenantRef, connection: session.Connection, *, needs_actor: bool) -> Looked:
    """Read a snapshot; now is really now."""
    from datetime import UTC, datetime

    from reconciler.directory import snapshot

    current = snapshot.load(path)
    session.check_tenant(tenant, current.organization)
    actor = snapshot.default_actor(current, connection.acting_as) if needs_actor else _nobody()
    return current, actor, datetime.now(UTC)


def _live(
    tenant: TenantRef, connection: session.Connection, groups: tuple[str, ...], *, needs_actor: bool
) -> Looked:
    """Read the tenant; now is what its clock says."""
    with session.connect(tenant, connection) as directory:
        session.check_tenant(tenant, directory.identity()[0])
        current = session.look(directory, connection, groups)
        return current, directory.actor() if needs_actor else _nobody(), current.taken_at


def _nobody() -> Actor:
    from reconciler.model import Actor

    return Actor(id="", name="")


def sku(state: Seen, name: str) -> str:
    """Return the id of a SKU by part number or id; raises UsageError with the nearest name."""
    from reconciler.config.names import Fault, Names
    from reconciler.errors import UsageError

    try:
        return Names(state.current.skus, state.catalog, (), offline=False).sku(name)
    except Fault as fault:
        raise UsageError(fault.code, **fault.params) from fault
