"""What is known of users' mailboxes, and when does one need its licence whatever is declared?

A shared mailbox needs no licence up to 50 GB, without an archive and without a hold; a mailbox on hold
loses what holds it with its licence, whoever's it is (Microsoft Learn: shared mailboxes; hold types). What
nobody told is unknown: it neither protects a mailbox nor lets one go unsaid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.model import Mailbox
from reconciler.plan import Conflict
from reconciler.planning import losses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.model import Current, ToldMailbox
    from reconciler.plan import Plan
    from reconciler.planning.context import Context
    from reconciler.planning.drafts import Part
    from reconciler.planning.losses import Plans

GB = 1024**3
FREE_GB = 50
"""So large a shared mailbox may be without a licence."""

LICENCE_FREE = ("shared", "room", "equipment")
"""What a mailbox is for that needs no licence: userPurpose."""

PLAIN = (None, "user", "linked")
"""What a person's mailbox is for; None: nobody told."""

SHOWN = 20
"""So many addresses that are nobody's are named."""

FACTS = ("bytes", "has_archive", "on_hold")


def known(context: Context) -> Mapping[str, Mailbox]:
    """Return user id → what the tenant and the file tell together.

    The tenant knows better what a mailbox is for; of everything else the more careful one counts, since
    either may be of yesterday.
    """
    found = {row.user_id: row for row in context.current.mailboxes or ()}
    for told in context.desired.mailboxes:
        user_id = _meant(context, told.address)
        if user_id is not None:
            found[user_id] = _together(user_id, found.get(user_id), told)
    return found


def _meant(context: Context, address: str) -> str | None:
    user = context.by_upn.get(address)
    users = (user,) if user else context.by_address.get(address, ())
    return users[0].id if len(users) == 1 else None


def _together(user_id: str, live: Mailbox | None, told: ToldMailbox) -> Mailbox:
    live = live or Mailbox(user_id=user_id)
    sizes = [size for size in (live.bytes, told.bytes) if size is not None]
    return Mailbox(
        user_id=user_id,
        purpose=live.purpose or told.purpose,
        bytes=max(sizes, default=None),
        has_archive=_either(live.has_archive, told.has_archive),
        on_hold=_either(live.on_hold, told.on_hold),
    )


def _either(one: bool | None, other: bool | None) -> bool | None:
    return None if one is None and other is None else bool(one or other)


def kept(context: Context, part: Part) -> str | None:
    """Return why a mailbox must not lose what a change takes from it; None: as far as is known, it may.

    "mailbox-hold": something holds it; "mailbox-size", "mailbox-archive": a shared mailbox that is too
    large, or has an archive, to be without a licence. What a group gave for a moment in this plan is no loss.
    """
    mailbox = context.mailboxes.get(part.target.id) if part.target else None
    if mailbox is None or part.whole is None:
        return None
    will = context.enabled_plans(part.will)
    before = _needs(context, mailbox, context.enabled_plans(part.whole), will)
    return before and _needs(context, mailbox, context.enabled_plans(part.was), will)


def _needs(context: Context, mailbox: Mailbox, was: Plans, will: Plans) -> str | None:
    had, has = (losses.mailbox_level(context, plans) for plans in (was, will))
    lost = losses.mailbox_features(context, was) - losses.mailbox_features(context, will)
    if mailbox.on_hold and ("hold" in lost or had > has == 0):
        return "mailbox-hold"
    if mailbox.purpose in LICENCE_FREE:
        if had > has and mailbox.bytes is not None and mailbox.bytes > max(has, FREE_GB) * GB:
            return "mailbox-size"
        if mailbox.has_archive and "archive" in lost:
            return "mailbox-archive"
    return None


def unknown(mailbox: Mailbox) -> list[str]:
    """Return what is not known of a mailbox, of all that decides whether a shared one needs a licence."""
    return [fact for fact in FACTS if getattr(mailbox, fact) is None]


def not_held(context: Context, addresses: Iterable[str]) -> list[str]:
    """Return the UPNs of users whose mailboxes, of these, nobody tells to be on hold."""
    users = {_meant(context, address) for address in addresses}
    held = {user_id for user_id, mailbox in context.mailboxes.items() if mailbox.on_hold}
    return sorted(context.by_id[user_id].upn for user_id in users - held if user_id)


def told(context: Context) -> dict[str, Any]:
    """Return of how many mailboxes the file tells, how many are of users here, and some that are not."""
    strangers = [row.address for row in context.desired.mailboxes if _meant(context, row.address) is None]
    rows = len(context.desired.mailboxes)
    return {"rows": rows, "matched": rows - len(strangers), "unmatched": strangers[:SHOWN]}


def conflicts(context: Context) -> Iterator[Conflict]:
    """Yield a conflict for each mailbox that only one of tenant and file calls one that needs no licence."""
    live = {row.user_id: row.purpose for row in context.current.mailboxes or ()}
    for row in context.desired.mailboxes:
        user_id = _meant(context, row.address)
        purpose = live.get(user_id) if user_id else None
        if user_id is None or purpose is None or row.purpose is None:
            continue
        if (purpose in LICENCE_FREE) != (row.purpose in LICENCE_FREE):
            upn = context.by_id[user_id].upn
            yield Conflict(
                code="mailbox-disagreement",
                params={"upn": upn, "tenant": purpose, "told": row.purpose},
                subject=f"users/{upn}",
                blocks=False,
                file=row.location.file,
                line=row.location.line,
            )


def concerned(plan: Plan, current: Current) -> tuple[str, ...]:
    """Return the ids of the users whose mailboxes a plan would take or make smaller, sorted."""
    upns = {user.upn: user.id for user in current.users}
    found = {
        warning.params.get("upn") or (change.user.upn if change.user else "")
        for change in plan.changes
        for warning in change.warnings
        if warning.code in ("mailbox-deletion", "mailbox-downgrade")
    }
    return tuple(sorted(upns[upn] for upn in found & upns.keys()))
