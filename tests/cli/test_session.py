"""What every command gets: the state with what earlier runs took away."""

import json
from datetime import UTC, datetime, timedelta

from reconciler.cli import session
from reconciler.cli.seen import see
from tests.cli.conftest import STATE, TENANT


def test_what_an_earlier_run_revoked_is_known_to_the_next_plan(run, sandbox, tenant):
    """Graph does not tell when a licence was taken away; the journal does, and deadlines hang on it."""
    tenant.write_text("version: 1\nusers:\n  bram@contoso.com: {licenses: []}\n")
    assert run("apply", "--auto-approve", "--accept-data-loss").code == 0
    with session.planned(session.Request()) as (made, _):
        (removal,) = made.current.removals
    bram = next(user for user in made.current.users if user.upn == "bram@contoso.com")
    assert (removal.user_id, removal.sku_id) == (bram.id, "6fd2c87f-b296-42f0-b197-1e91e994b900")
    assert timedelta() <= datetime.now(UTC) - removal.removed_at < timedelta(minutes=2)


def test_without_files_nothing_is_declared(workdir):
    assert session.declared(()) is None


def test_groups_that_the_files_name_are_in_a_snapshot_and_in_what_the_looking_commands_see(
    run, sandbox, tenant
):
    """Else a plan against the snapshot would not find them."""
    plain = {"id": "aaaaaaaa-0000-0000-0000-000000000001", "displayName": "Plain", "members": []}
    (sandbox.parent / "with.json").write_text(json.dumps(STATE | {"groups": [plain]}))
    assert run("sandbox", "load", "with.json").code == 0
    for text, found in [(TENANT, []), (TENANT + "groups:\n  Plain: {members: []}\n", ["Plain"])]:
        tenant.write_text(text)
        assert run("snapshot", "--out", "now.json").code == 0
        saved = json.loads((sandbox.parent / "now.json").read_text())
        assert [group["displayName"] for group in saved["groups"]] == found
        seen = see(())
        assert [group.name for group in seen.current.groups] == found
