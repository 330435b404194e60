"""Does docs/reference/tenant-yaml.md tell the language as it is? Its console blocks run elsewhere."""

import re
from pathlib import Path

import pytest

from reconciler import catalog, config, schemas

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "tenant-yaml.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(?!# \w+\.yaml\n)(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
SCHEMA = schemas.load("tenant")


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_is_valid(block, tmp_path):
    """Its shape, and every name in it, by the built-in catalogue."""
    text = block if "version:" in block else f"version: 1\n{block}"
    path = tmp_path / "tenant.yaml"
    path.write_text(text, encoding="utf-8")
    bundles = tmp_path / "bundles.yaml"
    (tmp_path / "hr.csv").write_text("Email,Name,Dept\nanna@contoso.com,Anna,Sales\n", encoding="utf-8")
    export = (
        "Address,Type,Size,Archive,Litigation,Holds,Labels\ninfo@contoso.com,SharedMailbox,1,None,False,,\n"
    )
    (tmp_path / "exchange.csv").write_text(export, encoding="utf-8")
    own = "bundles:" in block
    bundles.write_text(
        "version: 1\n" + ("" if own else "bundles: {office: [ENTERPRISEPACK]}\n"), encoding="utf-8"
    )
    assert config.check_names(config.read([path, bundles]), catalog.load()) == ()


def keys():
    """Yield every key of the language."""
    for schema in (SCHEMA, *SCHEMA["$defs"].values()):
        for part in (schema, schema.get("else", {}), schema.get("properties", {}).get("price", {})):
            yield from part.get("properties", {})


@pytest.mark.parametrize("key", sorted(set(keys())))
def test_every_key_is_told_and_shown(key):
    """In a table or a sentence, and in an example."""
    assert re.search(rf"`\{{?{key}[`:]", TEXT)
    assert any(re.search(rf"\b{key}:", block) for block in BLOCKS)
