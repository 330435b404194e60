"""How is what came of a change told to people?

Sentences for the statuses and codes of apply's results, the same for a run that just ended and for
one in the journal. Words only; everything taken from a tenant is cleaned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.report.assignment_errors import meaning_of
from reconciler.report.phrases import Facts, count, listing, role_names, sample
from reconciler.report.sanitize import clean
from reconciler.report.write_errors import WRITE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STATUSES: dict[str, tuple[str, str]] = {
    "done": ("done", "green"),
    "already-done": ("already done", "green"),
    "failed": ("failed", "red"),
    "stale": ("stale", "yellow"),
    "skipped": ("skipped", "yellow"),
    "left-out": ("left out", "yellow"),
    "unknown": ("unknown", "red"),
    "unsettled": ("unsettled", "red"),
    "blocked": ("blocked", "yellow"),
}
"""Status → what is shown, and its colour; in the order in which they are counted."""

_ENDED: dict[str, str] = {
    "failed": "which failed",
    "stale": "which is stale",
    "skipped": "which was skipped",
    "left-out": "which was left out",
    "unknown": "whose outcome is unknown",
    "unsettled": "which is unsettled",
    "blocked": "which is blocked",
    "missing": "which is not in the plan",
}

_CODES: dict[str, str] = {
    "password-not-kept": (
        "its first password was kept nowhere: reset the password in the Microsoft 365 admin center "
        "to hand the account over"
    ),
    "unreadable": "it could not be read just before the write; nothing was written",
    "needs-buy": "it spends money: apply with --buy",
    "interrupted": "not tried: the run was interrupted",
    "canary": "not tried: one of the first changes went wrong",
    "run-ended": "not tried: the run ended early",
    "waits-in-circle": "not tried: it waits for itself",
    "lock-lost": "not tried: another apply took the lock",
    "found": "it was carried out before the run was stopped",
    "found-created": (
        "it was created before the run was stopped; its first password is in the file that "
        "`--credentials-out` named then, or nowhere: reset it in the Microsoft 365 admin center"
    ),
    "no-answer": "no outcome was told",
    "not-shown": "the tenant accepted it, and did not show it while apply waited; run plan again later",
    "not-carried-out": "the answer was lost, and the object is as it was before",
    "unread": "the answer was lost, and the object could not be read again",
    "changed-meanwhile": "the answer was lost, and the object is neither as before nor as wanted",
}


def sentence(
    status: str, code: str | None, params: Mapping[str, Any], names: Mapping[str, str] | None = None
) -> str:
    """Return what is to be said beyond the status, without a full stop; "" where that is nothing.

    `names` maps SKU ids to part numbers, as far as they are known.
    """
    facts = Facts(params)
    if status == "blocked":
        roles = f"; it takes {role_names(facts.names('roles'))}" if facts.has("roles") else ""
        return f"by {listing(facts.names('by'))}{roles}"
    if status == "already-done":
        return ""
    if status == "stale":
        return _stale(code, params.get("moved") or (), names or {})
    if code in _SENTENCES:
        return _SENTENCES[code](facts)
    told, hint = _CODES.get(code or "", clean(code or "")), ""
    if code in WRITE_ERRORS:
        told, hint = WRITE_ERRORS[code]
    elif status == "unknown":
        hint = "run plan again to see what the tenant holds"
    said = [
        *([facts.text("message")] if facts.has("message") else []),
        *([f"request-id {facts.text('request_id')}"] if facts.has("request_id") else []),
    ]
    message = f" ({'; '.join(said)})" if said else ""
    return f"{told}{message}{f'; {hint}' if hint else ''}"


def _password_kept(f: Facts) -> str:
    return f"its first password is in {f.text('file')}; it must be changed at first sign-in"


def _waits(f: Facts) -> str:
    return f"it waits for {f.text('on')}, {_ENDED.get(f.text('status'), 'which was not carried out')}"


def _member_errors(f: Facts) -> str:
    return f"the group has its licences, but {_failing(f)}"


def _group_not_settled(f: Facts) -> str:
    waiting = f.number("waiting")
    left = f": {count(waiting, 'member')} {'does' if waiting == 1 else 'do'} not have its licences yet"
    failing = f"; {_failing(f)}" if f.has("members") else ""
    return (
        "the tenant accepted it, and did not finish while apply waited"
        f"{left if f.has('waiting') else ''}{failing}; run plan again later"
    )


def _failing(f: Facts) -> str:
    """Return which members a group's licences did not reach, with Graph's codes and what they mean."""
    rows = f.rows("members")
    number = f.number("count") or len(rows)
    who = sample([f"{row.text('upn')} ({row.text('error')})" for row in rows], number)
    means = dict.fromkeys(meaning_of(row.text("error")) for row in rows)
    return f"they did not reach {who}: {'; '.join(means)}"


_SENTENCES: dict[str | None, Callable[[Facts], str]] = {
    "group-not-settled": _group_not_settled,
    "member-errors": _member_errors,
    "password-kept": _password_kept,
    "waits": _waits,
}
"""Code → what is said where that depends on params."""


def _stale(code: str | None, moves: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> str:
    if code == "gone":
        return "it is no longer there; not applied"
    if code == "exists":
        return "a user with that name is there already, and is another one; not applied"
    told = [_move(move, names) for move in moves if isinstance(move, dict)]
    return f"it moved since the plan was made: {'; '.join(told) or 'details are missing'}; not applied"


def _move(move: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Return one difference: "usage location NL -> BE", "licence EMS is gone"."""
    path = [str(step) for step in move.get("path") or ("?",)]
    old, new = move.get("expected"), move.get("found")
    if path[0] == "members":
        return _member(path, old, new)
    if path[0] != "assignments" or len(path) == 1:
        return f"{clean(path[0].replace('_', ' '))} {_value(old)} -> {_value(new)}"
    sku, _, group = path[1].partition(" by ")
    licence = clean(names.get(sku, sku)) + (f" (from group {clean(group)})" if group else "")
    if old is None:
        return f"licence {licence} is new"
    if new is None:
        return f"licence {licence} is gone"
    return f"licence {licence} had {_off(old)}, now {_off(new)}"


def _member(path: Sequence[str], old: object, new: object) -> str:
    """Return what moved of a group's member, or of how many more something did."""
    if len(path) == 1:
        return f"{clean(str(new))} more members moved"
    if old is None:
        return f"{clean(path[1])} is a new member"
    return f"{clean(path[1])} {'is no longer a member' if new is None else 'holds other licences'}"


def _off(plans: object) -> str:
    return f"{count(len(plans), 'plan')} off" if isinstance(plans, list) else "?"


def _value(value: object) -> str:
    match value:
        case None | "":
            return "none"
        case bool():
            return "yes" if value else "no"
        case _:
            return clean(str(value))


def counted(counts: Mapping[str, int]) -> str:
    """Return "12 done, 1 stale": what there is of each status; "nothing" where there is nothing."""
    return ", ".join(
        f"{counts[key]:,} {shown}" for key, (shown, _) in STATUSES.items() if counts.get(key)
    ) or ("nothing")
