"""Does an object still hold what the plan expects of it, and if not, what moved?

Pure. It compares what was read just before a write with the plan; it never repairs, and never
decides what to write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.plan import Change

Verdict = Literal["write", "already", "moved"]
MOST_MEMBERS = 20
"""Members of a group whose moves are told one by one."""

_LISTS = ("assignments", "members")
Moved = dict[str, Any]


def carried(change: Change) -> dict[str, Any]:
    """Return what a change that was carried out brings to the other changes of its user.

    Never licences: each change's `before` tells those that are expected when its turn comes.
    """
    return {key: value for key, value in change.after.items() if key not in ("assignments", "member")}


def alone(change: Change, carried: Mapping[str, Any]) -> Change:
    """Return the change as this one write is to be judged, given what this run did to the user so far.

    A plan's `after` of set-licenses also holds what other changes of that user bring (a usage
    location, say); a write answers only for its own part.
    """
    before = {key: carried.get(key, value) for key, value in change.before.items()}
    after = change.after
    if change.kind == "set-licenses":
        after = {**before, "assignments": after.get("assignments")}
    return msgspec.structs.replace(change, before=before, after=after)


def judge(change: Change, seen: Mapping[str, Any]) -> Verdict:
    """Tell whether to write, whether the wanted state is there already, or whether something moved.

    An empty `before` (create-user) expects that there is nothing.
    """
    want = change.before
    if _holds(seen, want) if want else not seen:
        return "write"
    goal = {key: value for key, value in change.after.items() if key not in want or want[key] != value}
    return "already" if goal and _holds(seen, goal) else "moved"


def shows(change: Change, seen: Mapping[str, Any] | None) -> bool:
    """Tell whether an object shows what a change brought that was carried out.

    Its own part alone: what a user inherits comes from groups, and may move meanwhile.
    """
    if seen is None:
        return False
    before, seen = _own(change.before), _own(seen)
    goal = {key: value for key, value in _own(change.after).items() if before.get(key, ...) != value}
    return _holds(seen, goal)


def _own(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state without inherited licences."""
    own = dict(state)
    if "assignments" in own:
        own["assignments"] = [row for row in own["assignments"] or () if not row.get("assigned_by")]
    return own


def _holds(seen: Mapping[str, Any], want: Mapping[str, Any]) -> bool:
    known = _told(want)
    return all(key in seen and _plain(key, seen[key]) == _plain(key, known[key]) for key in known)


def _told(want: Mapping[str, Any]) -> dict[str, Any]:
    """Return what can be expected of an object: an account is on or off, so None was never its state.

    It means that the source of the plan (a snapshot without `accountEnabled`) did not tell.
    """
    return {key: value for key, value in want.items() if key != "enabled" or value is not None}


def moved(
    want: Mapping[str, Any], seen: Mapping[str, Any], names: Mapping[str, str] | None = None
) -> list[Moved]:
    """Return deepdiff's account of what differs, sorted by path: path, expected, found.

    Assignments are compared by SKU and source, not by position; their values are the plans that are
    off, and None where the licence is not there. Where something was expected, what nobody expected
    anything of is not told. Members of a group are told by `names` (id → UPN), twenty of them and then
    the number of the others; their values are fingerprints of their licences, None for no member.
    """
    from deepdiff import DeepDiff  # noqa: PLC0415  a tenth of a second that only a stale change costs

    known = _told(want)
    left = {key: _plain(key, value) for key, value in known.items()}
    right = {key: _plain(key, value) for key, value in seen.items() if key in (known or seen)}
    # Without the threshold, states that share little are told as one difference without a path.
    differences = DeepDiff(left, right, view="tree", threshold_to_diff_deeper=0)
    places = {
        _place(difference.path(output_format="list"))
        for group in differences.values()
        for difference in group
    }
    fields = [_move(left, right, place) for place in sorted(places) if place[0] != "members"]
    members = [place for place in places if place[0] == "members"]
    return [*fields, *_members_moved(left, right, members, names or {})]


def _move(left: Mapping[str, Any], right: Mapping[str, Any], place: tuple[str, ...]) -> Moved:
    return {"path": list(place), "expected": _at(left, place), "found": _at(right, place)}


def _members_moved(
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    places: Iterable[tuple[str, ...]],
    names: Mapping[str, str],
) -> Iterator[Moved]:
    """Yield the moves of a group's members by name, and the number of those beyond the first."""
    named = sorted((names.get(place[-1], place[-1]), place) for place in places)
    for name, place in named[:MOST_MEMBERS]:
        yield {**_move(left, right, place), "path": ["members", name]}
    if len(named) > MOST_MEMBERS:
        yield {"path": ["members"], "expected": None, "found": len(named) - MOST_MEMBERS}


def _place(path: list[Any]) -> tuple[str, ...]:
    """Return a field, a licence or a member: no finer part tells a reader anything."""
    return tuple(path[:2] if path[0] in _LISTS else path[:1])


def _at(state: Mapping[str, Any], place: tuple[str, ...]) -> object:
    value: Any = state
    for step in place:
        value = (value or {}).get(step)
    return value


def _plain(key: str, value: object) -> object:
    """Return a value in a shape in which equal means the same: assignments by SKU and source."""
    if key != "assignments" or not isinstance(value, (list, tuple)):
        return value
    return {
        one["sku_id"] + (f" by {one['assigned_by']}" if one.get("assigned_by") else ""): sorted(
            one["disabled_plans"]
        )
        for one in value
    }
