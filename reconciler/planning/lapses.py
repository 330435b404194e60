"""What becomes of a licence whose replacing rule no longer matches its user?

It is kept for the rule's grace, counted from the applied run that first saw it, and taken after that;
while the account is disabled and would match if it were not, it is never taken. Whom a rule used to
match is known from the journal alone. Where another rule or an entry says what the user shall hold
instead, that is a swap and none of this module's business.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from reconciler.plan import Conflict, Topic
from reconciler.plan_memory import DISABLED
from reconciler.planning import licenses
from reconciler.planning.demands import granted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import date

    from reconciler.model import Rule, User
    from reconciler.planning.context import Context
    from reconciler.planning.demands import Demand
    from reconciler.planning.rulebook import Rulebook


def topic_of(rule: Rule) -> str:
    """Return the topic under which runs remember whom a rule matches."""
    return f"rules/{rule.name}"


class Lapses:
    """The users whom replacing rules matched at earlier runs; collects the conflicts that tell of them."""

    def __init__(self, context: Context, rules: Iterable[Rule]) -> None:
        self._context = context
        self._today = context.options.today
        self.conflicts: list[Conflict] = []
        self.waiting: set[str] = set()
        self._former: dict[str, list[tuple[Rule, date]]] = {}
        remembered = {row.topic: row for row in context.current.remembered}
        for rule in rules:
            row = remembered.get(topic_of(rule))
            if row and rule.mode == "replace":
                for user_id in sorted({*row.since, *row.left}):
                    left = row.left.get(user_id)
                    since = left.date() if left else self._today
                    self._former.setdefault(user_id, []).append((rule, since))

    def __bool__(self) -> bool:
        """Tell whether a rule is known to have matched anybody."""
        return bool(self._former)

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._former

    def of(self, user: User, after: User, demand: Demand, book: Rulebook) -> Demand:
        """Return the demand with what lapses, and note what is kept for now."""
        signed_in = {rule.name for rule in book.signed_in(after)} if after.enabled is False else set()
        for rule, _ in self._former[user.id]:
            if rule.name in signed_in:
                book.away.setdefault(rule.name, set()).add(user.id)
        if demand.replaces:  # by another rule, or by the same one: it matches again
            return demand
        chosen = licenses.chosen(demand, user.assignments, ())
        decided = {grant.sku_id for grant in (*demand.grants, *chosen, *demand.ended)}
        decided.update(exclusion.sku_id for exclusion in demand.exclusions)
        direct = {a.sku_id for a in user.assignments if a.assigned_by is None} - self._context.untouchable
        lapsed = dict(demand.lapsed)
        for rule, since in self._former[user.id]:
            for sku_id in sorted(granted(rule, self._today) & direct - decided):
                until = None if rule.name in signed_in else since + timedelta(days=rule.grace)
                if until is not None and until <= self._today:
                    lapsed.setdefault(sku_id, (rule.name, rule.location))
                else:
                    self.waiting.add(user.id)
                    self.conflicts.append(self._kept(user, rule, sku_id, since, until))
        if not lapsed:
            return demand
        return msgspec.structs.replace(demand, lapsed=tuple(sorted(lapsed.items())))

    def _kept(self, user: User, rule: Rule, sku_id: str, since: date, until: date | None) -> Conflict:
        ref = self._context.sku_ref(sku_id)
        return Conflict(
            code="no-longer-matched",
            params={
                "upn": user.upn,
                "rule": rule.name,
                "sku": ref.sku,
                "sku_name": ref.name,
                "since": since.isoformat(),
                "until": until and until.isoformat(),
            },
            subject=f"users/{user.upn}",
            sku=ref.sku,
            blocks=False,
            file=rule.location.file,
            line=rule.location.line,
        )


def kept_when_disabled(matched: Sequence[Rule], signed_in: Sequence[Rule], today: date) -> frozenset[str]:
    """Return the SKUs that a disabled account keeps because rules would grant them were it enabled.

    A replacing rule that matches only disabled accounts is about them, and takes what it says.
    """
    would, does = {rule.name for rule in signed_in}, {rule.name for rule in matched}
    if any(rule.mode == "replace" and rule.name not in would for rule in matched):
        return frozenset()
    return frozenset().union(*(granted(rule, today) for rule in signed_in if rule.name not in does))


def topics(
    context: Context,
    rules: Iterable[tuple[Rule, Collection[str], Collection[str]]],
    disabled: Collection[str],
) -> tuple[Topic, ...]:
    """Return what an applied run shall remember: of replacing rules, and of accounts to be deleted.

    `rules` come with the ids of the users whom each matches, and of those for whom it only waits to
    sign in again: time does not run against these.
    """
    rows = [(topic_of(rule), set(ids), set(away)) for rule, ids, away in rules if rule.mode == "replace"]
    known = {row.topic: row for row in context.current.remembered}
    if disabled or DISABLED in known:
        rows.append((DISABLED, set(disabled), set()))
    found = []
    for topic, ids, away in rows:
        before = set(known[topic].since) if topic in known else set()
        there = ids | away
        found.append(
            Topic(
                topic=topic,
                count=len(ids),
                joined=tuple(sorted(there - before)),
                left=tuple(sorted(before - there)),
            )
        )
    return tuple(sorted(found, key=lambda topic: topic.topic))
