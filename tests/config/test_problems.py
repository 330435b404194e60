"""What is said of each mistake? Every folder of problems/ is a case: its files, and problems.txt.

Set UPDATE_PROBLEMS to write problems.txt anew; then read the difference, it is what users will read.
"""

import os
from pathlib import Path

import pytest

from reconciler import config
from reconciler.errors import ConfigError
from reconciler.report import problems
from tests.config.samples import CATALOG, SKUS

CASES = Path(__file__).parent / "problems"


def told(folder, monkeypatch):
    """Return every problem of the files in `folder`, as the user reads them."""
    monkeypatch.chdir(folder)
    with pytest.raises(ConfigError) as caught:
        config.resolve(config.load([Path()]), SKUS, CATALOG)
    return "".join(f"{line}\n" for line in problems.lines(caught.value.problems))


@pytest.mark.parametrize("case", sorted(folder.name for folder in CASES.iterdir()))
def test_a_mistake_is_told_with_its_place(case, monkeypatch):
    """All mistakes of all files are told in one run: sorted, each once, with code and suggestion."""
    expected = CASES / case / "problems.txt"
    lines = told(CASES / case, monkeypatch)
    if "UPDATE_PROBLEMS" in os.environ:
        expected.write_text(lines, encoding="utf-8")
    assert lines == expected.read_text(encoding="utf-8")
