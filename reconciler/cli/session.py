"""What does a command need before it can begin?

The files of the desired state, the tenant and who acts in it, and the plan that follows from them.
Every command gets them here, so that `plan` and `apply` can't differ. Nothing is printed here but that a
demo tenant was made, and that a journal is none. The parts are imported where they are used: a command's
`--help` needs none of them.
"""

from __future__ import annotations

import math
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli import acting, asking, output
from reconciler.errors import ConfigError, UsageError
from reconciler.model import Options, TenantRef

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import timedelta

    from reconciler.catalog import Catalog
    from reconciler.cli.trusted import Trusted
    from reconciler.config import Document
    from reconciler.directory import Directory
    from reconciler.journal import Place
    from reconciler.model import Actor, Current, Desired, Organization
    from reconciler.plan import Plan

    Planner = Callable[[Desired, Current, Actor, Catalog, Options], Plan]

DEFAULT_FILE = Path("tenant.yaml")
DEFAULT_HOME = Path(".reconciler")

# The in-process sandbox is reached under a name that no network can resolve (RFC 2606).
SANDBOX_URL = "https://sandbox.invalid"
SANDBOX_TOKEN = "sandbox"  # noqa: S105  stands for the sandbox's default actor

READS = 8
"""Requests in flight at once where nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What the command line says about the way to the tenant: the options of `options.connection`.

    `acting_as` is a user of the sandbox or of a snapshot, `auth` the one way to sign in that is tried,
    `timeout` in seconds for one request, `journal` the path or URL of the journal. None: whatever is right
    where nothing is said.
    """

    acting_as: str | None = None
    auth: str | None = None
    timeout: int | None = None
    parallelism: int | None = None
    debug_http: bool = False
    journal: str | None = None


