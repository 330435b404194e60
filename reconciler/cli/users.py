"""Which users are there, with which licences; who has none; and who shall get one?

Prints lists. Adding a licence to the users of a list is assigning.py's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options, output, seen
from reconciler.cli.commands import Command

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.looking.users import Filter, Found, Holding, Person, Silence

FILTERS: tuple[Filter, ...] = ("unlicensed", "sku", "disabled", "guests", "errors", "double")
CLASSES = ("guest", "disabled", "resource", "shared", "unknown")
COLUMNS = ("upn", "name", "department", "location", "licenses", "class", "enabled", "user_type", "id")
"""The header of the CSV."""

LAST_SIGN_IN = "last_sign_in"
"""One column more, where sign-ins are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which list: what the command line says."""

    unlicensed: bool
    sku: str | None
    disabled: bool
    guests: bool
    errors: bool
    double: bool
    include: tuple[str, ...]

    @property
    def filter(self) -> Filter:
        """Return the one filter that was asked for; raises click.UsageError where there are several."""
        asked = [name for name in FILTERS if getattr(self, name) not in (None, False)]
        if len(asked) > 1:
            raise click.UsageError(f"{' and '.join(f'--{name}' for name in asked)} exclude each other.")
        if self.include and not self.unlicensed:
            raise click.UsageError("--include belongs to --unlicensed; the other lists hold every class.")
        return asked[0] if asked else "all"


@click.command(
    cls=Command,
    examples=[
        ("reconciler users", "every user with all licences"),
        ("reconciler users --unlicensed", "members who can sign in and have no licence"),
        ("reconciler users --unlicensed --assign SPE_F1", "give one to all of them, in tenant.yaml"),
        (
            "reconciler users --unlicensed --assign SPE_F1 --only femke@contoso.com",
            "to one of them",
        ),
        ("reconciler users --sku SPE_E5 --csv", "who holds a SKU, for a spreadsheet"),
        ("reconciler users --sku SPE_E5 --inactive 90d", "and of these, who has not signed in for so long"),
        ("reconciler users --errors", "licences that the service could not set up, and why"),
    ],
)
@click.option("--unlicensed", is_flag=True, help="Members who can sign in and have no licence that counts.")
@click.option("--sku", metavar="SKU", help="Users who hold this SKU, directly or through a group.")
@click.option("--disabled", is_flag=True, help="Users who can't sign in.")
@click.option("--guests", is_flag=True, help="Users from outside the organisation.")
@click.option("--errors", is_flag=True, help="Users with a licence in error, and what the error means.")
@click.option("--double", is_flag=True, help="Users who hold a SKU both directly and through a group.")
@click.option(
    "--include",
    type=click.Choice(CLASSES),
    multiple=True,
    help="List this class among the unlicensed too. May be repeated.",
)
@click.option(
    "--inactive",
    type=options.days,
    metavar="DAYS",
    help="Of the list, those who have not signed in for so long, such as 90d.",
)
@click.option("--assign", metavar="SKU", help="Add this SKU to the users of the list, in tenant.yaml.")
@click.option(
    "--only",
    type=options.upn,
    multiple=True,
    metavar="UPN",
    help="Assign to this user only, whatever the class. May be repeated.",
)
@click.option("--auto-approve", is_flag=True, help="Don't ask before tenant.yaml is changed.")
@options.file
@options.connection
@seen.snapshot
@options.catalog
@options.as_json
@seen.as_csv
def command(
    *,
    inactive: int | None,
    assign: str | None,
    only: tuple[str, ...],
    auto_approve: bool,
    as_json: bool,
    as_csv: bool,
    **given: Any,
) -> int:
    """List users and their licences, or those without one.

    A licence counts unless it is in `ignore_skus`; where tenant.yaml has none, the free and viral SKUs
    don't count. Guests, disabled, resource and shared accounts are counted beneath the unlicensed.

    --inactive shows when each user last signed in, by hand or in the background; the tenant tells it where it
    has Entra ID P1. One date alone proves nothing: shared mailboxes, mail clients and services leave none.
    Where the tenant does not tell, nobody is listed, and the exit code is 1.

    --assign changes no tenant: it adds the licence to tenant.yaml, after showing how the file and the
    seats would change. `plan` and `apply` do the rest.
    """
    from reconciler.looking import users

    wanted = Wanted(**{name: given.pop(name) for name in Wanted.__slots__})
    kind = wanted.filter
    seen.one_format(as_json=as_json, as_csv=as_csv)
    _check(assign, only, auto_approve=auto_approve, unlicensed=wanted.unlicensed, as_csv=as_csv)
    if assign is not None and inactive is not None:
        raise click.UsageError("--assign and --inactive exclude each other.")
    state = seen.see(
        **given,
        asks_mailboxes_of=users.candidates if kind == "unlicensed" else None,
        asks=() if inactive is None else ("sign-ins",),
    )
    sku_id = seen.sku(state, wanted.sku) if wanted.sku is not None else ""
    everybody = users.people(state.context)
    found = users.find(everybody, kind, sku_id=sku_id, include=wanted.include)
    silence: Silence | None = None
    if inactive is not None:
        silence = users.Silence(now=state.now, days=inactive, told=state.sign_ins or "not-told")
        found = users.inactive(found, silence)
    if assign is not None:
        from reconciler.cli import assigning

        assigning.run(state, everybody, found, assign, only, auto_approve=auto_approve, as_json=as_json)
    elif as_json:
        from reconciler.cli.telling import json_text

        output.write(json_text(document(found, kind, silence)))
    elif as_csv:
        from reconciler.report.listing import as_csv as written

        columns = (*COLUMNS, LAST_SIGN_IN) if silence else COLUMNS
        output.write(written(columns, [_cells(person)[: len(columns)] for person in found.people]))
    else:
        _show(found, kind, silence)
    return _ended(silence, as_csv=as_csv)


def _ended(silence: Silence | None, *, as_csv: bool) -> int:
    """Return the exit code: an empty list of those whose sign-ins nobody knows is no answer."""
    if silence is None or silence.told == "told":
        return 0
    if as_csv:
        from reconciler.report import people

        output.error(people.caution(silence))
    return 1


def _check(
    assign: str | None, only: tuple[str, ...], *, auto_approve: bool, unlicensed: bool, as_csv: bool
) -> None:
    """Refuse options that say nothing together."""
    if assign is None and (only or auto_approve):
        raise click.UsageError("--only and --auto-approve belong to --assign.")
    if assign is not None and not unlicensed:
        raise click.UsageError("--assign belongs to --unlicensed.")
    if assign is not None and as_csv:
        raise click.UsageError("--assign and --csv exclude each other.")


# ------------------------------------------------------------ for people


def _show(found: Found, kind: Filter, silence: Silence | None) -> None:
    from reconciler.report import listing, people

    listing.show(lambda screen: people.lines(found, kind, silence, width=screen.columns))


# ------------------------------------------------------------ for programs


def document(found: Found, kind: Filter, silence: Silence | None = None) -> dict[str, Any]:
    """Return a list as data; sign-ins are in it where they were asked for."""
    rows = [_person(person) for person in found.people]
    if silence:
        rows = [
            row | {LAST_SIGN_IN: _signed_in(person)} for row, person in zip(rows, found.people, strict=True)
        ]
    return {
        "filter": kind,
        **({"inactive_days": silence.days, "sign_ins": silence.told} if silence else {}),
        "users": rows,
        "not_listed": dict(found.aside),
    }


def _signed_in(person: Person) -> dict[str, str | None]:
    """Return when somebody last signed in, in each way; null: never, as far as is known."""
    told = person.user.sign_in
    moments = (told.interactive, told.background, told.successful) if told else (None,) * 3
    names = ("interactive", "background", "successful")
    return {name: instant(moment) for name, moment in zip(names, moments, strict=True)}


def instant(moment: datetime | None) -> str | None:
    """Return a moment as text."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None


