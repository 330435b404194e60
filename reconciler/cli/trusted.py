"""What do an earlier revision and a file of guard rails say, where the author of a change can't alter it?

Reads the files of the desired state as git has them, through git itself, and the file that `--guardrails`
names. What they say is config's to understand, and what follows from it planning's to decide.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reconciler.cli import output
from reconciler.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.catalog import Catalog
    from reconciler.config import Document
    from reconciler.model import Baseline, Sku
    from reconciler.plan import Plan

SECONDS = 60
"""So long git may take: it reads a few files of this computer."""

REGULAR = ("100644", "100755")
"""Modes of what git keeps as a file; a link has another."""


class Trusted(NamedTuple):
    """What one place says; `whole`: a desired state, not guard rails alone."""

    name: str
    document: Document
    whole: bool

    def baseline(self, skus: Sequence[Sku], catalog: Catalog) -> Baseline:
        """Return it, with names resolved."""
        from reconciler.config import baselines

        return baselines.resolve(self.document, skus, catalog, self.name, whole=self.whole)


def read(files: Sequence[Path], revision: str | None, rails: Path | None) -> tuple[Trusted, ...]:
    """Return what the places say that the command line names.

    Raises UsageError where git, the revision or the file can't be read, ConfigError where what is compared
    can't be understood. Where the revision has none of the files there is nothing to compare with: the
    desired state is new.
    """
    from reconciler.config import baselines

    found = []
    if revision is not None:
        contents = {f"{revision}:{name}": text for name, text in at(revision, files)}
        if contents:
            found.append(Trusted(revision, baselines.read(contents, whole=True), whole=True))
        else:
            names = ", ".join(path.as_posix() for path in files)
            output.notice(f"{revision} has no {names} yet: there are no guard rails to compare with.")
    if rails is not None:
        name = rails.as_posix()
        found.append(Trusted(name, baselines.read({name: _content(rails)}, whole=False), whole=False))
    return tuple(found)


def bind(plan: Plan, rails: Path) -> None:
    """Return if a saved plan was made under the rails of a file, or stricter ones; else raise RefusedError.

    Raises UsageError and ConfigError as `read` does.
    """
    from reconciler import catalog as catalogue
    from reconciler.model import Sku
    from reconciler.planning import baseline

    (place,) = read((), None, rails)
    skus = [Sku(id=row.sku_id, part_number=row.sku) for row in plan.seats]
    catalog = catalogue.load()
    looser = baseline.looser(plan, place.baseline(skus, catalog), catalog)
    if looser:
        raise RefusedError("looser-rails", path=place.name, settings=looser)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError("unreadable-file", path=str(path), reason=error.strerror or str(error)) from error


# ------------------------------------------------------------ git


def at(revision: str, files: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file, and of those in each folder, as a revision has them."""
    from reconciler.config.files import SUFFIXES

    for path in files:
        folder, named = (path, ()) if path.is_dir() else (path.parent, ("--", path.name))
        listed = _git(folder, "ls-tree", "-z", _commit(folder, revision), *named)
        for entry in filter(None, listed.decode("utf-8", "surrogateescape").split("\0")):
            about, _, name = entry.partition("\t")
            mode, kind, blob = about.split()
            if not named and (kind == "tree" or Path(name).suffix not in SUFFIXES):
                continue
            shown = (folder / name).as_posix()
            if mode not in REGULAR:
                raise UsageError("revision-no-file", revision=revision, path=shown)
            yield shown, _git(folder, "cat-file", "blob", blob)


def _commit(folder: Path, revision: str) -> str:
    """Return the id of the commit that a revision means; raises UsageError."""
    if shutil.which("git") is None:
        raise UsageError("no-git")
    inside = _run(folder, "rev-parse", "--is-inside-work-tree")
    if inside.returncode and b"not a git repository" not in inside.stderr:
        _git(folder, "rev-parse", "--is-inside-work-tree")
    if inside.stdout.strip() != b"true":
        raise UsageError("no-repository", path=folder.resolve().as_posix())
    found = _run(
        folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    ).stdout.decode()
    if not found.strip():
        raise UsageError("unknown-revision", revision=revision)
    return found.strip()


def _git(folder: Path, *arguments: str) -> bytes:
    done = _run(folder, *arguments)
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        raise UsageError("git-failed", reason=reason or f"exit code {done.returncode}")
    return done.stdout


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder; what it reads is data: no hook, filter or pager of the repository runs."""
    quiet = {
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    try:
        return subprocess.run(  # noqa: S603  fixed commands; a revision can't be taken for an option
            ["git", "-c", "core.fsmonitor=false", *arguments],  # noqa: S607  whichever git the user has
            cwd=folder,
            env={**os.environ, **quiet},
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise UsageError("git-failed", reason=str(error)) from error
