"""What happens when somebody types `reconciler …`? One small module per command.

Each command's module holds its click command under the name `command`. This package is the only
place that prints and that decides an exit code; it computes nothing about a tenant itself.
"""

from reconciler.cli.entry import main

__all__ = ["main"]
