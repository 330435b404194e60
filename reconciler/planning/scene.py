"""Who and what is the plan about? The first half of planning, before any change is drafted.

Who each entry means, what declared groups come to, and what is asked of everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model import Value
from reconciler.plan import Conflict
from reconciler.planning import grouping, people
from reconciler.planning.grouping import Groups
from reconciler.planning.identity import Found, Meaning, Missing, Restorable, identify
from reconciler.planning.people import People

if TYPE_CHECKING:
    from reconciler.planning.context import Context


class Scene(Value, frozen=True, kw_only=True):
    """What a plan is about. `problems` are the conflicts of entries that mean nobody for certain."""

    meanings: tuple[Meaning, ...]
    problems: tuple[Conflict, ...]
    groups: Groups
    people: People


def of(context: Context) -> Scene:
    """Return the scene of a situation."""
    meanings, problems = identify(context)
    groups = grouping.resolve(
        context,
        coming=[meaning.entry.upn for meaning in meanings if isinstance(meaning, Missing)],
        going=[m.user.id for m in meanings if isinstance(m, Found) and not m.entry.present],
        returning={m.entry.upn: m.user for m in meanings if isinstance(m, Restorable)},
    )
    return Scene(
        meanings=tuple(meanings),
        problems=tuple(problems),
        groups=groups,
        people=people.of(context, meanings, groups),
    )
