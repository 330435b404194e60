"""Why does this user hold, get or lose each licence?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options, output, seen
from reconciler.cli.commands import Command
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.cli.seen import Seen
    from reconciler.journal import Run
    from reconciler.looking.why import Account, LicenseLine
    from reconciler.model import Exclusion, Location


@click.command(
    cls=Command,
    examples=[
        ("reconciler why anna@contoso.com", "each licence of a user: its source, rule, file and line"),
        ("reconciler why anna@contoso.com --json", "the same as data"),
        ("reconciler why anna@contoso.com --snapshot state.json", "against a saved state"),
    ],
)
@click.argument("upn", metavar="UPN")
@options.file
@options.connection
@seen.snapshot
@seen.at
@options.use_grace
@options.catalog
@options.as_json
def command(*, upn: str, use_grace: bool, as_json: bool, **where: Any) -> None:
    """Say why a user has each licence, and what apply would do.

    Shows the source of each licence (direct, or through which group), the line of tenant.yaml that asks
    for it, the service plans that are off, and what is in conflict. UPN may be any address of the user,
    or the id.
    """
    from reconciler.looking import why
    from reconciler.model import Options
    from reconciler.planning import make_plan

    state = seen.see(needs_actor=True, **where)
    options_ = Options(now=state.now, use_grace=use_grace)
    plan = make_plan(state.desired, state.current, state.actor, state.catalog, options_)
    name = upn.strip().lower()
    account = why.account(state.context, plan, name, _runs(state))
    if account is None:
        holders = state.context.by_address.get(name)
        if holders:
            raise UsageError("ambiguous-address", upn=name, upns=[user.upn for user in holders])
        known = (*state.context.by_upn, *(entry.upn for entry in state.desired.entries))
        raise UsageError("unknown-user", upn=name, nearest=why.nearest(name, known))
    if as_json:
        from reconciler.cli.telling import json_text

        output.write(json_text(_document(account)))
    else:
        from reconciler.report import listing, reasons

        day = state.now.date().isoformat()
        listing.show(lambda screen: reasons.lines(account, day, screen))


def _runs(state: Seen) -> tuple[Run, ...]:
    """Return the runs of apply on this tenant."""
    from reconciler import journal

    tenant = state.current.organization.id
    runs = journal.runs(state.journal)
    return tuple(run for run in runs if run.start.tenant.id == tenant)


# ------------------------------------------------------------ for programs


def _document(account: Account) -> dict[str, Any]:
    """Return what is said of the user as data."""
    from reconciler.report import messages, reasons

    user = account.person.user if account.person else None
    entry, deleted = account.entry, account.deleted
    return {
        "upn": account.upn,
        "id": user.id if user else deleted.id if deleted else None,
        "name": user.name if user else deleted.name if deleted else entry.name if entry else None,
        "exists": user is not None,
        "deleted_at": deleted.deleted_at and _instant(deleted.deleted_at) if deleted else None,
        "enabled": user.enabled if user else None,
        "class": account.person.kind if account.person else None,
        "usage_location": user.usage_location if user else None,
        "roles": list(account.roles),
        "entry": _entry(account),
        "licenses": [_license(line) for line in account.lines],
        "changes": [
            {
                "address": change.address,
                "kind": change.kind,
                "status": change.status,
                "blocked_by": list(change.blocked_by),
                "warnings": [warning.code for warning in change.warnings],
            }
            for change in account.changes
        ],
        "conflicts": [
            {
                "code": conflict.code,
                "sku": conflict.sku,
                "blocks": conflict.blocks,
                "message": messages.conflict(conflict).message,
                "remedies": list(messages.conflict(conflict).remedies),
                "file": conflict.file,
                "line": conflict.line,
            }
            for conflict in account.conflicts
        ],
        "verdict": reasons.verdict(account),
    }


def _entry(account: Account) -> dict[str, Any] | None:
    entry = account.entry
    if entry is None:
        return None
    return {
        **_place(entry.location),
        "upn": entry.upn,
        "found_by": account.found_by,
        "ensure": "present" if entry.present else "absent",
        "mode": entry.mode if entry.grants is not None else None,
        "reason": entry.reason,
    }


def _license(line: LicenseLine) -> dict[str, Any]:
    from reconciler.cli.users import holding

    return {
        "sku": line.sku,
        "sku_id": line.sku_id,
        "name": line.name,
        "held": [{**holding(one), "disabled_plans": list(one.disabled_plans)} for one in line.held],
        "since": line.since and {"at": _instant(line.since.at), "run": line.since.run},
        "wanted": [
            {
                "rule": wish.rule,
                "group": wish.group,
                "bundle": wish.bundle,
                "until": wish.until and wish.until.isoformat(),
                **_place(wish.location),
            }
            for wish in line.wanted
        ],
        "excluded": line.excluded and _exclusion(line.excluded),
        "ignored": line.ignored,
        "plans_off": list(line.off),
        "plans_off_after": list(line.will_off),
        "apply": line.fate,
        "blocked": line.blocked,
    }


def _exclusion(one: Exclusion) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "reason": one.reason,
        "owner": one.owner,
        "until": one.until and one.until.isoformat(),
        **_place(one.location),
    }


def _place(location: Location) -> dict[str, Any]:
    return {"file": location.file, "line": location.line}


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
