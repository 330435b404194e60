"""`reconciler users`: who is there, with which licences from which source, and who has none."""

import csv
import io
import json

import pytest
from msgspec import structs

from tests.cli import states

NOBODY = "bram@contoso.com"


@pytest.fixture
def state(workdir):
    return states.save(workdir)


@pytest.fixture
def listed(run, state):
    """Return the names of the users that a list holds."""

    def listed(*options):
        ran = run("users", *options, "--snapshot", state, "--json")
        assert (ran.code, ran.err) == (0, "")
        return [user["upn"].partition("@")[0] for user in json.loads(ran.out)["users"]]

    return listed


def document(ran):
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


# ------------------------------------------------------------ which users


def test_without_a_filter_everybody_is_listed(listed):
    assert listed() == sorted(user.upn.partition("@")[0] for user in states.EVERYBODY)


def test_unlicensed_are_enabled_members_without_a_licence_that_counts(listed):
    """A free SKU is none, a licence in error is none; one through a group is one."""
    assert listed("--unlicensed") == ["bram", "fay", "freya"]


def test_other_classes_are_counted_and_never_listed_unless_named(run, state, listed):
    found = document(run("users", "--unlicensed", "--snapshot", state, "--json"))
    assert found["not_listed"] == {"guest": 1, "disabled": 1, "resource": 2, "shared": 1, "unknown": 1}
    assert set(listed("--unlicensed", "--include", "guest")) == {"bram", "fay", "freya", "gus"}
    assert set(listed("--unlicensed", "--include", "resource", "--include", "shared")) == {
        "bram",
        "fay",
        "freya",
        "desk",
        "room",
        "info",
    }
    assert set(listed("--unlicensed", "--include", "disabled")) == {"bram", "fay", "freya", "oscar"}
    assert "una" in listed("--unlicensed", "--include", "unknown")


def test_ignore_skus_of_the_file_say_what_counts(listed, workdir):
    (workdir / "tenant.yaml").write_text("version: 1\nignore_skus: [EMS]\n")
    assert listed("--unlicensed") == ["bram", "dora", "fay", "hal"]
    (workdir / "tenant.yaml").write_text("version: 1\nignore_skus: []\n")
    assert listed("--unlicensed") == ["bram", "fay"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--sku", "ems"), ["admin", "anna", "dora", "hal"]),
        (("--sku", states.sid("ENTERPRISEPACK")), ["admin", "anna", "olga"]),
        (("--sku", "SPE_E5"), []),
        (("--disabled",), ["desk", "info", "olga", "oscar"]),
        (("--guests",), ["gus"]),
        (("--errors",), ["fay", "hal"]),
        (("--double",), ["dora"]),
    ],
)
def test_each_filter_lists_its_users(listed, options, names):
    assert listed(*options) == names


def test_an_unknown_sku_is_told_with_the_nearest(run, state):
    ran = run("users", "--sku", "ENTERPRISPACK", "--snapshot", state)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        'error: "ENTERPRISPACK" is not a SKU of this tenant, nor one of the catalogue; '
        'did you mean "ENTERPRISEPACK" (Office 365 E3)?\n'
    )


def test_a_part_number_that_two_skus_have_is_not_guessed(run, workdir):
    twins = tuple(structs.replace(states.sku("EMS"), id=f"{n}" * 8, part_number="TWIN") for n in ("1", "2"))
    state = states.save(workdir, states.tenant(skus=twins))
    ran = run("users", "--sku", "TWIN", "--snapshot", state)
    assert ran.code == 1
    assert "name one by its id: 11111111 and 22222222." in ran.err
    assert run("users", "--sku", "11111111", "--snapshot", state).code == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--unlicensed", "--disabled"),
        ("--sku", "EMS", "--double"),
        ("--sku", "", "--double"),
        ("--include", "guest"),
        ("--json", "--csv"),
        ("--assign", "EMS"),
        ("--unlicensed", "--only", NOBODY),
        ("--unlicensed", "--auto-approve"),
        ("--unlicensed", "--assign", "EMS", "--csv"),
        ("--unlicensed", "--include", "everybody"),
    ],
    ids=" ".join,
)
def test_options_that_say_nothing_together_are_refused(run, options):
    ran = run("users", *options)
    assert (ran.code, bool(ran.out)) == (1, "--json" in options)
    assert ran.err.startswith("error: ")


# ------------------------------------------------------------ how they are shown


def test_the_list_is_aligned_and_the_classes_are_counted_beneath(run, state):
    ran = run("users", "--unlicensed", "--snapshot", state)
    assert ran.out == (
        "UPN                NAME   DEPARTMENT  LOC  LICENCES\n"
        "bram@contoso.com   Bram   Sales       NL   -\n"
        "fay@contoso.com    Fay    -           NL   EMS (group Sales, in error)\n"
        "freya@contoso.com  Freya  -           -    FLOW_FREE\n"
        "\n"
        "3 users without a licence. Not listed: 1 guest, 1 disabled account, 2 resource accounts, 1 shared "
        "mailbox and 1 account of an unknown kind (`--include guest --include disabled --include resource "
        "--include shared --include unknown`).\n"
    )
    assert (ran.code, ran.err) == (0, "")


