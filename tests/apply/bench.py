"""A tenant in a dictionary, with the two methods that apply needs; and plans in a few words.

The real directory on the real sandbox is in test_sandbox.py; this one can be told to fail.
"""

import threading
from datetime import UTC, datetime

import msgspec

from reconciler.apply import run as carry_out
from reconciler.directory import Outcome
from reconciler.journal import Journal, group, read
from reconciler.plan import (
    ActorInfo,
    Change,
    GroupRef,
    License,
    MemberEffect,
    Plan,
    SkuRef,
    TenantInfo,
    UserRef,
)

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def held(*skus, group_id=None):
    return [{"sku_id": sku, "disabled_plans": [], "assigned_by": group_id} for sku in skus]


def ref(upn, *, created=False):
    return UserRef(id=None if created else f"id-{upn}", upn=upn, name=upn.title())


def licences(upn, before, after, **more):
    """Give `upn` the SKUs `after` for `before`."""
    created = more.pop("created", False)
    common = {"usage_location": more.pop("location", "NL"), "enabled": True}
    return Change(
        address=f"users/{upn}/licenses",
        kind="set-licenses",
        user=ref(upn, created=created),
        assign=tuple(License(sku=s.upper(), sku_id=s, name=s) for s in after if s not in before),
        revoke=tuple(License(sku=s.upper(), sku_id=s, name=s) for s in before if s not in after),
        before={"assignments": held(*before), **common},
        after={"assignments": held(*after), **common, **more.pop("planned", {})},
        roles=more.pop("roles", ("license-administrator",)),
        **more,
    )


def profile(upn, before, after, **more):
    return Change(
        address=f"users/{upn}/profile", kind="update-user", user=ref(upn), before=before, after=after, **more
    )


def creation(upn, **more):
    after = {"upn": upn, "name": upn.title(), "enabled": True, "usage_location": "NL"}
    return Change(
        address=f"users/{upn}", kind="create-user", user=ref(upn, created=True), after=after, **more
    )


def group_licences(group, before, after, members=(), **more):
    """Let a group give the SKUs `after` for `before`; all members gain and lose the difference."""

    def given(skus):
        return [{"sku_id": sku, "disabled_plans": []} for sku in skus]

    gains, loses = (
        tuple(sku.upper() for sku in one if sku not in other)
        for one, other in ((after, before), (before, after))
    )
    return Change(
        address=f"groups/{group}/licenses",
        kind="set-group-licenses",
        group=GroupRef(id=group, name=group),
        assign=tuple(License(sku=s.upper(), sku_id=s, name=s) for s in after if s not in before),
        revoke=tuple(License(sku=s.upper(), sku_id=s, name=s) for s in before if s not in after),
        before={"assignments": given(before), "members": {f"id-{upn}": upn for upn in members}},
        after={"assignments": given(after)},
        members=tuple(MemberEffect(user=ref(upn), gains=gains, loses=loses) for upn in members),
        **more,
    )


def membership(kind, upn, group, before=(), after=(), **more):
    """Let `upn` join or leave a group, holding the SKUs `before` and `after` from it."""
    return Change(
        address=f"groups/{group}/members/{upn}",
        kind=kind,
        user=ref(upn, created=more.pop("created", False)),
        group=GroupRef(id=group, name=group),
        before={"member": kind == "remove-member", "assignments": held(*before, group_id=group)},
        after={"member": kind == "add-member", "assignments": held(*after, group_id=group)},
        **more,
    )


def purchase(sku, before, after, **more):
    return Change(
        address=f"subscriptions/{sku}/seats",
        kind="buy-seats",
        sku=SkuRef(sku=sku, sku_id=sku, name=sku),
        before={"seats": before},
        after={"seats": after},
        **more,
    )


def plan_of(*changes, **more):
    return Plan(
        **{
            "tool_version": "0.1.0",
            "created_at": "2026-11-24T02:00:00Z",
            "expires_at": "2026-11-25T02:00:00Z",
            "desired_digest": "sha256:d",
            "tenant": TenantInfo(id="t-1", domain="contoso.com", provider="sandbox"),
            "actor": ActorInfo(name="admin@contoso.com", roles=("global-administrator",)),
            "changes": changes,
        }
        | more
    )


