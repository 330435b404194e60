"""What is said of a guard rail that refuses a plan, of one that the files loosen, or that protects nobody?

One function per code, one table for refusals and one for conflicts; to add a code, copy the nearest
function. Each says the numbers; the flag that lets a plan pass is added by messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.phrases import Facts, Told, count, listing

if TYPE_CHECKING:
    from collections.abc import Callable

SPANS = {"24h": "the last 24 hours", "7d": "the last 7 days"}


def _max_revocations(f: Facts) -> str:
    lost, held, recent = f.number("lost"), f.number("held"), f.number("recent")
    limit = _percent(f)
    before = f"{_share(lost + recent, held + recent, limit)} of those held before"
    return (
        f"the ready changes take {count(lost, 'licence')} of {held:,} held "
        f"({_share(lost, held, limit)}) away from users{_before(f, lost, before)}; "
        f"the guard rail max_revocations {_limits(f)}."
    )


def _max_deletions(f: Facts) -> str:
    deleted, users, recent = f.number("deleted"), f.number("users"), f.number("recent")
    limit = _percent(f)
    before = f"{_share(deleted + recent, users + recent, limit)} of those there before"
    return (
        f"the ready changes delete {count(deleted, 'user')} of {users:,} ({_share(deleted, users, limit)})"
        f"{_before(f, deleted, before)}; "
        f"the guard rail max_deletions {_limits(f)}."
    )


def _max_purchases(f: Facts) -> str:
    bought = f.number("bought")
    return (
        f"the ready changes buy {count(bought, 'seat')}{_before(f, bought)}; "
        f"the guard rail max_purchases {_limits(f)}."
    )


def _before(f: Facts, now: int, share: str = "") -> str:
    """Return ": 12 now, 30 in the last 24 hours, 42 in all"; "" where the plan alone is too much."""
    if not f.has("window"):
        return ""
    recent = f.number("recent")
    total = f"{now + recent:,} in all{f' ({share})' if share else ''}"
    return f": {now:,} now and {recent:,} in {SPANS.get(f.text('window'), f.text('window'))}, {total}"


def _auto_renew_off(f: Facts) -> str:
    return f"a ready change turns automatic renewal of {f.product} off: its users lose it when its term ends."


def _rule_matches_nobody(f: Facts) -> str:
    return (
        f"{f.rule}, which replaces what its users hold, matches nobody: whomever it matched before would "
        "lose its licences once its `grace` is over. A renamed department looks like this, too."
    )


def _rule_shrank(f: Facts) -> str:
    now, was = f.number("now"), f.number("was")
    return (
        f"{f.rule}, which replaces what its users hold, matches {count(now, 'user')} now and {was:,} at the "
        f"last applied run, {_share(was - now, was)} fewer: those who no longer match lose its licences once "
        "its `grace` is over."
    )


def _sku_emptied(f: Facts) -> str:
    recent = f" ({f.number('recent'):,} more lost it in the last 7 days)" if f.has("recent") else ""
    held, free = f.number("held"), f.number("free")
    whom = "its last holder" if held == 1 else f"all of its {held:,} holders"
    passes = f"; up to {free:,} always pass" if free else ""
    return f"the ready changes take {f.product} away from {whom}{recent}: nobody holds it afterwards{passes}."


def _users_emptied(f: Facts) -> str:
    where = f"in {f.text('base')}" if f.has("base") else "at the last applied run"
    was = f.number("was")
    return (
        f"`users` has no entry any more, and had {count(was, 'entry', 'entries')} {where}. An export that "
        "failed, or a file that was not written to its end, looks like this."
    )


def _tenant_shrank(f: Facts) -> str:
    now, was = f.number("now"), f.number("was")
    return (
        f"the tenant shows {count(now, 'user')}, and the last applied run left {was:,}: "
        f"{_share(was - now, was, _percent(f))} fewer, where up to {f.number('percent')} % pass. "
        "More likely not all of them could be read than that so many left."
    )


def _share(part: int, whole: int, limit: float = 0) -> str:
    """Return "12.5 %"; as exact as it must be, so that what exceeds a limit never looks like the limit."""
    share = 100 * part / whole if whole else 100.0
    shown = [f"{share:.{digits}f}".rstrip("0").rstrip(".") for digits in range(1, 9)]
    return f"{next((one for one in shown if float(one) > limit or share <= limit), shown[-1])} %"


def _percent(f: Facts) -> float:
    """Return the limit in percent; 0 where there is none."""
    text = f.text("percent")
    return float(text) if text.replace(".", "", 1).isdigit() else 0


def _limits(f: Facts) -> str:
    """Return what a rail allows."""
    limits = [
        *([f"at most {f.number('count'):,}"] if f.has("count") else []),
        *([f"at most {f.text('percent').removesuffix('.0')} %"] if f.has("percent") else []),
    ]
    free = f" (up to {f.number('free'):,} always pass)" if f.has("free") and f.number("free") else ""
    return f"allows {' and '.join(limits)}{free}" if limits else "refuses it"


REFUSALS: dict[str, Callable[[Facts], str]] = {
    "auto-renew-off": _auto_renew_off,
    "max-deletions": _max_deletions,
    "max-purchases": _max_purchases,
    "max-revocations": _max_revocations,
    "rule-matches-nobody": _rule_matches_nobody,
    "rule-shrank": _rule_shrank,
    "sku-emptied": _sku_emptied,
    "tenant-shrank": _tenant_shrank,
    "users-emptied": _users_emptied,
}
"""Refusal code → what is said of it."""


# ------------------------------------------------------------ loosened


def _guardrail_loosened(f: Facts) -> Told:
    return Told(
        f"`{f.text('setting')}` is looser in these files than in {f.text('base')}: {_moved(f)}. "
        "This plan keeps to the stricter.",
        (
            "Take it back, if it is not meant.",
            "If it is, let it be reviewed and merged first, in a change of its own; it holds from then on.",
        ),
    )


def _safeguard_loosened(f: Facts) -> Told:
    return Told(
        f"`{f.text('setting')}` protects less in these files than in {f.text('base')}: {_moved(f)}. "
        "This plan follows these files.",
        (
            "Take it back, if it is not meant.",
            "If it is, review with it what this plan changes because of it.",
        ),
    )


def loosened(f: Facts) -> str:
    """Return what is looser in a plan than it has to be."""
    return f"`{f.text('setting')}`: {_moved(f, 'in the file', 'in the plan')}"


def _moved(f: Facts, there: str = "there", here: str = "here") -> str:
    """Return what it was and what it is; of lists, what is missing."""
    if f.names("was"):
        return f"{listing(f.names('was'))} {'is' if len(f.names('was')) == 1 else 'are'} missing"
    return f"{_setting(f, 'was')} {there}, {_setting(f, 'now')} {here}"


def _setting(f: Facts, key: str) -> str:
    """Return what a setting is: the limits of a rail, or its value."""
    found = f.facts(key)
    if found is None:
        return f.text(key) if f.has(key) else "nothing"
    return (
        _limits(found).removeprefix("allows ") if found.has("count") or found.has("percent") else "no limit"
    )


def _protects_nobody(f: Facts) -> Told:
    near = f.text("nearest") if f.has("nearest") else ""
    question = f'; did you mean "{near}"?' if near else "."
    return Told(
        f"`protected_users` names {f.text('name')}, and there is no such user and no such group: this entry "
        f"protects nobody{question}",
        (
            f"Correct it to {near}." if near else "Correct it: a UPN, or the name or id of a user or group.",
            "Delete it, if whoever it meant is gone.",
        ),
    )


LOOSENED: dict[str, Callable[[Facts], Told]] = {
    "guardrail-loosened": _guardrail_loosened,
    "protects-nobody": _protects_nobody,
    "safeguard-loosened": _safeguard_loosened,
}
"""Conflict code → what is said of it."""
