"""`provider: graph` from the command line to the tenant: a real sign-in, and a served sandbox as Graph."""

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import msgspec
import pytest

from reconciler import sandbox
from reconciler.cli import main
from reconciler.roles import TEMPLATE_IDS
from tests.directory import tenants
from tests.signin.authority import CLIENT, PRINCIPAL, SECRET, TENANT

READS = ("GroupMember.Read.All", "Organization.Read.All", "RoleManagement.Read.Directory", "User.Read.All")
WRITES = "LicenseAssignment.ReadWrite.All"
FILE = """\
version: 1
tenant: {{domain: {domain}, provider: graph{more}}}
users:
  carla@contoso.com: {{usage_location: NL, licenses: [EMS]}}
  dirk@contoso.com: {{licenses: []}}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return the home and the URL of a sandbox that is a process of its own."""
    home = tenants.fill(tmp_path_factory.mktemp("served") / "home")
    server = tenants.Server(home)
    yield home, server.url
    server.close()


@pytest.fixture
def live(authority, served, tmp_path, monkeypatch):
    """Stand in a folder whose tenant.yaml names a live tenant, with an application that is set up."""
    home, url = served
    tenants.fill(home)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name, text in {
        "RECONCILER_GRAPH_URL": url,
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_CLIENT_SECRET": SECRET,
        "PATH": "",
    }.items():
        monkeypatch.setenv(name, text)
    authority.claims["roles"] = [*READS, WRITES, "User.ReadWrite.All"]

    def declare(domain="contoso.com", more=""):
        (tmp_path / "tenant.yaml").write_text(FILE.format(domain=domain, more=more))

    declare()
    return declare


@pytest.fixture
def run(capfd):
    """Run one command line in this process; return its code, output and errors."""

    def run(*argv):
        capfd.readouterr()
        code = main(list(argv))
        return (code, *capfd.readouterr())

    return run


def process(*argv):
    """Run one command line as a process of its own."""
    command = [sys.executable, "-m", "reconciler", *argv]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", env=os.environ, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def grant(authority, *roles):
    authority.claims["roles"] = list(roles)


# ------------------------------------------------------------ the whole way


def test_an_application_looks_plans_and_applies(authority, live):
    """Doctor, a saved plan and its apply, each a process that signs in for itself."""
    code, out, err = process("doctor")
    assert (code, err) == (0, "")
    assert f"reconciler ({CLIENT}), an application" in out
    assert "by client-secret" in out
    assert "Roles       none\n" in out
    assert "`plan` and `apply` can run." in out

    code, out, err = process("plan", "--out", "plan.json")
    assert code == 0, err
    assert "Plan for contoso.com (graph)" in out
    plan = json.loads(Path("plan.json").read_text(encoding="utf-8"))
    granted = sorted([*READS, WRITES, "User.ReadWrite.All"])
    actor = {"name": f"reconciler ({CLIENT})", "roles": [], "permissions": granted}
    assert plan["actor"] == actor
    assert all(change["permitted"] and change["status"] == "ready" for change in plan["changes"])

    code, out, err = process("apply", "plan.json", "--auto-approve")
    assert code == 0, err
    assert json.loads(process("plan", "--json")[1])["changes"] == []
    assert SECRET not in out + err


LOOKING = ("plan", "users", "why anna@contoso.com", "seats", "recoverable", "snapshot --out state.json")


@pytest.mark.parametrize("command", LOOKING)
def test_every_command_reaches_the_live_tenant(live, run, command):
    code, _, err = run(*command.split())
    assert code == 0, err
    assert "demo tenant" not in err


def test_the_least_permissions_of_a_plan_suffice_and_each_is_needed(authority, live, run):
    """What doctor calls the least set is just what Graph lets a plan read."""
    grant(authority, *READS)
    assert run("plan")[0] == 0
    code, out, _ = run("doctor", "--json")
    told = json.loads(out)
    assert (code, told["least"]["plan"]) == (0, list(READS))
    for name in READS:
        grant(authority, *(each for each in READS if each != name))
        code, _, err = run("plan")
        assert code == 1, name
        assert "may not read" in err
        code, out, _ = run("doctor", "--json")
        told = json.loads(out)
        assert (code, set(told["missing"])) == (1, {name, "User.ReadWrite.All"} - {"User.Read.All"})
        assert told["commands"][0]["may"] is False


