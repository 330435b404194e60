"""What is said where a saved plan, its signature or a key is not what it must be?

One function per code, two tables at the end; to add a code, copy the nearest function. Those of
refusals say that nothing was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.report.phrases import Facts, instant, listing

if TYPE_CHECKING:
    from collections.abc import Callable

FAULTS = {
    "digest": "was altered after it was made (its digest does not fit)",
    "foreign": "holds what this version of reconciler does not know, and can't be obeyed in part",
    "text": "was written anew after it was made, by another program than `reconciler plan`",
}
"""What is wrong with a saved plan (document.Fault), where that needs nothing else."""


def fault(f: Facts) -> str:
    """Return what is wrong with a saved plan; the file is the subject, and no full stop ends it."""
    if f.text("fault") == "version":
        return f"was made by reconciler {f.text('version')}, and this is {__version__}"
    return FAULTS.get(f.text("fault"), FAULTS["digest"])


def _altered_plan(f: Facts) -> str:
    return (
        f"{f.text('path')} {fault(f)}. Nothing was written. "
        "Plan again, and apply the file as it was reviewed."
    )


def _expired_plan(f: Facts) -> str:
    return (
        f"the plan expired at {instant(f.text('expired_at'))}; it is now {instant(f.text('now'))}. "
        "Nothing was written. "
        "Plan again: the tenant has moved on."
    )


def _early_plan(f: Facts) -> str:
    return (
        f"the plan is for {instant(f.text('created_at'))}, and it is now {instant(f.text('now'))}. "
        "Nothing was written. Apply it when that day has come, or plan again without `--at`."
    )


def _spent_plan(f: Facts) -> str:
    run, counts = f.text("run"), f" ({f.text('counts')})" if f.has("counts") else ""
    if not f.flag("finished"):
        return (
            f"run {run} began to carry this plan out and did not come to its end{counts}. Nothing was "
            "written. Finish that run with `reconciler apply --resume`, or plan again."
        )
    left = "" if f.flag("whole") else " for what is left"
    return (
        f"this plan was carried out by run {run} of {instant(f.text('at'))}{counts}, and a plan is applied "
        f"once. Nothing was written. Plan again{left}."
    )


# ------------------------------------------------------------ signatures


def _unsigned_plan(f: Facts) -> str:
    return (
        f"{f.text('path')} is not signed: there is no {f.text('file')}. Nothing was written. "
        "Sign it where it is made (`reconciler plan --out FILE --sign-with KEY`), and carry both files over."
    )


def _foreign_signature(f: Facts) -> str:
    return (
        f"{f.text('path')} is signed by key {f.text('key')}, and trusted (`--verify-with`) "
        f"is {listing(f.names('keys'), 'or')}. Nothing was written."
    )


def _bad_signature(f: Facts) -> str:
    if f.has("file"):
        return (
            f"{f.text('file')} is not a signature that `reconciler plan --sign-with KEY` wrote. "
            "Nothing was written."
        )
    return (
        f"{f.text('path')} is not the file that key {f.text('key')} signed: the signature is of another one. "
        "Nothing was written. Take plan and signature of the same run of `reconciler plan`."
    )


# ------------------------------------------------------------ keys

_MAKE = "Make one with `openssl genpkey -algorithm ed25519 -out plan-key.pem`."
_HALF = "`openssl pkey -in plan-key.pem -pubout -out plan-key.pub.pem`"

_KEYS = {
    ("private", "encrypted"): (
        "the key {file} is encrypted, and there is nobody to ask for its passphrase. Keep it in the "
        "pipeline's store of secrets instead, and write it to a file that only the job can read."
    ),
    ("private", "open"): (
        "the key {file} can be used by others than its owner (mode {mode}), so that nobody could tell who "
        "signed. Close it with `chmod 600 {file}`."
    ),
    ("private", "public"): f"{{file}} is a public key, and signing takes the private one. {_MAKE}",
    ("private", "unreadable"): f"{{file}} is not a private key in PEM form. {_MAKE}",
    ("public", "private"): (
        "{file} is a private key, which has no place where plans are verified. "
        f"Take its public half: {_HALF}."
    ),
    (
        "public",
        "several",
    ): "{file} holds several keys; give each in a file of its own, and repeat the option.",
    (
        "public",
        "unreadable",
    ): f"{{file}} is not a public key in PEM form. Make one of a private key: {_HALF}.",
}
"""What a key was wanted for, and why it does not do → what is said of its file."""

_OTHER_KIND = f"the key {{file}} is not an Ed25519 key, and no other kind is used. {_MAKE}"


def _bad_key(f: Facts) -> str:
    told = _KEYS.get((f.text("wanted"), f.text("reason")), _OTHER_KIND)
    return told.format(file=f.text("path"), mode=f.text("mode"))


REFUSED: dict[str, Callable[[Facts], str]] = {
    "altered-plan": _altered_plan,
    "bad-signature": _bad_signature,
    "early-plan": _early_plan,
    "expired-plan": _expired_plan,
    "foreign-signature": _foreign_signature,
    "spent-plan": _spent_plan,
    "unsigned-plan": _unsigned_plan,
}
"""Code of a RefusedError → what is said of it."""

USAGE: dict[str, Callable[[Facts], str]] = {"bad-key": _bad_key}
"""Code of a UsageError → what is said of it."""
