"""How does the folder come to be that holds the sandbox and the journal?

Both hold people's names and licences, so that nobody else may look into it. Which folder it is, the
command line decides; what lies in it, the parts that write there.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def make(home: Path) -> None:
    """Make the folder, closed to others, where there is none; one that exists stays as it is.

    Raises UsageError("home-unusable").
    """
    try:
        home.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError("home-unusable", path=str(home), reason=error.strerror or str(error)) from error


def make_file(path: Path) -> None:
    """Make an empty file that only its owner may read, where there is none. Raises OSError.

    One that exists is never opened: to close it again would take SQLite's locks on it from this process.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE))
