"""The one door to a tenant: read it, look at some objects, carry changes out.

Puts the parts together and owns the connections and threads. What each part promises stands there.
"""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import httpx

from reconciler.directory import audit, claims, mailboxes, reader, signins, snapshot, usage, whoami
from reconciler.directory.clouds import LOOPBACK
from reconciler.directory.connections import Connections
from reconciler.directory.observer import Observer
from reconciler.directory.pacing import BUDGET, Pace
from reconciler.directory.sending import Sender
from reconciler.directory.settling import PATIENCE, Settler
from reconciler.directory.tokens import Tokens, no_other
from reconciler.directory.transport import Transport
from reconciler.directory.writer import Writer
from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from reconciler.directory.audit import Audited
    from reconciler.directory.observer import Holds
    from reconciler.directory.outcome import Outcome, Write
    from reconciler.directory.usage import Usage
    from reconciler.model import Actor, Current, Group, Mailbox, Organization, RoleAssignment, SignIn
    from reconciler.plan import Change

TIMEOUT = 60.0  # seconds
_CONNECT = 15.0


class Directory:
    """A tenant behind Microsoft Graph (and, where it has one, a commerce API).

    `token` is called for every request, so it may be renewed on the way; `renew` after one was refused,
    with the tenant's challenge: True means that another may be had. Use it as a context manager. Safe to
    use from several threads. Every error is a DirectoryError, or what `token` raises.

    `parallelism` bounds the requests in flight. `timeout`, in seconds, is that of one request. `patience`
    bounds in seconds how long a change is waited for that the tenant accepted. `budget` is how many writes
    may be sent in 150 seconds. `debug` is given lines about what goes over the wire, without secrets.
    """

    def __init__(  # noqa: PLR0913  each a choice of its own, by keyword
        self,
        *,
        base_url: str,
        token: Callable[[], str],
        renew: Callable[[str | None], bool] = no_other,
        transport: httpx.BaseTransport | None = None,
        commerce_url: str | None = None,
        parallelism: int = 8,
        timeout: float = TIMEOUT,
        patience: float = PATIENCE,
        budget: float = BUDGET,
        debug: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        def client() -> httpx.Client:
            return httpx.Client(
                transport=transport,
                timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT)),
                follow_redirects=False,
                # A tenant on this machine (the sandbox, served) is never reached through a proxy.
                trust_env=httpx.URL(base_url).host not in LOOPBACK,
            )

        def face(url: str) -> Transport:
            sender = Sender(self._connections, url, self._tokens, debug=debug, clock=clock)
            pace = Pace(parallelism, clock=clock, sleep=sleep, budget=budget)
            return Transport(sender, pace, sleep=sleep, jitter=jitter)

        self._connections = Connections(client)
        self._tokens = Tokens(token, renew)
        self._graph = face(base_url)
        self._commerce = face(commerce_url) if commerce_url else None
        self._pool = ThreadPoolExecutor(max_workers=parallelism, thread_name_prefix="directory")
        self._patience = patience
        fresh: set[str] = set()
        self._observer = Observer(self._graph, self._commerce, fresh)
        settler = Settler(self._graph, patience)
        # Carrying out happens on the caller's threads; its looks are few, and stay there.
        self._writer = Writer(self._graph, self._commerce, self._observer.look, fresh, settler)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and threads."""
        self._pool.shutdown(cancel_futures=True)
        self._connections.close()

    def read(self, groups: Sequence[str] = (), fields: Collection[str] | None = None) -> Current:
        """Return the current state, complete. Raises DirectoryError where any part could not be read.

        Groups with licences are read, those that `groups` names by display name or id (what is no
        group's is passed over), and the groups that are members of these. `fields`: see reader.read.
        """
        current = reader.read(self._graph, self._commerce, self._pool, groups, fields)
        self._check_holders(current.role_assignments)
        return current

    def mailboxes(self, user_ids: Collection[str]) -> tuple[Mailbox, ...]:
        """Return what these users' mailboxes are for, at 20 users a request; see mailboxes.py.

        Who has none gets no row; a row without purpose means that it could not be read.
        """
        return mailboxes.read(self._graph, self._pool, user_ids)

    def sign_ins(self) -> Mapping[str, SignIn]:
        """Return when each user last signed in, by id: a pass of its own, in pages of 500.

        Raises DirectoryError("forbidden") where the tenant has no Entra ID P1, or may not tell.
        """
        return signins.read(self._graph)

    def audit(self, since: datetime) -> Audited:
        """Return the licences taken away since then, as the tenant's log tells it: at its own slow pace.

        Raises DirectoryError: "forbidden" where it may not be read.
        """
        return audit.read(self._graph, since)

    def mailbox_usage(self) -> Usage:
        """Return sizes and archives of mailboxes by the tenant's report. Raises DirectoryError."""
        return usage.read(self._graph)

    def identity(self) -> tuple[Organization, datetime]:
        """Return which tenant answers, and its clock in UTC: one light call."""
        return reader.identity(self._graph)

    def protections(self, groups: Sequence[str] = ()) -> tuple[tuple[RoleAssignment, ...], tuple[Group, ...]]:
        """Return what may protect users now: all role assignments, and the groups that are named.

        Raises DirectoryError where any part could not be read.
        """
        held, named = reader.protections(self._graph, self._pool, groups)
        self._check_holders(held)
        return held, named

    def actor(self) -> Actor:
        """Return who the token stands for, with the roles that hold in the whole tenant."""
        return whoami.actor(self._graph, claims.read(self._tokens.take()[0]))

    def _check_holders(self, held: Sequence[RoleAssignment]) -> None:
        """Raise DirectoryError("incomplete-read") where nobody is told to hold a role, and the actor does.

        A role that is not told protects its holder no more.
        """
        if not held and (actor := self.actor()).roles:
            message = f"it lists nobody, and {actor.name} is {actor.roles[0]}"
            raise DirectoryError("incomplete-read", url=reader.ROLES, pages=None, message=message)

    def write_snapshot(self, path: Path) -> None:
        """Read the current state and write it to a file, whole or not at all."""
        snapshot.write(self.read(), path)

    def observe(self, changes: Sequence[Change], ids: Mapping[str, str]) -> dict[str, dict[str, Any] | None]:
        """Return address → what the object of each change holds now, in the shape of plan.observed.

        None means that it could not be read; {} that there is no such user or group. `ids`: UPN → id
        of users created or restored in this run. Beside the "members" of a group stand their "upns".
        """
        seen = self._observer.look(changes, ids, self._pool.map)
        return {address: each.values for address, each in seen.items()}

    def watch(
        self,
        changes: Sequence[Change],
        ids: Mapping[str, str],
        holds: Holds,
        *,
        times: int = 1,
        go_on: Callable[[int], bool] = lambda _: True,
    ) -> dict[str, dict[str, Any]]:
        """Look at objects until each was `times` times in a row as `holds` wants it, within patience.

        Returns address → what was seen, of those that came so far. `go_on` is asked before each pause,
        with the number of those that are left. For the rest see `observe`.
        """
        return self._observer.watch(
            changes, ids, holds, times=times, patience=self._patience, go_on=go_on, spread=self._pool.map
        )

    def ready(self, count: int, stop: Callable[[], bool] = lambda: False) -> None:
        """Wait until so many writes may be sent, or `stop` says so: what is looked at then is fresh."""
        self._graph.pace.ready(count, stop)

    def carry_out(self, writes: Sequence[Write]) -> list[Outcome]:
        """Carry out at most 20 writes, each at most once, and return what became of each, in order.

        Never raises for one write's sake: a refusal is an outcome. See writer.py for lost answers.
        """
        return self._writer.carry_out(writes)
