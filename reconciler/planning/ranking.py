"""Who is asked first when seats are scarce, and which drafts take part at all?

Puts the drafts in their rank and hands them, as moves of seats, to seats.py.
"""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING

from reconciler.planning import seats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.plan import Conflict
    from reconciler.planning.context import Context
    from reconciler.planning.drafts import Draft
    from reconciler.planning.seats import Settlement


def settle(
    context: Context, drafts: Sequence[Draft], conflicts: Mapping[str, Sequence[Conflict]]
) -> Settlement:
    """Settle the seats of the drafts that nothing else bars; what follows a barred one is barred."""
    barred: set[str] = set()
    ranked = _ranked(drafts)
    for draft in ranked:
        if any(conflict.blocks for conflict in conflicts[draft.address]) or barred.intersection(draft.after):
            barred.add(draft.address)
    candidates = [draft for draft in ranked if draft.address not in barred]
    takes = Counter(pool for draft in candidates for pool in draft.takes)
    moves = [
        seats.Move(
            key=draft.address,
            takes=draft.takes,
            frees=draft.frees + _useful(context, draft, takes),
            after=draft.after,
            buys=draft.bought > 0,
        )
        for draft in candidates
    ]
    pools = {pool for move in moves for pool in (*move.takes, *move.frees)}
    return seats.settle(moves, {pool: context.assignable(pool) for pool in pools})


def _ranked(drafts: Sequence[Draft]) -> list[Draft]:
    """Return the drafts in the order in which seats are given: by priority, then by UPN.

    What a draft must follow stands before it; of drafts that wait for each other in a circle, none
    can ever be made, and they stand last.
    """

    def rank(place: int) -> tuple[int, str, int]:
        draft = drafts[place]
        user = draft.change.user
        return -draft.priority, f"users/{user.upn}" if user else draft.subject, place

    place_of = {draft.address: place for place, draft in enumerate(drafts)}
    waits = {
        place: {place_of[address] for address in draft.after if address in place_of}
        for place, draft in enumerate(drafts)
    }
    followers: dict[int, list[int]] = {}
    for place, first in waits.items():
        for other in first:
            followers.setdefault(other, []).append(place)
    heap = [rank(place) for place, first in waits.items() if not first]
    heapq.heapify(heap)
    ordered: list[Draft] = []
    while heap:
        place = heapq.heappop(heap)[2]
        ordered.append(drafts[place])
        for other in followers.get(place, ()):
            waits[other].discard(place)
            if not waits[other]:
                heapq.heappush(heap, rank(other))
    made = {draft.address for draft in ordered}
    return ordered + [draft for draft in drafts if draft.address not in made]


def _useful(context: Context, draft: Draft, takes: Mapping[str, int]) -> tuple[str, ...]:
    """Return the seats that a draft buys, as far as anybody could want them: one SKU id for each."""
    if not draft.change.sku:
        return ()
    pool = draft.change.sku.sku_id
    wanted = takes.get(pool, 0) + max(0, -context.assignable(pool))
    return (pool,) * min(draft.bought, wanted)
