"""How does an approved plan get carried out?

Shows the plan, obtains consent, carries it out with apply.run, and tells what came of each change.
It decides nothing about the plan: apply's approval does, and the plan itself.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

import reconciler
from reconciler.cli import consent, options, output, resuming, reviewed, session, stopping, trusted
from reconciler.cli.commands import Command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from reconciler import apply as applying
    from reconciler.directory import Directory
    from reconciler.journal import Journal, Run
    from reconciler.model import Provider
    from reconciler.plan import Plan

OF_A_PLAN = ("files", "targets", "use_grace", "base_ref", "guardrails", "catalog")
"""Options that decide what a plan holds: a saved one is carried out as it is, or not at all."""

OF_A_START = ("partial", "accept_data_loss", "allow", "buy", "canary", "verify_with", *OF_A_PLAN)
"""Options that a run has from its start: when it goes on, it has them still."""

BATCHES = 4
"""Batches of writes in flight at once where nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line says about applying."""

    partial: bool
    auto_approve: bool
    accept_data_loss: bool
    allow: tuple[str, ...]
    buy: bool
    credentials_out: Path | None
    canary: int | None
    parallelism: int
    as_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A plan that may be applied, its document's digest, who signed it, and who and where we are."""

    plan: Plan
    digest: str
    live: applying.Live
    saved: bool
    signed_by: str | None = None


@click.command(
    cls=Command,
    examples=[
        ("reconciler apply", "plan, show the plan, ask, carry it out"),
        ("reconciler apply plan.json", "carry out exactly a plan that was reviewed"),
        ("reconciler apply plan.json --verify-with plan-key.pub.pem", "only if that key signed it"),
        (
            "reconciler apply plan.json --auto-approve --partial",
            "in a pipeline; blocked changes are left out",
        ),
        ("reconciler apply --buy", "buy the seats and set the renewals that tenant.yaml declares, too"),
        ("reconciler apply --resume", "finish a run that was killed or interrupted"),
        ("reconciler apply --credentials-out new.csv", "keep the first passwords of users that are created"),
    ],
)
@click.argument("path", type=options.PATH, metavar="[PLAN]", required=False)
@options.file
@options.connection
@options.targets
@options.use_grace
@options.allow
@options.base_ref
@options.guardrails
@options.catalog
@options.verify_with
@click.option("--partial", is_flag=True, help="Go on although some changes are blocked; they are left out.")
@click.option("--auto-approve", is_flag=True, help="Don't ask.")
@click.option(
    "--accept-data-loss", is_flag=True, help="With --auto-approve and no PLAN: let mailboxes and users go."
)
@click.option(
    "--canary",
    type=options.Whole(1, 1000),
    metavar="N",
    help="Make N changes first; go on only when the tenant shows them all.",
)
@click.option("--buy", is_flag=True, help="Carry out changes that spend money, too.")
@click.option(
    "--credentials-out",
    type=options.PATH,
    metavar="FILE",
    help="Write the first passwords of created users to this new file; nobody else may read it.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Finish the last run, if it was killed or interrupted, with its plan and under its flags.",
)
@click.option(
    "--break-lock",
    metavar="HOLDER",
    help="Take the lock from this holder, whom the refusal names: only where that apply is gone for good.",
)
@options.as_json
def command(
    *,
    path: Path | None,
    connection: session.Connection,
    resume: bool,
    break_lock: str | None,
    **given: Any,
) -> int:
    """Carry out the ready changes of a plan.

    With PLAN, exactly that reviewed plan, once; without, a plan made now, as `plan` makes it. Asks first.
    Each object is read again just before its write; what moved since the plan is left alone and told.
    With --resume, what a run that was stopped left undone: what was done is skipped, and a write that was
    on its way is looked at before anything is sent.

    Exits with 0 where everything was done, 3 where the plan was refused and nothing was written, 4
    where it was done in part, 5 where the outcome of a write is unknown or the tenant does not show it,
    130 where it was interrupted.
    """
    if resume and any(given[name] for name in OF_A_START):
        raise click.UsageError(
            "--resume goes on with the plan and under the flags of the run's start: beside it stand "
            "--credentials-out, --journal and how to reach the tenant."
        )
    verify_with = given.pop("verify_with")
    made = {name: given.pop(name) for name in OF_A_PLAN}
    flags = Flags(parallelism=connection.parallelism or BATCHES, **given)
    if path is not None and any(value for name, value in made.items() if name != "guardrails"):
        raise click.UsageError(
            "a saved plan is carried out as it is: --file, --target, --use-grace, --base-ref and --catalog "
            "belong to `reconciler plan`."
        )
    if path is None and verify_with:
        raise click.UsageError("--verify-with takes a saved plan: name the file that was signed.")
    # What is wrong with a file is told before anything is made in this folder.
    if path is None and not resume:
        session.files(made["files"])
    saved = None if path is None else reviewed.read(path, verify_with)
    if saved is not None and made["guardrails"]:
        trusted.bind(saved.plan, made["guardrails"])
    from reconciler import journal

    clock = _Clock()
    with contextlib.ExitStack() as stack:
        place = session.journal_of(connection)
        log = stack.enter_context(journal.Journal(place, clock=clock.now, breaking=break_lock))
        runs = journal.runs(place)
        if resume:
            unfinished = resuming.last(place, runs, saved)
            proposed, directory = _open(unfinished.saved, connection, stack)
            clock.set(proposed.live.now)
            return resuming.go_on(unfinished, proposed, directory, log, flags)
        if saved is not None:
            reviewed.unspent(saved, runs)
        _tell_of_a_kill(runs)
        if saved is None:
            request = session.Request(connection=connection, allow=flags.allow, writes=True, **made)
            proposed, directory = _make(request, stack)
        else:
            proposed, directory = _open(saved, connection, stack)
        clock.set(proposed.live.now)
        return _apply(proposed, directory, log, flags)


