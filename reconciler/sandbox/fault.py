"""How does Graph say no?

Every refusal of the sandbox is a Fault: status, code and message as the service spells them (a client
tells licence errors apart by the English message only). This module words them and decides nothing.
"""

from __future__ import annotations

BAD_REQUEST = "Request_BadRequest"


class Fault(Exception):
    """An answer other than success; `details` are Graph's {code, message, target} objects."""

    def __init__(
        self, status: int, code: str, message: str, *, details: tuple[dict[str, str], ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details


def refused(message: str) -> Fault:
    """Return the 400 of the directory: the request is understood and against its rules."""
    return Fault(400, BAD_REQUEST, message)


def malformed(message: str) -> Fault:
    """Return the 400 of the protocol: the request itself is wrong."""
    return Fault(400, "BadRequest", message)


def unsupported_query(message: str) -> Fault:
    """Return the 400 for a query option that is known, but not offered here."""
    return Fault(400, "Request_UnsupportedQuery", message)


def unreadable() -> Fault:
    """Return the 400 for a body that is not JSON."""
    return malformed(
        "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of"
        " valid JSON format."
    )


def wrong_type(edm_type: str) -> Fault:
    """Return the 400 for a value of another type than `edm_type` (such as "Guid")."""
    return refused(
        f"Cannot convert a primitive value to the expected type 'Edm.{edm_type}'. See the inner exception"
        " for more details"
    )


def invalid_value(name: str, resource: str = "User") -> Fault:
    """Return the 400 for a property (of a user, else of `resource`) that breaks a rule of its own."""
    return refused(f"Invalid value specified for property '{name}' of resource '{resource}'.")


def conflict(name: str) -> Fault:
    """Return the 400 for a value of property `name` that another object holds."""
    message = f"Another object with the same value for property {name} already exists."
    detail = {"code": "ObjectConflict", "message": message, "target": name}
    return Fault(400, BAD_REQUEST, message, details=(detail,))


def synced() -> Fault:
    """Return the 400 for an object that is mastered on-premises."""
    return refused(
        "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects"
        " currently undergoing migration."
    )


def no_segment(segment: str) -> Fault:
    """Return the 400 for a path that the service does not know."""
    return malformed(f"Resource not found for the segment '{segment}'.")


def not_found(key: str) -> Fault:
    """Return the 404 for an object that is not there."""
    message = (
        f"Resource '{key}' does not exist or one of its queried reference-property objects are not present."
    )
    return Fault(404, "Request_ResourceNotFound", message)


def no_premium() -> Fault:
    """Return the 403 for what only a tenant with Entra ID P1 tells."""
    message = "Neither tenant is B2C or tenant doesn't have premium license"
    return Fault(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", message)


def no_mailbox() -> Fault:
    """Return the 404 for the mailbox of a user who has none that is in use."""
    message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
    return Fault(404, "MailboxNotEnabledForRESTAPI", message)


def denied() -> Fault:
    """Return the 403 for an actor whose roles don't allow the call."""
    return Fault(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def unauthenticated(message: str) -> Fault:
    """Return the 401 for a token that is missing or names nobody."""
    return Fault(401, "InvalidAuthenticationToken", message)
