"""Why did the tenant refuse a write?

Graph answers every refused licence with Request_BadRequest: only its English text tells which rule
it was. This is the one place that reads that text; what it does not know stays as it is, under a
code of its own.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.directory.exchange import Answer
    from reconciler.plan import Kind

UNKNOWN_LICENCE_ERROR = "unknown-licence-error"
NO_LOCATION = "no-usage-location"
NOT_THERE = "not-found"
QUOTA = "quota-exceeded"

LICENCE_TEXTS: tuple[tuple[str, str], ...] = (
    ("invalid usage location", NO_LOCATION),
    ("does not have any available licenses", "no-seats"),
    ("licenses left", "no-seats"),
    ("are mutually exclusive", "exclusive-plans"),
    ("depends on the service plan", "missing-dependency"),
    ("inherited from a group membership", "inherited"),
    ("does not correspond to a valid company license", "unknown-sku"),
    ("cannot be assigned to a user", "not-assignable"),
    ("does not have a corresponding license", "not-held"),
    ("proxy address is already being used", "address-taken"),
    ("uniquenessviolation", "address-taken"),
    ("'edm.guid'", "malformed-request"),
    ("addlicenses", "malformed-request"),
    ("removelicenses", "malformed-request"),
)
"""A part of Graph's text, in lower case → our code (facts: error catalogue of assignLicense)."""

MEMBER_TEXTS: tuple[tuple[str, str], ...] = (
    ("added object references already exist", "already-member"),
    ("not a valid reference", NOT_THERE),
)
"""The same for a reference to a member; a user made just now is not yet known everywhere."""

USER_TEXTS: tuple[tuple[str, str], ...] = (
    ("another object with the same value", "already-exists"),
    ("password complexity", "weak-password"),
    ("verified domain names", "unverified-domain"),
    ("'mailnickname'", "invalid-name"),
    ("property userprincipalname is invalid", "invalid-name"),
    ("on-premises mastered", "synced-user"),
)
"""The same for a user who is made, restored, changed or deleted."""

_TEXTS = {
    "set-licenses": LICENCE_TEXTS,
    "set-group-licenses": LICENCE_TEXTS,
    "add-member": MEMBER_TEXTS,
    "remove-member": MEMBER_TEXTS,
}
_BY_STATUS = {
    401: "unauthorized",
    403: "forbidden",
    404: NOT_THERE,
    409: "conflict",
    412: "conflict",
    423: "locked",
    429: "throttled",
    507: QUOTA,
}


def code_for(kind: Kind, answer: Answer) -> str:
    """Return the stable code of a write that was refused."""
    fault = answer.fault
    if fault.code.lower() == "directory_quotaexceeded":
        return QUOTA
    if answer.status != HTTPStatus.BAD_REQUEST:
        return _BY_STATUS.get(answer.status, "rejected")
    if any(detail.code == "ObjectConflict" for detail in fault.details):
        return "already-exists"
    text = fault.message.lower()
    unknown = UNKNOWN_LICENCE_ERROR if kind in ("set-licenses", "set-group-licenses") else "rejected"
    return next((code for part, code in _TEXTS.get(kind, USER_TEXTS) if part in text), unknown)


def concurrent(answer: Answer) -> bool:
    """Tell whether the tenant was busy with the same object: nothing else is wrong then."""
    fault = answer.fault.code
    return answer.status == HTTPStatus.CONFLICT and fault.lower() == "directory_concurrencyviolation"
