"""Adding a licence to a file leaves every byte that was there where it was.

Each case is a file before and after: what was inserted is all that differs, and the result is read
again and must say exactly what it said before, and the new licences.
"""

import difflib
from pathlib import Path

import pytest

from reconciler import config
from reconciler.config import adding, reader
from reconciler.errors import UsageError

ANNA, BRAM, CHRIS = "anna@contoso.com", "bram@contoso.com", "chris@contoso.com"
EXAMPLE = Path(__file__).parents[2] / "tenant.yaml"
NEW = {ANNA: None}
LISTED = {ANNA: ANNA}

CASES = {
    "no users yet": (
        NEW,
        "version: 1\n",
        "version: 1\nusers:\n  anna@contoso.com: {licenses: {add: [SPE_F1]}}\n",
    ),
    "no users yet, sections apart, comments and a document's end behind": (
        {ANNA: None, BRAM: None},
        "version: 1\n\ntenant: {domain: contoso.com}\n\n# the end\n...\n",
        (
            "version: 1\n\ntenant: {domain: contoso.com}\n\n# the end\n\nusers:\n"
            "  anna@contoso.com: {licenses: {add: [SPE_F1]}}\n"
            "  bram@contoso.com: {licenses: {add: [SPE_F1]}}\n...\n"
        ),
    ),
    "users that hold nobody": (
        NEW,
        "version: 1\nusers: {}  # nobody yet\n",
        "version: 1\nusers: {anna@contoso.com: {licenses: {add: [SPE_F1]}}}  # nobody yet\n",
    ),
    "users that hold nobody, and several to come": (
        {ANNA: None, BRAM: None},
        "version: 1\nusers: {}\n",
        (
            "version: 1\nusers: {\n"
            "  anna@contoso.com: {licenses: {add: [SPE_F1]}},\n"
            "  bram@contoso.com: {licenses: {add: [SPE_F1]}}\n"
            "}\n"
        ),
    ),
    "comments that belong to the users, and some that do not": (
        NEW,
        (
            "version: 1\nusers:\n  bram@contoso.com: {}  # Bram\n\n  # nobody else\n# bundles follow\n"
            "bundles:\n  office: [SPE_E5]\n"
        ),
        (
            "version: 1\nusers:\n  bram@contoso.com: {}  # Bram\n\n  # nobody else\n"
            "  anna@contoso.com: {licenses: {add: [SPE_F1]}}\n# bundles follow\n"
            "bundles:\n  office: [SPE_E5]\n"
        ),
    ),
    "no line end at the end": (
        NEW,
        "version: 1\nusers:\n    bram@contoso.com: {}",
        "version: 1\nusers:\n    bram@contoso.com: {}\n    anna@contoso.com: {licenses: {add: [SPE_F1]}}",
    ),
    "a comment at the end, without a line end": (
        NEW,
        "version: 1\nusers:\n  bram@contoso.com: {}\n  # last",
        (
            "version: 1\nusers:\n  bram@contoso.com: {}\n  # last\n"
            "  anna@contoso.com: {licenses: {add: [SPE_F1]}}"
        ),
    ),
    "Windows line ends": (
        {ANNA: None, BRAM: BRAM},
        "version: 1\r\nusers:\r\n  bram@contoso.com:\r\n    licenses:\r\n      - EMS  # kept\r\n\r\n# z\r\n",
        (
            "version: 1\r\nusers:\r\n  bram@contoso.com:\r\n    licenses:\r\n      - EMS  # kept\r\n"
            "      - SPE_F1\r\n  anna@contoso.com: {licenses: {add: [SPE_F1]}}\r\n\r\n# z\r\n"
        ),
    ),
    "a byte-order mark, and letters of more than one byte before": (
        LISTED,
        "\ufeffversion: 1\n# é😀 \nusers: {anna@contoso.com: {name: Ánna 😀, licenses: []}}\n",
        "\ufeffversion: 1\n# é😀 \nusers: {anna@contoso.com: {name: Ánna 😀, licenses: [SPE_F1]}}\n",
    ),
    "a list on one line": (
        LISTED,
        "version: 1\nusers:\n  anna@contoso.com: {licenses: [ EMS , VISIOCLIENT ]}  # two\n",
        "version: 1\nusers:\n  anna@contoso.com: {licenses: [ EMS , VISIOCLIENT, SPE_F1 ]}  # two\n",
    ),
    "a list on one line with a comma at the end": (
        LISTED,
        "version: 1\nusers:\n  anna@contoso.com: {licenses: [EMS,]}\n",
        "version: 1\nusers:\n  anna@contoso.com: {licenses: [EMS, SPE_F1]}\n",
    ),
    "a list over several lines, with comments": (
        LISTED,
        (
            "version: 1\nusers:\n  anna@contoso.com:\n    licenses: [\n      EMS,  # devices\n"
            "      VISIOCLIENT  # drawings\n    ]\n"
        ),
        (
            "version: 1\nusers:\n  anna@contoso.com:\n    licenses: [\n      EMS,  # devices\n"
            "      VISIOCLIENT,  # drawings\n      SPE_F1\n    ]\n"
        ),
    ),
    "a list over several lines with a comma at the end": (
        LISTED,
        "version: 1\nusers:\n  anna@contoso.com: {licenses: [\n    EMS, # devices\n  ]}\n",
        "version: 1\nusers:\n  anna@contoso.com: {licenses: [\n    EMS, # devices\n    SPE_F1,\n  ]}\n",
    ),
    "a list that ends on the line of its last item": (
        LISTED,
        "version: 1\nusers:\n  anna@contoso.com: {licenses: [\n    EMS]}\n",
        "version: 1\nusers:\n  anna@contoso.com: {licenses: [\n    EMS, SPE_F1]}\n",
    ),
    "a list in block style at the key's own indent, a comment behind": (
        LISTED,
        (
            "version: 1\nusers:\n  anna@contoso.com:\n    licenses:\n    - {sku: EMS, disable: [INTUNE_A]}\n"
            "    # no more\n    department: Sales\n"
        ),
        (
            "version: 1\nusers:\n  anna@contoso.com:\n    licenses:\n    - {sku: EMS, disable: [INTUNE_A]}\n"
            "    - SPE_F1\n    # no more\n    department: Sales\n"
        ),
    ),
    "items in block style within the list": (
        LISTED,
        (
            "version: 1\nusers:\n  anna@contoso.com:\n    licenses:\n      - sku: EMS\n        disable:\n"
            "          - INTUNE_A\n"
        ),
        (
            "version: 1\nusers:\n  anna@contoso.com:\n    licenses:\n      - sku: EMS\n        disable:\n"
            "          - INTUNE_A\n      - SPE_F1\n"
        ),
    ),
    "items with dates and choices": (
        LISTED,
        (
            "version: 1\nusers:\n  anna@contoso.com:\n    licenses:\n"
            "      - {bundle: office, until: 2027-03-31}\n"
            "      - one_of: [SPE_E5, {sku: SPE_E3, disable: []}]\n"
            "        from: 2026-12-01\n    leaver: {last_day: 2027-01-31}\n    priority: 10\n"
            "bundles: {office: [EMS]}\n"
        ),
        (
            "version: 1\nusers:\n  anna@contoso.com:\n    licenses:\n"
            "      - {bundle: office, until: 2027-03-31}\n"
            "      - one_of: [SPE_E5, {sku: SPE_E3, disable: []}]\n"
            "        from: 2026-12-01\n      - SPE_F1\n    leaver: {last_day: 2027-01-31}\n    priority: 10\n"
            "bundles: {office: [EMS]}\n"
        ),
    ),
    "the user's own mode, add": (
        LISTED,
        "version: 1\nusers:\n  anna@contoso.com: {licenses: {add: ['EMS']}, department: \"Sales\"}\n",
        "version: 1\nusers:\n  anna@contoso.com: {licenses: {add: ['EMS', SPE_F1]}, department: \"Sales\"}\n",
    ),
    "the user's own mode, replace, in block style": (
        LISTED,
        "version: 1\nusers:\n  anna@contoso.com:\n    licenses:\n      replace:\n        - EMS\n",
        (
            "version: 1\nusers:\n  anna@contoso.com:\n    licenses:\n      replace:\n        - EMS\n"
            "        - SPE_F1\n"
        ),
    ),
    "an entry that manages nothing": (
        LISTED,
        "version: 1\nusers:\n  anna@contoso.com: {}\n",
        "version: 1\nusers:\n  anna@contoso.com: {licenses: {add: [SPE_F1]}}\n",
    ),
    "an entry without licences, on one line": (
        LISTED,
        "version: 1\nusers:\n  anna@contoso.com: {department: Sales}   # quiet\n",
        "version: 1\nusers:\n  anna@contoso.com: {department: Sales, licenses: {add: [SPE_F1]}}   # quiet\n",
    ),
    "an entry without licences, in block style, ending in a text of several lines": (
        LISTED,
        "version: 1\nusers:\n  anna@contoso.com:\n    reason: |\n      on leave\n\n  bram@contoso.com: {}\n",
        (
            "version: 1\nusers:\n  anna@contoso.com:\n    reason: |\n      on leave\n"
            "    licenses: {add: [SPE_F1]}\n\n  bram@contoso.com: {}\n"
        ),
    ),
    "keys in quotes and written out": (
        LISTED,
        'version: 1\nusers:\n  ? "Anna@Contoso.com"\n  : licenses:\n      - EMS\n',
        'version: 1\nusers:\n  ? "Anna@Contoso.com"\n  : licenses:\n      - EMS\n      - SPE_F1\n',
    ),
    "a file in the manner of JSON": (
        {ANNA: None, BRAM: BRAM},
        '{"version": 1, "users": {"bram@contoso.com": {"licenses": {"add": ["EMS"]}}}}\n',
        (
            '{"version": 1, "users": {"bram@contoso.com": {"licenses": {"add": ["EMS", SPE_F1]}}, '
            "anna@contoso.com: {licenses: {add: [SPE_F1]}}}}\n"
        ),
    ),
    "a file in the manner of JSON, without users": (
        NEW,
        '{"version": 1}',
        '{"version": 1, users: {anna@contoso.com: {licenses: {add: [SPE_F1]}}}}',
    ),
    "several entries, not in order, and a new one": (
        {CHRIS: CHRIS, ANNA: None, BRAM: BRAM},
        "version: 1\nusers:\n  bram@contoso.com: {licenses: []}\n  chris@contoso.com:\n    licenses: [EMS]\n",
        (
            "version: 1\nusers:\n  bram@contoso.com: {licenses: [SPE_F1]}\n  chris@contoso.com:\n"
            "    licenses: [EMS, SPE_F1]\n  anna@contoso.com: {licenses: {add: [SPE_F1]}}\n"
        ),
    ),
}


