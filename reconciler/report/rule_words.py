"""What is said of rules, exceptions and scopes: whom they reach, and where they contradict each other?

One function per code, one table at the end, as in conflict_words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.phrases import Facts, Told, count, listing, sample

if TYPE_CHECKING:
    from collections.abc import Callable


def _rule_matches_nobody(f: Facts) -> Told:
    unmet = [
        f'{row.text("field")} "{row.text("value")}"'
        + (f' (did you mean "{row.text("nearest")}"?)' if row.has("nearest") else "")
        for row in f.rows("values")
    ]
    why = f": nobody has {listing(unmet, 'or')}" if unmet else ""
    return Told(
        f"{f.rule} matches nobody in this tenant, so it gives nobody a licence{why}.",
        (
            "Correct `when`: `reconciler users --json` shows how the tenant spells what it compares.",
            "Delete the rule, if it is no longer needed.",
        ),
    )


def _rules_disagree(f: Facts) -> Told:
    plans, number = f.names("plans"), f.number("count") or len(f.names("users"))
    it, stays = ("it", "it stays") if len(plans) == 1 else ("them", "they stay")
    who = f"{count(number, 'user')} ({sample(f.names('users'), number)})"
    return Told(
        f"{f.rule} and rule {f.text('other')} disagree on {listing(plans)} of {f.product}: one turns {it} "
        f"off, the other does not. For {who}, who {'matches' if number == 1 else 'match'} both, {stays} on: "
        "a plan is off only if all that gives the licence turns it off.",
        (
            f"Let both rules turn {it} off, or none.",
            "Or narrow `when`, so that nobody matches both.",
        ),
    )


def _no_longer_matched(f: Facts) -> Told:
    if not f.has("until"):
        return Told(
            f"{f.user} no longer matches {f.rule}, and keeps {f.product} as long as the account is disabled: "
            "a rule takes no licence away because somebody can't sign in.",
            (
                "If the user has left, say so in an entry: `leaver`, or `ensure: absent`.",
                f"To free the seat all the same, revoke {f.text('sku')} with an entry of the user's own.",
            ),
        )
    since = f" since {f.text('since')[:10]}" if f.has("since") else ""
    until = f.text("until")[:10]
    return Told(
        f"{f.user} no longer matches {f.rule}{since}, and keeps {f.product} until {until}, for the rule's "
        "`grace`; a plan of that day or later revokes it.",
        (
            f"Do nothing, if {f.text('sku')} shall go.",
            f"If the user still needs it, name {f.text('sku')} in an entry before {until}.",
            "If the user still belongs to the rule, correct the field that it compares, or its `when`.",
        ),
    )


def _exception_expired(f: Facts) -> Told:
    whose = f.rule if f.has("rule") else f.user
    facts = [
        *([f"reason: {f.text('reason')}"] if f.has("reason") else []),
        *([f"owner: {f.text('owner')}"] if f.has("owner") else []),
    ]
    known = f" ({'; '.join(facts)})" if facts else ""
    asked = f"Ask {f.text('owner')} whether it is" if f.has("owner") else "Find out whether it is"
    return Told(
        f"{whose}: the exception from {f.product} ended on {f.text('until')[:10]}{known}, and excludes "
        "nothing any more.",
        (
            f"{asked} still needed; if so, give it a later `until`.",
            "If not, delete it from `exclude`.",
        ),
    )


def _out_of_scope(f: Facts) -> Told:
    owner = f", which {f.text('owner')} owns" if f.has("owner") else ""
    file = f"{f.text('file')}{owner}"
    number = f.number("count") or len(f.names("users"))
    users, are = count(number, "user"), "is" if number == 1 else "are"
    who = sample(f.names("users"), number)
    remedies: tuple[str, ...] = (
        "Declare this in a file whose `scope` holds these users, or in one without a `scope`.",
        f"Or widen the `scope` of {f.text('file')}, in a reviewed change of its own.",
    )
    if f.has("upn"):
        message = f"{f.user} is outside the scope of {file}: it may declare nothing of this user."
    elif f.has("rule"):
        message = (
            f"{f.rule} matches {users} outside the scope of {file}: {who}. Nothing is planned for "
            f"{'this user' if number == 1 else 'these users'} by it."
        )
        narrow = "Do nothing, if nobody outside the scope is meant; narrow `when` to say so."
        remedies = (narrow, *remedies)
    else:
        outside = f"{users} of it {are} outside the scope of that file: {who}"
        message = f"{f.group} can't be declared in {file}: {outside}."
    return Told(message, remedies)


RULES: dict[str, Callable[[Facts], Told]] = {
    "exception-expired": _exception_expired,
    "no-longer-matched": _no_longer_matched,
    "out-of-scope": _out_of_scope,
    "rule-matches-nobody": _rule_matches_nobody,
    "rules-disagree": _rules_disagree,
}
"""Conflict code → what is said of it."""
