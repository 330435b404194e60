"""What does a reader learn when a run ends with an error?

One sentence or two for every code that an error of this program carries: what happened, and what to
do next. One function per code, one table per kind of error; to add a code, copy the nearest. A code
that is not known is told as it stands; nothing here fails, since it runs when something has failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import ConfigError, DirectoryError, ReconcilerError, RefusedError
from reconciler.report import messages
from reconciler.report.phrases import Facts, count, listing, role_names
from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler import plan as plans

MAX_LISTED = 10
"""So many blocked changes are named; the plan shows all of them."""


def sentence(error: ReconcilerError) -> str:
    """Return what to tell a reader about `error`: clean text, one line unless it lists changes."""
    if isinstance(error, ConfigError):
        return f"the desired state has {count(len(error.problems), 'problem')}; nothing was planned."
    # The params of these two hold structs of a plan, which are worded as a plan's are.
    if isinstance(error, RefusedError) and error.code in REFUSED_WITH_STRUCTS:
        return REFUSED_WITH_STRUCTS[error.code](error)
    table = {RefusedError: REFUSED, DirectoryError: DIRECTORY}.get(type(error), USAGE)
    word = table.get(error.code) or USAGE.get(error.code)
    facts = Facts(error.params)
    if word is None:
        listed = facts.listed()
        return f"{clean(error.code)}{f' ({listed})' if listed else ''}."
    return word(facts)


# ------------------------------------------------------------ files


def _file(f: Facts) -> str:
    """Return the file that an error is about, whichever param names it."""
    return f.text("path") if not f.has("file") else f.text("file")


def _reason(f: Facts) -> str:
    """Return why, as the operating system or a parser said it: no capital, no full stop."""
    text = f.text("what") if f.has("what") else f.text("reason")
    head = text[:1].lower() if text[1:2].islower() or text[1:2] == " " else text[:1]
    return f"{head}{text[1:]}".rstrip(".")


def _no_config(f: Facts) -> str:
    path = f.text("path")
    if f.flag("default"):
        return (
            f"there is no {path} in this folder. Go to the folder that holds it, name another file with -f, "
            "or `reconciler init` to begin."
        )
    return f"{path} does not exist."


def _unreadable_file(f: Facts) -> str:
    return f"{_file(f)} can't be read: {_reason(f)}."


def _cannot_write(f: Facts) -> str:
    return f"{_file(f)} can't be written: {_reason(f)}."


def _bad_plan(f: Facts) -> str:
    place = f":{f.number('line')}:{f.number('column')}" if f.has("line") else ""
    where = f" at {f.text('at')}" if f.has("at") and f.text("at") != "$" else ""
    return (
        f"{f.text('path')}{place} is not a plan of reconciler{where}: {_reason(f)}. "
        "Make one with `reconciler plan --out FILE`."
    )


def _unsupported_plan_version(f: Facts) -> str:
    return (
        f"{f.text('path')} has plan format {f.text('found')}, and this version reads {f.text('supported')}. "
        "Make the plan anew, or use the version of reconciler that made it."
    )


def _bad_snapshot(f: Facts) -> str:
    place = f":{f.number('line')}" if f.has("line") else ""
    where = f" at {f.text('path')}" if f.has("file") and f.has("path") else ""
    return f"{_file(f)}{place} is not a snapshot that can be used{where}: {_reason(f)}."


def _bad_catalog(f: Facts) -> str:
    reasons = {
        "unreadable": f"it can't be read: {f.text('detail')}",
        "encoding": "it is neither UTF-8 nor Windows-1252 text",
        "csv": "it is not CSV from here on",
        "columns": f"these columns are missing: {', '.join(f.names('missing'))}",
        "row": f"the column {f.text('column')} is empty",
        "guid": f'"{f.text("value")}" in the column {f.text("column")} is not an id',
        "twice": f'"{f.text("value")}" stands there twice',
    }
    place = f":{f.number('line')}" if f.has("line") else ""
    reason = reasons.get(f.text("reason"), f.text("reason"))
    return (
        f"{_file(f)}{place} can't be used as a catalogue: {reason}. "
        "Take Microsoft's CSV of product names and service plans as it is published."
    )


def _bad_sandbox(f: Facts) -> str:
    return f"the sandbox {_file(f)} can't be used: {_reason(f)}. `reconciler sandbox reset` makes it anew."


def _journal_unreadable(f: Facts) -> str:
    return f"the journal {_file(f)} can't be read: {_reason(f)}."


def _journal_unwritable(f: Facts) -> str:
    return (
        f"the journal {_file(f)} can't be written: {_reason(f)}. "
        "Nothing is written to the tenant that the journal can't record."
    )


def _credentials_exist(f: Facts) -> str:
    return (
        f"{_file(f)} exists already, and the passwords in it would be lost. "
        "Give `--credentials-out` a new file."
    )


def _credentials_unwritable(f: Facts) -> str:
    return f"{_file(f)} can't be written: {_reason(f)}. Give `--credentials-out` another file."


# ------------------------------------------------------------ tenant and command line


def _wrong_tenant(f: Facts) -> str:
    domains = f" (domains: {listing(f.names('domains'))})" if f.has("domains") else ""
    return (
        f"the desired state is for {f.text('declared')}, and the live tenant is {f.text('name')}, "
        f"{f.text('live')}{domains}. Nothing is planned for another tenant: correct `tenant` in the file, "
        "or sign in to the right one."
    )


def _unknown_actor(f: Facts) -> str:
    if not f.has("upn"):
        return "the snapshot holds no global administrator. Name with `--as UPN` who would apply the plan."
    return f"user {f.text('upn')} (`--as`) does not exist in this tenant, so it can't apply anything."


def _provider_graph_later(_: Facts) -> str:
    return (
        "`provider: graph` is not there yet in this version. Plan against a saved state with "
        "`--snapshot FILE`, or leave `provider` out to use the sandbox."
    )


USAGE: dict[str, Callable[[Facts], str]] = {
    "bad-catalog": _bad_catalog,
    "bad-plan": _bad_plan,
    "bad-sandbox": _bad_sandbox,
    "bad-snapshot": _bad_snapshot,
    "cannot-write": _cannot_write,
    "credentials-exist": _credentials_exist,
    "credentials-unwritable": _credentials_unwritable,
    "journal-unreadable": _journal_unreadable,
    "journal-unwritable": _journal_unwritable,
    "no-config": _no_config,
    "provider-graph-later": _provider_graph_later,
    "unknown-actor": _unknown_actor,
    "unreadable-file": _unreadable_file,
    "unsupported-plan-version": _unsupported_plan_version,
    "wrong-tenant": _wrong_tenant,
}


# ------------------------------------------------------------ the tenant's answers


def _asked(f: Facts) -> str:
    """Return what was asked for, and what the tenant said of it; the ids are for Microsoft's support."""
    said = [
        *([f"status {f.text('status')}"] if f.has("status") else []),
        *([f.text("graph_code")] if f.has("graph_code") else []),
        *([f.text("message").rstrip(".")] if f.has("message") else []),
        *([f"request-id {f.text('request_id')}"] if f.has("request_id") else []),
    ]
    details = f" ({'; '.join(said)})" if said else ""
    return f"{f.text('url')}{details}"


