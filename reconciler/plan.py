"""What is a plan? The data that a reviewer reads and that apply obeys.

The structs are the published JSON (schemas/plan.schema.json) less its sentences: `message`,
`effects`, `prevent`, `remedies` and `how` are made in report from codes and params. This module
neither computes a plan nor words it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from reconciler.model import Cloud, DeletedUser, User, Value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from reconciler.model import Actor, Assignment

FORMAT_VERSION = "1.0"

Kind = Literal[
    "create-user",
    "restore-user",
    "update-user",
    "set-licenses",
    "delete-user",
    "set-group-licenses",
    "add-member",
    "remove-member",
    "buy-seats",
    "set-auto-renew",
]
Status = Literal["ready", "blocked"]


class Because(Value, frozen=True, kw_only=True):
    """Why a licence is (or is no longer) there. `line` is that of the item that names it."""

    rule: str
    file: str
    line: int


class License(Value, frozen=True, kw_only=True):
    """One licence in a change. `disabled_plans` is the whole resulting list of ids, sorted."""

    sku: str
    sku_id: str
    name: str
    disabled_plans: tuple[str, ...] = ()
    because: tuple[Because, ...] = ()


class UserRef(Value, frozen=True, kw_only=True):
    """The user that a change is about; `id` is None for a user to be created."""

    id: str | None
    upn: str
    name: str


class GroupRef(Value, frozen=True, kw_only=True):
    """The group that a change is about."""

    id: str
    name: str


class MemberEffect(Value, frozen=True, kw_only=True):
    """What a change of a group does to one member: part numbers of SKUs over all sources, sorted."""

    user: UserRef
    gains: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()


class SkuRef(Value, frozen=True, kw_only=True):
    """The SKU that a change is about."""

    sku: str
    sku_id: str
    name: str


class Warning(Value, frozen=True, kw_only=True):  # noqa: A001  the field's word; the built-in is not used here
    """What a change destroys or risks. `recoverable_until` is an ISO date, or None where unknown."""

    code: str
    params: dict[str, Any] = {}
    recoverable_until: str | None = None


class Change(Value, frozen=True, kw_only=True):
    """One call to the tenant.

    `before` and `after` of set-licenses are {"assignments": [{"sku_id", "disabled_plans",
    "assigned_by"}], "usage_location", "enabled"}; of other kinds the fields that change, by the
    names that tenant.yaml has for them: create-user {} → {"upn", "name", …}; restore-user and
    delete-user {"deleted", …}; buy-seats {"seats"}; set-auto-renew {"auto_renew"}; add-member and
    remove-member {"member", "assignments"} (the user's, without those of this group afterwards or
    before); set-group-licenses {"assignments": [{"sku_id", "disabled_plans"}], "members": {user id:
    digest of the user's assignments}} (see `fingerprint`). `before` holds everything that warnings and
    conflicts rest on, as it is expected when the change's turn comes, after what it depends on: if any
    of it moved, the change is stale. `members` tells what a change of a group's licences does to whom.
    `roles` are those that may make the change; `blocked_by` holds conflict codes, and addresses of
    blocked changes that this one waits for; `depends_on` holds addresses. `effects` are catalogue
    sentences in English. `because` tells where an account is declared, of what is done to it.
    """

    address: str
    kind: Kind
    user: UserRef | None = None
    group: GroupRef | None = None
    sku: SkuRef | None = None
    assign: tuple[License, ...] = ()
    revoke: tuple[License, ...] = ()
    modify: tuple[License, ...] = ()
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    roles: tuple[str, ...] = ()
    permitted: bool = True
    status: Status = "ready"
    blocked_by: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    warnings: tuple[Warning, ...] = ()
    members: tuple[MemberEffect, ...] = ()
    because: tuple[Because, ...] = ()

    @property
    def ready(self) -> bool:
        """Tell whether apply may carry this change out."""
        return self.status == "ready"

    @property
    def removes(self) -> bool:
        """Tell whether this change takes something away: a licence, a service plan or an account."""
        switched_off = any(
            set(new["disabled_plans"]) - set(old["disabled_plans"])
            for new in self.after.get("assignments", ())
            for old in self.before.get("assignments", ())
            if (new["sku_id"], new.get("assigned_by")) == (old["sku_id"], old.get("assigned_by"))
        )
        return (
            self.kind in ("delete-user", "remove-member")
            or bool(self.revoke)
            or switched_off
            or self.after.get("enabled") is False is not self.before.get("enabled")
        )

    @property
    def buys(self) -> bool:
        """Tell whether this change spends money: it then runs only with `apply --buy`."""
        return self.kind in ("buy-seats", "set-auto-renew")


class Cost(Value, frozen=True, kw_only=True):
    """Money; `amount` is a decimal in text."""

    amount: str
    currency: str
    per: str


class Purchase(Value, frozen=True, kw_only=True):
    """Seats that are short. Never a change: a shortage is told, somebody buys."""

    sku: str
    sku_id: str
    name: str
    seats: int
    in_use: int
    needed: int
    buy: int
    roles: tuple[str, ...] = ()
    cost: Cost | None = None


class Conflict(Value, frozen=True, kw_only=True):
    """Something that stands in the way. `params` hold what the sentence and the remedies name.

    `subject` is an address without its last part (users/UPN, subscriptions/SKU). `blocks` tells
    whether it blocks the change(s) of that subject.
    """

    code: str
    params: dict[str, Any] = {}
    subject: str
    sku: str | None = None
    roles: tuple[str, ...] = ()
    blocks: bool = True
    file: str | None = None
    line: int | None = None


class SeatRow(Value, frozen=True, kw_only=True):
    """Seats of one SKU before and after the ready changes; `short` is what is still missing."""

    sku: str
    sku_id: str
    seats: int
    in_use_before: int
    in_use_after: int
    free_after: int
    short: int


class Refusal(Value, frozen=True, kw_only=True):
    """A guard rail said no: apply as a whole is refused. `allow` is the flag that loosens it."""

    code: str
    params: dict[str, Any] = {}
    allow: str


class RuleRow(Value, frozen=True, kw_only=True):
    """A rule and how many users it matches."""

    name: str
    mode: str
    matched: int
    file: str
    line: int


class Topic(Value, frozen=True, kw_only=True):
    """What an applied run shall remember, against what earlier ones do (model.Remembered).

    Topics: "rules/NAME", whom a replacing rule matches; "disabled", accounts that shall be deleted and
    can't sign in; and, figures alone, "users", entries of `users`, and "tenant", users whom the run leaves.
    `joined` and `left` are user ids that are new and gone since the last applied run.
    """

    topic: str
    count: int
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


class Due(Value, frozen=True, kw_only=True):
    """A change that falls due on a later day."""

    address: str
    kind: Kind
    assign: tuple[str, ...] = ()  # part numbers
    revoke: tuple[str, ...] = ()
    blocked_by: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()  # codes


class Day(Value, frozen=True, kw_only=True):
    """What falls due on a day, and the seats at its end, if everything due until then was applied."""

    date: str
    due: tuple[Due, ...] = ()
    seats: tuple[SeatRow, ...] = ()


class Summary(Value, frozen=True, kw_only=True):
    """Counts: users for create, restore, update, delete; licences for assign, revoke, modify.

    Those of users: `group_licenses` counts groups whose licences change, `members` users who join or
    leave a group. `purchase` counts seats; `blocked` counts changes; all changes count, blocked ones
    included.
    """

    create: int = 0
    restore: int = 0
    update: int = 0
    assign: int = 0
    revoke: int = 0
    modify: int = 0
    delete: int = 0
    purchase: int = 0
    conflicts: int = 0
    warnings: int = 0
    blocked: int = 0
    unlisted_users: int = 0
    group_licenses: int = 0
    members: int = 0


class TenantInfo(Value, frozen=True, kw_only=True, omit_defaults=True):
    """The tenant that the plan was made for; `cloud` is None for the global one, and for the sandbox."""

    id: str
    domain: str
    provider: str
    cloud: Cloud | None = None


class ActorInfo(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Who the plan was made for; `permissions` and `scopes` as in model.Actor."""

    name: str
    roles: tuple[str, ...]
    permissions: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None

    @classmethod
    def of(cls, actor: Actor) -> Self:
        """Return what a plan says of who would apply it."""
        return cls(name=actor.name, roles=actor.roles, permissions=actor.permissions, scopes=actor.scopes)


class Plan(Value, frozen=True, kw_only=True):
    """A whole plan. Instants are RFC 3339 in UTC; `digest` is not here: it belongs to the document.

    Changes stand in an order that is safe to apply; any other that respects `depends_on` is too. `allowed`
    are guard rails that would refuse the plan, had it not been made with their names.
    """

    format_version: str = FORMAT_VERSION
    tool_version: str
    created_at: str
    expires_at: str
    desired_digest: str
    tenant: TenantInfo
    actor: ActorInfo
    guardrails: dict[str, Any] = {}
    options: dict[str, Any] = {}
    summary: Summary = Summary()
    changes: tuple[Change, ...] = ()
    purchases: tuple[Purchase, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    seats: tuple[SeatRow, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    allowed: tuple[Refusal, ...] = ()
    rules: tuple[RuleRow, ...] = ()
    memory: tuple[Topic, ...] = ()
    horizon: tuple[Day, ...] | None = None

    @property
    def ready(self) -> tuple[Change, ...]:
        """Return the changes that apply may carry out, in order."""
        return tuple(change for change in self.changes if change.ready)

    @property
    def blocked(self) -> tuple[Change, ...]:
        """Return the changes that conflicts stand in the way of."""
        return tuple(change for change in self.changes if not change.ready)


def assignments_of(user: User) -> list[dict[str, Any]]:
    """Return the assignments of a user in the shape of a change's `before` (those that give service)."""
    return [
        {"sku_id": a.sku_id, "disabled_plans": list(a.disabled_plans), "assigned_by": a.assigned_by}
        for a in user.assignments
        if a.active
    ]


def fingerprint(assignments: Iterable[Assignment]) -> str:
    """Return 16 hexadecimal digits over the assignments that give service, whatever their order."""
    rows = sorted((a.sku_id, a.assigned_by or "", a.disabled_plans) for a in assignments if a.active)
    return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()[:16]


def observed(state: User | None, keys: Iterable[str]) -> dict[str, Any]:
    """Return what `keys` of a change's `before` or `after` hold for a user's state as read just now.

    "deleted" tells a soft-deleted user (True) from a present one (False); a user who is neither has
    no keys at all, so that it equals only the empty `before` of create-user.
    """
    if state is None:
        return {}
    seen: dict[str, Any] = {"deleted": isinstance(state, DeletedUser), "assignments": assignments_of(state)}
    return {key: seen[key] if key in seen else getattr(state, key, None) for key in keys}


def digest_of(document: dict[str, Any]) -> str:
    """Return "sha256:…" over the canonical JSON of a plan document without its `digest`.

    Canonical: keys sorted, no white space, UTF-8, nothing escaped that need not be.
    """
    body = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def from_document(document: dict[str, Any]) -> Plan:
    """Return the plan in a published document, its sentences left aside.

    Raises msgspec.ValidationError, naming the path, where the document is not a plan.
    """
    return msgspec.convert(document, Plan)
