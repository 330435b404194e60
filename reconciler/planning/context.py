"""What do the planning rules look at? The two states, the facts, and indexes over them.

Everything is derived from the arguments of make_plan; nothing is changed, read or printed here.
"""

from __future__ import annotations

import difflib
from collections import Counter
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.model import Assignment, Location, ServicePlan, Sku, User
from reconciler.plan import Because, License, SkuRef
from reconciler.plan_memory import DISABLED
from reconciler.planning import baseline, leavers, mailboxes, matching, namesakes
from reconciler.roles import GLOBAL_ADMINISTRATOR, UNPRIVILEGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from reconciler.catalog import Catalog
    from reconciler.model import (
        Actor,
        Current,
        DeletedUser,
        Desired,
        Entry,
        Group,
        Guardrails,
        Mailbox,
        Options,
        Scope,
        Subscription,
    )


SOFT_DELETE = timedelta(days=30)
"""For so long a deleted user can be restored, and a mailbox by licensing it again (Microsoft Learn)."""


class Context:
    """The situation that a plan is made for, with the look-ups that several rules share."""

    def __init__(
        self, desired: Desired, current: Current, actor: Actor, catalog: Catalog, options: Options
    ) -> None:
        self.desired = desired
        self.current = current
        self.actor = actor
        self.catalog = catalog
        self.options = options
        self._enabled: dict[tuple[Assignment, ...], frozenset[str]] = {}
        self.worked_out: dict[tuple[object, ...], object] = {}
        """What losses.py found out about sets of service plans: a large tenant has few of them."""

    @cached_property
    def rails(self) -> Guardrails:
        """The guard rails in force: the stricter of the files' own and of every baseline."""
        return baseline.in_force(self.desired)

    # ------------------------------------------------------------ users

    @cached_property
    def by_upn(self) -> Mapping[str, User]:
        """UPN → user."""
        return {user.upn: user for user in self.current.users}

    @cached_property
    def by_letters(self) -> Mapping[str, tuple[str, ...]]:
        """The letters of a UPN, sorted → UPNs made of them: where two letters were transposed."""
        found: dict[str, tuple[str, ...]] = {}
        for upn in self.by_upn:
            letters = "".join(sorted(upn))
            found[letters] = (*found.get(letters, ()), upn)
        return found

    @cached_property
    def by_id(self) -> Mapping[str, User]:
        """Object id → user."""
        return {user.id: user for user in self.current.users}

    @cached_property
    def by_address(self) -> Mapping[str, tuple[User, ...]]:
        """Mail and proxy address → users: more than one where several claim it."""
        found: dict[str, tuple[User, ...]] = {}
        for user in self.current.users:
            for address in {*user.proxy_addresses, *((user.mail,) if user.mail else ())}:
                found[address] = (*found.get(address, ()), user)
        return found

    @cached_property
    def restorable(self) -> tuple[DeletedUser, ...]:
        """Soft-deleted users who are not gone for good by the plan's instant."""
        last = self.options.now - SOFT_DELETE
        return tuple(
            user for user in self.current.deleted_users if user.deleted_at is None or user.deleted_at >= last
        )

    @cached_property
    def deleted_by_upn(self) -> Mapping[str, tuple[DeletedUser, ...]]:
        """UPN → restorable users who had it."""
        found: dict[str, tuple[DeletedUser, ...]] = {}
        for user in self.restorable:
            found[user.upn] = (*found.get(user.upn, ()), user)
        return found

    @cached_property
    def groups(self) -> Mapping[str, Group]:
        """Group id → group."""
        return {group.id: group for group in self.current.groups}

    @cached_property
    def groups_by_name(self) -> Mapping[str, list[Group]]:
        """Display name, casefolded → groups: more than one where several bear it."""
        found: dict[str, list[Group]] = {}
        for group in self.current.groups:
            found.setdefault(group.name.casefold(), []).append(group)
        return found

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The entries as they are meant on the day of the plan, by UPN."""
        return tuple(leavers.staged(entry, self.options.today) for entry in self.desired.entries)

    def in_scope(self, scope: Scope | None, user: User) -> bool:
        """Tell whether a file may declare anything of a user, as the user is now."""
        if scope is None:
            return True
        judge = self._scopes.get(scope)
        if judge is None:
            judge = self._scopes[scope] = matching.compiled(scope.condition)
        return judge(user, self._scope_memberships.get(user.id, frozenset())) is True

    @cached_property
    def _scopes(self) -> dict[Scope, matching.Judge]:
        return {}

    @cached_property
    def _scope_memberships(self) -> dict[str, frozenset[str]]:
        scopes = {
            *(entry.scope for entry in self.desired.entries),
            *(rule.scope for rule in self.desired.rules),
            *(group.scope for group in self.desired.groups),
        }
        named = matching.groups_named(scope.condition for scope in scopes if scope)
        return matching.memberships(self.current.groups, named)

    def nearest(self, upn: str) -> str | None:
        """Return the UPN that `upn` was most likely meant to be, if any comes near.

        Only UPNs of about the same length that share a beginning or the local part's end, or all
        letters, are compared: difflib over a hundred thousand would take seconds.
        """
        head, tail = upn[:2], upn.partition("@")[0][-3:]
        near = list(self.by_letters.get("".join(sorted(upn)), ()))
        near += [
            other
            for other in self.by_upn
            if abs(len(other) - len(upn)) <= 3  # noqa: PLR2004  typing errors are short
            and (other.startswith(head) or other.partition("@")[0].endswith(tail))
        ]
        return next(iter(difflib.get_close_matches(upn, near, n=1, cutoff=0.8)), None)

    @cached_property
    def namesakes(self) -> Mapping[str, namesakes.Namesake]:
        """UPN of a user to be created → who may be meant by it."""
        return namesakes.of(self)

    @cached_property
    def roles_of(self) -> Mapping[str, tuple[str, ...]]:
        """User id → directory roles of any scope, also those held through a group that was read."""
        held: dict[str, set[str]] = {}
        for row in self.current.role_assignments:
            group = self.groups.get(row.principal_id)
            for holder in group.members if group else (row.principal_id,):
                held.setdefault(holder, set()).add(row.role)
        return {holder: tuple(sorted(roles)) for holder, roles in held.items()}

    @cached_property
    def mailboxes(self) -> Mapping[str, Mailbox]:
        """User id → what is known of the mailbox."""
        return mailboxes.known(self)

    @cached_property
    def global_administrators(self) -> frozenset[str]:
        """Ids of the users who are global administrators and can sign in."""
        return frozenset(
            holder
            for holder, roles in self.roles_of.items()
            if GLOBAL_ADMINISTRATOR in roles
            and (holder not in self.by_id or self.by_id[holder].enabled is not False)
        )

    @cached_property
    def untouchable(self) -> frozenset[str]:
        """Ids of SKUs that are never revoked: ignored ones, and those that users bought themselves."""
        bought = {sku_id for sku_id in self.subscriptions if self.self_service(sku_id)}
        return self.desired.ignored_skus | bought

    def disabled_since(self, user_id: str) -> date | None:
        """Return the day on which an applied run first saw, or made, an account that can't sign in."""
        row = next((row for row in self.current.remembered if row.topic == DISABLED), None)
        moment = row.since.get(user_id) if row else None
        return moment.date() if moment else None

    def privileged(self, user_id: str) -> bool:
        """Tell whether only a privileged administrator may delete, restore or disable this user."""
        return any(role not in UNPRIVILEGED for role in self.roles_of.get(user_id, ()))

    def restored(self, user: DeletedUser, assignments: tuple[Assignment, ...], upn: str) -> User:
        """Return a soft-deleted user as one who is there again."""
        fields = {field: getattr(user, field) for field in User.__struct_fields__}
        return User(**{**fields, "upn": upn, "assignments": assignments})

    # ------------------------------------------------------------ SKUs and plans

    @cached_property
    def owned(self) -> Mapping[str, Sku]:
        """SKU id → SKU that the tenant has or had a subscription of."""
        return {sku.id: sku for sku in self.current.skus}

    def sku(self, sku_id: str) -> Sku:
        """Return the tenant's SKU, or the catalogue's with no seats where the tenant lacks it."""
        owned = self.owned.get(sku_id)
        if owned:
            return owned
        facts = self.catalog.skus.get(sku_id)
        if not facts:
            return Sku(id=sku_id, part_number=sku_id)
        plans = tuple(ServicePlan(id=plan, name=self.plan_name(plan)) for plan in facts.plans)
        return Sku(id=sku_id, part_number=facts.part_number, applies_to=facts.applies_to, plans=plans)

    def sku_ref(self, sku_id: str) -> SkuRef:
        """Return part number, id and product name of a SKU."""
        part = self.sku(sku_id).part_number
        return SkuRef(sku=part, sku_id=sku_id, name=self.catalog.sku_name(sku_id, part))

    def license(
        self, sku_id: str, disabled: tuple[str, ...] = (), because: Iterable[tuple[str, Location]] = ()
    ) -> License:
        """Return a licence as a change names it."""
        ref = self.sku_ref(sku_id)
        reasons = {Because(rule=rule, file=place.file, line=place.line) for rule, place in because}
        return License(
            sku=ref.sku,
            sku_id=sku_id,
            name=ref.name,
            disabled_plans=disabled,
            because=tuple(sorted(reasons, key=lambda b: (b.file, b.line, b.rule))),
        )

    @cached_property
    def subscriptions(self) -> Mapping[str, tuple[Subscription, ...]]:
        """SKU id → its subscriptions that are not deleted."""
        found: dict[str, tuple[Subscription, ...]] = {}
        for row in self.current.subscriptions:
            if row.status != "Deleted":
                found[row.sku_id] = (*found.get(row.sku_id, ()), row)
        return found

    def self_service(self, sku_id: str) -> bool:
        """Tell whether users bought this SKU by themselves: no administrator can assign it."""
        rows = self.subscriptions.get(sku_id, ())
        return bool(rows) and all(row.owner_type == "User" for row in rows)

    def plan_name(self, plan_id: str) -> str:
        """Return the service plan's name, from the catalogue, then from the tenant, else its id."""
        facts = self.catalog.plans.get(plan_id)
        return facts.name if facts else self._tenant_plan_names.get(plan_id, plan_id)

    def plan_title(self, plan_id: str) -> str:
        """Return the service plan's name for people."""
        facts = self.catalog.plans.get(plan_id)
        return facts.title if facts else self.plan_name(plan_id)

    @cached_property
    def _tenant_plan_names(self) -> Mapping[str, str]:
        return {plan.id: plan.name for sku in self.current.skus for plan in sku.plans}

    @cached_property
    def _plans_of(self) -> dict[str, frozenset[str]]:
        return {}

    def plans_of(self, sku_id: str) -> frozenset[str]:
        """Return the ids of the SKU's plans that apply to a user."""
        plans = self._plans_of.get(sku_id)
        if plans is None:
            told = self.sku(sku_id).plans
            facts = self.catalog.skus.get(sku_id)
            if not told and facts:  # a snapshot need not list what everybody knows
                plans = frozenset(facts.plans)
            else:
                plans = frozenset(plan.id for plan in told if plan.applies_to != "Company")
            self._plans_of[sku_id] = plans
        return plans

    def enabled_plans(self, assignments: tuple[Assignment, ...]) -> frozenset[str]:
        """Return the ids of the plans that are on over all sources: the union of what each gives."""
        plans = self._enabled.get(assignments)
        if plans is None:
            plans = frozenset().union(
                *(self.plans_of(a.sku_id).difference(a.disabled_plans) for a in assignments if a.active)
            )
            self._enabled[assignments] = plans
        return plans

    # ------------------------------------------------------------ seats

    @cached_property
    def counted(self) -> Counter[str]:
        """SKU id → users who hold it from any source: one seat each."""
        patterns = Counter(map(id, (user.assignments for user in self.current.users)))
        by_id = {id(user.assignments): user.assignments for user in self.current.users}
        seats: Counter[str] = Counter()
        for pattern, users in patterns.items():
            for sku_id in held(by_id[pattern]):
                seats[sku_id] += users
        return seats

    def in_use(self, sku_id: str) -> int:
        """Return the seats in use: what we count or what the service reports, whichever is more."""
        return max(self.counted[sku_id], self.sku(sku_id).consumed)

    def seats(self, sku_id: str) -> int:
        """Return the seats that may be used: enabled ones, and on request those in grace."""
        sku = self.sku(sku_id)
        return sku.enabled + (sku.warning if self.options.use_grace else 0)

    def assignable(self, sku_id: str) -> int:
        """Return how many seats can be taken now; negative where more are in use than may be."""
        return self.seats(sku_id) - self.in_use(sku_id)


def replaced(
    assignments: tuple[Assignment, ...], source: str | None, rows: Iterable[Assignment]
) -> tuple[Assignment, ...]:
    """Return a user's assignments with those of one source (a group's id, None: direct) being `rows`."""
    others = (a for a in assignments if a.assigned_by != source)
    return tuple(sorted((*others, *rows), key=lambda a: (a.sku_id, a.assigned_by or "")))


def held(assignments: tuple[Assignment, ...]) -> frozenset[str]:
    """Return the ids of the SKUs that assignments give, from whatever source."""
    return frozenset(a.sku_id for a in assignments if a.active)
