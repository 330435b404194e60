"""How is the cyclic garbage collector kept from slowing a decode down?

It would walk every value made so far again and again, and nothing made of JSON is cyclic. Only a decode
is worth the pause: an HTTP answer is a cycle, and would stay for as long as the collector does not run.
"""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_lock = threading.Lock()
_pauses = 0


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the cyclic garbage collector off, also where several threads ask for it."""
    global _pauses  # noqa: PLW0603  the collector is the process's, so is the count
    with _lock:
        if _pauses == 0 and not gc.isenabled():
            own = False
        else:
            own = True
            _pauses += 1
            gc.disable()
    try:
        yield
    finally:
        if own:
            with _lock:
                _pauses -= 1
                if _pauses == 0:
                    gc.enable()
