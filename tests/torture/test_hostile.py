"""Every string of the tenant and of the files is hostile, and whatever a command prints is harmless.

Real commands, at three widths, for people, programs and spreadsheets. `make torture` looks at many more.
"""

import copy
import csv
import io
import json
import os
import re
import shutil
import sys
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from unicodedata import category

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.cli import main
from tests.cli.conftest import E3, EMS, STATE

unix = pytest.mark.skipif(sys.platform == "win32", reason="no such names on Windows")

EXAMPLES = 150 if os.environ.get("TORTURE") == "all" else 3
PIECES = (
    "\x1b[2J", "\x1b]0;owned\x07", "\x9b31m", "\r", "\n", "\n::error::x", "::set-env name=A::b", "##[group]",
    "##vso[task.setvariable variable=a]b", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028", "\x85", "\x00",
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "a" * 75, " ", "a,b", '"', "'", "<b>", "[x](y)", "@everyone", "`",
    "| x", "\\", "\U000e0041", "é", "漢", "\u3000::x", "\u0085##[x]", "{x}", "%s", "[red]x[/red]", ":smile:",
)  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)
LINE = TEXT.map(lambda text: re.sub("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]", "", text)[:40] + "x")
"""What `tenant.yaml` takes for a name: a text on one line."""

HIDDEN = {"Cc", "Cf", "Zl", "Zp", "Cs"}
GROUP = "aaaaaaaa-0000-0000-0000-000000000001"
ROOT = "22222222-2222-2222-2222-22222222222"


def harm(text):
    """Return what a terminal, a CI log or a reader would be fooled by."""
    found = [f"hidden U+{ord(char):04X}" for char in set(text) - {"\n"} if category(char) in HIDDEN]
    for line in text.split("\n"):
        if line.lstrip().startswith("::"):
            found.append(f"a command: {line!r}")
        if re.search(r"##\w*\[", line):
            found.append(f"a command: {line!r}")
    return found


def formulas(text):
    """Return the cells of a CSV that a spreadsheet would compute."""
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row if re.match(r"[=+\-@\t\r]", cell)]


def tenant(draw):
    """Return a snapshot in which a text stands wherever Graph sends one that people chose, or may choose."""
    state = copy.deepcopy(STATE)
    state["organization"]["displayName"] = draw(TEXT)
    for user in state["users"]:
        for field in ("displayName", "givenName", "surname", "department", "jobTitle", "city", "country"):
            user[field] = draw(TEXT)
        user |= {"companyName": draw(TEXT), "officeLocation": draw(TEXT), "employeeId": draw(TEXT)}
        user |= {"mail": draw(TEXT), "proxyAddresses": [draw(TEXT)]}
    states = [
        {
            "skuId": E3,
            "assignedByGroup": GROUP,
            "disabledPlans": [],
            "state": draw(TEXT),
            "error": draw(TEXT),
        },
        {"skuId": EMS, "assignedByGroup": None, "disabledPlans": [], "state": "Error", "error": draw(TEXT)},
    ]
    odd = copy.deepcopy(state["users"][2]) | {
        "id": f"{ROOT}1", "userPrincipalName": draw(TEXT) + "@contoso.com", "userType": draw(TEXT),
        "usageLocation": draw(TEXT), "licenseAssignmentStates": states,
    }  # fmt: skip
    gone = copy.deepcopy(state["users"][2]) | {
        "id": f"{ROOT}2", "deletedDateTime": "2026-11-20T00:00:00Z",
        "userPrincipalName": f"{ROOT}2".replace("-", "") + draw(TEXT) + "@contoso.com",
    }  # fmt: skip
    state["users"].append(odd)
    state["deletedUsers"] = [gone]
    given = [{"skuId": E3, "disabledPlans": []}]
    members = [odd["id"], state["users"][1]["id"]]
    state["groups"] = [
        {"id": GROUP, "displayName": "Sales " + draw(TEXT), "assignedLicenses": given, "members": members}
    ]
    for sku in state["subscribedSkus"]:
        plan = {"servicePlanId": f"{ROOT}3", "servicePlanName": draw(TEXT), "appliesTo": "User"}
        sku["servicePlans"] = [plan | {"provisioningStatus": draw(TEXT)}]
        sku["capabilityStatus"] = draw(TEXT)
    state["subscribedSkus"].append(
        copy.deepcopy(state["subscribedSkus"][0]) | {"skuId": f"{ROOT}4", "skuPartNumber": draw(TEXT)}
    )
    odd["assignedLicenses"].append({"skuId": f"{ROOT}4", "disabledPlans": []})
    state["subscriptions"] = [
        {"id": f"{ROOT}5", "skuId": EMS, "skuPartNumber": draw(TEXT), "status": draw(TEXT),
         "totalLicenses": 5, "ownerType": draw(TEXT), "nextLifecycleDateTime": "2027-01-01T00:00:00Z"}
    ]  # fmt: skip
    state["mailboxes"] = [{"userId": f"{ROOT}1", "purpose": draw(TEXT), "bytes": 5}]
    return state


