"""A tenant in which a plan needs every kind of call several times, and the way from plan to apply in it.

Time is virtual: waiting moves the tenant's clock. Requests follow one another, so that the n-th call of a
kind is the same one in each run.
"""

import functools
import json
import shutil
import tempfile
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from reconciler import apply, catalog, config, journal, sandbox
from reconciler.directory import Directory
from reconciler.model import Options
from reconciler.plan import ActorInfo
from reconciler.planning import make_plan
from reconciler.roles import TEMPLATE_IDS
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.faults.wire import Wire

CATALOG = catalog.load()
START = datetime(2026, 11, 24, 2, tzinfo=UTC)
PAGE_SIZE = 7
E3, E5, EMS, BI, VISIO, PROJECT = (
    CATALOG.find_sku(name).id
    for name in ("ENTERPRISEPACK", "SPE_E5", "EMS", "POWER_BI_PRO", "VISIOCLIENT", "PROJECTPROFESSIONAL")
)
SEATS = {E3: 10, E5: 2, EMS: 4, BI: 12, VISIO: 6, PROJECT: 6}
HOLDS = {
    "admin": [E3],
    "anna": [E3],
    "bram": [E5],
    "carl": [EMS],
    "cora": [E3],
    "dora": [],
    "eva": [E3],
    "finn": [],
    "gita": [E3],
    "glass": [E3],
    "gus": [],
    "gwen": [BI],
    "hugo": [],
    "ines": [],
    "ivo": [],
    "jan": [],
    "joep": [],
    "mia": [E3],
    "nina": [E3],
    "noor": [E5],
    "olga": [],
    "piet": [],
    "rob": [EMS],
}
PEOPLE = tuple(HOLDS)
GONE = ("lars", "lena")
GROUPS = {  # name: what it gives, its members
    "Draughtsmen": ([VISIO], ["ines", "ivo", "mia"]),
    "Planners": ([], ["olga"]),
    "Analysts": ([], ["piet", "olga"]),
}
PROTECTED = ("admin", "glass", "rob")
DOCUMENT = {
    "version": 1,
    "tenant": {"domain": "contoso.com", "provider": "graph"},
    "defaults": {"usage_location": "NL", "licenses": "replace"},
    "guardrails": {
        "max_revocations": {"count": 100, "percent": 100},
        "max_deletions": {"count": 100},
        "protected_users": ["glass@contoso.com"],
    },
    "users": {
        "anna@contoso.com": {"licenses": ["SPE_E5"]},
        "bram@contoso.com": {"licenses": ["ENTERPRISEPACK"]},
        "carl@contoso.com": {"licenses": []},
        "dora@contoso.com": {"licenses": ["EMS"]},
        "eva@contoso.com": {"licenses": [{"sku": "ENTERPRISEPACK", "disable": ["SWAY"]}]},
        "finn@contoso.com": {"licenses": ["POWER_BI_PRO"]},
        "gita@contoso.com": {"ensure": "absent"},
        "gus@contoso.com": {"ensure": "absent"},
        "gwen@contoso.com": {"ensure": "absent"},
        "glass@contoso.com": {"licenses": []},
        "hugo@contoso.com": {"licenses": ["ENTERPRISEPACK"]},
        "ines@contoso.com": {"licenses": []},
        "kees@contoso.com": {"name": "Kees", "usage_location": "NL", "licenses": ["POWER_BI_PRO"]},
        "kim@contoso.com": {"name": "Kim", "department": "Sales", "usage_location": "NL"},
        "koen@contoso.com": {"name": "Koen", "usage_location": "NL", "licenses": []},
        "lars@contoso.com": {"name": "Lars", "licenses": ["POWER_BI_PRO"]},
        "lena@contoso.com": {"name": "Lena", "licenses": []},
        "nina@contoso.com": {"department": "Marketing"},
        "rob@contoso.com": {"licenses": []},
        "noor@contoso.com": {"job_title": "Buyer", "city": "Delft"},
    },
    "groups": {
        "Draughtsmen": {
            "licenses": {"add": ["VISIOCLIENT"]},
            "members": ["ines@contoso.com", "jan@contoso.com", "joep@contoso.com"],
        },
        "Planners": {"licenses": {"add": ["PROJECTPROFESSIONAL"]}},
        "Analysts": {"licenses": {"add": ["POWER_BI_PRO"]}},
    },
}


