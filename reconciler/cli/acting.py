"""What is said where `--as` names nobody who can act in the sandbox?

The sandbox answers as Microsoft Graph does: 401, for a token that means no user. Whoever typed a name
wrong must learn that, and the name that was probably meant. Nothing else is caught here.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.errors import DirectoryError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconciler.directory import Directory
    from reconciler.model import User


@contextmanager
def open_as(upn: str | None, directory: Directory, anybody: Callable[[], Directory]) -> Iterator[Directory]:
    """Open and close `directory`, in which `upn` acts; None: whoever acts where nobody is named.

    `anybody` opens the same tenant for that one, to look up whom a wrong name may mean. Raises
    UsageError: "unknown-actor" {upn, nearest}, "blocked-actor" {upn}; Graph's own words are its cause.
    """
    try:
        with directory:
            yield directory
    except DirectoryError as refused:
        if upn is None or refused.code != "unauthorized":
            raise
        failure = _failure(upn, anybody)
        if failure is None:
            raise
        raise failure from refused


def _failure(upn: str, anybody: Callable[[], Directory]) -> UsageError | None:
    """Return why nobody can act as `upn`; None where that is not known."""
    try:
        with anybody() as directory:
            users = directory.read().users
    except DirectoryError:  # not even the default actor may look
        return None
    user = next((user for user in users if user.upn == upn), None)
    if user is None:
        return UsageError("unknown-actor", upn=upn, nearest=_nearest(upn, users))
    return None if user.enabled is not False else UsageError("blocked-actor", upn=upn)


def _nearest(upn: str, users: Sequence[User]) -> str | None:
    """Return the UPN that was probably meant: in a domain that is right, by what stands before the @."""
    from reconciler.config.nearest import nearest

    local, _, domain = upn.partition("@")
    there = [one.upn.partition("@")[0] for one in users if one.upn.partition("@")[2] == domain]
    if there:
        found = nearest(local, tuple(there))
        return f"{found}@{domain}" if found else None
    return nearest(upn, tuple(one.upn for one in users))
