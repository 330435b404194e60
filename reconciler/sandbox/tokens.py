"""Whom does a bearer token mean, where it is a JSON Web Token as Microsoft Entra makes them?

Its claims are taken as they stand: the sandbox checks no signature, since it protects nothing. What an
honest client can get wrong is refused as Graph refuses it: the audience, and a token that has expired.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.sandbox import fault

if TYPE_CHECKING:
    from datetime import datetime

AUDIENCES = (
    "00000003-0000-0000-c000-000000000000",
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
)
"""Microsoft Graph's names, by one of which a token says that it is for Graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """What a token says: the key of a user (id or UPN), or the id of an application's service principal.

    `scopes` is None where the token names none: the user's roles are not bounded then.
    """

    key: str
    tenant: str | None
    is_application: bool
    permissions: tuple[str, ...]
    scopes: tuple[str, ...] | None
    templates: tuple[str, ...]


def read(token: str, now: datetime) -> Bearer | None:
    """Return what a JSON Web Token says, None where it is none. Raises Fault (401) for one past its time."""
    told = _claims(token)
    if told is None:
        return None
    audience = told.get("aud", AUDIENCES[0])
    if not isinstance(audience, str) or audience.rstrip("/") not in AUDIENCES:
        raise fault.unauthenticated("Access token validation failure. Invalid audience.")
    expires = told.get("exp")
    if isinstance(expires, (int, float)) and expires <= now.timestamp():
        raise fault.unauthenticated("Lifetime validation failed, the token is expired.")
    permissions = _texts(told.get("roles"))
    scopes = tuple(told["scp"].split()) if isinstance(told.get("scp"), str) else None
    is_application = told.get("idtyp") == "app" or bool(permissions and scopes is None)
    key = told.get("oid") or (told.get("appid") if is_application else told.get("upn")) or ""
    return Bearer(
        key=str(key).lower(),
        tenant=told.get("tid"),
        is_application=is_application,
        permissions=permissions if is_application else (),
        scopes=None if is_application else scopes,
        templates=_texts(told.get("wids")),
    )


def _claims(token: str) -> dict[str, Any] | None:
    """Return the middle part of three, an object; None for any other text."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004  header, claims and signature
        return None
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        told = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, RecursionError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def _texts(values: object) -> tuple[str, ...]:
    return tuple(each for each in values if isinstance(each, str)) if isinstance(values, list) else ()