def user_id(name):
    return f"00000000-0000-4000-8000-{name.encode().hex().rjust(12, '0')[:12]}"


def group_id(name):
    return f"99999999-0000-4000-8000-{name.encode().hex()[:12]}"


def _user(name):
    states = [
        {"skuId": sku, "assignedByGroup": None, "disabledPlans": [], "state": "Active", "error": "None"}
        for sku in HOLDS.get(name, ())
    ]
    states += [
        {**state, "skuId": sku, "assignedByGroup": group_id(group)}
        for group, (skus, members) in GROUPS.items()
        for sku in skus
        if name in members
        for state in [{"disabledPlans": [], "state": "Active", "error": "None"}]
    ]
    return {
        "id": user_id(name),
        "userPrincipalName": f"{name}@contoso.com",
        "displayName": name.title(),
        "mail": f"{name}@contoso.com",
        "usageLocation": None if name == "finn" else "NL",
        "accountEnabled": True,
        "userType": "Member",
        "department": "Sales",
        "assignedLicenses": [{"skuId": state["skuId"], "disabledPlans": []} for state in states],
        "licenseAssignmentStates": states,
    }


def _sku(sku_id, seats, users):
    facts = CATALOG.skus[sku_id]
    return {
        "skuId": sku_id,
        "skuPartNumber": facts.part_number,
        "appliesTo": "User",
        "capabilityStatus": "Enabled",
        "consumedUnits": sum(sku_id in {one["skuId"] for one in user["assignedLicenses"]} for user in users),
        "prepaidUnits": {"enabled": seats, "warning": 0, "suspended": 0, "lockedOut": 0},
        "servicePlans": [
            {
                "servicePlanId": plan,
                "servicePlanName": CATALOG.plans[plan].name if plan in CATALOG.plans else plan,
                "appliesTo": "User",
                "provisioningStatus": "Success",
            }
            for plan in facts.plans
        ],
        "subscriptionIds": [],
    }


def snapshot():
    """Return the tenant before the plan."""
    users = [_user(name) for name in PEOPLE]
    gone = [
        {
            **_user(name),
            "userPrincipalName": user_id(name).replace("-", "") + f"{name}@contoso.com",
            "deletedDateTime": "2026-11-20T00:00:00Z",
        }
        for name in GONE
    ]
    roles = [
        {"principalId": user_id(name), "roleTemplateId": TEMPLATE_IDS[role]}
        for name, role in (("admin", "global-administrator"), ("rob", "user-administrator"))
    ]
    return {
        "format_version": "1.0",
        "taken_at": "2026-11-24T02:00:00Z",
        "organization": {
            "id": "11111111-0000-4000-8000-000000000000",
            "displayName": "Contoso",
            "countryLetterCode": "NL",
            "verifiedDomains": [{"name": "contoso.com", "isDefault": True, "type": "Managed"}],
        },
        "users": users,
        "deletedUsers": gone,
        "groups": [
            {
                "id": group_id(name),
                "displayName": name,
                "assignedLicenses": [{"skuId": sku, "disabledPlans": []} for sku in skus],
                "members": [user_id(member) for member in members],
            }
            for name, (skus, members) in GROUPS.items()
        ],
        "subscribedSkus": [_sku(sku_id, seats, users) for sku_id, seats in SEATS.items()],
        "subscriptions": [],
        "roleAssignments": [{**role, "directoryScopeId": "/"} for role in roles],
    }


