"""Which option of a `one_of` does each user get?

Everybody begins with the first; who finds no seat for it, or may not have it, tries the next. Where
none is left it is the first again, and its seat is told as missing. Seats themselves are settled in
seats.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.plan import Conflict
    from reconciler.planning.drafts import Draft
    from reconciler.planning.licenses import Picks
    from reconciler.planning.seats import Settlement

_OF_THE_SKU = frozenset({"not-assignable", "restricted-location", "exclusive-plans"})


class Choices:
    """The options that users try: UPN → the number of the option of each choice."""

    def __init__(self) -> None:
        self.picks: dict[str, Picks] = {}
        self._stuck: set[tuple[str, int]] = set()

    def advance(
        self,
        drafts: Iterable[Draft],
        barred: Mapping[str, Sequence[Conflict]],
        settlement: Settlement,
    ) -> frozenset[str]:
        """Let whoever got nothing try the next option; return the UPNs of those who do."""
        moved = set()
        for draft in drafts:
            user = draft.change.user
            if user and draft.change.kind == "set-licenses" and draft.demand.choices:
                refused = set(settlement.short.get(draft.address, ()))
                parts = {
                    sku
                    for found in barred[draft.address]
                    if found.blocks and found.code in _OF_THE_SKU
                    for sku in (found.sku, *found.params.get("skus", ()))
                }
                refused |= {item.sku_id for item in draft.change.assign if item.sku in parts}
                if refused and self._next(user.upn, draft, refused):
                    moved.add(user.upn)
        return frozenset(moved)

    def _next(self, upn: str, draft: Draft, refused: set[str]) -> bool:
        picks = list(self.picks.get(upn, ())) or [0] * len(draft.demand.choices)
        given = {item.sku_id for item in draft.change.assign}
        excluded = {exclusion.sku_id for exclusion in draft.demand.exclusions}
        moved = False
        for number, choice in enumerate(draft.demand.choices):
            options = [option for option in choice.options if option.sku_id not in excluded]
            if not options or (upn, number) in self._stuck:
                continue
            if options[picks[number]].sku_id in given & refused:
                moved = True
                if picks[number] + 1 < len(options):
                    picks[number] += 1
                else:
                    picks[number] = 0
                    self._stuck.add((upn, number))
        self.picks[upn] = tuple(picks)
        return moved
