"""What may a run itself have moved when a change's turn comes?

A plan's `before` is what is expected after everything in `depends_on`. What changes of groups, and a user's
own change of direct licences, bring about that nothing orders before or after this one may or may not be
there yet: it is left out of the comparison, on both sides, and nothing else is. Pure: it reads the plan and
no tenant.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.plan import Change

NOBODY: frozenset[str] = frozenset()


class Apart(NamedTuple):
    """What is not compared: licences from these groups (None: direct ones), these members of a group."""

    groups: frozenset[str | None] = frozenset()
    users: frozenset[str] = NOBODY

    def less(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is compared of an object's values, expected or seen."""
        kept = dict(values)
        if self.groups and "assignments" in kept:
            rows = kept["assignments"] or ()
            kept["assignments"] = [row for row in rows if row.get("assigned_by") not in self.groups]
        if self.users and "members" in kept:
            members = kept["members"].items()
            kept["members"] = {user: digest for user, digest in members if user not in self.users}
        return kept

    def of(self, change: Change) -> Change:
        """Return a change that expects no more than is compared."""
        return msgspec.structs.replace(change, before=self.less(change.before), after=self.less(change.after))


class Turns:
    """The ready changes of a plan, and which of its groups' changes are ordered against them."""

    def __init__(self, changes: Sequence[Change]) -> None:
        ready = [change for change in changes if change.ready]
        groups = [change for change in ready if change.group]
        members = {change.user.upn for change in groups if change.user}
        direct = [
            change
            for change in ready
            if change.kind == "set-licenses" and change.user and change.user.upn in members
        ]
        self._licences = [change for change in groups if change.user is None]
        self._members: dict[str, list[Change]] = {}
        for change in (*groups, *direct):
            if change.user:
                self._members.setdefault(change.user.upn, []).append(change)
        self._touched = frozenset(change.user.id for change in ready if change.user and change.user.id)
        self._bits = {change.address: 1 << place for place, change in enumerate((*groups, *direct))}
        waits = {change.address: set(change.depends_on) for change in ready} if groups else {}
        followers: dict[str, set[str]] = {address: set() for address in waits}
        for address, targets in waits.items():
            for target in targets & waits.keys():
                followers[target].add(address)
        self._waits = _reached(waits, followers, self._bits)
        self._followers = _reached(followers, waits, self._bits)

    def apart(self, change: Change, new: Iterable[str] = ()) -> Apart:
        """Return what is not compared for a change; `new` are ids of users whom this run made."""
        if change.user is None:
            if change.group is None:
                return Apart()
            # A member's fingerprint is that of before the run, whatever else comes to the member first.
            moving = [each for each in self._licences if each is not change and not self._after(change, each)]
            theirs = frozenset(user for each in moving for user in each.before.get("members", ()))
            return Apart(users=self._touched | theirs | frozenset(new))
        rivals = (*self._licences, *self._members.get(change.user.upn, ()))
        return Apart(
            groups=frozenset(
                each.group.id if each.group else None
                for each in rivals
                if each is not change and not self._ordered(change, each)
            )
        )

    def _after(self, change: Change, other: Change) -> bool:
        """Tell whether another change comes after this one in every order."""
        return bool(self._followers.get(change.address, 0) & self._bits[other.address])

    def _ordered(self, change: Change, other: Change) -> bool:
        """Tell whether one of two changes comes before the other in every order."""
        first = self._waits.get(change.address, 0) & self._bits[other.address]
        return bool(first) or self._after(change, other)


def _reached(
    edges: Mapping[str, set[str]], back: Mapping[str, set[str]], bits: Mapping[str, int]
) -> dict[str, int]:
    """Return address → the bits of all that its edges lead to; what runs in a circle leads nowhere."""
    masks = dict.fromkeys(edges, 0)
    missing = {address: len(targets & edges.keys()) for address, targets in edges.items()}
    done = deque(address for address, count in missing.items() if not count)
    while done:
        address = done.popleft()
        passed = masks[address] | bits.get(address, 0)
        for source in back[address] & edges.keys():
            masks[source] |= passed
            missing[source] -= 1
            if not missing[source]:
                done.append(source)
    return masks
