"""Who signs in nowhere does not pay for azure-identity."""

import subprocess
import sys

import pytest

from tests.cli.conftest import TENANT


@pytest.mark.parametrize("command", ["--help", "plan --help", "doctor --help", "validate", "plan", "doctor"])
def test_only_a_live_tenant_imports_the_sign_in(tmp_path, command):
    (tmp_path / "tenant.yaml").write_text(TENANT)
    script = (
        "import sys; from reconciler.cli import main; main(sys.argv[1:]);"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, *command.split()],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    imported = set(run.stderr.splitlines()[-1].split())
    assert "reconciler" in imported
    assert not imported & {"azure", "msal", "requests", "cryptography"}
