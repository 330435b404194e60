"""What do an earlier revision and a file of guard rails say, where the author of a change can't alter it?

Reads the files of the desired state as git has them, through git itself, and the file that `--guardrails`
names. What they say is config's to understand, and what follows from it planning's to decide.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reconciler import regular
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

ELSEWHERE = frozenset(
    {
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_COMMON_DIR",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
    }
)
"""What would let git look at another repository than that of the working folder."""

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
            document = baselines.read(contents, whole=True, beside=partial(_beside, revision))
            found.append(Trusted(revision, document, whole=True))
        else:
            names = ", ".join(path.as_posix() for path in files)
            missing = output.shown(f"{revision} has no {names} yet")
            output.notice(f"{missing}: there are no guard rails to compare with.")
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
        regular.check(path)
        return path.read_bytes()
    except OSError as error:
        raise UsageError("unreadable-file", path=str(path), reason=error.strerror or str(error)) from error


# ------------------------------------------------------------ git


def at(revision: str, files: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file, and of those in each folder, as a revision has them.

    What a path means now does not count: the author of a change may have put a folder, a link or another
    repository there.
    """
    from reconciler.config.files import SUFFIXES

    repository = _repository()
    commit = _commit(repository, revision)
    for path in files:
        for mode, kind, blob, _ in _listed(repository, commit, _inside(repository, path)):
            if kind != "tree":
                yield _file(repository, revision, mode, blob, path.as_posix())
                continue
            for inner_mode, inner_kind, inner_blob, name in _listed(repository, blob, None):
                if inner_kind != "tree" and Path(name).suffix in SUFFIXES:
                    shown = (path / name).as_posix()
                    yield _file(repository, revision, inner_mode, inner_blob, shown)


def _beside(revision: str, file: str, path: str) -> bytes | None:
    """Return what the revision has at a path from the folder of one of its files on; None: no file."""
    repository = _repository()
    inside = _inside(repository, Path(file.removeprefix(f"{revision}:")).parent / path)
    for mode, _, blob, _ in _listed(repository, _commit(repository, revision), inside):
        if mode in REGULAR:
            return _sound(_asked(repository, "cat-file", "blob", blob))
    return None


class Repository(NamedTuple):
    """The folder that git works in, and the one where it keeps what it knows."""

    top: Path
    git: Path


def _repository() -> Repository:
    """Return the repository of the working folder; raises UsageError.

    Found once, by `.git`: a bare one, which a change could bring along as files, is none.
    """
    if shutil.which("git") is None:
        raise UsageError("no-git")
    here = Path.cwd()
    found = _run(here, "rev-parse", "--show-toplevel", "--absolute-git-dir")
    if found.returncode and b"not a git repository" not in found.stderr:
        _git(here, "rev-parse", "--show-toplevel")
    places = found.stdout.decode("utf-8", "surrogateescape").splitlines()
    if found.returncode or len(places) != 2 or not os.path.lexists(Path(places[0], ".git")):  # noqa: PLR2004
        raise UsageError("no-repository", path=here.resolve().as_posix())
    return Repository(*map(Path, places))


def _inside(repository: Repository, path: Path) -> str:
    """Return a path as the repository names it, by its words alone: no link is followed."""
    inside = os.path.relpath(os.path.normpath(Path.cwd().resolve() / path), repository.top.resolve())
    if Path(inside).parts[:1] == (os.pardir,):
        raise UsageError("no-repository", path=path.as_posix())
    return Path(inside).as_posix()


def _commit(repository: Repository, revision: str) -> str:
    """Return the id of the commit that a revision means; raises UsageError."""
    wanted = f"{revision}^{{commit}}"
    found = _asked(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
    if not found.stdout.strip():
        raise UsageError("unknown-revision", revision=revision)
    return found.stdout.decode().strip()


def _listed(repository: Repository, tree: str, inside: str | None) -> Iterator[tuple[str, str, str, str]]:
    """Yield mode, kind, id and name of what a tree holds; `inside`: of that path alone."""
    if inside == ".":
        yield "040000", "tree", tree, "."
        return
    named = () if inside is None else ("--", inside)
    done = _asked(repository, "ls-tree", "-z", tree, *named)
    for entry in filter(None, _sound(done).decode("utf-8", "surrogateescape").split("\0")):
        about, _, name = entry.partition("\t")
        mode, kind, blob = about.split()
        yield mode, kind, blob, name


def _file(repository: Repository, revision: str, mode: str, blob: str, shown: str) -> tuple[str, bytes]:
    if mode not in REGULAR:
        raise UsageError("revision-no-file", revision=revision, path=shown)
    return shown, _sound(_asked(repository, "cat-file", "blob", blob))


def _asked(repository: Repository, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return _run(repository.top, f"--git-dir={repository.git}", f"--work-tree={repository.top}", *arguments)


def _git(folder: Path, *arguments: str) -> bytes:
    return _sound(_run(folder, *arguments))


def _sound(done: subprocess.CompletedProcess[bytes]) -> bytes:
    """Return what git printed; raises UsageError with what it complains of."""
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        raise UsageError("git-failed", reason=reason or f"exit code {done.returncode}")
    return done.stdout


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder; what it reads is data.

    No hook, filter or pager of the repository runs, nothing is fetched, and no bare repository is found:
    any of these could start a program that the author of a change names.
    """
    quiet = {
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    kept = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    safe = ("-c", "core.fsmonitor=false", "-c", "safe.bareRepository=explicit", "-c", "protocol.allow=never")
    try:
        return subprocess.run(  # noqa: S603  fixed commands; a revision can't be taken for an option
            ["git", *safe, *arguments],  # noqa: S607  whichever git the user has
            cwd=folder,
            env=kept | quiet,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise UsageError("git-failed", reason=str(error)) from error
