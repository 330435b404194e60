"""How does a run of apply go on that was killed or interrupted?

With the plan that is kept beside the journal and under the flags of its start: guard rails were passed and
consent was given for exactly that. Nothing is asked again, and nothing is sent that was done. It decides
nothing about the writes that were on their way: apply's resuming does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

import reconciler
from reconciler.cli import output, stopping
from reconciler.cli.reviewed import Reviewed
from reconciler.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.apply import Consent, Former, Live
    from reconciler.cli.apply import Flags, Proposed
    from reconciler.directory import Directory
    from reconciler.journal import Journal, Place, Run
    from reconciler.plan import Plan


class Unfinished(NamedTuple):
    """A run that did not come to its end, and the plan that it carries out."""

    run: Run
    saved: Reviewed


def last(place: Place, runs: Sequence[Run], named: Reviewed | None) -> Unfinished:
    """Return the last run, if it is unfinished, with its plan: the kept one, or the `named` one.

    Raises UsageError ("nothing-to-resume", "plan-not-kept") or RefusedError ("other-plan", "altered-plan").
    """
    run = next(reversed(runs), None)
    if run is None:
        raise UsageError("nothing-to-resume", path=place.name)
    digest = run.start.plan_digest
    if named is not None:
        if named.digest != digest:
            raise RefusedError("other-plan", path="this plan", run=run.id)
        return Unfinished(run, named)
    text = place.kept(run.id)
    if text is None:
        ended = run.end is not None and not run.end.interrupted
        raise UsageError("nothing-to-resume" if ended else "plan-not-kept", path=place.name, run=run.id)
    saved = _parsed(text, f"{place.name} (run {run.id})")
    if saved.digest != digest:
        raise UsageError("plan-not-kept", path=place.name, run=run.id)
    return Unfinished(run, saved)


def _parsed(text: bytes, name: str) -> Reviewed:
    """Return a kept plan; raises as reviewed.read does."""
    from reconciler.report import document

    saved = document.parse(text.decode("utf-8", "replace"), Path(name))
    fault = document.fault(saved)
    if fault is not None:
        raise RefusedError("altered-plan", path=f"the plan kept beside {name}", fault=fault)
    return Reviewed(saved.plan, saved.document["digest"])


def go_on(
    unfinished: Unfinished, proposed: Proposed, directory: Directory, log: Journal, flags: Flags
) -> int:
    """Carry out what is left; raises RefusedError once what was in doubt is settled, where nothing may be."""
    from reconciler import apply as applying
    from reconciler.cli.telling import Teller
    from reconciler.plan import ActorInfo

    run, given = unfinished.run, unfinished.run.start.options
    former = applying.former(run)
    allowed = applying.Consent(
        partial=bool(given.get("partial")),
        buy=bool(given.get("buy")),
        allow=frozenset(given.get("allow", ())),
    )
    plan, refused = _judged(proposed.plan, proposed.live, allowed, former)
    _tell(run, former, plan)
    teller = Teller(plan, as_json=flags.as_json)
    with applying.passwords(flags.credentials_out, plan) as credentials, stopping.on_signal() as stop:
        log.resume(run.id, tool_version=reconciler.__version__, actor=ActorInfo.of(proposed.live.actor))
        with teller.progress() as told:
            ended = applying.run(
                plan,
                directory,
                log,
                buy=allowed.buy,
                parallelism=flags.parallelism,
                on_result=told,
                on_wait=teller.waiting,
                credentials=credentials,
                stop=stop,
                former=former,
                refused=refused,
            )
    if ended.whole:
        log.place.forget(run.id)
    if refused:
        raise refused
    return teller.summary(ended, log)


def _judged(plan: Plan, live: Live, allowed: Consent, former: Former) -> tuple[Plan, RefusedError | None]:
    """Return the plan as it may be carried out now, and why it may not; raises where it is not this tenant's.

    What other runs did meanwhile is nobody's: this one is the last. What it did itself, its plan counts.
    """
    from reconciler import apply as applying

    alone = msgspec.structs.replace(live, deeds=())
    try:
        return applying.approved(plan, alone, allowed, former.done), None
    except RefusedError as refused:
        if refused.code == "wrong-tenant":
            raise
        return plan, refused


def _tell(run: Run, former: Former, plan: Plan) -> None:
    """Say what goes on."""
    left = len(plan.ready) - len(former.done)
    doubts = len(former.doubts)
    output.notice(
        f"Going on with run {output.shown(run.id)}: "
        f"{output.count(len(former.done), 'change')} of {len(plan.ready)} "
        f"{'is' if len(former.done) == 1 else 'are'} done, {max(left, 0)} left"
        f"{f', {doubts} of them on the way when it was stopped' if doubts else ''}."
    )
