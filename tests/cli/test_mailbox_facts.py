"""Does a plan find out what it needs to know of the mailboxes that it would take, and nothing else?"""

import json

import pytest

from reconciler.directory import Directory
from reconciler.directory.usage import Usage
from reconciler.errors import DirectoryError
from tests.cli.conftest import E3, STATE, _user

GB = 1024**3
INFO, ROOM = _user(4, "info", E3), _user(5, "room", E3)
EMPTY = """\
version: 1
tenant: {domain: contoso.com}
users:
  info@contoso.com: {licenses: []}
"""
EXPORT = (
    "UserPrincipalName,RecipientTypeDetails,TotalItemSize,ArchiveStatus,LitigationHoldEnabled,InPlaceHolds\n"
)


@pytest.fixture
def box(workdir, run):
    """Return a way to put a tenant into the sandbox, whose info has such a mailbox."""

    def box(text=EMPTY, **facts):
        (workdir / "tenant.yaml").write_text(text)
        rows = [{"userId": INFO["id"], "purpose": "shared"} | facts]
        state = STATE | {"users": [*STATE["users"], INFO, ROOM], "mailboxes": rows}
        (workdir / "state.json").write_text(json.dumps(state))
        assert run("sandbox", "load", "state.json").code == 0

    return box


@pytest.fixture
def asked(monkeypatch):
    """Return what a tenant is asked of mailboxes: the users of each time, and "report"."""
    asked, mailboxes, usage = [], Directory.mailboxes, Directory.mailbox_usage

    def of(self, user_ids):
        asked.append(sorted(int(each[-1]) for each in user_ids))
        return mailboxes(self, user_ids)

    def report(self):
        asked.append("report")
        return usage(self)

    monkeypatch.setattr(Directory, "mailboxes", of)
    monkeypatch.setattr(Directory, "mailbox_usage", report)
    return asked


def planned(run, *options):
    ran = run("plan", "--json", *options)
    assert ran.code == 0, ran.err
    plan = json.loads(ran.out)
    return plan, [one["params"]["reason"] for one in plan["conflicts"] if one["code"] == "protected"]


# ------------------------------------------------------------ what is asked


def test_nothing_is_asked_where_no_mailbox_goes(run, box, asked):
    box("version: 1\ntenant: {domain: contoso.com}\nusers:\n  anna@contoso.com: {licenses: {add: [EMS]}}\n")
    planned(run)
    assert asked == []


def test_of_whoever_loses_a_mailbox_it_is_asked_what_it_is_for(run, box, asked):
    """A person's: no report is read, and the plan is as it was."""
    box(EMPTY.replace("info", "bram"), purpose="shared")
    plan, reasons = planned(run)
    assert (asked, reasons) == ([[3]], [])
    (warning,) = [one for one in plan["changes"][0]["warnings"] if one["code"] == "mailbox-deletion"]
    assert "unknown" not in warning["params"]


def test_of_a_shared_one_the_report_tells_size_and_archive(run, box, asked):
    box(bytes=60 * GB, hasArchive=False)
    assert planned(run)[1] == ["mailbox-size"]
    assert asked == [[4], "report"]


def test_an_archive_is_told_by_the_report_too(run, box):
    box(bytes=GB, hasArchive=True)
    assert planned(run)[1] == ["mailbox-archive"]


def test_what_is_not_known_is_said(run, box):
    """The sandbox, like Graph, tells of no hold."""
    box(bytes=GB, hasArchive=False, onHold=True)
    plan, reasons = planned(run)
    assert reasons == []
    (change,) = plan["changes"]
    (warning,) = [one for one in change["warnings"] if one["code"] == "mailbox-deletion"]
    assert (warning["params"]["unknown"], warning["params"]["report"]) == (["on_hold"], "read")
    assert "it is not known whether it is on hold; otherwise" in warning["message"]
    assert run("apply", "--auto-approve").code == 3  # it may be a loss, which nobody accepted