def files(draw, state):
    """Return a tenant.yaml in which every free text is hostile; json.dumps hides what YAML refuses."""
    name = state["groups"][0]["displayName"]
    return {
        "version": 1,
        "tenant": {"domain": "contoso.com"},
        "bundles": {"office": [{"sku": "ENTERPRISEPACK"}]},
        "users": {
            "anna@contoso.com": {
                "name": draw(LINE), "department": draw(LINE), "licenses": ["office"], "reason": draw(LINE)
            },
            "bram@contoso.com": {"licenses": ["EMS"], "reason": draw(LINE), "job_title": draw(LINE)},
            "new@contoso.com": {"name": draw(LINE), "city": draw(LINE), "usage_location": "NL"},
            "nobody@contoso.com": {"licenses": ["EMS"]},
        },
        "groups": {name: {"licenses": {"add": ["EMS"]}}},
        "rules": [{"name": draw(LINE), "when": {"department": draw(LINE)}, "licenses": ["EMS"]}],
        "guardrails": {"max_revocations": {"free": 100}},
    }  # fmt: skip


def yaml(document):
    """Return a document as YAML that is ASCII: what a file must not hold as it is, stands in it escaped."""
    text = json.dumps(document, ensure_ascii=False)
    return "".join(char if char.isascii() else f"\\U{ord(char):08x}" for char in text)


BAD = {
    "version": 1,
    "tenant": {"domain": "contoso.com"},
    "users": {"anna@contoso.com": {"licenses": ["T"], "T": 1}, "T": {}},
    "bundles": {"T": ["T"]},
    "restrictions": [{"plan": "T", "countries": ["T"]}],
    "groups": {"T": {"licenses": ["T"], "members": ["T"]}},
    "rules": [{"name": "T", "when": {"T": "T"}, "licenses": ["T"]}],
    "guardrails": {"protected_users": ["T"], "protected_skus": ["T"], "T": "T"},
    "T": "T",
}


def bad(draw, value=BAD):
    """Return files in which hostile texts stand where names, keys and values are expected."""
    if isinstance(value, dict):
        return {bad(draw, key): bad(draw, each) for key, each in value.items()}
    if isinstance(value, list):
        return [bad(draw, each) for each in value]
    return draw(TEXT) if value == "T" else value


COMMANDS = (
    "validate", "validate --json", "plan", "plan --json", "plan --out plan.json", "show plan.json",
    "show plan.json --all", "show plan.json --json", "users", "users --json", "users --csv",
    "users --unlicensed", "users --errors", "why anna@contoso.com", "why anna@contoso.com --json",
    "why bram@contoso.com", "seats", "seats --json", "seats --csv", "recoverable", "recoverable --json",
    "recoverable --csv", "doctor", "doctor --json", "apply plan.json --auto-approve --partial", "history",
    "history --json", "history last", "history last --json", "undo last", "plan --debug-http",
    "apply --auto-approve --partial --accept-data-loss --json --debug-http", "why nobody@contoso.com",
    "plan --target groups/x", "snapshot --out again.json", "validate -f bad.yaml", "plan -f bad.yaml",
    "validate -f bad.yaml --json", "plan -f bad.yaml --json", "history x",
)  # fmt: skip

CODES = dict.fromkeys(("plan", "plan --out plan.json", "show plan.json", "users", "seats --csv"), (0,)) | {
    "apply plan.json --auto-approve --partial": (0, 4),
    "history last": (0,),
    "validate -f bad.yaml": (1,),
}
"""Codes of some commands: to be refused at once would prove nothing."""