def test_an_application_without_the_permission_is_told_which_would_do(authority, live, run):
    grant(authority, *READS)
    code, out, _ = run("plan")
    assert code == 0
    told = " ".join(out.split())
    assert "takes the permission LicenseAssignment.ReadWrite.All" in told
    code, _, err = run("apply", "--auto-approve")
    assert code == 3
    assert "the permission LicenseAssignment.ReadWrite.All" in err
    conflict, *_ = json.loads(run("plan", "--json")[1])["conflicts"]
    assert conflict["code"] == "role-missing"
    assert conflict["params"]["permissions"][0] == "User.ReadWrite.All"


def test_a_directory_role_of_the_application_gives_what_its_permissions_do_not(authority, live, run):
    """The service principal may hold a role as a user does."""
    grant(authority, *READS)
    authority.claims["wids"] = [TEMPLATE_IDS["user-administrator"]]
    plan = json.loads(run("plan", "--json")[1])
    assert plan["actor"]["roles"] == ["user-administrator"]
    assert all(change["permitted"] for change in plan["changes"])


def test_a_plan_of_a_reader_is_applied_by_a_writer(authority, live, run):
    """Two applications: the one that plans can't write."""
    assert run("plan", "--out", "plan.json")[0] == 0
    grant(authority, *READS)
    assert run("apply", "plan.json", "--auto-approve")[0] == 3
    grant(authority, *READS, WRITES, "User.ReadWrite.All")
    assert run("apply", "plan.json", "--auto-approve")[0] == 0


def test_a_user_needs_role_and_scope(authority, live, run, monkeypatch):
    """What a sign-in was not given no role makes up for."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    authority.user |= {"oid": tenants.user_id("admin"), "scp": " ".join([*READS, "User.Read"])}
    auth = ("--auth", "device-code")
    code, out, err = run("plan", "--json", *auth)
    assert code == 0
    assert f"open {authority.url}/device and enter the code ABC-DEF" in err
    plan = json.loads(out)
    assert plan["actor"]["name"] == "admin@contoso.com"
    assert plan["actor"]["roles"] == ["global-administrator"]
    assert WRITES not in plan["actor"]["scopes"]
    messages = [each["message"] for each in plan["conflicts"] if each["code"] == "role-missing"]
    assert "takes the permission LicenseAssignment.ReadWrite.All in the sign-in" in messages[-1]
    authority.user["scp"] += f" {WRITES} User.ReadWrite.All"
    authority.pending = 0
    plan = json.loads(run("plan", "--json", *auth)[1])
    assert all(change["permitted"] for change in plan["changes"])


# ------------------------------------------------------------ doctor


def test_doctor_tells_what_is_missing_and_what_is_too_much(authority, live, run):
    grant(authority, *READS, "Directory.ReadWrite.All", "RoleManagement.ReadWrite.Directory", "Mail.Read")
    code, out, _ = run("doctor", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["missing"] == []
    assert told["least"]["apply"] == sorted({*READS, "User.ReadWrite.All"} - {"User.Read.All"})
    assert told["surplus"] == [
        {"name": "Directory.ReadWrite.All", "dangerous": True, "instead": ["User.ReadWrite.All"]},
        {"name": "RoleManagement.ReadWrite.Directory", "dangerous": True, "instead": []},
        {"name": "Mail.Read", "dangerous": False, "instead": []},
    ]
    page = run("doctor")[1]
    assert "Directory.ReadWrite.All: whoever has it can take over the tenant; User.ReadWrite.All" in page
    grant(authority, *READS)
    code, out, _ = run("doctor", "--json")
    told = json.loads(out)
    assert (code, told["missing"]) == (0, ["User.ReadWrite.All"])
    apply = next(row for row in told["commands"] if row["command"] == "apply")
    assert apply == {"command": "apply", "may": False, "lacks": ["usage-location", "assign", "revoke"]}


def test_doctor_tells_why_nobody_is_signed_in(live, run, monkeypatch):
    monkeypatch.delenv("AZURE_CLIENT_SECRET")
    code, out, err = run("doctor")
    assert (code, err) == (1, "")
    assert "AZURE_CLIENT_SECRET is not set" in out
    assert "nobody is signed in, and no way to sign in is set up. Set one of them up;" in " ".join(
        out.split()
    )
    assert out.count("AZURE_CLIENT_SECRET is not set") == 1
    told = json.loads(run("doctor", "--json")[1])
    assert (told["actor"], told["errors"][0]["code"]) == (None, "no-sign-in")
    assert told["sign_in"]["tried"][0] == {
        "method": "client-secret", "used": False, "why_not": "AZURE_CLIENT_SECRET is not set",
    }  # fmt: skip


def test_doctor_says_nothing_of_what_a_token_of_another_tenant_may_do(authority, live, run):
    """It is a good token, with every permission; the tenant that is asked takes it for none."""
    authority.claims["tid"] = "99999999-0000-0000-0000-000000000000"
    code, out, _ = run("doctor")
    told = " ".join(out.split())
    assert code == 1
    assert "by client-secret to tenant 99999999-0000-0000-0000-000000000000, until" in told
    assert "Roles not known: the tenant did not tell" in told
    assert "Sign in again, to the tenant that tenant.yaml names" in told
    assert not [heading for heading in ("Commands", "Missing", "More than", "The least") if heading in told]
    document = json.loads(run("doctor", "--json")[1])
    assert (document["commands"], document["surplus"]) == ([], [])
    assert document["errors"][0]["code"] == "unauthorized"


def test_doctor_names_no_role_where_the_tenant_did_not_tell_whose(authority, live, run, monkeypatch):
    """Without a scope that reads the tenant, nobody learns which roles the user has."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    authority.user |= {"oid": tenants.user_id("admin"), "scp": "User.Read"}
    out = run("doctor", "--auth", "device-code")[1]
    assert "not known: the tenant did not tell" in out
    assert "Organization.Read.All" in out
    assert "The role" not in out


