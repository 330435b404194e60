"""What is the sandbox? A Microsoft 365 tenant in one file, behind the same API as the real one.

The entry points. `home` is the folder that holds the tenant (`.reconciler/`). Nothing outside this
package knows how the tenant is stored, and nothing in here knows of desired states or plans.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler import catalog
from reconciler.errors import UsageError
from reconciler.sandbox import clock as clocks
from reconciler.sandbox import demo, lifecycle, loading, processing
from reconciler.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path
    from typing import Any
    from wsgiref.types import WSGIApplication

    from reconciler.sandbox.clock import Clock
    from reconciler.sandbox.faults import Faults
    from reconciler.sandbox.resources import Snapshot

__all__ = ["advance", "app", "check_writable", "exists", "load", "reset", "serve"]


def exists(home: Path) -> bool:
    """Tell whether there is a tenant. Raises UsageError("bad-sandbox") for a file that is none."""
    return Store(home, clocks.system).ready()


def check_writable(home: Path) -> None:
    """Return if the tenant can be changed; raises UsageError("sandbox-unwritable"), or another, if not."""
    with Store(home, clocks.system).writing() as db:
        # SQLite takes BEGIN IMMEDIATE on a file that can't be written, and only then refuses.
        db.execute("UPDATE tenant SET value = value WHERE key = 'offset'")


def reset(home: Path, *, clock: Clock = clocks.system) -> None:
    """Put the demo tenant in place of whatever is there; its dates count from now."""
    _replace(home, demo.snapshot(clock()), clock)


def load(home: Path, snapshot: Path, *, clock: Clock = clocks.system) -> None:
    """Put a snapshot's state in place of whatever is there; the clock is real time again.

    Raises UsageError("bad-snapshot"), and leaves the tenant as it was, where the file is no snapshot.
    """
    _replace(home, loading.read(snapshot), clock)


def advance(home: Path, days: int, *, clock: Clock = clocks.system) -> datetime:
    """Move the tenant's clock on and make happen what is due; return the tenant's new time in UTC."""
    if days < 0:
        raise UsageError("clock-backwards", days=days)
    store = Store(home, clock)
    with store.writing() as db:
        before = store.now(db)
        db.execute(
            "UPDATE tenant SET value = CAST(value AS INTEGER) + ? WHERE key = 'offset'",
            (int(timedelta(days=days).total_seconds()),),
        )
        after = store.now(db)
        processing.settle(db, after)
        lifecycle.move(db, before, after)
    return after


def app(
    home: Path,
    *,
    clock: Clock = clocks.system,
    group_delay: timedelta = timedelta(0),
    faults: Faults | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> WSGIApplication:
    """Return the tenant as a WSGI application: Graph below /v1.0, commerce below /commerce/v1.

    `group_delay`, by the tenant's clock, is how long a change of a group takes to reach its members. At
    zero the next request sees it done. With `faults` the application is a faults.layer.Layer, and
    `sleep` is how time passes in it; where it breaks connections, faults.wire.Wire is the way to it.
    """
    from reconciler.sandbox.face import Face  # noqa: PLC0415  Werkzeug: only where HTTP is spoken

    if faults is None:
        return Face(home, clock, group_delay)
    from reconciler.sandbox.faults.layer import Layer  # noqa: PLC0415  as above
    from reconciler.sandbox.faults.replicas import Copies  # noqa: PLC0415  as above

    delay = max(group_delay, timedelta(seconds=faults.group_delay))
    copies = Copies(home, lambda copy: Face(copy, clock, delay))
    return Layer(Face(home, clock, delay), faults, clock=clock, copy=copies.make, sleep=sleep)


def serve(
    home: Path,
    port: int,
    *,
    on_ready: Callable[[str], Any],
    clock: Clock = clocks.system,
    faults: Faults | None = None,
) -> None:
    """Serve the tenant on 127.0.0.1 until interrupted; `on_ready` gets the server's URL.

    Raises UsageError("port-in-use").
    """
    from reconciler.sandbox import server  # noqa: PLC0415  as in app

    server.run(app(home, clock=clock, faults=faults), port, on_ready)


def _replace(home: Path, snapshot: Snapshot, clock: Clock) -> None:
    store = Store(home, clock)
    store.clear_way()
    try:
        _fill(store, snapshot, clock())
    except UsageError as error:
        if error.code != "bad-sandbox":
            raise
        store.discard()  # damage that only shows when the old tables are thrown away
        _fill(store, snapshot, clock())


def _fill(store: Store, snapshot: Snapshot, now: datetime) -> None:
    facts = catalog.load()
    with store.writing() as db:
        store.empty(db)
        loading.fill(db, snapshot, facts, now)
