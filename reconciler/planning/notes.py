"""What must a reviewer know besides what changes? The `options` of a plan.

What the command line added, and what the desired state says without changing anything: nothing here
blocks or refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.planning import guardrails, mailboxes
from reconciler.planning.context import held

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.planning.context import Context
    from reconciler.planning.people import Person


def options(
    context: Context, persons: Iterable[Person], kept: dict[str, int], *, unchecked: bool
) -> dict[str, Any]:
    """Return what the command line added, and what the desired state says without changing anything.

    `unchecked`: unlisted users lose licences, and nobody told which of them are shared accounts.
    """
    shown: dict[str, Any] = {
        "allow": list(context.options.allow),
        "targets": list(context.options.targets),
        "use_grace": context.options.use_grace,
    }
    if context.desired.unlisted_users == "revoke":
        shown["unlisted_kept"] = kept
    if unchecked:
        shown["mailboxes_unknown"] = True
    own = list(_self_bought(context, persons))
    if own:
        shown["self_service_kept"] = own
    if context.desired.mailboxes:
        shown["mailboxes_told"] = mailboxes.told(context)
    nobody = guardrails.protect_nobody(context)
    if nobody:
        shown["protects_nobody"] = nobody
    fewer = [
        {"sku": ref.sku, "declared": row.seats, "owned": context.sku(row.sku_id).enabled}
        for row in context.desired.subscriptions
        for ref in (context.sku_ref(row.sku_id),)
        if row.seats is not None and row.seats < context.sku(row.sku_id).enabled
    ]
    if fewer:
        shown["fewer_seats_declared"] = fewer
    return shown


def _self_bought(context: Context, persons: Iterable[Person]) -> Iterator[dict[str, str]]:
    """Yield each licence that its user bought and that is not to be held: shown, never planned."""
    bought = {sku_id for sku_id in context.subscriptions if context.self_service(sku_id)}
    for person in persons if bought else ():
        if person.user is None or (person.entry and not person.entry.present):
            continue
        unwanted = {exclusion.sku_id for exclusion in person.demand.exclusions}
        if person.demand.replaces:
            unwanted |= bought - {grant.sku_id for grant in person.demand.grants}
        for sku_id in sorted(bought & unwanted & held(person.user.assignments)):
            yield {"upn": person.upn, "sku": context.sku(sku_id).part_number}
