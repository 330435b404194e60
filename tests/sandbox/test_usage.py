"""The report on mailboxes: an address, and there a file that takes no token."""

from __future__ import annotations

import csv
import io

import pytest

REPORT = "/reports/getMailboxUsageDetail(period='D7')"
GB = 1024**3


@pytest.fixture
def it(tenant, build):
    return tenant(
        users=[
            build.user("anna", "EXCHANGESTANDARD"),
            build.user("info"),
            build.user("bram"),
            build.user("cleo"),
        ],
        subscribedSkus=[build.sku("EXCHANGESTANDARD")],
        mailboxes=[
            {"userId": build.user_id("info"), "purpose": "shared", "bytes": 60 * GB, "hasArchive": True},
            {"userId": build.user_id("cleo"), "purpose": "user", "bytes": 5, "hasArchive": False},
        ],
        roleAssignments=[build.role("bram", "license-administrator")],
    )


def rows(it):
    reply = it.call("GET", REPORT)
    assert (reply.status_code, reply.content) == (302, b"")
    file = it.client.get(reply.headers["location"])
    assert file.status_code == 200
    return list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))


def test_a_report_tells_what_the_snapshot_told_and_leaves_the_rest_empty(it):
    told = {
        row["User Principal Name"]: (
            row["Storage Used (Byte)"],
            row["Has Archive"],
            row["Report Refresh Date"],
        )
        for row in rows(it)
    }
    assert told == {
        "anna@contoso.com": ("", "", "2026-11-24"),
        "cleo@contoso.com": ("5", "False", "2026-11-24"),
        "info@contoso.com": (str(60 * GB), "True", "2026-11-24"),
    }


def test_a_mailbox_without_its_licence_is_in_no_report(it):
    it.assign("anna", remove=("EXCHANGESTANDARD",))
    it.call("DELETE", "/users/cleo@contoso.com")
    assert [row["User Principal Name"] for row in rows(it)] == ["info@contoso.com"]


def test_the_address_can_not_be_guessed(it):
    where = it.call("GET", REPORT).headers["location"]
    assert it.client.get(where.replace(".csv", "x.csv")).status_code == 404
    assert it.client.post(where).status_code == 400
    assert it.client.get("https://sandbox.invalid/reports").status_code == 400


@pytest.mark.parametrize("path", [REPORT.replace("D7", "D8"), f"{REPORT}?$format=text/csv"])
def test_another_period_or_form_is_refused(it, path):
    assert it.call("GET", path).status_code == 400


def test_a_report_is_for_those_who_may_read_reports(it):
    assert it.call("GET", REPORT, by="bram@contoso.com").status_code == 403
    assert it.client.get(f"https://sandbox.invalid/v1.0{REPORT}").status_code == 401
