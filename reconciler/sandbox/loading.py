"""How does a snapshot become a tenant?

The whole tenant is replaced in one transaction, or nothing is. What a snapshot tells is kept as told:
consumed units beyond the licences of its users, and prepaid units beyond (or below) the sums of its
subscriptions, stay as remainders of the SKU and are added to what is counted from then on. Inherited
licences are those that `licenseAssignmentStates` tells of; none is inferred from groups until one of
them is changed.
"""

from __future__ import annotations

import contextlib
import gc
import json
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler import regular
from reconciler.errors import UsageError
from reconciler.sandbox import audit, mailboxes, schema, skus
from reconciler.sandbox.clock import stamp
from reconciler.sandbox.resources import USER_FIELDS, Snapshot, encoded_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from reconciler.catalog import Catalog
    from reconciler.sandbox import resources

_UTF8_MARK = b"\xef\xbb\xbf"


def read(path: Path) -> Snapshot:
    """Return the snapshot in a file. Raises UsageError("bad-snapshot") with file, what and path."""
    try:
        regular.check(path)
        data = path.read_bytes().removeprefix(_UTF8_MARK)
    except OSError as error:
        raise UsageError("bad-snapshot", file=str(path), what=error.strerror or str(error)) from error
    try:
        with _no_collector():
            snapshot = msgspec.json.decode(data, type=Snapshot)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        what, _, where = str(error).partition(" - at `")
        raise UsageError(
            "bad-snapshot", file=str(path), what=what, path=where.strip("$.`") or None
        ) from error
    if snapshot.format_version.partition(".")[0] != "1":
        what = f'"{snapshot.format_version}" is not a version that this program reads'
        raise UsageError("bad-snapshot", file=str(path), what=what, path="format_version")
    for where, what in _contradictions(snapshot):
        raise UsageError("bad-snapshot", file=str(path), what=what, path=where)
    return snapshot


def fill(db: sqlite3.Connection, snapshot: Snapshot, catalog: Catalog, now: datetime) -> None:
    """Put a snapshot into empty tables, and make their indexes; the caller holds the transaction."""
    db.execute("INSERT INTO tenant VALUES ('offset', '0')")
    organization = _compact(snapshot.organization)
    db.execute("INSERT INTO tenant VALUES ('organization', ?)", (json.dumps(organization),))
    _users(db, snapshot)
    _groups(db, snapshot.groups)
    for statement in schema.INDEXES:
        db.execute(statement)
    _skus(db, snapshot)
    roles = (
        (
            each.principal_id.lower(),
            (each.role_template_id or each.role_definition_id or "").lower(),
            each.directory_scope_id or "/",
        )
        for each in snapshot.role_assignments
    )
    db.executemany("INSERT OR IGNORE INTO role_assignments VALUES (?, ?, ?)", roles)
    mailboxes.load(db, snapshot, mailboxes.mailbox_plans(catalog), now)
    audit.load(db, snapshot, now)


