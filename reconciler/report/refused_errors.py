"""What is said where apply refused before any write?

Every sentence says that nothing was written, and what lets the run through. One function per code,
one table at the end; to add a code, copy the nearest function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report import journal_errors, looking_errors, messages, saved_errors, trusted_errors
from reconciler.report.phrases import Facts, count, listing
from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler import plan as plans
    from reconciler.errors import RefusedError

MAX_LISTED = 10
"""So many blocked changes are named; the plan shows all of them."""


def _planned_elsewhere(f: Facts) -> str:
    return (
        f"the plan is for {f.text('domain')} ({f.text('planned_provider')} tenant {f.text('planned')}), "
        f"and this is the {f.text('live_provider')} tenant {f.text('live')}. Nothing was written."
    )


def _allow_not_repeated(f: Facts) -> str:
    flags = " ".join(f"--allow {name}" for name in f.names("allow"))
    return (
        f"the plan was made with {flags}, and apply must be told so too. Nothing was written. "
        f"If it is meant, add `{flags}`."
    )


def _data_loss(f: Facts) -> str:
    lost = [
        *([f"users to be deleted: {listing(f.names('users'))}"] if f.has("users") else []),
        *([f"mailboxes to be lost: {listing(f.names('mailboxes'))}"] if f.has("mailboxes") else []),
    ]
    return (
        f"the plan destroys data and nobody has reviewed it ({'; '.join(lost)}). Nothing was written. "
        "Review it with `reconciler plan --out plan.json` and apply that file, or add `--accept-data-loss`."
    )


def _no_terminal(_: Facts) -> str:
    return (
        "there is no terminal to ask for consent on. Nothing was written. "
        "Add `--auto-approve` where the plan has been reviewed."
    )


def _not_confirmed(_: Facts) -> str:
    return "not confirmed. Nothing was written."


REFUSED: dict[str, Callable[[Facts], str]] = {
    "allow-not-repeated": _allow_not_repeated,
    "data-loss": _data_loss,
    "no-terminal": _no_terminal,
    "not-confirmed": _not_confirmed,
    "wrong-tenant": _planned_elsewhere,
    **journal_errors.REFUSED,
    **looking_errors.REFUSED,
    **saved_errors.REFUSED,
    **trusted_errors.REFUSED,
}
"""Code of a RefusedError → what is said of it."""


def _guardrail(error: RefusedError) -> str:
    lines = [f"  {clean(of.code)}: {messages.refusal(of)}" for of in error.params["refusals"]]
    return "\n".join(["refused by guard rails, so nothing was written:", *lines])


def _blocked_changes(error: RefusedError) -> str:
    changes = error.params["changes"]
    missing = messages.may_not(error.params["actor"], changes)
    # Those that only the actor's roles stand against are told by that one sentence.
    named = [change for change in changes if not messages.lacks_role_only(change)]
    lines = [f"  {clean(change.address)}: {_why_blocked(change)}" for change in named[:MAX_LISTED]]
    if len(named) > MAX_LISTED:
        lines.append(f"  and {len(named) - MAX_LISTED:,} more, marked as blocked in the plan")
    head = f"{count(len(changes), 'change')} can't be applied, so nothing was written:"
    others = error.params["others"]
    tail = "Apply the others with `--partial`." if others else "Nothing else is left to apply."
    return "\n".join([head, *([f"  {missing}"] if missing else []), *lines, tail])


def _why_blocked(change: plans.Change) -> str:
    return listing([clean(reason) for reason in change.blocked_by])


REFUSED_WITH_STRUCTS: dict[str, Callable[[RefusedError], str]] = {
    "blocked-changes": _blocked_changes,
    "guardrail": _guardrail,
}
"""Code of a RefusedError whose params hold structs of a plan → what is said of it."""