class Clock:
    """A clock that moves only where somebody waits."""

    def __init__(self):
        self.now = START

    def __call__(self):
        """Return the time."""
        return self.now

    def sleep(self, seconds):
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@functools.cache
def prepared():
    """Return a folder with the tenant in it; runs work on copies."""
    home = Path(tempfile.mkdtemp(prefix="reconciler-scene-"))
    (home / "state.json").write_text(json.dumps(snapshot()), encoding="utf-8")
    (home / "tenant.yaml").write_text(json.dumps(DOCUMENT), encoding="utf-8")
    sandbox.load(home, home / "state.json", clock=lambda: START)
    return home


class Scene:
    """One run in a tenant of its own. A context manager."""

    def __init__(self, faults=None, parallelism=1):
        self._parallelism = parallelism
        self._folder = tempfile.TemporaryDirectory(prefix="reconciler-run-")
        self.home = Path(self._folder.name) / "home"
        shutil.copytree(prepared(), self.home)
        self.clock = Clock()
        self.layer = sandbox.app(self.home, clock=self.clock, faults=faults or CALM, sleep=self.clock.sleep)
        self.directory = self._open()

    def _open(self):
        return Directory(
            base_url="https://sandbox.invalid/v1.0",
            commerce_url="https://sandbox.invalid/commerce/v1",
            token=lambda: "sandbox",
            transport=Wire(self.layer),
            parallelism=self._parallelism,
            clock=lambda: self.clock().timestamp(),
            sleep=self.clock.sleep,
            jitter=lambda: 1.0,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.directory.close()
        self._folder.cleanup()

    def begin_anew(self):
        """Go on as another process, long after."""
        self.directory.close()
        self.layer.change(CALM)
        self.clock.sleep(7_200)
        self.directory = self._open()

    @property
    def journal(self):
        """Return the path of the journal."""
        return journal.path_in(self.home)

    def plan(self):
        """Plan as the command does. Raises DirectoryError."""
        with chdir(self.home):
            document = config.read([Path("tenant.yaml")])
        current = self.directory.read(document.named_groups, document.fields)
        removals = journal.removals(self.journal, current.organization.id)
        remembered = journal.remembered(self.journal, current.organization.id)
        current = msgspec.structs.replace(current, removals=removals, remembered=remembered)
        desired = config.resolve(document, current.skus, CATALOG)
        options = Options(now=current.taken_at)
        return make_plan(desired, current, self.directory.actor(), CATALOG, options)

    def apply(self, plan):
        """Approve a plan and carry it out, as the command does with a saved one.

        Returns the plan as it was approved, and the run. Raises DirectoryError, or RefusedError.
        """
        organization, now = self.directory.identity()
        roles, groups = self.directory.protections(())
        live = apply.Live(
            tenant_id=organization.id,
            provider="graph",
            actor=self.directory.actor(),
            now=now,
            roles=roles,
            groups=groups,
        )
        approved = apply.approve(plan, live, apply.Consent(partial=True))
        with journal.Journal(self.journal, clock=self.clock) as record:
            record.begin(
                tool_version=plan.tool_version,
                plan_digest="sha256:0",
                desired_digest=plan.desired_digest,
                tenant=plan.tenant,
                actor=ActorInfo(name=live.actor.name, roles=live.actor.roles),
                options={},
                changes=len(approved.ready),
                memory=approved.memory,
            )
            run = apply.run(
                approved,
                self.directory,
                record,
                parallelism=self._parallelism,
                on_result=lambda _: None,
            )
        return approved, run

    def state(self):
        """Return what the tenant holds, in words that are the same in each run: UPNs and names."""
        current = self.directory.read(tuple(GROUPS))
        names = {user.id: user.upn for user in current.users}
        return {
            "users": {
                user.upn: (
                    user.department,
                    user.job_title,
                    user.city,
                    user.usage_location,
                    sorted((a.sku_id, a.disabled_plans, a.assigned_by or "") for a in user.assignments),
                )
                for user in current.users
            },
            "groups": {
                group.name: (
                    sorted((a.sku_id, a.disabled_plans) for a in group.assignments),
                    sorted(names.get(member, member) for member in group.members),
                )
                for group in current.groups
            },
            "gone": sorted(user.name for user in current.deleted_users),
        }


CALM = Faults(page_size=PAGE_SIZE)
"""Nothing goes wrong."""
