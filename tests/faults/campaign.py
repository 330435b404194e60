"""Which faults strike which calls, and what is a run of one of them?

A case is a fault at one call of one phase: while the plan is made, or while it is carried out. Which calls
there are, and how many of each kind, is found by a run in which nothing goes wrong.
"""

import functools
import random
from dataclasses import dataclass

import msgspec

from reconciler.errors import DirectoryError, RefusedError
from reconciler.sandbox.faults import Faults, Rule
from reconciler.sandbox.faults.calls import BATCH, Call
from tests.faults.invariants import breaches, foreign
from tests.faults.scene import PAGE_SIZE, Scene

PLAN, APPLY = "plan", "apply"

RETRY_AFTER = {
    "integer": {"retry_after": "7"},
    "decimal": {"retry_after": "0.249"},
    "date": {"retry_after_date": 9},
    "none": {},
    "hour": {"retry_after": "3600"},
}
NEVER_SENT = ("dns", "refused", "connect-timeout", "tls", "reset-sending")
EITHER = ("reset", "timeout", "cut", "500", "502", "503", "504", "408", "html", "redirect", "missing-answer")
REFUSALS = ("400", "401", "403", "404", "409", "410", "412", "423", "507")

KINDS = {
    **{kind: {"kind": kind} for kind in (*NEVER_SENT, *REFUSALS)},
    **{kind: {"kind": kind, "committed": False} for kind in EITHER},
    **{f"{kind}, committed": {"kind": kind, "committed": True} for kind in EITHER},
    **{f"429 {form}": {"kind": "429", **header} for form, header in RETRY_AFTER.items()},
    **{
        f"429 {form}, committed": {"kind": "429", "committed": True, **RETRY_AFTER[form]}
        for form in ("integer", "none")
    },
    "503 with a wait": {"kind": "503", "retry_after": "11"},
    **{kind: {"kind": kind} for kind in ("empty", "truncated", "not-json", "ignored", "latency", "shuffled")},
    **{kind: {"kind": kind} for kind in ("unknown-enum", "extra-field", "seats-taken", "stale-reads")},
    **{
        kind: {"kind": kind}
        for kind in ("foreign-link", "looping-link", "expired-page", "repeated-item", "missing-item")
    },
    "empty-page": {"kind": "empty-page"},
    "stale for minutes": {"kind": "stale-reads", "seconds": 400.0},
    "consumed-lag": {"kind": "consumed-lag", "seconds": 400.0},
    "no value": {"kind": "missing-field", "field": "value"},
    "no id": {"kind": "missing-field", "field": "id"},
    "no licences": {"kind": "missing-field", "field": "assignedLicenses"},
    "no sources of licences": {"kind": "missing-field", "field": "licenseAssignmentStates"},
    "no responses": {"kind": "missing-field", "field": "responses"},
}
"""Name of a fault → what makes it."""

AND_STALE = {"half a minute": 30.0, "a minute": 60.0}
"""How long a write whose answer is lost does not show either. Beyond two minutes nobody can know."""

KINDS |= {
    f"{kind}, committed and not shown for {span}": {**KINDS[f"{kind}, committed"], "and_stale": seconds}
    for kind in ("reset", "timeout", "504", "missing-answer")
    for span, seconds in AND_STALE.items()
}

LIES = ("missing-item", "missing-field", "unknown-enum", "404", "seats-taken", "ignored")
"""Kinds that no client can tell from the truth: a plan made from them may be another one."""

