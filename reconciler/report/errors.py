"""What does a reader learn when a run ends with an error?

The one entry to the sentences of all errors: what happened, and what to do next. A code that is not
known is told as it stands; nothing here fails, since it runs when something has failed.
"""

from __future__ import annotations

from reconciler.errors import ConfigError, DirectoryError, ReconcilerError, RefusedError
from reconciler.report.directory_errors import DIRECTORY
from reconciler.report.phrases import Facts
from reconciler.report.problems import tally
from reconciler.report.refused_errors import REFUSED, REFUSED_WITH_STRUCTS
from reconciler.report.sanitize import clean
from reconciler.report.usage_errors import USAGE


def sentence(error: ReconcilerError) -> str:
    """Return what to tell a reader about `error`: clean text, one line unless it lists changes."""
    if isinstance(error, ConfigError):
        return f"the desired state has {tally(error.problems)}; nothing was planned."
    if isinstance(error, RefusedError) and error.code in REFUSED_WITH_STRUCTS:
        return REFUSED_WITH_STRUCTS[error.code](error)
    if isinstance(error, RefusedError):
        table = REFUSED
    else:
        table = DIRECTORY if isinstance(error, DirectoryError) else USAGE
    facts = Facts(error.params)
    if error.code in table:
        return table[error.code](facts)
    listed = facts.listed()
    return f"{clean(error.code)}{f' ({listed})' if listed else ''}."
