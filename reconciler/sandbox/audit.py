"""What does the tenant's audit log tell, of whom, how far back, and to whom?

One row for each event, as Graph's directoryAudit: a change of licences is told twice, by "Change user
license", which says nothing of what changed, and by "Update user", whose values are texts that hold JSON.
Rows are kept for 30 days in a tenant with Entra ID P1, else for 7. Nothing is changed here but the log.
"""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from reconciler import roles
from reconciler.sandbox import fault, listing, query, skus, tenant
from reconciler.sandbox.clock import parse, stamp, utc
from reconciler.sandbox.wire import Context, Reply

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from reconciler.sandbox.access import Actor
    from reconciler.sandbox.licensing import Held
    from reconciler.sandbox.resources import Snapshot

KEPT, KEPT_FREE = timedelta(days=30), timedelta(days=7)

UPDATED, LICENSED, DELETED, RESTORED, ADDED = (
    "Update user",
    "Change user license",
    "Delete user",
    "Restore user",
    "Add user",
)
_OPERATIONS = {UPDATED: "Update", LICENSED: "Update", DELETED: "Delete", RESTORED: "Update", ADDED: "Add"}

READERS = frozenset(
    {
        *(roles.TEMPLATE_IDS[name] for name in ("global-administrator", "global-reader", "reports-reader")),
        "194ae4cb-b126-40b2-bd5b-6091b380977d",  # Security Administrator
        "5d6b6bb7-de71-4623-b4af-96380a352509",  # Security Reader
    }
)
"""Template ids of the roles that may read the logs."""

FILTERS: Mapping[str, str] = {
    "activitydatetime": "at",
    "activitydisplayname": "fold(activity)",
    "category": "'usermanagement'",
}
_OFFERED = ("$filter", "$top", "$orderby", "$skiptoken")
_MOST = 1000
_SERVICE = {"app": {"appId": None, "displayName": "Microsoft Entra ID Group-Based Licensing"}, "user": None}
NOBODY: Mapping[str, Any] = {"app": None, "user": None}


# ---------------------------------------------------------------- writing


def by(actor: Actor | None) -> Mapping[str, Any]:
    """Return who did something, as Graph tells it; None: group-based licensing."""
    if actor is None:
        return _SERVICE
    row = actor.row
    if row is None:
        app = {"appId": None, "displayName": None, "servicePrincipalId": actor.id}
        return {"app": app, "user": None}
    name = json.loads(row["resource"]).get("displayName")
    user = {"id": row["id"], "displayName": name, "userPrincipalName": row["upn"], "ipAddress": None}
    return {"app": None, "user": user}


def licences_changed(
    db: sqlite3.Connection,
    user_id: str,
    before: Iterable[Held],
    after: Iterable[Held],
    *,
    initiator: Mapping[str, Any],
    now: datetime,
) -> None:
    """Log what a user holds instead, over all sources; nothing where that is the same."""
    old, new = _held(before), _held(after)
    if old != new:
        correlation = str(uuid.uuid4())
        event(db, LICENSED, user_id, initiator=initiator, now=now, correlation=correlation)
        event(db, UPDATED, user_id, initiator=initiator, now=now, correlation=correlation, values=(old, new))


def event(
    db: sqlite3.Connection,
    activity: str,
    user_id: str,
    *,
    initiator: Mapping[str, Any],
    now: datetime,
    correlation: str | None = None,
    values: tuple[Mapping[str, Sequence[str]], Mapping[str, Sequence[str]]] | None = None,
) -> None:
    """Log one event; `values` are SKU id → plans that are off, before and after."""
    old, new = (json.dumps(each) for each in values) if values else (None, None)
    db.execute(
        "INSERT INTO audit (at, activity, user_id, upn, correlation, initiator, old, new)"
        " SELECT ?, ?, id, upn, ?, ?, ?, ? FROM users WHERE id = ?",
        (
            stamp(now),
            activity,
            correlation or str(uuid.uuid4()),
            json.dumps(initiator),
            old,
            new,
            user_id,
        ),
    )


def load(db: sqlite3.Connection, snapshot: Snapshot, now: datetime) -> None:
    """Log what a snapshot tells of the past: licences taken away, and users deleted."""
    events: list[tuple[datetime, str, str, str | None]] = [
        (utc(each.removed_at), UPDATED, each.user_id.lower(), each.sku_id.lower())
        for each in snapshot.removals
    ]
    events += [
        (utc(user.deleted_date_time), DELETED, user.id.lower(), None)
        for user in snapshot.deleted_users
        if user.deleted_date_time
    ]
    for at, activity, user_id, sku_id in sorted(events, key=lambda each: each[:3]):
        if now - KEPT < at <= now:
            before: dict[str, tuple[str, ...]] = {sku_id: ()} if sku_id else {}
            event(db, activity, user_id, initiator=NOBODY, now=at, values=(before, {}) if sku_id else None)


