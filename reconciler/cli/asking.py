"""What more is a live tenant asked than a plan needs, where a command shows it?

Each of these may be refused, and that is an answer: the command says so and goes on. What a refusal means
is told by its code; anything else that goes wrong is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from reconciler.directory import Directory
    from reconciler.directory.audit import Audited
    from reconciler.directory.usage import Use
    from reconciler.looking.recoverable import Log
    from reconciler.looking.users import Told
    from reconciler.model import Current, Desired, Mailbox, TenantRef
    from reconciler.model_state import UsageReport
    from reconciler.plan import Plan


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


def with_mailboxes_of(
    directory: Directory,
    tenant: TenantRef,
    plan: Plan,
    desired: Desired,
    current: Current,
    asked: Collection[str] = (),
) -> Current:
    """Return the state with what is known of the mailboxes that a plan takes or makes smaller.

    It is the same one where that is nothing new: then the plan stands. The report of sizes is read only
    where one of the mailboxes is a shared one. `asked` are ids of users whose mailboxes the state tells.
    """
    from reconciler.planning import mailboxes

    concerned = mailboxes.concerned(plan, current)
    known = {row.user_id: row for row in current.mailboxes or ()}
    wanted = set(concerned).difference(known, asked)
    found = directory.mailboxes(wanted) if wanted else ()
    rows = (*known.values(), *found)
    shared = {row.user_id for row in rows if row.purpose not in mailboxes.PLAIN}.intersection(concerned)
    if not shared and not (found and desired.mailboxes):
        return current
    report: UsageReport | None = None
    if shared:
        uses, report = _usage(directory, tenant)
        upns = {user.id: user.upn for user in current.users}
        rows = tuple(_sized(row, uses.get(upns.get(row.user_id, ""))) for row in rows)
    return msgspec.structs.replace(
        current, mailboxes=tuple(sorted(rows, key=lambda row: row.user_id)), usage_report=report
    )


def _usage(directory: Directory, tenant: TenantRef) -> tuple[Mapping[str, Use], UsageReport]:
    if tenant.cloud != "global":
        return {}, "cloud"
    try:
        usage = directory.mailbox_usage()
    except DirectoryError as error:
        return {}, "forbidden" if error.code == "forbidden" else "unavailable"
    return ({}, "concealed") if usage.concealed else (usage.mailboxes, "read")


def _sized(row: Mailbox, use: Use | None) -> Mailbox:
    if use is None:
        return row
    return msgspec.structs.replace(row, bytes=use.bytes, has_archive=use.has_archive)


def saved_sign_ins(current: Current) -> tuple[Current, Told]:
    """Return the state of a snapshot; where it holds sign-ins, who has none never signed in."""
    from reconciler.model import SignIn

    if not any(user.sign_in for user in current.users):
        return current, "not-told"
    users = tuple(msgspec.structs.replace(user, sign_in=user.sign_in or SignIn()) for user in current.users)
    return msgspec.structs.replace(current, users=users), "told"
