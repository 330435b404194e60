"""`reconciler validate`: every problem of every file, with no tenant at all."""

import json

import pytest

GOOD = """\
version: 1
tenant: {domain: contoso.com}
bundles:
  office: [ENTERPRISEPACK]
users:
  anna@contoso.com: {name: Anna, licenses: [office]}
  bram@contoso.com: {licenses: []}
"""
BAD = """\
version: 1
users:
  anna@contoso.com: {licences: [ENTERPRISEPACK]}
  bram@contoso.com: {licenses: null}
"""


@pytest.fixture
def write(workdir):
    def write(text, name="tenant.yaml"):
        path = workdir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_valid_file_is_said_to_be_valid_and_counted(run, write):
    write(GOOD)
    ran = run("validate")
    assert (ran.code, ran.out, ran.err) == (0, "tenant.yaml is valid: 2 users, 1 bundle.\n", "")


def test_groups_rules_and_the_rows_of_csv_files_are_counted_too(run, write):
    write(
        GOOD
        + """\
users_from: {csv: hr.csv, columns: {upn: Email}}
groups:
  Sales NL: {licenses: [office]}
rules:
  - {name: sales, when: {department: Sales}, licenses: [office]}
  - {name: guests, when: {user_type: Guest}, exclude: [EMS]}
"""
    )
    write("Email\ncarl@contoso.com\n", "hr.csv")
    ran = run("validate")
    assert (ran.code, ran.out) == (0, "tenant.yaml is valid: 3 users, 1 group, 2 rules, 1 bundle.\n")


def test_nothing_is_made_and_no_tenant_is_asked(run, write, workdir):
    write(GOOD)
    run("validate")
    assert [path.name for path in workdir.iterdir()] == ["tenant.yaml"]


def test_every_problem_is_listed_in_order_and_the_run_fails(run, write):
    write(BAD)
    ran = run("validate")
    assert (ran.code, ran.err) == (1, "")
    *problems, verdict = ran.out.splitlines()
    assert [line.split(": ")[0] for line in problems] == ["tenant.yaml:3:22", "tenant.yaml:4:32"]
    assert verdict == "tenant.yaml is not valid: 2 problems."


def test_problems_and_warnings_are_counted_apart(run, write):
    write(BAD + "  eva@contoso.com: {licenses: [CONTOSO_SPECIAL]}\n")
    ran = run("validate")
    assert ran.out.endswith("tenant.yaml is not valid: 2 problems, 1 warning.\n")


def test_planning_tells_only_what_no_tenant_can_mend(run, write, workdir):
    """A name that the catalogue lacks is no problem until the tenant was asked, and it is not asked."""
    write(BAD + "  eva@contoso.com: {licenses: [CONTOSO_SPECIAL]}\n")
    ran = run("plan")
    assert "CONTOSO_SPECIAL" not in ran.err
    assert ran.err.count("tenant.yaml:") == 2
    assert ran.err.endswith("error: the desired state has 2 problems; nothing was planned.\n")
    assert not (workdir / ".reconciler").exists()


def test_an_unknown_sku_is_a_warning_for_the_tenant_may_know_it(run, write):
    write(GOOD.replace("[]", "[CONTOSO_SPECIAL]"))
    ran = run("validate")
    assert ran.code == 0
    warning, verdict = ran.out.splitlines()
    assert warning.startswith("tenant.yaml:7:")
    assert "CONTOSO_SPECIAL" in warning
    assert warning.endswith(" (a warning: `plan` asks the tenant, and decides)")
    assert verdict == "tenant.yaml is valid: 2 users, 1 bundle; 1 warning."


def test_several_files_are_one_desired_state(run, write):
    write(GOOD, "state/a.yaml")
    write("version: 1\nusers:\n  anna@contoso.com: {licenses: []}\n", "state/b.yaml")
    ran = run("validate", "-f", "state")
    assert ran.code == 1
    assert ran.out.startswith("state/b.yaml:3:3: duplicate-user: ")
    assert ran.out.endswith("state is not valid: 1 problem.\n")


def test_mailboxes_of_an_export_are_counted(run, write):
    write("version: 1\nmailboxes_from: {csv: exchange.csv}\n")
    write("UserPrincipalName,ArchiveStatus\na@contoso.com,None\nb@contoso.com,Active\n", "exchange.csv")
    assert run("validate").out == "tenant.yaml is valid: 2 mailboxes.\n"


def test_the_json_is_one_document(run, write):
    write(BAD)
    ran = run("validate", "--json")
    assert (ran.code, ran.err) == (1, "")
    document = json.loads(ran.out)
    assert document["valid"] is False
    assert document["declared"]["users"] == 2
    first = document["problems"][0]
    assert {key: first[key] for key in ("file", "line", "column", "severity")} == {
        "file": "tenant.yaml",
        "line": 3,
        "column": 22,
        "severity": "error",
    }
    assert first["message"] in run("validate").out


def test_the_json_of_a_valid_file(run, write):
    write(GOOD)
    assert json.loads(run("validate", "--json").out) == {
        "valid": True,
        "declared": {"users": 2, "groups": 0, "rules": 0, "bundles": 1, "subscriptions": 0, "mailboxes": 0},
        "problems": [],
    }


def test_a_file_that_is_missing_is_said_with_what_to_do(run):
    ran = run("validate")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: there is no tenant.yaml in this folder.")
    assert "-f" in ran.err
    assert run("validate", "-f", "other.yaml").err == "error: other.yaml does not exist.\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"\xff\xfe\x00",
        b"just text",
        b"[1, 2]",
        b"version: 2\n",
        b"version: 1\nversion: 1\n",
        b"version: 1\nusers: [\n",
        b"version: 1\nusers:\n\tx: 1\n",
        b"version: 1\nusers: &a {x@y.z: *a}\n",
        b"version: 1\nusers: !!python/object:os.system {}\n",
        b"a: " + b"[" * 10_000,
        b"version: 1\nusers: {x@y.z: {name: '\x1b[31m'}}\n",
        "version: 1\nusérs: {}\n".encode("latin-1"),
    ],
    ids=range(14),
)
@pytest.mark.parametrize("command", [("validate",), ("validate", "--json"), ("plan",)], ids=" ".join)
def test_whatever_stands_in_the_file_problems_have_places_and_no_traceback(run, write, content, command):
    write(content)
    ran = run(*command)
    assert ran.code == 1
    assert "internal error" not in ran.err
    assert "Traceback" not in ran.out + ran.err
    assert "\x1b" not in ran.out + ran.err
    if command == ("validate", "--json"):
        assert json.loads(ran.out)["problems"]
    elif command == ("validate",):
        assert ran.out.startswith("tenant.yaml:")
    else:
        assert ran.out == ""
        assert ran.err.startswith("tenant.yaml:")


def test_validate_starts_without_an_http_client(write, imported):
    write(GOOD)
    modules = imported("validate")
    assert modules.isdisjoint({"httpx", "rich", "jinja2", "werkzeug", "waitress", "sqlite3", "deepdiff"})
    assert "yaml" in modules
