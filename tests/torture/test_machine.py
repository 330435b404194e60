"""Whatever administrators do in whichever order, every write was approved, and the journal tells of it.

They edit, plan, look at other plans, work in the tenant by hand, apply, are killed, resume, undo, wait too
long and fumble with the file. A kill is simulated: from one moment on neither disk nor wire takes anything.
"""

import contextlib
import copy
import io
import json
import os
import shutil
import tempfile
import threading
from pathlib import Path
from unittest import mock

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reconciler import journal, journal_place, sandbox
from reconciler.cli import main
from tests.cli.conftest import E3, EMS, STATE, _user

ALL = os.environ.get("TORTURE") == "all"
NAMES = ("anna", "bram", "carl", "dora")
SKUS = {"ENTERPRISEPACK": E3, "EMS": EMS}
CARRIED = {"done", "already-done"}
APPLY = ("apply", "plan.json", "--auto-approve", "--partial", "--parallelism", "1")
SEATS = {E3: 3, EMS: 2}


class Dead(BaseException):
    """The process is no more."""


class World:
    """What lies between the process and its tenant and disk: it counts, keeps what was written, and kills."""

    def __init__(self):
        self.left = None
        self.dead = False
        self.commits = []
        self._turn = threading.Lock()
        self._send, self._write = httpx.WSGITransport.handle_request, journal_place._write

    def event(self):
        """Return whether the process dies at this event; raises Dead where it is dead."""
        with self._turn:
            if self.dead:
                raise Dead
            if self.left is not None:
                self.left -= 1
                self.dead = self.left <= 0
            return self.dead

    def send(self, transport, request):
        """Pass a request on; who dies here may have had it carried out."""
        writes = [one for one in self._items(request) if one["method"] != "GET"]
        before = self.left
        dies = self.event() if writes else False
        if dies and before % 2:
            raise Dead
        response = self._send(transport, request)
        response.read()
        if writes:
            told = {one["id"]: one["status"] for one in response.json()["responses"]}
            self.commits += [one for one in writes if told[one["id"]] < 300]
        if dies:
            raise Dead
        return response

    def _items(self, request):
        if not request.url.path.endswith("/$batch"):
            assert request.method == "GET"
            return []
        return json.loads(request.read())["requests"]

    def write(self, descriptor, data):
        """Write to the journal; who dies here leaves a torn line."""
        if self.event():
            os.write(descriptor, data[: len(data) // 2])
            raise Dead
        self._write(descriptor, data)


def tenant():
    """Return a tenant of five users, with few seats."""
    state = copy.deepcopy(STATE)
    state["users"] = [_user(1, "admin"), *(_user(2 + number, name) for number, name in enumerate(NAMES))]
    state["users"][1]["assignedLicenses"] = [{"skuId": E3, "disabledPlans": []}]
    for sku in state["subscribedSkus"]:
        sku["prepaidUnits"]["enabled"] = SEATS[sku["skuId"]]
        sku["consumedUnits"] = int(sku["skuId"] == E3)
    return state


WANTED = st.sets(st.sampled_from(sorted(SKUS)))
WHO = st.sampled_from(NAMES)


class Machine(RuleBasedStateMachine):
    """Several administrators, one tenant."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="reconciler-machine-"))
        self.stack = contextlib.ExitStack()
        self.world = World()
        self.wanted = {}
        self.approved = {}
        self.expired = True
        self.stack.enter_context(contextlib.chdir(self.folder))
        environment = {"RECONCILER_HOME": str(self.folder / "home"), "COLUMNS": "80"}
        self.stack.enter_context(mock.patch.dict(os.environ, environment))

    def teardown(self):
        """End in the state that the files declare."""
        try:
            if (self.folder / "tenant.yaml").exists():
                self.converges()
        finally:
            self.stack.close()
            shutil.rmtree(self.folder)

    # ------------------------------------------------------------ how a command runs

    def run(self, *argv, kill=None):
        """Run a command; return its exit code, None where it was killed, and what it said."""
        world, out, err = self.world, io.StringIO(), io.StringIO()
        world.left, world.dead = kill, False
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.object(httpx.WSGITransport, "handle_request", lambda *given: world.send(*given)),  # noqa: PLW0108  a method of another object
            mock.patch.object(journal_place, "_write", world.write),
        ):
            try:
                code = main(list(argv))
            except Dead:
                code = None
        world.left, world.dead = None, False
        assert "internal error" not in err.getvalue(), err.getvalue()
        assert "Traceback" not in err.getvalue(), err.getvalue()
        return code, out.getvalue() + err.getvalue()

    def carries_out(self, *argv, kill=None):
        """Run an apply; whatever it writes is a ready change of the plan that is approved."""
        before = len(self.world.commits)
        code, said = self.run(*argv, kill=kill)
        written = self.world.commits[before:]
        if written:
            run = journal.runs(self.folder / "home" / "journal.jsonl")[-1]
            ready = self.approved[run.start.plan_digest]
            bodies = [(one["url"].split("/")[2], json.dumps(one["body"], sort_keys=True)) for one in written]
            assert set(bodies) <= set(ready), said
            assert len(bodies) == len(set(bodies))
            for body in bodies:  # each once, in however many goes
                ready[body] -= 1
                assert ready[body] >= 0
        return code, said, len(written)

    def takes(self, name):
        """Take a saved plan as approved."""
        document = json.loads((self.folder / name).read_text("utf-8"))
        self.approved.setdefault(document["digest"], _bodies(document))

    # ------------------------------------------------------------ what people do

    @initialize()
    def begin(self):
        """Load the tenant, and declare one user without licences."""
        (self.folder / "state.json").write_text(json.dumps(tenant()))
        assert self.run("sandbox", "load", "state.json")[0] == 0
        self.edit("anna", set())

    @rule(name=WHO, skus=WANTED)
    def edit(self, name, skus):
        """Declare which licences a user shall have."""
        self.wanted[name] = sorted(skus)
        users = {f"{one}@contoso.com": {"licenses": skus} for one, skus in self.wanted.items()}
        rails = {"max_revocations": {"free": 100}}
        files = {"version": 1, "tenant": {"domain": "contoso.com"}, "users": users, "guardrails": rails}
        (self.folder / "tenant.yaml").write_text(json.dumps(files))

    @rule(name=WHO, skus=WANTED)
    def edit_and_plan(self, name, skus):
        """Declare something, and save a plan of it."""
        self.edit(name, skus)
        self.plan()

    @rule()
    def plan(self):
        """Save a plan, which is approved then; nothing is written."""
        before = len(self.world.commits)
        code, said = self.run("plan", "--out", "plan.json")
        assert code == 0, said
        assert len(self.world.commits) == before
        self.takes("plan.json")
        self.expired = False

    @rule(name=WHO, sku=st.sampled_from(sorted(SKUS.values())), gives=st.booleans())
    def drift(self, name, sku, gives):
        """Give or take a licence by hand."""
        added = [{"skuId": sku, "disabledPlans": []}] if gives else []
        body = {"addLicenses": added, "removeLicenses": [] if gives else [sku]}
        app = httpx.WSGITransport(app=sandbox.app(self.folder / "home"))
        with httpx.Client(transport=app, base_url="https://sandbox.invalid/v1.0") as client:
            client.headers["Authorization"] = "Bearer sandbox"
            client.post(f"/users/{name}@contoso.com/assignLicense", json=body)  # refused if there is none

    def saved(self):
        """Tell whether there is a saved plan."""
        return (self.folder / "plan.json").exists()

    def unfinished(self):
        """Tell whether there is something to resume."""
        run = next(reversed(journal.runs(self.folder / "home" / "journal.jsonl")), None)
        return run is not None and run.end is None

    @precondition(lambda self: self.saved() and not self.expired)
    @rule(kill=st.sampled_from((3, 4, 5, 6, 7, 8, 2, 1)))
    def apply_and_be_killed(self, kill):
        """Carry the saved plan out, and die on the way, if it is as long as that."""
        self.apply(kill)

    @precondition(saved)
    @rule(kill=st.none())
    def apply(self, kill):
        """Carry the saved plan out, or be refused."""
        code, said, written = self.carries_out(*APPLY, kill=kill)
        assert code in (0, 3, 4) or (code is None and kill), said
        assert not (written and (self.expired or code == 3)), said

    @precondition(unfinished)
    @rule(kill=st.none() | st.integers(1, 8))
    def resume(self, kill):
        """Go on with the last run, if it is unfinished."""
        code, said, _ = self.carries_out("apply", "--resume", "--parallelism", "1", kill=kill)
        assert code in (0, 1, 3, 4, 5) or (code is None and kill), said

    @precondition(lambda self: self.world.commits)
    @rule()
    def undo(self):
        """Save the plan of the way back from the last run."""
        code, said = self.run("undo", "last", "--out", "plan.json")
        assert code in (0, 1), said
        if code == 0 and self.saved():
            self.takes("plan.json")
            self.expired = False

    @rule()
    def expire(self):
        """Let two days pass."""
        assert self.run("sandbox", "advance", "--days", "2")[0] == 0
        self.expired = True

    @precondition(saved)
    @rule(data=st.data())
    def fumble(self, data):
        """Change a byte of the saved plan: it is refused, and comes back from git."""
        path = self.folder / "plan.json"
        was = path.read_bytes()
        at = data.draw(st.integers(0, len(was) - 1))
        path.write_bytes(was[:at] + bytes([was[at] ^ data.draw(st.integers(1, 255))]) + was[at + 1 :])
        code, said, written = self.carries_out(*APPLY)
        assert (code, written) in ((1, 0), (3, 0)), said
        path.write_bytes(was)

    # ------------------------------------------------------------ what holds

    @invariant()
    def the_journal_is_sound(self):
        """Understand a torn line; find an account of every write of a run."""
        path = self.folder / "home" / "journal.jsonl"
        assert not [damage for damage in journal.read(path).damage if damage.broken]
        for run in journal.runs(path):
            left = {body for body, count in self.approved[run.start.plan_digest].items() if not count}
            told = {one.address for one in (*run.results, *run.unsettled)}
            assert {f"users/{upn}/licenses" for upn, _ in _named(left)} <= told

    def converges(self):
        """Come to the state that the files declare."""
        for _ in range(3):
            code, said = self.run("apply", "--auto-approve", "--partial", "--accept-data-loss")
            assert code in (0, 4), said
        document = json.loads(self.run("plan", "--json")[1])
        assert [one for one in document["changes"] if one["status"] == "ready"] == []


def _bodies(document):
    """Return what the ready changes of a plan send, each once: (user id, body) → 1."""
    return {
        (change["user"]["id"], json.dumps(_body(change), sort_keys=True)): 1
        for change in document["changes"]
        if change["status"] == "ready"
    }


def _body(change):
    given = [*change["assign"], *change["modify"]]
    return {
        "addLicenses": [{"skuId": one["sku_id"], "disabledPlans": one["disabled_plans"]} for one in given],
        "removeLicenses": [one["sku_id"] for one in change["revoke"]],
    }


def _named(bodies):
    """Yield the UPN for the user id of each body."""
    upns = {user["id"]: user["userPrincipalName"] for user in tenant()["users"]}
    for user_id, body in bodies:
        yield upns[user_id], body


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=300 if ALL else 6,
    stateful_step_count=40 if ALL else 12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
