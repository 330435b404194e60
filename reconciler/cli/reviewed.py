"""Is this file the plan that was reviewed, and may it still be carried out?

What a saved plan must be before any tenant is asked: as it was written, signed where that is asked
for, and not carried out before. What the tenant and the actor allow, apply's approval decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from reconciler.journal import Run
    from reconciler.plan import Plan


class Reviewed(NamedTuple):
    """A saved plan, its digest, and the id of the key that signed it where that was asked for."""

    plan: Plan
    digest: str
    signed_by: str | None = None


def read(path: Path, verify_with: Sequence[Path] = ()) -> Reviewed:
    """Return the plan in a file.

    Raises UsageError where it is no plan or a key is none, and RefusedError where it is not as it was
    written ("altered-plan") or none of the keys signed it.
    """
    from reconciler.cli import keys
    from reconciler.report import document

    trusted = keys.to_verify_with(verify_with)
    saved = document.read(path)
    fault = document.fault(saved)
    if fault is not None:
        why = {} if fault == "digest" else {"fault": fault, "version": saved.plan.tool_version}
        raise RefusedError("altered-plan", path=str(path), **why)
    signed_by = keys.verify(path, document.dumps(saved.document), trusted) if trusted else None
    return Reviewed(saved.plan, saved.document["digest"], signed_by)


def unspent(plan: Reviewed, runs: Iterable[Run]) -> None:
    """Raise RefusedError("spent-plan") where a run has begun to carry this plan out.

    A run that was killed or interrupted is finished by resuming it; what another one left undone is for
    a new plan to find: the tenant has moved on with that very run.
    """
    from reconciler.report.results import counted

    for run in runs:
        if run.start.plan_digest != plan.digest:
            continue
        finished = run.end is not None and not run.end.interrupted
        raise RefusedError(
            "spent-plan",
            run=run.id,
            at=f"{run.start.time:%Y-%m-%dT%H:%M:%SZ}",
            finished=finished,
            whole=finished and run.end is not None and run.end.exit_code == 0,
            counts=counted(run.end.counts) if run.end else None,
        )
