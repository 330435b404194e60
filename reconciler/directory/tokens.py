"""Which token goes with a request, and may a refused one be replaced?

Each request asks for its token anew, so that one that expires on the way is no trouble. Where the tenant
refuses one all the same (revoked, or a claim is missing), another is asked for once, by whichever thread
comes first. Nothing is kept or shown here.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def no_other(_challenge: str | None) -> bool:
    """Say that there is no other token."""
    return False


class Tokens:
    """Hands out tokens. `renew` is told the tenant's challenge, and says whether another token may be had."""

    def __init__(self, token: Callable[[], str], renew: Callable[[str | None], bool] = no_other) -> None:
        self._token = token
        self._renew = renew
        self._turn = threading.Lock()
        self._generation = 0

    def take(self) -> tuple[str, int]:
        """Return a token, and its generation: what was renewed since is of a later one."""
        generation = self._generation
        return self._token(), generation

    def another(self, generation: int, challenge: str | None) -> bool:
        """Tell whether what was refused with a token of this generation may be tried with another."""
        with self._turn:
            if generation == self._generation:
                if not self._renew(challenge):
                    return False
                self._generation += 1
            return True
