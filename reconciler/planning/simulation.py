"""What will the tenant hold once the ready changes of a plan are made, and a subscription has ended?

A forecast in memory, for looking ahead; nothing is ever applied from it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.model import Assignment, Current, DeletedUser, Sku, User
from reconciler.plan_memory import Memory
from reconciler.planning.context import held, replaced

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reconciler.plan import Change, Plan, Topic


def applied(current: Current, plan: Plan, now: datetime) -> Current:
    """Return the current state with the ready changes of `plan` made at `now`."""
    forecast = _Forecast(current, now, plan.memory)
    for change in plan.ready:
        forecast.make(change)
    return forecast.state()


def renewed(current: Current, now: datetime) -> Current:
    """Return the state in which every subscription that ends by `now` and is not renewed is in grace."""
    ended = [
        row
        for row in current.subscriptions
        if row.auto_renew is False
        and row.status == "Enabled"
        and row.next_lifecycle
        and row.next_lifecycle <= now
    ]
    if not ended:
        return current
    lost: Counter[str] = Counter()
    for row in ended:
        lost[row.sku_id] += row.seats
    rows = tuple(
        msgspec.structs.replace(row, status="Warning") if row in ended else row
        for row in current.subscriptions
    )
    skus = tuple(_with_fewer(sku, lost[sku.id]) for sku in current.skus)
    return msgspec.structs.replace(current, subscriptions=rows, skus=skus)


def _with_fewer(sku: Sku, seats: int) -> Sku:
    gone = min(seats, sku.enabled)
    return msgspec.structs.replace(sku, enabled=sku.enabled - gone, warning=sku.warning + gone)


class _Forecast:
    """The state while changes are made to it."""

    def __init__(self, current: Current, now: datetime, memory: Iterable[Topic]) -> None:
        self.current = current
        self.now = now
        self.users = {user.id: user for user in current.users}
        self.deleted = {user.id: user for user in current.deleted_users}
        self.groups = {group.id: group for group in current.groups}
        self.skus = {sku.id: sku for sku in current.skus}
        self.subscriptions = current.subscriptions
        self.memory = Memory(current.remembered)
        self.memory.take(memory, now)

    def make(self, change: Change) -> None:
        """Make one change."""
        match change.kind:
            case "create-user":
                upn = str(change.after["upn"])
                blank = User(id=f"new:{upn}", upn=upn, user_type="Member", created_at=self.now)
                self.users[blank.id] = msgspec.structs.replace(blank, **change.after)
            case "restore-user" if change.user and change.user.id:
                gone = self.deleted.pop(change.user.id)
                fields = {name: getattr(gone, name) for name in User.__struct_fields__}
                direct = tuple(a for a in gone.assignments if a.assigned_by is None)
                self.users[gone.id] = User(**{**fields, "upn": change.user.upn, "assignments": direct})
            case "delete-user":
                user = self.users.pop(self._id(change))
                self.deleted[user.id] = DeletedUser(**msgspec.structs.asdict(user), deleted_at=self.now)
            case "update-user":
                self._set(change, **change.after)
                if "enabled" in change.after:
                    self.memory.switched(self._id(change), self.now, on=change.after["enabled"])
            case "set-licenses":
                self._hold(self._id(change), None, change.after["assignments"])
            case "set-group-licenses" if change.group:
                self._license_group(change.group.id, change.after["assignments"])
            case "add-member" | "remove-member" if change.group:
                self._move(change, change.group.id)
            case "buy-seats" if change.sku:
                ref = change.sku
                sku = self.skus.get(ref.sku_id) or Sku(id=ref.sku_id, part_number=ref.sku)
                self.skus[sku.id] = msgspec.structs.replace(sku, enabled=change.after["seats"])
            case _:  # set-auto-renew
                self.subscriptions = tuple(
                    msgspec.structs.replace(row, **change.after)
                    if change.sku and row.sku_id == change.sku.sku_id
                    else row
                    for row in self.subscriptions
                )

    def state(self) -> Current:
        """Return the state as it is now, with what the run would remember."""
        before = Counter(sku for user in self.current.users for sku in held(user.assignments))
        after = Counter(sku for user in self.users.values() for sku in held(user.assignments))
        return msgspec.structs.replace(
            self.current,
            taken_at=self.now,
            users=tuple(sorted(self.users.values(), key=lambda user: user.upn)),
            deleted_users=tuple(sorted(self.deleted.values(), key=lambda user: user.id)),
            groups=tuple(sorted(self.groups.values(), key=lambda group: group.id)),
            skus=tuple(
                msgspec.structs.replace(sku, consumed=max(0, sku.consumed + after[sku.id] - before[sku.id]))
                for sku in sorted(self.skus.values(), key=lambda sku: sku.id)
            ),
            subscriptions=self.subscriptions,
            remembered=self.memory.rows(),
        )

    def _id(self, change: Change) -> str:
        user = change.user
        return user.id if user and user.id else f"new:{user.upn if user else ''}"

    def _set(self, change: Change, **fields: Any) -> None:
        key = self._id(change)
        self.users[key] = msgspec.structs.replace(self.users[key], **fields)

    def _hold(self, user_id: str, source: str | None, rows: Iterable[dict[str, Any]]) -> None:
        """Let a user hold through one source what `rows` say of it."""
        user = self.users[user_id]
        new = [
            Assignment(sku_id=row["sku_id"], disabled_plans=tuple(row["disabled_plans"]), assigned_by=source)
            for row in rows
            if row.get("assigned_by", source) == source
        ]
        self.users[user_id] = msgspec.structs.replace(
            user, assignments=replaced(user.assignments, source, new)
        )

    def _license_group(self, group_id: str, rows: list[dict[str, Any]]) -> None:
        """Let a group, and each of its members through it, hold what `rows` say."""
        group = self.groups[group_id]
        new = tuple(
            Assignment(sku_id=row["sku_id"], disabled_plans=tuple(row["disabled_plans"])) for row in rows
        )
        self.groups[group_id] = msgspec.structs.replace(group, assignments=new)
        for member in group.members:
            if member in self.users:
                self._hold(member, group_id, rows)

    def _move(self, change: Change, group_id: str) -> None:
        """Let a user be in a group or not, and hold what comes with that."""
        group, user_id = self.groups[group_id], self._id(change)
        members = {*group.members, user_id} if change.after["member"] else {*group.members} - {user_id}
        self.groups[group_id] = msgspec.structs.replace(group, members=tuple(sorted(members)))
        self._hold(user_id, group_id, change.after["assignments"])