def write(folder, text, name="tenant.yaml"):
    path = folder / name
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("case", CASES)
def test_what_is_inserted_is_all_that_differs(case, tmp_path):
    upns, before, after = CASES[case]
    path = write(tmp_path, before)
    (edit,) = adding.add(config.read([path]), upns, "SPE_F1")
    assert edit.after.decode() == after
    assert (edit.name, edit.before) == (path.as_posix(), before.encode())
    assert path.read_bytes() == before.encode()  # nothing is written here


@pytest.mark.parametrize("case", CASES)
def test_no_byte_of_the_file_is_taken_away(case):
    """The text before is what is left of the text after, less the insertions."""
    _, before, after = CASES[case]
    left = iter(after)
    assert all(character in left for character in before)


@pytest.mark.parametrize("case", CASES)
def test_the_lines_that_differ_are_told(case, tmp_path):
    """The lines told, put in the place of the old ones, make the new text, and no line else is told."""
    upns, before, after = CASES[case]
    (edit,) = adding.add(config.read([write(tmp_path, before)]), upns, "SPE_F1")
    old, new = (text.replace("\r\n", "\n").split("\n") for text in (before, after))
    made, at = [], 0
    for start, end, new_start, new_end in edit.changes:
        assert end - start <= 1
        made += old[at:start] + new[new_start:new_end]
        assert len(made) == new_end
        assert old[start:end] != new[new_start:new_end]
        at = end
    assert made + old[at:] == new


