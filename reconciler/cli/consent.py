"""Does a person agree that the plan just shown is carried out?

Asks at the terminal, or refuses where nobody can be asked and no flag speaks for them. What the plan
would destroy is listed first, and the answer is then a number that only a reader of the list knows.
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from reconciler.cli import output
from reconciler.errors import RefusedError

if TYPE_CHECKING:
    from reconciler.apply import Losses
    from reconciler.plan import Plan


HANG = 7
"""Where the words of the list begin, and those that don't fit their line."""


def obtain(plan: Plan, lost: Losses, *, saved: bool, auto_approve: bool, accept_data_loss: bool) -> None:
    """Return if the plan may be carried out; raises RefusedError if not.

    `saved`: the plan came from a file, so somebody could review it before.
    """
    if auto_approve:
        if lost.count and not (saved or accept_data_loss):
            raise RefusedError("data-loss", users=lost.users, mailboxes=lost.mailboxes)
        return
    if not sys.stdin.isatty():
        raise RefusedError("no-terminal")
    if lost.count:
        _list(plan, lost)
        asked, wanted = "Type the number of users and mailboxes in this list to apply", str(lost.count)
    else:
        asked, wanted = 'Type "yes" to apply', "yes"
    if _ask(f"{asked}: ") != wanted:
        raise RefusedError("not-confirmed")


def _list(plan: Plan, lost: Losses) -> None:
    """List, by number, everybody whose account or mailbox would be lost, and until when it can be saved."""
    from reconciler.report.layout import MIN_WIDTH, Span, plain, wrap
    from reconciler.report.sanitize import clean

    names, days = _about_users(plan)
    width = max(MIN_WIDTH, shutil.get_terminal_size().columns)
    output.notice("\nThis would be lost:")
    losses = [(upn, "the user, with all data") for upn in lost.users]
    losses += [(upn, "the mailbox") for upn in lost.mailboxes]
    for number, (upn, what) in enumerate(losses, start=1):
        name = f" ({clean(names[upn])})" if names.get(upn) else ""
        until = f"; recoverable until {clean(min(days[upn]))}" if days.get(upn) else ""
        line = f"{number}. {clean(upn)}{name}: {what}{until}"
        indent = max(0, HANG - len(f"{number}. "))
        output.notice(plain(wrap([Span(line)], width, indent, HANG)).removesuffix("\n"))


def _about_users(plan: Plan) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return UPN → display name, and → the deadlines of what is lost, of members of groups as well."""
    names: dict[str, str] = {}
    days: dict[str, list[str]] = {}
    for change in plan.ready:
        users = (*((change.user,) if change.user else ()), *(member.user for member in change.members))
        names.update((user.upn, user.name) for user in users)
        for warning in change.warnings:
            upn = change.user.upn if change.user else warning.params.get("upn")
            if upn and warning.recoverable_until:
                days.setdefault(upn, []).append(warning.recoverable_until)
    return names, days


def _ask(question: str) -> str:
    """Return what was typed; nothing where the input ended."""
    output.notice("")
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
