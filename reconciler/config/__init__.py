"""What do the files say that a tenant shall be? tenant.yaml → Desired, or every problem with its place.

`read` and then `resolve` is the whole way; both raise ConfigError with all the problems that they can
see. Nothing here reads a tenant, and nothing here words a problem (report.problems does).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.config import baselines, checks, document
from reconciler.config.desired import check_names, resolve
from reconciler.config.document import Document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Document", "baselines", "check_names", "load", "read", "resolve"]


def read(paths: Sequence[Path], instead: Mapping[Path, bytes] | None = None) -> Document:
    """Return the desired state as the files have it, checked as far as no tenant is needed.

    `instead` holds contents that shall be taken for those of files. Raises UsageError where a path can't
    be read, ConfigError with every problem of all files.
    """
    read_ = load(paths, instead)
    document.raise_for(read_.problems)
    return read_


def load(paths: Sequence[Path], instead: Mapping[Path, bytes] | None = None) -> Document:
    """Return the same without raising ConfigError: what is wrong stands in `problems`.

    `resolve` and `check_names` then tell those together with their own, so that one run shows all.
    """
    with document.paused_collection():
        loaded = document.load(paths, instead)
        loaded.problems.extend(checks.check(loaded))
    return loaded
