"""Does the tenant show what it accepted?

A read may come from a copy that does not know of a write yet. So at the end of a run its users are looked
at, all together, until each has shown the change several times in a row; within a bound, since a tenant
gives none. Nothing is written, and a change that the tenant shows late is no failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from reconciler.apply.expectation import shows

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.plan import Change

LOOKS = 2
"""Times in a row that a change has to be shown: the tenant answers from several copies of itself."""
AWAITED = ("set-group-licenses", "add-member", "remove-member")
"""Kinds of which the members were looked at until all of them showed it, when it was written."""
SHOWN = ("create-user", "restore-user", "update-user", "set-licenses", "delete-user")
"""Kinds that are looked at here."""


class Looked(NamedTuple):
    """What the tenant shows of what it accepted, and what not; the rest was not looked at."""

    shown: list[Change]
    late: list[Change]


class Watcher(Protocol):
    """What looking at objects needs of reconciler.directory.Directory."""

    def observe(
        self, changes: Sequence[Change], ids: Mapping[str, str]
    ) -> Mapping[str, Mapping[str, Any] | None]:
        """Read the objects of changes again."""

    def watch(
        self,
        changes: Sequence[Change],
        ids: Mapping[str, str],
        holds: Callable[[Change, Mapping[str, Any] | None], bool],
        *,
        times: int = 1,
        go_on: Callable[[int], bool],
    ) -> Mapping[str, Mapping[str, Any]]:
        """Look again and again, within a bound, and return what was seen where `holds` came true.

        Before each pause `go_on` is told how many are left, and says whether to go on.
        """


def confirm(
    written: Sequence[Change],
    directory: Watcher,
    ids: Mapping[str, str],
    *,
    on_wait: Callable[[int], None],
    stop: threading.Event,
) -> Looked:
    """Return which changes the tenant shows, and which not; none where `stop` ended the wait.

    `on_wait` is told once, where a wait begins, how many it is for.
    """
    gone = {change.user.upn for change in written if change.user and change.kind == "delete-user"}
    changes = [
        change
        for change in written
        if change.kind in SHOWN
        and change.user
        and (change.kind == "delete-user" or change.user.upn not in gone)
    ]
    awaited = [change for change in written if change.kind in AWAITED]
    if not changes or stop.is_set():
        return Looked(awaited, [])
    waits = 0

    def go_on(left: int) -> bool:
        nonlocal waits
        waits += 1
        if waits == 1:
            on_wait(left)
        return not stop.is_set()

    shown = directory.watch(changes, ids, shows, times=LOOKS, go_on=go_on)
    late = [] if stop.is_set() else [change for change in changes if change.address not in shown]
    return Looked([*awaited, *(change for change in changes if change.address in shown)], late)
