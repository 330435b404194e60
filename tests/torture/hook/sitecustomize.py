"""Kill this very process at one of its boundaries; put on PYTHONPATH by the torture tests, never shipped.

TORTURE names the boundary ("fsync-after:7"), TORTURE_LOG a file that gets a line for each one passed. A
boundary lies before, inside and after each fsync, and before and after each request.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

_target, _, _number = os.environ.get("TORTURE", "").partition(":")
_log = os.environ.get("TORTURE_LOG")
_counts = {}
_turn = threading.Lock()


def _is_journal(descriptor):
    try:
        return Path(f"/proc/self/fd/{descriptor}").readlink().name == "journal.jsonl"
    except OSError:
        return False


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _here(kind):
    """Count a boundary; tell whether it is the one."""
    with _turn:
        number = _counts[kind] = _counts.get(kind, 0) + 1
        if _log:
            with Path(_log).open("a", encoding="utf-8") as file:
                file.write(f"{kind}:{number}\n")
    return _target == kind and number == int(_number)


def _around_disk():
    write, fsync = os.write, os.fsync

    def torn(descriptor, data):
        if _is_journal(descriptor) and _here("torn"):
            write(descriptor, bytes(data)[: len(data) * 2 // 3])
            _die()
        return write(descriptor, data)

    def kept(descriptor):
        if _here("fsync-before"):
            _die()
        fsync(descriptor)
        if _here("fsync-after"):
            _die()

    os.write, os.fsync = torn, kept


def _around_wire():
    import httpx  # noqa: PLC0415  only where something is to happen

    handle = httpx.HTTPTransport.handle_request

    def handled(self, request):
        if _here("request-before"):
            _die()
        response = handle(self, request)
        response.read()
        if _here("request-after"):
            _die()
        return response

    httpx.HTTPTransport.handle_request = handled


def _warp():
    ahead = 0.0
    clock, monotonic, pause = time.time, time.monotonic, time.sleep

    def sleep(seconds):
        nonlocal ahead
        if seconds < 0.1:  # somebody waits for another process
            pause(seconds)
        else:
            ahead += seconds

    time.sleep = sleep
    time.time = lambda: clock() + ahead
    time.monotonic = lambda: monotonic() + ahead


if os.environ.get("TORTURE_WARP"):
    _warp()
if _target or _log:
    _around_disk()
    _around_wire()
    sys.dont_write_bytecode = True
