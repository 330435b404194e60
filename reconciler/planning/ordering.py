"""In which order can seats change hands when there are not enough for everybody at once?

Only the search for an order; whether everybody's wishes add up is decided before, in seats.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.model import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.planning.seats import Move

BACKTRACKS = 5_000
"""Dead ends after which the longest order found so far is taken: always safe, maybe not the longest."""


def needs(takes: tuple[str, ...]) -> Iterable[tuple[str, int]]:
    """Return how many seats of each pool `takes` names."""
    return ((takes[0], 1),) if len(takes) == 1 else Counter(takes).items()


def arrange(moves: Sequence[Move], available: Mapping[str, int]) -> list[Move]:
    """Return as many of `moves` as can be made one after the other, in such an order.

    Bought seats are used only when the others can go no further.
    """
    seats = Counter(available)
    ordered: list[Move] = []
    rest = [move for move in moves if not move.buys]
    bought = [move for move in moves if move.buys]
    for buying in (False, True):
        if buying:
            for move in bought:
                seats.update(move.frees)
            ordered += bought
        for step in (_easy, _search):
            made = step(rest, seats)
            ordered += made
            keys = {move.key for move in made}
            rest = [move for move in rest if move.key not in keys]
    return ordered


def _easy(moves: Sequence[Move], seats: Counter[str]) -> list[Move]:
    """Make every move that can't stand in another's way, and return them; `seats` is updated.

    Such a move takes only from pools with a seat for everybody who still wants one.
    """
    demand = Counter(pool for move in moves for pool in move.takes)
    rest = list(moves)
    made: list[Move] = []
    while True:
        waiting = {move.key for move in rest}
        easy = []
        for move in rest:
            if all(demand[pool] <= seats[pool] for pool in move.takes) and waiting.isdisjoint(move.after):
                easy.append(move)
                waiting.discard(move.key)
        if not easy:
            return made
        for move in easy:
            seats.subtract(move.takes)
            seats.update(move.frees)
            demand.subtract(move.takes)
        made += easy
        done = {move.key for move in easy}
        rest = [move for move in rest if move.key not in done]


class _Kind(Value, frozen=True, kw_only=True):
    """Moves that are alike to the search: same takes, same frees, nothing else to wait for."""

    takes: tuple[str, ...]
    frees: tuple[str, ...]
    after: tuple[str, ...] = ()
    key: str = ""  # set only where another move waits for this very one


def _search(moves: Sequence[Move], seats: Counter[str]) -> list[Move]:
    """Return the longest order of `moves` that was found, depth first; `seats` is updated.

    A state is the number of moves left of each kind, small even for thousands of moves. Swaps whose
    freed seat somebody lacks are tried first, so that the first descent nearly always succeeds.
    """
    pending = {move.key for move in moves}
    awaited = {key for move in moves for key in move.after}
    kinds: dict[_Kind, list[Move]] = {}
    for move in moves:
        kind = _Kind(
            takes=tuple(sorted(move.takes)),
            frees=tuple(sorted(move.frees)),
            after=tuple(key for key in move.after if key in pending),
            key=move.key if move.key in awaited else "",
        )
        kinds.setdefault(kind, []).append(move)
    descent = _Descent({kind: len(kinds[kind]) for kind in _reachable(kinds, seats)}, seats)
    queues = {kind: iter(members) for kind, members in kinds.items()}
    ordered = [next(queues[kind]) for kind in descent.longest()]
    for move in ordered:
        seats.subtract(move.takes)
        seats.update(move.frees)
    return ordered


def _reachable(kinds: Mapping[_Kind, object], seats: Mapping[str, int]) -> list[_Kind]:
    """Return the kinds that could be made if no seat were ever used up: the others never can."""
    pools = {pool for pool, free in seats.items() if free > 0}
    rest, found = list(kinds), []
    while movable := [kind for kind in rest if pools.issuperset(kind.takes)]:
        found += movable
        rest = [kind for kind in rest if kind not in movable]
        for kind in movable:
            pools.update(kind.frees)
    return found


class _Descent:
    """A depth-first search for the longest order of kinds; its state is made and unmade in place."""

    def __init__(self, left: dict[_Kind, int], seats: Mapping[str, int]) -> None:
        self.left = left
        self.seats = Counter(seats)
        self.done: set[str] = set()
        self.path: list[_Kind] = []

    def longest(self) -> list[_Kind]:
        """Return the longest order found within the limit."""
        total, dead_ends = sum(self.left.values()), 0
        best: list[_Kind] = []
        seen: set[tuple[int, ...]] = set()
        choices: list[Iterator[_Kind]] = [iter(self._possible())]
        while choices and len(best) < total and dead_ends < BACKTRACKS:
            kind = next(choices[-1], None)
            if kind is None:
                choices.pop()
                if len(self.path) > len(best):
                    best = self.path.copy()
                dead_ends += 1
                if self.path:
                    self._step(self.path.pop(), -1)
                continue
            self._step(kind, 1)
            state = tuple(self.left.values())
            if state in seen:
                self._step(kind, -1)
                continue
            seen.add(state)
            self.path.append(kind)
            choices.append(iter(self._possible()))
        return best

    def _possible(self) -> list[_Kind]:
        """Return the kinds that can be made now, the most helpful first."""
        demand: Counter[str] = Counter()
        for kind, count in self.left.items():
            for pool in kind.takes:
                demand[pool] += count
        able = [
            kind
            for kind, count in self.left.items()
            if count
            and all(self.seats[pool] >= wanted for pool, wanted in needs(kind.takes))
            and self.done.issuperset(kind.after)
        ]
        return sorted(able, key=lambda kind: not any(demand[p] > self.seats[p] for p in kind.frees))

    def _step(self, kind: _Kind, sign: int) -> None:
        """Make (1) or unmake (-1) one move of `kind`."""
        self.left[kind] -= sign
        for pool in kind.takes:
            self.seats[pool] -= sign
        for pool in kind.frees:
            self.seats[pool] += sign
        if kind.key:
            (self.done.add if sign > 0 else self.done.discard)(kind.key)
