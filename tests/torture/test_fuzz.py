"""Whatever stands in a plan, a journal, a snapshot or Graph's answers, it ends with a result or an error.

No traceback, nothing that takes long, nothing that takes much memory. Files of bytes that were damaged,
and well-formed ones in which something is not what it should be. The files of the desired state have
their own (tests/config/test_fuzz.py); `make torture` looks at many more of all.
"""

import contextlib
import copy
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import catalog, config
from reconciler.cli import main
from reconciler.errors import DirectoryError
from reconciler.model import Options
from reconciler.plan import digest_of
from reconciler.planning import make_plan
from reconciler.report.text import render
from tests.cli.conftest import STATE, TENANT
from tests.config.test_fuzz import damaged
from tests.directory import tenants

ALL = os.environ.get("TORTURE") == "all"
MANY = settings(max_examples=1_500 if ALL else 15, deadline=None, suppress_health_check=list(HealthCheck))
CHANCE = st.integers(0, 2**32).map(random.Random)
VALUES = (
    None, "", "x", "\x1b[2J\u202e", "x" * 3_000, 0, -1, 2**70, 1.5, 1e308, True, [], {}, [[]], {"": None},
    ["x"], "2026-02-30T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "\ud800",
)  # fmt: skip


def changed(chance, document, times):
    """Return a document in which some values are others, are gone, or stand there twice."""
    document = copy.deepcopy(document)
    for _ in range(times):
        here, key = None, None
        below = document
        while isinstance(below, dict | list) and below and (here is None or chance.random() < 0.8):
            here = below
            key = chance.choice(sorted(here)) if isinstance(here, dict) else chance.randrange(len(here))
            below = here[key]
        match chance.randrange(4) if here is not None else 9:
            case 0:
                del here[key]
            case 1 if isinstance(here, list):
                here.append(copy.deepcopy(here[key]))
            case 9:
                break
            case _:
                here[key] = copy.deepcopy(chance.choice(VALUES))
    return document


@pytest.fixture(scope="module")
def made():
    """Return a plan, a journal and a snapshot, as a run left them."""
    with in_folder() as folder:
        (folder / "state.json").write_text(json.dumps(STATE))
        (folder / "tenant.yaml").write_text(TENANT)
        assert run("sandbox", "load", "state.json") == 0
        assert run("plan", "--out", "plan.json") == 0
        assert run("apply", "plan.json", "--auto-approve") == 0
        assert run("snapshot", "--out", "state.json") == 0
        files = {"plan.json": "plan.json", "state.json": "state.json", "journal": ".reconciler/journal.jsonl"}
        yield {name: (folder / path).read_bytes() for name, path in files.items()}


@contextlib.contextmanager
def in_folder():
    """Stand in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="reconciler-fuzz-"))
    with contextlib.chdir(folder):
        yield folder
    shutil.rmtree(folder)


def run(*argv):
    """Run a command line, which must end with a result or with an error; return its exit code."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(argv))
    assert "internal error" not in err.getvalue(), err.getvalue()
    assert "Traceback" not in err.getvalue()
    assert code in (0, 1, 3, 4), err.getvalue()
    return code


@MANY
@given(chance=CHANCE, times=st.integers(1, 6))
def test_a_plan_file(made, chance: random.Random, times):
    with in_folder() as folder:
        path = folder / "plan.json"
        path.write_bytes(damaged(chance, made["plan.json"], times))
        run("show", "plan.json")
        document = changed(chance, json.loads(made["plan.json"]), times)
        document.pop("digest", None)
        with contextlib.suppress(UnicodeEncodeError):  # half a pair has no digest
            document["digest"] = digest_of(document)
        path.write_text(json.dumps(document))
        run("show", "plan.json")
        assert run("apply", "plan.json", "--auto-approve") in (1, 3)


@MANY
@given(chance=CHANCE, times=st.integers(1, 6))
def test_a_journal(made, chance: random.Random, times):
    with in_folder() as folder:
        (folder / "state.json").write_bytes(made["state.json"])
        (folder / "tenant.yaml").write_text(TENANT)
        path = folder / "journal.jsonl"
        lines = [json.loads(line) for line in made["journal"].splitlines()]
        for line in lines:
            line.pop("prev", None)  # as journals of before
        odd = "".join(json.dumps(changed(chance, line, 1)) + "\n" for line in lines)
        for content in (damaged(chance, made["journal"], times), odd.encode()):
            path.write_bytes(content)
            for command in ("history", "history --json", "history last"):
                run(*command.split(), "--journal", "journal.jsonl")
            run("recoverable", "--snapshot", "state.json", "--journal", "journal.jsonl")
            run("plan", "--snapshot", "state.json", "--journal", "journal.jsonl")
            run("undo", "last", "--snapshot", "state.json", "--journal", "journal.jsonl")