PLAIN = Connection()
"""The way to the tenant where nothing is said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line says about a plan: the options of `options.planning`.

    `planned_for` are roles and permissions of whoever shall apply the plan; none: those of whoever makes
    it. `groups` are names or ids of groups that the command itself names. `expires_in`: how long the plan
    holds; None: as long as its kind does. `writes` tells that the plan is carried out at once: a tenant
    that can't be changed is no use then.
    """

    files: tuple[Path, ...] = ()
    connection: Connection = PLAIN
    planned_for: tuple[str, ...] = ()
    at: datetime | None = None
    snapshot: Path | None = None
    targets: tuple[str, ...] = ()
    use_grace: bool = False
    allow: tuple[str, ...] = ()
    base_ref: str | None = None
    guardrails: Path | None = None
    catalog: Path | None = None
    groups: tuple[str, ...] = ()
    expires_in: timedelta | None = None
    writes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A plan, the state that it was made for and who would apply it."""

    plan: Plan
    current: Current
    actor: Actor


def home() -> Path:
    """Return the folder of the sandbox and the journal; it need not exist. Raises UsageError for a file."""
    named = os.environ.get("RECONCILER_HOME")
    where = Path(named).expanduser() if named else DEFAULT_HOME
    if where.exists() and not where.is_dir():
        raise UsageError("unreadable-file", path=str(where), reason="it is a file, and has to be a folder")
    return where


def journal_of(connection: Connection) -> Place:
    """Return where the journal lies; raises UsageError ("journal-url", "journal-extra")."""
    from reconciler import journal

    return journal.place_of(connection.journal or journal.path_in(home()))


def tell_of_noise(place: Place) -> None:
    """Say so where a journal holds lines, and not one can be read; of single ones `history` tells."""
    from reconciler import journal

    first = journal.unread(place)
    if first:
        output.warning(
            output.shown(
                f"{place.name}:{first.line}: this line is no record, nor is any other ({first.reason}): "
                "what earlier runs of apply did is not known. Is it the right file?"
            )
        )


def files(named: Sequence[Path]) -> tuple[Path, ...]:
    """Return the paths of the desired state; raises UsageError where one does not exist."""
    for path in named or (DEFAULT_FILE,):
        if not path.exists():
            raise UsageError("no-config", path=str(path), default=not named)
    return tuple(named) or (DEFAULT_FILE,)


def declared(named: Sequence[Path]) -> Document | None:
    """Return what the files say, or None where there is no file and none is named."""
    from reconciler import config

    if not named and not DEFAULT_FILE.exists():
        return None
    return config.read(files(named))


def connect(
    tenant: TenantRef, connection: Connection, *, writes: bool = False
) -> AbstractContextManager[Directory]:
    """Return a way to the tenant that opens and closes with its context.

    Makes the demo tenant where no sandbox exists yet. With `writes`, raises UsageError where the
    sandbox can't be changed: that must be known before the first write, not after several tries. How
    somebody signs in to a live tenant stands in live.py.
    """
    if tenant.provider == "graph":
        from reconciler.cli import live

        return live.connect(tenant, connection)
    import httpx

    from reconciler import sandbox
    from reconciler.directory import Directory

    where = ready_sandbox()
    if writes:
        sandbox.check_writable(where)

    def directory(token: str) -> Directory:
        return Directory(
            base_url=f"{SANDBOX_URL}/v1.0",
            commerce_url=f"{SANDBOX_URL}/commerce/v1",
            token=lambda: token,
            transport=httpx.WSGITransport(app=sandbox.app(where), raise_app_exceptions=False),
            budget=math.inf,  # nobody throttles a tenant in this very process
            **reach(connection),
        )

    upn = connection.acting_as
    return acting.open_as(upn, directory(upn or SANDBOX_TOKEN), lambda: directory(SANDBOX_TOKEN))


def reach(connection: Connection) -> dict[str, Any]:
    """Return how a Directory shall ask its tenant, whichever that is."""
    from reconciler.directory.client import TIMEOUT

    return {
        "parallelism": connection.parallelism or READS,
        "timeout": connection.timeout or TIMEOUT,
        "debug": output.notice if connection.debug_http else None,
    }


def ready_sandbox() -> Path:
    """Return the home folder, with a sandbox in it: the demo tenant where there was none."""
    from reconciler import sandbox

    where = home()
    if not sandbox.exists(where):
        sandbox.reset(where)
        output.notice(f"No tenant yet: made the demo tenant in {output.shown(where)}.")
    return where


def check_tenant(declared: TenantRef, live: Organization) -> None:
    """Raise UsageError where the live tenant is not the declared one: nothing may be planned for it."""
    domains = [domain.name for domain in live.domains]
    if declared.domain is not None and declared.domain.lower() not in domains:
        raise UsageError(
            "wrong-tenant", declared=declared.domain, live=live.id, name=live.name, domains=domains
        )
    if declared.id is not None and declared.id.lower() != live.id:
        raise UsageError("wrong-tenant", declared=declared.id, live=live.id, name=live.name, domains=domains)


def make(request: Request, planner: Planner | None = None) -> Made:
    """Read both states and make the plan; see `planned`."""
    if request.snapshot is None:
        with planned(request, planner) as (made, _):
            return made
    from reconciler.directory import snapshot

    document, trusted = _document(request), _trusted(request)
    current = snapshot.load(request.snapshot)
    check_tenant(document.tenant, current.organization)
    actor = snapshot.default_actor(current, request.connection.acting_as)
    desired = _desired(request, document, current, trusted)
    return _plan(request, desired, current, actor, now=datetime.now(UTC), planner=planner)


@contextmanager
def planned(request: Request, planner: Planner | None = None) -> Iterator[tuple[Made, Directory]]:
    """Read both states, make the plan, and keep the way to the tenant open for what follows.

    `planner` makes the plan; it is planning.make_plan where none is named.
    Raises ConfigError with every problem, UsageError or DirectoryError: there is no plan unless
    everything could be read.
    """
    import msgspec

    from reconciler.planning import unlisted

    document, trusted = _document(request), _trusted(request)
    with connect(document.tenant, request.connection, writes=request.writes) as directory:
        check_tenant(document.tenant, directory.identity()[0])
        groups, fields = reading(document)
        current = look(directory, request.connection, (*groups, *request.groups), fields)
        desired = _desired(request, document, current, trusted)
        asked = unlisted.candidates(current, desired)
        if desired.unlisted_users == "revoke":
            current = with_mailboxes(directory, current, asked)
        actor, now = directory.actor(), current.taken_at
        # Whose mailboxes matter shows in a plan for which nobody has told anything of them.
        untold = msgspec.structs.replace(desired, mailboxes=())
        made = _plan(request, untold, current, actor, now=now, planner=planner)
        more = asking.with_mailboxes_of(directory, document.tenant, made.plan, desired, current, asked)
        if more is not current or desired.mailboxes:
            made = _plan(request, desired, more, actor, now=now, planner=planner)
        yield made, directory


def reading(document: Document) -> tuple[Sequence[str], Collection[str]]:
    """Return what a plan needs read: the groups that the files name, the users' fields that they use."""
    return document.named_groups, document.fields


