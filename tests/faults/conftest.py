"""A small tenant behind faults that the test names, and a client of it."""

import shutil

import httpx
import pytest

from reconciler import sandbox
from reconciler.sandbox.faults import Faults, Rule
from reconciler.sandbox.faults.wire import Wire
from tests.directory import tenants


class Tenant:
    """A tenant with faults around it; `client` speaks to it, `clock` moves only where somebody waits."""

    def __init__(self, home, faults):
        self.clock = tenants.Clock()
        self.layer = sandbox.app(home, clock=self.clock, faults=faults, sleep=self.clock.sleep)
        self.client = httpx.Client(
            transport=Wire(self.layer),
            base_url="https://tenant.example/v1.0",
            headers={"Authorization": "Bearer sandbox"},
        )

    def get(self, path, **more):
        """Return the answer to a read."""
        return self.client.get(path, **more)

    def batch(self, *items):
        """Return the answers to the items of a batch, by the number of the item from 0."""
        requests = [
            {"id": str(number), "headers": {"Content-Type": "application/json"}, **item}
            for number, item in enumerate(items)
        ]
        reply = self.client.post("/$batch", json={"requests": requests})
        assert reply.status_code == 200
        return {each["id"]: each for each in reply.json()["responses"]}

    def patch(self, name="anna", **fields):
        """Return an item of a batch that changes a user."""
        return {"method": "PATCH", "url": f"/users/{name}@contoso.com", "body": fields}

    def city(self, name="anna"):
        """Return where a user lives, as the tenant itself has it."""
        self.layer.change(Faults())
        return self.get(f"/users/{name}@contoso.com?$select=city").json()["city"]

    @property
    def struck(self):
        """Return which faults struck what."""
        return [(rule.kind, call.kind) for rule, call in self.layer.strikes]


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    return tenants.fill(tmp_path_factory.mktemp("faults") / "home")


@pytest.fixture
def tenant(filled, tmp_path):
    """Return what makes a tenant in which these rules, or faults, are at work."""
    made = []

    def make(*rules, **more):
        home = shutil.copytree(filled, tmp_path / f"home{len(made)}")
        made.append(Tenant(home, Faults(rules=tuple(Rule(**rule) for rule in rules), **more)))
        return made[-1]

    yield make
    for each in made:
        each.client.close()
