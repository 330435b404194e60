"""In which order do the changes of one user's licences come, direct ones and those through groups?

What gives something stands before what takes it from elsewhere, so that no service has a gap and no
licence takes two seats; changes that have nothing to do with each other do not wait for each other.
It decides for one user and knows no seats of others.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from msgspec.structs import replace

from reconciler.model import Assignment, Value
from reconciler.planning.context import held, replaced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.planning.context import Context
    from reconciler.planning.grouping import Step

    Holdings = tuple[Assignment, ...]

_RANK = {"licences": 0, "join": 1, "direct": 2, "leave": 3}


class Move(Value, frozen=True, kw_only=True):
    """One change of a user's licences: the rows of one source, before and after."""

    address: str
    kind: str
    source: str | None  # a group's id, or None for direct ones
    was: tuple[Assignment, ...]
    will: tuple[Assignment, ...]

    def applied(self, assignments: Holdings) -> Holdings:
        """Return the user's assignments once the change is made."""
        return replaced(assignments, self.source, self.will)


class Placed(Value, frozen=True, kw_only=True):
    """A change in its place.

    `after` are addresses of changes that it must follow, `expected` the assignments when these are
    made and none else; `was` and `will` those around it when all are made in order. `whole` is what
    the user holds before all of them, for a change with which something goes that isn't there in the
    end; else None.
    """

    move: Move
    after: tuple[str, ...]
    expected: tuple[Assignment, ...]
    was: tuple[Assignment, ...]
    will: tuple[Assignment, ...]
    whole: tuple[Assignment, ...] | None


def of_step(step: Step, assignments: Holdings) -> Move:
    """Return a group's step as a change of one user's licences."""
    rows = tuple(a for a in assignments if a.assigned_by == step.group.id)
    return Move(address=step.address, kind=step.kind, source=step.group.id, was=rows, will=step.gives)


def of_direct(address: str, assignments: Holdings, will: Holdings) -> Move:
    """Return what a user's direct licences become."""
    return Move(
        address=address,
        kind="direct",
        source=None,
        was=tuple(a for a in assignments if a.assigned_by is None),
        will=tuple(a for a in will if a.assigned_by is None),
    )


def arrange(context: Context, assignments: Holdings, moves: Sequence[Move]) -> tuple[Placed, ...]:
    """Return the changes in order, each with what it must follow."""
    ordered = _chained(sorted(moves, key=lambda move: (_RANK[move.kind], move.address)))
    first: dict[str, set[str]] = {move.address: set() for move in ordered}
    for early, late in combinations(ordered, 2):
        if _supports(context, early, late) or not (_supports(context, late, early) or _apart(early, late)):
            first[late.address].add(early.address)
        elif _supports(context, late, early):
            first[early.address].add(late.address)
    return _placed(context, assignments, _sorted(ordered, first), first)


def _chained(ordered: Sequence[Move]) -> list[Move]:
    """Return the moves so that whoever leaves a group loses what it gives by then, not what it gave."""
    left: dict[str | None, tuple[Assignment, ...]] = {}
    found = []
    for move in ordered:
        found.append(replace(move, was=left.get(move.source, move.was)))
        left[move.source] = move.will
    return found


def _supports(context: Context, giver: Move, taker: Move) -> bool:
    """Tell whether one change gives what another takes: a SKU, a service plan, or a service."""
    given, taken = _plans(context, giver, gained=True), _plans(context, taker, gained=False)
    services = context.catalog.held
    return bool(
        given & taken
        or services(given) & services(taken)
        or (held(giver.will) - held(giver.was)) & (held(taker.was) - held(taker.will))
    )


def _plans(context: Context, move: Move, *, gained: bool) -> frozenset[str]:
    before, after = context.enabled_plans(move.was), context.enabled_plans(move.will)
    return after - before if gained else before - after


def _apart(early: Move, late: Move) -> bool:
    """Tell whether two changes have no SKU in common and are not of one group."""
    skus = [{*held(move.was)} ^ {*held(move.will)} for move in (early, late)]
    return early.source != late.source and skus[0].isdisjoint(skus[1])


def _sorted(moves: Sequence[Move], first: dict[str, set[str]]) -> list[Move]:
    """Return the moves so that each follows what it must; a circle is cut at its earliest move."""
    rest, done = list(moves), list[Move]()
    while rest:
        waiting = {move.address for move in rest}
        able = next((move for move in rest if first[move.address].isdisjoint(waiting)), rest[0])
        first[able.address] -= waiting
        rest.remove(able)
        done.append(able)
    return done


def _placed(
    context: Context, assignments: Holdings, ordered: Sequence[Move], first: dict[str, set[str]]
) -> tuple[Placed, ...]:
    states = [assignments]
    for move in ordered:
        states.append(move.applied(states[-1]))
    things = [context.enabled_plans(state) | held(state) for state in states]
    return tuple(
        Placed(
            move=move,
            after=tuple(sorted(first[move.address])),
            expected=_followed(assignments, ordered, _all_first(move.address, first)),
            was=states[place],
            will=states[place + 1],
            whole=assignments if things[place] - things[place + 1] - things[-1] else None,
        )
        for place, move in enumerate(ordered)
    )


def _all_first(address: str, first: dict[str, set[str]]) -> set[str]:
    """Return the addresses of everything that must be made before, however far away."""
    found: set[str] = set()
    stack = [address]
    while stack:
        new = first[stack.pop()] - found
        found |= new
        stack += new
    return found


def _followed(assignments: Holdings, ordered: Sequence[Move], done: set[str]) -> Holdings:
    for move in ordered:
        if move.address in done:
            assignments = move.applied(assignments)
    return assignments