@pytest.mark.parametrize(
    ("upn", "key"),
    [
        ("o'hara@contoso.com", "o'hara@contoso.com"),
        ("guest_x.com#ext#@contoso.onmicrosoft.com", "guest_x.com#ext#@contoso.onmicrosoft.com"),
        ("-dash@contoso.com", '"-dash@contoso.com"'),
        ("~tilde@contoso.com", '"~tilde@contoso.com"'),
        ("!bang@contoso.com", '"!bang@contoso.com"'),
        ("#hash@contoso.com", '"#hash@contoso.com"'),
        ("'quote@contoso.com", '"\'quote@contoso.com"'),
    ],
)
def test_a_key_is_quoted_where_yaml_would_take_it_for_something_else(upn, key, tmp_path):
    path = write(tmp_path, "version: 1\n")
    (edit,) = adding.add(config.read([path]), {upn: None}, "EMS")
    assert edit.after.decode() == f"version: 1\nusers:\n  {key}: {{licenses: {{add: [EMS]}}}}\n"
    assert list(reader.read("t.yaml", edit.after).data["users"]) == [upn]


@pytest.mark.parametrize(
    ("sku", "written"), [("NULL", '"NULL"'), ("123", '"123"'), ("A B", '"A B"'), ("E5_X", "E5_X")]
)
def test_a_sku_is_quoted_where_yaml_would_take_it_for_something_else(sku, written, tmp_path):
    path = write(tmp_path, "version: 1\nusers: {anna@contoso.com: {licenses: []}}\n")
    (edit,) = adding.add(config.read([path]), LISTED, sku)
    assert f"licenses: [{written}]" in edit.after.decode()


