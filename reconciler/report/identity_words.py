"""What is said where it is not certain, or not possible, whom an entry means, or what a mailbox is?

One function per code, one table at the end, as in conflict_words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.phrases import Facts, Told, count, listing

if TYPE_CHECKING:
    from collections.abc import Callable


def _unknown_user(f: Facts) -> Told:
    near = f.text("nearest") if f.has("nearest") else ""
    question = f'; did you mean "{near}"?' if near else "."
    if f.has("group"):
        return Told(
            f"user {f.text('upn')}, whom {f.group} names as a member, does not exist, and no entry of that "
            f"name creates an account{question}",
            (
                *([f"Correct the member to {near}."] if near else ["Correct the UPN, if it is mistyped."]),
                "Add an entry with a `name` under `users`, if an account is to be created.",
                "Take the user out of `members`, if it has left.",
            ),
        )
    why, remedy = "and the entry has no `name` to create an account with", "Give the entry a `name`"
    if f.has("id"):
        why = f"nor does anybody with the id {f.text('id')}; an entry with an `id` never creates an account"
        remedy = "Take the `id` out of the entry and give it a `name`"
    return Told(
        f"{f.user} does not exist, {why}{question}",
        (
            *([f"Correct the entry to {near}."] if near else ["Correct the UPN, if it is mistyped."]),
            f"{remedy}, if an account is to be created.",
            "Delete the entry, if it is no longer needed.",
        ),
    )


def _renamed_user(f: Facts) -> Told:
    present = f.text("present_upn")
    return Told(
        f"{f.user} now has the UPN {present}; the old one is only an address of the mailbox. "
        "Nothing is created and nothing is changed under the old name.",
        (
            f"Rename the entry to {present}.",
            f"If somebody new is meant: choose another UPN; mail to {f.text('upn')} goes to {present}.",
        ),
    )


def _several_addresses(f: Facts) -> Told:
    rows = f.rows("candidates")
    people = listing([f"{row.text('upn')} ({row.text('name')})" for row in rows])
    upns = listing([row.text("upn") for row in rows], "or")
    return Told(
        f"{f.user} is ambiguous: nobody has this UPN, and {count(len(rows), 'user')} have it as an address "
        f"of the mailbox: {people}. Nothing is created and nothing is changed under this name.",
        (
            f"Rename the entry to the user who is meant: {upns}.",
            "If somebody new is meant: choose another UPN.",
        ),
    )


def _ambiguous_user(f: Facts) -> Told:
    if f.text("reason") == "several-addresses":
        return _several_addresses(f)
    candidates = [
        f"`restore: {row.text('id')}` ({row.text('name')}"
        + (f", deleted {row.text('deleted_at')[:10]})" if row.has("deleted_at") else ")")
        for row in f.rows("candidates")
    ]
    names = listing([row.text("name") for row in f.rows("candidates")])
    reasons = {
        "several": f"{count(len(candidates), 'deleted user')} had this UPN ({names})",
        "other-name": f"a deleted user had this UPN ({names}), and the entry does not give that `name`",
        "other-upn": f"the deleted user with this id ({names}) had another UPN",
        "other-id": f"a deleted user had this UPN ({names}), and the entry gives another `id`",
        "no-such-deleted": "the deleted user that `restore` names does not exist, or is gone for good",
        "twice": f"the entry of {f.text('other')} means the same user",
    }
    code = f.text("reason")
    safe = " Nothing is restored or created, so that nobody gets another person's mailbox."
    new = "choose another UPN, or first delete the old account for good (its data goes at once)"
    restore = f"To restore, write into the entry {listing(candidates, 'or')}."
    remedies = {
        "other-upn": ("Write the entry under the UPN that the user had; rename the user once it is back.",),
        "no-such-deleted": ("Correct or leave out `restore`.",),
        "twice": ("Delete one of the two entries.",),
    }
    return Told(
        f"{f.user} is ambiguous: {reasons.get(code, code)}.{'' if code == 'twice' else safe}",
        remedies.get(code, (restore, f"If somebody new is meant: {new}.")),
    )


def _synced_user(f: Facts) -> Told:
    elsewhere = "Make the change in the on-premises directory; the next synchronisation brings it here."
    if f.text("action") == "create":
        return Told(
            f"{f.user} can't be created here: the domain {f.text('domain')} is federated, "
            "so its accounts come from elsewhere.",
            ("Create the account in the on-premises directory.", "Use a UPN in a managed domain."),
        )
    actions = {
        "update": "its profile can't be changed here; licences can",
        "delete": "it can't be deleted here; licences can be revoked",
        "restore": "it can't be restored here",
    }
    return Told(
        f"{f.user} is synchronised from an on-premises directory: "
        f"{actions.get(f.text('action'), f.text('action'))}.",
        (elsewhere, "Leave the entry's licences, and take the rest out of it."),
    )


def _unverified_domain(f: Facts) -> Told:
    verified = f.names("verified")
    return Told(
        f"{f.user} can't be created: {f.text('domain')} is not a verified domain of this tenant.",
        (
            *([f"Use a UPN in {listing(verified, 'or')}."] if verified else []),
            f"Verify {f.text('domain')} in the Microsoft 365 admin center (Settings > Domains).",
        ),
    )


def _mailbox_disagreement(f: Facts) -> Told:
    told, live = (
        f"{'an' if f.text(key)[:1] in 'aeio' else 'a'} {f.text(key)} mailbox" for key in ("told", "tenant")
    )
    return Told(
        f"the mailbox of {f.user} is {told} by the export, and {live} by the tenant. The plan goes by the "
        "tenant: only a shared mailbox, or a room's, can do without a licence, and is kept from losing it "
        "where its size or archive needs one.",
        (
            "Export anew from Exchange, if the mailbox was converted since.",
            "If the export is right, take no licence from it until the tenant says the same.",
        ),
    )


IDENTITY: dict[str, Callable[[Facts], Told]] = {
    "ambiguous-user": _ambiguous_user,
    "mailbox-disagreement": _mailbox_disagreement,
    "renamed-user": _renamed_user,
    "synced-user": _synced_user,
    "unknown-user": _unknown_user,
    "unverified-domain": _unverified_domain,
}
"""Conflict code → what is said of it."""
