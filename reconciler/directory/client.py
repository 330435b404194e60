"""The one door to a tenant: read it, look at some objects, carry changes out.

Puts the parts together and owns the connections and threads. What each part promises stands there.
"""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import httpx

from reconciler.directory import mailboxes, reader, snapshot
from reconciler.directory.observer import Observer
from reconciler.directory.settling import PATIENCE, Settler
from reconciler.directory.transport import Transport
from reconciler.directory.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from reconciler.directory.outcome import Outcome, Write
    from reconciler.model import Actor, Current, Group, Mailbox, Organization, RoleAssignment
    from reconciler.plan import Change

_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Directory:
    """A tenant behind Microsoft Graph (and, where it has one, a commerce API).

    `token` is called for every request, so it may be renewed on the way. Use it as a context
    manager. Safe to use from several threads. Every error is a DirectoryError. `patience` bounds in
    seconds how long the members of a changed group are waited for.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: Callable[[], str],
        transport: httpx.BaseTransport | None = None,
        commerce_url: str | None = None,
        parallelism: int = 8,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        patience: float = PATIENCE,
    ) -> None:
        self._client = httpx.Client(
            transport=transport,
            timeout=_TIMEOUT,
            follow_redirects=False,
            # A tenant on this machine (the sandbox, served) is never reached through a proxy.
            trust_env=httpx.URL(base_url).host not in _LOOPBACK,
        )
        self._graph = Transport(self._client, base_url, token, sleep=sleep, jitter=jitter)
        self._commerce = (
            Transport(self._client, commerce_url, token, sleep=sleep, jitter=jitter) if commerce_url else None
        )
        self._pool = ThreadPoolExecutor(max_workers=parallelism, thread_name_prefix="directory")
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
        self._client.close()

    def read(self, groups: Sequence[str] = (), fields: Collection[str] | None = None) -> Current:
        """Return the current state, complete. Raises DirectoryError where any part could not be read.

        Groups with licences are read, those that `groups` names by display name or id (what is no
        group's is passed over), and the groups that are members of these. `fields`: see reader.read.
        """
        return reader.read(self._graph, self._commerce, self._pool, groups, fields)

    def mailboxes(self, user_ids: Collection[str]) -> tuple[Mailbox, ...]:
        """Return what these users' mailboxes are for, at 20 users a request; see mailboxes.py.

        Who has none gets no row; a row without purpose means that it could not be read.
        """
        return mailboxes.read(self._graph, self._pool, user_ids)

    def identity(self) -> tuple[Organization, datetime]:
        """Return which tenant answers, and its clock in UTC: one light call."""
        return reader.identity(self._graph)

    def protections(self, groups: Sequence[str] = ()) -> tuple[tuple[RoleAssignment, ...], tuple[Group, ...]]:
        """Return what may protect users now: all role assignments, and the groups that are named."""
        return reader.protections(self._graph, self._pool, groups)

    def actor(self) -> Actor:
        """Return who the token stands for, with the roles that hold in the whole tenant."""
        return reader.actor(self._graph)

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

    def carry_out(self, writes: Sequence[Write]) -> list[Outcome]:
        """Carry out at most 20 writes, each at most once, and return what became of each, in order.

        Never raises for one write's sake: a refusal is an outcome. See writer.py for lost answers.
        """
        return self._writer.carry_out(writes)
