"""How is shown what `doctor` found out: a page for people, a document for programs?

Everything stands in a Checkup; nothing is judged here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.report.directory_errors import READ
from reconciler.report.errors import sentence
from reconciler.report.layout import Page, Span
from reconciler.report.phrases import Facts, listing, role_names
from reconciler.report.sanitize import clean
from reconciler.report.signin_errors import nobody, why_not
from reconciler.roles import READ as READING
from reconciler.roles import TEMPLATE_IDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.errors import ReconcilerError
    from reconciler.looking.checkup import Checkup
    from reconciler.looking.permissions import Diagnosis, Surplus
    from reconciler.model import Actor
    from reconciler.report.layout import Line
    from reconciler.report.listing import Screen

DEEDS = {
    "assign": "assign licences",
    "revoke": "revoke licences",
    "create": "create users",
    "delete": "delete and restore users",
    "profile": "change profiles",
    "usage-location": "set usage locations",
    "group-licenses": "change the licences of groups",
    "members": "change the members of groups",
}
"""Ability → what it lets one do."""

WISHES = {
    "mailboxes": "what mailboxes are for: shared ones need no licence, and keep theirs",
    "reports": "how large mailboxes are, where the tenant does not conceal names in its reports",
    "audit": "licences that other tools took away, and when users last signed in",
}
"""What may be read beside the state → what it tells."""

LABEL = 12


def lines(found: Checkup, screen: Screen) -> list[Line]:
    """Return the page: who and where, what each command may do, what is missing and what is too much."""
    page = Page(screen.width, screen.symbols, limit=None)
    for label, value in _facts(found):
        page.row([(Span(label, "dim"), LABEL)], [Span(value)], indent=0)
    if found.diagnosis and found.actor:
        _verdicts(page, found.diagnosis)
        _missing(page, found, found.diagnosis)
        _wishes(page, found.diagnosis)
        _surplus(page, found.diagnosis.surplus)
        _least(page, found.diagnosis)
    if found.tried:
        page.heading("Ways to sign in")
        for way in found.tried:
            told = "used" if not way["reason"] else why_not(Facts(way))
            page.row([(Span(way["method"]), 20)], [Span(told, "green" if told == "used" else "dim")])
    for style, label, rows in (("yellow", "Warning", found.warnings), ("bold red", "Error", found.errors)):
        for error in rows:
            page.blank()
            page.put(Span(f"{label}: ", style), Span(_said(found, error)), indent=0)
    page.blank()
    page.put(Span(_end(found), "bold"), indent=0)
    return page.lines


def _said(found: Checkup, error: ReconcilerError) -> str:
    """Return the sentence of an error; why nobody is signed in stands in a table already."""
    if error.code == "no-sign-in" and found.tried:
        return nobody(Facts(error.params))
    return sentence(error)


def _facts(found: Checkup) -> list[tuple[str, str]]:
    """Return labels and values of what is known."""
    facts: list[tuple[str, str]] = []
    if found.organization:
        default = next((row.name for row in found.organization.domains if row.is_default), "")
        name = found.organization.name or default
        facts.append(("Tenant", f"{clean(name)} ({clean(default)}), {found.organization.id}"))
    where = f"{found.tenant.provider}, {found.tenant.cloud} cloud"
    facts.append(("Provider", where if found.tenant.provider == "graph" else found.tenant.provider))
    if found.graph:
        facts.append(("Graph", found.graph))
    if found.method:
        into = f" to tenant {clean(found.signed_into)}" if found.signed_into else ""
        until = f", until {found.expires:%Y-%m-%d %H:%M} UTC" if found.expires else ""
        facts.append(("Signed in", f"by {found.method}{into}{until}"))
    if found.actor:
        article = "an application" if found.kind == "application" else "a user"
        facts.append(("Actor", f"{clean(found.actor.name)}, {article}"))
        none = "none" if found.confirmed else "not known: the tenant did not tell"
        facts.append(("Roles", ", ".join(_role(found, role) for role in found.actor.roles) or none))
        granted = found.actor.permissions if found.actor.scopes is None else found.actor.scopes
        if found.kind == "application" or found.actor.scopes is not None:
            facts.append(("Permissions", ", ".join(map(clean, granted)) or "none"))
    if found.skew is not None:
        seconds = found.skew.total_seconds()
        off = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the tenant's"
        facts.append(("Clock", "right" if abs(seconds) < 1 else off))
    return facts


def _role(found: Checkup, role: str) -> str:
    """Return a role with its template id, and where it shows if not in the token."""
    template = TEMPLATE_IDS.get(role)
    known = f"{role_names([role])} ({template})" if template else clean(role)
    late = found.in_token is not None and role not in found.in_token
    return f"{known}, not in the token" if late else known


def _verdicts(page: Page, diagnosis: Diagnosis) -> None:
    page.heading("Commands")
    for verdict in diagnosis.verdicts:
        lacks = [f"read {READ[one]}" if one in READ else DEEDS[one] for one in verdict.lacks]
        told = Span("yes", "green") if verdict.may else Span(f"no: may not {listing(lacks, 'or')}", "red")
        page.row([(Span(verdict.command), 20)], [told])


def _missing(page: Page, found: Checkup, diagnosis: Diagnosis) -> None:
    lacks = next(verdict.lacks for verdict in diagnosis.verdicts if verdict.command == "apply")
    if not lacks:
        return
    page.heading("Missing")
    for name in diagnosis.missing:
        page.put(Span(name))
    if found.confirmed and found.kind == "user" and any(one in DEEDS for one in lacks):
        page.put(
            Span(f"The role {_roles(diagnosis)}. One that is only eligible counts once it is activated.")
        )


def _roles(diagnosis: Diagnosis) -> str:
    return role_names(diagnosis.least_roles) if diagnosis.least_roles else "Global Administrator"


def _wishes(page: Page, diagnosis: Diagnosis) -> None:
    if diagnosis.wishes:
        page.heading("Would tell more")
        for what in diagnosis.wishes:
            page.row([(Span(READING[what][0]), 22)], [Span(WISHES[what])])


def _surplus(page: Page, surplus: Sequence[Surplus]) -> None:
    if not surplus:
        return
    page.heading("More than it takes")
    for one in surplus:
        name = role_names([one.name]) if one.name in TEMPLATE_IDS else one.name
        told = [
            *(["whoever has it can take over the tenant"] if one.dangerous else []),
            *([f"{listing([_named(each) for each in one.instead])} would do"] if one.instead else []),
        ] or ["nothing here needs it beside the others"]
        style = "red" if one.dangerous else "yellow"
        page.put(Span(name, style), Span(f": {'; '.join(told)}."), hang=4)


def _named(name: str) -> str:
    return role_names([name]) if name in TEMPLATE_IDS else name


def _least(page: Page, diagnosis: Diagnosis) -> None:
    page.heading("The least that these files take")
    for label, names in (("plan", diagnosis.least_plan), ("apply", diagnosis.least_apply)):
        page.row([(Span(label), 20)], [Span(", ".join(names))])
    page.row([(Span("a user's role"), 20)], [Span(_roles(diagnosis))])


def _end(found: Checkup) -> str:
    """Return the last line."""
    if found.errors:
        return "`plan` can't run yet: see the errors above."
    apply = (
        next((row for row in found.diagnosis.verdicts if row.command == "apply"), None)
        if (found.diagnosis)
        else None
    )
    if apply and not apply.may:
        return "`plan` can run; `apply` would leave some changes out."
    return "`plan` and `apply` can run."


# ------------------------------------------------------------ for programs


def document(found: Checkup) -> dict[str, Any]:
    """Return what was found out as data."""
    organization, diagnosis = found.organization, found.diagnosis
    return {
        "tenant": {
            "id": organization.id if organization else None,
            "name": organization.name if organization else None,
            "domains": [row.name for row in organization.domains] if organization else [],
            "provider": found.tenant.provider,
            "cloud": found.tenant.cloud if found.tenant.provider == "graph" else None,
            "graph": found.graph,
        },
        "sign_in": {
            "method": found.method,
            "expires": found.expires and f"{found.expires:%Y-%m-%dT%H:%M:%SZ}",
            "tried": [
                {"method": way["method"], "used": not way["reason"], "why_not": _why(way)}
                for way in found.tried
            ],
        },
        "actor": _actor(found, found.actor) if found.actor else None,
        "clock_skew_seconds": None if found.skew is None else round(found.skew.total_seconds()),
        "commands": [
            {"command": row.command, "may": row.may, "lacks": list(row.lacks)}
            for row in (diagnosis.verdicts if diagnosis else ())
        ],
        "missing": list(diagnosis.missing) if diagnosis else [],
        "would_tell_more": [READING[what][0] for what in diagnosis.wishes] if diagnosis else [],
        "surplus": [
            {"name": one.name, "dangerous": one.dangerous, "instead": list(one.instead)}
            for one in (diagnosis.surplus if diagnosis else ())
        ],
        "least": {
            "plan": list(diagnosis.least_plan) if diagnosis else [],
            "apply": list(diagnosis.least_apply) if diagnosis else [],
            "roles": list(diagnosis.least_roles) if diagnosis else [],
        },
        "warnings": [{"code": one.code, "message": sentence(one)} for one in found.warnings],
        "errors": [{"code": one.code, "message": sentence(one)} for one in found.errors],
    }


def _why(way: dict[str, Any]) -> str | None:
    return why_not(Facts(way)) if way["reason"] else None


def _actor(found: Checkup, actor: Actor) -> dict[str, Any]:
    return {
        "id": actor.id,
        "name": actor.name,
        "kind": found.kind,
        "roles": [
            {
                "name": role,
                "template_id": TEMPLATE_IDS.get(role),
                "in_token": None if found.in_token is None else role in found.in_token,
            }
            for role in actor.roles
        ],
        "permissions": list(actor.permissions),
        "scopes": None if actor.scopes is None else list(actor.scopes),
    }
