"""Does what README.md and docs/ show still happen?

A document is a story: its ```console blocks are run from top to bottom in one fresh folder that holds
the example `tenant.yaml`, and what the commands print is compared with what the document shows. So
that stories can be told:

- `$ reconciler …` is run, both its streams are shown; `$ echo $?` shows its exit code;
- a line with nothing but `…` stands for any lines, or none;
- a ```yaml block whose first line is `# NAME.yaml` is written to that file before the story goes on, and
  so is a block that begins with "```csv NAME.csv";
- every story is told on one day, TOLD: today the days in its files and commands are moved by as many days
  as have passed since, and back again in what the commands print;
- days, instants, ids and digests may differ: the demo tenant's dates count from the day it is made.

`make docs` (this test with UPDATE_DOCS set) writes into the documents what the commands print now.
"""

import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
import pytest

from reconciler.cli.commands import root

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md"]
TOLD = date(2026, 11, 24)
BLOCK = re.compile(
    r"^```(?P<language>console|yaml|csv)(?: (?P<csv>[\w-]+\.csv))?\n"
    r"(?P<body>(?:# (?P<yaml>[\w-]+\.yaml)\n)?.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SCRIPT = re.compile(r"^```(?:sh|yaml|powershell)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DAY = re.compile(r"\b(?:\d{4}-\d{2}-\d{2}(?!\d)|\d{8}(?=-\d{6}-))")
VARIABLE = (
    (r"sha256:[0-9a-f]+", "<digest>"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
    (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})", "<instant>"),
    (r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}(?::\d{2})?", "<instant>"),
    (r"\d{4}-\d{2}-\d{2}", "<day>"),
    (r"\d{8}T?-?\d{6}Z?(?:-[0-9a-f]+)?", "<run>"),
    (r"\d+\.\d+ s\b", "<seconds>"),
)


def named(path):
    return path.relative_to(ROOT).as_posix()


def fixed(text):
    """Return `text` with what differs from day to day replaced by its kind, and no space at line ends."""
    for pattern, kind in VARIABLE:
        text = re.sub(pattern, kind, text)
    return [line.rstrip() for line in text.strip("\n").split("\n")]


def moved(text, days):
    """Return `text` with each of its days `days` later; what is no day of the calendar stays."""

    def later(match):
        try:
            day = date.fromisoformat(match[0]) + timedelta(days)
        except ValueError:
            return match[0]
        return day.isoformat() if "-" in match[0] else f"{day:%Y%m%d}"

    return DAY.sub(later, text)


def alike(shown, printed):
    """Tell whether the lines `shown` in a document describe the lines `printed`."""
    pattern = "".join(r"(?:.*\n)*?" if line == "…" else re.escape(line) + r"\n" for line in fixed(shown))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in fixed(printed))) is not None


def elided(shown, printed):
    """Return `printed` with the lines left out that `shown` leaves out, or whole where that is not clear.

    A piece between two `…` is found again by its first and its last line, or what is nearest to them.
    """
    lines, marks = printed.strip("\n").split("\n"), fixed(printed)
    told, at = [], 0
    for number, piece in enumerate(re.split(r"^…$", shown, flags=re.MULTILINE)):
        told += ["…"] if number else []
        if wanted := fixed(piece) if piece.strip("\n") else []:
            first = position(wanted[0], marks, at)
            last = (
                first if len(wanted) == 1 else position(wanted[-1], marks, at if first is None else first + 1)
            )
            if first is None or last is None:
                return printed
            at = last + 1
            told += lines[first:at]
    return "\n".join(told)


def position(line, lines, start):
    """Return where `line`, or the line most like it, stands in `lines` from `start` on; None: nowhere."""
    near = [line] if line in lines[start:] else difflib.get_close_matches(line, lines[start:], 1, 0.7)
    return lines.index(near[0], start) if near else None


class Story:
    """One document being retold in `folder`."""

    def __init__(self, folder):
        self.folder = folder
        self.code = 0
        self.days = (datetime.now(UTC).date() - TOLD).days
        shutil.copy(ROOT / "tenant.yaml", folder)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RECONCILER_")}
        self.environment = kept | {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}

    def run(self, command):
        """Run one command line of a block and return what it prints."""
        if command == "echo $?":
            return f"{self.code}\n"
        program, *arguments = shlex.split(moved(command, self.days))
        assert program == "reconciler", f"a console block runs reconciler and nothing else: {command}"
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        self.code = done.returncode
        return moved(done.stdout, -self.days)

    def write(self, name, text):
        """Write a file that the commands to come read."""
        (self.folder / name).write_text(moved(text, self.days), encoding="utf-8")

    def retell(self, body):
        """Return the body of a console block as it would be told now, unchanged where it still holds."""
        told = []
        for part in re.split(r"^(?=\$ )", body, flags=re.MULTILINE):
            if not part:
                continue
            command, _, shown = part.partition("\n")
            printed = self.run(command.removeprefix("$ "))
            if alike(shown, printed):
                told.append(part)
            else:
                short = re.search(r"^…$", shown, re.MULTILINE)
                now = elided(shown, printed) if short else printed
                told.append(f"{command}\n{now.rstrip()}\n")
        return "".join(told)


def retold(text, folder):
    """Return a document as it would be written now."""
    story = Story(folder)

    def replace(match):
        if match["language"] == "console":
            return f"```console\n{story.retell(match['body'])}```"
        if name := match["csv"] or match["yaml"]:
            story.write(name, match["body"])
        return match[0]

    return BLOCK.sub(replace, text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_what_a_document_shows_happens(path, tmp_path):
    """Every console block shows what the commands print, in the order of the document."""
    text = path.read_text(encoding="utf-8")
    now = retold(text, tmp_path)
    if os.environ.get("UPDATE_DOCS"):
        path.write_text(now, encoding="utf-8")
    elif text != now:
        told = difflib.unified_diff(text.splitlines(), now.splitlines(), "shown", "printed", n=2, lineterm="")
        pytest.fail("\n".join(("run `make docs`, then look at what it changed:", *told)), pytrace=False)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_command_line_of_a_script_or_workflow_exists(path):
    """What can't be run here, for want of a tenant or a runner, is a command with its options nonetheless."""
    unknown = []
    for body in SCRIPT.findall(path.read_text(encoding="utf-8")):
        joined = re.sub(r"\\?\n\s+(?=--)", " ", body)
        for line in re.findall(r"\breconciler ([a-z][^|>&#`\n]*)", joined):
            words = shlex.split(line)
            known = named_options(words)
            unknown += [word for word in words if word.startswith("-") and word.split("=")[0] not in known]
    assert unknown == []


