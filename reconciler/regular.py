"""Is what a path names a file that comes to an end?

A pipe, a terminal or a device may have a reader wait, or read, without end, and gives its content once; a
link in a reviewed folder may lead to one. This is asked before a path is opened; it reads nothing itself.
"""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def check(path: Path) -> None:
    """Raise OSError where there is nothing, or a pipe or a device; of a folder, whoever opens it tells."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "it is a pipe or a device, and has to be a file", str(path))
