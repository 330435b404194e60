"""`users_from`: a CSV file says of users what `users` would, each cell with its place.

What is said of mistakes stands in problems/table*.
"""

import sys
from datetime import date
from pathlib import Path

import pytest

from reconciler import config
from reconciler.config import table
from reconciler.errors import ConfigError
from reconciler.model import Entry, Every, Exclusion, Grant, Leaver, Location, Scope
from reconciler.model import Test as Asks
from reconciler.report import problems
from tests.config.samples import CATALOG, E3, EMS, SKUS

USERS = "users_from: {csv: hr.csv, columns: {upn: Email, name: Name, department: Dept}}\n"


def place(line, column, file="hr.csv"):
    return Location(file=file, line=line, column=column)


def profiles(desired):
    return {entry.upn: dict(entry.profile) for entry in desired.entries}


def test_a_whole_row(resolve):
    """A field that has no column, or an empty cell, is not managed."""
    row = {
        "last_day": "2026-12-31",
        "licenses": "office; POWER_BI_PRO ;",
        "priority": "7",
        "usage_location": "NL",
        "enabled": "No",
        "employee_id": "0042",
        "country": "Netherlands",
        "city": "Delft",
        "office": "A 1",
        "company": "Contoso",
        "job_title": "Boss",
        "department": "Sales",
        "surname": "de Vries",
        "given_name": "Anna",
        "name": "Anna de Vries",
        "id": "11111111-1111-1111-1111-11111111111A",
        "upn": "Anna@Contoso.com",
    }
    header, cells = ",".join(f"My {field}" for field in row), ",".join(row.values())
    mapped = ", ".join(f"{field}: My {field}" for field in row)
    desired = resolve(
        f"bundles: {{office: [ENTERPRISEPACK]}}\nusers_from: {{csv: hr.csv, columns: {{{mapped}}}}}\n",
        hr=f"{header}\n{cells}\n,,,,,,,,,,,,,,,,b@contoso.com\n",
    )
    upn = cells.index("Anna@") + 1
    assert desired.entries == (
        Entry(
            upn="anna@contoso.com",
            location=place(2, upn),
            id="11111111-1111-1111-1111-11111111111a",
            profile=(
                ("city", "Delft"),
                ("company", "Contoso"),
                ("country", "Netherlands"),
                ("department", "Sales"),
                ("employee_id", "0042"),
                ("enabled", False),
                ("given_name", "Anna"),
                ("job_title", "Boss"),
                ("name", "Anna de Vries"),
                ("office", "A 1"),
                ("surname", "de Vries"),
            ),
            usage_location="NL",
            grants=(
                Grant(sku_id=E3, bundle="office", location=place(2, 12)),
                Grant(sku_id="f8a1db68-be16-40ed-86d5-cb42ce701560", location=place(2, 12)),
            ),
            leaver=Leaver(last_day=date(2026, 12, 31), location=place(2, 1)),
            priority=7,
        ),
        Entry(upn="b@contoso.com", location=place(3, 17)),
    )


@pytest.mark.parametrize(
    "written",
    [
        "Email,Name,Dept\na@x.nl,A,Sales\n",
        "\ufeffEmail,Name,Dept\r\na@x.nl,A,Sales\r\n",
        "Email;Name;Dept\na@x.nl;A;Sales",
        "Email\tName\tDept\ra@x.nl\tA\tSales\r",
        '"Email","Name","Dept"\n"a@x.nl","A","Sales"\n',
        "\n , ,\n Email , Name,Dept\n\n a@x.nl , A,  Sales \n,,\n",
        "Dept,Other,Name,Email\nSales,x,A,a@x.nl\n",
        "Email,Name,Dept;\n a@x.nl,A,Sales\n".replace(";", ""),
    ],
)
def test_a_table_is_read_as_spreadsheets_write_it(resolve, written):
    """Comma, semicolon or tab; any line end; quotes or none; blanks around; empty rows; in any order."""
    assert profiles(resolve(USERS, hr=written)) == {"a@x.nl": {"name": "A", "department": "Sales"}}


def test_quoted_cells_hold_separators_and_quotes(resolve):
    written = 'Email,Name,Dept\na@x.nl,"de ""Wit"", A","Sales, NL"\n'
    assert profiles(resolve(USERS, hr=written)) == {
        "a@x.nl": {"name": 'de "Wit", A', "department": "Sales, NL"}
    }


def test_places_are_right_behind_cells_of_several_lines(load):
    """The line is that of the cell, the column counts in that line."""
    long = "D" * 65
    written = f'Email,Other,Dept\na@x.nl,"1\r\n2\n3",{long}\n"b@x.nl",,{long}\nc@x.nl,,{long}\n'
    text = "users_from: {csv: hr.csv, columns: {upn: Email, department: Dept}}\n"
    found = load(text, hr=written).problems
    assert [(one.location.line, one.location.column) for one in found] == [(4, 4), (5, 11), (6, 9)]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("true", True),
        ("TRUE", True),
        ("Yes", True),
        ("1", True),
        ("false", False),
        ("no", False),
        ("0", False),
    ],
)
def test_truth_is_written_in_several_ways(resolve, cell, value):
    text = "users_from: {csv: hr.csv, columns: {upn: U, enabled: E}}\n"
    assert profiles(resolve(text, hr=f"U,E\na@x.nl,{cell}\n")) == {"a@x.nl": {"enabled": value}}


