"""What does an access token say of whoever it was given to?

Microsoft calls Graph's tokens opaque: what is read here is a hint, for naming the actor and for asking
the directory about the right object. Nothing is verified, nothing is trusted, and a token that can't be
read says nothing. Graph alone decides what a token may do.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.model import Value

if TYPE_CHECKING:
    from collections.abc import Iterable


class Claims(Value, frozen=True, kw_only=True):
    """What a token tells; None, or empty, where it tells nothing.

    `roles` are application permissions, `scopes` those that a user has delegated, `wids` template ids of
    directory roles held in the whole tenant when the token was made.
    """

    tenant: str | None = None
    object_id: str | None = None
    app_id: str | None = None
    app_name: str | None = None
    upn: str | None = None
    audience: str | None = None
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None
    wids: tuple[str, ...] = ()
    expires: datetime | None = None
    is_application: bool | None = None


def read(token: str) -> Claims | None:
    """Return what a token tells, or None where it is opaque."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004  header, claims and signature
        return None
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        told = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeEncodeError, msgspec.DecodeError, RecursionError, ValueError):
        return None
    if not isinstance(told, dict):
        return None
    scopes = tuple(sorted(_text(told, "scp", "").split())) if "scp" in told else None
    roles = _texts(told.get("roles"))
    return Claims(
        tenant=_text(told, "tid"),
        object_id=_text(told, "oid"),
        app_id=_text(told, "appid") or _text(told, "azp"),
        app_name=_text(told, "app_displayname"),
        upn=_text(told, "upn") or _text(told, "preferred_username") or _text(told, "unique_name"),
        audience=_text(told, "aud"),
        roles=roles,
        scopes=scopes,
        wids=_texts(told.get("wids")),
        expires=_instant(told.get("exp")),
        is_application=_is_application(told.get("idtyp"), roles, scopes),
    )


def _is_application(kind: object, roles: tuple[str, ...], scopes: tuple[str, ...] | None) -> bool | None:
    """Tell whether the token is an application's own; None where it does not tell."""
    if kind in ("app", "user"):
        return kind == "app"
    if scopes is not None:
        return False
    return True if roles else None


def _text(told: dict[str, Any], name: str, default: Any = None) -> Any:  # noqa: ANN401  str or the default
    value = told.get(name)
    return value if isinstance(value, str) and value else default


def _texts(values: object) -> tuple[str, ...]:
    found: Iterable[object] = values if isinstance(values, list) else ()
    return tuple(sorted({value for value in found if isinstance(value, str)}))


def _instant(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None
