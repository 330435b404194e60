import tracemalloc

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config import reader
from reconciler.config.source import size
from reconciler.errors import UsageError
from reconciler.model import Location


def read(text):
    return reader.read("t.yaml", text.encode() if isinstance(text, str) else text)


def told(text):
    """Return line, column and code of each problem."""
    return [(found.location.line, found.location.column, found.code) for found in read(text).problems]


def paths(value, path=()):
    """Yield the path of every value in `value`, and whether it has a key."""
    if path:
        yield path
    for step, child in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(child, dict | list):
            yield from paths(child, (*path, step))
        else:
            yield (*path, step)


KEYS = st.text("abc xyé-", min_size=1, max_size=5).map(str.strip).filter(lambda key: key not in {"", "-"})
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.text("ab :#-'\"é\n\\", max_size=6)
)
DATA = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, DATA, min_size=1, max_size=4)
STYLES = st.sampled_from([True, False, None])


def dumped(data, style, **options):
    """Return `data` as YAML text, in block style, in flow style or mixed."""
    return yaml.safe_dump(data, default_flow_style=style, sort_keys=False, allow_unicode=True, **options)


@given(DOCUMENTS, STYLES)
def test_what_was_written_is_read(data, style):
    """In every style, whatever needs quotes has them: the same values come out."""
    source = read(dumped(data, style))
    assert source.problems == []
    assert source.data == data
    assert len(source.nodes) == size(data)


@given(DOCUMENTS, STYLES)
def test_every_key_and_value_has_its_place(data, style):
    """Line and column are those that libyaml gives to the node."""
    text = dumped(data, style)
    source = read(text)
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    for path in paths(data):
        key, node = None, root
        for step in path:
            if isinstance(step, int):
                key, node = None, node.value[step]
            else:
                key, node = next(pair for pair in node.value if pair[0].value == step)
        for expected, found in ((node, source.locate(path)), (key, source.locate(path, key=True))):
            if expected is not None:
                mark = expected.start_mark
                assert found == Location(file="t.yaml", line=mark.line + 1, column=mark.column + 1)


@given(st.data(), DOCUMENTS, STYLES)
def test_a_duplicate_key_is_refused_at_any_depth(draw, data, style):
    """The second is told, naming the first; the rest of the file is read as without it."""
    mappings = [()] + [path for path in paths(data) if isinstance(at(data, path), dict) and at(data, path)]
    path = draw.draw(st.sampled_from(mappings))
    key = draw.draw(st.sampled_from(list(at(data, path))))
    value = draw.draw(DATA)
    text = dumped(data, style)
    doubled = _with_duplicate(data, path, key, value)
    source = read(yaml.dump(doubled, Dumper=_Doubling, default_flow_style=style, allow_unicode=True))
    (problem,) = source.problems
    assert problem.code == "duplicate-key"
    assert problem.params["key"] == key
    assert source.data == data == read(text).data
    assert len(source.nodes) == size(data)
    first = source.locate((*path, key), key=True)
    assert (problem.params["line"], problem.params["column"]) == (first.line, first.column)


def at(data, path):
    for step in path:
        data = data[step]
    return data


class _Pairs(list):
    """A mapping as pairs, in which a key may come twice."""


