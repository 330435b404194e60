"""A tenant that takes a bounded number of writes, as Graph documents it; users of one licence each.

It answers batches alone, in virtual time. Each request takes `latency` seconds.
"""

import json
from collections import deque

import httpx

from reconciler.directory import Write
from reconciler.plan import Change, License, UserRef
from tests.directory import tenants
from tests.directory.tenants import E3, EMS


class Bucket:
    """Tokens that come back evenly."""

    def __init__(self, count=3000, seconds=150.0, full=1.0):
        self.count, self.rate, self.tokens, self.at = count, count / seconds, count * full, None

    def take(self, now):
        """Return the seconds to wait, or nothing where one may pass."""
        self.tokens = min(self.count, self.tokens + (now - (now if self.at is None else self.at)) * self.rate)
        self.at = now
        if self.tokens < 1:
            return max(1, round((1 - self.tokens) / self.rate + 0.5))
        self.tokens -= 1
        return 0

    @property
    def used(self):
        """Return the part that is used."""
        return 1 - self.tokens / self.count


class Window:
    """So many in any time of so many seconds."""

    def __init__(self, count=3000, seconds=150.0):
        self.count, self.seconds, self.sent = count, seconds, deque()

    def take(self, now):
        """Return the seconds to wait, or nothing where one may pass."""
        while self.sent and self.sent[0] + self.seconds <= now:
            self.sent.popleft()
        if len(self.sent) >= self.count:
            return max(1, round(self.sent[0] + self.seconds - now + 0.5))
        self.sent.append(now)
        return 0

    @property
    def used(self):
        """Return the part that is used."""
        return len(self.sent) / self.count


class Limited(httpx.BaseTransport):
    """The tenant. `refused` counts the writes that it refused, `written` when it took each."""

    def __init__(self, limit, time, latency=0.25):
        self.limit, self.time, self.latency = limit, time, latency
        self.swapped, self.written, self.refused, self.early = set(), [], 0, 0
        self.quiet_until = 0.0

    def handle_request(self, request):
        """Answer a batch."""
        self.time.now += self.latency
        began = self.time.now
        self.early += began < self.quiet_until
        items = json.loads(request.content)["requests"]
        return httpx.Response(200, json={"responses": [self._item(each, began) for each in items]})

    def _item(self, item, now):
        user = item["url"].split("?")[0].split("/")[2]
        answer = {"id": item["id"], "status": 200, "headers": {}}
        if item["method"] == "GET":
            sku = EMS if user in self.swapped else E3
            body = {
                "id": user,
                "userPrincipalName": f"{user}@x",
                "accountEnabled": True,
                "usageLocation": "NL",
            }
            held = {"assignedLicenses": [{"skuId": sku, "disabledPlans": []}], "licenseAssignmentStates": []}
            return answer | {"body": body | held}
        wait = self.limit.take(now)
        if wait:
            self.refused += 1
            self.quiet_until = max(self.quiet_until, now + wait)
            return answer | {"status": 429, "headers": {"Retry-After": str(wait)}, "body": {}}
        if self.limit.used > 0.8:
            answer["headers"] = {"x-ms-throttle-limit-percentage": f"{self.limit.used:.2f}"}
        self.swapped.add(user)
        self.written.append(now)
        return answer | {"body": {}}


def swap(number):
    """Return the change of one user."""
    user = UserRef(id=f"id-{number}", upn=f"u{number}@contoso.com", name="U")
    same = {"usage_location": "NL", "enabled": True}
    return Change(
        address=f"users/{user.upn}/licenses",
        kind="set-licenses",
        user=user,
        assign=(License(sku="EMS", sku_id=EMS, name="EMS"),),
        revoke=(License(sku="E3", sku_id=E3, name="E3"),),
        before={"assignments": [{"sku_id": E3, "disabled_plans": [], "assigned_by": None}], **same},
        after={"assignments": [{"sku_id": EMS, "disabled_plans": [], "assigned_by": None}], **same},
    )


def write(limit, count, **options):
    """Write so many changes as apply does, one batch after the other; return the tenant and outcomes."""
    time = tenants.Time()
    tenant = Limited(limit, time)
    outcomes = []
    with tenants.directory(tenant, time=time, **options) as directory:
        for start in range(0, count, 20):
            changes = [swap(number) for number in range(start, min(count, start + 20))]
            directory.ready(len(changes))
            directory.observe(changes, {})
            outcomes += directory.carry_out([Write(change=change) for change in changes])
    return tenant, outcomes
