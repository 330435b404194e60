"""What is one change in the hands of a run: asked about, compared, put on record, told?

Pure. A change and what was seen of its object in; a verdict, an intent or a result out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from reconciler.apply.expectation import judge, moved
from reconciler.apply.result import Result
from reconciler.journal import Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.apply.credentials import Credentials
    from reconciler.apply.result import Status
    from reconciler.apply.turns import Apart
    from reconciler.directory import Outcome
    from reconciler.plan import Change


class Job(NamedTuple):
    """A change that may be sent now, its `before` as of now; the id of its user, if there is one.

    `apart` is what this run may have moved itself: it is not compared. `written` tells that this run wrote
    to its user: the tenant may show the state of before for a while.
    """

    change: Change
    user_id: str | None
    apart: Apart
    written: bool = False


def asking_id(change: Change) -> Change:
    """Return a change that also asks under which id a user to be created may be there already."""
    if change.kind != "create-user":
        return change
    return msgspec.structs.replace(change, after={**change.after, "id": None})


def verdict_on(job: Job, seen: Mapping[str, Any] | None) -> Result | None:
    """Return the result of a change that must not be written, or None."""
    change = job.apart.of(job.change)
    if seen is None:
        return result_of(change, "failed", code="unreadable")
    names = _names(change) | seen.get("upns", {})
    seen = job.apart.less(seen)
    user_id = job.user_id
    if change.kind == "create-user":
        user_id = seen.pop("id", None)
    verdict = judge(change, seen)
    if verdict == "moved":
        code = ("moved" if seen else "gone") if change.before else "exists"
        return result_of(change, "stale", code=code, params={"moved": moved(change.before, seen, names)})
    return result_of(change, "already-done", user_id=user_id) if verdict == "already" else None


def _names(change: Change) -> dict[str, str]:
    """Return id → UPN of those members of a group whom the plan names."""
    return {one.user.id: one.user.upn for one in change.members if one.user.id}


def intent_of(change: Change) -> dict[str, Any]:
    """Return what the journal is told before a write.

    What members of a group hold is told by what they gain and lose, and not by fingerprints as well.
    """
    ids = {one.sku: one.sku_id for part in (change.assign, change.revoke, change.modify) for one in part}

    def known(skus: Iterable[str]) -> tuple[str, ...]:
        return tuple(ids[sku] for sku in skus if sku in ids)

    return {
        "address": change.address,
        "kind": change.kind,
        "user": change.user,
        "group": change.group,
        "members": tuple(
            Member(id=one.user.id, upn=one.user.upn, gains=known(one.gains), loses=known(one.loses))
            for one in change.members
            if one.user.id
        ),
        "before": {key: value for key, value in change.before.items() if key != "members"},
        "after": change.after,
    }


def result_of(change: Change, status: Status, **fields: Any) -> Result:
    """Return a result of a change."""
    return Result(address=change.address, kind=change.kind, status=status, **fields)


def outcome_of(change: Change, outcome: Outcome, credentials: Credentials | None) -> Result:
    """Return the result of a change that was sent; of a user that was created, where the password is."""
    code, params = outcome.code, dict(outcome.params)
    if outcome.message:
        params["message"] = outcome.message
    if change.kind == "create-user" and outcome.status == "done":
        code, params = "password-not-kept", {}
        if credentials:
            code, params = "password-kept", {"file": str(credentials.path)}
    return result_of(
        change,
        outcome.status,
        code=code,
        params=params,
        user_id=outcome.user_id or (change.user.id if change.user else None),
        request_id=outcome.request_id,
        client_request_id=outcome.client_request_id,
        http_status=outcome.http_status,
    )
