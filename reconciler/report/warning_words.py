"""What is said of each warning: what is lost or risked, until when it can be saved, and how to prevent it?

One function per code, one table at the end; to add a code, copy the nearest function. `who` is "user
anna@contoso.com", or "each of 12 users" where many share one fate; so the verb is always in the
singular. Dates count from the day of apply, hence "if applied on".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler import catalog
from reconciler.report.phrases import Facts, count, listing, product

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DATA_LOSS = frozenset(
    {"data-deletion", "mailbox-deletion", "mailbox-downgrade", "storage-downgrade", "user-deletion"}
)
"""Warnings of something destroyed or cut off, as against those of a risk."""

KEEP_MAILBOX = product("EXCHANGESTANDARD", "Exchange Online (Plan 1)")
"""The cheapest ordinary plan with a mailbox of its own: the one that a message proposes."""


class Warned(NamedTuple):
    """The sentences of one warning; `prevent` is None where there is nothing to prevent."""

    message: str
    prevent: str | None = None


class Fate(NamedTuple):
    """Whom a warning is about and when: `day` is the day of apply, `until` the last day to save it."""

    who: str
    day: str
    until: str | None

    def deadline(self, how: str = "") -> str:
        """Return "if applied on DAY, recoverable until DATE HOW, then gone for good"."""
        if self.until is None:
            return f"if applied on {self.day}, it is not known how long it can be recovered"
        return (
            f"if applied on {self.day}, recoverable until {self.until}{how and f' {how}'}, then gone for good"
        )


# ------------------------------------------------------------ what is lost


_UNKNOWN = {
    "bytes": "whether it is larger than 50 GB",
    "has_archive": "whether it has an archive",
    "on_hold": "whether it is on hold",
}
_REPORTS = {
    "concealed": "the tenant's usage report conceals names",
    "forbidden": "the usage report may not be read (Reports.Read.All)",
    "unavailable": "the usage report can't be had",
    "cloud": "this cloud has no usage report",
    "read": "the usage report does not tell of it",
}


def _shared_mailbox(f: Facts, fate: Fate) -> Warned:
    """Return what is said of one that may need no licence, as far as anybody knows."""
    unknown = [_UNKNOWN.get(fact, fact) for fact in f.names("unknown")]
    sized = {"bytes", "has_archive"}.intersection(f.names("unknown"))
    why = f" ({_REPORTS.get(f.text('report'), f.text('report'))})" if sized and f.has("report") else ""
    a = "an" if f.text("purpose").startswith("e") else "a"
    return Warned(
        f"{fate.who} loses the licence of {a} {f.text('purpose')} mailbox, {f.product}. It stays without one "
        "only below 50 GB, without an archive and without a hold, and it is not known "
        f"{listing(unknown)}{why}; "
        f"otherwise {fate.deadline('by assigning a licence with a mailbox again')}.",
        "Ask in Exchange first, and name an export in `mailboxes_from`, which tells holds too.",
    )


def _mailbox_deletion(f: Facts, fate: Fate) -> Warned:
    if f.has("unknown"):
        return _shared_mailbox(f, fate)
    return Warned(
        f"{fate.who} loses the mailbox that comes with {f.product}: "
        f"{fate.deadline('by assigning a licence with a mailbox again')}. "
        "Search and eDiscovery no longer find it from the first day.",
        f"Keep a licence with a mailbox, {KEEP_MAILBOX} for instance; or turn it into a shared mailbox "
        "(needs no licence up to 50 GB) or export it first. If in doubt, revoke nothing.",
    )


def _mailbox_downgrade(f: Facts, fate: Fate) -> Warned:
    rights = {"archive": "the archive mailbox", "hold": "holds"}
    lost = [rights.get(right, right) for right in f.names("lost")]
    smaller = f.number("to_gb") < f.number("from_gb")
    parts = [
        *([f", {_sizes(f)}: a fuller mailbox can no longer send or receive"] if smaller else []),
        *(
            [f"; {listing(lost)} {'is' if len(lost) == 1 and lost != ['holds'] else 'are'} lost"]
            if lost
            else []
        ),
    ]
    advice = "export the archive and ask whether a hold is in force" if lost else "export what is above"
    until = f" {_sentence(fate.deadline('by going back'))}" if fate.until else ""
    return Warned(
        f"{fate.who} keeps the mailbox, but goes from {f.text('from_title')} to {f.text('to_title')}"
        f"{''.join(parts)}.{until}",
        f"Compare the mailbox with the new limits first; {advice}. Or keep the present plan.",
    )


def _storage_downgrade(f: Facts, fate: Fate) -> Warned:
    until = f" {_sentence(fate.deadline('by going back'))}" if fate.until else ""
    return Warned(
        f"{fate.who} keeps OneDrive, but goes from {f.text('from_title')} to {f.text('to_title')}, "
        f"{_sizes(f)}: a fuller OneDrive becomes read-only.{until} Documents on SharePoint sites stay.",
        "Compare the files with the new limit first and move what is above. Or keep the present plan.",
    )


def _data_deletion(f: Facts, fate: Fate) -> Warned:
    names = [name for name in f.names("plans") if name != f.text("title")]
    plans = f" ({listing(names)})" if names else ""
    service = catalog.load().services.get(f.text("service"))
    if service is None or not f.flag("known"):
        return Warned(
            f"{fate.who} loses {f.text('title')}{plans}: what becomes of its data is unknown.",
            "Find out what this service keeps for the user before you apply, and export it.",
        )
    if service.kind == "access" and fate.until is None:
        end = "nothing is deleted"
    else:
        end = fate.deadline("by assigning it again")
    keeps = f" {_sentence(service.keeps)}" if service.keeps else ""
    return Warned(
        f"{fate.who} loses {service.title}{plans}: {service.loses}; {end}.{keeps}",
        _sentence(service.prevent or "keep the licence, if the service is still needed"),
    )


def services(lost: Sequence[Facts], fate: Fate) -> Warned:
    """Return what is said of several services that are lost together, all known or all unknown."""
    names = listing([f.text("title") for f in lost], limit=len(lost))
    if not lost[0].flag("known"):
        return Warned(
            f"{fate.who} loses {names}: what becomes of their data is unknown.",
            "Find out what these services keep for the user before you apply, and export it.",
        )
    known = catalog.load().services
    advice = [known[f.text("service")].prevent for f in lost if f.text("service") in known]
    return Warned(
        f"{fate.who} loses {names}, with what they hold: {fate.deadline('by assigning them again')}.",
        _sentence(
            "; ".join(dict.fromkeys(filter(None, advice))) or "keep the licence, if they are still needed"
        ),
    )


def _user_deletion(f: Facts, fate: Fate) -> Warned:
    kept = [
        *(["the mailbox"] if f.flag("mailbox") else []),
        *(["OneDrive"] if f.flag("onedrive") else []),
    ]
    also = f" with {listing(kept)}" if kept else ""
    held = " The mailbox is on hold: it stays, as an inactive one, as long as the hold does."
    hold = held if f.has("on_hold") else ""
    frees = f" It frees {listing(f.names('skus'))} at once." if f.has("skus") else ""
    return Warned(
        f"{fate.who} is deleted{also}: {fate.deadline('by restoring the user')}."
        f"{frees}{hold} Documents on SharePoint sites stay.",
        "Delete only when certain. Otherwise block sign-in (`enabled: false`), and first turn the mailbox "
        "into a shared one, put it on hold or export it, and hand the OneDrive files over.",
    )


def _sizes(f: Facts) -> str:
    """Return "100 GB to 2 GB"."""
    return f"{f.number('from_gb'):,} GB to {f.number('to_gb'):,} GB"


def _sentence(text: str) -> str:
    """Return `text` with a capital at the start and a full stop at the end."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