def test_doctor_tells_of_a_tenant_out_of_reach(live, run, monkeypatch):
    monkeypatch.setattr("reconciler.directory.transport.ATTEMPTS", 1)
    monkeypatch.setenv("RECONCILER_GRAPH_URL", "http://127.0.0.1:1")
    code, out, _ = run("doctor", "--json")
    told = json.loads(out)
    assert (code, told["errors"][0]["code"]) == (1, "unreachable")
    assert told["sign_in"]["method"] == "client-secret"
    assert told["commands"] == []


@pytest.mark.parametrize(
    ("ahead", "code", "level"), [(-100, 0, "warnings"), (100, 0, "warnings"), (500, 1, "errors")]
)
def test_doctor_compares_clocks(authority, live, run, in_front, ahead, code, level):
    moved = timedelta(seconds=ahead)

    def change(_, headers, body):
        now = (datetime.now(UTC) + moved).strftime("%a, %d %b %Y %H:%M:%S GMT")
        return [(name, now if name == "Date" else value) for name, value in headers], body

    in_front(change)
    done, out, _ = run("doctor", "--json")
    told = json.loads(out)
    assert abs(told["clock_skew_seconds"] + ahead) <= 2
    assert (done, told[level][0]["code"]) == (code, "clock-skew")
    assert ("behind" if ahead > 0 else "ahead of") in told[level][0]["message"]


def test_doctor_tells_what_would_tell_more(authority, live, run):
    grant(authority, *READS, "User.ReadWrite.All", "AuditLog.Read.All")
    code, out, _ = run("doctor", "--json")
    told = json.loads(out)
    assert (code, told["would_tell_more"]) == (0, ["MailboxSettings.Read", "Reports.Read.All"])
    assert told["surplus"] == []
    assert "Reports.Read.All" in run("doctor")[1]


