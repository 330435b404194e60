"""Which tenant is this, and which domains are its own?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.sandbox import fault

if TYPE_CHECKING:
    import sqlite3


def organization(db: sqlite3.Connection) -> dict[str, Any]:
    """Return the tenant as Graph's organization."""
    found: dict[str, Any] = json.loads(
        db.execute("SELECT value FROM tenant WHERE key = 'organization'").fetchone()[0]
    )
    return {
        "id": found["id"].lower(),
        "displayName": found.get("displayName"),
        "countryLetterCode": found.get("countryLetterCode"),
        "verifiedDomains": [_domain(each) for each in found.get("verifiedDomains", ())],
    }


def domain_kind(db: sqlite3.Connection, upn: str) -> str:
    """Return "Managed" or "Federated" for the domain of a UPN; raises Fault where it is not verified."""
    wanted = upn.rpartition("@")[2].lower()
    for each in organization(db)["verifiedDomains"]:
        if str(each["name"]).lower() == wanted:
            return str(each["type"])
    raise fault.refused(
        "The domain portion of the userPrincipalName property is invalid. You must use one of the verified"
        " domain names in your organization."
    )


def _domain(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "capabilities": told.get("capabilities") or "Email, OfficeCommunicationsOnline",
        "isDefault": bool(told.get("isDefault")),
        "isInitial": bool(told.get("isInitial")),
        "name": told.get("name"),
        "type": told.get("type") or "Managed",
    }
