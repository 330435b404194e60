"""How do the tests run the command line? In process for speed, as a process where that is the point."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.cli import main


@dataclass(frozen=True)
class Ran:
    """What one run of the command line left behind."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def workdir(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder, with nothing in the environment that would name another."""
    monkeypatch.chdir(tmp_path)
    for name in ("RECONCILER_HOME", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def run(capsys):
    """Run one command line in this process."""

    def run(*argv: object) -> Ran:
        capsys.readouterr()
        code = main([str(arg) for arg in argv])
        seen = capsys.readouterr()
        return Ran(code, seen.out, seen.err)

    return run


@pytest.fixture
def process(workdir):
    """Run one command line as a process of its own, its streams in pipes."""

    def process(*argv: object, **more) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *map(str, argv)],
            check=False,
            cwd=workdir,
            env=os.environ | more.pop("env", {}),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            **more,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return process
