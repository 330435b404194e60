"""Over which connections are requests sent?

Kept open and shared, until the tenant says that it can't serve (503): the next request then goes over a
new one, which may lead to another server (Microsoft's advice). Nothing is retried here.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx


class Connections:
    """The pooled connections of one process to a tenant; `make` opens a client. Safe for several threads."""

    def __init__(self, make: Callable[[], httpx.Client]) -> None:
        self._make = make
        self._turn = threading.Lock()
        self._client = make()
        self._users: dict[httpx.Client, int] = {self._client: 0}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self, method: str, url: httpx.URL, *, headers: Mapping[str, str], content: bytes | None
    ) -> httpx.Response:
        """Send one request; raises what httpx raises."""
        with self._turn:
            client = self._client
            self._users[client] += 1
        down = False
        try:
            response = client.request(method, url, headers=headers, content=content)
            down = response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
            return response
        finally:
            with self._turn:
                self._users[client] -= 1
                if down and client is self._client:
                    self._client = self._make()
                    self._users[self._client] = 0
                self._sweep()

    def close(self) -> None:
        """Close every connection."""
        with self._turn:
            for client in self._users:
                client.close()

    def _sweep(self) -> None:
        """Close former clients that nobody uses any more: what is under way is not cut off."""
        for client in [each for each, users in self._users.items() if not users and each is not self._client]:
            del self._users[client]
            client.close()