def _person(person: Person) -> dict[str, Any]:
    user = person.user
    return {
        "upn": user.upn,
        "id": user.id,
        "name": user.name,
        "department": user.department,
        "location": user.usage_location,
        "enabled": user.enabled,
        "user_type": user.user_type,
        "class": person.kind,
        "licensed": person.licensed,
        "licenses": [holding(one) for one in person.holdings],
        "double": sorted({one.sku for one in person.holdings if one.sku_id in person.double}),
    }


def holding(one: Holding) -> dict[str, Any]:
    """Return one licence from one source as data."""
    from reconciler.report.assignment_errors import meaning

    return {
        "sku": one.sku,
        "sku_id": one.sku_id,
        "name": one.name,
        "source": "group" if one.group_id else "direct",
        "group": one.group,
        "group_id": one.group_id,
        "ignored": one.ignored,
        "state": one.state,
        "error": None if one.error == "None" else one.error,
        "meaning": meaning(one) if one.failed else None,
    }


def _cells(person: Person) -> list[object]:
    from reconciler.report.people import held

    user = person.user
    licences = "; ".join(held(one) for one in person.holdings)
    return [
        user.upn,
        user.name,
        user.department,
        user.usage_location,
        licences,
        person.kind,
        user.enabled,
        user.user_type,
        user.id,
        instant(user.sign_in.last) if user.sign_in else None,
    ]
