"""Which sentences belong to a plan's conflicts, warnings, purchases and refusals?

The one entry to all wording of a plan: a struct of the plan in, English out. It decides nothing, and
a code that it doesn't know still gets a sentence.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler import plan_access
from reconciler.plan_rails import MONEY
from reconciler.report import conflict_words, rail_words, warning_words
from reconciler.report.conflict_words import ADMIN_CENTER, OUTSIDE_ROLES
from reconciler.report.phrases import Facts, actor, count, product, role_names
from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler import plan as plans
    from reconciler.report.phrases import Told
    from reconciler.report.warning_words import Warned


def conflict(of: plans.Conflict) -> Told:
    """Return the message of a conflict and its remedies in the order in which to try them."""
    params = of.params if of.sku is None else {"sku": of.sku, **of.params}
    return conflict_words.conflict(clean(of.code), Facts(params, subject=of.subject, roles=of.roles))


def who(change: plans.Change) -> str:
    """Return whom or what a change is about: "user anna@contoso.com", "group Sales NL", "SPE_E5 (…)"."""
    if change.user:
        return f"user {clean(change.user.upn)}"
    if change.group:
        return f"group {clean(change.group.name)}"
    return product(change.sku.sku, change.sku.name) if change.sku else clean(change.address)


def whom(change: plans.Change, warning: plans.Warning) -> str:
    """Return whom a warning of a change concerns: of a group's licences, the member that it names."""
    upn = warning.params.get("upn") if change.kind == "set-group-licenses" else None
    return f"user {clean(str(upn))}" if upn else who(change)


def may_not(who: plans.ActorInfo, changes: Sequence[plans.Change]) -> str:
    """Return how many of `changes` wait for nothing but another actor's role, and for which; or ""."""
    by_need = Counter(_needed(change, who) for change in changes if lacks_role_only(change))
    if not by_need:
        return ""
    takes = [
        f"{number:,} {'takes' if number == 1 else 'take'} {needed}"
        for needed, number in by_need.most_common()
    ]
    number = by_need.total()
    which = f"{count(number, 'change')} that {'is' if number == 1 else 'are'} ready otherwise"
    return f"{actor(who)} may not make {which}: {'; '.join(takes)}."


def _needed(change: plans.Change, who: plans.ActorInfo) -> str:
    """Return what a change takes that its actor lacks: a role, or a permission of the application."""
    least = plan_access.permissions(change)[:1]
    if least and (who.permissions or (who.scopes is not None and set(change.roles) & set(who.roles))):
        return f"the permission {least[0]}"
    return role_names(change.roles) if change.roles else "another role"


def lacks_role_only(change: plans.Change) -> bool:
    """Tell whether a change is blocked by nothing but the roles of who would make it."""
    return change.blocked_by == ("role-missing",)


def warning(of: plans.Warning, *, about: str, day: str) -> Warned:
    """Return the message of a warning and how to prevent it.

    `about` is whom it concerns (`who`), `day` the ISO date from which its deadline counts.
    """
    fate = warning_words.Fate(about, day, clean(of.recoverable_until) if of.recoverable_until else None)
    return warning_words.warning(clean(of.code), Facts(of.params), fate)


def warnings(alike: Sequence[plans.Warning], *, about: str, day: str) -> Warned:
    """Return one message for several services that are lost with one deadline; of one, its own."""
    first = alike[0]
    if len(alike) == 1:
        return warning(first, about=about, day=day)
    fate = warning_words.Fate(about, day, clean(first.recoverable_until) if first.recoverable_until else None)
    return warning_words.services([Facts(one.params) for one in alike], fate)


def purchase(of: plans.Purchase, provider: str) -> str:
    """Return how the seats that are short can be bought, by whom, and at what cost."""
    name = product(of.sku, of.name)
    buyers = role_names(of.roles) if of.roles else "somebody with the right to buy"
    own = (
        f", or declare `{clean(of.sku)}: {{seats: {of.needed}}}` under `subscriptions` "
        "and run `reconciler apply --buy`"
        if provider == "sandbox"
        else ""
    )
    cost = (
        f" It costs {clean(of.cost.amount)} {clean(of.cost.currency)} per {clean(of.cost.per)}."
        if of.cost
        else " No price is declared for it."
    )
    seats = f"{count(of.buy, 'seat')} of {name}"
    return f"{buyers}: buy {seats} in {ADMIN_CENTER}{own}.{cost} {OUTSIDE_ROLES}"


# ------------------------------------------------------------ guard rails


def refusal(of: plans.Refusal) -> str:
    """Return why a guard rail refuses the plan as a whole, and what to do."""
    when = "With `--buy`, apply" if of.code in MONEY else "Apply"
    return (
        f"{_reason(of)} {when} refuses the whole plan. Look whether all of it is meant; "
        f"if it is, `{clean(of.allow)}` at apply lets it pass."
    )


def allowed(of: plans.Refusal) -> str:
    """Return why a guard rail would refuse the plan, had it not been named, and what that takes."""
    return f"{_reason(of)} The plan was made with `{clean(of.allow)}`; apply must be told so too."


def _reason(of: plans.Refusal) -> str:
    known = rail_words.REFUSALS.get(of.code)
    facts = Facts(of.params)
    return known(facts) if known else f"the guard rail {clean(of.code)} refuses this plan ({facts.listed()})."


def allowing(plan: plans.Plan) -> str:
    """Return the flags without which apply refuses the plan, for a command line; "" where it needs none."""
    made_with = plan.options.get("allow")
    repeated = [f"--allow {name}" for name in made_with] if isinstance(made_with, (list, tuple)) else []
    return clean(" ".join(sorted({*repeated, *(refusal.allow for refusal in plan.refusals)})))
