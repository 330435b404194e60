"""What is said of each conflict: what happened, what it means, and what to do next?

One function per code, one table at the end; to add a code, copy the nearest function. Whom an entry
means is worded in identity_words, who may make a change in permission_words, groups in group_words, rules
in rule_words, what files loosen in rail_words. A remedy names no user unless it must, so that conflicts
with the same way out can be shown together. Remedies are told, never turned into changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.group_words import GROUPS
from reconciler.report.identity_words import IDENTITY
from reconciler.report.permission_words import PERMISSION
from reconciler.report.phrases import Facts, Told, count, listing
from reconciler.report.rail_words import LOOSENED
from reconciler.report.rule_words import RULES
from reconciler.report.undo_words import UNDO

if TYPE_CHECKING:
    from collections.abc import Callable

ADMIN_CENTER = "the Microsoft 365 admin center (Billing > Your products)"
BUYERS = "A Billing Administrator or Global Administrator"
OUTSIDE_ROLES = (
    "Buying under a customer agreement or through a partner lies outside Entra's roles: "
    "there the owner of the billing account or the partner buys."
)


# ------------------------------------------------------------ what may be assigned


def _no_usage_location(f: Facts) -> Told:
    return Told(
        f"{f.user} has no usage location, and no licence can be assigned without one.",
        (
            "Set `usage_location` in the user's entry.",
            "Or set `defaults.usage_location`, which serves every user who has none.",
        ),
    )


def _restricted_location(f: Facts) -> Told:
    plan = f.text("plan") if f.has("plan") and f.text("plan") != f.text("sku") else ""
    what = f"the service plan {plan} of {f.product}" if plan else f.product
    off = f"`{{sku: {f.text('sku')}, disable: [{plan}]}}`"
    return Told(
        f"{f.user} is in {f.text('country')}, where `restrictions` forbids {what}.",
        (
            *(
                [f"Switch the plan off for this {'group' if f.has('group') else 'user'}: {off}."]
                if plan
                else []
            ),
            f"Leave {f.text('sku')} out of {f.licences}.",
            *(["Or take the user out of the group."] if f.has("group") else []),
            "Correct `usage_location`, if the user works elsewhere.",
        ),
    )


def _not_assignable(f: Facts) -> Told:
    reasons = {
        "company": "it serves the whole tenant and is never assigned to a user",
        "suspended": "its subscription is suspended, and nothing can be assigned until it is renewed",
        "self-service": "users bought it themselves, and only they hand it out",
    }
    remedies = {
        "suspended": f"{BUYERS} reactivates it in {ADMIN_CENTER}.",
        "self-service": f"Take the purchase over, or buy seats of your own, in {ADMIN_CENTER}.",
    }
    first = remedies.get(f.text("reason"))
    return Told(
        f"{f.user} can't get {f.product}: {reasons.get(f.text('reason'), f.text('reason'))}.",
        (*([first] if first else []), f"Leave {f.text('sku')} out of {f.licences}."),
    )


def _exclusive_plans(f: Facts) -> Told:
    return Told(
        f"{f.user} would hold {f.text('plan_title')} and {f.text('other_title')} at once "
        f"({listing(f.names('skus'))}); the service refuses that.",
        (
            f"Switch one of them off: `disable: [{f.text('plan')}]` or `disable: [{f.text('other')}]`.",
            f"Or assign only one of {listing(f.names('skus'), 'or')}.",
        ),
    )


def _missing_dependency(f: Facts) -> Told:
    needs = listing(f.names("needs"), "or")
    sku, plan = f.text("sku"), f.text("plan")
    return Told(
        f"{f.user} would hold {f.text('plan_title')} ({f.text('sku')}) without what it needs: {needs}.",
        (
            f"Assign a SKU that holds {needs}, or switch that plan on.",
            f"Or leave {sku} out of {f.licences}."
            if plan == sku
            else f"Or switch it off: `{{sku: {sku}, disable: [{plan}]}}`.",
        ),
    )


def _inherited(f: Facts) -> Told:
    groups = listing([f"group {name}" for name in f.names("groups")])
    return Told(
        f"{f.user} holds {f.product} through {groups}; such a licence can't be revoked on the user.",
        (
            f"Take the user out of {groups}.",
            f"Or take {f.text('sku')} off {groups}, for all its members.",
        ),
    )


# ------------------------------------------------------------ seats


def _no_seats(f: Facts) -> Told:
    seats, used, needed = f.number("seats"), f.number("in_use"), f.number("needed")
    have = f"{used:,} of {count(seats, 'seat')} {'is' if 1 in (used, seats) else 'are'} in use"
    owned = have if seats or used else "the tenant owns no seat of it"
    first = "; what is free goes to others first" if used < seats else ""
    if first and f.has("group") and not f.has("upn"):
        first = "; all its members get it together, or none does"
    need = f"{needed:,} {'is' if needed == 1 else 'are'} needed{first}"
    nor = f", nor what else `one_of` names ({listing(f.names('others'))})" if f.names("others") else ""
    return Told(
        f"{f.user} can't get {f.product}{nor}: {owned}, and {need}.",
        _shortage(f, f.number("buy")) if seats else (_buy(f, f.number("buy")),),
    )


def _over_allocated(f: Facts) -> Told:
    over = f.number("over")
    return Told(
        f"{f.product} is over-allocated: {count(f.number('in_use'), 'licence')} in use, "
        f"{count(f.number('seats'), 'seat')} owned, {over:,} too many. Nobody loses the service at once, "
        "and nothing more can be assigned; Microsoft gives 90 days to put it right.",
        _shortage(f, over),
    )


def _shortage(f: Facts, seats: int) -> tuple[str, str, str]:
    """Return the remedies of a shortage in their one order: buy, delete who has left, revoke."""
    leavers, disabled = f.names("leavers"), f.names("disabled")
    if leavers:
        verbs = ("is", "holds") if len(leavers) == 1 else ("are", "hold")
        left = f": {listing(leavers)} {verbs[0]} declared `ensure: absent` and {verbs[1]} a seat."
    else:
        left = " (`ensure: absent`); nobody else who holds a seat is declared so."
    check = f" To check, since the account is disabled: {listing(disabled)}." if disabled else ""
    covered = [f"{row.text('upn')} (has {row.text('by')})" for row in f.rows("covered")]
    if covered:
        revoke = f", first where another licence covers it: {listing(covered)}."
    else:
        revoke = ", only if the data is no longer needed; nobody's other licence covers it."
    return (
        _buy(f, seats),
        f"Delete users who have left{left}{check}",
        f"Revoke {f.text('sku')} where it is no longer needed{revoke}",
    )


def _buy(f: Facts, seats: int) -> str:
    return f"Buy {count(max(seats, 1), 'seat')} of {f.product}."


def _swap_cycle(f: Facts) -> Told:
    users, skus = f.names("users"), listing(f.names("skus"), "or")
    return Told(
        f"{f.user} waits in a circle: {listing(users)} trade {listing(f.names('skus'))}, "
        "and no seat is spare, so nobody can go first without a gap in service.",
        (
            f"Buy one seat of {skus}; it can be given back afterwards.",
            (
                f"Or release one: revoke first from one of {listing(users, 'or')}, in a plan of its own, "
                "and accept that this user is without the service until the next apply."
            ),
        ),
    )


def _not_purchasable(f: Facts) -> Told:
    until = f" until there are {count(f.number('seats'), 'seat')}" if f.has("seats") else ""
    deeds = {
        "buy-seats": ("seats of {} can't be bought", f"buys them in {ADMIN_CENTER}{until}"),
        "set-auto-renew": (
            "the automatic renewal of {} can't be changed",
            f"sets it in {ADMIN_CENTER}, as declared",
        ),
    }
    what, remedy = deeds.get(
        f.text("action"), ("{} can't be bought or renewed", f"does it in {ADMIN_CENTER}{until}")
    )
    return Told(
        f"{what.format(f.product)} from here: Microsoft Graph has no way to do it.",
        (
            f"{BUYERS} {remedy}.",
            OUTSIDE_ROLES,
        ),
    )


# ------------------------------------------------------------ subscriptions


def _expiring(f: Facts) -> Told:
    users, services = f.names("users"), f.names("services")
    what = f" lose {listing(services)}" if services else " lose its services"
    hit = f"{count(len(users), 'user')}{what if len(users) != 1 else what.replace(' lose', ' loses')}"
    left = count(f.number("days"), "day")
    declare = f"declare `{f.text('sku')}: {{auto_renew: true}}` and `reconciler apply --buy`"
    apply = "`reconciler apply --buy` does, as declared" if f.flag("declared") else declare
    return Told(
        f"{f.product} expires on {f.text('date')}, in {left}, and automatic renewal is off; {hit} then.",
        (
            f"{BUYERS} turns automatic renewal on in {ADMIN_CENTER}, or {apply}.",
            f"Or, if it is to end: give these users another licence before {f.text('date')}.",
        ),
    )


def _expired(f: Facts) -> Told:
    users = f.names("users")
    states = {
        "Warning": "users still work, for now",
        "Suspended": "users are locked out; administrators still reach the data",
        "LockedOut": "nobody can work with it",
        "Deleted": "its data is gone for good",
    }
    state = (
        f"{f.text('status')}: {states[f.text('status')]}" if f.text("status") in states else f.text("status")
    )
    date = f" The next step of its life cycle comes on {f.text('date')}." if f.has("date") else ""
    return Told(
        f"{f.product} has expired ({state}); {count(len(users), 'user')} "
        f"{'holds' if len(users) == 1 else 'hold'} it.{date}",
        (
            f"{BUYERS} renews it in {ADMIN_CENTER}.",
            "Or give its users another licence.",
        ),
    )


CONFLICTS: dict[str, Callable[[Facts], Told]] = {
    **GROUPS,
    **IDENTITY,
    **LOOSENED,
    **PERMISSION,
    **RULES,
    **UNDO,
    "exclusive-plans": _exclusive_plans,
    "expired": _expired,
    "expiring": _expiring,
    "inherited": _inherited,
    "missing-dependency": _missing_dependency,
    "no-seats": _no_seats,
    "no-usage-location": _no_usage_location,
    "not-assignable": _not_assignable,
    "not-purchasable": _not_purchasable,
    "over-allocated": _over_allocated,
    "restricted-location": _restricted_location,
    "swap-cycle": _swap_cycle,
}
"""Conflict code → what is said of it."""


def conflict(code: str, facts: Facts) -> Told:
    """Return what is said of a conflict; one that this version doesn't know is told as it stands."""
    known = CONFLICTS.get(code)
    return known(facts) if known else Told(f"{facts.subject}: {code} ({facts.listed()}).")
