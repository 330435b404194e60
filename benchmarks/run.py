"""How long does a plan take, and how much memory, for a tenant of N users?

Every figure is that of a whole process from its start to its end, as a person or a CI job waits for
it: `reconciler plan` from `tenant.yaml` and a snapshot, and `reconciler --help`. Prints a Markdown
table. Generating a tenant happens in a process of its own, for a reason: see `measure`.

    python benchmarks/run.py [--users 1000 10000 100000] [--runs 5]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

GENERATE = Path(__file__).with_name("generate.py")
AT = "2026-11-24T02:00:00Z"  # the instant of the generated snapshots
SIZES = (1_000, 10_000, 100_000)


@dataclass(frozen=True, slots=True)
class Figures:
    """Wall times in seconds, one a run, and the largest resident memory of any run in bytes."""

    seconds: tuple[float, ...]
    peak: int

    def row(self, what: str) -> str:
        """Return these figures as a row of the table."""
        middle, least, most = statistics.median(self.seconds), min(self.seconds), max(self.seconds)
        wall = f"{middle:.2f} s | {least:.2f} to {most:.2f} s"
        return f"| {what} | {len(self.seconds)} | {wall} | {self.peak / 1_000_000:.0f} MB |"


def measure(arguments: list[str], *, folder: Path, runs: int) -> Figures:
    """Run `reconciler` with `arguments` in `folder`, `runs` times, each in a new process.

    Raises RuntimeError where a run fails. The kernel counts a child's peak from the fork on, so the
    memory of this process is a floor under the figure: it must stay small, and imports no product code.
    """
    seconds, peaks = [], []
    environment = {**os.environ, "RECONCILER_HOME": str(folder / ".reconciler"), "NO_COLOR": "1"}
    for _ in range(runs):
        errors = folder / "errors.txt"
        with errors.open("wb") as stderr:
            start = time.perf_counter()
            process = subprocess.Popen(  # noqa: S603  this project's own command
                [sys.executable, "-m", "reconciler", *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds.append(time.perf_counter() - start)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError(
                f"reconciler {' '.join(arguments)}: {process.returncode}\n{errors.read_text()}"
            )
        peaks.append(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
    return Figures(tuple(seconds), max(peaks))


def plan(users: int, *, folder: Path, runs: int) -> Figures:
    """Measure a plan for a generated tenant of `users` users, and check that plan."""
    subprocess.run(  # noqa: S603  the generator beside this file
        [sys.executable, str(GENERATE), str(folder), "--users", str(users)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    command = ["plan", "-f", "tenant.yaml", "--snapshot", "state.json", "--out", "plan.json", "--at", AT]
    figures = measure(command, folder=folder, runs=runs)
    made = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    if len(made["changes"]) < users // 100 or made["conflicts"] or made["refusals"]:
        raise RuntimeError(
            f"the plan for {users} users is not the one that was to be measured: {made['summary']}"
        )
    return figures


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time and memory of cold plans.")
    parser.add_argument("--users", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(f"Python {platform.python_version()}, {machine}\n")
    print("| command | runs | median | range | peak memory |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as scratch:
        print(measure(["--help"], folder=Path(scratch), runs=arguments.runs).row("`reconciler --help`"))
        for users in arguments.users:
            folder = Path(scratch) / str(users)
            row = plan(users, folder=folder, runs=arguments.runs).row(f"`reconciler plan`, {users:,} users")
            print(row, flush=True)


if __name__ == "__main__":
    main()