# ------------------------------------------------------------ what to know


def _mailbox_restored(f: Facts, fate: Fate) -> Warned:
    return Warned(
        f"{fate.who} gets the former mailbox back: it was lost on {f.text('removed_at')[:10]}, "
        f"and what it held is kept until {f.text('until')[:10]}. Applied later, it starts empty."
    )


def _near_exclusive(f: Facts, fate: Fate) -> Warned:
    return Warned(
        f"{fate.who} would hold {f.text('plan_title')} and {f.text('other_title')} at once "
        f"({listing(f.names('skus'))}): Microsoft advises against it, and the service may refuse it.",
        f"Switch one of the two plans off, or assign only one of {listing(f.names('skus'), 'or')}.",
    )


def _seat_from_grace(f: Facts, fate: Fate) -> Warned:
    return Warned(
        f"{fate.who} takes a seat of {f.product} that has expired and is in its grace period; "
        "the licence goes when that ends.",
        "Renew the subscription, or buy seats, before assigning.",
    )


def _trial_seat(f: Facts, fate: Fate) -> Warned:
    return Warned(
        f"{fate.who} takes a seat of {f.product} of a trial; the licence goes when that ends.",
        "Buy the subscription before the trial ends, or assign another licence.",
    )


def _renewal_unknown(f: Facts, fate: Fate) -> Warned:
    date = f"the term of {f.product} ends on {f.text('date')[:10]}" if f.has("date") else f.product
    return Warned(
        f"{fate.who} takes a seat whose renewal is unknown: {date}, and Graph does not tell if it renews.",
        "Look in the Microsoft 365 admin center (Billing > Your products) whether automatic renewal is on.",
    )


