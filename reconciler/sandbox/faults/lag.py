"""What do reads show that come too soon after a write?

A replica that is behind: a copy of the tenant from before the write answers them for a while, reads of
the written object by that very copy, listings by the oldest one that is still shown. Whoever writes is
answered at once and truly. It carries nothing out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import WSGIApplication

    from reconciler.sandbox.faults.answers import Reply
    from reconciler.sandbox.faults.calls import Call

_LISTINGS = ("list", "page", "groups")
_DELETED = "microsoft.graph.user"
_SKUS = "skus"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Old:
    """A copy of the tenant, and until when it is shown."""

    replica: WSGIApplication
    until: float


class Lag:
    """Which replica answers a read. Not safe to use from several threads by itself.

    `copy` makes a copy of the tenant as it is now.
    """

    def __init__(self, copy: Callable[[], WSGIApplication]) -> None:
        self._copy = copy
        self._objects: dict[str, _Old] = {}  # id or UPN in lower case → what is shown of it
        self._skus: list[_Old] = []

    def copy(self) -> WSGIApplication:
        """Return the tenant as it is now, to be shown later."""
        return self._copy()

    def hold(self, names: Iterable[str], replica: WSGIApplication, until: float) -> None:
        """Show objects, by id and UPN, as a replica has them; one that lags already goes on as it was."""
        for name in names:
            self._objects.setdefault(name.lower(), _Old(replica=replica, until=until))

    def hold_skus(self, replica: WSGIApplication, until: float) -> None:
        """Show the seats in use as a replica has them."""
        self._skus.append(_Old(replica=replica, until=until))

    def replica(self, call: Call, now: float) -> WSGIApplication | None:
        """Return who answers a read in the tenant's place, if anybody does."""
        if call.method != "GET" or not (self._objects or self._skus):
            return None
        self._objects = {name: old for name, old in self._objects.items() if old.until > now}
        self._skus = [old for old in self._skus if old.until > now]
        if call.kind == _SKUS:
            return self._skus[0].replica if self._skus else None
        if call.kind in _LISTINGS or call.object == _DELETED:
            return next((old.replica for old in self._objects.values()), None)
        old = self._objects.get(call.object or "")
        return old.replica if old else None


def names_of(call: Call, reply: Reply) -> set[str]:
    """Return the ids and UPNs of all that a write was about, as far as it and its answer tell them."""
    told, asked = reply.content or {}, call.content or {}
    reference = str(asked.get("@odata.id", "")).rpartition("/")[2]
    member = call.path.rstrip("/").split("/")[-2] if call.kind == "leave" else ""
    names = {call.object or "", reference, member}
    names |= {str(told.get(key) or asked.get(key) or "") for key in ("id", "userPrincipalName")}
    return {name for name in names if name}