def named_options(words):
    """Return the options of the command that `words` begin with."""
    at = click.Context(root)
    for word in words:
        if not isinstance(at.command, click.Group):
            break
        found = at.command.get_command(at, word)
        assert found is not None, f"there is no command {word}"
        at = click.Context(found, parent=at)
    return {"-h", "--help"}.union(*(option.opts for option in at.command.params))


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_link_of_a_page_leads_somewhere(path):
    """A relative link names a file of the repository, and its anchor a heading of that file."""
    dead = []
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        page = (path.parent / file).resolve() if file else path
        if not page.exists() or (anchor and anchor not in anchors(page)):
            dead.append(target)
    assert dead == []


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_index_of_the_documentation_lists_every_page():
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages - {"README.md"} == set(re.findall(r"\]\(([^)]+\.md)\)", index))


def test_a_document_is_brought_up_to_date_with_its_omissions_kept():
    printed = "Plan made 2026-11-24\n\nRemovals\n  bram\n  victor\n\nOther changes\n  anna\n"
    assert elided("Plan made 2025-01-01\n…\nRemovals\n  bram\n…\n", printed).split("\n") == [
        "Plan made 2026-11-24", "…", "Removals", "  bram", "…",
    ]  # fmt: skip
    assert elided("…\nOther changes\n  anna\n", printed) == "…\nOther changes\n  anna"
    assert elided("…\nOther change\n  anne\n", printed) == "…\nOther changes\n  anna"
    assert elided("…\nPurchases\n…\n", printed) == printed


def test_the_comparison_sees_a_difference():
    """The test of the documents can fail: only days, ids and lines behind `…` may differ."""
    printed = "Plan for contoso.com on 2026-11-24\n  one\n  two\n"
    assert alike("Plan for contoso.com on 2025-01-01\n…\n  two\n", printed)
    assert alike("…\n", printed)
    assert not alike("Plan for contoso.com on 2026-11-24\n…\n  three\n", printed)
    assert not alike("Plan for contoso.com on 2026-11-24\n  two\n", printed)


def test_days_of_a_story_are_moved_and_nothing_else():
    """Days, also those of runs and instants, move; ids, digests and what only looks like a day stay."""
    text = "until: 2026-12-31 at 2026-11-24T02:00:00Z, 20261124-044933-429d"
    assert moved(text, 40) == "until: 2027-02-09 at 2027-01-03T02:00:00Z, 20270103-044933-429d"
    assert moved(moved(text, 400), -400) == text
    for same in (
        "last day 2027-13-01",
        "id 20261204-0458-5069-8c11-202612041150",
        "sha256:20261124",
        "12026-11-245",
    ):
        assert moved(same, 40) == same


def test_digits_inside_a_digest_are_no_run_and_no_day():
    """Of a digest or an id no part is taken for something else, whatever digits stand in it."""
    digest = "plan sha256:2261b4ce57492238981616d57130002b1aaa02ac6021b5e8ad1c15f44b203e2a"
    assert fixed(digest) == ["plan <digest>"]
    assert fixed("id 20261204-0458-5069-8c11-202612041150") == ["id <id>"]
