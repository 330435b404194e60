"""`reconciler users --unlicensed --assign`: the licence goes into tenant.yaml, and into no tenant."""

import io
import json
import sys
from pathlib import Path

import pytest
from msgspec import structs

from tests.cli import states

FILE = """\
# The users of Contoso.
version: 1
tenant: {domain: contoso.com}

users:
  anna@contoso.com: {licenses: [ENTERPRISEPACK]}
  bram@contoso.com: {department: Sales}   # began in May
  # the end of the users

guardrails: {}
"""


@pytest.fixture
def file(workdir):
    path = workdir / "tenant.yaml"
    path.write_bytes(FILE.encode())
    return path


@pytest.fixture
def assign(run, workdir, file):
    """Add EMS to the unlicensed of the saved state."""
    state = states.save(workdir)

    def assign(*options, sku="EMS", approve=True):
        approved = ("--auto-approve",) if approve else ()
        return run("users", "--unlicensed", "--assign", sku, "--snapshot", state, *options, *approved)

    return assign


@pytest.fixture
def answer(monkeypatch):
    """Sit at a terminal and type one line."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    return lambda text: monkeypatch.setattr(sys, "stdin", Terminal(text))


BRAM = "  bram@contoso.com: {department: Sales, licenses: {add: [EMS]}}   # began in May\n"
ADDED = (
    FILE.replace("  bram@contoso.com: {department: Sales}   # began in May\n", BRAM)
    .replace(
        "  # the end of the users\n",
        "  # the end of the users\n"
        "  fay@contoso.com: {licenses: {add: [EMS]}}\n"
        "  freya@contoso.com: {licenses: {add: [EMS]}}\n",
    )
    .encode()
)


# ------------------------------------------------------------ what is written


def test_the_unlicensed_get_it_and_the_rest_of_the_file_stays(assign, file):
    ran = assign()
    assert ran.code == 0
    assert file.read_bytes() == ADDED


def test_the_difference_and_the_seats_are_shown(assign):
    ran = assign()
    assert ran.out == (
        "--- a/tenant.yaml\n"
        "+++ b/tenant.yaml\n"
        "@@ -5,6 +5,8 @@\n"
        " users:\n"
        "   anna@contoso.com: {licenses: [ENTERPRISEPACK]}\n"
        "-  bram@contoso.com: {department: Sales}   # began in May\n"
        f"+{BRAM}"
        "   # the end of the users\n"
        "+  fay@contoso.com: {licenses: {add: [EMS]}}\n"
        "+  freya@contoso.com: {licenses: {add: [EMS]}}\n"
        "\n"
        " guardrails: {}\n"
        "\n"
        "EMS (Enterprise Mobility + Security E3) for 3 users.\n"
        "Seats: 4 owned, 4 in use, 0 free; afterwards 0 free, 3 short: buy or free them before apply.\n"
        "No usage location: freya@contoso.com. Without one no licence can be assigned; set `usage_location` "
        "for the user or under `defaults`.\n"
    )
    assert ran.err == (
        "Added EMS for 3 users to tenant.yaml. The tenant is as it was: `reconciler plan` shows what this "
        "changes there.\n"
    )


def test_doing_it_again_changes_nothing(assign, file):
    assign()
    ran = assign(approve=False)
    assert ran.code == 0
    assert ran.out.startswith(
        "Nothing to add: nobody here would get EMS (Enterprise Mobility + Security E3).\n"
    )
    assert "Left out: bram@contoso.com (tenant.yaml:7): its entry asks for it already" in ran.out
    assert file.read_bytes() == ADDED


def test_only_those_who_are_named_get_it(assign, file):
    assert assign("--only", "Bram@contoso.com").code == 0
    assert b"fay" not in file.read_bytes()
    assert BRAM.encode() in file.read_bytes()


def test_other_classes_get_it_only_where_they_are_named(assign, file):
    assert assign("--only", "gus@contoso.com").code == 0
    text = file.read_text()
    assert "gus@contoso.com: {licenses: {add: [EMS]}}" in text
    assert "oscar" not in text
    assert assign("--include", "disabled").code == 0
    assert "oscar@contoso.com: {licenses: {add: [EMS]}}" in file.read_text()
    assert "info@contoso.com" not in file.read_text()


@pytest.mark.parametrize(
    ("upn", "told"),
    [
        ("anna@contoso.com", "user anna@contoso.com is not without a licence: holds EMS and ENTERPRISEPACK."),
        ("bramm@contoso.com", "Did you mean bram@contoso.com?"),
    ],
)
def test_who_is_named_must_be_without_a_licence(assign, file, upn, told):
    ran = assign("--only", upn)
    assert (ran.code, ran.out) == (1, "")
    assert told in ran.err
    assert file.read_bytes() == FILE.encode()


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("{ensure: absent}", "shall be deleted"),
        ("{licenses: [office], exclude: [EMS]}", "its entry excludes this SKU"),
        ("{licenses: [{sku: EMS, disable: [INTUNE_A]}]}", "its entry asks for it already"),
        ("{licenses: [{one_of: [ENTERPRISEPACK, EMS]}]}", "its entry asks for it already"),
    ],
)
def test_who_shall_not_have_it_or_has_it_coming_is_left_out(assign, file, entry, why):
    file.write_text(
        f"version: 1\nbundles: {{office: [ENTERPRISEPACK]}}\nusers:\n  bram@contoso.com: {entry}\n"
    )
    ran = assign("--only", "bram@contoso.com")
    assert ran.code == 0
    assert f"Left out: bram@contoso.com (tenant.yaml:4): {why}" in ran.out
    assert ran.err == ""


@pytest.mark.parametrize(
    ("entry", "rails", "why"),
    [
        (
            "{licenses: [], reason: long-term leave}",
            "{}",
            "(tenant.yaml:3): its entry says `licenses: []` (long-term leave)",
        ),
        ("{licenses: []}", "{}", "(tenant.yaml:3): its entry says `licenses: []`"),
        (
            "{department: Sales}",
            "{protected_users: [Bram@contoso.com]}",
            "(tenant.yaml:3): `guardrails.protected_users` names bram@contoso.com",
        ),
    ],
)
def test_what_somebody_decided_is_undone_for_nobody_who_is_not_named(run, workdir, file, entry, rails, why):
    before = f"version: 1\nusers:\n  bram@contoso.com: {entry}\nguardrails: {rails}\n"
    file.write_text(before)
    state = states.save(workdir, states.tenant((states.ADMIN, states.BRAM)))
    command = ("users", "--unlicensed", "--assign", "EMS", "--snapshot", state, "--auto-approve")
    ran = run(*command)
    assert (ran.code, ran.err) == (0, "")
    told = f"Left out: bram@contoso.com {why}; `--only` with this user adds it all the same."
    assert ran.out.splitlines()[-1] == told
    assert file.read_text() == before
    assert "Left out" not in run(*command, "--only", "bram@contoso.com").out
    assert "EMS" in file.read_text()


def test_who_is_protected_without_an_entry_gets_none_either(run, workdir, file):
    file.write_text("version: 1\nusers: {}\nguardrails: {protected_users: [Sales]}\n")
    group = structs.replace(states.SALES, members=("id-bram",))
    state = states.save(workdir, states.tenant((states.ADMIN, states.BRAM), groups=(group,)))
    ran = run("users", "--unlicensed", "--assign", "EMS", "--snapshot", state, "--json")
    assert json.loads(ran.out)["left_out"] == [
        {"upn": "bram@contoso.com", "reason": "protected", "file": None, "line": None, "note": "sales"}
    ]


def test_an_entry_that_may_mean_the_user_is_not_guessed_at(run, workdir, file):
    """It names a former address: a second entry would be in conflict with it for ever."""
    file.write_text("version: 1\nusers:\n  old@contoso.com: {licenses: []}\n")
    user = states.user("bram", proxy_addresses=("old@contoso.com",))
    state = states.save(workdir, states.tenant((states.ADMIN, user)))
    ran = run("users", "--unlicensed", "--assign", "EMS", "--snapshot", state)
    assert "Left out: bram@contoso.com (tenant.yaml:3): an entry seems to mean this user" in ran.out


def test_an_entry_that_means_the_user_by_its_id_gets_it(run, workdir, file):
    key = "99999999-2222-3333-4444-555555555555"
    file.write_text(f"version: 1\nusers:\n  Former@contoso.com: {{id: {key}, licenses: []}}\n")
    state = states.save(workdir, states.tenant((states.ADMIN, states.user("bram", id=key))))
    named = ("--only", "bram@contoso.com", "--auto-approve")
    assert run("users", "--unlicensed", "--assign", "ems", "--snapshot", state, *named).code == 0
    assert file.read_text().endswith(f"  Former@contoso.com: {{id: {key}, licenses: [EMS]}}\n")


@pytest.mark.parametrize("coming", ["ENTERPRISEPACK", "{one_of: [ENTERPRISEPACK, SPE_E5]}"])
def test_who_has_other_licences_coming_is_pointed_out(assign, file, coming):
    file.write_text(f"version: 1\nusers:\n  bram@contoso.com: {{licenses: [{coming}]}}\n")
    out = assign("--only", "bram@contoso.com").out
    assert "Listed with other licences already: bram@contoso.com." in out


def test_a_sku_whose_part_number_is_not_its_own_is_written_by_its_id(run, workdir, file):
    twins = tuple(
        sorted(
            (states.named_sku("TWIN", id=f"{n}1111111-2222-3333-4444-555555555555") for n in "12"),
            key=lambda sku: sku.id,
        )
    )
    state = states.save(workdir, states.tenant((states.ADMIN, states.user("bram")), skus=twins))
    ran = run("users", "--unlicensed", "--assign", twins[1].id, "--snapshot", state, "--auto-approve")
    assert ran.code == 0
    assert f'licenses: {{add: ["{twins[1].id}"]}}' in file.read_text()


def test_a_free_sku_takes_no_second_seat(assign):
    out = assign("--only", "freya@contoso.com", sku="FLOW_FREE").out
    assert "Seats: 10,000 owned, 1 in use, 9,999 free; afterwards 9,999 free." in out


# ------------------------------------------------------------ which file


def test_each_entry_is_changed_in_the_file_that_holds_it(run, workdir, assign):
    for name, text in {
        "a.yaml": "version: 1\n",
        "b.yaml": "version: 1\nusers:\n  fay@contoso.com: {licenses: [ENTERPRISEPACK]}\n",
        "c.yaml": "version: 1\nusers:\n  bram@contoso.com: {}\n",
    }.items():
        path = Path("parts") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert assign("-f", "parts").code == 0
    assert Path("parts/a.yaml").read_text() == "version: 1\n"
    assert Path("parts/b.yaml").read_text() == (
        "version: 1\nusers:\n  fay@contoso.com: {licenses: [ENTERPRISEPACK, EMS]}\n"
        "  freya@contoso.com: {licenses: {add: [EMS]}}\n"
    )
    assert Path("parts/c.yaml").read_text() == (
        "version: 1\nusers:\n  bram@contoso.com: {licenses: {add: [EMS]}}\n"
    )


def test_without_a_file_there_is_nothing_to_add_to(assign, file):
    file.unlink()
    ran = assign()
    assert (ran.code, ran.out) == (1, "")
    assert "there is no tenant.yaml in this folder" in ran.err


def test_an_unknown_sku_changes_nothing(assign, file):
    ran = assign(sku="EMSS")
    assert (ran.code, ran.out) == (1, "")
    assert 'did you mean "EMS"' in ran.err
    assert file.read_bytes() == FILE.encode()


def test_a_upn_that_the_file_does_not_take_changes_nothing(run, workdir, file):
    state = states.save(workdir, states.tenant((states.ADMIN, states.user("bram", upn="b+b@contoso.com"))))
    ran = run("users", "--unlicensed", "--assign", "EMS", "--snapshot", state, "--auto-approve")
    assert ran.code == 1
    assert ran.err == "error: tenant.yaml was not changed: it would have 1 problem (bad-upn).\n"
    assert file.read_bytes() == FILE.encode()


# ------------------------------------------------------------ consent


def test_it_asks_and_yes_writes(assign, file, answer):
    answer("yes\n")
    ran = assign(approve=False)
    assert ran.code == 0
    assert 'Type "yes" to change the file: ' in ran.err
    assert file.read_bytes() == ADDED


@pytest.mark.parametrize("text", ["no\n", "y\n", "", "\n"])
def test_anything_else_writes_nothing(assign, file, answer, text):
    answer(text)
    ran = assign(approve=False)
    assert ran.code == 3
    assert ran.err.endswith("error: nothing was written: it was not confirmed.\n")
    assert file.read_bytes() == FILE.encode()


def test_without_a_terminal_and_without_the_flag_nothing_is_written(assign, file):
    ran = assign(approve=False)
    assert ran.code == 3
    assert "there is nobody to ask" in ran.err
    assert file.read_bytes() == FILE.encode()


def test_a_file_that_changed_while_it_asked_is_left_alone(assign, file, answer, monkeypatch):
    class Slow(io.StringIO):
        def isatty(self):
            return True

        def readline(self, *_):
            file.write_text("version: 1\n")
            return "yes\n"

    monkeypatch.setattr(sys, "stdin", Slow())
    ran = assign(approve=False)
    assert ran.code == 1
    assert "somebody changed it meanwhile" in ran.err
    assert file.read_text() == "version: 1\n"


def test_json_tells_what_was_done(assign, file):
    ran = assign("--json", "--only", "bram@contoso.com")
    found = json.loads(ran.out)
    assert found["users"] == ["bram@contoso.com"]
    assert found["seats"] == {"owned": 4, "in_use": 4, "free_before": 0, "free_after": 0, "short": 1}
    assert found["files"][0]["file"] == "tenant.yaml"
    assert f"+{BRAM}" in found["files"][0]["diff"] + "\n"
    assert BRAM.encode() in file.read_bytes()


def test_a_file_of_windows_keeps_its_line_ends(assign, file):
    file.write_bytes(FILE.replace("\n", "\r\n").encode())
    ran = assign()
    assert "\r" not in ran.out
    assert file.read_bytes() == ADDED.replace(b"\n", b"\r\n")


def test_the_tenant_is_as_it_was_and_the_next_plan_assigns_it(run, workdir):
    """Through the sandbox: what was added is planned like anything else."""
    run("sandbox", "reset")
    (workdir / "tenant.yaml").write_text("version: 1\ntenant: {domain: contoso.com}\n")
    before = json.loads(run("users", "--unlicensed", "--json").out)["users"]
    only = ("--only", "ulrike@contoso.com", "--auto-approve")
    assert run("users", "--unlicensed", "--assign", "SPE_F1", *only).code == 0
    assert json.loads(run("users", "--unlicensed", "--json").out)["users"] == before
    (change,) = json.loads(run("plan", "--json").out)["changes"]
    assert (change["address"], change["assign"][0]["sku"]) == ("users/ulrike@contoso.com/licenses", "SPE_F1")