def test_an_entry_is_changed_where_it_stands_and_a_new_one_goes_where_users_are(tmp_path):
    head = write(tmp_path, "version: 1\ntenant: {domain: contoso.com}\n", "a.yaml")
    users = write(tmp_path, "version: 1\nusers:\n  bram@contoso.com: {}\n", "b.yaml")
    more = write(tmp_path, "version: 1\nusers:\n  chris@contoso.com: {}\n", "c.yaml")
    edits = adding.add(config.read([head, users, more]), {ANNA: None, CHRIS: CHRIS}, "EMS")
    assert [(edit.name, edit.after.decode()) for edit in edits] == [
        (
            users.as_posix(),
            "version: 1\nusers:\n  bram@contoso.com: {}\n  anna@contoso.com: {licenses: {add: [EMS]}}\n",
        ),
        (more.as_posix(), "version: 1\nusers:\n  chris@contoso.com: {licenses: {add: [EMS]}}\n"),
    ]


def test_without_users_in_any_file_the_first_one_gets_them(tmp_path):
    first = write(tmp_path, "version: 1\n", "a.yaml")
    write(tmp_path, "version: 1\nignore_skus: []\n", "b.yaml")
    (edit,) = adding.add(config.read([tmp_path]), NEW, "EMS")
    assert edit.name == first.as_posix()


def test_a_file_with_a_scope_gets_new_users_only_where_all_have_one(tmp_path):
    """It may declare nothing of most of them."""
    write(tmp_path, "version: 1\nscope: {city: Paris}\nusers:\n  bram@contoso.com: {}\n", "a.yaml")
    whole = write(tmp_path, "version: 1\ntenant: {domain: contoso.com}\n", "b.yaml")
    (edit,) = adding.add(config.read([tmp_path]), NEW, "EMS")
    assert edit.name == whole.as_posix()
    whole.unlink()
    (edit,) = adding.add(config.read([tmp_path]), NEW, "EMS")
    assert edit.name.endswith("a.yaml")


