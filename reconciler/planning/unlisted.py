"""What happens to users whom no entry names?

Nothing, unless the file says `unlisted_users: revoke`; and then only to enabled Members, and never to
an account that several share, or that may be one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.planning import drafting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from reconciler.model import Current, Desired, User
    from reconciler.planning.context import Context
    from reconciler.planning.drafts import Draft

MEMBER = "member"
IN_DOUBT = "in-doubt"


def drafts(
    context: Context, listed: Collection[str], in_doubt: Collection[str]
) -> tuple[list[Draft], dict[str, int]]:
    """Return the revocations, and how many unlisted users are kept for what they are, by class.

    `listed` are ids of users whom an entry means; `in_doubt` those whom an entry in conflict may mean.
    """
    if context.desired.unlisted_users == "keep":
        return [], {}
    asked = {row.user_id for row in context.current.mailboxes or ()}  # of whom no answer means unknown
    purposes = {
        user_id: row.purpose for user_id, row in context.mailboxes.items() if row.purpose or user_id in asked
    }
    found: list[Draft] = []
    kept: dict[str, int] = {}
    for user in context.current.users:
        if user.id in listed:
            continue
        kind = IN_DOUBT if user.id in in_doubt else _class(context, user, purposes.get(user.id, "user"))
        if kind != MEMBER:
            kept[kind] = kept.get(kind, 0) + 1
        elif draft := drafting.of_unlisted(context, user):
            found.append(draft)
    return found, dict(sorted(kept.items()))


def candidates(current: Current, desired: Desired) -> tuple[str, ...]:
    """Return the ids of whoever may lose a licence as an unlisted user: their mailboxes' purposes matter.

    Some more than `drafts` takes licences from, and never fewer: an entry with an id names no UPN.
    """
    if desired.unlisted_users == "keep":
        return ()
    named = {entry.id or entry.upn for entry in desired.entries}
    return tuple(
        user.id
        for user in licensed_members(current, desired.ignored_skus)
        if named.isdisjoint((user.id, user.upn))
    )


def licensed_members(current: Current, ignored_skus: Collection[str] = ()) -> Iterator[User]:
    """Yield the enabled Members who hold a licence directly, other than of an ignored SKU."""
    for user in current.users:
        if user.enabled and user.user_type == "Member":
            direct = (one.sku_id for one in user.assignments if one.assigned_by is None)
            if any(sku_id not in ignored_skus for sku_id in direct):
                yield user


def _class(context: Context, user: User, purpose: str | None) -> str:
    """Return the first class that fits; whoever is not certainly an enabled Member is kept.

    `purpose` is the mailbox's, "user" also where there is none; None: it could not be read.
    """
    classes = {
        "guest": user.user_type == "Guest",
        "role-holder": bool(context.roles_of.get(user.id)),
        "sync-account": user.upn.startswith("sync_"),
        "resource": user.resource_account,
        "shared": purpose not in (None, "user", "linked"),
        "disabled": user.enabled is False,
        "unknown": user.enabled is None or user.user_type != "Member" or purpose is None,
    }
    return next((kind for kind, fits in classes.items() if fits), MEMBER)
