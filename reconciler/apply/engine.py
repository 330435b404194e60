"""How do the ready changes of a plan reach the tenant, each at most once and on record?

The shell around Schedule and expectation: batches of 20, several in flight. Before a batch is sent
its objects are read again and its intents are on the disk; after it, its results are. At the end the
tenant is asked to show what it accepted. It carries out what the plan holds and nothing else, re-sends
nothing, and prints nothing.
"""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from reconciler.apply.aside import take_off, waiting
from reconciler.apply.confirming import Watcher, confirm
from reconciler.apply.credentials import generate
from reconciler.apply.expectation import alone, carried
from reconciler.apply.jobs import Job, asking_id, intent_of, outcome_of, result_of, verdict_on
from reconciler.apply.result import UNCERTAIN, Result, Run
from reconciler.apply.resuming import LAG, NOTHING, Former, decide
from reconciler.apply.schedule import Schedule
from reconciler.apply.turns import Turns
from reconciler.directory import Write
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.apply.credentials import Credentials
    from reconciler.apply.result import Status
    from reconciler.directory import Outcome
    from reconciler.errors import RefusedError
    from reconciler.journal import Journal
    from reconciler.plan import Change, Plan

BATCH = 20
"""What Graph takes in one $batch."""


class Carrier(Watcher, Protocol):
    """What apply needs of reconciler.directory.Directory."""

    def ready(self, count: int, stop: Callable[[], bool]) -> None:
        """Wait until so many writes may be sent, or it is to stop."""

    def carry_out(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Send at most 20 writes, each on an object of its own."""


def run(  # noqa: PLR0913  what a run is made of, and who is told
    plan: Plan,
    directory: Carrier,
    journal: Journal,
    *,
    buy: bool = False,
    parallelism: int = 4,
    canary: int = 0,
    on_result: Callable[[Result], None],
    on_wait: Callable[[int], None] = lambda _: None,
    credentials: Credentials | None = None,
    stop: threading.Event | None = None,
    former: Former = NOTHING,
    refused: RefusedError | None = None,
) -> Run:
    """Carry out the ready changes of an approved plan and return what came of every change.

    The journal's run must have begun; it is ended here. `on_result` is called from this thread, in the
    order of events, and must not raise. With `canary` so many changes are made first; the rest follows
    only where all of these were carried out and the tenant shows them. Once `stop` is set nothing more is
    sent; what is in flight is waited for. An error that ends the run early is in the result, not raised:
    what was written must be told. `former` is what is known of a run that goes on; where its plan was
    `refused` meanwhile, what was in doubt is settled by looking, and nothing is sent.
    """
    engine = _Engine(plan, directory, journal, on_result, on_wait, credentials, stop or threading.Event())
    engine.take_up(former, refused, buy=buy)
    return engine.run(parallelism=parallelism, canary=canary)


class _Engine:
    """One run. Everything but `_send` happens in the caller's thread."""

    def __init__(
        self,
        plan: Plan,
        directory: Carrier,
        journal: Journal,
        on_result: Callable[[Result], None],
        on_wait: Callable[[int], None],
        credentials: Credentials | None,
        stop: threading.Event,
    ) -> None:
        self._plan = plan
        self._directory = directory
        self._journal = journal
        self._on_result = on_result
        self._on_wait = on_wait
        self._credentials = credentials
        self._stop = stop
        self._schedule = Schedule(plan.changes)
        self._turns = Turns(plan.changes)
        self._results: dict[str, Result] = {}
        self._carried: dict[str, dict[str, Any]] = {}
        self._ids: dict[str, str] = {}
        self._sent: dict[str, Change] = {}
        self._written: set[str] = set()  # UPNs whose licences or fields this run has moved
        self._taken: set[str] = set()
        self._most: int | None = None  # so many may be taken for now: the canary
        self._sick = False  # one of them was not carried out, or is not shown
        self._confirmed: set[str] = set()
        self._error: BaseException | None = None

    def take_up(self, former: Former, refused: RefusedError | None, *, buy: bool) -> None:
        """Settle what will not be tried, what was done before, and what is in doubt since."""
        self._error = refused
        self._set_aside(buy=buy)
        for change in self._plan.changes:
            if result := former.done.get(change.address):
                self._note(change, result)
                self._schedule.pass_over(change.address)
                self._results[change.address] = result
        self._confirmed.update(former.verified)
        doubtful = [self._job(change) for change in self._schedule.left() if change.address in former.doubts]
        if doubtful:
            until = max(former.doubts[job.change.address] for job in doubtful) + LAG
            lags = self._plan.tenant.provider != "sandbox"  # in this very process nothing shows late
            self._settle(
                decide(
                    doubtful,
                    self._directory,
                    self._ids,
                    lambda _: lags and not self._stop.is_set() and self._journal.clock() < until,
                )
            )

    def run(self, *, parallelism: int, canary: int) -> Run:
        for most in (canary, None) if canary else (None,):
            self._most = most
            self._carry_out(parallelism)
            self._confirm()
            if most:
                self._sick = not all(self._results[address].carried for address in self._taken)
        return self._end()

    def _carry_out(self, parallelism: int) -> None:
        """Make as many changes as may be made, several batches in flight."""
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

    # ------------------------------------------------------------ before

    def _set_aside(self, *, buy: bool) -> None:
        """Settle what will not be tried."""
        results = take_off(self._plan, self._schedule, buy=buy)
        self._results |= {result.address: result for result in results}
        self._tell(results)

    def _next(self) -> list[Change]:
        """Return the changes of the next batch; none once the run is to stop."""
        if self._stop.is_set() or self._error or self._sick:
            return []
        room = BATCH if self._most is None else self._most - len(self._taken)
        batch = self._schedule.take(min(BATCH, room))
        self._taken.update(change.address for change in batch)
        return batch

    def _job(self, change: Change) -> Job:
        user, apart = change.user, self._turns.apart(change, self._ids.values())
        if user is None:
            return Job(change, None, apart)
        now = alone(change, self._carried.get(user.upn, {}))
        return Job(now, user.id or self._ids.get(user.upn), apart, user.upn in self._written)

    # ------------------------------------------------------------ in flight (other threads)

    def _send(self, jobs: list[Job]) -> list[Result]:
        """Read again, compare, put the intents on the disk, send; return what came of each change."""
        self._directory.ready(len(jobs), self._stop.is_set)
        if self._stop.is_set():
            return [result_of(job.change, "skipped", code="interrupted") for job in jobs]
        verdicts = self._verdicts(jobs)
        results = [verdict for verdict in verdicts.values() if verdict]
        writing = [job for job in jobs if not verdicts[job.change.address]]
        return [*results, *self._write(writing)] if writing else results

    def _verdicts(self, jobs: list[Job]) -> dict[str, Result | None]:
        """Return address → the result of a change that must not be written, or None.

        An object to which this run wrote a moment ago may be shown as it was before: it gets time.
        """
        ids = {job.change.user.upn: job.user_id for job in jobs if job.change.user and job.user_id}
        seen = self._directory.observe([asking_id(job.change) for job in jobs], ids)
        found = {job.change.address: verdict_on(job, seen.get(job.change.address)) for job in jobs}
        late = {
            job.change.address: job for job in jobs if job.written and _is_stale(found[job.change.address])
        }
        if late:
            changes = [asking_id(job.change) for job in late.values()]
            shown = self._directory.watch(
                changes,
                ids,
                lambda change, values: not _is_stale(verdict_on(late[change.address], values)),
                go_on=lambda _: not self._stop.is_set(),
            )
            found |= {address: verdict_on(late[address], values) for address, values in shown.items()}
        return found

    def _write(self, jobs: list[Job]) -> list[Result]:
        changes = {job.change.address: job.change for job in jobs}
        passwords = self._passwords(changes.values())
        self._journal.intend(map(intent_of, changes.values()))
        self._sent |= changes
        outcomes = self._directory.carry_out(
            [
                Write(change=job.change, user_id=job.user_id, password=passwords.get(job.change.address))
                for job in jobs
            ]
        )
        return [outcome_of(changes[outcome.address], outcome, self._credentials) for outcome in outcomes]

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

    # ------------------------------------------------------------ after

    def _land(self, batch: Sequence[Change], future: Future[list[Result]]) -> None:
        """Take note of what came of a batch. Where that was lost, a write may have happened."""
        error = future.exception()
        results = [] if error else future.result()
        if error:
            self._fail(error)
        told = {result.address for result in results}
        results += [self._lost(change, error) for change in batch if change.address not in told]
        self._settle(results)

    def _settle(self, results: Sequence[Result]) -> None:
        """Take note of how changes ended, and of what that means for those that wait for them."""
        skipped: list[Result] = []
        for result in results:
            self._note(self._schedule.change(result.address), result)
            dropped = self._schedule.settle(result.address, carried=result.carried)
            skipped += waiting(dropped, on=result.address, status=result.status)
        self._results |= {result.address: result for result in (*results, *skipped)}
        self._tell([*results, *skipped])

    def _note(self, change: Change, result: Result) -> None:
        """Take note of what a change that was carried out brings to the others."""
        if not result.carried:
            return
        self._sent.setdefault(change.address, change)
        self._written.update(member.user.upn for member in change.members)
        if change.user:
            self._written.add(change.user.upn)
            self._carried.setdefault(change.user.upn, {}).update(carried(change))
            if result.user_id:
                self._ids[change.user.upn] = result.user_id

    def _lost(self, change: Change, error: BaseException | None) -> Result:
        """Return the result of a change whose batch ended without telling it."""
        status: Status = "unknown" if change.address in self._sent else "failed"
        return result_of(change, status, code=_code(error) if error else "no-answer")

    def _tell(self, results: Sequence[Result]) -> None:
        """Put results on the disk, then tell the caller."""
        if results:
            self._try(lambda: self._journal.record(map(msgspec.structs.asdict, results)))
        for result in results:
            self._on_result(result)

    def _confirm(self) -> None:
        """Let the tenant show what it accepted, within a bound; what it does not show is unsettled."""
        done = [
            self._sent[address]
            for address, each in self._results.items()
            if each.status == "done" and address not in self._confirmed
        ]
        self._confirmed.update(change.address for change in done)
        if self._error:
            return
        try:
            looked = confirm(done, self._directory, self._ids, on_wait=self._on_wait, stop=self._stop)
        except ReconcilerError as error:
            self._fail(error)
            return
        results = [
            msgspec.structs.replace(self._results[change.address], status="unsettled", code="not-shown")
            for change in looked.late
        ]
        self._results |= {result.address: result for result in results}
        self._tell(results)
        self._try(lambda: self._journal.verify(change.address for change in looked.shown))

    def _end(self) -> Run:
        left = self._schedule.left()
        interrupted = self._stop.is_set() and (
            bool(left) or any(result.code == "interrupted" for result in self._results.values())
        )
        if interrupted:
            code, params = "interrupted", {}
        elif self._error:
            code, params = "run-ended", {"because": _code(self._error)}
        elif self._sick:
            code, params = "canary", {}
        else:
            code, params = "waits-in-circle", {}
        rest = [result_of(change, "skipped", code=code, params=params) for change in left]
        self._results |= {result.address: result for result in rest}
        self._tell(rest)
        created = {
            result.address
            for result in self._results.values()
            if result.kind == "create-user" and result.status in ("done", *UNCERTAIN)
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


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, ReconcilerError) else "internal-error"


def _is_stale(verdict: Result | None) -> bool:
    return verdict is not None and verdict.status == "stale"
