"""What came of a change, and of a whole run? Values, and the exit code that follows from them.

No sentence is made here: report and cli word the codes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal, get_args

from reconciler.model import Value
from reconciler.plan import Kind

Status = Literal[
    "done",
    "already-done",
    "failed",
    "stale",
    "skipped",
    "left-out",
    "unknown",
    "unsettled",
    "blocked",
]

UNCERTAIN = ("unknown", "unsettled")
DONE, ERROR, PARTIAL, UNKNOWN, INTERRUPTED = 0, 1, 4, 5, 130


class Result(Value, frozen=True, kw_only=True):
    """What came of one change.

    done: written. already-done: the object held the wanted state, nothing was written. failed: the
    tenant said no, or the object could not be read; nothing changed (but with "member-errors": the group
    is changed, and `params["members"]`, upn and error, are some of the `count` whom it did not reach).
    stale: the object had moved
    (`params["moved"]`: path, expected, found). skipped: what it waits for was not done
    (`params`: on, status), or the run was stopped. left-out: it spends money and `--buy` was not
    given. unknown: it may or may not have been written. unsettled: the tenant accepted it, and did not
    show it in time, or ("group-not-settled") the group's members did not all follow in time. blocked: the
    plan says why.
    """

    address: str
    kind: Kind
    status: Status
    code: str | None = None
    params: dict[str, Any] = {}
    user_id: str | None = None
    request_id: str | None = None
    client_request_id: str | None = None
    http_status: int | None = None

    @property
    def carried(self) -> bool:
        """Tell whether the object now holds what the change wanted."""
        return self.status in ("done", "already-done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of a run; `results` stand in the order of the plan, one for each change.

    `interrupted`: somebody asked it to stop before everything was tried. `error`: what else ended it
    before its end, if anything did.
    """

    id: str
    results: tuple[Result, ...] = ()
    interrupted: bool = False
    error: BaseException | None = None

    @property
    def canary_failed(self) -> bool:
        """Tell whether it stopped after its first changes: one was not carried out, or is not shown."""
        return any(result.code == "canary" for result in self.results)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many changes came to each status, in a fixed order, zeros included."""
        found = Counter(result.status for result in self.results)
        return {status: found[status] for status in get_args(Status)}

    @property
    def whole(self) -> bool:
        """Tell whether the run came to its end by itself, and knows what came of everything."""
        return not (self.interrupted or self.error or any(one.status in UNCERTAIN for one in self.results))

    @property
    def exit_code(self) -> int:
        """Return the process's exit code.

        0 all done, 1 all done but an error came after it (the journal could not be ended), 4 in
        part, 5 an outcome unknown or unsettled, 130 interrupted.
        """
        if self.interrupted:
            return INTERRUPTED
        if any(result.status in UNCERTAIN for result in self.results):
            return UNKNOWN
        if all(result.carried for result in self.results):
            return ERROR if self.error else DONE
        return PARTIAL