def _self_service(f: Facts, fate: Fate) -> Warned:
    return Warned(
        f"{fate.who} has {f.product} from a self-service purchase: it is shown, and never planned for.",
        "Take the purchase over in the Microsoft 365 admin center, if the organisation is to manage it.",
    )


def _proxy_address(_: Facts, fate: Fate) -> Warned:
    return Warned(
        f"{fate.who} may get other mail addresses: Exchange works them out anew with such a change.",
        "Look at the user's mail addresses before and after.",
    )


def _default_location(f: Facts, fate: Fate) -> Warned:
    return Warned(
        f"{fate.who} has no usage location and gets {f.text('country')} from `defaults.usage_location`.",
        "Set `usage_location` in the entry, if the user works elsewhere.",
    )


def _fallback_license(f: Facts, fate: Fate) -> Warned:
    wanted = product(f.text("wanted"), f.text("wanted_name"))
    return Warned(
        f"{fate.who} gets {f.product} by `one_of`, since no seat of {wanted} is free.",
        f"Buy seats of {f.text('wanted')} before applying: afterwards the user keeps {f.text('sku')}, which "
        "`one_of` allows as well.",
    )


# ------------------------------------------------------------ who comes and leaves


def _similar_user(f: Facts, fate: Fate) -> Warned:
    other = f"{f.text('other')} ({f.text('name')})"
    likeness = f"has the same name as {other}"
    if f.text("reason") == "upn":
        likeness = f"has nearly the UPN of {other}"
    state = "to be created too" if f.flag("coming") else "there already"
    return Warned(
        f"{fate.who} {likeness}, who is {state}.",
        f"Is this the same person? If it is, take this entry out and keep to {f.text('other')}: a second "
        "account has a mailbox of its own and takes seats of its own. If it is somebody else, do nothing.",
    )


def _leaver_checklist(f: Facts, fate: Fate) -> Warned:
    deleted = f", and the account is deleted on {f.text('delete_on')[:10]}" if f.has("delete_on") else ""
    return Warned(
        f"{fate.who} can no longer sign in: the last day was {f.text('last_day')[:10]}. The licences are "
        f"revoked on {f.text('revoke_on')[:10]}{deleted}.",
        "Put the mailbox on hold or make it a shared one, forward the mail, and hand the OneDrive files "
        f"over: before {f.text('revoke_on')[:10]}, when the licences go.",
    )


def _deletion_later(f: Facts, fate: Fate) -> Warned:
    return Warned(
        f"{fate.who} is blocked from signing in and keeps everything; the account is to be deleted "
        f"{count(f.number('days'), 'day')} later, by a plan of {f.text('date')[:10]} or after "
        "(`defaults.disable_before_delete`).",
        f"If somebody still needs the account, take `ensure: absent` out of its entry before "
        f"{f.text('date')[:10]}.",
    )


ADVICE = {"leaver-checklist": "To do: ", "similar-user": "Ask: "}
"""Warning code → what stands before its advice, where that prevents nothing."""

WARNINGS: dict[str, Callable[[Facts, Fate], Warned]] = {
    "data-deletion": _data_deletion,
    "default-location": _default_location,
    "deletion-later": _deletion_later,
    "fallback-license": _fallback_license,
    "leaver-checklist": _leaver_checklist,
    "mailbox-deletion": _mailbox_deletion,
    "mailbox-downgrade": _mailbox_downgrade,
    "mailbox-restored": _mailbox_restored,
    "near-exclusive": _near_exclusive,
    "proxy-address": _proxy_address,
    "renewal-unknown": _renewal_unknown,
    "seat-from-grace": _seat_from_grace,
    "self-service": _self_service,
    "similar-user": _similar_user,
    "storage-downgrade": _storage_downgrade,
    "trial-seat": _trial_seat,
    "user-deletion": _user_deletion,
}
"""Warning code → what is said of it."""


def warning(code: str, facts: Facts, fate: Fate) -> Warned:
    """Return what is said of a warning; one that this version doesn't know is told as it stands."""
    known = WARNINGS.get(code)
    if known:
        return known(facts, fate)
    until = f" {_sentence(fate.deadline())}" if fate.until else ""
    return Warned(f"{fate.who}: {code} ({facts.listed()}).{until}")
