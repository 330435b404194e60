"""The usage report of mailboxes: a file at another address, fetched without a token."""

import httpx
import msgspec
import pytest

from reconciler.directory.transport import ATTEMPTS
from reconciler.directory.usage import Usage, Use
from reconciler.errors import DirectoryError
from reconciler.model import Mailbox
from tests.directory import tenants
from tests.directory.tenants import STATE, user_id

FILE = "https://reportsweu.office.com/data/download/abc"
HEADER = (
    "Report Refresh Date,User Principal Name,Display Name,Is Deleted,Storage Used (Byte),Has Archive,"
    "Report Period"
)
ROWS = (
    "2026-11-22,Info@contoso.com,Info,False,53687091201,True,7",
    "2026-11-22,help@contoso.com,Help,False,,,7",
    "2026-11-22,gone@contoso.com,Gone,True,5,False,7",
    "2026-11-22,anna@contoso.com,Anna,False,12,FALSE,7",
    "2026-11-22,,Nobody,False,12,FALSE,7",
)


class Tenant:
    """A tenant that answers with the address of a report, and the host where it stands."""

    def __init__(self, text="", where=FILE, first=None, file=None):
        self.text = text
        self.where = where
        self.first = first or (lambda: httpx.Response(302, headers={"Location": self.where}))
        self.file = file or (lambda: httpx.Response(200, content=self.text.encode()))
        self.requests = []
        self.pauses = []

    def answer(self, request):
        """Answer one request."""
        self.requests.append(request)
        if request.url.host == "tenant.example" and "reports/get" in str(request.url):
            return self.first()
        return self.file()

    def read(self):
        """Return what is read."""
        transport = httpx.MockTransport(self.answer)
        with tenants.directory(transport, sleep=self.pauses.append) as tenant:
            return tenant.mailbox_usage()


def told(*rows, header=HEADER):
    return Tenant("\ufeff" + "\r\n".join([header, *rows]) + "\r\n").read()


def refused(tenant):
    with pytest.raises(DirectoryError) as caught:
        tenant.read()
    return caught.value


def test_the_report_tells_size_and_archive_by_user():
    """What is empty is not told; a mailbox that is deleted is nobody's."""
    assert told(*ROWS) == Usage(
        mailboxes={
            "info@contoso.com": Use(53_687_091_201, has_archive=True),
            "help@contoso.com": Use(None, has_archive=None),
            "anna@contoso.com": Use(12, has_archive=False),
        }
    )


def test_a_report_that_hides_names_tells_of_nobody():
    rows = [row.replace("@contoso.com", "") for row in ROWS]
    assert told(*rows).concealed


def test_a_report_of_nobody_is_one():
    assert told() == Usage(mailboxes={})


def test_columns_may_be_missing():
    found = told("a@contoso.com", header="user principal name")
    assert found == Usage(mailboxes={"a@contoso.com": Use(None, has_archive=None)})


@pytest.mark.parametrize("text", ["<html>\n<p>", "A,B\n1,2\n", 'User Principal Name\n"a\n'])
def test_what_is_no_report_is_an_error(text):
    assert refused(Tenant(text)).code == "bad-answer"


def test_bytes_that_are_no_text_are_an_error():
    assert refused(Tenant(file=lambda: httpx.Response(200, content=b"\xff\xfe\x00"))).code == "bad-answer"


# ---------------------------------------------------------------- where it stands


def test_the_file_is_fetched_without_a_token():
    tenant = Tenant(HEADER)
    tenant.read()
    asked, fetched = tenant.requests
    assert asked.headers["authorization"] == "Bearer sandbox"
    assert "authorization" not in fetched.headers
    assert str(fetched.url) == FILE


@pytest.mark.parametrize(
    "where",
    [
        "https://elsewhere.example/file",
        "http://reportsweu.office.com/file",
        "https://reportsweu.office.com.elsewhere.example/file",
        "https://someoffice.com/file",
        "https://user@reportsweu.office.com/file",
    ],
)
def test_a_file_of_another_host_is_not_fetched(where):
    tenant = Tenant(where=where)
    assert refused(tenant).code == "foreign-link"
    assert len(tenant.requests) == 1


def test_a_report_may_come_at_once():
    tenant = Tenant(first=lambda: httpx.Response(200, text=f"{HEADER}\n{ROWS[0]}\n"))
    assert set(tenant.read().mailboxes) == {"info@contoso.com"}
    assert len(tenant.requests) == 1


@pytest.mark.parametrize(("status", "code"), [(403, "forbidden"), (404, "not-found"), (302, "bad-answer")])
def test_a_report_that_is_not_to_be_had_is_an_error(status, code):
    assert refused(Tenant(first=lambda: httpx.Response(status, json={}))).code == code


def test_a_file_that_leads_on_is_none():
    """One address is followed, not a chain of them."""
    tenant = Tenant(file=lambda: httpx.Response(302, headers={"Location": FILE}))
    assert refused(tenant).code == "bad-answer"
    assert len(tenant.requests) == 2


# ---------------------------------------------------------------- what passes


def test_what_passes_is_waited_for():
    answers = iter([httpx.Response(429, headers={"Retry-After": "3"}), httpx.Response(503)])
    tenant = Tenant(HEADER)
    tenant.file = lambda: next(answers, None) or httpx.Response(200, text=HEADER)
    assert tenant.read() == Usage(mailboxes={})
    assert tenant.pauses == [3.0, 1.0]


def test_what_does_not_pass_is_an_error():
    tenant = Tenant(file=lambda: httpx.Response(503))
    assert refused(tenant).code == "unreachable"
    assert len(tenant.requests) == 1 + ATTEMPTS


def test_what_is_asked_to_wait_for_an_hour_is_an_error_at_once():
    tenant = Tenant(first=lambda: httpx.Response(429, headers={"Retry-After": "3600"}))
    assert refused(tenant).code == "throttled"
    assert (len(tenant.requests), tenant.pauses) == (1, [])


def test_a_host_that_can_not_be_reached_is_an_error():
    def lost():
        raise httpx.ConnectError("no route")

    tenant = Tenant(file=lost)
    assert refused(tenant).code == "unreachable"
    assert len(tenant.requests) == 1 + ATTEMPTS


# ---------------------------------------------------------------- the sandbox's report


def test_the_sandboxs_own_report_is_understood(tmp_path):
    boxes = (
        Mailbox(user_id=user_id("anna"), purpose="user", bytes=77, has_archive=True),
        Mailbox(user_id=user_id("dirk"), purpose="shared"),
    )
    state = msgspec.structs.replace(STATE, mailboxes=boxes)
    with tenants.directory(tenants.in_process(tenants.fill(tmp_path / "home", state))) as tenant:
        found = tenant.mailbox_usage()
    assert found.mailboxes == {
        "anna@contoso.com": Use(77, has_archive=True),
        "dirk@contoso.com": Use(None, has_archive=None),
    }
