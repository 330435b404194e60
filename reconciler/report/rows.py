"""Which changes are alike, and what does one row say of all of them?

A plan for a thousand users is read by grouping what is the same for many. Words only; where they
stand on the page is text's business.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, assert_never

from reconciler import catalog
from reconciler.report import messages
from reconciler.report.phrases import count, listing, product, role_names
from reconciler.report.sanitize import clean
from reconciler.report.warning_words import DATA_LOSS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.plan import Change, License, Warning  # noqa: A004  the field's word

Verb = Literal[
    "create",
    "restore",
    "update",
    "add",
    "assign",
    "swap",
    "modify",
    "revoke",
    "remove",
    "delete",
    "buy",
    "renewal",
]

RULE = "rule "
"""How the place of a rule begins; that of anything else begins with its file."""
RUN = "run "
"""How the file of a place begins that is a run to be undone."""

PERSONAL_PARAMS = frozenset({"upn", "name"})
"""Params that only repeat whom a warning is about: no reason to tell alike changes apart."""

PLANS_NAMED = 3
"""So many service plans of a licence are named; the JSON has the ids of all."""

TOLD_ALREADY = frozenset({"upn", "deleted", "assignments"})
"""Fields of before and after that the row's verb and its user say already."""


class Row(NamedTuple):
    """Changes that are alike in all that a reviewer looks at, in the plan's order."""

    verb: Verb
    changes: tuple[Change, ...]

    @property
    def first(self) -> Change:
        """Return the change that speaks for all."""
        return self.changes[0]

    @property
    def removes(self) -> bool:
        """Tell whether something is taken away or lost: such rows stand apart, before the others."""
        takes = self.verb in ("revoke", "remove", "delete")
        return takes or any(warning.code in DATA_LOSS for warning in self.first.warnings)

    @property
    def deadline(self) -> str:
        """Return the first day on which something is gone for good; "9999" where none is known."""
        return min((w.recoverable_until or "9999" for w in self.first.warnings), default="9999")

    @property
    def subject(self) -> str:
        """Return "anna@contoso.com", or "412 users"."""
        return self.names[0] if len(self.changes) == 1 else count(len(self.changes), "user")

    @property
    def each(self) -> str:
        """Return whom a sentence about all of them is about: its verb stays in the singular."""
        if len(self.changes) > 1:
            return f"each of these {self.subject}"
        return "the user" if self.first.user else self.subject

    @property
    def names(self) -> list[str]:
        """Return whom or what the changes are about, one by one."""
        return [clean(c.user.upn) if c.user else messages.who(c) for c in self.changes]

    @property
    def because(self) -> str:
        """Return the places in the desired state, where all changes share them or rules alone give them."""
        places = dict.fromkeys(_because(change) for change in self.changes)
        every = list(dict.fromkeys(one for some in places for one in some))
        shared = len(places) == 1 or all(one.startswith(RULE) for one in every)
        return listing(every, limit=2) if every and shared else ""

    @property
    def effects(self) -> tuple[str, ...]:
        """Return what is set up, where that is the same for all: joining a group differs by what is held."""
        different = any(change.effects != self.first.effects for change in self.changes)
        return () if different else self.first.effects

    @property
    def blocked_by(self) -> str:
        """Return why the changes are blocked: conflicts by code, and what is waited for."""
        if self.first.ready:
            return ""
        codes = [clean(reason) for reason in self.first.blocked_by if "/" not in reason]
        waits = sorted({clean(reason) for c in self.changes for reason in c.blocked_by if "/" in reason})
        are = "is" if len(waits) == 1 else "are"
        parts = [
            *([f"blocked by {listing(codes)}"] if codes else []),
            *([f"waits for {listing(waits, limit=2)}, which {are} blocked"] if waits else []),
        ]
        return "; ".join(parts) or "blocked"

    @property
    def waits_for(self) -> str:
        """Return which changes of others must be done first; of a row of many what all of them wait for."""
        first, *rest = (_others(change) for change in self.changes)
        others = [address for address in first if all(address in more for more in rest)]
        return f"after {listing(others, limit=2)}" if others else ""

    @property
    def missing_role(self) -> str:
        """Return who may make the change, where the actor may not."""
        return "" if self.first.permitted else f"takes {role_names(self.first.roles)}"


