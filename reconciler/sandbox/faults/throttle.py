"""Is the tenant too busy for this call?

Token buckets in the form of Microsoft's documented limits (Microsoft Graph service-specific throttling
limits, identity and access): writes and resource units of one application in one tenant, and calls for
reports. Every request inside a batch is counted by itself. It carries nothing out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.sandbox.faults.answers import error
from reconciler.sandbox.faults.calls import BATCH, BUY, SEATS
from reconciler.sandbox.faults.description import Limit, Throttle

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.sandbox.faults.answers import Reply
    from reconciler.sandbox.faults.calls import Call

SMALL, MIDDLE = 50, 500
"""Users of a tenant below which, and up to which, it has the units of a small and of a middle one."""

_UNITS = {SMALL: 3_500, MIDDLE: 5_000}
_LARGE_UNITS = 8_000
_PERIOD = 10.0
_COSTS = {"list": 2, "page": 2, "get": 2, "members": 3, "member-of": 2, "skus": 3}
_REPORTS = ("audit", "reports")
_FEW_ROWS = 20
_WARN_FROM = 0.8
_MOST_TOLD = 1.8
APPLICATION = "Tenant_Application"


@dataclass(slots=True, kw_only=True)
class Bucket:
    """Tokens that come back at an even rate; `until` is the end of the wait that was told last."""

    limit: Limit
    scope: str
    reason: str
    tokens: float
    at: float
    until: float = 0.0

    @classmethod
    def full(cls, limit: Limit, now: float, scope: str, reason: str) -> Bucket:
        """Return a bucket from which nothing was taken yet."""
        return cls(limit=limit, scope=scope, reason=reason, tokens=limit.count, at=now)

    @property
    def rate(self) -> float:
        """Return how many tokens come back in a second."""
        return self.limit.count / self.limit.seconds

    @property
    def used(self) -> float:
        """Return which part of the limit is used."""
        return 1 - self.tokens / self.limit.count

    def refill(self, now: float) -> None:
        """Let time pass."""
        self.tokens = min(float(self.limit.count), self.tokens + max(0.0, now - self.at) * self.rate)
        self.at = max(self.at, now)

    def wait(self, cost: int, now: float) -> int:
        """Return the whole seconds until there are `cost` tokens; they are promised to whoever asks."""
        seconds = max(1, math.ceil((cost - self.tokens) / self.rate))
        self.until = max(self.until, now + seconds)
        return seconds


class Meter:
    """The limits of one application in the tenant. Not safe to use from several threads by itself.

    `users` tells how many users the tenant has; it is asked once, and only where the limit hangs on it.
    """

    def __init__(self, throttle: Throttle, now: float, users: Callable[[], int]) -> None:
        units = throttle.resource_units
        if units is None and throttle.by_size:
            units = Limit(count=_units(users()), seconds=_PERIOD)
        named = (
            (throttle.writes, "Write", "WriteLimitExceeded"),
            (units, "ReadWrite", "ResourceUnitLimitExceeded"),
            (throttle.reports, "Read", "ResourceUnitLimitExceeded"),
        )
        self._buckets = [
            Bucket.full(limit, now, scope, reason) if limit else None for limit, scope, reason in named
        ]
        self._told: list[float] = []

    def begin(self, now: float) -> None:
        """Begin a request, alone or a batch: what it holds counts against the waits told before it."""
        for bucket in self._buckets:
            if bucket:
                bucket.refill(now)
        self._told = [bucket.until if bucket else 0.0 for bucket in self._buckets]

    def refuse(self, call: Call, now: float) -> Reply | None:
        """Return 429 where a limit is reached; else take what the call costs.

        A call that comes before the wait is over that was told counts although it is refused, as
        Microsoft warns: who does not wait waits longer. Never more than the limit itself is owed.
        """
        if call.kind in (BATCH, SEATS, BUY):
            return None
        asked = [
            (bucket, cost, told)
            for bucket, cost, told in zip(self._buckets, costs(call), self._told, strict=True)
            if bucket and cost
        ]
        lacking = next(((bucket, cost) for bucket, cost, _ in asked if bucket.tokens < cost), None)
        for bucket, cost, told in asked:
            if lacking is None or now < told:
                bucket.tokens = max(bucket.tokens - cost, -float(bucket.limit.count))
        if lacking is None:
            return None
        bucket, cost = lacking
        return error(429, call).told(
            Retry_After=str(bucket.wait(cost, now)),
            x_ms_throttle_scope=f"{APPLICATION}/{bucket.scope}/sandbox/sandbox",
            x_ms_throttle_information=bucket.reason,
        )

    def note(self, call: Call, reply: Reply) -> Reply:
        """Return an answer with the headers about its cost, and about the limit where that is near."""
        if call.kind in (BATCH, SEATS, BUY):
            return reply
        used = max(bucket.used for bucket in self._buckets if bucket)
        reply = reply.told(x_ms_resource_unit=str(costs(call)[1]))
        if used <= _WARN_FROM:
            return reply
        return reply.told(x_ms_throttle_limit_percentage=f"{min(used, _MOST_TOLD):.2f}")


def costs(call: Call) -> tuple[int, int, int]:
    """Return what a call costs: writes, resource units, calls for reports."""
    if call.kind in _REPORTS:
        return 0, 0, 1
    if call.writes:
        return 1, 1, 0
    units = _COSTS.get(call.kind, 1)
    units -= "$select" in call.options
    top = call.options.get("$top", "")
    units -= top.isdigit() and int(top) < _FEW_ROWS
    units += "$expand" in call.options
    return 0, max(1, units), 0


def _units(users: int) -> int:
    if users < SMALL:
        return _UNITS[SMALL]
    return _UNITS[MIDDLE] if users <= MIDDLE else _LARGE_UNITS
