"""How do the ready changes of a plan reach the tenant, each at most once and on record?

The shell around Schedule and expectation: batches of 20, several in flight. Before a batch is sent
its objects are read again and its intents are on the disk; after it, its results are. It carries out
what the plan holds and nothing else, re-sends nothing, and prints nothing.
"""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from reconciler.apply.credentials import generate
from reconciler.apply.expectation import alone, carried, judge, moved
from reconciler.apply.result import Result, Run
from reconciler.apply.schedule import Schedule
from reconciler.apply.turns import Apart, Turns
from reconciler.directory import Write
from reconciler.errors import ReconcilerError
from reconciler.journal import Member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reconciler.apply.credentials import Credentials
    from reconciler.apply.result import Status
    from reconciler.directory import Outcome
    from reconciler.journal import Journal
    from reconciler.plan import Change, Plan

BATCH = 20
"""What Graph takes in one $batch."""


class Carrier(Protocol):
    """What apply needs of reconciler.directory.Directory."""

    def observe(
        self, changes: Sequence[Change], ids: Mapping[str, str]
    ) -> Mapping[str, dict[str, Any] | None]:
        """Read the objects of changes again."""

    def carry_out(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Send at most 20 writes, each on an object of its own."""


class Job(NamedTuple):
    """A change that may be sent now, its `before` as of now; the id of its user, if there is one.

    `apart` is what this run may have moved itself: it is not compared.
    """

    change: Change
    user_id: str | None
    apart: Apart


def run(
    plan: Plan,
    directory: Carrier,
    journal: Journal,
    *,
    buy: bool = False,
    parallelism: int = 4,
    on_result: Callable[[Result], None],
    credentials: Credentials | None = None,
    stop: threading.Event | None = None,
) -> Run:
    """Carry out the ready changes of an approved plan and return what came of every change.

    The journal's run must have begun; it is ended here. `on_result` is called from this thread, in
    the order of events, and must not raise. Once `stop` is set nothing more is sent; what is in
    flight is waited for. An error that ends the run early is in the result, not raised: what was
    written must be told.
    """
    return _Engine(plan, directory, journal, on_result, credentials, stop or threading.Event()).run(
        buy=buy, parallelism=parallelism
    )


def aside(plan: Plan, *, buy: bool) -> tuple[Result, ...]:
    """Return what a run of this plan will not try, and why: nothing is read or sent for it.

    Blocked changes, purchases without leave, and every change that waits for one of them.
    """
    return tuple(_aside(plan, Schedule(plan.changes), buy=buy))


class _Engine:
    """One run. Everything but `_send` happens in the caller's thread."""

    def __init__(
        self,
        plan: Plan,
        directory: Carrier,
        journal: Journal,
        on_result: Callable[[Result], None],
        credentials: Credentials | None,
        stop: threading.Event,
    ) -> None:
        self._plan = plan
        self._directory = directory
        self._journal = journal
        self._on_result = on_result
        self._credentials = credentials
        self._stop = stop
        self._schedule = Schedule(plan.changes)
        self._turns = Turns(plan.changes)
        self._results: dict[str, Result] = {}
        self._carried: dict[str, dict[str, Any]] = {}
        self._ids: dict[str, str] = {}
        self._intended: set[str] = set()
        self._error: BaseException | None = None

    def run(self, *, buy: bool, parallelism: int) -> Run:
        self._set_aside(buy=buy)
        flying: dict[Future[list[Result]], list[Change]] = {}
        with ThreadPoolExecutor(parallelism, thread_name_prefix="apply") as pool:
            while True:
                while len(flying) < parallelism and (batch := self._next()):
                    flying[pool.submit(self._send, [self._job(change) for change in batch])] = batch
                if not flying:
                    break
                landed, _ = wait(flying, return_when=FIRST_COMPLETED)
                for future in landed:
                    self._land(flying.pop(future), future)
        return self._end()

    # ------------------------------------------------------------ before

    def _set_aside(self, *, buy: bool) -> None:
        """Settle what will not be tried."""
        results = _aside(self._plan, self._schedule, buy=buy)
        self._results |= {result.address: result for result in results}
        self._tell(results)

    def _next(self) -> list[Change]:
        """Return the changes of the next batch; none once the run is to stop."""
        return [] if self._stop.is_set() or self._error else self._schedule.take(BATCH)

    def _job(self, change: Change) -> Job:
        user, apart = change.user, self._turns.apart(change, self._ids.values())
        if user is None:
            return Job(change, None, apart)
        return Job(alone(change, self._carried.get(user.upn, {})), user.id or self._ids.get(user.upn), apart)

    # ------------------------------------------------------------ in flight (other threads)

    def _send(self, jobs: list[Job]) -> list[Result]:
        """Read again, compare, put the intents on the disk, send; return what came of each change."""
        ids = {job.change.user.upn: job.user_id for job in jobs if job.change.user and job.user_id}
        seen = self._directory.observe([_asking_id(job.change) for job in jobs], ids)
        results: list[Result] = []
        writing: list[Job] = []
        for job in jobs:
            verdict = _verdict(job, seen.get(job.change.address))
            if verdict:
                results.append(verdict)
            else:
                writing.append(job)
        return [*results, *self._write(writing)] if writing else results

    def _write(self, jobs: list[Job]) -> list[Result]:
        changes = {job.change.address: job.change for job in jobs}
        passwords = self._passwords(changes.values())
        self._journal.intend(map(_intent, changes.values()))
        self._intended.update(changes)
        outcomes = self._directory.carry_out(
            [
                Write(change=job.change, user_id=job.user_id, password=passwords.get(job.change.address))
                for job in jobs
            ]
        )
        return [self._outcome(changes[outcome.address], outcome) for outcome in outcomes]

    def _passwords(self, changes: Iterable[Change]) -> dict[str, str]:
        """Return a new password by address for each user to be created, kept where it was asked for."""
        addresses = {
            change.user.upn: change.address
            for change in changes
            if change.user and change.kind == "create-user"
        }
        fresh = (
            self._credentials.issue(addresses)
            if self._credentials
            else {upn: generate() for upn in addresses}
        )
        return {addresses[upn]: password for upn, password in fresh.items()}

    def _outcome(self, change: Change, outcome: Outcome) -> Result:
        code, params = outcome.code, dict(outcome.params)
        if outcome.message:
            params["message"] = outcome.message
        if change.kind == "create-user" and outcome.status == "done":
            code, params = "password-not-kept", {}
            if self._credentials:
                code, params = "password-kept", {"file": str(self._credentials.path)}
        return _result(
            change,
            outcome.status,
            code=code,
            params=params,
            user_id=outcome.user_id or (change.user.id if change.user else None),
            request_id=outcome.request_id,
            client_request_id=outcome.client_request_id,
            http_status=outcome.http_status,
        )

    # ------------------------------------------------------------ after

    def _land(self, batch: Sequence[Change], future: Future[list[Result]]) -> None:
        """Take note of what came of a batch. Where that was lost, a write may have happened."""
        error = future.exception()
        results = [] if error else future.result()
        if error:
            self._fail(error)
        told = {result.address for result in results}
        results += [self._lost(change, error) for change in batch if change.address not in told]
        skipped: list[Result] = []
        for result in results:
            change = self._schedule.change(result.address)
            if result.carried and change.user:
                self._carried.setdefault(change.user.upn, {}).update(carried(change))
                if result.user_id:
                    self._ids[change.user.upn] = result.user_id
            dropped = self._schedule.settle(result.address, carried=result.carried)
            skipped += _skipped(dropped, on=result.address, status=result.status)
        self._results |= {result.address: result for result in (*results, *skipped)}
        self._tell([*results, *skipped])

    def _lost(self, change: Change, error: BaseException | None) -> Result:
        """Return the result of a change whose batch ended without telling it."""
        status: Status = "unknown" if change.address in self._intended else "failed"
        return _result(change, status, code=_code(error) if error else "no-answer")

    def _tell(self, results: Sequence[Result]) -> None:
        """Put results on the disk, then tell the caller."""
        if results:
            self._try(lambda: self._journal.record(map(msgspec.structs.asdict, results)))
        for result in results:
            self._on_result(result)

    def _end(self) -> Run:
        left = self._schedule.left()
        interrupted = self._stop.is_set() and bool(left)
        if interrupted:
            code, params = "interrupted", {}
        elif self._error:
            code, params = "run-ended", {"because": _code(self._error)}
        else:
            code, params = "waits-in-circle", {}
        rest = [_result(change, "skipped", code=code, params=params) for change in left]
        self._results |= {result.address: result for result in rest}
        self._tell(rest)
        created = {
            result.address
            for result in self._results.values()
            if result.kind == "create-user" and result.status in ("done", "unknown")
        }
        if self._credentials:
            self._credentials.keep(
                {
                    change.user.upn
                    for change in self._plan.changes
                    if change.user and change.address in created
                }
            )
        ended = self._ended(interrupted=interrupted)
        self._try(
            lambda: self._journal.end(
                counts=ended.counts, exit_code=ended.exit_code, interrupted=ended.interrupted
            )
        )
        return self._ended(interrupted=interrupted)

    def _ended(self, *, interrupted: bool) -> Run:
        return Run(
            id=self._journal.run,
            results=tuple(self._results[change.address] for change in self._plan.changes),
            interrupted=interrupted,
            error=self._error,
        )

    def _try(self, write: Callable[[], None]) -> None:
        """Write to the journal; where that fails nothing more is sent, and what was done is still told."""
        try:
            write()
        except ReconcilerError as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or error


def _intent(change: Change) -> dict[str, Any]:
    """Return what the journal is told before a write.

    What members of a group hold is told by what they gain and lose, and not by fingerprints as well.
    """
    ids = {one.sku: one.sku_id for part in (change.assign, change.revoke, change.modify) for one in part}

    def known(skus: Iterable[str]) -> tuple[str, ...]:
        return tuple(ids[sku] for sku in skus if sku in ids)

    return {
        "address": change.address,
        "kind": change.kind,
        "user": change.user,
        "group": change.group,
        "members": tuple(
            Member(id=one.user.id, upn=one.user.upn, gains=known(one.gains), loses=known(one.loses))
            for one in change.members
            if one.user.id
        ),
        "before": {key: value for key, value in change.before.items() if key != "members"},
        "after": change.after,
    }


def _verdict(job: Job, seen: dict[str, Any] | None) -> Result | None:
    """Return the result of a change that must not be written, or None."""
    change = job.apart.of(job.change)
    if seen is None:
        return _result(change, "failed", code="unreadable")
    names = _names(change) | seen.get("upns", {})
    seen = job.apart.less(seen)
    user_id = job.user_id
    if change.kind == "create-user":
        user_id = seen.pop("id", None)
    verdict = judge(change, seen)
    if verdict == "moved":
        code = ("moved" if seen else "gone") if change.before else "exists"
        return _result(change, "stale", code=code, params={"moved": moved(change.before, seen, names)})
    return _result(change, "already-done", user_id=user_id) if verdict == "already" else None


def _names(change: Change) -> dict[str, str]:
    """Return id → UPN of those members of a group whom the plan names."""
    return {one.user.id: one.user.upn for one in change.members if one.user.id}


def _asking_id(change: Change) -> Change:
    """Return a change that also asks under which id a user to be created may be there already."""
    if change.kind != "create-user":
        return change
    return msgspec.structs.replace(change, after={**change.after, "id": None})


def _aside(plan: Plan, schedule: Schedule, *, buy: bool) -> list[Result]:
    """Take what will not be tried off the schedule; return its results."""
    results = []
    for change in plan.changes:
        if not change.ready:
            roles = [] if change.permitted else list(change.roles)
            results.append(_result(change, "blocked", params={"by": list(change.blocked_by), "roles": roles}))
        elif change.buys and not buy:
            results.append(_result(change, "left-out", code="needs-buy"))
    told = {result.address for result in results}
    causes: list[tuple[str, str]] = [(result.address, result.status) for result in results]
    causes += [(address, "missing") for address in schedule.unknown()]
    for address, status in causes:
        dropped = [change for change in schedule.drop(address) if change.address not in told]
        results += _skipped(dropped, on=address, status=status)
    return results


def _skipped(changes: Iterable[Change], *, on: str, status: str) -> list[Result]:
    """Return the results of changes that wait for one that was not carried out."""
    return [
        _result(change, "skipped", code="waits", params={"on": on, "status": status}) for change in changes
    ]


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, ReconcilerError) else "internal-error"


def _result(change: Change, status: Status, **fields: Any) -> Result:
    return Result(address=change.address, kind=change.kind, status=status, **fields)
