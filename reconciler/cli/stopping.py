"""What happens when somebody presses Ctrl-C, or a pipeline is cancelled, while changes are sent?

The first signal asks the run to stop: what is in flight is waited for and written down. A second
Ctrl-C ends the process at once; the journal still tells what had been sent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    Handler = signal.Handlers | int | None

INTERRUPTED = 130
ASKED = "\nStopping: waiting for what is in flight. Press Ctrl-C again to end at once.\n"
ENDED = "\nEnded at once: some outcomes are unknown; `reconciler apply --resume` finds out, and goes on.\n"


@contextlib.contextmanager
def on_signal() -> Iterator[threading.Event]:
    """Yield an event that SIGINT and SIGTERM set; the former handlers come back at the end."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, _: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            _say(ENDED)
            os._exit(INTERRUPTED)
        if not stop.is_set():
            _say(ASKED)
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    """Write past Python's buffers, which a signal may have caught in the middle of a line."""
    with contextlib.suppress(OSError):
        os.write(2, text.encode())
