"""What should people know of the rules, and when do rules refuse a plan?

Judges the rules as a whole: whom they match against whom they used to match, where two contradict each
other, which exceptions have run out. It drafts nothing.
"""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from itertools import combinations, islice
from typing import TYPE_CHECKING

from reconciler.model import Rule
from reconciler.plan import Conflict, Refusal, RuleRow
from reconciler.planning import demands, lapses, matching
from reconciler.planning.grouping import SHOWN
from reconciler.planning.rulebook import conflict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model import Entry, Exclusion
    from reconciler.plan import Topic
    from reconciler.planning.context import Context
    from reconciler.planning.rulebook import Rulebook

FEWER = 30
"""Percent: a replacing rule that matches so many fewer users than at the last applied run refuses."""

COMPARED = 1000
"""A field with more values than this tells people apart, as a number does: a near one means nothing."""


def rows(book: Rulebook) -> tuple[RuleRow, ...]:
    """Return the rules and how many users each matches, by name."""
    matched = _counts(book)
    return tuple(
        RuleRow(
            name=rule.name,
            mode=rule.mode,
            matched=matched[rule.name],
            file=rule.location.file,
            line=rule.location.line,
        )
        for rule in book.rules
    )


def conflicts(context: Context, book: Rulebook) -> Iterator[Conflict]:
    """Yield what should be known of the rules and of all exceptions; none blocks anything."""
    matched = _counts(book)
    for rule in book.rules:
        if not matched[rule.name]:
            unmet = list(islice(_unmet(context, rule), SHOWN))
            about = {"values": unmet} if unmet else {}
            yield conflict(rule, "rule-matches-nobody", blocks=False, **about)
    yield from _disagreements(context, book)
    owners: list[Entry | Rule] = [*context.entries, *book.rules]
    for owner in owners:
        for exclusion in owner.exclusions:
            if exclusion.until is not None and exclusion.until < context.options.today:
                yield _expired(context, owner, exclusion)


def _unmet(context: Context, rule: Rule) -> Iterator[dict[str, str | None]]:
    """Yield each value that the rule asks for and that nobody has, with the nearest that somebody has."""
    told: dict[str, dict[str, str]] = {}
    for test in matching.wanted(rule.when):
        if test.field not in told:
            told[test.field] = matching.values(context.current.users, test.field)
        known = told[test.field]
        for value in (value for value in test.values if isinstance(value, str) and value not in known):
            few = known if len(known) <= COMPARED else ()
            near = get_close_matches(value, few, n=1, cutoff=0.75)
            yield {"field": test.field, "value": value, "nearest": known[near[0]] if near else None}


def refusals(context: Context, book: Rulebook) -> Iterator[Refusal]:
    """Yield a refusal for each replacing rule that matches nobody, or far fewer than it did."""
    matched = _counts(book)
    remembered = {row.topic: row.count for row in context.current.remembered}
    for rule in book.rules:
        now, was = matched[rule.name], remembered.get(lapses.topic_of(rule), 0)
        if rule.mode != "replace":
            continue
        if not now:
            yield _refusal("rule-matches-nobody", rule=rule.name)
        elif now * 100 <= was * (100 - FEWER):
            yield _refusal("rule-shrank", rule=rule.name, now=now, was=was, percent=FEWER)


def topics(context: Context, book: Rulebook, disabled: Sequence[str]) -> tuple[Topic, ...]:
    """Return what an applied run shall remember. `disabled` are ids of accounts to be deleted."""
    ids: dict[str, list[str]] = {}
    for matched, users in book.matched:
        for rule in matched:
            if rule.mode == "replace":
                ids.setdefault(rule.name, []).extend(user.id for user in users)
    found = [(rule, ids.get(rule.name, []), book.away.get(rule.name, ())) for rule in book.rules]
    return lapses.topics(context, found, disabled)


def _counts(book: Rulebook) -> Counter[str]:
    counts = Counter(book.coming)
    for matched, users in book.matched:
        for rule in matched:
            counts[rule.name] += len(users)
    return counts


def _disagreements(context: Context, book: Rulebook) -> Iterator[Conflict]:
    """Yield a conflict for each two rules that want a service plan of one SKU on and off for a user."""
    found: dict[tuple[str, str, str], list[str]] = {}
    plans: dict[tuple[str, str, str], frozenset[str]] = {}
    by_name = {rule.name: rule for rule in book.rules}
    for matched, users in book.matched:
        for first, second in combinations(matched, 2):
            for sku_id, differing in _differing(first, second, context):
                key = (first.name, second.name, sku_id)
                plans[key] = differing
                found.setdefault(key, []).extend(user.upn for user in users)
    for (name, other, sku_id), upns in sorted(found.items()):
        ref = context.sku_ref(sku_id)
        yield conflict(
            by_name[name],
            "rules-disagree",
            blocks=False,
            other=other,
            sku=ref.sku,
            sku_name=ref.name,
            plans=sorted(context.plan_name(plan) for plan in plans[name, other, sku_id]),
            users=sorted(upns)[:SHOWN],
            count=len(upns),
        )


def _differing(first: Rule, second: Rule, context: Context) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the SKUs of which two rules manage the plans, with the plans on which they differ."""
    today = context.options.today
    managed = [
        {
            grant.sku_id: frozenset(grant.disabled_plans)
            for grant in rule.grants
            if grant.disabled_plans is not None and demands.in_force(grant, today)
        }
        for rule in (first, second)
    ]
    for sku_id in sorted(managed[0].keys() & managed[1].keys()):
        differing = managed[0][sku_id] ^ managed[1][sku_id]
        if differing:
            yield sku_id, differing


def _expired(context: Context, owner: Entry | Rule, exclusion: Exclusion) -> Conflict:
    ref = context.sku_ref(exclusion.sku_id)
    if isinstance(owner, Rule):
        about, subject = {"rule": owner.name}, f"rules/{owner.name}"
    else:
        about, subject = {"upn": owner.upn}, f"users/{owner.upn}"
    return Conflict(
        code="exception-expired",
        params={
            **about,
            "sku": ref.sku,
            "sku_name": ref.name,
            "until": exclusion.until and exclusion.until.isoformat(),
            "reason": exclusion.reason,
            "owner": exclusion.owner,
        },
        subject=subject,
        sku=ref.sku,
        blocks=False,
        file=exclusion.location.file,
        line=exclusion.location.line,
    )


def _refusal(code: str, **params: object) -> Refusal:
    return Refusal(code=code, params=params, allow=f"--allow {code}")