def refuse(monkeypatch, code):
    def mailbox_usage(_):
        raise DirectoryError(code, url="/reports")

    monkeypatch.setattr(Directory, "mailbox_usage", mailbox_usage)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("forbidden", "(the usage report may not be read (Reports.Read.All))"),
        ("unreachable", "(the usage report can't be had)"),
        ("foreign-link", "(the usage report can't be had)"),
    ],
)
def test_a_report_that_can_not_be_read_is_no_error(run, box, monkeypatch, code, words):
    box(bytes=60 * GB)
    refuse(monkeypatch, code)
    plan, reasons = planned(run)
    (warning,) = [one for one in plan["changes"][0]["warnings"] if one["code"] == "mailbox-deletion"]
    assert (reasons, warning["params"]["unknown"]) == ([], ["bytes", "has_archive", "on_hold"])
    assert words in warning["message"]


def test_a_report_that_hides_names_is_said(run, box, monkeypatch):
    box(bytes=60 * GB)
    monkeypatch.setattr(Directory, "mailbox_usage", lambda _: Usage(mailboxes={}, concealed=True))
    plan, _ = planned(run)
    assert "(the tenant's usage report conceals names)" in json.dumps(plan)


def test_only_the_global_cloud_has_a_report(run, box, asked):
    box(EMPTY.replace("contoso.com}", "contoso.com, cloud: usgov}"), bytes=60 * GB)
    plan, _ = planned(run)
    assert asked == [[4]]
    assert "(this cloud has no usage report)" in json.dumps(plan)


# ------------------------------------------------------------ what a file tells


@pytest.fixture
def export(workdir):
    """Return a way to write an export of info's mailbox, and to name it."""

    def export(*cells, text=EMPTY):
        (workdir / "exchange.csv").write_text(EXPORT + ",".join(("info@contoso.com", *cells)) + "\n")
        (workdir / "tenant.yaml").write_text(text + "mailboxes_from: {csv: exchange.csv}\n")

    return export


def test_an_export_tells_of_a_hold(run, box, export):
    box(bytes=GB, hasArchive=False)
    export("SharedMailbox", "", "", "True", "")
    plan, reasons = planned(run)
    assert reasons == ["mailbox-hold"]
    message = next(one["message"] for one in plan["conflicts"] if one["code"] == "protected")
    assert message == (
        "user info@contoso.com is protected and must not lose a licence: the mailbox is on hold, and what "
        "the hold keeps would go with the licence."
    )


def test_with_all_known_a_shared_mailbox_needs_no_licence(run, box, export):
    box(bytes=GB, hasArchive=False)
    export("SharedMailbox", "", "", "False", "")
    plan, reasons = planned(run)
    assert reasons == []
    assert "mailbox-deletion" not in {one["code"] for one in plan["changes"][0]["warnings"]}


def test_the_tenant_knows_better_what_a_mailbox_is_for(run, box, export):
    """The export is of yesterday: since then it has become a person's."""
    box(purpose="user")
    export("SharedMailbox", str(GB), "None", "False", "")
    plan, _ = planned(run)
    assert "mailbox-deletion" in {one["code"] for one in plan["changes"][0]["warnings"]}


def test_with_a_snapshot_the_export_tells_all(run, box, export):
    box()
    export("SharedMailbox", str(51 * GB), "None", "False", "")
    assert planned(run, "--snapshot", "state.json")[1] == ["mailbox-size"]


def test_a_deleted_user_leaves_a_mailbox_on_hold(run, box, export):
    text = EMPTY.replace("licenses: []", "ensure: absent")
    box(text)
    export("UserMailbox", "", "", "True", "", text=text)
    plan, reasons = planned(run)
    (warning,) = plan["changes"][0]["warnings"]
    assert (reasons, warning["params"]["on_hold"]) == ([], True)
    assert (
        "The mailbox is on hold: it stays, as an inactive one, as long as the hold does."
        in warning["message"]
    )


def test_what_an_export_says_is_for_the_commands_that_look_too(run, box, export):
    """`users --unlicensed` puts shared accounts aside."""
    box()
    export("SharedMailbox", "", "", "", "", text=EMPTY)
    (info,) = [
        one
        for one in json.loads(run("users", "--snapshot", "state.json", "--json").out)["users"]
        if one["upn"] == "info@contoso.com"
    ]
    assert info["class"] == "shared"
