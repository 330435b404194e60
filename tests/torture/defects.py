"""Do the tests find the mistakes that would cost somebody a mailbox? `make defects` plants each of them.

One at a time, in a copy of this checkout: the tests that should find it run first, then all others that
`make test` runs, until one fails. A defect whose text is gone from the code is an error: it wants mending
here. Names on the command line choose some.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "reconciler",
    "tests",
    "schemas",
    "benchmarks",
    "docs",
    "pyproject.toml",
    "README.md",
    "tenant.yaml",
)
LONGEST = 1_800
"""Seconds for the tests of one defect: what hangs is found, too."""


@dataclass(frozen=True)
class Defect:
    """A mistake: what stands in a module, what is put in its place, and where it should be found."""

    name: str
    module: str
    was: str
    becomes: str
    tests: tuple[str, ...]
    more: tuple[tuple[str, str], ...] = ()


WIRE = ("tests/directory", "tests/faults/test_campaign.py")
DEFECTS = (
    Defect(
        "a write is sent again after 504",
        "directory/transport.py",
        "                answers = self._write(requests)\n",
        "                answers = self._write(requests)\n"
        "                if any(isinstance(one, Answer) and one.status == 504 for one in answers):\n"
        "                    answers = self._write(requests)\n",
        WIRE,
    ),
    Defect(
        "intents are kept after the write was sent",
        "apply/engine.py",
        "        self._journal.intend(map(intent_of, changes.values()))\n",
        "",
        ("tests/apply", "tests/cli/test_interruption.py"),
        (
            (
                "        return [outcome_of(changes[outcome.address], outcome, self._credentials)",
                (
                    "        self._journal.intend(map(intent_of, changes.values()))\n"
                    "        return [outcome_of(changes[outcome.address], outcome, self._credentials)"
                ),
            ),
        ),
    ),
    Defect(
        "what was accepted counts as verified",
        "apply/engine.py",
        "verify(change.address for change in looked.shown)",
        "verify(change.address for change in done)",
        ("tests/apply", "tests/cli/test_unsettled.py"),
    ),
    Defect(
        "a listing that was cut short counts as whole",
        "directory/transport.py",
        "or restarts == RESTARTS:\n                    raise\n",
        "or restarts == RESTARTS:\n                    return found\n",
        WIRE,
    ),
    Defect(
        "the last of duplicate keys wins",
        "config/reader.py",
        'self.refuse(here, event, "duplicate-key", key=name, line=first.line, column=first.column)',
        "del first",
        ("tests/config",),
    ),
    Defect(
        "a percentage is of what is left",
        "plan_rails.py",
        "taken * 100 > rail.percent * total",
        "taken * 100 > rail.percent * (total - taken)",
        ("tests/planning/test_guardrails.py", "tests/scenarios"),
    ),
    Defect(
        "the files of the pull request alone say which rails hold",
        "planning/baseline.py",
        "found = (desired.guardrails, *(base.guardrails for base in desired.baselines))",
        "found = (desired.guardrails,)",
        ("tests/planning", "tests/cli/test_base_ref.py"),
    ),
    Defect(
        "a swap takes two calls",
        "directory/transport.py",
        "        try:\n            answer = self._sender.send(batch_of(requests))\n",
        "        try:\n"
        "            for one in requests:\n"
        "                body = dict(one.body or {})\n"
        '                if body.get("addLicenses") and body.get("removeLicenses"):\n'
        '                    self._sender.send(batch_of([replace(one, body=body | {"addLicenses": []})]))\n'
        "            answer = self._sender.send(batch_of(requests))\n",
        WIRE,
    ),
    Defect(
        "a SKU is written by its part number",
        "directory/requests.py",
        '{"skuId": licence.sku_id,',
        '{"skuId": licence.sku,',
        WIRE,
    ),
    Defect(
        "ids are compared with their case",
        "directory/graph.py",
        "Assignment(sku_id=licence.sku_id.lower(),",
        "Assignment(sku_id=licence.sku_id,",
        ("tests/directory",),
    ),
    Defect(
        "who was created and does not show yet is created again",
        "directory/writer.py",
        "                and not (blind and seen[each.change.address] == UNREAD)\n            ]\n"
        "        return outcomes\n",
        "                and not (blind and seen[each.change.address] == UNREAD)\n            ]\n"
        '        return {key: one for key, one in outcomes.items() if one.status == "done"}\n',
        WIRE,
    ),
    Defect(
        "the tenant's count of seats is trusted",
        "planning/context.py",
        "return max(self.counted[sku_id], self.sku(sku_id).consumed)",
        "return self.sku(sku_id).consumed",
        ("tests/planning", "tests/laws"),
    ),
    Defect(
        "a token is kept past its time",
        "directory/signin.py",
        "return now >= token.expires_on or (now >= due and now - self._asked >= PAUSE)",
        "return False and now >= due",
        ("tests/signin",),
    ),
    Defect(
        "a link has to begin like the tenant's",
        "directory/sending.py",
        "if _origin(url) != self._origin or url.userinfo:",
        'if not link.startswith(self.root.removesuffix("/v1.0")):',
        ("tests/directory",),
    ),
    Defect(
        "who lost the lock goes on writing",
        "journal_place.py",
        "        self._lock.check()\n",
        "",
        ("tests/test_journal.py", "tests/test_journal_shared.py", "tests/cli"),
    ),
    Defect(
        "a run goes on without its journal",
        "apply/resuming.py",
        "        done=done,\n",
        "        done={},\n",
        ("tests/apply/test_resuming.py", "tests/cli/test_resume.py", "tests/torture/test_kill.py"),
    ),
    Defect(
        "what nobody knows counts as done",
        "directory/writer.py",
        'return _outcome(attempt, "unknown",',
        'return _outcome(attempt, "done",',
        WIRE,
    ),
    Defect(
        "the error of an item of a batch is swallowed",
        "directory/writer.py",
        "        elif reply.ok:\n",
        "        elif reply.ok or reply.status == 403:\n",
        WIRE,
    ),
    Defect(
        "service plans that are to be off are forgotten",
        "directory/requests.py",
        '"disabledPlans": list(licence.disabled_plans)}',
        '"disabledPlans": []}',
        WIRE,
    ),
    Defect(
        "an inherited licence counts as direct",
        "directory/graph.py",
        "assigned_by=state.assigned_by_group.lower() if state.assigned_by_group else None",
        "assigned_by=None",
        ("tests/directory",),
    ),
    Defect(
        "a name is a workflow command",
        "report/sanitize.py",
        r'    r"|(?<!\S):(?=:)"',
        r'    r"|(?!)"',
        ("tests/report/test_sanitize.py",),
    ),
    Defect(
        "a carriage return is printed",
        "report/sanitize.py",
        r'r"\x00-\x1f\x7f-\x9f"',
        r'r"\x00-\x0c\x0e-\x1f\x7f-\x9f"',
        ("tests/report/test_sanitize.py",),
    ),
    Defect(
        "a cell that begins with a line break is a formula",
        "report/sanitize.py",
        r'"[=+\\-@\t\r\n\uff1d',
        r'"[=+\\-@\t\r\uff1d',
        ("tests/report/test_sanitize.py",),
    ),
    Defect(
        "a password is shown by --debug-http",
        "directory/debugging.py",
        '("password", "secret",',
        '("secret",',
        ("tests/directory/test_debugging.py",),
    ),
    Defect(
        "a plan expires by local time",
        "plan_lifetime.py",
        "        datetime.fromisoformat(plan.expires_at), datetime",
        '        datetime.fromisoformat(plan.expires_at.rstrip("Z")).astimezone(), datetime',
        ("tests/test_plan_lifetime.py",),
    ),
    Defect(
        "a plan may be carried out twice",
        "cli/reviewed.py",
        "        if run.start.plan_digest != plan.digest:\n            continue\n",
        "        if run.start.plan_digest != plan.digest or True:\n            continue\n",
        ("tests/cli/test_reviewed.py",),
    ),
    Defect(
        "files without users are no reason to ask",
        "planning/guardrails.py",
        "    was = _remembered(context, ENTRIES)\n    if was:\n",
        "    was = 0\n    if was:\n",
        ("tests/planning",),
    ),
    Defect(
        "the protected are known by their names alone",
        "apply/approval.py",
        "            or named & {user.id, user.upn}\n",
        "            or named & {user.upn}\n",
        ("tests/apply/test_approval.py",),
    ),
    Defect(
        "a run that goes on plans anew",
        "cli/apply.py",
        "            proposed, directory = _open(unfinished.saved, connection, stack)\n",
        "            request = session.Request(connection=connection, writes=True, **made)\n"
        "            proposed, directory = _make(request, stack)\n",
        ("tests/cli/test_resume.py", "tests/cli/test_interruption.py", "tests/torture/test_kill.py"),
    ),
    Defect(
        "an outcome that nobody knows exits with 0",
        "apply/result.py",
        "            return UNKNOWN\n",
        "            return DONE\n",
        ("tests/apply", "tests/cli/test_unsettled.py"),
    ),
    Defect(
        "the journal is not put on the disk",
        "journal_place.py",
        "        view = view[os.write(descriptor, view) :]\n    os.fsync(descriptor)\n",
        "        view = view[os.write(descriptor, view) :]\n",
        ("tests/test_journal.py", "tests/torture/test_kill.py"),
    ),
    Defect(
        "a broken chain is no reason to stop",
        "journal.py",
        "            if isinstance(found, Damage) and found.broken:\n                raise",
        "            if False:\n                raise",
        ("tests/test_journal.py",),
    ),
)


def plant(folder, defect):
    """Put a defect into a copy; raises ValueError where the text is not there exactly once."""
    path = folder / "reconciler" / defect.module
    text = path.read_text("utf-8")
    for was, becomes in ((defect.was, defect.becomes), *defect.more):
        if text.count(was) != 1:
            raise ValueError(f"{defect.module} holds {text.count(was)} times: {was!r}")
        text = text.replace(was, becomes)
    path.write_text(text, "utf-8")


def found_by(defect):
    """Return the first test that fails with a defect, None where none does."""
    with tempfile.TemporaryDirectory(prefix="reconciler-defect-") as name:
        folder = Path(name)
        for part in COPIED:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)
        plant(folder, defect)
        return _failing(folder, defect.tests) or _failing(folder, ())


def _failing(folder, tests):
    """Return the first test that fails, of some or of all."""
    workers = () if tests else ("-n", os.environ.get("WORKERS", "2"))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *workers, *tests]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("COV")}
    ran = subprocess.run(
        command,
        cwd=folder,
        env=environment | {"PYTHONPATH": str(folder)},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=LONGEST,
        check=False,
    )
    failed = [line for line in ran.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if ran.returncode not in (0, 1) and not failed:
        raise ValueError(ran.stdout[-2_000:] + ran.stderr[-2_000:])
    return failed[0].split(" - ")[0].partition(" ")[2] if failed else None


def main(names):
    """Plant the defects of these names, or all; tell which test found each; return the exit code."""
    chosen = [defect for defect in DEFECTS if not names or defect.name in names]
    missed = 0
    for number, defect in enumerate(chosen, start=1):
        began = time.monotonic()
        found = found_by(defect)
        missed += found is None
        seconds = f"{time.monotonic() - began:.0f} s"
        sys.stdout.write(f"{number:>2}  {defect.name}: {found or 'NOT FOUND'} ({seconds})\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - missed} of {len(chosen)} were found.\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