def test_doctor_goes_on_with_a_token_that_tells_nothing(live, run, tmp_path, monkeypatch):
    """The Azure CLI's token is whatever it is: here one that only the sandbox knows to read."""
    end = int(datetime.now(UTC).timestamp()) + 3600
    (tmp_path / "az").write_text(
        f"#!{sys.executable}\nprint('{json.dumps({'accessToken': 'sandbox', 'expires_on': end})}')\n"
    )
    (tmp_path / "az").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    code, out, _ = run("doctor", "--json", "--auth", "azure-cli")
    told = json.loads(out)
    assert (code, told["sign_in"]["expires"]) == (0, None)
    assert told["actor"]["name"] == "admin@contoso.com"
    assert told["actor"]["roles"][0]["in_token"] is None
    page = run("doctor", "--auth", "azure-cli")[1]
    assert "Permissions" not in page
    assert "Global Administrator: whoever has it can take over the tenant" in page


def test_doctor_in_the_sandbox_tells_who_acts(live, run, tmp_path, monkeypatch):
    monkeypatch.setenv("RECONCILER_HOME", str(tmp_path / "home"))
    (tmp_path / "tenant.yaml").unlink()
    code, out, _ = run("doctor")
    assert code == 0
    assert "Provider    sandbox" in out
    assert "a user" in out
    assert run("doctor", "--as", "nobody@contoso.com")[0] == 1


# ------------------------------------------------------------ what goes wrong


def test_another_tenant_than_the_declared_one_is_refused_before_anything_is_read(live, run):
    live(domain="fabrikam.com")
    code, _, err = run("plan")
    assert code == 1
    assert "fabrikam.com" in err
    assert run("doctor")[0] == 1


@pytest.mark.parametrize(
    ("variables", "more", "told"),
    [
        ({"AZURE_CLIENT_SECRET": "wrong"}, "", "client secret is wrong"),
        ({"AZURE_TENANT_ID": "nowhere.example"}, "", "there is no such tenant"),
        ({"AZURE_AUTHORITY_HOST": "login.microsoftonline.us"}, "", "AZURE_AUTHORITY_HOST is login"),
        ({"AZURE_AUTHORITY_HOST": "login.microsoftonline.com"}, ", cloud: usgov", "login.microsoftonline.us"),
        ({"RECONCILER_GRAPH_URL": "https://graph.evil.example"}, "", "may only name this computer"),
        ({"RECONCILER_GRAPH_URL": "http://127.0.0.1:8123/v1.0"}, "", "write http://127.0.0.1:8123."),
    ],
)
def test_a_sign_in_that_fails_says_why_and_changes_nothing(live, run, monkeypatch, variables, more, told):
    live(more=more)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    code, out, err = run("plan")
    assert (code, out) == (1, "")
    assert told in err
    assert "Traceback" not in err


def test_in_a_live_tenant_nobody_acts_as_somebody_else(authority, live, run):
    code, _, err = run("plan", "--as", "anna@contoso.com")
    assert code == 1
    assert "in a live tenant whoever signed in acts" in err
    assert authority.paths == []


def test_a_token_for_something_else_is_told(authority, live, run):
    authority.audience = "https://management.azure.com"
    code, _, err = run("plan")
    assert code == 1
    assert "the token is for https://management.azure.com, and https://graph.microsoft.com is asked" in err


def test_a_token_that_was_refused_in_mid_run_is_renewed(authority, live, run):
    """Each token is past its time when the next request comes: each is replaced, and the run goes on."""
    authority.claims["exp"] = 1
    code, _, err = run("plan")
    assert code == 1
    assert "does not accept the sign-in" in err
    asked = len(authority.asked)
    assert asked == 2  # the first, and one in its place

    class Once(dict):
        """Claims that are past their time the first time only."""

        def pop_expired(self):
            return self.pop("exp", None)

    authority.claims = Once(roles=list(READS), exp=1)
    before = authority.token

    def token(form, endpoint):
        given = before(form, endpoint)
        authority.claims.pop_expired()
        return given

    authority.token = token
    try:
        assert run("plan")[0] == 0
    finally:
        del authority.token


def test_seats_are_not_bought_through_graph(live, run, tmp_path):
    with (tmp_path / "tenant.yaml").open("a") as file:
        file.write("subscriptions:\n  EMS: {seats: 50}\n")
    conflicts = json.loads(run("plan", "--json")[1])["conflicts"]
    assert "not-purchasable" in {each["code"] for each in conflicts}