def look(
    directory: Directory,
    connection: Connection,
    groups: Sequence[str] = (),
    fields: Collection[str] | None = None,
) -> Current:
    """Return the current state, with the licences that earlier runs took away and what they remember.

    `groups` are names or ids of groups that are read beside those with licences; `fields` our names of
    the users' fields that are used, None: all.
    """
    import msgspec

    from reconciler import journal

    current = directory.read(groups, fields)
    path, tenant = journal_of(connection), current.organization.id
    tell_of_noise(path)
    recorded = journal.removals(path, tenant)
    removals = sorted({*current.removals, *recorded}, key=lambda r: (r.user_id, r.sku_id, r.removed_at))
    return msgspec.structs.replace(
        current,
        removals=tuple(removals),
        remembered=journal.remembered(path, tenant),
        deeds=journal.deeds(path, tenant),
    )


def with_mailboxes(directory: Directory, current: Current, user_ids: Collection[str]) -> Current:
    """Return the state with what these users' mailboxes are for; nobody else's is known."""
    import msgspec

    return msgspec.structs.replace(current, mailboxes=directory.mailboxes(user_ids))


def _document(request: Request) -> Document:
    """Read the files; with problems that no tenant can mend, none is asked.

    Raises ConfigError with those alone: of the other names nobody knows yet whether they are wrong.
    """
    from reconciler import catalog as catalogue
    from reconciler import config

    document = config.load(files(request.files))
    if document.problems:
        try:
            config.check_names(document, catalogue.load(request.catalog))
        except ConfigError as found:
            raise ConfigError([one for one in found.problems if one.severity == "error"]) from None
    return document


def _trusted(request: Request) -> tuple[Trusted, ...]:
    """Read what the command line names beside the files: rails that these can't loosen."""
    from reconciler.cli import trusted

    return trusted.read(files(request.files), request.base_ref, request.guardrails)


def _desired(request: Request, document: Document, current: Current, trusted: Sequence[Trusted]) -> Desired:
    import msgspec

    from reconciler import catalog as catalogue
    from reconciler import config

    catalog = catalogue.load(request.catalog)
    desired = config.resolve(document, current.skus, catalog)
    baselines = tuple(one.baseline(current.skus, catalog) for one in trusted)
    return msgspec.structs.replace(desired, baselines=baselines)


def _plan(
    request: Request,
    desired: Desired,
    current: Current,
    actor: Actor,
    *,
    now: datetime,
    planner: Planner | None,
) -> Made:
    import msgspec

    from reconciler import catalog as catalogue
    from reconciler import plan_lifetime
    from reconciler.plan import ActorInfo
    from reconciler.planning import make_plan

    catalog = catalogue.load(request.catalog)
    options = Options(
        now=request.at or now,
        use_grace=request.use_grace,
        targets=request.targets,
        allow=tuple(sorted(set(request.allow))),
    )
    abilities = sorted(set(request.planned_for))
    plan = (planner or make_plan)(desired, current, _assumed(actor, abilities), catalog, options)
    if abilities:
        told = {**plan.options, "for": abilities}
        plan = msgspec.structs.replace(plan, actor=ActorInfo.of(actor), options=told)
    # A plan against a file asks nobody for the time: the same files and --at give the same bytes.
    clock = options.now if request.snapshot else now
    plan = plan_lifetime.bounded(plan, clock, request.expires_in)
    return Made(plan=plan, current=current, actor=actor)


def _assumed(actor: Actor, abilities: Sequence[str]) -> Actor:
    """Return the actor with these roles and permissions instead of his own, if there are any."""
    import msgspec

    from reconciler import roles

    if not abilities:
        return actor
    return msgspec.structs.replace(
        actor,
        roles=tuple(name for name in abilities if name in roles.ABILITIES),
        permissions=tuple(name for name in abilities if name in roles.PERMISSIONS),
        scopes=None,
    )
