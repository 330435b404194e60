"""Every error that the package can raise has a sentence of its own."""

import ast
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

import reconciler
from reconciler import plan as p
from reconciler.errors import ConfigError, DirectoryError, ReconcilerError, RefusedError, UsageError
from reconciler.model import Location, Problem
from reconciler.report import errors
from reconciler.report.phrases import role_names
from tests.report.samples import LICENSE_ROLES, licence, licences

TABLES = {"UsageError": errors.USAGE, "DirectoryError": errors.DIRECTORY}
TABLES["RefusedError"] = errors.REFUSED | errors.REFUSED_WITH_STRUCTS
PACKAGE = Path(reconciler.__file__).parent


def test_every_code_that_is_raised_has_a_sentence():
    """Found in the source: each call of an error's class with its code written out."""
    missing = {
        f"{name}({code.value!r}) in {file.relative_to(PACKAGE)}"
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if (name := getattr(getattr(node, "func", None), "id", "")) in TABLES
        for code in (ast.walk(node.args[0]) if node.args else ())
        if isinstance(code, ast.Constant) and isinstance(code.value, str) and code.value not in TABLES[name]
    }
    assert missing == set()


@pytest.mark.parametrize(
    "code", ["unauthorized", "forbidden", "not-found", "throttled", "rejected", "unreachable"]
)
def test_every_status_of_the_tenant_has_a_sentence(code):
    assert code in errors.DIRECTORY


EVERY = dict.fromkeys(
    {
        key
        for f in sorted((PACKAGE / "report").glob("*errors.py"))
        for key in re.findall(r'\("([a-z_]+)"\)', f.read_text("utf-8"))
    },
    "x",
) | {"line": 3, "domains": ["fabrikam.com"]}
"""Every param that a sentence asks for."""


@pytest.mark.parametrize("params", [EVERY, {}, dict.fromkeys(EVERY)], ids=["all", "none", "null"])
@pytest.mark.parametrize(
    ("kind", "table"),
    [(UsageError, errors.USAGE), (DirectoryError, errors.DIRECTORY), (RefusedError, errors.REFUSED)],
)
def test_a_sentence_is_made_from_any_params(kind, table, params):
    for code in table:
        told = errors.sentence(kind(code, **params))
        assert told.endswith((".", "?"))
        assert "\n" not in told
        assert "None" not in told


def test_a_sentence_says_what_happened_and_what_to_do():
    assert errors.sentence(UsageError("no-config", path="tenant.yaml", default=True)) == (
        "there is no tenant.yaml in this folder. "
        "Go to the folder that holds it, or name another file with -f."
    )
    assert errors.sentence(
        UsageError("unreadable-file", path="p.json", reason="No such file or directory")
    ) == ("p.json can't be read: no such file or directory.")
    assert errors.sentence(
        DirectoryError("forbidden", url="/users", status=403, message="Insufficient.")
    ) == (
        "you may not read /users (status 403; Insufficient). "
        "Use an account that may read users, groups, licences and roles."
    )


def test_when_a_plan_expired_and_what_time_it_is_are_told_as_the_plans_header_tells_them():
    told = errors.sentence(
        RefusedError("expired-plan", expired_at="2026-11-24T09:53:05Z", now="2026-11-26T05:53:06+00:00")
    )
    assert told.startswith("the plan expired at 2026-11-24 09:53 UTC; it is now 2026-11-26 05:53 UTC. ")


def test_problems_of_the_desired_state_are_counted():
    problem = Problem(location=Location(file="tenant.yaml", line=1), code="unknown-key")
    assert errors.sentence(ConfigError([problem])) == "the desired state has 1 problem; nothing was planned."


def test_an_unknown_code_is_told_as_it_stands():
    assert errors.sentence(UsageError("of-the-future", file="a\x1bb")) == r"of-the-future (file: a\u{1b}b)."
    assert errors.sentence(ReconcilerError("alone")) == "alone."


def test_hostile_params_come_out_harmless():
    for code in errors.USAGE:
        told = errors.sentence(UsageError(code, **dict.fromkeys(EVERY, "\x1b[2J\u202e\n")))
        assert not set(told) & set("\x1b\u202e\n")


def test_a_refusing_guard_rail_is_told_with_its_figures():
    rail = p.Refusal(
        code="max-deletions", params={"deleted": 9, "users": 20, "count": 5}, allow="--allow max-deletions"
    )
    told = errors.sentence(RefusedError("guardrail", refusals=(rail,)))
    head, line = told.splitlines()
    assert head == "refused by guard rails, so nothing was written:"
    assert line.startswith("  max-deletions: the ready changes delete 9 users of 20")
    assert "--allow max-deletions" in told


JOE = "joe@contoso.com (Helpdesk Administrator)"


def blocked(changes, others):
    """Return the error of a helpdesk administrator's apply that `others` more changes would let through."""
    actor = p.ActorInfo(name="joe@contoso.com", roles=("helpdesk-administrator",))
    return RefusedError("blocked-changes", changes=changes, others=others, actor=actor)


def test_blocked_changes_are_named_with_their_reasons():
    changes = (
        licences("max", (licence("SPE_E5"),), status="blocked", blocked_by=("no-seats",)),
        licences("lee", (licence("EMS"),), status="blocked", permitted=False, blocked_by=("role-missing",)),
    )
    told = errors.sentence(blocked(changes, others=2))
    assert told.splitlines() == [
        "2 changes can't be applied, so nothing was written:",
        f"  {JOE} may not make 1 change that is ready otherwise: 1 takes {role_names(LICENSE_ROLES)}.",
        "  users/max@contoso.com/licenses: no-seats",
        "Apply the others with `--partial`.",
    ]


def test_of_many_blocked_changes_only_the_first_are_named():
    changes = tuple(licences(f"u{n}", status="blocked", blocked_by=("no-seats",)) for n in range(12))
    told = errors.sentence(blocked(changes, others=0))
    assert told.splitlines()[-2:] == [
        "  and 2 more, marked as blocked in the plan",
        "Nothing else is left to apply.",
    ]


def test_changes_that_only_the_role_stands_against_are_told_together():
    """Counted by the roles that may make them, most first; not one line each."""
    lacking = {"status": "blocked", "permitted": False, "blocked_by": ("role-missing",)}
    changes = (
        licences("ann", **lacking),
        licences("bob", **lacking),
        replace(licences("eve", **lacking), roles=("global-administrator",)),
        replace(licences("kim", **lacking), roles=()),
    )
    told = errors.sentence(blocked(changes, others=0))
    assert told.splitlines()[1:] == [
        (
            f"  {JOE} may not make 4 changes that are ready otherwise: "
            f"2 take {role_names(LICENSE_ROLES)}; 1 takes Global Administrator; 1 takes another role."
        ),
        "Nothing else is left to apply.",
    ]


def test_a_group_that_a_command_names_is_asked_back_for():
    assert errors.sentence(UsageError("unknown-group", group="Slaes", nearest="Sales NL")) == (
        'there is no group "Slaes" in this tenant; did you mean "Sales NL"?'
    )
    both = [{"id": "g-1", "name": "Sales"}, {"id": "g-2", "name": "sales"}]
    assert errors.sentence(UsageError("ambiguous-group", group="Sales", candidates=both)) == (
        '2 groups have the name "Sales"; name one by its id: g-1 or g-2.'
    )