TIMES = {"once": 1, "twice": 2, "always": None}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault at one call: `nth` of its kind in this phase, and how often."""

    phase: str
    call: str
    fault: str
    place: str
    nth: int
    times: str

    def __str__(self):
        return f"{self.phase}: {self.call}, {self.place}: {self.fault}, {self.times}"

    @property
    def rules(self):
        """Return the fault, and with it the lag that hides what became of the call."""
        where = {"calls": (self.call,), "nth": self.nth, "times": TIMES[self.times]}
        made = dict(KINDS[self.fault])
        stale = made.pop("and_stale", None)
        lag = [Rule(kind="stale-reads", seconds=stale, **where)] if stale else []
        return (Rule(**made, **where), *lag)

    @property
    def rule(self):
        """Return the fault itself."""
        return self.rules[0]


@functools.cache
def calm():
    """Return what a run holds in which nothing goes wrong: its plan, its end, and its calls by phase."""
    with Scene() as tenant:
        plan = tenant.plan()
        planned = len(tenant.layer.seen)
        approved, run = tenant.apply(plan)
        applied = len(tenant.layer.seen)
        assert {one.status for one in run.results} == {"done", "blocked"}
        assert breaches(tenant.layer, approved, run, tenant.journal) == []
        calls = {PLAN: tenant.layer.seen[:planned], APPLY: tenant.layer.seen[planned:applied]}
        assert not tenant.plan().ready
        return plan, tenant.state(), calls


def cases():
    """Yield every case: each fault at the first, middle and last call of each kind that it can strike."""
    for phase in (PLAN, APPLY):
        every = calm()[2][phase]
        for kind in dict.fromkeys(call.kind for call in every):
            calls = [call for call in every if call.kind == kind]
            places = {"first": 1, "middle": (len(calls) + 1) // 2, "last": len(calls)}
            for nth in sorted(set(places.values())):
                place = next(name for name, number in places.items() if number == nth)
                for fault in KINDS:
                    for times in TIMES:
                        case = Case(phase=phase, call=kind, fault=fault, place=place, nth=nth, times=times)
                        if _applies(case, calls[nth - 1]):
                            yield case


def _applies(case, call: Call):
    """Tell whether a fault can strike such a call, and whether to repeat it makes another case."""
    rule = case.rule
    if not all(rule.matches(call) for rule in case.rules):
        return False
    if rule.committed and not call.writes and call.kind != BATCH:
        return False  # nothing is carried out by a read
    repeats = rule.facts.scope != "beside" and rule.kind not in ("shuffled", "extra-field")
    return case.times == "once" or repeats


# ------------------------------------------------------------ one run


def breaches_of(case):
    """Return what does not hold in a run of a case, I6 included; struck or not is told too."""
    plan, end, _ = calm()
    trouble = Faults(rules=case.rules, page_size=PAGE_SIZE)
    with Scene() as tenant:
        found = []
        if case.phase == PLAN:
            tenant.layer.change(trouble)
            made = _planned(tenant, found)
            if made is None or timeless(made) == timeless(plan):
                return _struck(tenant, found)
            if case.rule.kind not in LIES:
                found.append("another plan came of it")
            if not _found_out_later(case) and (extra := removals(made) - removals(plan)):
                found.append(f"the plan takes away what the true one does not: {sorted(extra)}")
            plan = made
            tenant.begin_anew()
        else:
            tenant.layer.change(trouble)
        _carried_out(tenant, plan, found)
        tenant.begin_anew()
        found += converges(tenant, None if _ends_elsewhere(case) else end)
        return _struck(tenant, found)


def _planned(tenant, found):
    """Return the plan, None where there is none; planning writes nothing."""
    try:
        plan = tenant.plan()
    except DirectoryError:
        plan = None
    if tenant.layer.commits:
        found.append("planning wrote to the tenant")
    found += foreign(tenant.layer)
    return plan


def timeless(plan):
    """Return a plan without the moments at which it was made and expires."""
    return msgspec.structs.replace(plan, created_at="", expires_at="")


def _ends_elsewhere(case):
    """Tell whether the tenant may end otherwise: somebody took seats, or hid whom a restore was for."""
    hidden = case.rule.kind == "missing-item" and case.call == "bin"
    return hidden or case.rule.kind == "seats-taken"


def _found_out_later(case):
    """Tell whether only the look before the write can show that a plan rests on a lie.

    Whose role is not told is not protected by it.
    """
    return case.rule.kind == "missing-item" and case.call in ("roles", "batch")


def removals(plan):
    """Return what a plan's ready changes take away."""
    taken = {(change.address, one.sku_id) for change in plan.ready for one in change.revoke}
    return taken | {
        (change.address, None) for change in plan.ready if change.kind in ("delete-user", "remove-member")
    }


def _carried_out(tenant, plan, found):
    try:
        approved, run = tenant.apply(plan)
    except (DirectoryError, RefusedError):
        if tenant.layer.commits:
            found.append("apply was given up, and something was written")
        return
    found += breaches(tenant.layer, approved, run, tenant.journal)


def converges(tenant, end):
    """I6: once nothing goes wrong any more, plan and apply come to the end that they would have come to."""
    try:
        again = tenant.plan()
        if again.ready:
            _, run = tenant.apply(again)
            if left := {one.status for one in run.results} - {"done", "already-done", "blocked", "left-out"}:
                yield f"I6: the second run leaves {sorted(left)}"
            if left := [change.address for change in tenant.plan().ready]:
                yield f"I6: a third plan still finds {left}"
        if end is not None and tenant.state() != end:
            yield "I6: it ends in another state"
    except (DirectoryError, RefusedError) as error:
        yield f"I6: the second run ends with {error}"


def _struck(tenant, found):
    if not tenant.layer.strikes:
        found.append("the fault struck nothing")
    return found


def by_name():
    """Return every case under its name."""
    return {str(case): case for case in cases()}


KEPT = (
    "apply: delete, last: reset, committed and not shown for half a minute, once",
    "apply: group-assign, first: seats-taken, once",
    "plan: bin, first: missing-item, once",
    "plan: skus, first: looping-link, once",
    "plan: skus, first: repeated-item, once",
)
"""Cases that were breached once, by the product or by what judges it."""


def sample(count, seed):
    """Return some cases under their names, every fault and every kind of call among them."""
    every = sorted(by_name().items())
    random.Random(seed).shuffle(every)  # noqa: S311  a dice, no secret
    chosen, faults, calls = {name: by_name()[name] for name in KEPT}, set(), set()
    for name, case in every:
        if case.fault not in faults or (case.phase, case.call) not in calls:
            chosen[name] = case
            faults.add(case.fault)
            calls.add((case.phase, case.call))
    rest = [(name, case) for name, case in every if name not in chosen]
    return chosen | dict(rest[: max(0, count - len(chosen))])