def test_an_entry_and_a_row_of_one_user_are_one(resolve):
    """Each says what the other does not; the entry is where the user stands."""
    desired = resolve(
        "users_from: {csv: hr.csv, columns: {upn: U, name: N, licenses: L, last_day: D, id: I}}\n"
        "users:\n"
        "  Anna@x.nl: {department: Sales, exclude: [EMS], priority: 3, enabled: true}\n"
        "  bram@x.nl: {licenses: {add: [EMS]},\n"
        "    leaver: {last_day: 2027-01-31, keep_licenses: 0d, delete_after: 1d}}\n"
        "  chris@x.nl: {}\n",
        hr="U,N,L,D,I\nanna@X.nl,Anna,ENTERPRISEPACK,2026-12-31,\n"
        "bram@x.nl,Bram,,,11111111-1111-1111-1111-11111111111A\n",
    )
    yaml = "tenant.yaml"
    assert desired.entries == (
        Entry(
            upn="anna@x.nl",
            location=place(4, 3, yaml),
            profile=(("department", "Sales"), ("enabled", True), ("name", "Anna")),
            grants=(Grant(sku_id=E3, location=place(2, 16)),),
            exclusions=(Exclusion(sku_id=EMS, location=place(4, 44, yaml)),),
            leaver=Leaver(last_day=date(2026, 12, 31), location=place(2, 31)),
            priority=3,
        ),
        Entry(
            upn="bram@x.nl",
            location=place(5, 3, yaml),
            id="11111111-1111-1111-1111-11111111111a",
            profile=(("name", "Bram"),),
            mode="add",
            grants=(Grant(sku_id=EMS, location=place(5, 32, yaml)),),
            leaver=Leaver(
                last_day=date(2027, 1, 31), keep_licenses=0, delete_after=1, location=place(6, 5, yaml)
            ),
        ),
        Entry(upn="chris@x.nl", location=place(7, 3, yaml)),
    )


def write(name, text):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


HR = "users_from: {csv: hr.csv, columns: {upn: U}}\n"


def test_a_row_has_the_scope_of_the_file_that_names_its_table(load):
    """A user of whom two files speak is bound by both."""
    load("", hr="U\na@x.nl\nb@x.nl\n")
    write("hr.yaml", f"version: 1\nowner: hr\nscope: {{city: Delft}}\n{HR}")
    write("users.yaml", "version: 1\nowner: it\nscope: {city: Paris}\nusers: {a@x.nl: {}, c@x.nl: {}}\n")
    write("more.yaml", "version: 1\nusers: {d@x.nl: {}}\n")
    desired = config.resolve(config.read([Path()]), SKUS, CATALOG)
    delft, paris = (Asks(field="city", values=(city,)) for city in ("delft", "paris"))
    mine = place(3, 1, "users.yaml")
    assert [entry.scope for entry in desired.entries] == [
        Scope(condition=Every(conditions=(paris, delft)), owner="it", location=mine),
        Scope(condition=delft, owner="hr", location=place(3, 1, "hr.yaml")),
        Scope(condition=paris, owner="it", location=mine),
        None,
    ]


@pytest.mark.parametrize(("own", "other"), [("", "scope: {city: A}\n"), ("scope: {city: A}\n", "")])
def test_a_scope_of_one_file_binds_a_user_of_whom_two_speak(load, own, other):
    load("", hr="U\na@x.nl\n")
    write("tenant.yaml", f"version: 1\n{own}{HR}")
    write("users.yaml", f"version: 1\n{other}users: {{a@x.nl: {{}}}}\n")
    (entry,) = config.resolve(config.read([Path()]), SKUS, CATALOG).entries
    assert entry.scope.condition == Asks(field="city", values=("a",))


def test_a_file_with_a_scope_may_complete_its_own_table(resolve):
    (entry,) = resolve(f"scope: {{city: A}}\n{HR}users: {{a@x.nl: {{}}}}\n", hr="U\na@x.nl\n").entries
    assert entry.scope.condition == Asks(field="city", values=("a",))


def test_the_path_counts_from_the_file_that_names_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("t/hr/people.csv", "U\na\n")
    write("t/a.yaml", "version: 1\nusers_from: {csv: ./hr/people.csv, columns: {upn: U}}\n")
    (problem,) = config.load([Path("t")]).problems
    assert (problem.code, problem.location.file) == ("bad-upn", "t/hr/people.csv")


