"""What do other administrators do meanwhile?

They take seats between a plan and its apply. Written straight to the tenant, with the rights of its first
global administrator; no fault strikes it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.faults.calls import GRAPH, Call
from reconciler.sandbox.faults.inner import ask

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from reconciler.sandbox.faults.answers import Reply

Done = list[tuple[Call, "Reply"]]
_HEADERS = {"authorization": "Bearer sandbox", "content-type": "application/json"}
_MOST = 1_000
_PASSWORD = "Newcomer-1-of-many"  # noqa: S105  of nobody: the account is there to hold a seat


class Others:
    """Other people at work in the same tenant."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._newcomers = 0

    def take_seats(self, call: Call, count: int | None) -> Done:
        """Give the SKUs that a call adds to newcomers, `count` seats of each or all that are free.

        Returns the writes that the tenant carried out.
        """
        content = call.content or {}
        done: Done = []
        for row in content.get("addLicenses", ()) if isinstance(content, dict) else ():
            for _ in range(_MOST if count is None else count):
                taken = self._newcomer(str(row.get("skuId")))
                done += taken
                if len(taken) < 2:  # noqa: PLR2004  made, and no seat left
                    break
        return done

    def _newcomer(self, sku_id: str) -> Done:
        self._newcomers += 1
        name = f"newcomer-{self._newcomers}"
        upn = f"{name}@{self._domain()}"
        body = {
            "accountEnabled": True,
            "displayName": name,
            "mailNickname": name,
            "userPrincipalName": upn,
            "usageLocation": "NL",
            "passwordProfile": {"password": _PASSWORD},
        }
        licence = {"addLicenses": [{"skuId": sku_id, "disabledPlans": []}], "removeLicenses": []}
        made = [self._write("/users", body), self._write(f"/users/{upn}/assignLicense", licence)]
        return [(call, reply) for call, reply in made if reply.ok]

    def _domain(self) -> str:
        reply = ask(self._app, Call(method="GET", path=f"{GRAPH}/organization", headers=_HEADERS))
        domains = reply.content["value"][0]["verifiedDomains"]
        return str(next((row["name"] for row in domains if row.get("isDefault")), domains[0]["name"]))

    def _write(self, path: str, body: dict[str, Any]) -> tuple[Call, Reply]:
        call = Call(
            method="POST",
            path=f"{GRAPH}{path}",
            headers=_HEADERS,
            body=json.dumps(body).encode(),
            root="http://localhost",
        )
        return call, ask(self._app, call)
