"""Which ways can a run end other than well? Data only; the sentences are made in report.

Nothing here prints, and nothing here knows an exit code: cli holds the one table that maps these
classes to exit codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model import Problem


class ReconcilerError(Exception):
    """Base of every error that a user may see.

    `code` is stable and kebab-case; `params` are the values that the sentence names.
    """

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params: dict[str, Any] = params

    def __str__(self) -> str:
        """Return code and params for logs; report makes the sentence for people."""
        return f"{self.code} {self.params}" if self.params else self.code


class UsageError(ReconcilerError):
    """The command line, a file or a saved plan can't be used as it is (exit code 1)."""


class ConfigError(ReconcilerError):
    """`tenant.yaml` has problems; `problems` holds all of them, sorted by position (exit code 1)."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("config", count=len(problems))
        self.problems = tuple(problems)


class DirectoryError(ReconcilerError):
    """The tenant could not be read, or answered with an error that ends the run (exit code 1)."""


class RefusedError(ReconcilerError):
    """Apply refused before any write: guard rail, wrong, altered or expired plan (exit code 3)."""
