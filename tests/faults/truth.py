"""What did the tenant hold at each instant? A replay of the commits, by rules written down anew here.

It shares nothing with the sandbox but the list of what was carried out.
"""

import json

from tests.faults import scene


class Truth:
    """Users, groups and seats, as the commits so far leave them."""

    def __init__(self):
        held = scene.snapshot()
        self.direct = {}
        self.upns = {}
        for user in (*held["users"], *held["deletedUsers"]):
            states = user["licenseAssignmentStates"]
            self.direct[user["id"]] = {one["skuId"] for one in states if not one["assignedByGroup"]}
            self.upns[user["id"]] = user["userPrincipalName"]
        self.deleted = {user["id"] for user in held["deletedUsers"]}
        self.gives = {row["id"]: {one["skuId"] for one in row["assignedLicenses"]} for row in held["groups"]}
        self.members = {row["id"]: set(row["members"]) for row in held["groups"]}
        self.given = {
            (group, user): set(self.gives[group]) for group in self.gives for user in self.members[group]
        }

    def inherited(self, user):
        """Return the SKUs that a user's groups give."""
        return set().union(*(skus for (_, other), skus in self.given.items() if other == user))

    def _process(self, user):
        """Let groups give a user what there are seats for: whom they leave out is the tenant's affair."""
        for group, ids in self.members.items():
            now = self.given.pop((group, user), set()) & self.gives[group]
            if user not in ids:
                continue
            self.given[group, user] = now
            for sku in self.gives[group] - now:
                if sku in self.held(user) or self.in_use(sku) < scene.SEATS[sku]:
                    now.add(sku)

    def held(self, user):
        """Return the SKUs that a user holds, whatever gives them."""
        return set() if user in self.deleted else self.direct.get(user, set()) | self.inherited(user)

    def in_use(self, sku):
        """Return how many users hold a SKU."""
        return sum(sku in self.held(user) for user in self.direct)

    def carry(self, commit):
        """Take note of a write that was carried out."""
        call, told = commit.call, commit.reply.content or {}
        body = json.loads(call.body) if call.body else {}
        key = self.id_of(call.object or "")
        match call.kind:
            case "create":
                user = told["id"].lower()
                self.direct[user], self.upns[user] = set(), body["userPrincipalName"].lower()
            case "assign":
                gone = {sku.lower() for sku in body["removeLicenses"]}
                self.direct[key] = (self.direct[key] - gone) | {r["skuId"] for r in body["addLicenses"]}
            case "delete":
                self.deleted.add(key)
            case "restore":
                self.deleted.discard(key)
                self.upns[key] = self.upns[key].removeprefix(key.replace("-", ""))
            case "group-assign":
                gone = {sku.lower() for sku in body["removeLicenses"]}
                self.gives[key] = (self.gives[key] - gone) | {r["skuId"] for r in body["addLicenses"]}
                for member in sorted(self.members[key]):
                    self._process(member)
            case "join":
                member = body["@odata.id"].rpartition("/")[2].lower()
                self.members[key].add(member)
                self._process(member)
            case "leave":
                member = call.path.split("/")[-2].lower()
                self.members[key].discard(member)
                self._process(member)
            case "reprocess":
                self._process(key)

    def id_of(self, key):
        """Return an id for a UPN, or the id itself."""
        return next((user for user, upn in self.upns.items() if upn == key), key)
