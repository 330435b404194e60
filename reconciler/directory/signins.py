"""When did users last sign in?

A pass of its own over all users, in pages of 500, and only where somebody asks: it takes a permission
that plans don't need, and a tenant without Entra ID P1 refuses it whole. Nothing is concluded from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reconciler.directory import graph, wire
from reconciler.directory.wire import Page
from reconciler.model import SignIn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.directory.transport import Transport

LINK = "/users?$select=id,signInActivity&$top=500"
NO_PREMIUM = "authentication_requestfromnonpremiumtenantorb2ctenant"
"""Graph's code where the tenant has no Entra ID P1, in lower case."""

_NEVER = SignIn()
_PAGE = msgspec.json.Decoder(Page[wire.SignedIn])


def read(transport: Transport) -> Mapping[str, SignIn]:
    """Return user id → sign-ins, empty ones where none is on record. Raises DirectoryError."""
    return dict(transport.listing(LINK, _PAGE, _pairs))


def _pairs(rows: Iterable[wire.SignedIn]) -> Iterator[tuple[str, SignIn]]:
    for row in rows:
        told = row.sign_in_activity
        yield row.id.lower(), graph.sign_in(told) if told else _NEVER