class _Doubling(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


_Doubling.add_representer(
    _Pairs,
    lambda dumper, pairs: yaml.MappingNode(
        "tag:yaml.org,2002:map",
        [(dumper.represent_data(key), dumper.represent_data(value)) for key, value in pairs],
    ),
)


def _with_duplicate(data, path, key, value):
    """Return `data` with `key: value` once more at the end of the mapping at `path`."""
    if isinstance(data, list):
        return [
            _with_duplicate(child, path[1:], key, value) if path and path[0] == step else _in_order(child)
            for step, child in enumerate(data)
        ]
    pairs = _Pairs(
        (name, _with_duplicate(child, path[1:], key, value) if path and path[0] == name else _in_order(child))
        for name, child in data.items()
    )
    if not path:
        pairs.append((key, value))
    return pairs


def _in_order(value):
    if isinstance(value, dict):
        return _Pairs((key, _in_order(child)) for key, child in value.items())
    return [_in_order(child) for child in value] if isinstance(value, list) else value


def test_a_third_key_names_the_first():
    """Keys that come after the first duplicate are remembered too."""
    source = read("a: 1\na: 2\nb: 3\nb: 4\na: {c: 1, c: 2}\n")
    assert [(p.location.line, p.params["line"]) for p in source.problems] == [(2, 1), (4, 3), (5, 1), (5, 5)]
    assert source.data == {"a": 1, "b": 3}


@pytest.mark.parametrize("text", ["a: 1\n'': 2\n? \n: 3\n", '{a: 1, "": 2, ? : 3}'])
def test_a_key_has_a_name(text):
    source = read(text)
    assert [found.code for found in source.problems] == ["empty-key", "empty-key"]
    assert source.data == {"a": 1}


def test_keys_are_text_as_written():
    assert read("1: a\nNO: b\nnull: c\n'x': d\n").data == {"1": "a", "NO": "b", "null": "c", "x": "d"}


def test_quoted_and_block_scalars_are_text():
    text = "a: '1'\nb: \"true\"\nc: |\n  2\nd: >-\n  null\ne: ''\n"
    assert read(text).data == {"a": "1", "b": "true", "c": "2\n", "d": "null", "e": ""}


@pytest.mark.parametrize("depth", [19, 20])
def test_nesting_is_limited(depth):
    """Twenty levels, the top one included, are enough for anybody."""
    text = "a: " + "[" * depth + "]" * depth
    assert told(text) == ([] if depth == 19 else [(1, 23, "too-deep")])


BOMBS = {
    "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(20)),
    "merges": "a: &a {x: 1}\n" + "b: {<<: *a}\n" * 50_000,
    "flow": "[" * 1_000_000,
    "mappings": "{a: " * 1_000_000,
    "dashes": "- " * 1_000_000,
    "questions": "? " * 1_000_000,
    "duplicates": "a: 1\n" * 1_000_000,
    "integer": "a: " + "9" * 5_000_000,
    "anchors": "".join(f"k{n}: &a{n} x\n" for n in range(500_000)),
    "tags": "".join(f"k{n}: !t x\n" for n in range(500_000)),
    "documents": "---\na: 1\n" * 500_000,
    "directives": "%FOO bar\n" * 500_000,
    "zeros": "\0" * 10_000_000,
    "size": b" " * (64 * 1024 * 1024 + 1),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_hostile_file_is_refused_at_once(bomb):
    """It costs neither time (a deadline far above what it takes) nor memory beyond its own size."""
    text = BOMBS[bomb]
    data = text if isinstance(text, bytes) else text.encode()
    tracemalloc.start()
    source = reader.read("t.yaml", data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert source.problems
    assert len(source.problems) <= reader.MAX_PROBLEMS + 1
    assert peak < 12 * len(data) + 10_000_000


def test_too_many_problems_end_the_reading():
    source = read("a: 1\n" + "a: 2\n" * 200)
    assert source.data is None
    assert [found.code for found in source.problems[-2:]] == ["duplicate-key", "too-many-problems"]
    assert len(source.problems) == reader.MAX_PROBLEMS + 1


def test_what_is_refused_leaves_no_trace():
    """Its key goes with it, so that positions of all the rest stay right."""
    source = read("a: !t {x: [1, 2]}\nb: [!t 1, 2, !t [3]]\nc: 99999999999999999999\nd: 5\n")
    assert [found.code for found in source.problems] == ["tag", "tag", "tag", "bad-number"]
    assert source.data == {"b": [2], "d": 5}
    assert source.locate(("b", 0)) == Location(file="t.yaml", line=2, column=11)
    assert source.locate(("d",)) == Location(file="t.yaml", line=4, column=4)


def test_an_anchor_is_told_and_its_value_kept():
    """A file with anchors but no alias means what it says; it is refused all the same."""
    source = read("a: &x {b: &y 1}\n&z c: 2\n")
    assert [found.code for found in source.problems] == ["anchor", "anchor", "anchor"]
    assert source.data == {"a": {"b": 1}, "c": 2}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n...\n", "null\n", "\ufeff"])
def test_an_empty_file_is_told(text):
    assert told(text) == [(1, 1, "empty-file")]


@pytest.mark.parametrize("text", ["!t {a: 1}", "*a"])
def test_a_file_that_is_refused_as_a_whole_is_not_called_empty(text):
    source = read(text)
    assert source.data is None
    assert "empty-file" not in {found.code for found in source.problems}


def test_yaml_1_2_may_be_asked_for():
    assert read("%YAML 1.2\n---\na: NO\n").data == {"a": "NO"}


@pytest.mark.parametrize(
    "text", ["a: [1, 2", "a: b: c", "\ta: 1", "a: 'x", "a: *", "a: @b", 'a: "\\q"', "a: 1\n}"]
)
def test_a_syntax_error_has_its_place(text):
    source = read(text)
    (problem,) = source.problems
    assert problem.code == "yaml-syntax"
    assert problem.location.line <= text.count("\n") + 2
    assert source.data is None


def test_pyyaml_without_libyaml_is_told(monkeypatch):
    """Its own parser is a hundred times slower and gives other positions."""
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    with pytest.raises(UsageError, match="no-libyaml"):
        read("version: 1")


def test_equal_scalars_share_one_object():
    """A hundred thousand departments are a few dozen texts."""
    data = read("- Sales and Marketing\n- Sales and Marketing\n").data
    assert data[0] is data[1]


def test_the_table_of_shared_scalars_is_bounded(monkeypatch):
    monkeypatch.setattr(reader, "_MAX_KNOWN", 1)
    assert read("[a, b, b, 1]").data == ["a", "b", "b", 1]
