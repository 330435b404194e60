"""Who signs in to a live tenant, and how does the token stay good?

Finds the first way that is set up, asks Entra, and keeps the token in memory until shortly before it
ends; nothing is written to a disk. A way that is set up and refused ends the search: going on would
act as somebody else than was meant. Which ways there are stands in methods.py. Import it only where a
live tenant is asked: azure-identity comes with it.
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.directory import claims as claim
from reconciler.directory import entra, methods
from reconciler.errors import DirectoryError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from azure.core.credentials import AccessTokenInfo

    from reconciler.directory.claims import Claims

MARGIN = 300
"""So many seconds before its end a token is no longer used: a batch must not outlive it."""

PAUSE = 30
"""So many seconds pass between two tries to renew a token that is still good."""

_CLAIMS = re.compile(r'\bclaims="([A-Za-z0-9+/_=-]{1,8192})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One way to sign in that was looked at, and why it is not used; `reason` "" for the one that is."""

    method: str
    reason: str = ""
    names: tuple[str, ...] = ()
    what: str = ""


class Signin:
    """A sign-in to one tenant. Safe to use from several threads; use it as a context manager.

    `pinned` is the one way that is tried. `clock` gives seconds since 1970.
    """

    def __init__(
        self, wanted: entra.Wanted, pinned: str | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._wanted = wanted
        self._pinned = pinned
        self._clock = clock
        self._lock = threading.Lock()
        self._door: entra.Door | None = None
        self._held: AccessTokenInfo | None = None
        self._asked = 0.0
        self.tried: tuple[Tried, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the authority."""
        with self._lock:
            if self._door is not None:
                self._door.close()
                self._door = None

    @property
    def method(self) -> str | None:
        """Return the way by which somebody is signed in."""
        return self._door.method if self._door else None

    def token(self) -> str:
        """Return a token that is good for some minutes at least, signing in where there is none.

        Raises UsageError("no-sign-in") {tried, pinned} where no way is set up, and DirectoryError as
        entra.Door.ask does. A token that can't be renewed early is used until it ends.
        """
        with self._lock:
            if self._held is None:
                self._held = self._first()
            elif self._is_due(self._held):
                self._held = self._again(self._held)
            return self._held.token

    def claims(self) -> Claims | None:
        """Return what the token tells of whoever signed in, as a hint; None where it is opaque."""
        return claim.read(self.token())

    def renew(self, challenge: str | None) -> bool:
        """Get another token after a 401, and tell whether there is one.

        `challenge` is the answer's WWW-Authenticate header; claims that it asks for are asked for.
        Raises as `token` does.
        """
        with self._lock:
            if self._held is None or self._door is None:
                return True
            asked = _claims_of(challenge)
            if not asked and not methods.BY_NAME[self._door.method].is_person:
                self._reopen()  # azure-identity keeps its own copy of the refused token
            before, self._held = self._held.token, self._ask(self._door, asked)
            self._asked = self._clock()
            return self._held.token != before

    # ------------------------------------------------------------ with the lock held

    def _is_due(self, token: AccessTokenInfo) -> bool:
        now = self._clock()
        due = min(token.expires_on - MARGIN, token.refresh_on or token.expires_on)
        return now >= token.expires_on or (now >= due and now - self._asked >= PAUSE)

    def _again(self, token: AccessTokenInfo) -> AccessTokenInfo:
        """Return a newer token; the one at hand where there is none and it still holds."""
        door = self._door
        if door is None:
            return self._first()
        self._asked = self._clock()
        try:
            return self._ask(door)
        except DirectoryError:
            if self._clock() >= token.expires_on:
                raise
            return token

    def _first(self) -> AccessTokenInfo:
        """Sign in by the first way that is set up."""
        tried: list[Tried] = []
        chosen = [methods.BY_NAME[self._pinned]] if self._pinned else methods.TABLE
        person = self._wanted.prompt is not None
        for method in chosen:
            lack = methods.missing(method, self._wanted.environment, person=person)
            if lack is not None:
                tried.append(Tried(method=method.name, reason=lack.reason, names=lack.names))
                continue
            door = entra.Door(method.name, self._wanted)
            try:
                token = door.ask()
            except entra.Unavailable as unavailable:
                door.close()
                tried.append(Tried(method=method.name, reason="unavailable", what=unavailable.what))
                continue
            except BaseException:
                door.close()
                raise
            self._door, self._asked = door, self._clock()
            self.tried = (*tried, Tried(method=method.name))
            return token
        self.tried = tuple(tried)
        raise UsageError("no-sign-in", tried=[_told(one) for one in tried], pinned=self._pinned)

    def _reopen(self) -> None:
        if self._door is not None:
            method = self._door.method
            self._door.close()
            self._door = entra.Door(method, self._wanted)

    def _ask(self, door: entra.Door, claims: str | None = None) -> AccessTokenInfo:
        """Ask again by the way that worked; that it is no longer there is an error now."""
        try:
            return door.ask(claims)
        except entra.Unavailable as gone:
            raise DirectoryError(
                "sign-in-refused", method=door.method, aadsts=None, message=gone.what
            ) from gone


def _told(tried: Tried) -> dict[str, object]:
    return {"method": tried.method, "reason": tried.reason, "names": list(tried.names), "what": tried.what}


def _claims_of(challenge: str | None) -> str | None:
    """Return the claims that a challenge asks for, as JSON text; None where it asks for none."""
    found = _CLAIMS.search(challenge or "")
    if not found:
        return None
    try:
        text = base64.b64decode(found[1] + "=" * (-len(found[1]) % 4), altchars=b"-_").decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text if text.startswith("{") else None
