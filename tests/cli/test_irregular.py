"""What is read has to be a file: a pipe or a device may have a run wait for ever, and is refused at once."""

import os
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")

COMMANDS = (
    "validate -f {}", "plan -f {}", "plan --guardrails {}", "plan --catalog {}", "plan --snapshot {}",
    "plan --journal {}", "history --journal {}", "apply --auto-approve --journal {}", "show {}", "apply {}",
    "sandbox load {}", "sandbox serve --faults {}",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_a_pipe_or_a_device_is_refused(sandbox, process, workdir, command):
    os.mkfifo(workdir / "pipe")
    for path in ("pipe", "/dev/zero"):
        ran = process(*command.format(path).split())
        assert ran.code == 1
        assert "it is a pipe or a device, and has to be a file" in ran.err
        assert ran.err.count("\n") == 1


def test_what_is_redirected_from_a_file_is_a_file(sandbox, process, workdir):
    with (workdir / "tenant.yaml").open() as file:
        assert process("validate", "-f", "/dev/stdin", stdin=file).code == 0