def _others(change: Change) -> list[str]:
    """Return what must be done first to others, and in which group the user must have joined or left."""
    upn = change.user.upn if change.user else ""
    own = {change.address.split("/")[1], upn}
    mine = f"/members/{upn}"
    return [
        f"membership of group {clean(address[len('groups/') : -len(mine)])}"
        if upn and address.endswith(mine)
        else clean(address)
        for address in change.depends_on
        if address.split("/")[1] not in own
    ]


def grouped(changes: Iterable[Change]) -> list[Row]:
    """Return the rows of changes, each where its first change stands."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(_likeness(change), []).append(change)
    return [Row(verb_of(alike[0]), tuple(alike)) for alike in found.values()]


def verb_of(change: Change) -> Verb:
    """Return what a change does to its user or its group, in one word."""
    verbs: dict[str, Verb] = {
        "create-user": "create",
        "restore-user": "restore",
        "update-user": "update",
        "delete-user": "delete",
        "add-member": "add",
        "remove-member": "remove",
        "buy-seats": "buy",
        "set-auto-renew": "renewal",
    }
    if change.kind in verbs:
        return verbs[change.kind]
    if change.assign:
        return "swap" if change.revoke else "assign"
    if change.revoke:
        return "revoke"
    return "modify"


def _likeness(change: Change) -> str:
    """Return a key that is the same for changes which one row may tell together."""
    membership = change.kind in ("add-member", "remove-member")
    if not membership and change.kind not in ("set-licenses", "update-user", "delete-user"):
        return change.address
    return json.dumps(
        [
            change.kind,
            change.group.id if change.group else None,
            change.status,
            change.permitted,
            [reason for reason in change.blocked_by if "/" not in reason],
            any("/" in reason for reason in change.blocked_by),
            [[_labels(part), _plans_off(part)] for part in (change.assign, change.revoke, change.modify)],
            _fields(change),
            _through(change),
            _inherited(change),
            () if membership else change.effects,
            [likeness(warning) for warning in change.warnings],
        ]
    )


def likeness(warning: Warning) -> list[object]:
    """Return what is the same for warnings which one message may tell of several users."""
    params = {key: value for key, value in warning.params.items() if key not in PERSONAL_PARAMS}
    return [warning.code, params, warning.recoverable_until]


def _inherited(change: Change) -> list[str]:
    """Return the ids of the SKUs that groups still give a user after a change of the direct licences."""
    rows = change.after.get("assignments", ()) if change.kind == "set-licenses" else ()
    given = {str(row.get("sku_id")) for row in rows if row.get("assigned_by")}
    return sorted(given & {licence.sku_id for licence in change.revoke})


def _labels(licences: Sequence[License]) -> list[str]:
    return [licence.sku_id for licence in licences]


def _plans_off(licences: Sequence[License]) -> list[tuple[str, ...]]:
    return [licence.disabled_plans for licence in licences]


def _because(change: Change) -> tuple[str, ...]:
    """Return where what a change does is declared; a rule is told once."""
    found: dict[str, str] = {}
    licences = (*change.assign, *change.modify, *change.revoke)  # new ones first
    for reasons in (change.because, *(licence.because for licence in licences)):
        for reason in reasons:
            where = place(reason.rule, reason.file, reason.line)
            found.setdefault(reason.rule if where.startswith(RULE) else where, where)
    return tuple(found.values())


def place(rule: str, file: str, line: int) -> str:
    """Return where something is declared: "tenant.yaml:21", "rule sales, tenant.yaml:40".

    Or which run is undone, where nothing is declared.
    """
    if file.startswith(RUN):
        return f"undo of {clean(file)}"
    where = f"{clean(file)}:{line}"
    match rule:
        case "users" | "groups":
            return where
        case "unlisted_users":
            return f"{where} ({rule})"
        case _:
            return f"{RULE}{clean(rule)}, {where}"


# ------------------------------------------------------------ what it is about


def what(row: Row, arrow: str, *, short: bool = False, skus: Mapping[str, str] | None = None) -> str:
    """Return what the row's changes do: the licences, the group, or the fields.

    `short` leaves out product names; `skus` maps SKU ids to part numbers, beyond those of the catalogue.
    """
    change = row.first
    match row.verb:
        case "assign" | "modify" | "revoke" | "swap":
            return _licences(change, arrow, short=short)
        case "add" | "remove":
            return _membership(change, skus or {})
        case "buy":
            return f"{_value(change.before.get('seats'))} {arrow} {_value(change.after.get('seats'))} seats"
        case "renewal":
            return f"automatic renewal {_switch(change.before)} {arrow} {_switch(change.after)}"
        case "create" | "restore" | "update" | "delete":
            name = change.user.name if change.user and len(row.changes) == 1 else ""
            fields = "; ".join([*_fields(change, arrow), *_given_back(change)])
            named = f"({clean(name)})" if name else ""
            return " ".join(part for part in (named, fields) if part)
        case _:
            assert_never(row.verb)


def _membership(change: Change, skus: Mapping[str, str]) -> str:
    """Return which group a user joins or leaves, and what that gives or takes."""
    joins = change.kind == "add-member"
    group = clean(change.group.name) if change.group else "?"
    names = sorted(clean(skus.get(sku_id, "")) or _part_number(sku_id) for sku_id in _through(change))
    moved = f": {'gets' if joins else 'loses'} {listing(names)}" if names else ""
    return f"{'to' if joins else 'from'} group {group}{moved}"


def _through(change: Change) -> list[str]:
    """Return the ids of the SKUs that a user holds on only one side of a change of membership."""
    if change.kind not in ("add-member", "remove-member"):
        return []
    before, after = (
        {str(row.get("sku_id")) for row in state.get("assignments", ())}
        for state in (change.before, change.after)
    )
    return sorted(before ^ after)


def _licences(change: Change, arrow: str, *, short: bool) -> str:
    def told(part: Sequence[License], *, off: bool) -> str:
        return ", ".join(_licence(change, licence, short=short, off=off) for licence in part)

    parts = []
    if change.assign and change.revoke:
        parts.append(f"{told(change.revoke, off=False)} {arrow} {told(change.assign, off=True)}")
    elif change.assign or change.revoke:
        parts.append(told(change.assign, off=True) or told(change.revoke, off=False))
    if change.modify:
        parts.append(told(change.modify, off=True))
    return "; ".join(parts)


def _licence(change: Change, licence: License, *, short: bool, off: bool) -> str:
    """Return one licence, and which of its plans go on or off; of many only how many."""
    name = clean(licence.sku) if short else product(licence.sku, licence.name)
    if not off:
        stays = not short and licence.sku_id in _inherited(change)
        return f"{name}, still held through a group" if stays else name
    now = set(licence.disabled_plans)
    if licence not in change.modify:
        return f"{name} without {_plans(now)}" if now else name
    before = {
        plan
        for held in change.before.get("assignments", ())
        if held.get("sku_id") == licence.sku_id and held.get("assigned_by") is None
        for plan in held["disabled_plans"]
    }
    parts = [f"{_plans(plans)} {to}" for plans, to in ((before - now, "on"), (now - before, "off")) if plans]
    return f"{name}: {', '.join(parts)}"


def _plans(ids: set[str]) -> str:
    """Return service plans by name, as tenant.yaml has them; more than a few by their number."""
    if len(ids) > PLANS_NAMED:
        return count(len(ids), "plan")
    known = catalog.load().plans
    return listing(sorted(clean(known[plan].name if plan in known else plan) for plan in ids))


def _fields(change: Change, arrow: str = "") -> list[str]:
    """Return the fields that change, as "department: Sales → Marketing"; nothing for licences."""
    if change.kind not in ("create-user", "restore-user", "update-user"):
        return []
    told = []
    for field, value in change.after.items():
        told_already = field in TOLD_ALREADY or (field == "name" and change.kind == "create-user")
        if told_already or change.before.get(field) == value:
            continue
        label = clean(field.replace("_", " "))
        if change.before.get(field) in (None, ""):
            told.append(f"{label}: {_value(value)}")
        else:
            told.append(f"{label}: {_value(change.before[field])} {arrow} {_value(value)}")
    return told


def _given_back(change: Change) -> list[str]:
    """Return which licences come back with a restored user, and take their seats again."""
    held = change.before.get("assignments", ()) if change.kind == "restore-user" else ()
    names = [_part_number(one["sku_id"]) for one in held if one.get("assigned_by") is None]
    return [f"gets back {listing(sorted(names))}"] if names else []


def _part_number(sku_id: str) -> str:
    """Return the part number of a SKU that a plan names only by its id, as far as the catalogue knows."""
    known = catalog.load().skus
    return clean(known[sku_id].part_number if sku_id in known else sku_id)


def _switch(state: dict[str, Any]) -> str:
    return {True: "on", False: "off"}.get(state.get("auto_renew"), "unknown")  # type: ignore[arg-type]


def _value(value: object) -> str:
    """Return a field's value for people; its text is cleaned."""
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case "":
            return "empty"
        case _:
            return clean(str(value))
