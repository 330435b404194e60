"""No secret is in anything that a run leaves behind or says: output, plan, journal, debug lines, failures.

Each secret is a canary that stands nowhere else, looked for as it is and as others would write it down.
"""

import base64
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from reconciler.cli import main
from tests.directory import tenants
from tests.signin.authority import CLIENT, SECRET, TENANT

CERTIFICATE_PASSWORD = "canary:certificate/password+1"  # noqa: S105  of nobody
FIRST_PASSWORD = 'Canary"First/Pass+word&1'  # noqa: S105  of nobody
ROLES = (
    "GroupMember.Read.All",
    "Organization.Read.All",
    "RoleManagement.Read.Directory",
    "User.ReadWrite.All",
)
FILE = """\
version: 1
tenant: {domain: contoso.com, provider: graph}
users:
  carla@contoso.com: {usage_location: NL, licenses: [EMS]}
  kees@contoso.com: {name: Kees, usage_location: NL, licenses: [EMS]}
  kim@contoso.com: {name: Kim, usage_location: NL}
"""


def spellings(secret):
    """Return a secret as it is, and as it stands in base64, in a URL and in JSON."""
    told = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], ascii(secret)[1:-1]}
    for data in (secret.encode(), f"user:{secret}".encode()):
        for shift in range(3):  # wherever it begins within others' bytes
            coded = base64.b64encode(b"x" * shift + data).decode()[4:-4]
            told |= {coded, coded.translate(str.maketrans("+/", "-_"))}
    return {each for each in told if len(each) > 8}


@pytest.fixture
def served(tmp_path_factory):
    server = tenants.Server(tenants.fill(tmp_path_factory.mktemp("secrets") / "home"))
    yield server.url
    server.close()


@pytest.fixture
def told(authority, served, tmp_path, monkeypatch, capfd):
    """Return what runs a command, and collects all that it says; with it, every secret that was in play."""
    url = served
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "RECONCILER_GRAPH_URL": url,
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_CLIENT_SECRET": SECRET,
        "PATH": "",
    }.items():
        monkeypatch.setenv(name, text)
    for module in ("engine", "credentials"):
        monkeypatch.setattr(f"reconciler.apply.{module}.generate", lambda: FIRST_PASSWORD)
    authority.claims["roles"] = list(ROLES)
    (tmp_path / "tenant.yaml").write_text(FILE)
    given = []
    before = authority.token

    def token(form, endpoint):
        answer = before(form, endpoint)
        given.extend(answer[name] for name in ("access_token", "refresh_token") if name in answer)
        return answer

    monkeypatch.setattr(authority, "token", token)
    said = []

    def run(*argv):
        capfd.readouterr()
        code = main(list(argv))
        said.extend(capfd.readouterr())
        return code

    def leaks(*secrets):
        """Return the secrets that stand in what was said or left behind, and where."""
        assert given, "nobody signed in"
        places = {f"output {number}": text for number, text in enumerate(said)}
        for path in Path().rglob("*"):
            if path.is_file() and path.name not in ("new.csv", "client.pem"):
                places[str(path)] = path.read_text("utf-8", errors="replace")
        canaries = {SECRET, FIRST_PASSWORD, CERTIFICATE_PASSWORD, *secrets, *given}
        parts = {part for each in given for part in each.split(".") if len(part) > 40}
        return [
            (where, secret[:12])
            for secret in canaries | parts
            for spelling in spellings(secret)
            for where, text in places.items()
            if spelling in text
        ]

    return run, leaks


def test_no_secret_of_a_whole_run_is_told(told):
    run, leaks = told
    assert run("doctor", "--debug-http") == 0
    assert run("--debug", "plan", "--out", "plan.json", "--debug-http") == 0
    assert run("plan", "--json", "--debug-http") == 0
    assert run("apply", "plan.json", "--auto-approve", "--credentials-out", "new.csv", "--debug-http") == 0
    assert FIRST_PASSWORD.replace('"', '""') in Path("new.csv").read_text()
    assert Path("new.csv").stat().st_mode & 0o777 == 0o600
    assert run("history", "last", "--json") == 0
    assert run("snapshot", "--out", "state.json") == 0
    assert leaks() == []


def test_no_first_password_is_kept_where_nobody_asked_for_it(told):
    run, leaks = told
    assert run("apply", "--auto-approve", "--json", "--debug-http") == 0
    assert leaks() == []


@pytest.mark.parametrize("fault", ["reset", "500", "400"])
def test_no_secret_is_in_what_is_told_of_a_failure(told, monkeypatch, fault):
    """Each write fails while a password is on the way."""
    send = httpx.HTTPTransport.handle_request

    def handle(self, request):
        if b"passwordProfile" not in request.read():
            return send(self, request)
        if fault == "reset":
            raise httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
        return httpx.Response(int(fault), json={"error": {"code": "Bad", "message": "no"}}, request=request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    monkeypatch.setattr("reconciler.directory.transport.Transport.back_off", lambda *_: 0.0)
    monkeypatch.setattr("reconciler.directory.writer.LOOKS", 1)
    run, leaks = told
    assert run("--debug", "apply", "--auto-approve", "--debug-http") in (4, 5)
    assert leaks() == []


@pytest.mark.parametrize("wrong", ["wrong.secret~canary", "x" * 40])
def test_no_secret_is_in_what_is_told_of_a_sign_in_that_failed(told, monkeypatch, wrong):
    run, leaks = told
    assert run("plan") == 0
    monkeypatch.setenv("AZURE_CLIENT_SECRET", wrong)
    assert run("--debug", "plan", "--debug-http") == 1
    assert run("doctor", "--json") == 1
    assert leaks(wrong) == []


@pytest.mark.parametrize("password", [CERTIFICATE_PASSWORD, "canary-of-a-wrong-password"])
def test_no_password_of_a_certificate_is_told(authority, told, monkeypatch, tmp_path, password):
    path = tmp_path / "client.pem"
    sealed = authority.client_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(CERTIFICATE_PASSWORD.encode()),
    )
    certificate = authority.client_certificate.public_bytes(serialization.Encoding.PEM)
    path.write_bytes(sealed + certificate)
    run, leaks = told
    assert run("plan") == 0
    monkeypatch.delenv("AZURE_CLIENT_SECRET")
    monkeypatch.setenv("AZURE_CLIENT_CERTIFICATE_PATH", str(path))
    monkeypatch.setenv("AZURE_CLIENT_CERTIFICATE_PASSWORD", password)
    right = password == CERTIFICATE_PASSWORD
    assert run("--debug", "plan", "--debug-http") == (0 if right else 1)
    assert run("doctor", "--json") == (0 if right else 1)
    assert x509.load_pem_x509_certificate(certificate)
    assert leaks(password) == []
