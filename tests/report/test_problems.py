import ast
import re
from pathlib import Path

import pytest

from reconciler.model import Location, Problem
from reconciler.report import problems

CONFIG = Path(problems.__file__).parents[1] / "config"


def problem(code, file="tenant.yaml", **params):
    return Problem(location=Location(file=file, line=12, column=7), code=code, params=params)


def test_a_problem_is_a_line_that_editors_understand():
    """The line of the design, to the letter."""
    found = problem(
        "unknown-sku",
        name="ENTERPRISPACK",
        offline=False,
        kind="sku",
        nearest="ENTERPRISEPACK",
        nearest_name="Office 365 E3",
    )
    (line,) = problems.lines([found])
    assert line == (
        'tenant.yaml:12:7: unknown-sku: "ENTERPRISPACK" is not a SKU of this tenant; '
        'did you mean "ENTERPRISEPACK" (Office 365 E3)?'
    )


def test_without_a_tenant_no_more_is_said_than_is_known():
    found = problem("unknown-sku", name="X", offline=True, nearest=None)
    assert problems.message(found) == '"X" is not a SKU of the catalogue, though your tenant may have it'


def test_every_code_has_a_sentence():
    """The codes that config speaks of, as they stand in its source."""
    spoken = {
        node.value
        for name in ("text", "reader", "shape", "checks", "names", "grants", "desired")
        for node in ast.walk(ast.parse((CONFIG / f"{name}.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", str(node.value))
    }
    assert len(spoken) > 40
    assert spoken - set(problems._SENTENCES) == {"utf-8", "no-libyaml"}


def test_an_unknown_code_is_told_with_its_params():
    """A newer part may speak of something that this table does not have yet."""
    assert (
        problems.line(problem("new-thing", a="x", b=[1])) == 'tenant.yaml:12:7: new-thing: a: "x", b: a list'
    )


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        ({"value": "\x1b[31mred\u202e"}, r'"\u{1b}[31mred\u{202e}"'),
        ({"value": True}, "true"),
        ({"value": False}, "false"),
        ({"value": 1.5}, "1.5"),
        ({"value": None}, "None"),
        ({"value": {"a": 1}}, "a mapping"),
        ({"value": "x" * 200}, f'"{"x" * 80}…"'),
    ],
)
def test_what_a_file_holds_is_shown_harmless_and_short(params, shown):
    found = problem("bad-value", path=["a"], expected="better", **params)
    assert problems.message(found) == f"`a` is {shown}; expected: better"


def test_the_name_of_a_file_is_harmless_too():
    assert problems.line(problem("empty-file", file="a\nb.yaml")).startswith(
        r"a\u{a}b.yaml:12:7: empty-file: "
    )


def test_a_long_key_is_cut():
    found = problem("unknown-key", key="k" * 200, known=["a"])
    assert problems.message(found) == f"`{'k' * 80}…` is not a key here; known are a"


@pytest.mark.parametrize(
    ("char", "escape"), [("\x1b", r"\x1b"), ("\u2028", r"\u2028"), ("\ufeff", r"\ufeff")]
)
def test_a_hidden_character_is_named_with_its_escape(char, escape):
    text = problems.message(problem("hidden-character", character=char))
    assert f"U+{ord(char):04X}" in text
    assert f'"{escape}" in double quotes' in text


@pytest.mark.parametrize(
    ("params", "words"),
    [({"encoding": "UTF-16"}, "the file is written in UTF-16"), ({"byte": 0xFC}, "byte 0xFC is not UTF-8")],
)
def test_another_encoding_is_told(params, words):
    assert problems.message(problem("not-utf-8", **params)) == f"{words}; save it as UTF-8".replace(
        "UTF-8; save it", "UTF-8; save the file"
    )


def test_a_rare_complaint_of_the_yaml_parser_is_passed_on():
    found = problem("yaml-syntax", reason="found \x07 something", began=3)
    assert problems.message(found) == r"found \u{7} something (it began on line 3)"


def test_a_long_cycle_is_cut_in_the_middle():
    names = [f"b{n}" for n in range(100)]
    text = problems.message(problem("bundle-cycle", cycle=[*names, "b0"]))
    assert text.endswith("b8 → b9 → … → b0")


def test_a_plan_without_a_sku_and_a_sku_without_a_name():
    assert problems.message(problem("unknown-plan", plan="X", nearest=None)) == '"X" is not a service plan'
    found = problem("plan-not-in-sku", plan="X", sku="EMS", sku_name="EMS", nearest="Y")
    assert problems.message(found) == 'EMS has no service plan "X"; did you mean "Y"?'


def test_sizes_are_told_in_units_for_people():
    assert (
        problems.message(problem("file-too-large", limit=64 * 1024 * 1024))
        == "the file is larger than 64 MiB"
    )


@pytest.mark.parametrize(("offline", "whose"), [(True, "the catalogue"), (False, "this tenant")])
def test_a_bundle_is_suggested(offline, whose):
    found = problem("unknown-bundle", name="ofice", nearest="office", offline=offline)
    assert (
        problems.message(found) == f'"ofice" is neither a bundle nor a SKU of {whose}; did you mean "office"?'
    )


def test_a_limit_of_licences_is_told():
    assert problems.message(problem("too-many-licences", limit=5_000_000)).startswith("more than 5,000,000")


def test_a_single_choice_is_told_alone():
    assert (
        problems.message(problem("bad-value", path=["version"], value=2, options=[1]))
        == "`version` is 2; expected: 1"
    )


def test_an_error_of_the_csv_module_that_is_not_known_is_told_in_its_words():
    assert problems.message(problem("csv-syntax", reason="odd\x1b")) == r"this row can't be read: odd\u{1b}"
