"""What is said of each result of a run."""

import pytest

from reconciler.report.results import STATUSES, counted, sentence

MOVED = "it moved since the plan was made: "


@pytest.mark.parametrize(
    ("status", "code", "params", "told"),
    [
        ("done", None, {}, ""),
        ("already-done", None, {}, ""),
        (
            "done",
            "password-kept",
            {"file": "new.csv"},
            "its first password is in new.csv; it must be changed at first sign-in",
        ),
        (
            "failed",
            "no-seats",
            {"message": "Subscription with SKU x does not have any available licenses."},
            (
                "no seat is free (Subscription with SKU x does not have any available licenses.); "
                "buy or free one, then plan again"
            ),
        ),
        (
            "failed",
            "unknown-licence-error",
            {"message": "The moon is full.", "request_id": "r-1"},
            (
                "unknown licence error (The moon is full.; request-id r-1); look the text up, or give the "
                "request-id to Microsoft's support"
            ),
        ),
        ("failed", "a-later-code", {}, "a-later-code"),
        (
            "unknown",
            "unread",
            {},
            (
                "the answer was lost, and the object could not be read again; "
                "run plan again to see what the tenant holds"
            ),
        ),
        (
            "failed",
            "member-errors",
            {"members": [{"upn": "anna@contoso.com", "error": "CountViolation"}], "count": 1},
            (
                "the group has its licences, but they did not reach anna@contoso.com (CountViolation): no "
                "seat was free: buy or free one, then reprocess the user"
            ),
        ),
        (
            "failed",
            "member-errors",
            {"members": [{"upn": f"u{n}", "error": "New"} for n in range(20)], "count": 25},
            (
                "the group has its licences, but they did not reach u0 (New), u1 (New), u2 (New), u3 (New), "
                "u4 (New) and 20 more: New is not known here: see the tenant's audit log"
            ),
        ),
        (
            "unsettled",
            "group-not-settled",
            {"waiting": 1},
            (
                "the tenant accepted it, and did not finish while apply waited: 1 member does not have its "
                "licences yet; run plan again later"
            ),
        ),
        (
            "unsettled",
            "group-not-settled",
            {"waiting": None, "members": [{"upn": "bo", "error": "New"}], "count": 1},
            (
                "the tenant accepted it, and did not finish while apply waited; they did not reach bo (New): "
                "New is not known here: see the tenant's audit log; run plan again later"
            ),
        ),
        (
            "unsettled",
            "not-shown",
            {},
            "the tenant accepted it, and did not show it while apply waited; run plan again later",
        ),
        ("left-out", "needs-buy", {}, "it spends money: apply with --buy"),
        ("blocked", None, {"by": ["no-seats", "users/anna"]}, "by no-seats and users/anna"),
        (
            "blocked",
            None,
            {"by": ["role-missing"], "roles": ["global-administrator", "license-administrator"]},
            "by role-missing; it takes Global Administrator or License Administrator",
        ),
        (
            "skipped",
            "waits",
            {"on": "users/anna", "status": "stale"},
            "it waits for users/anna, which is stale",
        ),
        (
            "skipped",
            "waits",
            {"on": "users/a", "status": "?"},
            "it waits for users/a, which was not carried out",
        ),
        ("stale", "gone", {"moved": []}, "it is no longer there; not applied"),
        (
            "stale",
            "exists",
            {"moved": []},
            "a user with that name is there already, and is another one; not applied",
        ),
        ("stale", "moved", {}, f"{MOVED}details are missing; not applied"),
        ("stale", "moved", {"moved": ["x", {}]}, f"{MOVED}? none -> none; not applied"),
    ],
)
def test_each_result_says_why_and_what_to_do(status, code, params, told):
    assert sentence(status, code, params) == told


@pytest.mark.parametrize(
    ("move", "told"),
    [
        ({"path": ["usage_location"], "expected": "NL", "found": None}, "usage location NL -> none"),
        ({"path": ["enabled"], "expected": True, "found": False}, "enabled yes -> no"),
        ({"path": ["assignments", "s1"], "expected": None, "found": []}, "licence EMS is new"),
        ({"path": ["assignments", "s1"], "expected": [], "found": None}, "licence EMS is gone"),
        (
            {"path": ["assignments", "s1"], "expected": [], "found": ["p"]},
            "licence EMS had 0 plans off, now 1 plan off",
        ),
        ({"path": ["assignments", "s1"], "expected": 1, "found": ["p"]}, "licence EMS had ?, now 1 plan off"),
        (
            {"path": ["assignments", "s2 by g1"], "expected": [], "found": None},
            "licence s2 (from group g1) is gone",
        ),
        ({"path": ["member"], "expected": False, "found": True}, "member no -> yes"),
        ({"path": ["members", "bo"], "expected": None, "found": "x"}, "bo is a new member"),
        ({"path": ["members", "bo"], "expected": "x", "found": None}, "bo is no longer a member"),
        ({"path": ["members", "bo"], "expected": "x", "found": "y"}, "bo holds other licences"),
        ({"path": ["members"], "expected": None, "found": 12}, "12 more members moved"),
        ({"path": ["city"], "expected": "a\x1b[1m", "found": ""}, "city a\\u{1b}[1m -> none"),
    ],
)
def test_what_moved_is_told_field_by_field_and_licence_by_licence(move, told):
    assert sentence("stale", "moved", {"moved": [move]}, {"s1": "EMS"}) == f"{MOVED}{told}; not applied"


def test_counts_are_told_in_a_fixed_order_without_zeros():
    assert counted({"stale": 1, "done": 1200, "failed": 0}) == "1,200 done, 1 stale"
    assert counted({}) == "nothing"


def test_every_status_of_a_run_can_be_shown():
    from typing import get_args  # noqa: PLC0415  only here

    from reconciler.apply import Status  # noqa: PLC0415  report itself must not know apply

    assert tuple(STATUSES) == get_args(Status)
