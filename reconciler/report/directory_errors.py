"""What is said where the tenant could not be read?

What was asked for, what the tenant answered, and what to do; the request's id is there for
Microsoft's support. One function per code, one table at the end; to add a code, copy the nearest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report import signin_errors
from reconciler.report.phrases import listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.report.phrases import Facts


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


READ = {
    "users": "users",
    "organization": "the organisation and its subscriptions",
    "skus": "SKUs",
    "groups": "groups and their members",
    "roles": "who holds directory roles",
    "mailboxes": "what mailboxes are for",
}
"""What roles.Reading names → what people call it."""

NOTHING_DONE = "What was read so far is not used: an incomplete read could look like a removal."


def _unauthorized(f: Facts) -> str:
    return (
        f"the tenant does not accept the sign-in: {_asked(f)}. Sign in again, to the tenant that tenant.yaml "
        "names; in the sandbox, name another user with `--as`."
    )


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


def _may_not_read(f: Facts) -> str:
    return f"a plan needs to read {listing([READ.get(one, one) for one in f.names('what')])}, and may not."


def _clock_skew(f: Facts) -> str:
    seconds = f.number("seconds")
    ahead = "ahead of" if seconds > 0 else "behind"
    return (
        f"this computer's clock is {abs(seconds):,} seconds {ahead} the tenant's: set it right, or tokens, "
        "assertions and plans end at the wrong time."
    )


DIRECTORY: dict[str, Callable[[Facts], str]] = {
    "bad-answer": _bad_answer,
    "clock-skew": _clock_skew,
    "forbidden": _forbidden,
    "foreign-link": _foreign_link,
    "incomplete-read": _incomplete_read,
    "may-not-read": _may_not_read,
    "not-found": _not_found,
    "rejected": _rejected,
    "throttled": _throttled,
    "unauthorized": _unauthorized,
    "unreachable": _unreachable,
    **signin_errors.DIRECTORY,
}
"""Code of a DirectoryError → what is said of it."""