def test_what_goes_over_the_wire_is_shown_without_the_token(live, run):
    code, _, err = run("seats", "--debug-http")
    assert code == 0
    assert "GET" in err
    assert "eyJ" not in err


# ------------------------------------------------------------ where the token goes


class Threads(ThreadingMixIn, WSGIServer):
    """A server that answers several requests at once."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """A handler that says nothing."""

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def in_front(served, monkeypatch):
    """Return a way to put something before the sandbox that changes its answers; it returns what it saw."""
    servers = []

    def put(change, *, reached=True):
        app = sandbox.app(served[0])
        seen = []

        def changed(environ, start_response):
            seen.append((environ["PATH_INFO"], environ.get("HTTP_AUTHORIZATION")))
            told = {}
            body = b"".join(app(environ, lambda status, headers: told.update(status=status, headers=headers)))
            answer = change(environ["PATH_INFO"], told["headers"], body)
            headers, body, *status = answer
            start_response(status[0] if status else told["status"], sized(headers, body))
            return [body]

        def sized(headers, body):
            return [each for each in headers if each[0] != "Content-Length"] + [
                ("Content-Length", str(len(body)))
            ]

        server = make_server("127.0.0.1", 0, changed, Threads, Quiet)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        url = f"http://127.0.0.1:{server.server_port}"
        if reached:
            monkeypatch.setenv("RECONCILER_GRAPH_URL", url)
        return url, seen

    yield put
    for server in servers:
        server.shutdown()
        server.server_close()


HOSTILE = (
    "{evil}/v1.0/users?$skiptoken=x",
    "{evil}/v1.0/../users",
    "//{evil_host}/v1.0/users",
    "http://127.0.0.1:{port}@{evil_host}/v1.0/users",
    "http://x:y@127.0.0.1:{port}/v1.0/users",
    "https://127.0.0.1:{port}/v1.0/users",
    "http://localhost:{port}/v1.0/users",
    "http://127.0.0.1:{port}.evil.example/v1.0/users",
    "http://127.0.0.1/v1.0/users",
    "ftp://127.0.0.1:{port}/v1.0/users",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("link", HOSTILE)
def test_the_token_never_follows_a_link_to_another_host(live, run, in_front, link):
    evil, seen = in_front(lambda _, headers, body: (headers, body), reached=False)
    where = {"evil": evil, "evil_host": evil.removeprefix("http://"), "port": 0}

    def change(path, headers, body):
        if not path.endswith("/users"):
            return headers, body
        page = msgspec.json.decode(body) | {"@odata.nextLink": link.format(**where)}
        return headers, msgspec.json.encode(page)

    own, _ = in_front(change)
    where["port"] = own.rpartition(":")[2]
    code, out, err = run("users")
    assert (code, out, seen) == (1, "", [])
    # What begins with a slash is a path of the tenant's own host, whatever follows.
    assert ("rejects" if link.startswith("/") else "is not followed") in err


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
@pytest.mark.parametrize("path", ["/organization", "/users"])
def test_the_token_follows_no_redirect(live, run, in_front, status, path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    evil, seen = in_front(lambda _, headers, body: (headers, body), reached=False)

    def change(asked, headers, body):
        if not asked.endswith(path):
            return headers, body
        return [*headers, ("Location", f"{evil}/v1.0{path}")], b"", status

    in_front(change)
    code, out, _ = run("users")
    assert (code, out, seen) == (1, "", [])


def test_the_applications_own_roles_are_read_by_its_service_principal(authority, live, run, served):
    home, _ = served
    state = msgspec.structs.replace(
        tenants.STATE,
        role_assignments=(
            *tenants.STATE.role_assignments,
            tenants.RoleAssignment(principal_id=PRINCIPAL, role="license-administrator"),
            tenants.RoleAssignment(
                principal_id=PRINCIPAL, role="user-administrator", scope="/administrativeUnits/x"
            ),
        ),
    )
    tenants.fill(home, state)
    grant(authority, *READS)
    told = json.loads(run("doctor", "--json")[1])
    assert told["actor"]["roles"] == [
        {
            "name": "license-administrator",
            "template_id": TEMPLATE_IDS["license-administrator"],
            "in_token": False,
        }
    ]
