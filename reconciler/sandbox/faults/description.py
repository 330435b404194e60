"""What shall go wrong, and how often? The description of faults, as values.

Frozen, and replayable: whether a fault strikes hangs on the seed, the call and its number only, never on
the order in which threads happen to run. Nothing is read or answered here.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from reconciler.model import Value
from reconciler.sandbox.faults import kinds
from reconciler.sandbox.faults.calls import ANY, BATCH

if TYPE_CHECKING:
    from reconciler.sandbox.faults.calls import Call
    from reconciler.sandbox.faults.kinds import Kind


class Rule(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One fault: its kind, the calls that it strikes, and which of them.

    `calls` are kinds of call; `method` and `path` (with * for one segment, ** for any) narrow them. Of the
    calls that match, it strikes from the `nth` on (from 1), each with `probability`, until it has struck
    `times` (None: without end). `committed`: the tenant carries the request out first. `retry_after` is
    what the header says, `retry_after_date` a date so many seconds ahead; neither: no header.
    """

    kind: str
    calls: tuple[str, ...] = (ANY,)
    method: str | None = None
    path: str | None = None
    nth: int = 1
    times: int | None = 1
    probability: float = 1.0
    committed: bool | None = None
    retry_after: str | None = None
    retry_after_date: int | None = None
    seconds: float | None = None
    field: str | None = None
    count: int | None = None

    @property
    def facts(self) -> Kind:
        """Return what holds for its kind."""
        return kinds.KINDS[self.kind]

    @property
    def commits(self) -> bool:
        """Tell whether the tenant carries the request out."""
        fixed = self.facts.committed
        return bool(self.committed) if fixed is None else fixed

    @property
    def duration(self) -> float:
        """Return how long it takes, or holds, in seconds."""
        return kinds.SECONDS.get(self.kind, 0.0) if self.seconds is None else self.seconds

    def matches(self, call: Call) -> bool:
        """Tell whether a call is one of those that it may strike."""
        return (
            call.is_a(self.calls)
            and self._can_strike(call)
            and (self.method is None or self.method.upper() == call.method)
            and (self._pattern is None or bool(self._pattern.fullmatch(call.path)))
        )

    def _can_strike(self, call: Call) -> bool:
        match self.facts.strikes:
            case "any":
                return True
            case "read":
                return not call.writes and call.kind != BATCH
            case "write":
                return call.writes
            case "listing":
                return call.method == "GET" and call.kind not in ("get", "group-state") and not call.repeated
            case "item":
                return call.item is not None
            case "batch":
                return call.kind == BATCH

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        if self.path is None:
            return None
        translated = re.escape(self.path).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
        return re.compile(rf"(?:/v1\.0|/commerce/v1)?{translated}")


class Limit(Value, frozen=True, kw_only=True):
    """So much within so many seconds."""

    count: int
    seconds: float


class Throttle(Value, frozen=True, kw_only=True):
    """The limits of one application in one tenant; None: no limit.

    Resource units of None with `by_size` are those that Microsoft gives a tenant of this many users.
    """

    writes: Limit | None = None
    resource_units: Limit | None = None
    reports: Limit | None = None
    by_size: bool = False


DOCUMENTED = Throttle(
    writes=Limit(count=3_000, seconds=150), reports=Limit(count=5, seconds=10), by_size=True
)
"""Microsoft's limits for the identity and access service."""


class Faults(Value, frozen=True, kw_only=True):
    """All that goes wrong. `page_size` is the most rows of a page; `group_delay`, in seconds, is how long
    a group takes to reach its members.
    """

    rules: tuple[Rule, ...] = ()
    seed: int = 0
    throttle: Throttle | None = None
    page_size: int | None = None
    group_delay: float = 0.0


class Chooser:
    """Tells which rules strike a call; it counts, and may be asked from several threads."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._lock = Lock()
        self._matched: Counter[int] = Counter()
        self._struck: Counter[int] = Counter()
        self._asked: Counter[tuple[int, str, str]] = Counter()

    def strikes(self, call: Call) -> list[Rule]:
        """Return the rules that strike this call, in the order of the file, and count it."""
        with self._lock:
            return [
                rule for number, rule in enumerate(self._faults.rules) if self._strikes(number, rule, call)
            ]

    def _strikes(self, number: int, rule: Rule, call: Call) -> bool:
        if not rule.matches(call):
            return False
        self._matched[number] += 1
        asked = number, call.method, call.path
        self._asked[asked] += 1
        if self._matched[number] < rule.nth:
            return False
        if rule.times is not None and self._struck[number] >= rule.times:
            return False
        chance = random.Random(f"{self._faults.seed} {asked} {self._asked[asked]}").random()  # noqa: S311  a dice, no secret
        struck = chance < rule.probability
        self._struck[number] += struck
        return struck
