"""What is said where an earlier revision, or a file of guard rails, can't be used?

One function per code, one table at the end; to add a code, copy the nearest function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.rail_words import loosened

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.report.phrases import Facts


def _git_failed(f: Facts) -> str:
    return f"git can't tell what the revision holds (`--base-ref`): {f.text('reason').rstrip('.')}."


def _no_git(_: Facts) -> str:
    return (
        "`--base-ref` reads the files of a revision through git, and there is no `git` on this computer's "
        "path. Install it, or name a trusted file with `--guardrails`."
    )


def _no_repository(f: Facts) -> str:
    return (
        f"{f.text('path')} is in no git repository, so `--base-ref` has no revision to read. "
        "Run it where the files are checked out, or name a trusted file with `--guardrails`."
    )


def _unknown_revision(f: Facts) -> str:
    return (
        f"git knows no revision {f.text('revision')} here (`--base-ref`). A checkout in CI often holds "
        "the last commit alone: fetch the branch first, such as `git fetch origin main` for origin/main."
    )


def _revision_no_file(f: Facts) -> str:
    return (
        f"{f.text('path')} is not a file in {f.text('revision')} (`--base-ref`): a folder, a link or a "
        "submodule can't be compared. Name the files themselves with -f."
    )


def _no_guardrails(f: Facts) -> str:
    return (
        f"{f.text('path')} has no `guardrails`, so it limits nothing (`--guardrails`). It looks like this: "
        "`version: 1` on a line, then `guardrails:` with the limits, as in tenant.yaml."
    )


def _looser_rails(f: Facts) -> str:
    found = "; ".join(loosened(row) for row in f.rows("settings"))
    return (
        f"the plan was made under looser guard rails than those of {f.text('path')} (`--guardrails`): "
        f"{found}. Nothing was written. Plan again with the same `--guardrails`."
    )


USAGE: dict[str, Callable[[Facts], str]] = {
    "git-failed": _git_failed,
    "no-git": _no_git,
    "no-guardrails": _no_guardrails,
    "no-repository": _no_repository,
    "revision-no-file": _revision_no_file,
    "unknown-revision": _unknown_revision,
}
"""Code of a UsageError → what is said of it."""

REFUSED: dict[str, Callable[[Facts], str]] = {"looser-rails": _looser_rails}
"""Code of a RefusedError → what is said of it."""
