"""How is it told why a user holds, gets or loses each licence?

The page and the sentences of `reconciler why`, from looking.why. It finds nothing out itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report import messages
from reconciler.report.assignment_errors import meaning
from reconciler.report.layout import Page, Span
from reconciler.report.phrases import count, listing, product, role_names
from reconciler.report.sanitize import clean
from reconciler.report.warning_words import ADVICE

if TYPE_CHECKING:
    from reconciler.looking.users import Holding
    from reconciler.looking.why import Account, LicenseLine, Wish
    from reconciler.model import Exclusion, Leaver, Location
    from reconciler.plan import Change, Warning  # noqa: A004  the field's word
    from reconciler.report.layout import Line
    from reconciler.report.listing import Screen

LABEL = 11

CREATE, RESTORE, UPDATE, DELETE = "create-user", "restore-user", "update-user", "delete-user"


def lines(account: Account, day: str, screen: Screen) -> list[Line]:
    """Return the page; `day` is the ISO date from which the dates of warnings count."""
    page = Page(screen.width, screen.symbols, limit=None)
    _head(page, account)
    if account.lines:
        page.heading("Licences")
    for line in account.lines:
        _license(page, line)
    _conflicts(page, account)
    _warnings(page, account, day)
    page.blank()
    page.put(Span(verdict(account), "bold"), indent=0)
    return page.lines


def _head(page: Page, account: Account) -> None:
    user = account.person.user if account.person else None
    name = user.name if user else account.deleted.name if account.deleted else ""
    name = name or (account.entry.name or "" if account.entry else "")
    page.put(Span(clean(account.upn), "bold"), Span(f"  {name}" if name else ""), indent=0)
    _fact(page, "account", who(account))
    if account.roles:
        _fact(page, "roles", role_names(account.roles).replace(" or ", ", "))
    _fact(page, "entry", entry(account))
    if account.entry and account.entry.leaver:
        _fact(page, "leaves", leaver(account.entry.leaver))
    if account.entry and account.entry.reason:
        _fact(page, "reason", account.entry.reason)


def _fact(page: Page, label: str, text: str, style: str = "", indent: int = 2) -> None:
    page.row([(Span(label, "dim"), LABEL)], [Span(text, style)], indent=indent)


def who(account: Account) -> str:
    """Return what kind of account this is, in a phrase."""
    if account.person is None:
        if account.deleted is None:
            return "does not exist in the tenant"
        when = account.deleted.deleted_at
        day = f" on {when:%Y-%m-%d}" if when else ""
        return f"deleted{day}; `reconciler recoverable` says until when it can be restored"
    user = account.person.user
    state = {True: "enabled", False: "disabled", None: "(enabled or not: unknown)"}[user.enabled]
    kind = {"member": "member", "unknown": "account"}.get(account.person.kind, account.person.kind)
    kind = "account" if kind == "disabled" else kind
    return ", ".join(
        [
            f"{state} {kind}",
            f"usage location {clean(user.usage_location)}" if user.usage_location else "no usage location",
            *([f"department {clean(user.department)}"] if user.department else []),
            *(["synced from on-premises"] if user.synced else []),
        ]
    )


def entry(account: Account) -> str:
    """Return what the desired state says of the user as a whole."""
    if account.entry is None:
        askers = dict.fromkeys(_asker(wish) for line in account.lines for wish in line.wanted)
        if askers:
            return f"none; {listing(list(askers))} {'asks' if len(askers) == 1 else 'ask'} for licences"
        if account.listed:
            return "none; a rule or a declared group means this user, and asks for no licence"
        return "none: not listed, so licences stay as they are unless `unlisted_users` says otherwise"
    of = account.entry
    found = {
        "id": "means this user by its id",
        "upn": "means this user by its UPN" if account.person else "means a user who does not exist yet",
        "restore": "means the deleted user",
        None: "has this UPN, but it is not certain whom it means",
    }[account.found_by]
    if not of.present:
        says = "shall be deleted"
    elif of.grants is None:
        says = "licences stay as they are for now" if of.leaver else "licences are not managed"
    elif of.mode == "add":
        says = "licences are only added"
    else:
        some = of.grants or of.choices
        says = "its list is all that the user may hold directly" if some else "no direct licence"
    named = f" ({clean(of.upn)})" if account.person and of.upn != account.upn else ""
    return f"{_place(of.location)}{named} {found}; {says}"


def leaver(of: Leaver) -> str:
    """Return what is declared of somebody who leaves."""
    deleted = (
        "the account is never deleted"
        if of.delete_after is None
        else f"the account is deleted after {count(of.delete_after, 'day')}"
    )
    kept = f"licences are kept for {count(of.keep_licenses, 'day')}"
    return f"last day {of.last_day.isoformat()}; {kept}, and {deleted}"


def _place(location: Location) -> str:
    return f"{clean(location.file)}:{location.line}"


# ------------------------------------------------------------ licences


def _license(page: Page, line: LicenseLine) -> None:
    sign, style = {
        "assign": (page.symbols.add, "green"),
        "restore": (page.symbols.add, "green"),
        "revoke": (page.symbols.remove, "red"),
        "modify": (page.symbols.change, "cyan"),
        "keep": (" ", ""),
    }[line.fate]
    sign = page.symbols.blocked if line.blocked else sign
    page.put(
        Span(sign, f"bold {style}".strip()), Span(f" {product(line.sku, line.name)}", f"bold {style}".strip())
    )
    for one in line.held:
        _fact(page, "held", source(one, line), indent=6)
    if not line.held:
        _fact(page, "held", "no", indent=6)
    for text in wanted(line):
        _fact(page, "wanted", text, indent=6)
    if line.off:
        _fact(page, "plans off", ", ".join(line.off), indent=6)
    if line.fate in ("assign", "modify") and line.will_off != line.off:
        _fact(page, "then off", ", ".join(line.will_off) or "none: all are on", indent=6)
    _fact(page, "apply", fate(line), "yellow" if line.blocked else style, indent=6)


def source(one: Holding, line: LicenseLine) -> str:
    """Return where a licence comes from: "directly, since 2026-11-24 (run …)", "through group Sales"."""
    text = f"through group {clean(one.group)}" if one.group else "directly"
    if one.group is None and line.since:
        text += f", since {line.since.at:%Y-%m-%d} (run {clean(line.since.run)})"
    if one.failed:
        text += f", in error: {clean(one.error)}: {meaning(one)}"
    elif one.state != "Active":
        text += f", state {clean(one.state)}"
    return text


def wanted(line: LicenseLine) -> list[str]:
    """Return by what the desired state asks for a licence, or that it does not."""
    if line.excluded:
        return [f"no: excluded by {_exclusion(line.excluded)}"]
    told = [_wish(wish) for wish in line.wanted]
    if line.ignored:
        told.append("is not counted as a licence (`ignore_skus`)")
    return told or ["no"]


def _exclusion(one: Exclusion) -> str:
    """Return who forbids a licence, why, whose exception that is and how long it holds."""
    facts = [
        *([f"reason: {clean(one.reason)}"] if one.reason else []),
        *([f"owner: {clean(one.owner)}"] if one.owner else []),
        *([f"until {one.until.isoformat()}"] if one.until else []),
    ]
    whose = "" if one.rule == "users" else f"rule {clean(one.rule)}, "
    known = f" ({'; '.join(facts)})" if facts else ""
    return f"{whose}{_place(one.location)}{known}"


def _wish(wish: Wish) -> str:
    bundle = f", bundle {clean(wish.bundle)}" if wish.bundle else ""
    until = f", until {wish.until.isoformat()}" if wish.until else ""
    return f"by {_asker(wish)}{bundle}{until}, {_place(wish.location)}"


def _asker(wish: Wish) -> str:
    """Return what asks for a licence: "the entry", "group Sales NL", "rule sales"."""
    match wish.rule:
        case "users":
            return "the entry"
        case "groups":
            return f"group {clean(wish.group or '?')}"
        case _:
            return f"rule {clean(wish.rule)}"


def fate(line: LicenseLine) -> str:
    """Return what apply would do with a licence, in a few words."""
    words = {
        "assign": "assigns it",
        "restore": "brings it back with the user",
        "revoke": "takes it away",
        "modify": "changes its service plans",
        "keep": "leaves it as it is" if line.held else "does nothing",
    }[line.fate]
    return f"would do nothing now, since it is blocked; else it {words}" if line.blocked else words


# ------------------------------------------------------------ conflicts, warnings, verdict


def _conflicts(page: Page, account: Account) -> None:
    if account.conflicts:
        page.heading("Conflicts")
    for conflict in account.conflicts:
        told = messages.conflict(conflict)
        style = "bold red" if conflict.blocks else "bold yellow"
        page.put(
            Span(f"{page.symbols.attention} {clean(conflict.code)}: ", style), Span(told.message), hang=4
        )
        for number, remedy in enumerate(told.remedies, 1):
            page.put(Span(f"{number}. ", "dim"), Span(remedy), indent=4, hang=7)


def _warnings(page: Page, account: Account, day: str) -> None:
    warned = [change for change in account.changes if change.warnings]
    if warned:
        page.heading("What apply would destroy or risk")
    for change in warned:
        for alike in _alike(change):
            told = messages.warnings(alike, about=messages.whom(change, alike[0]), day=day)
            head = Span(f"{page.symbols.attention} {clean(alike[0].code)}: ", "bold yellow")
            page.put(head, Span(told.message), hang=4)
            if told.prevent:
                advice = ADVICE.get(alike[0].code, "To prevent it: ")
                page.put(Span(advice, "bold"), Span(told.prevent), indent=4)


def _alike(change: Change) -> list[list[Warning]]:
    """Return warnings one by one, those of services that are lost with one deadline together."""
    found: dict[object, list[Warning]] = {}
    for number, warning in enumerate(change.warnings):
        lost = warning.code == "data-deletion"
        key = (warning.params.get("known"), warning.recoverable_until) if lost else number
        found.setdefault(key, []).append(warning)
    return list(found.values())


def verdict(account: Account) -> str:
    """Return in a sentence what apply would do with this user."""
    parts = []
    if done := _acts(account, blocked=False):
        parts.append(f"apply would {listing(done)}")
    if stuck := _acts(account, blocked=True):
        codes = {clean(code) for change in account.changes for code in change.blocked_by}
        subject = "it" if done else "apply"
        parts.append(f"{subject} can't {listing(stuck, 'or')} now ({listing(sorted(codes))})")
    if parts:
        text = "; ".join(parts)
        return f"{text[0].upper()}{text[1:]}."
    if any(conflict.blocks for conflict in account.conflicts):
        return "Apply would do nothing for this user: the conflict stands in the way."
    return "Apply would change nothing for this user."


def _acts(account: Account, *, blocked: bool) -> list[str]:
    """Return what the changes do, as verbs with their objects, ready or blocked ones."""
    acts = []
    for change in account.changes:
        if change.ready is not blocked:
            acts += _of_group(change) if change.group else _of_user(change)
    return acts


def _of_user(change: Change) -> list[str]:
    """Return what a change does to a user, or to the user's own licences."""
    kinds = {
        CREATE: "create the user",
        RESTORE: "restore the user",
        UPDATE: "update the profile",
        DELETE: "delete the user, with all licences",
    }
    acts = [kinds[change.kind]] if change.kind in kinds else []
    for verb, items in (("assign", change.assign), ("revoke", change.revoke), ("change", change.modify)):
        if items:
            acts.append(f"{verb} {listing(sorted(clean(one.sku) for one in items))}")
    return acts


def _of_group(change: Change) -> list[str]:
    """Return what a change of a group does to the user."""
    group = f"group {clean(change.group.name)}" if change.group else ""
    if change.kind == "add-member":
        return [f"add the user to {group}"]
    if change.kind == "remove-member":
        return [f"take the user out of {group}"]
    return [
        f"{verb} {listing([clean(sku) for sku in skus])} through {group}"
        for member in change.members
        for verb, skus in (("give", member.gains), ("take", member.loses))
        if skus
    ]
