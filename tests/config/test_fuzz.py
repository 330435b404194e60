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
TABLES = [file.read_bytes() for file in sorted(Path(__file__).parent.glob("problems/*/*.csv"))]
YAMLISH = st.text("ab1:-?,[]{}#&*!|>'\"%@`~<\\ \n\t\r.é\0\u2028=0NO", max_size=60)
WORDS = """
version users bundles licenses anna@contoso.com sku add << tenant bundle one_of from until 2027-01-01 exclude
leaver last_day groups members rules name when department any all not created after before member_of replace
scope users_from csv columns upn 0.csv Email EMS priority 30d
"""
KEYS = st.sampled_from(WORDS.split())
DATA = st.recursive(
    st.one_of(KEYS, YAMLISH, st.none(), st.booleans(), st.integers(), st.floats()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | YAMLISH, inner, max_size=3),
    max_leaves=10,
)


COLUMNS = {
    "upn": "UPN",
    "name": "Name",
    "department": "Dept",
    "enabled": "Active",
    "priority": "Rank",
    "licenses": "Licences",
    "last_day": "Leaves",
    "usage_location": "Country",
}


def survives(*contents, table=b"Email\na@contoso.com\n"):
    """Read files with these contents the whole way; every problem must have a line of text."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "0.csv").write_bytes(table)
        for number, content in enumerate(contents):
            (Path(folder) / f"{number}.yaml").write_bytes(content)
        document = config.load([Path(folder)])
    assert document.named_groups is not None
    assert document.fields is not None
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
    survives(damaged(chance, seed, times))


@given(st.randoms(use_true_random=False), st.sampled_from(TABLES), st.integers(0, 8))
def test_a_table_that_was_damaged(chance: random.Random, seed, times):
    columns = ", ".join(f"{field}: {name}" for field, name in COLUMNS.items())
    mapped = f"version: 1\nusers_from: {{csv: 0.csv, columns: {{{columns}}}}}\n"
    survives(mapped.encode(), table=damaged(chance, seed, times))


@given(st.text("ab@;,\t\"' \r\n.1-\0é", max_size=80))
def test_any_text_of_the_characters_that_mean_something_in_a_table(text):
    mapped = b"version: 1\nusers_from: {csv: 0.csv, columns: {upn: Email, name: b, enabled: '1'}}\n"
    survives(mapped, table=b"Email,b,1\n" + text.encode())
    survives(mapped, table=text.encode())


def damaged(chance: random.Random, seed, times):
    """Return content with bytes changed, pieces left out, repeated and moved."""
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
    return bytes(data)


@given(DATA, DATA)
def test_any_data_in_any_section(first, second):
    """Well-formed YAML that means nothing."""
    sections = ["tenant", "defaults", "users", "bundles", "subscriptions", "restrictions", "guardrails"]
    sections += ["groups", "rules", "users_from"]
    survives(
        b"version: 1\n" + "".join(f"{section}: {_flow(first)}\n" for section in sections).encode(),
        f"version: 1\nusers: {{anna@contoso.com: {_flow(second)}}}\nignore_skus: {_flow(first)}\n".encode(),
        f"version: 1\nscope: {_flow(first)}\nrules: [{{name: a, when: {_flow(second)}, licenses: [EMS]}}, "
        f"{_flow(first)}]\ngroups: {{a: {_flow(second)}}}\n".encode(),
        f"version: 1\nusers: {{bram@contoso.com: {{licenses: {_flow(first)}, leaver: {_flow(second)}, "
        f"exclude: {_flow(second)}}}}}\n"
        f"rules: [{{name: b, when: {{city: b}}, licenses: {_flow(second)}}}]\n".encode(),
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
