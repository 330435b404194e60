"""Is there any input that gets more than an error out of config? `make fuzz` looks longer.

Whatever the bytes, reading ends with a document or with problems that have a place and a sentence.
"""

import random
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from reconciler import config
from reconciler.errors import ConfigError
from reconciler.report import problems
from tests.config.samples import CATALOG, SKUS

SEEDS = [file.read_bytes() for file in sorted(Path(__file__).parent.glob("problems/*/*.y*ml"))]
YAMLISH = st.text("ab1:-?,[]{}#&*!|>'\"%@`~<\\ \n\t\r.é\0\u2028=0NO", max_size=60)
KEYS = st.sampled_from(
    ["version", "users", "bundles", "licenses", "anna@contoso.com", "sku", "add", "<<", "tenant"]
)
DATA = st.recursive(
    st.one_of(KEYS, YAMLISH, st.none(), st.booleans(), st.integers(), st.floats()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | YAMLISH, inner, max_size=3),
    max_leaves=10,
)


def survives(*contents):
    """Read files with these contents the whole way; every problem must have a line of text."""
    with tempfile.TemporaryDirectory() as folder:
        for number, content in enumerate(contents):
            (Path(folder) / f"{number}.yaml").write_bytes(content)
        document = config.load([Path(folder)])
    for finish in (
        lambda: config.resolve(document, SKUS, CATALOG),
        lambda: config.check_names(document, CATALOG),
    ):
        try:
            finish()
        except ConfigError as error:
            lines = problems.lines(error.problems)
            assert lines
            assert all(line.isprintable() for line in lines)


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=2))
def test_any_bytes(contents):
    survives(*contents)


@given(YAMLISH)
def test_any_text_of_the_characters_that_mean_something_in_yaml(text):
    survives(text.encode())


@given(st.randoms(use_true_random=False), st.sampled_from(SEEDS), st.integers(1, 8))
def test_a_file_that_was_damaged(chance: random.Random, seed, times):
    """Bytes changed, pieces left out, repeated and moved, as by an editor or a bad merge."""
    data = bytearray(seed)
    for _ in range(times):
        start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        piece = bytes(data[start : min(end, start + 40)])
        match chance.randrange(4):
            case 0:
                data[start : start + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[start : start + len(piece)]
            case 2:
                data[start:start] = piece
            case _:
                at = chance.randrange(len(data) + 1)
                data[at:at] = piece
    survives(bytes(data))


@given(DATA, DATA)
def test_any_data_in_any_section(first, second):
    """Well-formed YAML that means nothing."""
    sections = ["tenant", "defaults", "users", "bundles", "subscriptions", "restrictions", "guardrails"]
    survives(
        b"version: 1\n" + "".join(f"{section}: {_flow(first)}\n" for section in sections).encode(),
        f"version: 1\nusers: {{anna@contoso.com: {_flow(second)}}}\nignore_skus: {_flow(first)}\n".encode(),
    )


def _flow(value):
    """Return `value` in flow style; text is quoted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''").replace("\n", " ") + "'"
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or isinstance(value, bool)
        else repr(value)
    )
