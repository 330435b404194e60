"""What more is a live tenant asked than a plan needs, where a command shows it?

Each of these may be refused, and that is an answer: the command says so and goes on. What a refusal means
is told by its code; anything else that goes wrong is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.directory import Directory
    from reconciler.directory.audit import Audited
    from reconciler.looking.recoverable import Log
    from reconciler.looking.users import Told
    from reconciler.model import Current, TenantRef


def with_sign_ins(directory: Directory, current: Current) -> tuple[Current, Told]:
    """Return the state with everybody's last sign-ins, as far as the tenant tells them."""
    from reconciler.directory.signins import NO_PREMIUM

    try:
        found = directory.sign_ins()
    except DirectoryError as error:
        if error.code != "forbidden":
            raise
        premium = str(error.params.get("graph_code")).lower() != NO_PREMIUM
        return current, "forbidden" if premium else "no-premium"
    users = tuple(msgspec.structs.replace(user, sign_in=found.get(user.id)) for user in current.users)
    return msgspec.structs.replace(current, users=users), "told"


def audited(directory: Directory, tenant: TenantRef, since: datetime) -> tuple[Audited | None, Log]:
    """Return what the tenant's audit log tells since then, where it may be read."""
    if tenant.cloud == "china":
        return None, "cloud"
    try:
        return directory.audit(since), "read"
    except DirectoryError as error:
        if error.code == "forbidden":
            return None, "forbidden"
        if error.code in ("not-found", "rejected", "incomplete-read"):
            return None, "unavailable"
        raise


def saved_sign_ins(current: Current) -> tuple[Current, Told]:
    """Return the state of a snapshot; where it holds sign-ins, who has none never signed in."""
    from reconciler.model import SignIn

    if not any(user.sign_in for user in current.users):
        return current, "not-told"
    users = tuple(msgspec.structs.replace(user, sign_in=user.sign_in or SignIn()) for user in current.users)
    return msgspec.structs.replace(current, users=users), "told"