def test_the_table_is_part_of_the_digest(load):
    """A plan made of another table is another plan."""
    one, same, other = (load(HR, hr=f"U\n{name}@x.nl\n").digest for name in "aab")
    assert one == same != other


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_link_that_leads_out_is_not_followed(tmp_path, monkeypatch):
    """A pull request can bring links; it must not have other files read."""
    write(tmp_path / "secret.csv", "U\na@x.nl\n")
    (tmp_path / "t").mkdir()
    monkeypatch.chdir(tmp_path / "t")
    write("tenant.yaml", f"version: 1\n{HR}")
    Path("hr.csv").symlink_to(tmp_path / "secret.csv")
    document = config.load([Path("tenant.yaml")])
    assert [one.params["reason"] for one in document.problems] == ["link"]
    assert problems.lines(document.problems)[0].endswith(
        'table-outside: "hr.csv" is not read: its link leads out of the folder of this file; '
        "put the table itself inside it"
    )
    assert document.tables == ()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_link_inside_the_folder_is_followed(resolve, tmp_path):
    write(tmp_path / "new.csv", "U\na@x.nl\n")
    (tmp_path / "hr.csv").symlink_to("new.csv")
    assert [entry.upn for entry in resolve(HR).entries] == ["a@x.nl"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_that_lead_to_each_other_are_told(load, tmp_path):
    (tmp_path / "hr.csv").symlink_to("b.csv")
    (tmp_path / "b.csv").symlink_to("hr.csv")
    assert [one.code for one in load(HR).problems] == ["table-unreadable"]


def test_a_table_that_may_not_be_read_is_told(load, monkeypatch):
    document = load("", hr="U\n")
    write("tenant.yaml", f"version: 1\n{HR}")
    whole = Path.open

    def refuse(path, *args, **kwargs):
        if path.suffix == ".csv":
            raise PermissionError(13, "Permission denied")
        return whole(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    (problem,) = config.load([Path("tenant.yaml")]).problems
    assert (document.problems, problem.code, problem.params["reason"]) == (
        [],
        "table-unreadable",
        "Permission denied",
    )


def test_many_mistakes_are_told_up_to_a_limit(load, monkeypatch):
    monkeypatch.setattr(table, "MAX_PROBLEMS", 3)
    found = load(HR, hr="U,V\n" + ",\n,x\n" * 9).problems
    assert [(one.code, one.location.line) for one in found] == [
        ("no-upn", 3),
        ("no-upn", 5),
        ("no-upn", 7),
        ("too-many-problems", 7),
    ]


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("users_from: {csv: hr.csv, columns: {upn: U, enabled: X}}\n", "U,X\n"),
        ("mailboxes_from: {csv: hr.csv}\n", "UserPrincipalName,LitigationHoldEnabled\n"),
    ],
)
def test_cells_that_are_wrong_up_to_the_limit_are_told_with_all_else(resolve, text, header, monkeypatch):
    """The row with which reading stops is not half there."""
    monkeypatch.setattr(table, "MAX_PROBLEMS", 2)
    rows = "".join(f"u{number}@contoso.com,perhaps\n" for number in range(9))
    with pytest.raises(ConfigError) as caught:
        resolve(text, hr=header + rows)
    assert [(one.code, one.location.line) for one in caught.value.problems] == [
        ("bad-cell", 2),
        ("bad-cell", 3),
        ("too-many-problems", 3),
    ]


def test_a_cell_that_never_ends_is_told(load):
    (problem,) = load(HR, hr="U,V\na@x.nl," + "x" * 140_000 + "\n").problems
    assert problems.message(problem).startswith("in this row a cell is longer than 131,072 characters")


def test_a_quote_that_is_not_closed_in_the_header_is_told(load):
    """Whatever the separator, there is no header then."""
    (problem,) = load(HR, hr='U,"V' + "x" * 140_000 + "\n").problems
    assert (problem.code, problem.location) == ("csv-syntax", place(1, 1))


@pytest.mark.parametrize("quote", ['"', ""])
def test_the_header_is_found_though_another_separator_breaks_it(load, quote):
    """A quote in the middle of a cell is wrong by one separator and right by another."""
    document = load(
        "users_from: {csv: hr.csv, columns: {upn: U, name: N}}\n", hr=f'"U";{quote}N{quote}\na@x.nl;"A"\n'
    )
    assert document.problems == []


def test_names_of_a_table_count_as_declared(load):
    assert load(HR, hr="U\na@x.nl\nb@x.nl\n").names("users") == {"a@x.nl", "b@x.nl"}


def test_the_fields_of_a_table_are_told(load):
    """So that the tenant is asked for them."""
    assert load(USERS, hr="Email,Name,Dept\na@x.nl,A,\n").fields == {"name"}


def test_two_tables_are_read(load):
    load("", hr="U\na@x.nl\n", it="U\nb@x.nl\nA@x.nl\n")
    write("hr.yaml", f"version: 1\n{HR}")
    write("it.yaml", f"version: 1\n{HR.replace('hr', 'it')}")
    with pytest.raises(ConfigError) as caught:
        config.read([Path()])
    (problem,) = caught.value.problems
    assert (problem.code, problem.location, problem.params["file"]) == (
        "duplicate-user",
        place(3, 1, "it.csv"),
        "hr.csv",
    )