def test_an_empty_list_says_so(run, state):
    assert run("users", "--sku", "SPE_E5", "--snapshot", state).out == "0 users with this licence.\n"


def test_errors_say_what_went_wrong_and_what_it_means(run, state):
    out = run("users", "--errors", "--snapshot", state).out
    assert "EMS (group Sales), CountViolation: no seat was free: buy or free one, then reprocess" in out
    assert "EMS (group Sales), DependencyViolation: a service plan that it needs is missing" in out
    assert "(it works from here all the same)" in out


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        ("MutuallyExclusiveViolation", "excludes one that the user has already"),
        ("ProhibitedInUsageLocationViolation", "not available in the user's usage location"),
        ("UniquenessViolation", "an address of the user is taken"),
        ("Other", "another licence of the same group failed"),
        ("Others", "another licence of the same group failed"),
        ("None", "the service gives no reason"),
        ("OfTheFuture", "OfTheFuture is not known here"),
    ],
)
def test_every_error_has_a_meaning_and_an_unknown_one_is_kept(run, workdir, error, meaning):
    broken = structs.replace(states.FAILED, assignments=(states.failed("Error", error),))
    state = states.save(workdir, states.tenant((states.ADMIN, broken)))
    assert meaning in run("users", "--errors", "--snapshot", state).out


def test_double_shows_both_sources(run, state):
    assert "NL   EMS, EMS (group Sales)\n" in run("users", "--double", "--snapshot", state).out


def test_a_user_of_another_class_is_marked(run, state):
    assert "Gus (guest)" in run("users", "--guests", "--snapshot", state).out


def test_json_tells_each_licence_with_its_source(run, state):
    (anna,) = (
        user
        for user in document(run("users", "--snapshot", state, "--json"))["users"]
        if user["upn"] == "anna@contoso.com"
    )
    ems = {
        "sku": "EMS",
        "sku_id": states.sid("EMS"),
        "name": "Enterprise Mobility + Security E3",
        "source": "group",
        "group": "Sales",
        "group_id": "g-sales",
        "ignored": False,
        "state": "Active",
        "error": None,
        "meaning": None,
    }
    assert anna["licenses"][0] == ems
    assert [one["source"] for one in anna["licenses"]] == ["group", "direct"]
    assert (anna["class"], anna["licensed"], anna["double"]) == ("member", True, [])


def test_csv_has_a_header_and_no_formula(run, workdir):
    hostile = states.named(states.user("mallory", "EMS", department='a "b", c'), "=HYPERLINK(1)")
    state = states.save(workdir, states.tenant((states.ADMIN, hostile)))
    rows = list(csv.DictReader(io.StringIO(run("users", "--snapshot", state, "--csv").out)))
    assert list(rows[0]) == [
        "upn",
        "name",
        "department",
        "location",
        "licenses",
        "class",
        "enabled",
        "user_type",
        "id",
    ]
    mallory = rows[1]
    assert (mallory["name"], mallory["department"]) == ("'=HYPERLINK(1)", 'a "b", c')
    assert (mallory["licenses"], mallory["enabled"]) == ("EMS", "true")


def test_names_from_the_tenant_are_harmless(run, workdir):
    hostile = states.named(states.user("mallory"), "\x1b[2J::set-env x\u202e")
    state = states.save(workdir, states.tenant((states.ADMIN, hostile)))
    for form in ((), ("--json",), ("--csv",)):
        out = run("users", "--snapshot", state, *form).out
        assert not set(out) & set("\x1b\u202e")


def test_a_group_that_was_not_read_is_named_by_its_id(run, workdir):
    state = states.save(workdir, states.tenant(groups=()))
    assert "EMS (group g-sales)" in run("users", "--snapshot", state).out


# ------------------------------------------------------------ where they come from


def test_without_a_file_the_sandbox_is_looked_at(run):
    ran = run("users", "--unlicensed")
    assert ran.code == 0
    assert ran.err.startswith("No tenant yet: made the demo tenant")
    assert "users without a licence." in ran.out


def test_a_snapshot_without_an_administrator_can_be_looked_at(run, workdir):
    assert run("users", "--snapshot", states.save(workdir, states.tenant(role_assignments=()))).code == 0


def test_another_tenant_than_the_declared_one_is_refused(run, state, workdir):
    (workdir / "tenant.yaml").write_text("version: 1\ntenant: {domain: fabrikam.com}\n")
    ran = run("users", "--snapshot", state)
    assert (ran.code, ran.out) == (1, "")
    assert "fabrikam.com" in ran.err


def test_a_file_with_problems_is_told_and_nothing_is_listed(run, state, workdir):
    (workdir / "tenant.yaml").write_text("version: 1\nignore_sku: []\n")
    ran = run("users", "--snapshot", state)
    assert (ran.code, ran.out) == (1, "")
    assert "tenant.yaml:2:1:" in ran.err


def test_a_file_that_is_named_must_exist(run, state):
    ran = run("users", "--snapshot", state, "-f", "nothing.yaml")
    assert (ran.code, ran.err) == (1, "error: nothing.yaml does not exist.\n")
