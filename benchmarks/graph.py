"""How many requests, and how much time, do plan and apply take over HTTP?

A sandbox of N users is served on a port of this computer, as a process of its own; this one plans and
applies as the command does, and counts what goes over the wire. The plan gives every member one licence
more. Beside it stands what the licence resources of terraform-provider-azuread would need at least: one
request for each licence to plan, eight to create one. Prints a Markdown table.

    python benchmarks/graph.py [--users 1000 10000]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from reconciler import apply, catalog, config, journal, sandbox
from reconciler.directory import Directory
from reconciler.model import Options
from reconciler.planning import make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.plan import Plan

GENERATE = Path(__file__).with_name("generate.py")
DESIRED = """\
version: 1
tenant: {domain: contoso.com}
rules:
  - {name: everybody, when: {user_type: Member, enabled: true}, licenses: [POWER_BI_PRO]}
"""
TO_PLAN, TO_CREATE = 1, 8
"""Requests of terraform-provider-azuread for one licence that is managed, and for one that is new."""


class Counting(httpx.HTTPTransport):
    """Counts what goes over the wire: requests, and the writes in them."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Count one request and send it."""
        self.counts["requests"] += 1
        self.counts["writes"] += request.content.count(b'"method":"POST"')
        return super().handle_request(request)


@contextmanager
def served(home: Path) -> Iterator[str]:
    """Serve the sandbox in `home` and yield its URL."""
    code = (
        "import sys; from pathlib import Path; from reconciler import sandbox;"
        "sandbox.serve(Path(sys.argv[1]), 0, on_ready=lambda url: print(url, flush=True))"
    )
    command = [sys.executable, "-c", code, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own code
        try:
            assert process.stdout  # noqa: S101  a pipe was asked for
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def planned(directory: Directory, folder: Path) -> Plan:
    """Read both states and return the plan, as the command does."""
    facts = catalog.load()
    with chdir(folder):
        document = config.read([Path("tenant.yaml")])
    current = directory.read(document.named_groups, document.fields)
    desired = config.resolve(document, current.skus, facts)
    return make_plan(desired, current, directory.actor(), facts, Options(now=current.taken_at))


def applied(plan: Plan, directory: Directory, folder: Path) -> apply.Run:
    """Carry a plan out, on record."""
    with journal.Journal(journal.path_in(folder)) as record:
        record.begin(
            tool_version=plan.tool_version,
            plan_digest="sha256:0",
            desired_digest=plan.desired_digest,
            tenant=plan.tenant,
            actor=plan.actor,
            options={},
            changes=len(plan.ready),
        )
        return apply.run(plan, directory, record, on_result=lambda _: None)


def seats_for_all(snapshot: Path, users: int) -> None:
    """Let the tenant of a snapshot own a seat of what is assigned for everybody."""
    state = json.loads(snapshot.read_text(encoding="utf-8"))
    for sku in state["subscribedSkus"]:
        if sku["skuPartNumber"] == "POWER_BI_PRO":
            sku["prepaidUnits"]["enabled"] = users
    snapshot.write_text(json.dumps(state), encoding="utf-8")


def measure(users: int) -> Iterator[str]:
    """Yield the rows of the table for a tenant of so many users."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(  # noqa: S603  this project's own script
            [sys.executable, str(GENERATE), "--users", str(users), name], check=True, capture_output=True
        )
        (folder / "tenant.yaml").write_text(DESIRED, encoding="utf-8")
        seats_for_all(folder / "state.json", users)
        sandbox.load(folder / "home", folder / "state.json")
        wire = Counting()
        with (
            served(folder / "home") as url,
            Directory(base_url=f"{url}/v1.0", token=lambda: "sandbox", transport=wire) as directory,
        ):

            def row(step: str, start: float, changes: int, theirs: int) -> str:
                seconds, counts = time.perf_counter() - start, wire.counts.copy()
                wire.counts.clear()
                return (
                    f"| {users:,} | {step} | {changes:,} | {counts['requests']:,} | {counts['writes']:,}"
                    f" | {seconds:.1f} s | {theirs:,} |"
                )

            start = time.perf_counter()
            plan = planned(directory, folder)
            yield row("plan", start, len(plan.ready), users * TO_PLAN)
            start = time.perf_counter()
            run = applied(plan, directory, folder)
            done = sum(result.status == "done" for result in run.results)
            yield row("apply", start, done, len(plan.ready) * TO_CREATE)
            start = time.perf_counter()
            yield row("plan again", start, len(planned(directory, folder).ready), users * TO_PLAN)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, nargs="+", default=[1_000, 10_000])
    print("| users | step | changes | requests | writes | time | requests of azuread, at least |")
    print("|---|---|---|---|---|---|---|")
    for users in parser.parse_args().users:
        for row in measure(users):
            print(row, flush=True)


if __name__ == "__main__":
    main()
