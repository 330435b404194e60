"""A list is aligned, fits a terminal, and is one line a row in a pipe."""

from rich.console import Console

from reconciler.report import listing
from reconciler.report.layout import Span, plain

TITLES = ("WHO", "AGE", "WHAT")
ROWS = [("anna", "7", "short"), ("bram", Span("42", "red"), "a text of some length, in several words")]
LONG = "a.very.long.name.that.nobody.else.has@contoso.com"


def shown(rows, width=None, right=frozenset({1})):
    return plain(listing.table(TITLES, rows, width=width, right=right)).splitlines()


def test_in_a_pipe_each_row_is_one_line():
    assert shown(ROWS) == [
        "WHO   AGE  WHAT",
        "anna    7  short",
        "bram   42  a text of some length, in several words",
    ]


def test_on_a_terminal_the_last_column_wraps_beside_the_others():
    assert shown(ROWS, 40) == [
        "WHO   AGE  WHAT",
        "anna    7  short",
        "bram   42  a text of some length, in",
        "           several words",
    ]


def test_where_there_is_no_room_beside_it_goes_below():
    rows = [(LONG, "7", "a text of some length, in several words"), *ROWS[:1]]
    assert shown(rows, 60)[1:3] == [f"{LONG}  7", "    a text of some length, in several words"]


def test_a_long_cell_among_many_moves_only_what_follows_it():
    rows = [("anna", "7", "x" * 30)] * 12 + [(LONG, "8", "-")]
    lines = shown(rows, 60)
    assert lines[1] == "anna    7  " + "x" * 30
    assert lines[-1] == f"{LONG}  8  -"


def test_a_late_cell_is_in_its_column_again_as_soon_as_there_is_room():
    titles = ("A", "B", "C")
    rows = [("aa", "bbbbbbbb", "c" * 40)] * 12 + [("aaaaa", "b", "c")]
    lines = plain(listing.table(titles, rows, width=50)).splitlines()
    assert lines[1].index("c") == lines[-1].index("c")


def test_an_empty_cell_has_a_sign_and_hostile_text_is_harmless():
    assert shown([("", "", "a\x1b[2J\nb")]) == ["WHO  AGE  WHAT", "-      -  a\\u{1b}[2J\\u{a}b"]


def test_wide_letters_take_two_cells():
    assert shown([("日本", "1", "x"), ("anna", "1", "y")]) == [
        "WHO   AGE  WHAT",
        "日本    1  x",
        "anna    1  y",
    ]


def test_a_terminal_has_styles_and_a_pipe_has_none(tmp_path):
    for terminal in (True, False):
        with (tmp_path / "out").open("w+", encoding="utf-8") as file:
            console = Console(
                file=file, force_terminal=terminal, color_system="standard", width=40, no_color=False
            )
            listing.show(lambda screen: listing.table(TITLES, ROWS, width=screen.columns), console)
            file.seek(0)
            out = file.read()
        assert ("\x1b[31m42" in out) is terminal
        assert any(line.startswith("bram") and "words" in line for line in out.splitlines()) is not terminal


def test_csv_is_harmless_and_keeps_what_is_no_text():
    told = listing.as_csv(("a", "b"), [("=1+1", True), (None, 3), ("a,b", False)])
    assert told == 'a,b\n\'=1+1,true\n,3\n"a,b",false\n'
