"""A small tenant for the tests of directory/, and the changes that a plan would make in it."""

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import httpx

from reconciler import sandbox
from reconciler.directory import Directory, snapshot
from reconciler.model import (
    Assignment,
    Current,
    DeletedUser,
    Domain,
    Group,
    Organization,
    RoleAssignment,
    ServicePlan,
    Sku,
    Subscription,
    User,
)
from reconciler.plan import (
    Change,
    GroupRef,
    License,
    MemberEffect,
    SkuRef,
    UserRef,
    assignments_of,
    fingerprint,
)

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"
EMS = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
VISIO = "c5928f49-12ba-48f7-ada3-0d743a3601d5"
EXCHANGE = "efb87545-963c-4e0d-99df-69c6916d9eb0"
TEAMS = "57ff2da0-773e-42df-b2af-ffb7a2317929"
INTUNE = "c1ec4a95-1f05-45b3-a911-aa3fa01094f5"
GROUP = "aaaaaaaa-0000-0000-0000-000000000001"


def user_id(name):
    return "00000000-0000-0000-0000-" + name.encode().hex().rjust(12, "0")[:12]


def user(name, *assignments, **values):
    upn = f"{name}@contoso.com"
    known = {
        "name": name.title(),
        "mail": upn,
        "proxy_addresses": (upn,),
        "enabled": True,
        "user_type": "Member",
        "usage_location": "NL",
        "assignments": assignments,
        **values,
    }
    return User(id=user_id(name), upn=upn, **known)


def sku(sku_id, part_number, seats, consumed, *plans):
    return Sku(
        id=sku_id,
        part_number=part_number,
        enabled=seats,
        consumed=consumed,
        plans=tuple(ServicePlan(id=plan, name=name) for plan, name in sorted(plans)),
    )


STATE = Current(
    taken_at=NOW,
    organization=Organization(
        id="11111111-0000-0000-0000-000000000000",
        name="Contoso",
        country="NL",
        domains=(Domain(name="contoso.com", is_default=True),),
    ),
    users=(
        user("admin"),
        user("anna", Assignment(sku_id=E3, disabled_plans=(TEAMS,)), department="Sales"),
        user("bram", Assignment(sku_id=EMS, assigned_by=GROUP), enabled=False),
        user("carla", usage_location=None, department="HR"),
        user("dirk", Assignment(sku_id=E3)),
    ),
    deleted_users=(
        DeletedUser(
            id=user_id("eva"),
            upn="eva@contoso.com",
            name="Eva",
            mail="eva@contoso.com",
            enabled=True,
            user_type="Member",
            department="Sales",
            usage_location="NL",
            deleted_at=datetime(2026, 11, 20, tzinfo=UTC),
        ),
    ),
    groups=(
        Group(id=GROUP, name="Sales", assignments=(Assignment(sku_id=EMS),), members=(user_id("bram"),)),
    ),
    skus=(
        sku(E3, "ENTERPRISEPACK", 5, 2, (EXCHANGE, "EXCHANGE_S_ENTERPRISE"), (TEAMS, "TEAMS1")),
        sku(EMS, "EMS", 5, 1, (INTUNE, "INTUNE_A")),
    ),
    subscriptions=(
        Subscription(
            id="bbbbbbbb-0000-0000-0000-000000000001",
            sku_id=E3,
            seats=5,
            auto_renew=True,
            next_lifecycle=datetime(2027, 6, 1, tzinfo=UTC),
            owner_type="Organization",
        ),
        Subscription(
            id="bbbbbbbb-0000-0000-0000-000000000002",
            sku_id=EMS,
            seats=5,
            auto_renew=False,
            next_lifecycle=datetime(2027, 6, 1, tzinfo=UTC),
            owner_type="Organization",
        ),
    ),
    role_assignments=(RoleAssignment(principal_id=user_id("admin"), role="global-administrator"),),
)

PASSWORD = "Correct-horse-7-battery"  # noqa: S105  of nobody


class Clock:
    """A clock that stands still but for the pauses that are made."""

    def __init__(self):
        self.now = NOW
        self.pauses = []

    def __call__(self):
        """Return the time."""
        return self.now

    def seconds(self):
        """Return the time as a number."""
        return self.now.timestamp()

    def sleep(self, seconds):
        """Let time pass."""
        self.pauses.append(seconds)
        self.now += timedelta(seconds=seconds)


