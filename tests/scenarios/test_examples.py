"""Is every example of the desired state in README.md and docs/ one that is planned?

Each ```yaml block of tenant.yaml is either written to the file that its first line names, and planned as
the page tells (`# NAME.yaml`, see tests/test_documents.py), or it stands, line by line, in a file of a
scenario here, where its plan is looked at. So no example can say what the language doesn't have.
"""

import re
from pathlib import Path
from textwrap import dedent

import pytest

from reconciler import schemas
from tests.test_documents import BLOCK, DOCUMENTS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = sorted(HERE.glob("*/*.yaml"))
KEYS = set(schemas.load("tenant")["properties"]) - {"version"}
PLANNED_BY_ITS_PAGE = re.compile(r"# [\w-]+\.yaml\n")


def examples(page):
    """Return the blocks of a page that its own story does not plan: line number, lines."""
    return [
        (page[: match.start()].count("\n") + 2, match["body"].rstrip("\n").split("\n"))
        for match in BLOCK.finditer(page)
        if match["language"] == "yaml" and is_desired(match["body"])
        if not PLANNED_BY_ITS_PAGE.match(match["body"])
    ]


def is_desired(body):
    """Tell whether a block is of tenant.yaml; one of another language has keys, and none of these."""
    keys = set(re.findall(r"^(\w+):", body, re.MULTILINE)) - {"version"}
    return not keys or bool(keys & KEYS)


def stands_in(lines, text):
    """Tell whether lines stand together in a text, all of them as they are or all indented alike."""
    wanted, there = dedent("\n".join(lines)).split("\n"), text.split("\n")
    return any(
        dedent("\n".join(there[at : at + len(wanted)])).split("\n") == wanted
        for at in range(len(there) - len(wanted) + 1)
    )


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_example_is_a_scenario(path):
    """The lines of each example stand together in some scenario's file."""
    texts = [file.read_text(encoding="utf-8") for file in FILES]
    missing = [
        f"{path.relative_to(ROOT)}:{number}: no scenario's file holds these lines together:\n"
        + "\n".join(f"    {line}" for line in lines)
        for number, lines in examples(path.read_text(encoding="utf-8"))
        if not any(stands_in(lines, text) for text in texts)
    ]
    if missing:
        advice = (
            "Copy them into the tenant.yaml of a scenario in tests/scenarios (UPDATE_SCENARIOS=1 writes its "
            "plan: read it), or begin the block with `# NAME.yaml` and plan it on the page."
        )
        pytest.fail("\n".join((*missing, advice)), pytrace=False)


def test_an_example_is_compared_line_by_line():
    """The test above can fail: over a line that is missing, another one between, and other indentation."""
    text = "version: 1\nusers:\n  a@contoso.com:\n    licenses: [EMS]\n  b@contoso.com: {}\n"
    assert stands_in(["users:", "  a@contoso.com:", "    licenses: [EMS]"], text)
    assert stands_in(["a@contoso.com:", "  licenses: [EMS]"], text)
    assert not stands_in(["users:", "  b@contoso.com: {}"], text)
    assert not stands_in(["a@contoso.com:", "licenses: [EMS]"], text)
    assert not stands_in(["  b@contoso.com: {}", "  c@contoso.com: {}"], text)


def test_a_block_that_its_page_plans_is_no_example_to_look_for_nor_is_one_of_another_language():
    """All others are, with the line at which they begin."""
    story = "```yaml\n# tenant.yaml\nversion: 1\n```\n```console\n$ reconciler plan\n```\n"
    other = "```yaml\nversion: 1\njobs:\n  users:\n```\n"
    assert examples(f"{story}{other}```yaml\nusers:\n  {{}}\n```\n") == [(14, ["users:", "  {}"])]