def _contradictions(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Yield place and text of what no tenant could hold."""
    ids: set[str] = set()
    upns: set[str] = set()
    for index, user in enumerate(snapshot.users):
        upn = user.user_principal_name.lower()
        if upn in upns:
            yield f"users[{index}].userPrincipalName", f'"{user.user_principal_name}" stands twice'
        upns.add(upn)
    for name, rows in (("users", snapshot.users), ("deletedUsers", snapshot.deleted_users)):
        for index, row in enumerate(rows):
            if row.id.lower() in ids:
                yield f"{name}[{index}].id", f'"{row.id}" stands twice'
            ids.add(row.id.lower())
    singles: tuple[tuple[str, str, list[str]], ...] = (
        ("groups", "id", [row.id for row in snapshot.groups]),
        ("subscribedSkus", "skuId", [row.sku_id for row in snapshot.skus]),
        ("subscriptions", "id", [row.id for row in snapshot.subscriptions]),
    )
    for name, member, keys in singles:
        seen: set[str] = set()
        for index, key in enumerate(keys):
            if key.lower() in seen:
                yield f"{name}[{index}].{member}", f'"{key}" stands twice'
            seen.add(key.lower())


def _users(db: sqlite3.Connection, snapshot: Snapshot) -> None:
    # Rows come in by their keys: a B-tree is built several times faster so.
    insert = "INSERT INTO users VALUES (?, ?, ?, ?, ?)"
    present = sorted(snapshot.users, key=lambda user: user.id.lower())
    db.executemany(insert, (_user_row(user, None) for user in present))
    deleted = ((user, stamp(user.deleted_date_time or snapshot.taken_at)) for user in snapshot.deleted_users)
    db.executemany(insert, (_user_row(user, at) for user, at in deleted))
    db.executemany(
        "INSERT OR IGNORE INTO addresses VALUES (?, ?)",
        sorted((each.lower(), user.id.lower()) for user in present for each in user.proxy_addresses or ()),
    )
    insert = "INSERT OR REPLACE INTO assignments VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    db.executemany(insert, (row for user in present for row in _assignment_rows(user, remembered=0)))
    db.executemany(
        insert, (row for user in snapshot.deleted_users for row in _assignment_rows(user, remembered=1))
    )


def _user_row(user: resources.User, deleted_at: str | None) -> tuple[Any, ...]:
    key = user.id.lower()
    upn = user.user_principal_name
    if deleted_at is not None:
        prefix = key.replace("-", "")
        upn = upn[len(prefix) :] if upn.lower().startswith(prefix) else upn
    resource = {
        name: value for attribute, name in USER_FIELDS if (value := getattr(user, attribute)) is not None
    }
    resource |= {"id": key, "userPrincipalName": upn}
    mail = user.mail.lower() if user.mail else None
    return key, upn.lower(), mail, deleted_at, msgspec.json.encode(resource).decode()


def _assignment_rows(
    user: resources.LicensedUser | resources.DeletedUser, *, remembered: int
) -> Iterator[tuple[Any, ...]]:
    """Yield one row a source; a licence that no state tells of is a direct one."""
    key = user.id.lower()
    told = set()
    for state in user.license_assignment_states or ():
        sku_id = state.sku_id.lower()
        told.add(sku_id)
        at = stamp(state.last_updated_date_time) if state.last_updated_date_time else None
        group = (state.assigned_by_group or "").lower()
        plans = _plans(state.disabled_plans)
        yield key, sku_id, group, plans, state.state or "Active", state.error or "None", at, remembered
    for row in user.assigned_licenses or ():
        sku_id = row.sku_id.lower()
        if sku_id not in told:
            yield key, sku_id, "", _plans(row.disabled_plans), "Active", "None", None, remembered


def _plans(ids: Iterable[str] | None) -> str:
    return json.dumps(sorted({each.lower() for each in ids})) if ids else "[]"


def _groups(db: sqlite3.Connection, groups: list[resources.Group]) -> None:
    for group in groups:
        resource = _compact(group)
        members = resource.pop("members", ())
        resource["id"] = key = group.id.lower()
        db.execute(
            "INSERT INTO groups VALUES (?, ?, ?)", (key, group.display_name or "", json.dumps(resource))
        )
        rows = ((key, member.lower()) for member in members)
        db.executemany("INSERT OR IGNORE INTO members VALUES (?, ?)", rows)


def _skus(db: sqlite3.Connection, snapshot: Snapshot) -> None:
    known: dict[str, resources.Sku | None] = {row.sku_id.lower(): row for row in snapshot.skus}
    for row in snapshot.skus:
        plans = [
            {
                "servicePlanId": plan.service_plan_id.lower(),
                "servicePlanName": plan.service_plan_name or "",
                "provisioningStatus": plan.provisioning_status or "Success",
                "appliesTo": plan.applies_to or "User",
            }
            for plan in row.service_plans or ()
        ]
        skus.add(db, row.sku_id.lower(), row.sku_part_number, plans, applies_to=row.applies_to or "User")
    with_subscriptions = set()
    for each in snapshot.subscriptions:
        sku_id = each.sku_id.lower()
        with_subscriptions.add(sku_id)
        if sku_id not in known:
            skus.add(db, sku_id, each.sku_part_number or sku_id, [], applies_to="User")
            known[sku_id] = None
        skus.add_subscription(db, _subscription(each))
    for sku_id, told in known.items():
        if told is not None and sku_id not in with_subscriptions:
            _subscriptions_from_units(db, sku_id, told.prepaid_units)
        if told is None:
            skus.refresh_status(db, sku_id)
        else:
            skus.keep_told(db, sku_id, told)


def _subscription(each: resources.Subscription) -> skus.Subscription:
    return skus.Subscription(
        id=each.id,
        sku_id=each.sku_id.lower(),
        status=each.status or "Enabled",
        seats=each.total_licenses or 0,
        created_at=stamp(each.created_date_time) if each.created_date_time else None,
        next_at=stamp(each.next_lifecycle_date_time) if each.next_lifecycle_date_time else None,
        is_trial=bool(each.is_trial),
        auto_renew=each.auto_renew,
        owner_type=each.owner_type,
        commerce_id=each.commerce_subscription_id,
    )


def _subscriptions_from_units(db: sqlite3.Connection, sku_id: str, units: resources.Units | None) -> None:
    """Make one subscription for each status that a SKU has units in."""
    for unit, status in skus.STATUS_OF_UNIT.items():
        count = getattr(units, unit, None) or 0
        if count:
            skus.add_subscription(
                db,
                skus.Subscription(
                    id=skus.new_subscription_id(sku_id, status), sku_id=sku_id, status=status, seats=count
                ),
            )


def _compact(resource: resources.Resource) -> dict[str, Any]:
    """Return a resource as Graph's JSON, less what it does not hold."""
    whole = {name: getattr(resource, attribute) for attribute, name in encoded_names(type(resource))}
    return {name: msgspec.to_builtins(value) for name, value in whole.items() if value is not None}


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Keep the cyclic collector from walking a hundred thousand new objects again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