NOTHING_DONE = "What was read so far is not used: an incomplete read could look like a removal."


def _unauthorized(f: Facts) -> str:
    return f"the tenant does not accept the sign-in: {_asked(f)}. Sign in again, or use another `--as UPN`."


def _forbidden(f: Facts) -> str:
    return f"you may not read {_asked(f)}. Use an account that may read users, groups, licences and roles."


def _not_found(f: Facts) -> str:
    return f"the tenant does not know {_asked(f)}."


def _throttled(f: Facts) -> str:
    wait = f" It asks to wait {f.text('retry_after')} seconds." if f.has("retry_after") else ""
    return f"the tenant is too busy to answer {_asked(f)}.{wait} Try again later."


def _rejected(f: Facts) -> str:
    return f"the tenant rejects {_asked(f)}."


def _unreachable(f: Facts) -> str:
    return f"the tenant can't be reached, after several tries: {_asked(f)}. {NOTHING_DONE} Try again later."


def _bad_answer(f: Facts) -> str:
    return f"the tenant's answer can't be understood: {_asked(f)}. {NOTHING_DONE}"


def _incomplete_read(f: Facts) -> str:
    return f"a list did not arrive whole: {_asked(f)}. {NOTHING_DONE} Try again."


def _foreign_link(f: Facts) -> str:
    host = f.text("host") if f.has("host") else "an address that can't be read"
    return f"the tenant's answer points to {host}, which is not the tenant's own host; it is not followed."


