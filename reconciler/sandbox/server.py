"""How does the tenant come to a port of this computer?

Waitress on 127.0.0.1 and nowhere else, until Ctrl-C or SIGTERM. What is answered is decided in face.py.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import TYPE_CHECKING

import waitress  # type: ignore[import-untyped]  # it ships no types
from waitress.channel import ClientDisconnected  # type: ignore[import-untyped]

from reconciler.errors import UsageError
from reconciler.sandbox.faults.layer import Severed
from reconciler.sandbox.wire import MAX_BODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"
THREADS = 16


def run(app: WSGIApplication, port: int, on_ready: Callable[[str], object]) -> None:
    """Serve until interrupted; `on_ready` gets the URL of the server. Port 0 takes any free one.

    Raises UsageError("port-in-use") where another program has the port.
    """
    with _listening(port) as listener:
        server = waitress.create_server(
            _severing(app),
            sockets=[listener],
            threads=THREADS,
            ident="reconciler-sandbox",
            max_request_body_size=16 * MAX_BODY,  # up to there the refusal is in Graph's form
            clear_untrusted_proxy_headers=True,
        )
        before = _on_terminate(_interrupt)
        try:
            on_ready(f"http://{HOST}:{server.effective_port}")
            server.run()
        except KeyboardInterrupt:
            pass  # Ctrl-C before the loop: waitress takes it itself once it runs
        finally:
            server.close()
            if before is not None:
                signal.signal(signal.SIGTERM, before)


def _severing(app: WSGIApplication) -> WSGIApplication:
    """Return the application so that a connection that shall break does: it ends without an answer."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except Severed as severed:
            raise ClientDisconnected from severed

    return answer


def _listening(port: int) -> socket.socket:
    """Return a socket bound to the port of this computer alone."""
    listener = socket.socket()
    try:
        if os.name == "posix":  # elsewhere this would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise UsageError("port-in-use", port=port, what=error.strerror or str(error)) from error
    return listener


def _on_terminate(handler: Callable[[int, FrameType | None], None]) -> signal._HANDLER:
    """Let SIGTERM end the server as Ctrl-C does, where this thread may decide that."""
    if threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(signal.SIGTERM, handler)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
