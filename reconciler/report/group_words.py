"""What is said of groups: which one is meant, who decides on its members, and whom its licences reach?

One function per code, one table at the end, as in conflict_words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.assignment_errors import meaning_of
from reconciler.report.phrases import Facts, Told, count, listing, sample

if TYPE_CHECKING:
    from collections.abc import Callable


# ------------------------------------------------------------ which group is meant


def _unknown_group(f: Facts) -> Told:
    near = f.text("nearest") if f.has("nearest") else ""
    question = f'; did you mean "{near}"?' if near else "."
    correct = f'Correct the name to "{near}".' if near else "Correct the name, if it is mistyped."
    if f.has("rule"):
        return Told(
            f'{f.rule} is not followed: it asks who is a member of group "{f.text("group")}", which does not '
            f"exist in this tenant{question}",
            (correct, "Or name the group by its id in `member_of`, which stays when it is renamed."),
        )
    return Told(
        f"group {f.text('group')} does not exist in this tenant, and no group is created{question}",
        (
            correct,
            "Or name the group by its `id`, which stays when it is renamed.",
            "Create it in the Microsoft 365 admin center (Teams & groups), if it shall exist.",
            "Delete the entry, if it is no longer needed.",
        ),
    )


def _ambiguous_group(f: Facts) -> Told:
    rows = f.rows("candidates")
    ids = listing([row.text("id") for row in rows], "or")
    several = f"{count(len(rows), 'group')} of this tenant have that name"
    if len(rows) == 1:
        return Told(
            f"{f.group} is declared twice: another entry means the same group.",
            ("Put both entries together: a group has one.",),
        )
    if f.has("rule"):
        return Told(
            f'{f.rule} is not followed: it asks who is a member of group "{f.text("group")}", which is '
            f"ambiguous: {several}.",
            (f"Name the one that is meant by its id in `member_of`: {ids}.",),
        )
    return Told(
        f"group {f.text('group')} is ambiguous: {several}. Nothing is changed under this name.",
        (f"Name the one that is meant by its `id`: {ids}.", "Or rename the others in the tenant."),
    )


# ------------------------------------------------------------ who its members are


def _dynamic_group(f: Facts) -> Told:
    return Told(
        f"{f.group} has dynamic membership: a rule in Microsoft Entra ID decides on its members, and nobody "
        "can be added or removed by hand. Its licences can be managed here.",
        (
            "Take `members` out of the group's entry.",
            "Change that rule in the Microsoft Entra admin center (Groups > Dynamic membership rules).",
        ),
    )


def _synced_group(f: Facts) -> Told:
    return Told(
        f"{f.group} is synchronised from an on-premises directory: its members can't be changed here; its "
        "licences can.",
        (
            "Take `members` out of the group's entry.",
            "Change the members in the on-premises directory; the next synchronisation brings them here.",
        ),
    )


def _nested_group(f: Facts) -> Told:
    nested = f.names("nested")
    inner = listing([f"group {name}" for name in nested])
    whose, get = ("its", "it") if len(nested) == 1 else ("their", "them")
    return Told(
        f"{f.group} holds {inner}: {whose} members get no licence through it, since Microsoft 365 gives a "
        "group's licences to its direct members only.",
        (
            f"If {whose} members shall have the licences, make them members of the group itself.",
            f"Or give {get} the licences as well, under `groups`.",
        ),
    )


def _group_errors(f: Facts) -> Told:
    rows = f.rows("members")
    number = f.number("count") or len(rows)
    upns: dict[str, list[str]] = {}
    for row in rows:
        upns.setdefault(row.text("error"), []).append(row.text("upn"))
    who = sample([row.text("upn") for row in rows], number)
    return Told(
        f"the licences of {f.group} do not reach {count(number, 'member')}: {who}. A group gives a "
        "member all of its licences or none.",
        (
            *(f"{error} ({listing(names, limit=3)}): {meaning_of(error)}." for error, names in upns.items()),
            "A seat that comes free changes nothing by itself: reprocess the users in the admin center.",
        ),
    )


def _not_covered(f: Facts) -> Told:
    """Return why somebody keeps a direct licence that was to make way for a group's."""
    plans, error = f.names("plans"), f.text("error")
    them = "it" if len(plans) == 1 else "them"
    faults = [
        *([f"is not active there ({meaning_of(error)})"] if f.text("state") != "Active" else []),
        *([f"lacks {listing(plans)}, which the direct one has on"] if plans else []),
    ]
    return Told(
        f"{f.user} keeps the direct licence {f.product}: the same one through the group {listing(faults)}.",
        (
            *([f"Turn {them} on for the group, under `groups`, and plan the move again."] if plans else []),
            *([] if plans else ["Mend the cause, reprocess the user, and plan the move again."]),
            f"Or take the direct {f.text('sku')} from the user in an entry, if what it adds is not needed.",
        ),
    )


GROUPS: dict[str, Callable[[Facts], Told]] = {
    "ambiguous-group": _ambiguous_group,
    "dynamic-group": _dynamic_group,
    "group-errors": _group_errors,
    "nested-group": _nested_group,
    "not-covered": _not_covered,
    "synced-group": _synced_group,
    "unknown-group": _unknown_group,
}
"""Conflict code → what is said of it."""