DIRECTORY: dict[str, Callable[[Facts], str]] = {
    "bad-answer": _bad_answer,
    "forbidden": _forbidden,
    "foreign-link": _foreign_link,
    "incomplete-read": _incomplete_read,
    "not-found": _not_found,
    "rejected": _rejected,
    "throttled": _throttled,
    "unauthorized": _unauthorized,
    "unreachable": _unreachable,
}


# ------------------------------------------------------------ apply refused


def _planned_elsewhere(f: Facts) -> str:
    return (
        f"the plan is for {f.text('domain')} ({f.text('planned_provider')} tenant {f.text('planned')}), "
        f"and this is the {f.text('live_provider')} tenant {f.text('live')}. Nothing was written."
    )


def _expired_plan(f: Facts) -> str:
    return (
        f"the plan expired on {f.text('expired_at')}; it is now {f.text('now')}. Nothing was written. "
        "Plan again: the tenant has moved on."
    )


def _altered_plan(f: Facts) -> str:
    file = f"{_file(f)} " if f.has("path") or f.has("file") else "the plan "
    return (
        f"{file}was altered after it was made: its digest does not match. Nothing was written. "
        "Plan again, and apply the file as it was reviewed."
    )


def _allow_not_repeated(f: Facts) -> str:
    flags = " ".join(f"--allow {name}" for name in f.names("allow"))
    return (
        f"the plan was made with {flags}, and apply must be told so too. Nothing was written. "
        f"If it is meant: `reconciler apply {flags}`."
    )


def _locked(f: Facts) -> str:
    holder = f" (process {f.text('process')})" if f.has("process") else ""
    return f"another apply{holder} is at work here. Nothing was written. Wait until it ends, then plan again."


REFUSED: dict[str, Callable[[Facts], str]] = {
    "allow-not-repeated": _allow_not_repeated,
    "altered-plan": _altered_plan,
    "expired-plan": _expired_plan,
    "locked": _locked,
    "wrong-tenant": _planned_elsewhere,
}


def _guardrail(error: RefusedError) -> str:
    return "nothing was written. " + " ".join(messages.refusal(of) for of in error.params["refusals"])


def _blocked_changes(error: RefusedError) -> str:
    changes = error.params["changes"]
    lines = [f"  {clean(change.address)}: {_why_blocked(change)}" for change in changes[:MAX_LISTED]]
    if len(changes) > MAX_LISTED:
        lines.append(f"  and {len(changes) - MAX_LISTED:,} more; `reconciler show` has all of them")
    head = f"{count(len(changes), 'change')} can't be applied, so nothing was written:"
    tail = "Apply the others with `--partial`."
    return "\n".join([head, *lines, tail])


def _why_blocked(change: plans.Change) -> str:
    if change.ready:
        return "it costs money, and takes `--buy`"
    if not change.permitted:
        return f"it takes {role_names(change.roles)}"
    return listing([clean(reason) for reason in change.blocked_by])


REFUSED_WITH_STRUCTS: dict[str, Callable[[RefusedError], str]] = {
    "blocked-changes": _blocked_changes,
    "guardrail": _guardrail,
}
