"""What is left of a plan where the command line names targets?

A target is a UPN, an address, or the beginning of one; what a named change must follow stays too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.plan import Conflict
    from reconciler.planning.context import Context
    from reconciler.planning.drafts import Draft


def _wanted(context: Context) -> set[str]:
    return {target if "/" in target else f"users/{target}" for target in context.options.targets}


def _is_named(context: Context, address: str) -> bool:
    """Tell whether the targets, if there are any, name an address: whole, or its beginning."""
    wanted = _wanted(context)
    return not wanted or any(address == target or address.startswith(f"{target}/") for target in wanted)


def conflicts_of(context: Context, conflicts: Iterable[Conflict]) -> Iterator[Conflict]:
    """Return the conflicts about what the targets name."""
    return (conflict for conflict in conflicts if _is_named(context, conflict.subject))


def drafts_of(context: Context, drafts: list[Draft]) -> list[Draft]:
    """Keep what the targets name (a UPN, an address, or the beginning of one), and what comes before it."""
    wanted = _wanted(context)
    if not wanted:
        return drafts
    known = {f"users/{entry.upn}" for entry in context.desired.entries}
    known |= {f"users/{upn}" for upn in context.by_upn}
    known |= {f"subscriptions/{context.sku_ref(row.sku_id).sku}" for row in context.desired.subscriptions}
    known |= {f"groups/{group.name}" for group in context.current.groups}
    for target in sorted(wanted):
        if "/".join(target.split("/")[:2]) not in known:
            raise UsageError("unknown-target", target=target)
    by_address = {draft.address: draft for draft in drafts}
    chosen = {draft.address for draft in drafts if _is_named(context, draft.address)}
    stack = list(chosen)
    while stack:
        first = [address for address in by_address[stack.pop()].after if address not in chosen]
        chosen.update(first)
        stack += [address for address in first if address in by_address]
    return [draft for draft in drafts if draft.address in chosen]
