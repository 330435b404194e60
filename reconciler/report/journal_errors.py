"""What is said of a journal that can't be used, of runs in it, and of locks? One function per code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.phrases import Facts, instant, listing

if TYPE_CHECKING:
    from collections.abc import Callable


def _path(f: Facts) -> str:
    return f.text("path")


def _reason(f: Facts) -> str:
    """Return why, as the operating system said it: no capital, no full stop."""
    text = f.text("reason")
    return f"{text[:1].lower()}{text[1:]}".rstrip(".")


def _unreadable(f: Facts) -> str:
    return f"the journal {_path(f)} can't be read: {_reason(f)}."


def _unwritable(f: Facts) -> str:
    return (
        f"the journal {_path(f)} can't be written: {_reason(f)}. "
        "Nothing is written to the tenant that the journal can't record: make the file and its folder "
        "writable, or let RECONCILER_HOME name another folder."
    )


def _unreachable(f: Facts) -> str:
    return (
        f"the journal at {_path(f)} can't be used: {f.text('reason')}. Nothing is written to the tenant that "
        "the journal can't record. Check the URL, and the credentials for the storage in the environment."
    )


def _broken(f: Facts) -> str:
    what = {
        "altered": "it does not follow from the line before: one of the two was changed, or something was "
        "put in or taken out between them",
        "unlinked": "it has no link to the line before, as all lines have from the first on that has one",
    }
    return (
        f"{_path(f)}:{f.number('line')}: the journal's chain is broken here: "
        f"{what.get(f.text('reason'), f.text('reason'))}. Nothing that relies on it goes on. "
        "`reconciler history` shows what can be read. Find out who changed the file, or put a copy of it "
        "back; to begin a new one, move it away: rules, guard rails and deadlines then know no earlier run."
    )


def _url(f: Facts) -> str:
    return (
        f"{f.text('url')} (`--journal`) names no place for a journal: give a path, or s3://BUCKET/FOLDER, "
        "az://CONTAINER/FOLDER, gs://BUCKET/FOLDER or file:///FOLDER."
    )


def _extra(f: Facts) -> str:
    return (
        f"a journal at {f.text('url')} takes the library obstore, which is not installed. "
        "Install it with `pip install 'reconciler[shared]'`."
    )


def _no_such_run(f: Facts) -> str:
    runs = f.names("runs")
    known = f"The latest is {runs[-1]}." if runs else "There is no run yet."
    return f"the journal has no run {f.text('run')}. {known} `reconciler history` lists all."


def _several_runs(f: Facts) -> str:
    return f"{f.text('run')} is the beginning of several runs: {listing(f.names('runs'))}. Type more of it."


def _run_elsewhere(f: Facts) -> str:
    return (
        f"run {f.text('run')} was on another tenant ({f.text('domain')}), and this is {f.text('tenant')}: "
        "what it did is undone there."
    )


def _nothing_to_resume(f: Facts) -> str:
    if not f.has("run"):
        return f"there is no run to go on with: {_path(f)} has none. `reconciler apply` begins one."
    return (
        f"there is no run to go on with: run {f.text('run')}, the last one, came to its end. "
        "`reconciler plan` shows what the tenant holds now."
    )


def _plan_not_kept(f: Facts) -> str:
    return (
        f"run {f.text('run')} can't go on: its plan is no longer beside the journal, or is not the plan that "
        "was approved. `reconciler plan` shows what is left to do; `reconciler apply` does it."
    )


def _other_plan(f: Facts) -> str:
    return (
        f"{_path(f)} is not the plan of run {f.text('run')}. Nothing was written. Name that plan, or none: "
        "it is kept beside the journal."
    )


def _locked(f: Facts) -> str:
    if not f.has("holder"):
        return "another apply is at work here. Nothing was written. Wait until it ends, then plan again."
    return (
        f"another apply (process {f.text('process')} on {f.text('host')}) is at work here since "
        f"{instant(f.text('since'))}. Nothing was written. Wait until it ends, then plan again. "
        f"If it is gone for certain, `--break-lock {f.text('holder')}` takes its lock; at "
        f"{instant(f.text('until'))} the lock is free by itself, unless its holder goes on."
    )


def _lock_lost(f: Facts) -> str:
    who = (
        f"another apply (process {f.text('process')} on {f.text('host')}) took the lock at "
        f"{instant(f.text('since'))}"
        if f.has("holder")
        else f"somebody removed the lock {_path(f)}"
    )
    return f"{who}; this one writes nothing more. `reconciler history` shows both runs."


USAGE: dict[str, Callable[[Facts], str]] = {
    "journal-broken": _broken,
    "journal-extra": _extra,
    "journal-unreachable": _unreachable,
    "journal-unreadable": _unreadable,
    "journal-unwritable": _unwritable,
    "journal-url": _url,
    "no-such-run": _no_such_run,
    "nothing-to-resume": _nothing_to_resume,
    "plan-not-kept": _plan_not_kept,
    "run-elsewhere": _run_elsewhere,
    "several-runs": _several_runs,
}
"""Code of a UsageError → what is said of it."""

REFUSED: dict[str, Callable[[Facts], str]] = {
    "lock-lost": _lock_lost,
    "locked": _locked,
    "other-plan": _other_plan,
}
"""Code of a RefusedError → what is said of it."""
