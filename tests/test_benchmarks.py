"""Is the benchmark's tenant what it says, and is a plan of it made in good time?

The bounds are generous: they catch a plan that became ten times slower, not a slow machine. `make
bench` gives the figures.
"""

import json
import re
import subprocess
import sys
from collections import Counter

import pytest

from benchmarks import generate, graph, run


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    first, second = (generate.generate(300).write(tmp_path / name) for name in ("first", "second"))
    other = generate.generate(300, seed=2).write(tmp_path / "other")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert [path.read_bytes() for path in first] != [path.read_bytes() for path in other]


@pytest.mark.parametrize("users", [100, 1_000, 2_345])
def test_one_user_in_a_hundred_is_about_to_change(users):
    """Each kind of change occurs, whatever the size."""
    tenant = generate.generate(users)
    assert len(tenant.people) == users
    assert set(tenant.changed) == set(generate.CHANGES)
    assert abs(tenant.changed.total() - users // 100) <= len(generate.CHANGES)


def test_a_snapshot_has_one_resource_a_line(tmp_path):
    """So that a large one can be read in pieces."""
    _, state = generate.generate(50).write(tmp_path)
    text = state.read_text(encoding="utf-8")
    users = [line for line in text.splitlines() if line.startswith('{"id"') and "userPrincipalName" in line]
    assert len(json.loads(text)["users"]) == len(users)
    assert json.loads(users[0].rstrip(","))["userPrincipalName"] == generate.ADMIN


def test_a_plan_for_a_thousand_users_takes_seconds():
    """As `make bench` measures it: from YAML and snapshot to a saved plan, in a process of its own."""
    command = [sys.executable, run.__file__, "--users", "1000", "--runs", "1"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    row = next(line for line in done.stdout.splitlines() if "1,000 users" in line)
    seconds, megabytes = re.fullmatch(r".*\| 1 \| ([\d.]+) s \| .* \| (\d+) MB \|", row).groups()
    assert float(seconds) < 10
    assert 10 < int(megabytes) < 150


def test_the_plan_of_a_generated_tenant_holds_its_changes_and_no_others(tmp_path):
    tenant = generate.generate(1_000)
    tenant.write(tmp_path)
    run.plan(1_000, folder=tmp_path, runs=1)
    plan = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    kinds = Counter(change["kind"] for change in plan["changes"] if change["status"] == "ready")
    changed = tenant.changed
    assert plan["summary"]["create"] == kinds["create-user"] == changed["create"]
    assert plan["summary"]["delete"] == kinds["delete-user"] == changed["delete"]
    assert plan["summary"]["update"] == kinds["update-user"] == changed["profile"]


def test_plan_and_apply_over_http_are_counted():
    """Every change is one write, and a second plan finds nothing to do."""
    plan, applied, again = ([cell.strip() for cell in row.split("|")[1:-1]] for row in graph.measure(100))
    users, _, changes, _, writes, _, theirs = applied
    assert (users, writes, theirs) == ("100", changes, str(8 * int(changes)))
    assert (plan[2], plan[4], plan[6]) == (changes, "0", "100")
    assert (again[2], again[4]) == ("0", "0")
