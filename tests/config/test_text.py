import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config import text


def refused(data):
    """Return what is said of `data`: line, column, code, params."""
    with pytest.raises(text.Refused) as caught:
        text.check(data)
    found = caught.value
    return found.line, found.column, found.code, found.params


def test_utf_8_is_read_as_it_is():
    assert text.check("naam: Zoë 😀\r\n\tx".encode()) == "naam: Zoë 😀\r\n\tx".encode()


def test_a_byte_order_mark_is_dropped():
    """Editors on Windows write one."""
    assert text.check(codecs.BOM_UTF8 + b"version: 1\n") == b"version: 1\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be-bom"])
def test_utf_16_is_refused_by_name(encoding):
    mark = (
        codecs.BOM_UTF16_BE + "é".encode("utf-16-be") if encoding == "utf-16-be-bom" else "é".encode(encoding)
    )
    assert refused(mark) == (1, 1, "not-utf-8", {"encoding": "UTF-16"})


def test_another_encoding_is_refused_at_its_first_byte():
    """Columns count characters, not bytes."""
    data = "a: 1\r\nb: é ".encode() + "ü".encode("latin-1")
    assert refused(data) == (2, 6, "not-utf-8", {"byte": 0xFC})


@pytest.mark.parametrize(
    "char",
    [
        "\0",
        "\x07",
        "\x1b",
        "\x7f",
        "\x85",
        "\x9b",
        "\u2028",
        "\u2029",
        "\u202a",
        "\u202e",
        "\u2066",
        "\u2069",
        "\ufeff",
        "\ufffe",
        "\uffff",
    ],
)
def test_a_character_that_can_not_be_seen_is_refused(char):
    """Controls, separators that only some readers break lines at, and marks that turn the direction."""
    assert refused(f"a: 1\rb: é{char}\n".encode()) == (2, 5, "hidden-character", {"character": char})


@pytest.mark.parametrize(
    "char", ["\t", "\xa0", "\u200d", "\u2027", "\u202f", "\ud7ff", "\ue000", "\ufffd", "😀"]
)
def test_other_characters_may_stand_in_a_file(char):
    data = f"a: {char}".encode()
    assert text.check(data) == data


def test_a_file_that_is_too_large_is_refused_unread():
    assert refused(bytes(text.MAX_BYTES + 1)) == (1, 1, "file-too-large", {"limit": text.MAX_BYTES})


@given(st.binary())
def test_bytes_are_either_clean_text_or_refused(data):
    """What is let through decodes, and holds no control character."""
    try:
        clean = text.check(data)
    except text.Refused:
        return
    assert all(char in "\t\r\n" or char >= " " for char in clean.decode())
