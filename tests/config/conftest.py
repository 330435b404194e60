"""What do the tests of config share? Ways to have a text read as tenant.yaml."""

from pathlib import Path

import pytest

from reconciler import config
from tests.config.samples import CATALOG, SKUS


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that reads `text` as tenant.yaml, beside other files by name."""
    monkeypatch.chdir(tmp_path)

    def load(text, **tables):
        for name, content in tables.items():
            Path(f"{name}.csv").write_text(content, encoding="utf-8")
        Path("tenant.yaml").write_text(f"version: 1\n{text}", encoding="utf-8")
        return config.load([Path("tenant.yaml")])

    return load


@pytest.fixture
def resolve(load):
    """Return a function that resolves `text` against the sample tenant."""
    return lambda text, **tables: config.resolve(load(text, **tables), SKUS, CATALOG)