class Tenant:
    """Objects by user or SKU; `refuse` and `lose` hold addresses, `blind` what can't be read.

    `lags` maps addresses to what is seen of them after the write, and for how many looks. Every look and
    every write is in `log`, in the order of events.
    """

    def __init__(self):
        self.objects = {}
        self.refuse, self.lose, self.blind = set(), set(), set()
        self.log, self.batches, self.passwords = [], [], {}
        self.at_once, self.most_at_once = 0, 0
        self.before_write = lambda writes: None
        self.before_ready = lambda count: None
        self.lags, self.patience, self.waits = {}, 5, []
        self.lock = threading.Lock()

    def key(self, change):
        """Return what a change writes to."""
        return change.user.upn if change.user else change.sku.sku_id

    def hold(self, *changes):
        """Let the objects be as the changes expect them."""
        for change in changes:
            if change.before:
                self.objects.setdefault(self.key(change), {}).update(change.before)
        return self

    def observe(self, changes, ids):
        """Look at the objects of changes."""
        self.log += [("look", change.address) for change in changes]
        return {change.address: self.look(change) for change in changes}

    def look(self, change):
        """Return what one object holds."""
        if change.address in self.blind:
            return None
        seen, looks = self.lags.get(change.address, (None, 0))
        if looks and self.log.count(("write", change.address)):
            self.lags[change.address] = seen, looks - 1
            return seen
        state = self.objects.get(self.key(change))
        if state is None:
            return {}
        return {key: state.get(key) for key in {**change.before, **change.after}}

    def ready(self, count, stop):
        """Wait for nothing."""
        self.before_ready(count)

    def watch(self, changes, ids, holds, *, times=1, go_on):
        """Look until each holds, `patience` rounds at most."""
        found, streaks = {}, {change.address: 0 for change in changes}
        for _ in range(self.patience):
            left = [change for change in changes if change.address not in found]
            self.log += [("watch", change.address) for change in left]
            for change in left:
                values = self.look(change)
                streaks[change.address] = streaks[change.address] + 1 if holds(change, values) else 0
                if streaks[change.address] >= times:
                    found[change.address] = values
            left = [change for change in changes if change.address not in found]
            if not left or (not all(streaks[each.address] for each in left) and not go_on(len(left))):
                break
        return found

    def carry_out(self, writes):
        """Write a batch."""
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.batches.append([write.change.address for write in writes])
        self.before_write(writes)
        outcomes = [self.write(write) for write in writes]
        with self.lock:
            self.at_once -= 1
        return outcomes

    def write(self, write):
        """Write one change, or refuse it, or lose the answer."""
        change = write.change
        self.log.append(("write", change.address))
        self.passwords[change.address] = write.password
        if change.address in self.refuse:
            return Outcome(
                address=change.address,
                status="failed",
                code="no-seats",
                message="Nothing left.",
                request_id="r-1",
                http_status=400,
            )
        state = self.objects.setdefault(self.key(change), {})
        after = (
            {"assignments": change.after["assignments"]} if change.kind == "set-licenses" else change.after
        )
        state.update(after)
        status = "unknown" if change.address in self.lose else "done"
        user_id = write.user_id or (f"new-{change.user.upn}" if change.kind == "create-user" else None)
        state.setdefault("id", user_id)
        state.setdefault("assignments", [])
        return Outcome(
            address=change.address, status=status, user_id=user_id, request_id="r-1", http_status=200
        )

    @property
    def written(self):
        """Return the addresses that were written, in order."""
        return [address for event, address in self.log if event == "write"]


class Bench:
    """Runs plans against a tenant, with a journal in a folder."""

    def __init__(self, path):
        self.path = path
        self.tenant = Tenant()
        self.told = []

    def run(self, plan, *, failing=False, **options):
        """Carry a plan out; an error that ends the run is one of the test, unless it is `failing`."""
        with Journal(self.path, clock=lambda: NOW) as log:
            log.begin(
                tool_version="0.1.0",
                plan_digest="sha256:p",
                desired_digest=plan.desired_digest,
                tenant=plan.tenant,
                actor=plan.actor,
                options={},
                changes=len(plan.ready),
            )
            run = carry_out(
                plan, options.pop("directory", self.tenant), log, on_result=self.told.append, **options
            )
        if run.error and not failing:
            raise run.error
        return run

    def journal(self):
        """Return the last run in the journal."""
        return group(read(self.path).lines)[-1]


def statuses(run):
    return {result.address: result.status for result in run.results}


def result(run, address):
    return next(each for each in run.results if each.address == address)


replace = msgspec.structs.replace
