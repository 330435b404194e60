"""What does one line of the journal hold, and what do the lines of a run make together? Values only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from reconciler.plan import ActorInfo, GroupRef, TenantInfo, Topic, UserRef

FORMAT_VERSION = "1.0"


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """One line. `time` is the tenant's clock, in UTC, to the second."""

    run: str
    time: datetime


class RunStart(Record, frozen=True, kw_only=True, tag="run-start"):
    """What was about to be carried out, by whom, with which flags. `changes` counts ready ones.

    `memory` is what the plan tells later ones to remember, `fencing_token` that of the lock under which it
    ran; older journals have neither.
    """

    format_version: str = FORMAT_VERSION
    tool_version: str
    plan_digest: str
    desired_digest: str
    tenant: TenantInfo
    actor: ActorInfo
    options: dict[str, Any]
    changes: int
    memory: tuple[Topic, ...] = ()
    fencing_token: int | None = None


class Resumed(Record, frozen=True, kw_only=True, tag="run-resume"):
    """A run that did not come to its end goes on, with the plan and the flags of its start."""

    tool_version: str
    actor: ActorInfo
    fencing_token: int | None = None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of a group's licences gives to a member and takes away: SKU ids, over all sources."""

    id: str
    upn: str
    gains: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()


class Intent(Record, frozen=True, kw_only=True, tag="intent"):
    """A write that is about to be sent; `before` is what the object held a moment ago.

    `members` are those of a group that gain or lose something with its licences.
    """

    address: str
    kind: str
    user: UserRef | None = None
    group: GroupRef | None = None
    members: tuple[Member, ...] = ()
    before: dict[str, Any]
    after: dict[str, Any]


class Result(Record, frozen=True, kw_only=True, tag="result"):
    """What became of a change, written or not. `user_id` is told of created and restored users too."""

    address: str
    kind: str
    status: str
    code: str | None = None
    params: dict[str, Any] = {}
    user_id: str | None = None
    request_id: str | None = None
    client_request_id: str | None = None
    http_status: int | None = None


class Verified(Record, frozen=True, kw_only=True, tag="verified"):
    """The tenant was read again, and showed what these changes brought; a result tells its answer alone."""

    addresses: tuple[str, ...]


class RunEnd(Record, frozen=True, kw_only=True, tag="run-end"):
    """The run came to its end by itself, interrupted or not. `counts` is by status."""

    counts: dict[str, int]
    exit_code: int
    interrupted: bool = False


Line = RunStart | Resumed | Intent | Result | Verified | RunEnd


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """A line that is no record: torn by a kill, or not ours. `line` counts from 1.

    `broken` tells that the chain of the lines breaks there (see journal_chain): the line itself may be a
    record, but somebody changed it, the one before it, or what stood between.
    """

    line: int
    reason: str
    broken: bool = False


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """All that the journal holds of one run, in the order of writing.

    Of a change that a resumed run tried again, the last try counts. `verified` are addresses; `resumed`
    are the instants at which the run went on.
    """

    id: str
    start: RunStart
    intents: tuple[Intent, ...] = ()
    results: tuple[Result, ...] = ()
    verified: frozenset[str] = frozenset()
    resumed: tuple[datetime, ...] = ()
    end: RunEnd | None = None

    @property
    def unsettled(self) -> tuple[Intent, ...]:
        """Return the intents without a result: the run died while they were under way."""
        known = {result.address for result in self.results}
        return tuple(intent for intent in self.intents if intent.address not in known)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A journal as read: every sound line, and every line that is not."""

    lines: tuple[Line, ...] = ()
    damage: tuple[Damage, ...] = ()