def test_who_has_only_a_row_in_a_table_gets_an_entry_beside_it(tmp_path):
    """The table is somebody else's: it is read, and never written."""
    write(tmp_path, "Email\nAnna@contoso.com\n", "hr.csv")
    path = write(tmp_path, "version: 1\nusers_from: {csv: hr.csv, columns: {upn: Email}}\n")
    (edit,) = adding.add(config.read([path]), LISTED, "EMS")
    assert edit.name == path.as_posix()
    assert edit.after.decode().endswith("users:\n  anna@contoso.com: {licenses: {add: [EMS]}}\n")


def test_who_has_licences_in_a_table_is_not_added(tmp_path):
    """Two places must not say what one user's licences are."""
    write(tmp_path, "Email,Licences\nanna@contoso.com,EMS\n", "hr.csv")
    path = write(
        tmp_path, "version: 1\nusers_from: {csv: hr.csv, columns: {upn: Email, licenses: Licences}}\n"
    )
    with pytest.raises(UsageError) as caught:
        adding.add(config.read([path]), LISTED, "SPE_F1")
    assert caught.value.params["problems"] == ["given-twice"]


def test_nobody_to_add_makes_no_edit(tmp_path):
    assert adding.add(config.read([write(tmp_path, "version: 1\n")]), {}, "EMS") == ()


def test_an_edit_that_would_change_something_else_is_refused(tmp_path):
    """`|+` keeps the empty lines behind it: a line put before them would make the text shorter."""
    path = write(
        tmp_path,
        "version: 1\nusers:\n  anna@contoso.com:\n    reason: |+\n      away\n\n\n  bram@contoso.com: {}\n",
    )
    with pytest.raises(UsageError) as caught:
        adding.add(config.read([path]), LISTED, "EMS")
    assert (caught.value.code, caught.value.params["reason"]) == ("cannot-edit", "layout")


def test_an_edit_that_would_make_the_file_invalid_is_refused(tmp_path):
    """A UPN that tenant.yaml does not take: nothing is proposed."""
    path = write(tmp_path, "version: 1\nusers: {}\n")
    with pytest.raises(UsageError) as caught:
        adding.add(config.read([path]), {"a+b@contoso.com": None}, "EMS")
    assert caught.value.params == {"file": path.as_posix(), "reason": "problems", "problems": ["bad-upn"]}


def test_a_file_that_moved_since_is_not_written(tmp_path):
    path = write(tmp_path, "version: 1\nusers: {}\n")
    edits = adding.add(config.read([path]), NEW, "EMS")
    adding.unchanged(edits)
    path.write_text("version: 1\n")
    with pytest.raises(UsageError) as caught:
        adding.unchanged(edits)
    assert caught.value.params["reason"] == "moved"


def test_a_file_that_is_gone_is_told(tmp_path):
    path = write(tmp_path, "version: 1\nusers: {}\n")
    document = config.read([path])
    path.unlink()
    with pytest.raises(UsageError) as caught:
        adding.add(document, NEW, "EMS")
    assert caught.value.code == "unreadable-file"


def test_the_example_gets_one_line_and_keeps_the_rest(tmp_path):
    """The worked example at the top of the repository, byte by byte."""
    before = EXAMPLE.read_bytes()
    path = tmp_path / "tenant.yaml"
    path.write_bytes(before)
    (edit,) = adding.add(
        config.read([path]), {"kwame@contoso.com": None, "yusuf@contoso.com": "yusuf@contoso.com"}, "EMS"
    )
    old, new = before.decode().splitlines(), edit.after.decode().splitlines()
    changed = [line for line in difflib.ndiff(old, new) if line[:2] in ("+ ", "- ")]
    assert [line for line in changed if "yusuf" not in line] == [
        "+   kwame@contoso.com: {licenses: {add: [EMS]}}"
    ]
    assert (
        edit.after.replace(b"\n  kwame@contoso.com: {licenses: {add: [EMS]}}", b"").replace(
            b"licenses: [SPE_F1, EMS]}", b"licenses: [SPE_F1]}"
        )
        == before
    )
