"""How do the tests run the command line? In process for speed, as a process where that is the point."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.cli import main


@dataclass(frozen=True)
class Ran:
    """What one run of the command line left behind."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def workdir(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder, with nothing in the environment that would name another."""
    monkeypatch.chdir(tmp_path)
    for name in ("RECONCILER_HOME", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def run(capsys):
    """Run one command line in this process."""

    def run(*argv: object) -> Ran:
        capsys.readouterr()
        code = main([str(arg) for arg in argv])
        seen = capsys.readouterr()
        return Ran(code, seen.out, seen.err)

    return run


@pytest.fixture
def process(workdir):
    """Run one command line as a process of its own, its streams in pipes."""

    def process(*argv: object, **more) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *map(str, argv)],
            check=False,
            cwd=workdir,
            env=os.environ | more.pop("env", {}),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            **more,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return process


@pytest.fixture
def imported(workdir):
    """Run one command line in a fresh process; return the top-level names of what it imported."""

    def imported(*argv: str) -> set[str]:
        code = (
            "import json, sys\n"
            "before = set(sys.modules)\n"  # what Python, and perhaps coverage, brought along
            "from reconciler.cli import main\n"
            f"main({list(argv)!r})\n"
            "names = sorted({name.split('.')[0] for name in set(sys.modules) - before})\n"
            "print(json.dumps(names), file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        return set(json.loads(done.stderr.splitlines()[-1]))

    return imported


E3, EMS = "6fd2c87f-b296-42f0-b197-1e91e994b900", "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
ROOT = "62e90394-69f5-4237-9190-012177145e10"  # the global administrator's role template


def _sku(sku_id, part_number, seats, used):
    return {
        "skuId": sku_id,
        "skuPartNumber": part_number,
        "appliesTo": "User",
        "capabilityStatus": "Enabled",
        "consumedUnits": used,
        "prepaidUnits": {"enabled": seats, "warning": 0, "suspended": 0, "lockedOut": 0},
        "servicePlans": [],
    }


def _user(number, name, *skus):
    return {
        "id": f"00000000-0000-0000-0000-00000000000{number}",
        "userPrincipalName": f"{name}@contoso.com",
        "displayName": name.title(),
        "usageLocation": "NL",
        "accountEnabled": True,
        "userType": "Member",
        "assignedLicenses": [{"skuId": sku, "disabledPlans": []} for sku in skus],
    }


STATE = {
    "format_version": "1.0",
    "taken_at": "2026-11-24T02:00:00Z",
    "organization": {
        "id": "11111111-2222-3333-4444-555555555555",
        "displayName": "Contoso",
        "verifiedDomains": [{"name": "contoso.com", "isDefault": True, "type": "Managed"}],
    },
    "users": [_user(1, "admin"), _user(2, "anna"), _user(3, "bram", E3)],
    "subscribedSkus": [_sku(E3, "ENTERPRISEPACK", 5, 1), _sku(EMS, "EMS", 1, 0)],
    "roleAssignments": [
        {"principalId": _user(1, "admin")["id"], "roleTemplateId": ROOT, "directoryScopeId": "/"}
    ],
}

TENANT = """\
version: 1
tenant: {domain: contoso.com}
users:
  anna@contoso.com: {licenses: [ENTERPRISEPACK]}
  bram@contoso.com: {licenses: [ENTERPRISEPACK]}
"""


@pytest.fixture
def tenant(workdir) -> Path:
    """Write a tenant.yaml that asks for one licence more than the tenant of `state` holds."""
    (workdir / "tenant.yaml").write_text(TENANT)
    return workdir / "tenant.yaml"


@pytest.fixture
def state(workdir) -> Path:
    """Write a snapshot of a tenant of three users."""
    (workdir / "state.json").write_text(json.dumps(STATE))
    return workdir / "state.json"


@pytest.fixture
def sandbox(tenant, state, run) -> Path:
    """Put the same tenant into the sandbox; return its home."""
    assert run("sandbox", "load", "state.json").code == 0
    return tenant.parent / ".reconciler"
