"""What runs took away, deleted and bought lately: what guard rails count again."""

from datetime import timedelta

import pytest

from reconciler import journal
from reconciler.model import Deed
from reconciler.plan import TenantInfo, UserRef
from tests.test_journal import NOW, Clock, a_run, intent, outcome

OTHER = TenantInfo(id="t-2", domain="fabrikam.com", provider="sandbox")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def deleted(upn, status="done"):
    """Return that a run deleted a user."""
    wanted = intent(upn, kind="delete-user")
    return wanted, outcome(upn, status, kind="delete-user", user_id=f"id-{upn}")


def restored(upn):
    """Return that a run restored a user."""
    wanted = intent(upn, kind="restore-user", user=UserRef(id=None, upn=upn, name=upn))
    return wanted, outcome(upn, kind="restore-user", user_id=f"id-{upn}")


def bought(sku, before, after):
    """Return that a run bought seats."""
    wanted = {
        "address": f"subscriptions/{sku}/seats",
        "kind": "buy-seats",
        "before": {"seats": before},
        "after": {"seats": after},
    }
    return wanted, {"address": wanted["address"], "kind": "buy-seats", "status": "done"}


def test_what_a_run_did_counts_from_the_moment_of_its_result(path):
    """Pairs of user and SKU, users, seats."""
    a_run(
        path,
        (intent("anna", ("e1", "ems"), ("e3",)), outcome("anna")),
        (intent("bram", ("e1",), ()), outcome("bram")),
        deleted("cees"),
        bought("E5", 10, 14),
    )

    assert journal.deeds(path) == (Deed(time=NOW, lost={"e1": 2, "ems": 1}, deleted=1, bought=4),)
    assert journal.deeds(path)[0].revoked == 3


def test_what_was_given_back_counts_no_more(path):
    """What counts is what is gone."""
    clock = Clock()
    a_run(path, (intent("anna", ("e1",), ()), outcome("anna")), deleted("bram"), clock=clock)
    a_run(path, (intent("anna", (), ("e1",)), outcome("anna")), restored("bram"), clock=clock)

    assert journal.deeds(path) == ()


def test_what_was_taken_twice_counts_once_and_from_the_last_time(path):
    clock = Clock()
    for before, after in ((("e1",), ()), ((), ("e1",)), (("e1",), ())):
        a_run(path, (intent("anna", before, after), outcome("anna")), clock=clock)

    (deed,) = journal.deeds(path)
    assert deed.lost == {"e1": 1}
    assert deed.time > NOW + timedelta(minutes=2)


@pytest.mark.parametrize(
    ("status", "counts"),
    [("done", 1), ("unknown", 1), ("unsettled", 1), ("failed", 0), ("stale", 0), ("already-done", 0)],
)
def test_what_may_have_happened_counts(path, status, counts):
    """A brake that trusts in luck is none."""
    a_run(path, deleted("anna", status))

    assert sum(deed.deleted for deed in journal.deeds(path)) == counts


def test_writes_on_their_way_when_a_run_was_killed_count(path):
    a_run(path, (intent("anna", ("e1",), ()), None), ended=False)

    assert [deed.revoked for deed in journal.deeds(path)] == [1]


def test_members_who_lose_something_with_their_group_count(path):
    """One for each member and SKU."""
    members = (
        journal.Member(id="id-anna", upn="anna", loses=("e1", "ems")),
        journal.Member(id="id-bram", upn="bram", gains=("e3",), loses=("e1",)),
    )
    wanted = {
        "address": "groups/g/licenses",
        "kind": "set-group-licenses",
        "members": members,
        "before": {},
        "after": {},
    }
    a_run(path, (wanted, {"address": "groups/g/licenses", "kind": "set-group-licenses", "status": "done"}))

    assert [deed.lost for deed in journal.deeds(path)] == [{"e1": 2, "ems": 1}]


def test_a_purchase_that_is_told_twice_by_one_run_is_one(path):
    """A run that goes on tells of it again; two runs that buy the same buy twice."""
    a_run(path, bought("E5", 10, 14), bought("E5", 10, 14))
    a_run(path, bought("E5", 14, 15))

    assert sum(deed.bought for deed in journal.deeds(path)) == 5


def test_what_takes_nothing_does_not_count(path):
    """A new name, a new user."""
    wanted = intent("anna", kind="update-user", after={"name": "Anna"})
    a_run(path, (wanted, outcome("anna", kind="update-user")))

    assert journal.deeds(path) == ()


def test_runs_in_other_tenants_do_not_count(path):
    a_run(path, deleted("anna"), tenant=OTHER)

    assert journal.deeds(path, "t-1") == ()
    assert len(journal.deeds(path, "t-2")) == 1
