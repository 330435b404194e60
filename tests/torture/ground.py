"""A tenant that is served to real processes, and what must hold of it whatever became of them.

The tenant is that of the fault campaign (tests/faults/scene.py): a plan of 26 changes of every kind. It is
served by the sandbox's own server, in a thread of the tests, so that what it carried out is on record; its
clock starts where that tenant's does. Reconciler runs as processes of its own, and signs in by a stand-in
for the Azure CLI.
"""

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from reconciler import journal, sandbox
from reconciler.directory import Directory
from reconciler.report import document
from reconciler.sandbox import server
from reconciler.sandbox.faults.wire import Wire
from tests.faults import invariants, scene

HOOK = Path(__file__).parent / "hook"
SECONDS = 120
"""No process may take longer."""

APPLY = ("apply", "plan.json", "--auto-approve", "--partial", "--parallelism", "1")
RESUME = ("apply", "--resume", "--parallelism", "1")
PARTLY = 4
"""Exit code of a run that did all it could: two changes of the plan are blocked."""


class _Served:
    """The one server of this process: it answers with whichever tenant stands behind it."""

    def __init__(self):
        self.tenant = None
        self.on_request = lambda: None
        self._busy = 0
        self._idle = threading.Condition()
        ready = threading.Event()

        def told(url):
            self.url = url
            ready.set()

        threading.Thread(target=lambda: server.run(self, 0, told), daemon=True).start()
        if not ready.wait(SECONDS):
            raise TimeoutError

    def __call__(self, environ, start_response):
        """Answer a request (WSGI), and tell of it before."""
        with self._idle:
            self._busy += 1
        try:
            self.on_request()
            return self.tenant(environ, start_response)
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def settle(self):
        """Wait until everything that arrived is carried out: whoever sent it may be dead."""
        with self._idle:
            if not self._idle.wait_for(lambda: not self._busy, SECONDS):
                raise TimeoutError


@functools.cache
def served():
    """Return the server."""
    return _Served()


class Ground:
    """One tenant, and a folder in which commands run. A context manager."""

    def __init__(self, faults=scene.CALM):
        self._folder = tempfile.TemporaryDirectory(prefix="reconciler-torture-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        tenant = self.folder / "tenant"
        shutil.copytree(scene.prepared(), tenant)
        shutil.copy(tenant / "tenant.yaml", self.folder)
        self._ahead = timedelta(0) - timedelta(seconds=time.monotonic())
        self.layer = sandbox.app(tenant, clock=self.clock, faults=faults)
        self.journal = self.folder / "home" / "journal.jsonl"
        az = self.folder / "az"
        token = json.dumps({"accessToken": "sandbox", "expires_on": 4_000_000_000})
        az.write_text(f"#!/bin/sh\necho '{token}'\n")
        az.chmod(0o755)

    def __enter__(self):
        served().tenant = self.layer
        served().on_request = lambda: None
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def clock(self):
        """Return the tenant's time."""
        return scene.START + self._ahead + timedelta(seconds=time.monotonic())

    def later(self, **span):
        """Let time pass for the tenant, at once."""
        self._ahead += timedelta(**span)

    def start(self, *command, kill="", log=None, warp=False):
        """Start a command, to be killed at a boundary or with pauses that take no time."""
        env = {
            "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}",
            "RECONCILER_HOME": str(self.folder / "home"),
            "RECONCILER_GRAPH_URL": served().url,
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:1",
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }
        hooks = {"TORTURE": kill, "TORTURE_LOG": str(log or ""), "TORTURE_WARP": "1" if warp else ""}
        if any(hooks.values()):
            env |= {"PYTHONPATH": f"{HOOK}{os.pathsep}{env['PYTHONPATH']}"} | hooks
        process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", *command],
            cwd=self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        kind, _, number = kill.partition(":")
        if kind == "request-received":
            served().on_request = _killing(process, int(number))
        return process

    def run(self, *command, **more):
        """Run a command to its end, whichever that is; return its exit code, output and errors."""
        process = self.start(*command, **more)
        out, err = process.communicate(timeout=SECONDS)
        served().on_request = lambda: None
        served().settle()
        return process.returncode, out, err

    # ------------------------------------------------------------ what is known

    @property
    def runs(self):
        """Return the runs on record."""
        return journal.runs(self.journal)

    def plan(self):
        """Return the saved plan."""
        return document.parse((self.folder / "plan.json").read_text("utf-8"), Path("plan.json")).plan

    def state(self):
        """Return what the tenant holds, in words that are the same in each run."""
        self.layer.change(scene.CALM)
        self.directory = Directory(
            base_url="https://sandbox.invalid/v1.0", token=lambda: "sandbox", transport=Wire(self.layer)
        )
        with contextlib.closing(self.directory):
            return scene.Scene.state(self)

    @property
    def committed(self):
        """Return how often each change of the plan was carried out, by address; None: what is no change's."""
        made = invariants.by_change([each for each in self.layer.commits if each.ours], self.plan())
        return Counter({address: len(commits) for address, commits in made.items() if commits})


@functools.cache
def calm():
    """Return what a run holds in which nothing goes wrong: the saved plan, the end, the boundaries passed."""
    with Ground() as ground:
        code, _, err = ground.run("plan", "--out", "plan.json")
        assert code == 0, err
        log = ground.folder / "boundaries"
        code, _, err = ground.run(*APPLY, log=log)
        assert code == PARTLY, err
        assert invariants.held(ground.layer.commits, ground.plan()) == []
        assert ground.committed == Counter(change.address for change in ground.plan().ready)
        passed = log.read_text("utf-8").split()
        received = [each.replace("after", "received") for each in passed if each.startswith("request-after")]
        return (ground.folder / "plan.json").read_bytes(), ground.state(), (*passed, *received)


def prepared():
    """Return a tenant with a plan that was saved for it a moment ago."""
    plan = calm()[0]
    ground = Ground()
    (ground.folder / "plan.json").write_bytes(plan)
    ground.later(seconds=60)
    return ground


def _killing(process, number):
    """Return what kills a process once the server has got so many requests from it."""
    count = 0

    def told():
        nonlocal count
        count += 1
        if count == number:
            process.send_signal(signal.SIGKILL)
            process.wait()

    return told
