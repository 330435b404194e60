"""Which limits are set on what a plan may take and buy? Values only: what they refuse, plan_rails judges."""

from __future__ import annotations

from reconciler.model_state import Value


class Rail(Value, frozen=True, kw_only=True):
    """Limits of one guard rail. Up to `free` always pass; above, `count` or `percent` refuse.

    None means that this limit is not in force.
    """

    count: int | None = None
    percent: float | None = None
    free: int = 0


class Guardrails(Value, frozen=True, kw_only=True):
    """Guard rails in force. `protected_users` are UPNs, user ids, group ids or group names."""

    max_revocations: Rail = Rail(count=50, percent=10, free=5)
    max_deletions: Rail = Rail(count=5)
    max_purchases: Rail = Rail(count=50)
    protected_users: tuple[str, ...] = ()
    protected_skus: tuple[str, ...] = ()  # SKU ids
