"""Which options do several commands share, and what do they accept?

Shapes only: whether a file exists or a user is known is found out by whoever needs it.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import reduce, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler import roles
from reconciler.cli.delivery import Delivery
from reconciler.cli.session import Connection
from reconciler.directory.methods import BY_NAME as METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Decorator = Callable[[Any], Any]

Decorated = TypeVar("Decorated", bound="Callable[..., Any] | click.Command")

PATH = click.Path(path_type=Path, readable=False)  # whoever reads it says what is wrong, and how it goes on
RAILS = (
    "max-revocations",
    "max-deletions",
    "max-purchases",
    "sku-emptied",
    "users-emptied",
    "tenant-shrank",
    "protected",
    "auto-renew-off",
    "rule-matches-nobody",
    "rule-shrank",
)

LAST = "9000"
"""No plan is made for this year or later: deadlines that count from then would leave the calendar."""

MOST_DAYS = 3650
"""A horizon does not go further: nobody's dates do."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d([Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d))?")
_DAYS = re.compile(r"([1-9]\d{0,3})d")
_LIFETIME = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UPN = re.compile(r"[!-.0-~]+@[!-.0-~]+")


class Whole(click.IntRange):
    """A whole number between two bounds, refused in words that name them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401  as click has it
        """Return the number."""
        with contextlib.suppress(click.BadParameter):
            return int(super().convert(value, param, ctx))
        raise click.BadParameter(
            f"{value!r} is not a whole number from {self.min} to {self.max}.", ctx, param
        )


def instant(text: str) -> datetime:
    """Return an RFC 3339 instant in UTC; a date means 00:00 UTC of that day."""
    # ValueError: 31 February; OverflowError: a time zone that leads out of the calendar.
    with contextlib.suppress(ValueError, OverflowError):
        if _INSTANT.fullmatch(text) and text < LAST:
            found = datetime.fromisoformat(text.upper())
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    raise click.BadParameter(
        f"{text!r} is neither a date (2026-11-24) nor an instant (2026-11-24T09:00:00Z)."
    )


def days(text: str) -> int:
    """Return a number of days, written as in tenant.yaml: 90d."""
    found = _DAYS.fullmatch(text)
    if not found or int(found[1]) > MOST_DAYS:
        raise click.BadParameter(f"{text!r} is not a number of days from 1d to {MOST_DAYS}d (90d).")
    return int(found[1])


def lifetime(text: str) -> timedelta:
    """Return how long a plan shall hold: 30m, 8h, 2d."""
    from reconciler.plan_lifetime import LONGEST, SHORTEST

    if found := _LIFETIME.fullmatch(text):
        number, unit = int(found[1]), {"m": "minutes", "h": "hours", "d": "days"}[found[2]]
        if SHORTEST <= (asked := timedelta(**{unit: number})) <= LONGEST:
            return asked
    raise click.BadParameter(f"{text!r} is not a time from 5m to 7d (30m, 8h, 2d).")


def upn(text: str) -> str:
    """Return the name by which a user signs in, in lower case."""
    if not _UPN.fullmatch(text):
        raise click.BadParameter(f"{text!r} is not a user's sign-in name (admin@contoso.com).")
    return text.lower()


def ability(text: str) -> str:
    """Return the name of a directory role, or of a permission of Microsoft Graph, that lets do something."""
    known = {name.lower(): name for name in (*roles.ABILITIES, *roles.PERMISSIONS)}
    found = known.get(text.strip().lower().replace(" ", "-"))
    if found is None:
        near = difflib.get_close_matches(text.lower().replace(" ", "-"), known, 1)
        hint = f" Did you mean {known[near[0]]}?" if near else f" Known: {', '.join(known.values())}."
        raise click.BadParameter(f"{text!r} is no role and no permission that a change takes.{hint}")
    return found


def target(text: str) -> str:
    """Return what `--target` names as plans spell it: UPNs in lower case, SKUs in upper case."""
    part, _, rest = text.partition("/")
    if part.lower() == "rules":
        raise click.BadParameter(
            f"{text!r} is a rule; a plan holds changes of users, groups and subscriptions: name one of those."
        )
    if part.lower() == "groups":
        return f"groups/{rest}"
    if part.lower() == "subscriptions":
        sku, _, aspect = rest.partition("/")
        return f"subscriptions/{sku.upper()}{f'/{aspect.lower()}' if aspect else ''}"
    return text if rest and part.lower() != "users" else text.lower()


file = click.option(
    "files",
    "-f",
    "--file",
    type=PATH,
    multiple=True,
    metavar="PATH",
    help="Desired state: a file, or a folder of them. May be repeated.  [default: tenant.yaml]",
)
journal = click.option(
    "--journal",
    metavar="PATH|URL",
    help="The journal of apply: a file, or s3://, az:// or gs:// for several computers.  [default: "
    "journal.jsonl in the home folder]",
)
_CONNECTION = (
    click.option(
        "acting_as",
        "--as",
        type=upn,
        metavar="UPN",
        help="Act as this user of the sandbox or snapshot.  [default: the first global administrator]",
    ),
    click.option(
        "--auth",
        type=click.Choice(tuple(METHODS)),
        metavar="METHOD",
        help="Sign in to a live tenant this way only, such as azure-cli; `reconciler doctor` lists them.",
    ),
    click.option(
        "--timeout",
        type=Whole(1, 600),
        metavar="SECONDS",
        help="How long one request may take.  [default: 60]",
    ),
    click.option(
        "--parallelism",
        type=Whole(1, 16),
        metavar="N",
        help="Requests in flight at once.  [default: 8 reads, 4 batches of writes]",
    ),
    click.option(
        "--debug-http",
        is_flag=True,
        help="Show each request and answer on standard error, secrets masked.",
    ),
    journal,
)
at = click.option(
    "--at",
    type=instant,
    metavar="INSTANT",
    help="Plan for this date or RFC 3339 instant.  [default: the tenant's clock]",
)
snapshot = click.option(
    "--snapshot", type=PATH, metavar="FILE", help="Plan against a saved current state instead of a tenant."
)
targets = click.option(
    "targets",
    "--target",
    type=target,
    multiple=True,
    metavar="UPN|ADDRESS",
    help="Only this user, group (groups/NAME) or change. May be repeated; not for routine use.",
)
use_grace = click.option(
    "--use-grace", is_flag=True, help="Assign seats of subscriptions in their grace period too."
)
allow = click.option(
    "--allow",
    type=click.Choice(RAILS),
    multiple=True,
    metavar="RAIL",
    help=f"Loosen this guard rail for this run: {', '.join(RAILS[:-1])} or {RAILS[-1]}. May be repeated.",
)
base_ref = click.option(
    "--base-ref",
    metavar="REV",
    help="Keep to the stricter guard rails of the files here and at this git revision (origin/main).",
)
guardrails = click.option(
    "--guardrails", type=PATH, metavar="FILE", help="Keep to the guard rails of this trusted file, too."
)
catalog = click.option(
    "--catalog",
    type=PATH,
    metavar="FILE",
    help="Microsoft's CSV of product names, to know more SKUs by name.",
)
planned_for = click.option(
    "planned_for",
    "--for",
    type=ability,
    multiple=True,
    metavar="ROLE|PERMISSION",
    help="Plan for whoever applies it with this directory role (license-administrator) or application"
    " permission (LicenseAssignment.ReadWrite.All); apply looks again. May be repeated."
    "  [default: for whoever signs in now]",
)
out = click.option("--out", type=PATH, metavar="FILE", help="Save the plan here, for `show` and `apply`.")
expires_in = click.option(
    "--expires-in",
    type=lifetime,
    metavar="TIME",
    help="How long a saved plan may be applied: 5m to 7d.  [default: 24h; 4h where it takes something away]",
)
sign_with = click.option(
    "--sign-with",
    type=PATH,
    metavar="KEY",
    help="Sign the saved plan with this private Ed25519 key (PEM), into FILE.sig.",
)
verify_with = click.option(
    "--verify-with",
    type=PATH,
    multiple=True,
    metavar="KEY",
    help="Take only a plan that this public Ed25519 key (PEM), or another one named so, has signed.",
)
detailed_exitcode = click.option(
    "--detailed-exitcode", is_flag=True, help="Exit with 2 where the plan holds changes."
)
as_json = click.option("as_json", "--json", is_flag=True, help="Print one JSON document and nothing else.")
everything = click.option("everything", "--all", is_flag=True, help="Cut no long list short.")


def _as_one(name: str, kind: type, parts: Sequence[Decorator]) -> Decorator:
    """Return what adds several options, which the command gets as one argument of a dataclass."""

    def decorate(command: Callable[..., Any]) -> Any:  # noqa: ANN401  as click's own decorators do
        @wraps(command)
        def packed(*args: Any, **given: Any) -> Any:  # noqa: ANN401  as the command returns
            said = {field.name: given.pop(field.name) for field in fields(kind)}
            return command(*args, **{name: kind(**said)}, **given)

        return reduce(lambda decorated, option: option(decorated), reversed(parts), packed)

    return decorate


connection = _as_one("connection", Connection, _CONNECTION)
delivery = _as_one("delivery", Delivery, (out, sign_with, as_json, everything, detailed_exitcode))

_PLANNING = (
    file,
    connection,
    planned_for,
    at,
    snapshot,
    targets,
    use_grace,
    allow,
    base_ref,
    guardrails,
    catalog,
    expires_in,
)


def planning(command: Decorated) -> Decorated:
    """Add every option that decides what a plan holds: the fields of session.Request."""
    return reduce(lambda decorated, option: option(decorated), reversed(_PLANNING), command)
