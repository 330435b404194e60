"""Who may take a seat, in which order, and who must wait for whom?

Abstract seat arithmetic: moves take and free seats of pools. It knows no users, roles or words.
Seats in use of a pool never exceed max(owned, in use before) at any point of any order that
respects `depends_on`; scarce seats go to the lower rank; nobody loses a seat for another's sake.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from typing import TYPE_CHECKING

from reconciler.model import Value
from reconciler.planning import ordering

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Move(Value, frozen=True, kw_only=True):
    """One change as the seats see it: a pool is named once for each seat. None takes and frees the same.

    `after` are keys of moves that must be done first; they stand earlier in rank. `buys` marks
    bought seats (in `frees`): they are used last, since buying may be left out.
    """

    key: str
    takes: tuple[str, ...] = ()
    frees: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    buys: bool = False


class Settlement(Value, frozen=True, kw_only=True):
    """Who goes when.

    `order` holds the keys of all moves that may be made; `depends_on` maps each to what must be done
    first. `short` maps a blocked move to the pools that lack a seat for it; `circles` maps one that
    trades seats in a circle to the keys of that circle; `waiting` maps one to the blocked moves that
    it waits for.
    """

    order: tuple[str, ...]
    depends_on: dict[str, tuple[str, ...]]
    short: dict[str, tuple[str, ...]]
    circles: dict[str, tuple[str, ...]]
    waiting: dict[str, tuple[str, ...]]


def settle(moves: Sequence[Move], available: Mapping[str, int]) -> Settlement:
    """Decide by totals to a fixpoint who may move, then find an order; repeat without who is stuck.

    `moves` stand in the order of rank. `available` seats per pool are negative where more are in use
    than owned. A blocked move frees nothing.
    """
    circles: dict[str, tuple[str, ...]] = {}
    barred: set[str] = set()
    while True:
        admitted = _admit([move for move in moves if move.key not in barred], available, barred)
        ordered = ordering.arrange([move for move in moves if move.key in admitted], available)
        made = {move.key for move in ordered}
        left = [move for move in moves if move.key in admitted and move.key not in made]
        if not left:
            break
        found = _circles(left)
        circles.update(found)
        barred.update(found or (move.key for move in left))
    # With the others done there may be room for whoever was barred.
    ordered += ordering.arrange([move for move in moves if move.key not in made], _after(ordered, available))
    made = {move.key for move in ordered}
    blocked = [move for move in moves if move.key not in made]
    seats = _after(ordered, available)
    empty = {
        move.key: tuple(sorted(pool for pool, count in ordering.needs(move.takes) if seats[pool] < count))
        for move in blocked
    }
    circles = {key: members for key, members in circles.items() if made.isdisjoint(members)}
    depends_on = _dependencies(ordered, available)
    return Settlement(
        order=_presented(ordered, depends_on),
        depends_on=depends_on,
        short={key: pools for key, pools in empty.items() if pools and key not in circles},
        circles=circles,
        waiting={
            move.key: tuple(sorted(set(move.after) - made)) for move in blocked if set(move.after) - made
        },
    )


def _after(ordered: Sequence[Move], available: Mapping[str, int]) -> Counter[str]:
    """Return the seats that are left in each pool once `ordered` is done."""
    seats = Counter(available)
    for move in ordered:
        seats.subtract(move.takes)
        seats.update(move.frees)
    return seats


def _admit(moves: Sequence[Move], available: Mapping[str, int], barred: set[str]) -> set[str]:
    """Return the keys of the moves that fit by totals.

    First everybody's freed seats count; who does not fit is out and frees nothing, until nothing
    changes. Then whoever was out for the sake of another that fell too gets a second chance.
    """
    everybody = {move.key for move in moves} | barred
    inside = {move.key for move in moves}
    while True:
        capacity = Counter(available)
        for move in moves:
            if move.key in inside:
                capacity.update(move.frees)
        used: Counter[str] = Counter()
        fitting: set[str] = set()
        for move in moves:
            if move.key in inside and _fits(move, capacity, used, everybody, fitting):
                used.update(move.takes)
                fitting.add(move.key)
        if fitting == inside:
            break
        inside = fitting
    while chance := next(
        (m for m in moves if m.key not in inside and _fits(m, capacity, used, everybody, inside)), None
    ):
        used.update(chance.takes)
        capacity.update(chance.frees)
        inside.add(chance.key)
    return inside


def _fits(
    move: Move,
    capacity: Mapping[str, int],
    used: Mapping[str, int],
    everybody: set[str],
    inside: set[str],
) -> bool:
    """Tell whether there is a seat in all for each take of `move`, and nothing first that is out."""
    enough = all(used[pool] + count <= capacity[pool] for pool, count in ordering.needs(move.takes))
    return enough and all(key in inside or key not in everybody for key in move.after)


def _circles(left: Sequence[Move]) -> dict[str, tuple[str, ...]]:
    """Return, for each move that waits for a seat which only its own would set free, its circle."""
    reach: dict[str, set[str]] = {}
    for move in left:
        for pool in move.takes:
            reach.setdefault(pool, set()).update(move.frees)
    changed = True
    while changed:
        before = {pool: set(pools) for pool, pools in reach.items()}
        for pools in reach.values():
            pools.update(*(reach.get(pool, ()) for pool in list(pools)))
        changed = before != reach
    found: dict[tuple[str, ...], list[str]] = {}
    for move in left:
        circle = {p for p in move.takes for q in move.frees if p in reach.get(q, ()) and p in reach[p]}
        if circle:
            loop = tuple(sorted(q for q in reach if any(q in reach[p] and p in reach[q] for p in circle)))
            found.setdefault(loop, []).append(move.key)
    return {key: tuple(keys) for keys in found.values() for key in keys}


def _dependencies(ordered: Sequence[Move], available: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Return for each move what must be done first: its own steps, and the seats that it takes over.

    Every take gets one seat of its own: a spare one while they last, else one that an earlier move
    frees. Where more seats are in use than owned, the first freed ones only make up for that, and
    every take waits for all of them.
    """
    present = {move.key for move in ordered}
    spare = {pool: max(0, seats) for pool, seats in available.items()}
    excess = {pool: max(0, -seats) for pool, seats in available.items()}
    repaid: dict[str, list[str]] = {}
    freed: dict[str, deque[str]] = {}
    depends_on = {}
    for move in ordered:
        first = set(move.after) & present
        for pool in move.takes:
            if spare.get(pool, 0) > 0:
                spare[pool] -= 1
            else:
                first.update(repaid.get(pool, ()))
                first.add(freed[pool].popleft())
        for pool in move.frees:
            if excess.get(pool, 0) > 0:
                excess[pool] -= 1
                repaid.setdefault(pool, []).append(move.key)
            else:
                freed.setdefault(pool, deque()).append(move.key)
        depends_on[move.key] = tuple(sorted(first))
    return depends_on


def _presented(ordered: Sequence[Move], depends_on: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the keys in the order in which people read and apply them.

    Steps without seats, frees that a take needs, swaps whose freed seat another needs, bought seats,
    takes, the other frees; always after what they depend on.
    """
    needed = {key for keys in depends_on.values() for key in keys}

    def place(move: Move) -> int:
        if move.buys:
            return 3
        if move.key in needed and move.frees:
            return 2 if move.takes else 1
        if move.takes:
            return 4
        return 5 if move.frees else 0

    followers: dict[str, list[str]] = {}
    for key, first in depends_on.items():
        for other in first:
            followers.setdefault(other, []).append(key)
    rank = {move.key: (place(move), position, move.key) for position, move in enumerate(ordered)}
    waiting = {key: len(first) for key, first in depends_on.items()}
    heap = [rank[key] for key, count in waiting.items() if not count]
    heapq.heapify(heap)
    shown = []
    while heap:
        key = heapq.heappop(heap)[2]
        shown.append(key)
        for other in followers.get(key, ()):
            waiting[other] -= 1
            if not waiting[other]:
                heapq.heappush(heap, rank[other])
    return tuple(shown)