def purge(db: sqlite3.Connection, now: datetime) -> None:
    """Forget what is older than any tenant keeps."""
    db.execute("DELETE FROM audit WHERE at <= ?", (stamp(now - KEPT),))


def _held(rows: Iterable[Held]) -> dict[str, list[str]]:
    """Return SKU id → plans that every source turns off, as assignedLicenses tells it."""
    off: dict[str, set[str]] = {}
    for each in rows:
        if each.active:
            plans = set(each.disabled_plans)
            off[each.sku_id] = off[each.sku_id] & plans if each.sku_id in off else plans
    return {sku_id: sorted(off[sku_id]) for sku_id in sorted(off)}


# ---------------------------------------------------------------- reading


def require_reader(actor: Actor, what: roles.Reading = "audit") -> None:
    """Raise Fault (403) unless the actor may read the tenant's logs, or its reports."""
    held = actor.permissions if actor.row is None else actor.scopes
    by_role = actor.row is None or READERS.intersection(actor.templates)
    if not by_role or (held is not None and not roles.may_read(held, what)):
        raise fault.denied()


def directory_audits(context: Context) -> Reply:
    """GET /auditLogs/directoryAudits: the newest first, unless asked otherwise."""
    require_reader(context.actor)
    options = query.read(context.call.query, _OFFERED, most=_MOST)
    conditions = query.conditions(options.filter, FILTERS)
    ascending = _ascending(options.orderby)
    since = context.now - (KEPT if skus.premium(context.db) else KEPT_FREE)
    where, values = listing.joined(conditions)
    order, beyond = ("", ">") if ascending else (" DESC", "<")

    def rows(after: str, limit: int) -> list[sqlite3.Row]:
        following, token = (f" AND id {beyond} ?", [int(after)]) if after.isdigit() else ("", [])
        return context.db.execute(
            f"SELECT * FROM audit WHERE {where} AND at > ?{following}"  # noqa: S608  our own terms, values bound
            f" ORDER BY id{order} LIMIT ?",
            (*values, stamp(since), *token, limit),
        ).fetchall()

    numbers = {row["sku_id"]: row["part_number"] for row in context.db.execute("SELECT * FROM skus")}
    account = tenant.organization(context.db)["id"]
    body = listing.page(
        context,
        options,
        "auditLogs/directoryAudits",
        rows=rows,
        show=lambda found: [_shown(row, numbers, account) for row in found],
        default=_MOST,
    )
    return Reply(status=200, body=body)


def _ascending(orderby: str | None) -> bool:
    wanted = " ".join((orderby or "activityDateTime desc").lower().split())
    known = {"activitydatetime": True, "activitydatetime asc": True, "activitydatetime desc": False}
    if wanted not in known:
        raise fault.unsupported_query(f"The order '{orderby}' is not supported for this resource.")
    return known[wanted]


def _shown(row: sqlite3.Row, numbers: Mapping[str, str], account: str) -> dict[str, Any]:
    """Return an event as Graph's directoryAudit."""
    at = parse(row["at"])
    return {
        "id": f"Directory_{row['correlation']}_{row['id']:08d}",
        "category": "UserManagement",
        "correlationId": row["correlation"],
        "result": "success",
        "resultReason": "",
        "activityDisplayName": row["activity"],
        "activityDateTime": stamp(at),
        "loggedByService": "Core Directory",
        "operationType": _OPERATIONS[row["activity"]],
        "initiatedBy": json.loads(row["initiator"]),
        "targetResources": [
            {
                "id": row["user_id"],
                "displayName": None,
                "type": "User",
                "userPrincipalName": row["upn"],
                "groupType": None,
                "modifiedProperties": _modified(row, numbers, account),
            }
        ],
        "additionalDetails": [{"key": "UserType", "value": "Member"}],
    }


def _modified(row: sqlite3.Row, numbers: Mapping[str, str], account: str) -> list[dict[str, Any]]:
    if row["old"] is None:
        return []
    old, new = (_licences(json.loads(row[name]), numbers, account) for name in ("old", "new"))
    return [
        {"displayName": "AssignedLicense", "oldValue": old, "newValue": new},
        {
            "displayName": "Included Updated Properties",
            "oldValue": None,
            "newValue": json.dumps("AssignedLicense"),
        },
    ]


def _licences(held: Mapping[str, Sequence[str]], numbers: Mapping[str, str], account: str) -> str:
    """Return licences as the log spells them: JSON in a text, and in that, no JSON."""
    texts = [
        f"[SkuName={numbers.get(sku_id, '')}, AccountId={account}, SkuId={sku_id},"
        f" DisabledPlans=[{', '.join(off)}]]"
        for sku_id, off in held.items()
    ]
    return json.dumps(texts)
