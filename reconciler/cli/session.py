"""What does a command need before it can begin?

The files of the desired state, the tenant and who acts in it, and the plan that follows from them.
Every command gets them here, so that `plan` and `apply` can't differ. Nothing is printed here but the
notice that a demo tenant was made.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler import catalog as catalogue
from reconciler import config
from reconciler.cli import output
from reconciler.errors import UsageError
from reconciler.model import Options, TenantRef

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.catalog import Catalog
    from reconciler.directory import Directory
    from reconciler.model import Actor, Current, Desired, Organization
    from reconciler.plan import Plan

DEFAULT_FILE = Path("tenant.yaml")
DEFAULT_HOME = Path(".reconciler")

# The in-process sandbox is reached under a name that no network can resolve (RFC 2606).
SANDBOX_URL = "https://sandbox.invalid"
SANDBOX_TOKEN = "sandbox"  # noqa: S105  stands for the sandbox's default actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line says about a plan: the options of `options.planning`."""

    files: tuple[Path, ...] = ()
    acting_as: str | None = None
    at: datetime | None = None
    snapshot: Path | None = None
    targets: tuple[str, ...] = ()
    use_grace: bool = False
    allow: tuple[str, ...] = ()
    catalog: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A plan and all that it was made from."""

    plan: Plan
    desired: Desired
    current: Current
    actor: Actor
    catalog: Catalog


def home() -> Path:
    """Return the folder of the sandbox and the journal; it need not exist."""
    named = os.environ.get("RECONCILER_HOME")
    return Path(named).expanduser() if named else DEFAULT_HOME


def files(named: Sequence[Path]) -> tuple[Path, ...]:
    """Return the paths of the desired state; raises UsageError where one does not exist."""
    for path in named or (DEFAULT_FILE,):
        if not path.exists():
            raise UsageError("no-config", path=str(path), default=not named)
    return tuple(named) or (DEFAULT_FILE,)


def declared_tenant(named: Sequence[Path]) -> TenantRef:
    """Return which tenant is meant: the files', or the sandbox where there are none.

    For commands that look at a tenant and need no desired state.
    """
    if not named and not DEFAULT_FILE.exists():
        return TenantRef()
    return config.read(files(named)).tenant


def connect(tenant: TenantRef, acting_as: str | None) -> Directory:
    """Return an open way to the tenant, to be closed by the caller (a context manager).

    Makes the demo tenant where no sandbox exists yet.
    """
    if tenant.provider == "graph":
        raise UsageError("provider-graph-later")
    import httpx

    from reconciler import sandbox
    from reconciler.directory import Directory

    where = ready_sandbox()
    return Directory(
        base_url=f"{SANDBOX_URL}/v1.0",
        commerce_url=f"{SANDBOX_URL}/commerce/v1",
        token=lambda: acting_as or SANDBOX_TOKEN,
        transport=httpx.WSGITransport(app=sandbox.app(where), raise_app_exceptions=False),
    )


def ready_sandbox() -> Path:
    """Return the home folder, with a sandbox in it: the demo tenant where there was none."""
    from reconciler import sandbox

    where = home()
    if not sandbox.exists(where):
        sandbox.reset(where)
        output.notice(f"No tenant yet: made the demo tenant in {where}.")
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


def make(request: Request, directory: Directory | None = None) -> Made:
    """Read both states and make the plan; `directory` is an open way to the tenant, if there is one.

    Raises ConfigError, UsageError or DirectoryError: there is no plan unless everything could be read.
    """
    document = config.read(files(request.files))
    catalog = catalogue.load(request.catalog)
    current, actor = _look(request, document.tenant, directory)
    check_tenant(document.tenant, current.organization)
    desired = config.resolve(document, current.skus, catalog)
    options = Options(
        now=request.at or (datetime.now(UTC) if request.snapshot else current.taken_at),
        use_grace=request.use_grace,
        targets=request.targets,
        allow=tuple(sorted(set(request.allow))),
    )
    from reconciler.planning import make_plan

    plan = make_plan(desired, current, actor, catalog, options)
    return Made(plan=plan, desired=desired, current=current, actor=actor, catalog=catalog)


def _look(request: Request, tenant: TenantRef, directory: Directory | None) -> tuple[Current, Actor]:
    """Return the current state and who acts, from the snapshot or the tenant."""
    if request.snapshot is not None:
        from reconciler.directory import snapshot

        current = snapshot.load(request.snapshot)
        return current, snapshot.default_actor(current, request.acting_as)
    if directory is not None:
        return directory.read(), directory.actor()
    with connect(tenant, request.acting_as) as opened:
        return opened.read(), opened.actor()
