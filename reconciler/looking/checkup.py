"""What did `doctor` find out: which tenant, who acts there, by which way, and what is wrong?

Data, filled in as far as it could be found; the sentences are made in report.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from reconciler.errors import ReconcilerError
    from reconciler.looking.permissions import Diagnosis, Kind
    from reconciler.model import Actor, Organization, TenantRef


@dataclass(slots=True, kw_only=True)
class Checkup:
    """What was found out; None where it could not be, and in the sandbox what only a sign-in has.

    `tried` are ways to sign in: {method, reason, names, what}, reason "" for the one that is used.
    `signed_into` is the id of the tenant that the token is for. `actor` is who it stands for; roles are known
    only where the tenant `confirmed` it. `in_token` are names of roles in the token. `skew` is how far this
    computer's clock is ahead.
    """

    tenant: TenantRef
    organization: Organization | None = None
    graph: str | None = None
    method: str | None = None
    tried: list[dict[str, Any]] = field(default_factory=list)
    expires: datetime | None = None
    signed_into: str | None = None
    actor: Actor | None = None
    confirmed: bool = False
    kind: Kind = "user"
    in_token: tuple[str, ...] | None = None
    skew: timedelta | None = None
    diagnosis: Diagnosis | None = None
    errors: list[ReconcilerError] = field(default_factory=list)
    warnings: list[ReconcilerError] = field(default_factory=list)