class Time:
    """Seconds that pass only where somebody sleeps."""

    def __init__(self):
        self.now = 1000.0
        self.pauses = []

    def __call__(self):
        """Return the seconds."""
        return self.now

    def sleep(self, seconds):
        """Let time pass."""
        self.pauses.append(seconds)
        self.now += seconds


def fill(home, state=STATE):
    """Put a state into a sandbox whose clock stands still."""
    home.mkdir(exist_ok=True)
    snapshot.write(state, home / "state.json")
    sandbox.load(home, home / "state.json", clock=lambda: NOW)
    return home


def in_process(home, clock=lambda: NOW, group_delay=timedelta(0)):
    app = sandbox.app(home, clock=clock, group_delay=group_delay)
    return httpx.WSGITransport(app=app, raise_app_exceptions=False)


def directory(transport, *, url="https://tenant.example", token="sandbox", **options):  # noqa: S107
    time = options.pop("time", None) or Time()
    return Directory(
        base_url=f"{url}/v1.0",
        commerce_url=f"{url}/commerce/v1",
        token=token if callable(token) else lambda: token,
        transport=transport,
        jitter=lambda: 1.0,
        **{"sleep": time.sleep, "clock": time, **options},
    )


class Server:
    """The sandbox as a process of its own, on a port of this computer."""

    def __init__(self, home):
        code = (
            "import sys; from pathlib import Path; from reconciler import sandbox;"
            "sandbox.serve(Path(sys.argv[1]), 0, on_ready=lambda url: print(url, flush=True))"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True
        )
        self.url = self._process.stdout.readline().strip()

    def close(self):
        """End the process."""
        self._process.terminate()
        self._process.wait(timeout=20)
        self._process.stdout.close()


class Wire(httpx.BaseTransport):
    """Passes requests on, counts them, and does what a test tells it to on the way.

    `before` and `after` are called with the request (and the answer): what they return is the answer,
    what they raise is raised. `commits` counts the writes that the tenant carried out, by method and path.
    """

    def __init__(self, inner):
        self.inner = inner
        self.requests = []
        self.commits = []
        self.before = lambda request: None
        self.after = lambda request, response: response
        self._lock = threading.Lock()

    def handle_request(self, request):
        """Pass one request on."""
        request.read()
        with self._lock:
            self.requests.append(request)
        short = self.before(request)
        if short is not None:
            return short
        response = self.inner.handle_request(request)
        response.read()
        with self._lock:
            self._count(request, response)
        return self.after(request, response)

    def _count(self, request, response):
        if request.url.path.endswith("/$batch") and response.status_code == 200:
            asked = {each["id"]: each for each in json.loads(request.content)["requests"]}
            for each in response.json()["responses"]:
                call = asked[each["id"]]
                if call["method"] != "GET" and each["status"] < 300:
                    self.commits.append(f"{call['method']} {call['url']}")
        elif request.method != "GET" and response.is_success:
            self.commits.append(f"{request.method} {request.url.path}")


# ---------------------------------------------------------------- changes, as a plan makes them


def ref(person):
    return UserRef(id=person.id, upn=person.upn, name=person.name)


def _licence(sku_id, *disabled):
    return License(sku=sku_id, sku_id=sku_id, name=sku_id, disabled_plans=disabled)


def _row(sku_id, *disabled, by=None):
    return {"sku_id": sku_id, "disabled_plans": sorted(disabled), "assigned_by": by}


def of(name):
    return next(each for each in STATE.users if each.upn == f"{name}@contoso.com")


def create(name="frank", **values):
    upn = f"{name}@contoso.com"
    after = {"upn": upn, "name": name.title(), "usage_location": "NL", "department": "Sales", **values}
    return Change(
        address=f"users/{upn}",
        kind="create-user",
        user=UserRef(id=None, upn=upn, name=name.title()),
        before={},
        after=after,
    )


def restore():
    gone = STATE.deleted_users[0]
    return Change(
        address=f"users/{gone.upn}/restore",
        kind="restore-user",
        user=ref(gone),
        before={"deleted": True, "name": gone.name, "assignments": assignments_of(gone)},
        after={"deleted": False},
    )


def update(name="anna", **after):
    person = of(name)
    after = after or {"department": "Marketing", "job_title": "Buyer"}
    return Change(
        address=f"users/{person.upn}/profile",
        kind="update-user",
        user=ref(person),
        before={key: getattr(person, key) for key in after},
        after=after,
    )


