"""A fault file says what goes wrong; what is wrong with the file is told with line and column."""

from pathlib import Path

import pytest

from reconciler.cli import sandbox
from reconciler.errors import UsageError
from reconciler.report.errors import sentence
from reconciler.sandbox.faults import DOCUMENTED, PRESETS, Faults, Limit, Rule, Throttle, calls, load, parse
from reconciler.sandbox.faults.kinds import KINDS

WHOLE = """\
version: 1
seed: 7
page_size: 5
group_delay: 1.5
throttle:
  writes: {count: 30, seconds: 60}
faults:
  - {kind: 429, calls: assign, retry_after: 0.249}
  - kind: 503
    calls: [write, batch]
    method: POST
    path: /users/*/assignLicense
    nth: 3
    times: always
    committed: true
    retry_after_date: 30
  - {kind: latency, probability: 0.25, seconds: 2}
  - {kind: missing-field, field: id, times: 2}
  - {kind: seats-taken, count: 2}
"""


def test_everything_that_a_file_may_say():
    assert parse(WHOLE, "faults.yaml") == Faults(
        seed=7,
        page_size=5,
        group_delay=1.5,
        throttle=Throttle(writes=Limit(count=30, seconds=60)),
        rules=(
            Rule(kind="429", calls=("assign",), retry_after="0.249"),
            Rule(
                kind="503",
                calls=("write", "batch"),
                method="POST",
                path="/users/*/assignLicense",
                nth=3,
                times=None,
                committed=True,
                retry_after_date=30,
            ),
            Rule(kind="latency", probability=0.25, times=None, seconds=2.0),
            Rule(kind="missing-field", field="id", times=2),
            Rule(kind="seats-taken", count=2),
        ),
    )


def test_json_does_as_well():
    assert parse('{"faults": [{"kind": "401"}]}', "x") == Faults(rules=(Rule(kind="401"),))
    assert parse("throttle: documented", "x").throttle == DOCUMENTED


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_can_be_read(name):
    assert load(name) != Faults()


PROBLEMS = {
    "": "1:1: it is empty",
    "faults: [": "2:1: it is neither YAML nor JSON",
    "[]": "1:1: the file has to be a mapping",
    "version: 2": '1:10: "2" is no version; expected one of 1',
    "seeds: 2": '1:1: "seeds" is no key of the file; did you mean "seed"?',
    "seed: 1\nseed: 2": '2:1: "seed" stands twice in the file',
    "seed: -1": '1:7: seed "-1": expected a whole number, 0 or more',
    "page_size: 0": '1:12: page_size "0": expected a whole number, 1 or more',
    "group_delay: soon": '1:14: group_delay "soon": expected a number, 0 or more',
    "group_delay: .nan": '1:14: group_delay ".nan"',
    "throttle: low": '1:11: "low" is no throttle; expected one of documented',
    "throttle: {writes: {count: 0, seconds: 1}}": "1:28: count",
    "throttle: {writes: {count: 3}}": "1:20: writes needs `count` and `seconds`",
    "throttle: {write: {}}": '1:12: "write" is no key of throttle; did you mean "writes"?',
    "faults: 1": "1:9: faults has to be a list",
    "faults: [1]": "1:10: a fault has to be a mapping",
    "faults: [{}]": "1:10: a fault needs a `kind`",
    "faults: [{kind: latecy}]": '1:17: "latecy" is no kind; did you mean "latency"?',
    "faults: [{kind: [503]}]": '1:17: "" is no kind; expected one of dns, refused',
    "faults: [{kind: 503, seconds: 3}]": '1:22: "seconds" is no key of a fault 503',
    "faults: [{kind: latency, seconds: soon}]": '1:35: seconds "soon"',
    "faults: [{kind: 503, calls: asign}]": '1:29: "asign" is no calls; did you mean "assign"?',
    "faults: [{kind: 503, calls: {}}]": "1:29: calls has to be a list",
    "faults: [{kind: 503, method: FETCH}]": '1:30: "FETCH" is no method',
    "faults: [{kind: 503, path: users}]": '1:28: path "users" has to begin with /',
    "faults: [{kind: 503, path: []}]": "1:28: path has to be text",
    "faults: [{kind: 503, times: never}]": '1:29: times "never": expected a whole number or `always`',
    "faults: [{kind: 503, probability: 2}]": "1:35: probability 2: expected a number from 0 to 1",
    "faults: [{kind: 503, committed: perhaps}]": '1:33: "perhaps" is no committed',
    "faults: [{kind: 403, committed: true}]": "1:33: with 403 the request is never carried out",
    "faults: [{kind: empty, committed: false}]": "1:35: with empty the request is always carried out",
    "faults: [{kind: 429, retry_after: soon}]": '1:35: retry_after "soon"',
    "a: &a [*a]": '1:1: "a" is no key of the file',
    "a: }": "1:4: it is neither YAML nor JSON",
    "%YAML 9.9\n---\na: 1": "1:",
    "? [1]\n: 2": '1:3: "" is no key of the file',
}


@pytest.mark.parametrize("text", PROBLEMS)
def test_what_is_wrong_is_told_with_its_place(text):
    with pytest.raises(UsageError) as caught:
        parse(text, "faults.yaml")
    assert caught.value.code == "bad-faults"
    told = sentence(caught.value)
    assert f"faults.yaml:{PROBLEMS[text]}" in told
    assert told.endswith((".", "?"))


def test_every_problem_is_told_in_the_order_of_the_file():
    with pytest.raises(UsageError) as caught:
        parse("seed: x\nfaults:\n  - {kind: nothing}\n  - {kind: 503, nth: 0}\npage_size: y\n", "f")
    assert [(row["line"], row["column"]) for row in caught.value.params["problems"]] == [
        (1, 7),
        (3, 12),
        (4, 22),
        (5, 12),
    ]


def test_a_name_that_is_neither_file_nor_preset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        load("flakey")
    assert sentence(caught.value) == (
        "flakey is neither a file nor a preset of faults (documented-limits, flaky, hostile, lagging and "
        "throttled). Did you mean flaky?"
    )
    with pytest.raises(UsageError) as caught:
        load("x.yaml")
    assert "Did you mean" not in sentence(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"\xff", "1:1: it is not UTF-8 text"), (b"#" * (1 << 21), "1:1: it is larger than 1 MiB")],
)
def test_a_file_that_is_no_text_of_that_size(tmp_path, content, told):
    path = tmp_path / "faults.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load(str(path))
    assert told in sentence(caught.value)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(UsageError) as caught:
        load(str(tmp_path))
    assert caught.value.code == "unreadable-file"


def test_a_file_is_read(tmp_path):
    path = tmp_path / "faults.yaml"
    path.write_text(WHOLE)
    assert load(str(path)) == parse(WHOLE, "x")


REFERENCE = Path(__file__).parents[2] / "docs/reference/sandbox.md"


def test_the_reference_names_every_kind_call_and_preset():
    text = REFERENCE.read_text(encoding="utf-8")
    names = (*KINDS, *calls.KINDS, *calls.CLASSES, *PRESETS)
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_example_of_the_reference_can_be_read():
    text = REFERENCE.read_text(encoding="utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    assert len(parse(example, "example").rules) == 4


def test_the_help_names_every_preset():
    (option,) = [each for each in sandbox.serve.params if each.name == "faults"]
    assert [name for name in PRESETS if name not in option.help] == []
