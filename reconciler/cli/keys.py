"""Which keys sign plans, which are trusted, and where does a signature lie?

The files of keys and signatures, and nothing but them: what a signature is, plan_signing says.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from reconciler.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reconciler.plan_signing import PrivateKey, PublicKey, Signature

MOST_BYTES = 65_536
"""No key and no signature is larger."""

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def to_sign_with(path: Path) -> PrivateKey:
    """Return the private key in a PEM file that nobody but its owner may use; raises UsageError."""
    from reconciler import plan_signing

    pem = _read(path)
    # Windows keeps no such bits; who may read a file there stands in its access list.
    if os.name != "nt" and (mode := stat.S_IMODE(path.stat().st_mode)) & OTHERS:
        raise UsageError("bad-key", path=str(path), wanted="private", reason="open", mode=f"{mode:04o}")
    return plan_signing.private_key(pem, str(path))


def to_verify_with(paths: Sequence[Path]) -> tuple[PublicKey, ...]:
    """Return the public keys in PEM files; raises UsageError."""
    from reconciler import plan_signing

    return tuple(plan_signing.public_key(_read(path), str(path)) for path in paths)


def beside(plan: Path) -> Path:
    """Return where the signature of a saved plan lies."""
    return plan.with_name(f"{plan.name}.sig")


def signature(plan: Path) -> Signature | None:
    """Return the signature of a saved plan, or None where there is none.

    Raises RefusedError where the file that should be one is not.
    """
    from reconciler import plan_signing

    path = beside(plan)
    if not path.exists():
        return None
    found = plan_signing.parse(_read(path).decode(errors="replace"))
    if found is None:
        raise RefusedError("bad-signature", path=str(plan), file=str(path))
    return found


def verify(plan: Path, text: str, keys: Sequence[PublicKey]) -> str:
    """Return the id of the key that signed the saved plan; raises RefusedError where none of `keys` did."""
    from reconciler import plan_signing

    found = signature(plan)
    if found is None:
        raise RefusedError("unsigned-plan", path=str(plan), file=str(beside(plan)))
    return plan_signing.verify(text, found, keys, str(plan))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise UsageError("unreadable-file", path=str(path), reason=error.strerror or str(error)) from error
