"""A sandbox of one random tenant, and what the laws need to ask of it: plan, write, look, count."""

import json
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import msgspec

from reconciler import apply, catalog, config, journal, sandbox
from reconciler.apply.credentials import generate
from reconciler.directory import Directory, Outcome, Write
from reconciler.model import Current, Options
from reconciler.plan import Change, Plan
from reconciler.planning import make_plan


def frozen() -> datetime:
    """Return the moment at which everything begins."""
    return datetime(2026, 11, 24, 2, tzinfo=UTC)


@dataclass
class Clock:
    """The tenant's clock and the journal's: it stands still until it is set."""

    now: datetime = field(default_factory=frozen)

    def __call__(self) -> datetime:
        """Return what it shows."""
        return self.now


class Recorder(httpx.BaseTransport):
    """Passes requests on and keeps every single write, those inside a batch included."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.writes: list[tuple[str, str, Any]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Note what is written, then ask the tenant."""
        body = json.loads(request.content) if request.content else None
        path = request.url.path.removeprefix("/v1.0")
        single = [{"method": request.method, "url": path, "body": body}]
        for item in body["requests"] if path == "/$batch" else single:
            if item["method"] != "GET":
                self.writes.append((item["method"], item["url"].lstrip("/"), item.get("body")))
        return self.inner.handle_request(request)


@dataclass
class Bench:
    """A tenant under test and the file that declares its desired state."""

    home: Path
    directory: Directory
    recorder: Recorder
    clock: Clock = field(default_factory=Clock)
    options: dict[str, Any] = field(default_factory=dict)

    def declare(self, document: dict[str, Any]) -> None:
        """Write the desired state (JSON is YAML)."""
        (self.home / "tenant.yaml").write_text(json.dumps(document), encoding="utf-8")

    def plan(self, planner: Callable[..., Plan] = make_plan) -> Plan:
        """Plan against the tenant as it is now, with what earlier runs remember."""
        facts = catalog.load()
        with chdir(self.home):
            document = config.read([Path("tenant.yaml")])
        current = self.directory.read(document.named_groups)
        path = journal.path_in(self.home)
        remembered = journal.remembered(path, current.organization.id)
        current = msgspec.structs.replace(current, remembered=remembered)
        desired = config.resolve(document, current.skus, facts)
        options = Options(now=current.taken_at, **self.options)
        return planner(desired, current, self.directory.actor(), facts, options)

    def apply(self, plan: Plan) -> apply.Run:
        """Carry out a plan as the command does, journal included."""
        with journal.Journal(journal.path_in(self.home), clock=self.clock) as record:
            record.begin(
                tool_version=plan.tool_version,
                plan_digest="sha256:0",
                desired_digest=plan.desired_digest,
                tenant=plan.tenant,
                actor=plan.actor,
                options={},
                changes=len(plan.ready),
                memory=plan.memory,
            )
            return apply.run(plan, self.directory, record, on_result=lambda _: None)

    def write(self, change: Change, ids: dict[str, str]) -> Outcome:
        """Carry out one change; `ids` collects whom this run creates."""
        user = change.user
        target = None if user is None else user.id or ids.get(user.upn)
        (outcome,) = self.directory.carry_out([Write(change=change, user_id=target, password=generate())])
        if user and outcome.user_id:
            ids[user.upn] = outcome.user_id
        return outcome


@contextmanager
def bench(
    snapshot: dict[str, Any],
    document: dict[str, Any],
    actor: str = "sandbox",
    *,
    over: Callable[[httpx.BaseTransport], httpx.BaseTransport] = lambda inner: inner,
) -> Iterator[Bench]:
    """Load a tenant into a sandbox of its own; `actor` is who asks, `over` lies around the way there."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "state.json").write_text(json.dumps(snapshot), encoding="utf-8")
        clock = Clock()
        sandbox.load(home, home / "state.json", clock=clock)
        inner = httpx.WSGITransport(app=sandbox.app(home, clock=clock), raise_app_exceptions=False)
        recorder = Recorder(over(inner))
        with Directory(
            base_url="https://sandbox.invalid/v1.0",
            commerce_url="https://sandbox.invalid/commerce/v1",
            token=lambda: actor,
            transport=recorder,
        ) as directory:
            made = Bench(home, directory, recorder, clock)
            made.declare(document)
            yield made


def runnable(plan: Plan) -> list[Change]:
    """Return the ready changes that spend no money, and nothing that waits for money."""
    left: set[str] = set()
    chosen = []
    for change in plan.ready:
        if change.buys or left.intersection(change.depends_on):
            left.add(change.address)
        else:
            chosen.append(change)
    return chosen


def any_order(changes: list[Change], choose) -> Iterator[Change]:
    """Yield changes in an order that respects `depends_on`; `choose` picks among those that may go."""
    rest, done = list(changes), set()
    while rest:
        able = [change for change in rest if done.issuperset(change.depends_on)]
        change = choose(able)
        rest.remove(change)
        yield change
        done.add(change.address)


def seats(current: Current) -> dict[str, tuple[int, int]]:
    """Return SKU id → (owned, in use)."""
    return {sku.id: (sku.enabled + sku.warning, sku.consumed) for sku in current.skus}


def services(current: Current) -> dict[str, frozenset[str]]:
    """Return user id → ids of the service plans that are on, over all sources."""
    plans = {sku.id: {plan.id for plan in sku.plans} for sku in current.skus}
    return {
        user.id: frozenset().union(
            *(plans[a.sku_id].difference(a.disabled_plans) for a in user.assignments if a.active)
        )
        for user in current.users
    }


def canonical(plan: Plan) -> bytes:
    """Return a plan as bytes."""
    return msgspec.json.encode(plan)
