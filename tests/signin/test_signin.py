"""Signing in, with azure-identity as it is shipped, at an authority that checks everything."""

import base64
import json
import stat
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from reconciler.directory.entra import Door
from reconciler.directory.signin import MARGIN, PAUSE, Signin, Tried
from reconciler.errors import DirectoryError, UsageError
from reconciler.report import errors
from tests.signin.authority import CLIENT, GRAPH, SECRET, TENANT, certificate, key, pem

GITHUB = {"AZURE_CLIENT_ID": CLIENT, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job"}


class Clock:
    """A clock that tests move; it begins with the real time, by which tokens are made."""

    def __init__(self):
        self.now = time.time()

    def __call__(self):
        """Return the time."""
        return self.now


def signed_in(wanted, pinned=None):
    """Sign in and return (way, claims)."""
    with Signin(wanted, pinned) as signin:
        claims = signin.claims()
        return signin.method, claims


def refused(wanted, pinned=None):
    """Return the error of a sign-in that fails."""
    with Signin(wanted, pinned) as signin, pytest.raises(DirectoryError) as caught:
        signin.token()
    return caught.value


# ------------------------------------------------------------ each way


def test_an_application_signs_in_by_its_secret(authority, with_secret):
    method, claims = signed_in(with_secret())
    assert (method, claims.is_application, claims.audience) == ("client-secret", True, GRAPH)
    (form,) = authority.asked
    assert (form["scope"], form["client_secret"]) == (f"{GRAPH}/.default", SECRET)
    assert "login.microsoft" not in "".join(authority.paths)


@pytest.mark.parametrize("password", [None, "open sesame"])
def test_an_application_signs_in_by_a_certificate(authority, wanted, tmp_path, password):
    file = authority.certificate_file
    variables = {"AZURE_CLIENT_ID": CLIENT, "AZURE_CLIENT_CERTIFICATE_PATH": file}
    if password:
        file = tmp_path / "client.p12"
        lock = BestAvailableEncryption(password.encode())
        file.write_bytes(
            pkcs12.serialize_key_and_certificates(
                b"x", authority.client_key, authority.client_certificate, None, lock
            )
        )
        variables |= {"AZURE_CLIENT_CERTIFICATE_PATH": file, "AZURE_CLIENT_CERTIFICATE_PASSWORD": password}
    assert signed_in(wanted(**variables))[0] == "client-certificate"


def test_a_workload_signs_in_by_the_token_in_a_file(authority, wanted, tmp_path):
    file = tmp_path / "token"
    file.write_text(authority.federated() + "\n")
    variables = {"AZURE_CLIENT_ID": CLIENT, "AZURE_FEDERATED_TOKEN_FILE": file}
    assert signed_in(wanted(**variables))[0] == "workload-identity"


def test_a_job_of_github_signs_in_by_the_token_that_github_issues(authority, wanted):
    url = f"{authority.services}/github?api-version=2.0"
    assert signed_in(wanted(ACTIONS_ID_TOKEN_REQUEST_URL=url, **GITHUB))[0] == "github-actions"


def test_a_pipeline_of_azure_devops_signs_in_by_its_service_connection(authority, wanted):
    variables = {
        "AZURESUBSCRIPTION_CLIENT_ID": CLIENT,
        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "connection",
        "SYSTEM_ACCESSTOKEN": "of-the-job",
        "SYSTEM_OIDCREQUESTURI": f"{authority.services}/devops",
    }
    assert signed_in(wanted(**variables))[0] == "azure-pipelines"


def test_a_job_of_gitlab_signs_in_by_its_id_token(authority, wanted):
    variables = {"AZURE_CLIENT_ID": CLIENT, "GITLAB_OIDC_TOKEN": authority.federated()}
    assert signed_in(wanted(**variables))[0] == "gitlab"


def test_a_machine_signs_in_by_its_managed_identity(authority, wanted):
    variables = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": authority.services}
    method, claims = signed_in(wanted(**variables))
    assert (method, claims.is_application) == ("managed-identity", True)


@pytest.fixture
def az(tmp_path, monkeypatch):
    """Return a way to install an Azure CLI that prints something; it is on the path alone."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def install(body):
        file = folder / "az"
        file.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder))
        return str(folder)

    return install


def test_a_person_acts_as_whoever_the_azure_cli_is_signed_in_as(authority, wanted, az):
    token = {"accessToken": "of.the.cli", "expires_on": int(time.time()) + 3600}
    log = "import pathlib; pathlib.Path(__file__ + '.log').write_text(' '.join(sys.argv[1:]))"
    path = az(f"{log}; print('{json.dumps(token)}')")
    with Signin(wanted(PATH=path)) as signin:
        assert (signin.token(), signin.method) == ("of.the.cli", "azure-cli")
    asked = Path(f"{path}/az.log").read_text(encoding="utf-8")
    assert f"--resource {GRAPH}" in asked
    assert f"--tenant {TENANT}" in asked


def test_where_the_azure_cli_is_not_signed_in_the_next_way_is_tried(authority, wanted, az):
    path = az("sys.exit('Please run az login')")
    with Signin(wanted(PATH=path)) as signin, pytest.raises(UsageError) as caught:
        signin.token()
    rows = {row["method"]: row for row in caught.value.params["tried"]}
    assert rows["azure-cli"]["reason"] == "unavailable"
    assert "az login" in rows["azure-cli"]["what"]
    assert rows["device-code"]["reason"] == "no-terminal"


def test_what_the_azure_cli_says_otherwise_is_told_without_the_token(authority, wanted, az):
    path = az("sys.exit('AADSTS700082: The refresh token has expired. Trace ID: 1')")
    error = refused(wanted(PATH=path))
    assert (error.params["method"], error.params["aadsts"]) == ("azure-cli", 700082)
    assert "az login" in errors.sentence(error)


def test_a_person_at_a_terminal_types_a_code_elsewhere(authority, wanted):
    asked = []
    authority.user["oid"] = "22222222-0000-0000-0000-000000000000"
    here = wanted(lambda *told: asked.append(told), AZURE_CLIENT_ID=CLIENT)
    method, claims = signed_in(here)
    assert (method, claims.upn, claims.scopes) == ("device-code", "admin@contoso.com", ("User.Read.All",))
    ((url, code, _),) = asked
    assert (url, code) == (f"{authority.url}/device", "ABC-DEF")


# ------------------------------------------------------------ which way


def test_the_first_way_that_is_set_up_signs_in_and_what_was_passed_over_is_told(authority, with_secret):
    both = with_secret(GITLAB_OIDC_TOKEN=CLIENT)
    with Signin(both) as signin:
        signin.token()
        assert signin.tried == (Tried(method="client-secret"),)
    with Signin(both, "gitlab") as signin, pytest.raises(DirectoryError):
        signin.token()


def test_where_no_way_is_set_up_each_is_told_with_what_it_lacks(wanted):
    with Signin(wanted()) as signin, pytest.raises(UsageError) as caught:
        signin.token()
    assert caught.value.code == "no-sign-in"
    told = errors.sentence(caught.value)
    assert "client-secret (AZURE_CLIENT_ID and AZURE_CLIENT_SECRET are not set)" in told
    assert "managed-identity (this machine has no managed identity)" in told
    assert "device-code (it needs a person at a terminal)" in told


def test_a_pinned_way_is_the_only_one(with_secret):
    with Signin(with_secret(), "github-actions") as signin, pytest.raises(UsageError) as caught:
        signin.token()
    assert [row["method"] for row in caught.value.params["tried"]] == ["github-actions"]
    assert "--auth github-actions" in errors.sentence(caught.value)


def test_a_way_that_is_refused_ends_the_search(authority, with_secret):
    """Whoever set a secret must not act as somebody else because it has expired."""
    error = refused(with_secret("wrong", GITLAB_OIDC_TOKEN=authority.federated()))
    assert error.params["method"] == "client-secret"


# ------------------------------------------------------------ what goes wrong


def test_a_wrong_secret_is_told_with_what_to_do(with_secret):
    error = refused(with_secret("wr0ng"))
    assert (error.code, error.params["aadsts"]) == ("sign-in-refused", 7000215)
    told = errors.sentence(error)
    assert "AZURE_CLIENT_SECRET" in told
    assert "Trace ID" not in told
    assert "wr0ng" not in told


@pytest.mark.parametrize(
    ("variables", "aadsts", "hint"),
    [
        ({"AZURE_CLIENT_ID": "nobody"}, 700016, "AZURE_CLIENT_ID"),
        ({"tenant": "nowhere.example"}, 90002, "AZURE_TENANT_ID"),
    ],
)
def test_an_unknown_application_or_tenant_is_told(with_secret, variables, aadsts, hint):
    error = refused(with_secret(**variables))
    assert error.params["aadsts"] == aadsts
    assert hint in errors.sentence(error)


@pytest.mark.parametrize(
    ("claims", "aadsts"),
    [
        ({"exp": 1}, 700024),
        ({"iss": "https://evil.example"}, 700211),
        ({"sub": "repo:contoso/licences:ref:refs/heads/feature"}, 700213),
        ({"aud": "api://other"}, 700212),
    ],
)
def test_an_assertion_that_the_application_does_not_trust_is_told(authority, wanted, claims, aadsts):
    token = authority.federated(**claims)
    error = refused(wanted(AZURE_CLIENT_ID=CLIENT, GITLAB_OIDC_TOKEN=token))
    assert error.params["aadsts"] == aadsts
    assert token not in errors.sentence(error)


def test_an_assertion_that_somebody_else_signed_is_refused(authority, wanted):
    forged = authority.federated().rpartition(".")[0] + "." + base64.urlsafe_b64encode(b"x" * 256).decode()
    error = refused(wanted(AZURE_CLIENT_ID=CLIENT, GITLAB_OIDC_TOKEN=forged.rstrip("=")))
    assert error.params["aadsts"] == 700027


def test_a_certificate_of_somebody_else_is_refused(authority, wanted, tmp_path):
    other = key()
    file = tmp_path / "other.pem"
    file.write_bytes(pem(other, certificate("other", other)))
    error = refused(wanted(AZURE_CLIENT_ID=CLIENT, AZURE_CLIENT_CERTIFICATE_PATH=file))
    assert error.params["aadsts"] == 700027


@pytest.mark.parametrize("content", [None, b"nonsense", b"-----BEGIN NONSENSE-----"])
def test_a_certificate_file_that_is_none_is_told(authority, wanted, tmp_path, content):
    file = tmp_path / "client.pem"
    if content is not None:
        file.write_bytes(content)
    error = refused(wanted(AZURE_CLIENT_ID=CLIENT, AZURE_CLIENT_CERTIFICATE_PATH=file))
    assert (error.code, error.params["method"]) == ("no-credential", "client-certificate")
    assert "AZURE_CLIENT_CERTIFICATE_PATH" in errors.sentence(error)


@pytest.mark.parametrize(("content", "what"), [(None, "No such file"), (b"", "empty"), (b"\xff", "not text")])
def test_a_federated_token_that_is_not_in_its_file_is_told(authority, wanted, tmp_path, content, what):
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    error = refused(wanted(AZURE_CLIENT_ID=CLIENT, AZURE_FEDERATED_TOKEN_FILE=file))
    assert (error.code, error.params["method"]) == ("no-credential", "workload-identity")
    assert what in error.params["what"]


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("{services}/github", "status 401"),
        ("{services}/metadata/instance", "status 400"),
        ("http://127.0.0.1:1/", "refused"),
        ("http://tokens.example/", "not an https URL"),
        ("https://localhost:port", "not a URL"),
    ],
)
def test_a_github_that_issues_no_token_is_told(authority, wanted, url, what):
    url = url.format(services=authority.services)
    variables = GITHUB | {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "another", "ACTIONS_ID_TOKEN_REQUEST_URL": url}
    error = refused(wanted(**variables))
    assert (error.code, error.params["method"]) == ("no-credential", "github-actions")
    assert what in error.params["what"]
    assert "id-token: write" in errors.sentence(error)


def test_github_is_asked_three_times_where_it_is_down(authority, wanted):
    authority.down = [503, 502]
    url = f"{authority.services}/github"
    assert signed_in(wanted(ACTIONS_ID_TOKEN_REQUEST_URL=url, **GITHUB))[0] == "github-actions"
    authority.down = [503, 503, 503]
    error = refused(wanted(ACTIONS_ID_TOKEN_REQUEST_URL=url, **GITHUB))
    assert "status 503" in error.params["what"]


def test_an_answer_of_github_that_holds_no_token_is_told(authority, wanted):
    url = f"{authority.services}/metadata/identity/oauth2/token"
    error = refused(wanted(ACTIONS_ID_TOKEN_REQUEST_URL=url, **GITHUB))
    assert "can't be understood" in error.params["what"]


def test_an_authority_that_is_down_is_told_and_asked_a_bounded_number_of_times(
    authority, with_secret, monkeypatch
):
    monkeypatch.setattr("time.sleep", lambda _: None)
    here = with_secret()
    error = refused(replace(here, authority="https://localhost:1"))
    assert error.code == "sign-in-unreachable"
    assert "https://localhost:1" in errors.sentence(error)
    authority.down = [503] * 50
    error = refused(here)
    assert error.code == "sign-in-refused"
    assert len(authority.paths) <= 6


def test_an_authority_whose_certificate_nobody_vouches_for_gets_no_secret(
    authority, with_secret, monkeypatch
):
    monkeypatch.setattr("time.sleep", lambda _: None)
    here = with_secret()
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert refused(here).code == "sign-in-unreachable"
    assert authority.paths == []


# ------------------------------------------------------------ how a token stays good


def test_a_token_is_asked_for_once_and_kept_until_shortly_before_its_end(authority, with_secret):
    clock = Clock()
    with Signin(with_secret(), clock=clock) as signin:
        first = signin.token()
        clock.now += 3600 - MARGIN - 10
        assert signin.token() == first
        assert len(authority.asked) == 1


def test_a_token_that_ends_soon_is_renewed_and_a_bad_day_of_the_authority_is_bridged(
    authority, with_secret, monkeypatch
):
    monkeypatch.setattr("time.sleep", lambda _: None)
    authority.lifetime = MARGIN - 100
    clock = Clock()
    with Signin(with_secret(), clock=clock) as signin:
        first = signin.token()
        assert signin.token() == first  # only now and then is another one tried for
        clock.now += PAUSE
        authority.down = [503] * 3
        assert signin.token() == first
        clock.now += MARGIN
        authority.down = [503] * 3
        with pytest.raises(DirectoryError):
            signin.token()


def test_each_renewal_takes_a_fresh_assertion(authority, wanted):
    """GitHub's tokens live for five minutes: the first one is no use to the second sign-in."""
    url = f"{authority.services}/github"
    with Signin(wanted(ACTIONS_ID_TOKEN_REQUEST_URL=url, **GITHUB)) as signin:
        first = signin.token()
        assert signin.renew(None)
        assert signin.token() != first
    one, other = (form["client_assertion"] for form in authority.asked)
    assert one != other


def test_a_challenge_is_answered_with_the_claims_that_it_asks_for(authority, with_secret):
    wished = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'
    challenge = (
        f'Bearer realm="", error="insufficient_claims", claims="{base64.b64encode(wished.encode()).decode()}"'
    )
    with Signin(with_secret()) as signin:
        first = signin.token()
        assert signin.renew(challenge)
        assert signin.token() != first
    asked = json.loads(authority.asked[-1]["claims"])["access_token"]
    assert asked["nbf"] == {"essential": True, "value": "1604106651"}
    assert asked["xms_cc"] == {"values": ["CP1"]}


@pytest.mark.parametrize(
    "challenge",
    ["", "Basic", 'Bearer claims="!"', 'Bearer claims="abc"', 'Bearer claims="/w=="', 'Bearer claims="bm8="'],
)
def test_a_challenge_without_claims_asks_for_another_token(authority, with_secret, challenge):
    with Signin(with_secret()) as signin:
        first = signin.token()
        assert signin.renew(challenge)
        assert signin.token() != first
    assert all("nbf" not in form.get("claims", "") for form in authority.asked)


def test_where_there_is_no_other_token_renewing_says_so(authority, wanted, az):
    """A machine's service keeps its token, whoever refused it."""
    token = {"accessToken": "of.the.cli", "expires_on": int(time.time()) + 3600}
    path = az(f"print('''{json.dumps(token)}''')")
    with Signin(wanted(PATH=path)) as signin:
        signin.token()
        assert not signin.renew(None)


def test_a_way_that_is_gone_at_renewal_is_an_error(authority, wanted, az):
    token = {"accessToken": "of.the.cli", "expires_on": int(time.time()) + 3600}
    path = az(f"print('''{json.dumps(token)}''')")
    with Signin(wanted(PATH=path)) as signin:
        signin.token()
        Path(f"{path}/az").unlink()
        with pytest.raises(DirectoryError) as caught:
            signin.renew(None)
    assert caught.value.params["method"] == "azure-cli"


def test_a_person_is_not_asked_again_to_renew(authority, wanted):
    asked = []
    authority.user["oid"] = "22222222-0000-0000-0000-000000000000"
    here = wanted(lambda *told: asked.append(told), AZURE_CLIENT_ID=CLIENT)
    with Signin(here) as signin:
        first = signin.token()
        signin.renew('Bearer claims="eyJhIjoxfQ=="')
        assert signin.token() != first
    assert len(asked) == 1


def test_before_the_first_token_there_is_nothing_to_renew(with_secret):
    with Signin(with_secret()) as signin:
        assert signin.method is None
        assert signin.renew(None)


def test_after_it_was_closed_it_signs_in_anew(authority, with_secret):
    clock = Clock()
    signin = Signin(with_secret(), clock=clock)
    first = signin.token()
    signin.close()
    signin.close()
    clock.now += 3600
    assert signin.token() != first
    signin.close()


def test_nothing_of_a_sign_in_is_logged_or_shown(authority, with_secret, capfd):
    refused(with_secret("wr0ng"))
    assert capfd.readouterr() == ("", "")


def test_a_secret_is_in_no_error(with_secret):
    error = refused(with_secret("s3cr3t-value"))
    seen = [str(error), repr(error.params)]
    while error := error.__cause__:
        seen.append(str(error))
    assert "s3cr3t-value" not in "".join(seen)


def test_a_door_that_never_opened_can_be_closed(with_secret):
    Door("azure-cli", with_secret()).close()
