"""How do faults reach a client in the same process?

httpx's transport for a WSGI application, where a severed connection is what httpx makes of one on a real
wire. The only module of the sandbox that knows httpx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from reconciler.sandbox.faults.layer import Severed

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

_ERRORS: dict[str, httpx.TransportError] = {
    "dns": httpx.ConnectError("[Errno -2] Name or service not known"),
    "refused": httpx.ConnectError("[Errno 111] Connection refused"),
    "connect-timeout": httpx.ConnectTimeout("timed out"),
    "tls": httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
    "reset-sending": httpx.WriteError("[Errno 32] Broken pipe"),
    "reset": httpx.ReadError("[Errno 104] Connection reset by peer"),
    "timeout": httpx.ReadTimeout("The read operation timed out"),
    "cut": httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
}


class Wire(httpx.BaseTransport):
    """A way to an application in this process, on which connections break."""

    def __init__(self, app: WSGIApplication) -> None:
        self._inner = httpx.WSGITransport(app=app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer; raises what a broken connection raises."""
        try:
            return self._inner.handle_request(request)
        except Severed as severed:
            raise type(_ERRORS[severed.kind])(str(_ERRORS[severed.kind]), request=request) from None