def _tell_of_a_kill(runs: Sequence[Run]) -> None:
    """Say so where the last run here did not come to its end: some of its writes may have happened."""
    last = next(reversed(runs), None)
    if last and last.end is None:
        unsettled = output.count(len(last.unsettled), "write")
        output.warning(
            f"run {output.shown(last.id)} was killed, with {unsettled} on the way: `reconciler apply "
            "--resume` finishes it. What follows starts from what the tenant holds now."
        )


class _Clock:
    """The tenant's clock: ours, and what it was ahead when the tenant told its own."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def set(self, now: datetime) -> None:
        self._ahead = now - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead


# ------------------------------------------------------------ which plan, where


def _make(request: session.Request, stack: contextlib.ExitStack) -> tuple[Proposed, Directory]:
    """Plan now, over the very connection that the plan is applied through."""
    from reconciler.apply import Live
    from reconciler.report.document import to_document

    made, directory = stack.enter_context(session.planned(request))
    live = Live(
        tenant_id=made.current.organization.id,
        provider=made.plan.tenant.provider,
        actor=made.actor,
        now=made.current.taken_at,
    )
    digest = to_document(made.plan)["digest"]
    return Proposed(plan=made.plan, digest=digest, live=live, saved=False), directory


def _open(
    saved: reviewed.Reviewed, connection: session.Connection, stack: contextlib.ExitStack
) -> tuple[Proposed, Directory]:
    """Open a way to the tenant of a saved plan, and find out who and where we are."""
    from reconciler import journal
    from reconciler.apply import Live
    from reconciler.model import TenantRef

    plan = saved.plan
    provider: Provider = "graph" if plan.tenant.provider == "graph" else "sandbox"
    tenant = TenantRef(id=plan.tenant.id, provider=provider, cloud=plan.tenant.cloud or "global")
    directory = stack.enter_context(session.connect(tenant, connection, writes=True))
    organization, now = directory.identity()
    named = [name for name in plan.guardrails.get("protected_users", ()) if "@" not in name]
    roles, groups = directory.protections(named)
    place = session.journal_of(connection)
    session.tell_of_noise(place)
    live = Live(
        tenant_id=organization.id,
        provider=provider,
        actor=directory.actor(),
        now=now,
        roles=roles,
        groups=groups,
        deeds=journal.deeds(place, organization.id),
    )
    return Proposed(
        plan=plan, digest=saved.digest, live=live, signed_by=saved.signed_by, saved=True
    ), directory


# ------------------------------------------------------------ carrying out


def _apply(proposed: Proposed, directory: Directory, log: Journal, flags: Flags) -> int:
    from reconciler import apply as applying
    from reconciler.cli.telling import Teller
    from reconciler.report.text import render

    judged = applying.protect(applying.permit(proposed.plan, proposed.live.actor), proposed.live)
    render(judged, _error_console() if flags.as_json else None)
    allowed = applying.Consent(partial=flags.partial, buy=flags.buy, allow=frozenset(flags.allow))
    plan = applying.approve(proposed.plan, proposed.live, allowed)
    aside = applying.aside(plan, buy=flags.buy)
    teller = Teller(plan, as_json=flags.as_json)
    if len(aside) == len(plan.changes):
        run = applying.Run(id="", results=aside)
        if plan.refusals or plan.allowed or any(topic.joined or topic.left for topic in plan.memory):
            # It writes nothing, and saw something that later plans build on.
            _begin(proposed, plan, log, flags)
            log.end(counts=run.counts, exit_code=run.exit_code, interrupted=False)
            log.place.forget(log.run)
        return teller.nothing(run)
    consent.obtain(
        plan,
        applying.losses(plan),
        saved=proposed.saved,
        auto_approve=flags.auto_approve,
        accept_data_loss=flags.accept_data_loss,
    )
    applying.timely(plan, log.clock())  # a prompt may stand there overnight
    with applying.passwords(flags.credentials_out, plan) as credentials, stopping.on_signal() as stop:
        _begin(proposed, plan, log, flags)
        with teller.progress() as told:
            run = applying.run(
                plan,
                directory,
                log,
                buy=flags.buy,
                parallelism=flags.parallelism,
                canary=flags.canary or 0,
                on_result=told,
                on_wait=teller.waiting,
                credentials=credentials,
                stop=stop,
            )
    if run.whole:
        log.place.forget(run.id)
    return teller.summary(run, log)


def _error_console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def _begin(proposed: Proposed, plan: Plan, log: Journal, flags: Flags) -> None:
    """Open the run in the journal, with the plan beside it until the run has ended."""
    from reconciler.plan import ActorInfo
    from reconciler.report.document import dumps, to_document

    actor = proposed.live.actor
    log.begin(
        plan=dumps(to_document(proposed.plan)),
        tool_version=reconciler.__version__,
        plan_digest=proposed.digest,
        desired_digest=plan.desired_digest,
        tenant=plan.tenant,
        actor=ActorInfo.of(actor),
        options={
            "saved_plan": proposed.saved,
            **({"signed_by": proposed.signed_by} if proposed.signed_by else {}),
            "partial": flags.partial,
            "auto_approve": flags.auto_approve,
            "accept_data_loss": flags.accept_data_loss,
            "allow": sorted(flags.allow),
            "buy": flags.buy,
            **({"canary": flags.canary} if flags.canary else {}),
        },
        changes=len(plan.ready),
        memory=plan.memory,
    )
