"""What is said where somebody may not make a change: a protected user or group, or a missing role?

One function per code, one table at the end, as in conflict_words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.phrases import UNKNOWN, Facts, Told, listing, role_names

if TYPE_CHECKING:
    from collections.abc import Callable


def _protected(f: Facts) -> Told:
    if f.text("reason") in ("role-assignable", "members"):
        return _protected_group(f)
    names = listing(f.names("names")) if f.has("names") else UNKNOWN
    licences = f.text("action") in ("revoke", "modify")
    verbs = {
        "delete": "must not be deleted",
        "disable": "must not be disabled",
        "revoke": "must not lose a licence",
        "modify": "must not be changed",
    }
    reasons = {
        "listed": f"`guardrails.protected_users` names {names}",
        "sku": f"`guardrails.protected_skus` names {names}",
        "role": f"it holds the directory role {role_names(f.names('names'))}",
        "actor": "the plan is made in its own name",
        "last-global-administrator": "it is the last global administrator",
        "mailbox-hold": "the mailbox is on hold, and what the hold keeps would go with the licence",
        "mailbox-size": "it is a shared mailbox of more than 50 GB, which needs a licence",
        "mailbox-archive": "it is a shared mailbox with an archive, which needs a licence",
    }
    remedies = {
        "listed": (f"Take {names} out of `guardrails.protected_users`, in a reviewed change of its own.",),
        "sku": (f"Take {names} out of `guardrails.protected_skus`, in a reviewed change of its own.",),
        "role": (
            "Take the directory role away first.",
            *(["Or let it pass: `reconciler apply --allow protected`."] if licences else []),
        ),
        "actor": ("Let another administrator apply this change.",),
        "last-global-administrator": ("Make somebody else a global administrator first.",),
        "mailbox-hold": (
            "Ask who put the hold in place; when it is lifted, export the mailboxes from Exchange anew.",
            *(
                ["Or delete the user: a mailbox on hold then stays as an inactive one, without a licence."]
                if f.flag("left")
                else []
            ),
        ),
        "mailbox-size": (
            "Move mail out of it until it is smaller, or keep a licence with a larger mailbox.",
        ),
        "mailbox-archive": ("Export the archive and disable it first.",),
    }
    reason = f.text("reason")
    return Told(
        f"{f.user} is protected and {verbs.get(f.text('action'), 'must not be changed')}: "
        f"{reasons.get(reason, reason)}.",
        (*remedies.get(reason, ()), "Or correct the entry, so that this change is not asked for."),
    )


def _protected_group(f: Facts) -> Told:
    """Return what is said where it is the group, or who is in it, that is protected."""
    if f.text("reason") == "role-assignable":
        deed = "its members" if f.text("action") == "members" else "its licences"
        return Told(
            f"{f.group} is protected: it is role-assignable (whoever joins it can get directory roles), so "
            f"{deed} must not be changed from here.",
            (
                f"Change {deed} in the Microsoft Entra admin center, as a Privileged Role Administrator.",
                f"Or give the licences through another group, and take {deed} out of this group's entry.",
            ),
        )
    names = f.names("names")
    them, are = ("it", "is") if len(names) == 1 else ("them", "are")
    return Told(
        f"{f.group} must not lose a licence: {listing(names)} would lose it too, and {are} protected.",
        (
            f"Give {them} the licence in another way first: in an entry, or through another group.",
            "Or leave the licence with the group: correct its entry, so that this change is not asked for.",
        ),
    )


def _role_missing(f: Facts) -> Told:
    who = f"user {f.text('upn')}" if f.has("upn") else f.product
    deeds = {
        "create-user": f"create {who}",
        "restore-user": f"restore {who}",
        "update-user": f"change the profile of {who}",
        "set-licenses": f"change the licences of {who}",
        "delete-user": f"delete {who}",
        "set-group-licenses": f"change the licences of {f.group}",
        "add-member": f"add {who} to {f.group}",
        "remove-member": f"remove {who} from {f.group}",
        "buy-seats": f"buy seats of {who}",
        "set-auto-renew": f"change the automatic renewal of {who}",
    }
    needed = f"the role {role_names(f.roles)}" if f.roles else "another role"
    least = f.names("permissions")[:1]
    permission = f"the permission {least[0]}" if least else ""
    if f.text("lacks") == "scope" and permission:
        takes, has = f"{permission} in the sign-in", "signed in without it"
        remedies = [f"Let an administrator consent to {least[0]} for the application that signs in."]
    elif f.has("actor_permissions"):
        takes = f"{permission}, or {needed}" if permission else needed
        has = f"has only {listing([*f.names('actor_permissions'), *_roles(f)])}"
        remedies = [f"Grant the application {takes}."]
    else:
        held = _roles(f)
        takes, has = needed, f"has only {listing(held)}" if held else "has no directory role"
        remedies = [
            f"Plan and apply as somebody with {needed}.",
            *([f"Or as an application with {permission}."] if permission else []),
        ]
    return Told(
        f"{f.text('actor')} may not {deeds.get(f.text('action'), f.text('action'))}: "
        f"that takes {takes}, and {f.text('actor')} {has}.",
        (*remedies, "Or apply the rest without this change: `reconciler apply --partial`."),
    )


def _roles(f: Facts) -> list[str]:
    """Return the directory roles of who would apply, as Microsoft writes them."""
    return [role_names([role]) for role in f.names("actor_roles")]


PERMISSION: dict[str, Callable[[Facts], Told]] = {
    "protected": _protected,
    "role-missing": _role_missing,
}
"""Conflict code → what is said of it."""
