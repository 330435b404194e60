"""How is one request sent, once?

Token, headers, address, connection: everything that httpx raises ends here as `Lost`. A token goes to the
exact origin of the base URL and nowhere else. Nothing is sent twice here, and no answer is judged.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import msgspec

from reconciler.directory import debugging
from reconciler.directory.exchange import LOW_PRIORITY, Answer, Lost, Request, path_of
from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.directory.connections import Connections
    from reconciler.directory.tokens import Tokens

_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Sender:
    """One face of a tenant: a base URL and the tokens for it. Safe to use from several threads.

    `debug` gets a line for each request and answer, without secrets; `clock` times them, in seconds.
    """

    def __init__(
        self,
        connections: Connections,
        base_url: str,
        tokens: Tokens,
        *,
        debug: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = connections
        self.root = base_url.rstrip("/")
        self._origin = _origin(httpx.URL(self.root))
        self._tokens = tokens
        self._debug = debug
        self._clock = clock

    def send(self, request: Request, headers: Mapping[str, str] | None = None) -> Answer:
        """Send once. Raises Lost where no answer came, DirectoryError("foreign-link") for another origin.

        What is raised where no token is to be had passes through: nothing was sent then.
        """
        url = self._url(request.link)
        token, generation = self._tokens.take()
        known = {
            "Authorization": f"Bearer {token}",
            "client-request-id": request.client_request_id,
            "Accept": "application/json",
            **LOW_PRIORITY,
            **(headers or {}),
        }
        content = None
        if request.body is not None:
            known["Content-Type"] = "application/json"
            content = msgspec.json.encode(request.body)
        response = self._exchange(request, url, known, content)
        return Answer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            content=response.content,
            client_request_id=request.client_request_id,
            generation=generation,
        )

    def fetch(self, url: str) -> Answer:
        """Get a file that the tenant named, without a token: of this origin, or of Microsoft's own hosts.

        Raises as `send` does.
        """
        request, wanted = Request(method="GET", link=url), _parsed(url)
        if _origin(wanted) != self._origin and not _is_microsofts(wanted):
            raise DirectoryError("foreign-link", url=path_of(url), host=wanted.host)
        response = self._exchange(request, wanted, {"Accept": "*/*"}, None)
        return Answer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            content=response.content,
            client_request_id=request.client_request_id,
        )

    def another_token(self, answer: Answer) -> bool:
        """Tell whether what was refused with 401 may be tried with another token."""
        return self._tokens.another(answer.generation, answer.headers.get("www-authenticate"))

    def _exchange(
        self, request: Request, url: httpx.URL, headers: Mapping[str, str], content: bytes | None
    ) -> httpx.Response:
        began, tell = self._clock(), self._debug
        # What belongs to one request is told as one text: threads must not mix their lines.
        if tell:
            tell("\n".join(debugging.asked(request.method, str(url), headers, content)))
        try:
            response = self._connections.request(request.method, url, headers=headers, content=content)
        except (httpx.HTTPError, httpx.StreamError) as error:
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            if tell:
                tell(debugging.lost(reason, self._clock() - began))
            raise Lost(request.client_request_id, reason, sent=not isinstance(error, _UNSENT)) from error
        if tell:
            lines = debugging.answered(
                response.status_code, self._clock() - began, response.headers, response.content
            )
            tell("\n".join(lines))
        return response

    def _url(self, link: str) -> httpx.URL:
        if link.startswith("/"):
            return _parsed(self.root + link)
        url = _parsed(link)
        if _origin(url) != self._origin or url.userinfo:
            raise DirectoryError("foreign-link", url=path_of(link), host=url.host)
        return url


def _parsed(link: str) -> httpx.URL:
    try:
        return httpx.URL(link)
    except httpx.InvalidURL as error:
        raise DirectoryError("foreign-link", url=path_of(link), host=None) from error


def _is_microsofts(url: httpx.URL) -> bool:
    """Tell whether files of reports may stand there."""
    return url.scheme == "https" and url.host.endswith(".office.com") and not url.userinfo


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or _DEFAULT_PORTS.get(url.scheme)
