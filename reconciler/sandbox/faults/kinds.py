"""Which faults are there, and what may be said of each?

The one table of kinds. What each one does is done by layer.py, answers.py and lag.py; here stands which
calls it can strike, whether the tenant may have carried the request out before, and what it can be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["connection", "answer", "beside"]
"""connection: the whole exchange is struck, though one item of a batch brought it about. answer: the one
call is answered otherwise. beside: the call itself is answered as ever."""

Calls = Literal["any", "read", "write", "listing", "item", "batch"]
"""What it can strike; a listing is a read that has a `value`, an item stands in a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of fault.

    `committed`: True, False, or None where either may be told (then it is not, unless told). `takes` are
    the keys of a fault file that it knows beyond those of every fault.
    """

    scope: Scope
    what: str
    strikes: Calls = "any"
    committed: bool | None = False
    takes: tuple[str, ...] = ()


def _never_sent(what: str) -> Kind:
    return Kind(scope="connection", what=f"never sent: {what}")


def _lost(what: str, *takes: str) -> Kind:
    return Kind(scope="connection", what=what, committed=None, takes=takes)


def _status(what: str, *, committed: bool | None = False) -> Kind:
    return Kind(scope="answer", what=what, committed=committed, takes=("retry_after", "retry_after_date"))


def _garbled(what: str, strikes: Calls = "any") -> Kind:
    return Kind(scope="answer", what=what, strikes=strikes, committed=True)


KINDS: dict[str, Kind] = {
    "dns": _never_sent("the name is not found"),
    "refused": _never_sent("the connection is refused"),
    "connect-timeout": _never_sent("nobody takes the connection"),
    "tls": _never_sent("the certificate is not trusted"),
    "reset-sending": Kind(scope="connection", what="the connection breaks while the request is sent"),
    "reset": _lost("the connection breaks before an answer"),
    "timeout": _lost("no answer within `seconds`, then the connection ends", "seconds"),
    "cut": _lost("the connection breaks within the answer"),
    "400": _status("refused, for no reason that a client knows"),
    "401": _status("the token is no longer taken"),
    "403": _status("the role does not allow it"),
    "404": _status("not there, or not there yet"),
    "408": _status("the tenant waited too long for the request", committed=None),
    "409": _status("somebody else writes to the same object"),
    "410": _status("gone"),
    "412": _status("a condition does not hold"),
    "423": _status("locked"),
    "429": _status("too many requests", committed=None),
    "500": _status("an internal error", committed=None),
    "502": _status("a gateway's error", committed=None),
    "503": _status("not available", committed=None),
    "504": _status("a gateway waited too long", committed=None),
    "507": _status("a quota is used up"),
    "redirect": Kind(scope="answer", what="302 to another host", committed=None),
    "html": Kind(scope="answer", what="200 with a page of HTML, as a captive portal sends", committed=None),
    "empty": _garbled("success with an empty body"),
    "truncated": _garbled("a body that ends in the middle"),
    "not-json": _garbled("a body of bytes that are no JSON and no UTF-8"),
    "ignored": Kind(scope="answer", what="success, and nothing was done", strikes="write"),
    "unknown-enum": _garbled("enumerations hold `unknownFutureValue`", "read"),
    "extra-field": _garbled("every object has a member that nobody knows"),
    "missing-field": Kind(
        scope="answer", what="objects lack `field`", committed=True, takes=("field",), strikes="any"
    ),
    "foreign-link": _garbled("the link to the next page names another host", "listing"),
    "looping-link": _garbled("the link to the next page leads to this page", "listing"),
    "expired-page": Kind(scope="answer", what="the link to this page holds no more", strikes="listing"),
    "repeated-item": _garbled("a row comes twice", "listing"),
    "missing-item": _garbled("a row is left out", "listing"),
    "empty-page": _garbled("a page without rows comes in between", "listing"),
    "missing-answer": Kind(
        scope="answer", what="the batch's answer lacks this item", strikes="item", committed=None
    ),
    "shuffled": _garbled("a batch's answers come in another order", "batch"),
    "latency": Kind(scope="beside", what="the answer takes `seconds` longer", takes=("seconds",)),
    "stale-reads": Kind(
        scope="beside",
        what="for `seconds` reads show the written object as it was before",
        strikes="write",
        takes=("seconds",),
    ),
    "consumed-lag": Kind(
        scope="beside",
        what="for `seconds` consumedUnits are those from before the write",
        strikes="write",
        takes=("seconds",),
    ),
    "seats-taken": Kind(
        scope="beside",
        what="just before, somebody else takes `count` seats of a SKU that the call adds (all that are free)",
        strikes="write",
        takes=("count",),
    ),
}
"""Name → kind, in the order in which people are told."""

SECONDS: dict[str, float] = {"timeout": 60.0, "latency": 1.0, "stale-reads": 30.0, "consumed-lag": 60.0}
"""How long, where a fault file does not say."""
