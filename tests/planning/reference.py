"""What shall a user hold directly, by the definitions alone? The real planner must agree.

One user, no seats: entry and rules, dates, modes, exclusions, choices, disabled accounts, and what groups
give already. What a change of a group does to its members is not told here; the laws hold that.
"""

from datetime import date

from reconciler.model import Entry, Every, Not, Rule, Some, Test, User


def answer(condition, user: User) -> bool | None:
    """Return yes, no, or untold."""
    if isinstance(condition, Not):
        inner = answer(condition.condition, user)
        return None if inner is None else not inner
    if isinstance(condition, Every | Some):
        found = [answer(part, user) for part in condition.conditions]
        strong = isinstance(condition, Some)
        if strong in found:
            return strong
        return None if None in found else not strong
    assert isinstance(condition, Test)
    value = user.upn.split("@")[1] if condition.field == "domain" else getattr(user, condition.field)
    if value is None:
        return None if condition.field in ("enabled", "user_type") else False
    value = value.casefold() if isinstance(value, str) else value
    return condition.operator == "present" or value in condition.values


def active(grant, today: date) -> bool:
    return (not grant.start or grant.start <= today) and (not grant.until or today <= grant.until)


def inherited(user: User) -> dict[str, set[str]]:
    """Return SKU id → plans that are off, of what groups give: what any of them has on is on."""
    given: dict[str, set[str]] = {}
    for a in user.assignments:
        if a.assigned_by and a.state == "Active":
            given[a.sku_id] = given.get(a.sku_id, set(a.disabled_plans)) & set(a.disabled_plans)
    return given


def holds(
    user: User, entry: Entry | None, rules: tuple[Rule, ...], today: date
) -> dict[str, tuple[str, ...]]:
    """Return SKU id → plans that are off, of what the user shall hold directly."""
    matching = [rule for rule in rules if answer(rule.when, user) is True]
    sources = [*([entry] if entry else []), *matching]
    before = {a.sku_id: a.disabled_plans for a in user.assignments if a.assigned_by is None}
    given = inherited(user)
    excluded = {
        one.sku_id for source in sources for one in source.exclusions if not one.until or today <= one.until
    }
    grants = [grant for source in sources for grant in source.grants or () if active(grant, today)]
    plain = {grant.sku_id for grant in grants}
    for source in sources:
        for choice in source.choices:
            options = [o for o in choice.options if active(o, today) and o.sku_id not in excluded]
            present = before.keys() | given.keys() | plain
            kept = [option for option in options if option.sku_id in present]
            grants += (kept or options)[:1]
    wanted: dict[str, list] = {}
    for grant in grants:
        if grant.sku_id not in excluded:
            wanted.setdefault(grant.sku_id, []).append(grant)
    after = {}
    for sku_id, reasons in wanted.items():
        if sku_id not in before and user.enabled is False and all(one.rule != "users" for one in reasons):
            continue
        managed = [set(one.disabled_plans) for one in reasons if one.disabled_plans is not None]
        off = tuple(sorted(set.intersection(*managed))) if managed else before.get(sku_id, ())
        if sku_id not in before and sku_id in given and (not managed or given[sku_id] <= set(off)):
            continue
        after[sku_id] = off
    ended = {
        g.sku_id
        for s in sources
        for g in (*(s.grants or ()), *(o for c in s.choices for o in c.options))
        if g.until and g.until < today
    }
    replaces = any(source.mode == "replace" and source.grants is not None for source in sources)
    kept = set()
    if user.enabled is False:
        as_if = User(**{**{f: getattr(user, f) for f in User.__struct_fields__}, "enabled": True})
        would = [rule for rule in rules if answer(rule.when, as_if) is True]
        names = {rule.name for rule in would}
        if not any(rule.mode == "replace" and rule.name not in names for rule in matching):
            for rule in (rule for rule in would if rule not in matching):
                options = [o for c in rule.choices for o in c.options]
                kept |= {g.sku_id for g in (*rule.grants, *options) if active(g, today)}
    taken = excluded | ended
    left = {sku_id for sku_id in before if not replaces or sku_id in kept}
    return after | {sku_id: before[sku_id] for sku_id in left - taken - wanted.keys()}