@pytest.fixture
def run(capfd, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "RECONCILER_HOME"):
        monkeypatch.delenv(name, raising=False)

    def run(columns, *argv):
        monkeypatch.setenv("COLUMNS", str(columns))
        capfd.readouterr()
        code = main(list(argv))
        return (code, *capfd.readouterr())

    return run


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_string_of_a_tenant_or_of_a_file_reaches_anybody_as_it_is(run, data):
    def draw(strategy):
        return data.draw(strategy)

    state = tenant(draw)
    with TemporaryDirectory(prefix="reconciler-hostile-") as folder, chdir(folder):
        Path("state.json").write_text(json.dumps(state), encoding="utf-8")
        Path("tenant.yaml").write_text(yaml(files(draw, state)), encoding="ascii")
        Path("bad.yaml").write_text(yaml(bad(draw)), encoding="ascii")
        code, _, err = run(80, "sandbox", "load", "state.json")
        assert code == 0, err
        found = {}
        width = data.draw(st.sampled_from([40, 80, 200]))
        for command in COMMANDS:
            code, out, err = run(width, *command.split())
            assert code in CODES.get(command, (0, 1, 3, 4)), (command, err)
            assert "internal error" not in err, (command, err)
            if "--json" in command:
                json.loads(out)
            found[command] = [*harm(out), *harm(err), *(formulas(out) if "--csv" in command else ())]
        shutil.rmtree(".reconciler")
        assert {command: each for command, each in found.items() if each} == {}


NAME = "a\x1b[2J\n::error::x"
TYPED = (
    f"validate -f {NAME}", f"validate -f {NAME}/none", f"plan --out {NAME}/plan.json",
    f"show {NAME}/plan.json",
    f"snapshot --out {NAME}/again.json", f"sandbox load {NAME}/again.json", f"plan --journal {NAME}/none",
    f"apply --auto-approve --partial --accept-data-loss --journal {NAME}/journal",
    f"history --journal {NAME}/journal", f"history --journal {NAME}/none", f"history --journal {NAME}/noise",
    f"history {NAME}", f"validate --{NAME}", f"plan --at {NAME}", f"plan --auth {NAME}", f"plan --for {NAME}",
    f"plan --base-ref {NAME}", f"plan --guardrails {NAME}", f"plan --catalog {NAME}", f"why {NAME}",
    f"show plan.json {NAME}", NAME, f"sandbox {NAME}", f"plan --journal {NAME}/noise",
)  # fmt: skip


@unix
def test_what_is_typed_and_the_names_of_files_are_as_harmless(run, tmp_path, monkeypatch):
    """A pipeline may take them from a change under review: a folder is named by whoever commits it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECONCILER_HOME", NAME)
    Path(NAME).mkdir()
    Path(NAME, "noise").write_text('{"kind": "\\n::error::x"}\n', encoding="utf-8")
    Path("state.json").write_text(json.dumps(STATE), encoding="utf-8")
    Path("tenant.yaml").write_text("version: 1\nusers:\n  anna@contoso.com: {licenses: [EMS]}\n")
    Path(NAME, "tenant.yaml").write_text("version: 1\n")
    found = {}
    for command in ("sandbox load state.json", *TYPED):
        code, out, err = run(80, *command.split(" "))
        assert "internal error" not in err, command
        assert code in (0, 1, 3, 4), command
        found[command] = harm(out) + harm(err)
    assert {command: each for command, each in found.items() if each} == {}


def test_what_looks_for_harm_finds_it():
    for piece in set(PIECES[:16]) - {"\n"}:
        assert harm(f"a\n{piece}"), piece
    assert formulas('a,"=1"\n+1,b') == ["=1", "+1"]


def test_the_plan_for_a_group_whose_name_has_two_lines_is_a_plan(run, tmp_path, monkeypatch):
    """It was once saved, and then taken for no plan of this program."""
    monkeypatch.chdir(tmp_path)
    group = {"id": GROUP, "displayName": "Sales\nNL", "assignedLicenses": [], "members": []}
    Path("state.json").write_text(json.dumps(STATE | {"groups": [group]}))
    declared = {"tenant": {"domain": "contoso.com"}, "groups": {"Sales\nNL": {"licenses": {"add": ["EMS"]}}}}
    Path("tenant.yaml").write_text(yaml({"version": 1} | declared))
    for command in ("sandbox load state.json", "plan --out plan.json", "show plan.json"):
        assert run(80, *command.split())[0] == 0, command
