"""What a log tells of licences taken away: by what is held before and after, at the log's own pace."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from reconciler.directory import Write
from reconciler.directory.audit import MOST_PAGES, Audited, read
from reconciler.errors import DirectoryError
from reconciler.model import Removal
from tests.directory import tenants
from tests.directory.tenants import E3, EMS, STATE, VISIO, user_id

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
SINCE = NOW - timedelta(days=30)
ROOT = "https://tenant.example/v1.0"


def spelt(*skus):
    """Return licences as live tenants spell them."""
    texts = [f"[SkuName=X, AccountId={user_id('x')}, SkuId={sku}, DisabledPlans=[{VISIO}]]" for sku in skus]
    return json.dumps(texts, indent=2).replace("\n", "\r\n")


def event(old=None, new=None, *, days=1, user="anna", **members):
    change = {"displayName": "AssignedLicense", "oldValue": old, "newValue": new}
    included = {
        "displayName": "Included Updated Properties",
        "oldValue": None,
        "newValue": '"AssignedLicense"',
    }
    return {
        "activityDateTime": (NOW - timedelta(days=days)).isoformat().replace("+00:00", "Z"),
        "activityDisplayName": "Update user",
        "result": "success",
        "targetResources": [
            {"id": user_id(user).upper(), "type": "User", "modifiedProperties": [change, included]}
        ],
    } | members


def removal(sku, days=1, user="anna"):
    return Removal(user_id=user_id(user), sku_id=sku, removed_at=NOW - timedelta(days=days))


class Log:
    """A tenant whose log has some pages, and a clock that only pauses move on."""

    def __init__(self, *pages, refuse=lambda query: None, link=None):
        self.pages = pages
        self.refuse = refuse
        self.link = link
        self.asked = []
        self.clock = tenants.Clock()

    def answer(self, request):
        """Answer one request."""
        query = str(request.url.params)
        self.asked.append(dict(request.url.params))
        status = self.refuse(request.url.params)
        if status:
            code = "Directory_ExpiredPageToken" if status == 410 else "BadRequest"
            status = 400 if status == 410 else status
            return httpx.Response(status, json={"error": {"code": code, "message": query}})
        number = int(request.url.params.get("$skiptoken", "0"))
        body = {"value": self.pages[number]}
        if number + 1 < len(self.pages):
            body["@odata.nextLink"] = self.link or f"{ROOT}/auditLogs/directoryAudits?$skiptoken={number + 1}"
        return httpx.Response(200, json=body)

    def read(self):
        """Return what is read."""
        transport = httpx.MockTransport(self.answer)
        with tenants.directory(transport, sleep=self.clock.sleep) as tenant:
            return read(tenant._graph, SINCE, clock=self.passed)

    def passed(self):
        """Return the seconds that have passed."""
        return (self.clock.now - tenants.NOW).total_seconds()


def removals(*rows):
    return Log(list(rows)).read().removals


# ---------------------------------------------------------------- what an event tells


def test_what_is_held_before_and_not_after_was_taken_away():
    assert removals(event(spelt(E3, EMS), spelt(EMS))) == (removal(E3),)
    assert removals(event(spelt(E3, EMS), "[]")) == (removal(E3), removal(EMS))


def test_order_and_repetition_say_nothing():
    """A licence that comes directly and through a group is there once; only its timestamp was refreshed."""
    assert removals(event(spelt(E3, EMS), spelt(EMS, E3, EMS))) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (json.dumps([{"SkuId": E3, "DisabledPlans": []}]), "[]"),
        (json.dumps({"skuId": E3}), None),
        (json.dumps(json.loads(spelt(E3))[0]), ""),
        (spelt(E3.upper()), "null"),
    ],
)
def test_licences_may_be_spelt_in_several_ways(old, new):
    assert removals(event(old, new)) == (removal(E3),)


def test_what_was_given_or_is_as_before_is_no_removal():
    assert removals(event("[]", spelt(E3)), event(None, None), event(spelt(E3), spelt(E3))) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (spelt(E3, EMS), spelt(E3, EMS)[:150]),
        (spelt(E3), json.dumps(["something new"])),
        ("[" * 100_000, "[]"),
        ("3", "[]"),
    ],
)
def test_a_value_that_was_cut_short_or_makes_no_sense_says_nothing(old, new):
    """Half a list would look like licences taken away."""
    assert Log([event(old, new)]).read() == Audited(removals=(), since=SINCE, unread=1)


@pytest.mark.parametrize(
    "members",
    [
        {"activityDisplayName": "Change user license"},
        {"activityDisplayName": None},
        {"result": "failure"},
        {"targetResources": None},
        {"targetResources": [None, {"id": None}, {"id": "x", "type": "Group", "modifiedProperties": None}]},
        {"targetResources": [{"id": "x", "type": None, "modifiedProperties": [None, {"displayName": "A"}]}]},
    ],
)
def test_other_events_say_nothing(members):
    assert Log([event(spelt(E3), "[]", **members)]).read() == Audited(removals=(), since=SINCE)


def test_an_event_without_a_result_counts():
    assert removals(event(spelt(E3), "[]", result=None)) == (removal(E3),)


# ---------------------------------------------------------------- how the log is asked


def test_time_and_name_are_filtered_by_the_tenant():
    log = Log([event(spelt(E3), "[]")])
    log.read()
    assert log.asked == [
        {
            "$filter": "activityDateTime ge 2026-10-25T02:00:00Z and activityDisplayName eq 'Update user'",
            "$top": "1000",
        }
    ]


@pytest.mark.parametrize(("taken", "tries"), [("and", 1), ("ge", 2), ("Display", 3), ("", 4)])
def test_what_a_tenant_does_not_filter_is_filtered_here(taken, tries):
    """One refuses two terms at once, one dates, one names, one everything."""

    def refuse(query):
        said = query.get("$filter", "")
        fine = taken in said and (taken == "and" or " and " not in said)
        return None if (fine if taken else not said) else 400

    rows = [
        event(spelt(E3), "[]"),
        event(spelt(EMS), "[]", activityDisplayName="Delete user"),
        event(spelt(VISIO), "[]", days=31),
    ]
    log = Log(rows, refuse=refuse)
    assert log.read() == Audited(removals=(removal(E3),), since=SINCE)
    assert len(log.asked) == tries


def test_a_log_that_takes_no_question_is_an_error():
    with pytest.raises(DirectoryError) as caught:
        Log(refuse=lambda _: 400).read()
    assert caught.value.code == "rejected"


def test_a_log_that_may_not_be_read_is_an_error_at_once():
    log = Log(refuse=lambda _: 403)
    with pytest.raises(DirectoryError) as caught:
        log.read()
    assert (caught.value.code, len(log.asked)) == ("forbidden", 1)


def test_all_pages_are_read_at_five_in_ten_seconds():
    log = Log(*([event(spelt(E3), "[]", days=n)] for n in range(1, 13)))
    assert len(log.read().removals) == 12
    assert log.clock.pauses == [10.0, 10.0]


def test_nothing_is_read_beyond_the_window():
    pages = [[event(spelt(E3), "[]", days=1)], [event(spelt(E3), "[]", days=31)], [event(days=32)]]
    log = Log(*pages, refuse=lambda query: 400 if "$filter" in query else None)
    assert log.read().removals == (removal(E3),)
    assert len(log.asked) == 4 + 1


def test_of_a_log_that_is_too_long_the_end_is_told():
    log = Log(*([event(spelt(E3), "[]", days=n / 10)] for n in range(1, 100)))
    found = log.read()
    assert len(log.asked) == MOST_PAGES
    assert (len(found.removals), found.since) == (MOST_PAGES, NOW - timedelta(days=MOST_PAGES / 10))


def test_a_page_that_expired_ends_what_is_read():
    rows = [event(spelt(E3), "[]", days=1), event(spelt(EMS), "[]", days=2)]
    log = Log(rows, [], refuse=lambda query: 410 if "$skiptoken" in query else None)
    assert log.read() == Audited(removals=(removal(E3), removal(EMS, 2)), since=NOW - timedelta(days=2))


def test_pages_that_run_in_a_circle_end():
    log = Log([event(days=1)], [event(days=2)], [], link=f"{ROOT}/auditLogs/directoryAudits?$skiptoken=1")
    assert log.read().since == NOW - timedelta(days=2)


def test_an_empty_page_before_a_circle_tells_nothing():
    log = Log([], [], [], link=f"{ROOT}/auditLogs/directoryAudits?$skiptoken=1")
    assert log.read().since == SINCE


@pytest.mark.parametrize("expires", [False, True])
def test_what_does_not_come_newest_first_can_not_be_cut(expires):
    rows = [event(days=2), event(days=1)]
    log = Log(
        rows,
        rows,
        [],
        link=f"{ROOT}/auditLogs/directoryAudits?$skiptoken=1",
        refuse=lambda query: 410 if expires and "$skiptoken" in query else None,
    )
    with pytest.raises(DirectoryError) as caught:
        log.read()
    assert caught.value.code == "incomplete-read"


def test_a_page_that_can_not_be_read_is_an_error():
    log = Log([event()], [], refuse=lambda query: 403 if "$skiptoken" in query else None)
    with pytest.raises(DirectoryError) as caught:
        log.read()
    assert caught.value.code == "forbidden"


# ---------------------------------------------------------------- the sandbox's log


def test_the_sandboxs_own_log_is_understood(tmp_path):
    home = tenants.fill(tmp_path / "home", STATE)
    with tenants.directory(tenants.in_process(home)) as tenant:
        assert tenant.audit(SINCE).removals == ()
        outcomes = tenant.carry_out([Write(change=each) for each in (tenants.swap(), tenants.delete())])
        assert [each.status for each in outcomes] == ["done", "done"]
        assert tenant.audit(SINCE) == Audited(removals=(removal(E3, days=0),), since=SINCE)