@MANY
@given(chance=CHANCE, times=st.integers(1, 6))
def test_a_snapshot(made, chance: random.Random, times):
    with in_folder() as folder:
        (folder / "tenant.yaml").write_text(TENANT)
        odd = json.dumps(changed(chance, json.loads(made["state.json"]), times)).encode()
        for content in (damaged(chance, made["state.json"], times), odd):
            (folder / "state.json").write_bytes(content)
            for command in ("plan", "users", "seats", "recoverable", "why anna@contoso.com"):
                run(*command.split(), "--snapshot", "state.json")


CATALOG = catalog.load()


@MANY
@given(chance=CHANCE, times=st.integers(1, 4), share=st.sampled_from([0.05, 0.3]))
def test_answers_of_graph(filled, chance: random.Random, times, share):
    """A tenant is read and planned for, or the run ends with an error of the directory's."""
    home, document = filled
    transport = tenants.Wire(tenants.in_process(home))

    def after(_request, response):
        if chance.random() > share:
            return response
        content = json.dumps(changed(chance, response.json(), times)).encode()
        if chance.random() < 0.2:
            content = damaged(chance, content, 2)
        headers = {"content-type": "application/json", "date": "Tue, 24 Nov 2026 02:00:00 GMT"}
        return wire_response(response.status_code, headers, content)

    transport.after = after
    with contextlib.closing(tenants.directory(transport, parallelism=1)) as directory:
        try:
            current = directory.read(document.named_groups, document.fields)
            actor = directory.actor()
        except DirectoryError:
            return
    desired = config.resolve(document, current.skus, CATALOG)
    plan = make_plan(desired, current, actor, CATALOG, Options(now=datetime(2026, 11, 24, tzinfo=UTC)))
    with contextlib.redirect_stdout(io.StringIO()):
        render(plan)


def wire_response(status, headers, content):
    """Return an answer."""
    import httpx  # noqa: PLC0415  only here

    return httpx.Response(status, headers=headers, content=content)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Return a tenant's home and what is declared for it."""
    folder = tmp_path_factory.mktemp("fuzz")
    files = "version: 1\nusers:\n  anna@contoso.com: {licenses: []}\n  dirk@contoso.com: {licenses: [EMS]}\n"
    (folder / "tenant.yaml").write_text(files)
    return tenants.fill(folder / "home"), config.load([folder / "tenant.yaml"])


# ------------------------------------------------------------ large files

MIB = 2**20
LARGE = {
    "brackets": b"[" * MIB,
    "braces": b'{"a":' * (MIB // 5),
    "digits": b"1" * MIB,
    "text": b'"' + b"x" * MIB + b'"',
    "keys": b"{" + b",".join(b'"%d":0' % number for number in range(MIB // 11)) + b"}",
    "lines": b"{}\n" * (MIB // 3),
    "blanks": b" " * MIB,
    "zeros": bytes(MIB),
}
COMMANDS = {
    "show large": "large",
    "plan --snapshot large": "large",
    "history --journal large": "large",
    "validate -f large.yaml": "large.yaml",
}
SECONDS, MEGABYTES = 3.0, 200
"""What a process may take: its start, which is most of it, and at most a second for the file."""

EACH_A_PROBLEM = ("keys", "validate -f large.yaml")
"""Ninety thousand keys that nobody knows are told one by one, which takes twice as long."""


TELLING = """
import re, sys, time
from pathlib import Path
from reconciler.cli import main
code = main(sys.argv[1:])
most = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
Path("took").write_text(f"{time.process_time()} {most}")
sys.exit(code)
"""
"""What a process took it tells itself: what its parent is told holds the parent's own memory, too."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="nobody tells here what a process took")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("content", LARGE if ALL else ("braces",))
def test_a_file_of_one_mebibyte(command, content):
    with in_folder() as folder:
        (folder / COMMANDS[command]).write_bytes(LARGE[content])
        (folder / "tenant.yaml").write_text(TENANT)
        environment = {name: text for name, text in os.environ.items() if not name.startswith("COV")}
        with (folder / "said").open("wb") as said:
            process = subprocess.run(
                [sys.executable, "-c", TELLING, *command.split()],
                stdout=said,
                stderr=said,
                env=environment,
                timeout=60,
                check=False,
            )
        seconds, kilobytes = map(float, (folder / "took").read_text().split())
        assert process.returncode in (0, 1)
        assert b"Traceback" not in (folder / "said").read_bytes()
        assert b"internal error" not in (folder / "said").read_bytes()
        more = 2 if (content, command) == EACH_A_PROBLEM else 1
        assert seconds < SECONDS * more
        assert kilobytes < MEGABYTES * 1024 * more
