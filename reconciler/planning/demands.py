"""What do all declarations together ask of one user's direct licences, on the day of the plan?

Adds up the entry, the rules that match, their dates, and what earlier runs remember. It looks at no
assignment: licences.py does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model import Choice, Exclusion, Grant, Location, Rule, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from reconciler.model import Entry, WantedGroup

Reason = tuple[str, Location]


class Demand(Value, frozen=True, kw_only=True):
    """What is asked of the direct licences of a user, or of the licences of a group.

    `replaces` says who asks that nothing else be held; None: nobody, so that only what is excluded,
    has ended or has lapsed is taken. `ended` are grants whose last day has passed; `lapsed` SKU ids
    whose rule no longer matches and whose time is over, each with its rule. `kept` are SKU ids that
    are not taken for no longer being granted. `given` tells whether rules may give something new: they
    give nothing to a disabled account.
    """

    grants: tuple[Grant, ...] = ()
    choices: tuple[Choice, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    ended: tuple[Grant, ...] = ()
    lapsed: tuple[tuple[str, Reason], ...] = ()
    kept: frozenset[str] = frozenset()
    replaces: Reason | None = None
    given: bool = True
    priority: int = 0

    def __bool__(self) -> bool:
        """Tell whether anything is asked."""
        return bool(
            self.grants or self.choices or self.exclusions or self.ended or self.lapsed or self.replaces
        )


NOTHING = Demand()


def of(entry: Entry | None, rules: Sequence[Rule], today: date, *, enabled: bool = True) -> Demand:
    """Return what an entry and the rules that match ask on `today`; `enabled` False: rules give nothing."""
    sources: list[Entry | Rule] = [*((entry,) if entry else ()), *rules]
    grants = [grant for source in sources for grant in source.grants or ()]
    choices = [choice for source in sources for choice in source.choices]
    exclusions = [exclusion for source in sources for exclusion in source.exclusions]
    dated = any(grant.start or grant.until for grant in grants)
    return Demand(
        grants=tuple(grant for grant in grants if in_force(grant, today)) if dated else tuple(grants),
        choices=tuple(current for choice in choices for current in _current(choice, today)),
        exclusions=tuple(one for one in exclusions if one.until is None or today <= one.until),
        ended=_ended((*grants, *(option for choice in choices for option in choice.options)), today),
        replaces=next((_reason(source) for source in sources if _replaces(source)), None),
        given=enabled,
        priority=max((source.priority for source in sources), default=0),
    )


def of_group(wanted: WantedGroup, today: date) -> Demand:
    """Return what is asked of the licences of a group."""
    grants = wanted.grants or ()
    replaces = wanted.grants is not None and wanted.mode == "replace"
    return Demand(
        grants=tuple(grant for grant in grants if in_force(grant, today)),
        ended=_ended(grants, today),
        replaces=("groups", wanted.location) if replaces else None,
        priority=wanted.priority,
    )


def in_force(grant: Grant, today: date) -> bool:
    """Tell whether a grant holds on `today`: its first and its last day are part of it."""
    return (grant.start is None or grant.start <= today) and (grant.until is None or today <= grant.until)


def granted(rule: Rule, today: date) -> frozenset[str]:
    """Return the ids of the SKUs that a rule may give on `today`."""
    options = (option for choice in rule.choices for option in choice.options)
    return frozenset(grant.sku_id for grant in (*rule.grants, *options) if in_force(grant, today))


def _ended(grants: Iterable[Grant], today: date) -> tuple[Grant, ...]:
    return tuple(grant for grant in grants if grant.until is not None and grant.until < today)


def _current(choice: Choice, today: date) -> tuple[Choice, ...]:
    """Return the choice with the options that are in force, if there are any."""
    options = tuple(option for option in choice.options if in_force(option, today))
    return (Choice(options=options, location=choice.location),) if options else ()


def _replaces(source: Entry | Rule) -> bool:
    return source.grants is not None and source.mode == "replace"


def _reason(source: Entry | Rule) -> Reason:
    return (source.name if isinstance(source, Rule) else "users"), source.location
