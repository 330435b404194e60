"""How is a tenant read, and how is one change carried to it? Through Microsoft Graph, and nothing else.

Nothing here knows which tenant answers (a live one or the sandbox): base URL, token and transport
are given. Nothing here decides what to change. Names are resolved on first use, so that reading a
snapshot does not load the HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.directory import snapshot
    from reconciler.directory.client import Directory
    from reconciler.directory.outcome import Outcome, Write

__all__ = ["Directory", "Outcome", "Write", "snapshot"]

_HOME = {
    "Directory": "reconciler.directory.client",
    "Outcome": "reconciler.directory.outcome",
    "Write": "reconciler.directory.outcome",
}


def __getattr__(name: str) -> object:
    """Import what is asked for (PEP 562)."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name == "snapshot":
        return import_module("reconciler.directory.snapshot")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