def licences(name="anna", *, assign=(), revoke=(), modify=(), after):
    person = of(name)
    same = {"usage_location": person.usage_location, "enabled": person.enabled}
    return Change(
        address=f"users/{person.upn}/licenses",
        kind="set-licenses",
        user=ref(person),
        assign=tuple(assign),
        revoke=tuple(revoke),
        modify=tuple(modify),
        before={"assignments": assignments_of(person), **same},
        after={"assignments": list(after), **same},
    )


def swap():
    return licences(assign=[_licence(EMS)], revoke=[_licence(E3)], after=[_row(EMS)])


def switch_on():
    return licences(modify=[_licence(E3)], after=[_row(E3)])


def switch_off(plan):
    return licences(modify=[_licence(E3, plan)], after=[_row(E3, plan)])


def take(name="admin", sku_id=EMS):
    return licences(name, assign=[_licence(sku_id)], after=[_row(sku_id)])


def give_back(name="anna", sku_id=E3):
    return licences(name, revoke=[_licence(sku_id)], after=[])


def delete(name="dirk"):
    person = of(name)
    return Change(
        address=f"users/{person.upn}",
        kind="delete-user",
        user=ref(person),
        before={"deleted": False, "enabled": person.enabled, "assignments": assignments_of(person)},
        after={"deleted": True},
    )


def buy(sku_id=E3, part_number="ENTERPRISEPACK", before=5, after=8):
    return Change(
        address=f"subscriptions/{part_number}/seats",
        kind="buy-seats",
        sku=SkuRef(sku=part_number, sku_id=sku_id, name=part_number),
        before={"seats": before},
        after={"seats": after},
    )


def renew():
    return Change(
        address="subscriptions/EMS/auto-renew",
        kind="set-auto-renew",
        sku=SkuRef(sku="EMS", sku_id=EMS, name="EMS"),
        before={"auto_renew": False},
        after={"auto_renew": True},
    )


# ---------------------------------------------------------------- changes of the group Sales, or of another

SALES = GroupRef(id=GROUP, name="Sales")


def _given(*rows):
    return [{"sku_id": sku_id, "disabled_plans": list(off)} for sku_id, *off in sorted(rows)]


def group_licences(assign=(E3,), revoke=(), modify=(), *, state=STATE, group=SALES, gains=(), loses=()):
    """Give the group some SKUs, take some, or set the plans of some: `modify` holds (SKU id, plans off)."""
    now = next(each for each in state.groups if each.id == group.id)
    held = {a.sku_id: a.disabled_plans for a in now.assignments}
    wanted = {sku_id: off for sku_id, off in held.items() if sku_id not in revoke}
    wanted |= dict.fromkeys(assign, ()) | {sku_id: (off,) for sku_id, off in modify}
    members = [each for each in state.users if each.id in now.members]
    return Change(
        address=f"groups/{group.name}/licenses",
        kind="set-group-licenses",
        group=group,
        assign=tuple(_licence(each) for each in assign),
        revoke=tuple(_licence(each) for each in revoke),
        modify=tuple(_licence(sku_id, off) for sku_id, off in modify),
        before={
            "assignments": _given(*((sku_id, *off) for sku_id, off in held.items())),
            "members": {each.id: fingerprint(each.assignments) for each in members},
        },
        after={"assignments": _given(*((sku_id, *off) for sku_id, off in wanted.items()))},
        members=tuple(MemberEffect(user=ref(each), gains=gains, loses=loses) for each in members),
    )


def _membership(kind, name, before, after, group):
    person = of(name)
    return Change(
        address=f"groups/{group.name}/members/{person.upn}",
        kind=kind,
        user=ref(person),
        group=group,
        before={"member": kind == "remove-member", "assignments": before},
        after={"member": kind == "add-member", "assignments": after},
    )


def join(name="anna", *skus, group=SALES):
    """Put a user into the group, which gives `skus` (EMS where nothing is said)."""
    held = assignments_of(of(name))
    given = [_row(sku_id, by=group.id) for sku_id in skus or (EMS,)]
    after = sorted([*held, *given], key=lambda row: (row["sku_id"], row["assigned_by"] or ""))
    return _membership("add-member", name, held, after, group)


def leave(name="bram", *, group=SALES):
    """Take a user out of the group."""
    held = assignments_of(of(name))
    return _membership(
        "remove-member", name, held, [row for row in held if row["assigned_by"] != group.id], group
    )
