"""A list is aligned, fits a terminal, and is one line a row in a pipe."""

from rich.console import Console

from reconciler.report import listing
from reconciler.report.layout import Span, plain, width_of

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


def starts(lines, *texts):
    """Return the cell in which each text begins, on whichever line it stands."""
    return [width_of(line.partition(text)[0]) for text in texts for line in lines if text in line]


def test_where_there_is_no_room_beside_the_last_column_is_below_in_every_row():
    rows = [(LONG, "7", "a text of some length, in several words"), *ROWS[:1]]
    assert shown(rows, 60) == [
        f"{'WHO':49}  AGE",
        "    WHAT",
        f"{LONG}    7",
        "    a text of some length, in several words",
        f"{'anna':49}    7",
        "    short",
    ]


def test_a_word_wider_than_its_column_sends_the_rest_of_its_row_to_the_next_line():
    """A single long name makes nobody else's column wide, and moves none."""
    rows = [("anna", "7", "x" * 30)] * 12 + [(LONG, "8", "-")]
    lines = shown(rows, 60)
    assert lines[1] == "anna    7  " + "x" * 30
    assert lines[-2:] == [LONG, "        8  -"]


def test_columns_begin_in_one_place_in_every_row():
    titles = ("UPN", "NAME", "PLACE", "LICENCES")
    people = [(f"user{n}@contoso.com", "Somebody Orother", "NL", "EMS, ENTERPRISEPACK") for n in range(20)]
    people += [("a.rather.long.address.of.one@contoso.com", "Dana Kessler", "PL", "EMS")]
    people += [("meeting-room@contoso.com", "Meeting room Amstel (resource)", "IT", "FLOW_FREE")]
    for width in (40, 60, 70, 80, 120):
        lines = plain(listing.table(titles, people, width=width)).splitlines()
        for texts in (("NAME", "Somebody", "Dana", "Meeting"), ("PLACE", "NL", "PL", "IT")):
            assert len(set(starts([line for line in lines if "@" not in line or "  " in line], *texts))) == 1
        assert all(width_of(line) <= width for line in lines if "address" not in line)


def test_cells_wrap_so_that_the_last_column_finds_room():
    rows = [("a name of several words", "another one of several words", "what it is about")] * 3
    assert plain(listing.table(("A", "B", "C"), rows, width=50)).splitlines()[:4] == [
        "A                B                C",
        "a name of        another one of   what it is about",
        "several words    several words",
        "a name of        another one of   what it is about",
    ]


def test_the_last_column_is_as_wide_as_its_words_or_stands_below():
    """A terminal would break what is wider in the middle of a name."""
    rows = [("anna@contoso.com", "Anna de Vries", "MICROSOFT_365_COPILOT, SPE_E5")]
    titles = ("UPN", "NAME", "LICENCES")
    assert plain(listing.table(titles, rows, width=54)).splitlines() == [
        "UPN               NAME          LICENCES",
        "anna@contoso.com  Anna de       MICROSOFT_365_COPILOT,",
        "                  Vries         SPE_E5",
    ]
    assert plain(listing.table(titles, rows, width=44)).splitlines() == [
        "UPN               NAME",
        "    LICENCES",
        "anna@contoso.com  Anna de Vries",
        "    MICROSOFT_365_COPILOT, SPE_E5",
    ]


def test_wide_and_combining_letters_move_no_column():
    rows = [
        ("\u5c71\u7530 \u592a\u90ce", "1", "xxxx " * 8),
        ("Zoe\u0308 Mu\u0308ller", "2", "xxxx " * 8),
        ("anna", "3", "x"),
    ]
    for width in (None, 40, 60):
        lines = plain(listing.table(("NAME", "N", "LAST"), rows, width=width)).splitlines()
        assert len(set(starts(lines, "N  LAST", "1  x", "2  x", "3  x"))) == 1


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
