"""A bench for each test: a tenant in memory and a journal in an empty folder."""

import pytest

from tests.apply.bench import Bench


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path / "journal.jsonl")
