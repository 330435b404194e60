"""What is said of what `undo` leaves as it is? One function per code, as in conflict_words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.phrases import Facts, Told

if TYPE_CHECKING:
    from collections.abc import Callable


def _changed_since(f: Facts) -> Told:
    return Told(
        f"{f.subject}: {f.text('what')} is no longer as run {f.text('run')} left it; it stays as it is now.",
        ("Look who changed it, and why. If it shall be as before that run, say so in tenant.yaml.",),
    )


_REASONS: dict[str, tuple[str, str]] = {
    "purged": (
        "the account is gone for good: it can be restored for 30 days after it was deleted",
        "Create the user anew in tenant.yaml; the data don't come back.",
    ),
    "user-gone": ("there is no such user any more", "Restore or create the user first, if that is wanted."),
    "user-deleted": (
        "somebody deleted the account since",
        "Restore it first (`restore` in tenant.yaml), and undo again.",
    ),
    "name-taken": (
        "somebody else has the name now under which the account would come back",
        "Rename that user, and undo again; or restore the other one in the Microsoft Entra admin center.",
    ),
    "unknown": (
        "nobody knows whether the account was created: the run was stopped while it was on its way",
        "Finish that run with `reconciler apply --resume`, and undo again.",
    ),
    "never-empty": (
        "it was empty before, and can be changed but never emptied",
        "Give it another value in tenant.yaml, if this one is wrong.",
    ),
    "mailbox-gone": (
        "the licence comes back with an empty mailbox: the old one was kept for 30 days",
        "Look for a copy elsewhere: an archive, a hold, a backup.",
    ),
    "group-gone": ("the group is no longer there", "Create it, and declare its licences and members."),
    "bought": (
        "seats that were bought are not given back here",
        "Reduce the subscription in the Microsoft 365 admin center, as far as its terms allow.",
    ),
    "renewal": ("renewal is a matter of money, and is not undone", "Set `auto_renew` in tenant.yaml."),
}
"""Reason → why something does not come back, and what to do."""


def _not_undone(f: Facts) -> Told:
    why, remedy = _REASONS.get(f.text("reason"), (f.text("reason"), "Look at the run with `history`."))
    field = f"{f.text('field')}: " if f.has("field") else ""
    who = f" (user {f.text('upn')})" if f.has("group") and f.has("upn") else ""
    return Told(f"{f.subject}{who} is not as before run {f.text('run')}: {field}{why}.", (remedy,))


UNDO: dict[str, Callable[[Facts], Told]] = {
    "changed-since": _changed_since,
    "not-undone": _not_undone,
}
"""Conflict code → what is said of it."""
