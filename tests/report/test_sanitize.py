"""Hostile text is shown, never obeyed."""

import json
import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.report.sanitize import clean, clean_json, csv_cell, encodable

HIDDEN_CATEGORIES = {"Cc", "Cf", "Zl", "Zp", "Cs"}
NASTY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(list("\x1b\r\n\t\x00\x7f\x9b\u202e\u2066\u200b\u200d\ufeff\u2028:#[]=+-@\\u{} a")),
        st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF, categories=["Cs"]),
    )
)


@pytest.mark.parametrize(
    "text",
    [
        "Anna de Vries",
        "Zoë Müller",
        "漢字 かな",
        "山田\u3000太郎",
        "שלום",
        "😀",
        "❤\ufe0f",
        "C:\\x",
        "a:b",
        "# 1",
        "O'Neil & Søn",
    ],
)
def test_ordinary_text_of_any_script_stays_as_it_is(text):
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\u{1b}[31mred\u{1b}[0m"),
        ("\x9b31m", r"\u{9b}31m"),
        ("a\r\nb\tc\x00\x7f", r"a\u{d}\u{a}b\u{9}c\u{0}\u{7f}"),
        ("gpj.\u202eexe", r"gpj.\u{202e}exe"),
        ("\u2066x\u2069", r"\u{2066}x\u{2069}"),
        ("an\u200bna", r"an\u{200b}na"),
        ("👩\u200d💻", r"👩\u{200d}💻"),
        ("a\u2028b\u2029c\x85d", r"a\u{2028}b\u{2029}c\u{85}d"),
        ("\ud800", r"\u{d800}"),
        ("\u3164", r"\u{3164}"),
        ("\U000e0041", r"\u{e0041}"),
        ("::set-env name=PATH::x", r"\u{3a}:set-env name=PATH::x"),
        ("  ::error::x", r"  \u{3a}:error::x"),
        ("long name ::error::x", r"long name \u{3a}:error::x"),
        ("x ##[add-path]y", r"x \u{23}#[add-path]y"),
        ("##vso[task.setvariable]", r"\u{23}#vso[task.setvariable]"),
        ("###[group]", r"#\u{23}#[group]"),
    ],
)
def test_what_would_be_obeyed_or_not_seen_is_shown_as_an_escape(text, shown):
    assert clean(text) == shown


def test_every_control_and_format_character_of_unicode_is_hidden():
    """The ranges are written down, so that output does not depend on Python's Unicode version."""
    missed = [
        f"{code:x}"
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in HIDDEN_CATEGORIES and clean(chr(code)) == chr(code)
    ]
    assert missed == []


@given(NASTY)
def test_clean_text_is_one_harmless_line_and_cleaning_again_changes_nothing(text):
    shown = clean(text)
    assert not {unicodedata.category(char) for char in shown} & HIDDEN_CATEGORIES
    assert len(shown.splitlines()) <= 1
    assert not re.search(r"(^|\s)::|##\w*\[", shown)
    assert clean(shown) == shown
    shown.encode()


@given(NASTY)
def test_clean_text_keeps_every_ordinary_character_in_order(text):
    assert re.sub(r"\\u\{([0-9a-f]+)\}", lambda m: chr(int(m[1], 16)), clean(text)) == re.sub(
        r"\\u\{([0-9a-f]+)\}", lambda m: chr(min(int(m[1], 16), 0x10FFFF)), text
    )


@given(st.lists(NASTY, max_size=3))
def test_clean_json_means_the_same_and_hides_nothing(texts):
    document = json.dumps({"t": texts}, indent=2, ensure_ascii=False)
    shown = clean_json(document)
    # Through ASCII as well: the halves of a pair mean one character once they are escaped.
    assert json.loads(shown) == json.loads(json.dumps({"t": texts}))
    assert not {unicodedata.category(char) for char in shown.replace("\n", "")} & HIDDEN_CATEGORIES
    assert not re.search(r"##\w*\[", shown)


@pytest.mark.parametrize("char", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_cell_that_a_spreadsheet_would_compute_starts_with_an_apostrophe(char):
    assert csv_cell(f"{char}1+1") == "'" + clean(f"{char}1+1")


def test_an_ordinary_cell_stays_as_it_is():
    assert csv_cell("Anna = 1") == "Anna = 1"


def test_a_csv_cell_is_clean_too():
    assert csv_cell("a\x1b[2J") == r"a\u{1b}[2J"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "é 漢"),
        ("latin-1", r"é \u{6f22}"),
        ("ascii", r"\u{e9} \u{6f22}"),
        ("no-such-codec", r"\u{e9} \u{6f22}"),
    ],
)
def test_what_an_encoding_lacks_is_shown_as_an_escape(encoding, shown):
    assert encodable("é 漢", encoding) == shown
