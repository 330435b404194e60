"""Which changes may be sent next?

Pure bookkeeping over `depends_on`: a change is offered once everything that it waits for is carried
out and nothing else is under way on its object; what was not carried out takes its dependents with
it. It sends nothing and knows no tenant.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.plan import Change


@dataclass(slots=True)
class _Busy:
    """An object on which something is under way: how much, whether alone, and what waits for its end."""

    alone: bool
    count: int = 0
    parked: list[int] = field(default_factory=list)


class Schedule:
    """The changes of a plan, by what they wait for; offered in the order of the plan."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = {change.address: change for change in changes}
        self._place = {address: place for place, address in enumerate(self._changes)}
        self._waits = {change.address: set(change.depends_on) for change in changes}
        self._dependents: dict[str, list[str]] = {}
        for change in changes:
            for address in change.depends_on:
                self._dependents.setdefault(address, []).append(change.address)
        self._ready = [self._place[address] for address, waits in self._waits.items() if not waits]
        self._addresses = tuple(self._changes)
        self._busy: dict[str, _Busy] = {}

    def change(self, address: str) -> Change:
        """Return the change at an address of the plan."""
        return self._changes[address]

    def take(self, limit: int) -> list[Change]:
        """Return up to `limit` changes that may be sent together, each on an object of its own.

        Changes of groups travel by themselves: their members are waited for, which is no one else's wait.
        """
        batch: list[Change] = []
        others: list[int] = []
        while self._ready and len(batch) < limit:
            place = heapq.heappop(self._ready)
            change = self._changes[self._addresses[place]]
            if change.address not in self._waits:
                continue
            busy = self._in_the_way(change)
            if batch and bool(change.group) != bool(batch[0].group):
                others.append(place)
            elif busy is None:
                for name, alone in _objects(change).items():
                    self._busy.setdefault(name, _Busy(alone)).count += 1
                del self._waits[change.address]
                batch.append(change)
            else:
                heapq.heappush(busy.parked, place)
        for place in others:
            heapq.heappush(self._ready, place)
        return batch

    def _in_the_way(self, change: Change) -> _Busy | None:
        """Return what is under way on an object of the change and does not go together with it."""
        for name, alone in _objects(change).items():
            busy = self._busy.get(name)
            if busy and (alone or busy.alone):
                return busy
        return None

    def settle(self, address: str, *, carried: bool) -> list[Change]:
        """Take note of how a change ended; return the dependents that it takes with it."""
        offered = self._waits.pop(address, None) is None
        for name in _objects(self._changes[address]) if offered else ():
            busy = self._busy[name]
            busy.count -= 1
            if not busy.count:
                for place in self._busy.pop(name).parked:
                    heapq.heappush(self._ready, place)
        if not carried:
            return self.drop(address)
        self._release(address)
        return []

    def pass_over(self, address: str) -> None:
        """Take note that a change was carried out before: it is never offered."""
        self._waits.pop(address, None)
        self._release(address)

    def _release(self, address: str) -> None:
        """Let what waits for a change that is done wait for it no longer."""
        for dependent in self._dependents.get(address, ()):
            waits = self._waits.get(dependent)
            if waits and address in waits:
                waits.remove(address)
                if not waits:
                    heapq.heappush(self._ready, self._place[dependent])

    def drop(self, address: str) -> list[Change]:
        """Never offer a change; return everything that waits for it, however far away, each once."""
        self._waits.pop(address, None)
        dropped: list[Change] = []
        stack = [address]
        while stack:
            for dependent in self._dependents.get(stack.pop(), ()):
                if self._waits.pop(dependent, None) is not None:
                    stack.append(dependent)
                    dropped.append(self._changes[dependent])
        return dropped

    def unknown(self) -> list[str]:
        """Return addresses that are waited for and are not in the plan, sorted."""
        return sorted(address for address in self._dependents if address not in self._changes)

    def left(self) -> list[Change]:
        """Return what was neither offered nor settled, in the order of the plan."""
        return [change for address, change in self._changes.items() if address in self._waits]


def _objects(change: Change) -> dict[str, bool]:
    """Return what the change writes to, and whether it must be alone there.

    Users come to a group and leave it beside each other, since the tenant keeps each membership by
    itself; the licences of a group stay as they are meanwhile.
    """
    if change.user:
        user = {f"users/{change.user.upn}": True}
        return user | {f"groups/{change.group.id}": False} if change.group else user
    if change.group:
        return {f"groups/{change.group.id}": True}
    return {f"subscriptions/{change.sku.sku_id}" if change.sku else change.address: True}
