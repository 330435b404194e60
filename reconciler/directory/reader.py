"""What is in the tenant now?

Reads everything that a plan rests on, whole or not at all: any page that can't be had ends the
read. Writes nothing, and caches nothing between calls.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec

from reconciler.directory import graph, memberships, paging, wire
from reconciler.directory.exchange import path_of
from reconciler.directory.paging import Listing
from reconciler.directory.wire import Page
from reconciler.errors import DirectoryError
from reconciler.model import Current, RoleAssignment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from concurrent.futures import Executor

    from reconciler.directory.transport import Transport
    from reconciler.model import Group, Organization, User

T = TypeVar("T")
Row = TypeVar("Row")

ORGANIZATION = "/organization?$select=id,displayName,countryLetterCode,verifiedDomains"
DELETED_USERS = f"/directory/deletedItems/microsoft.graph.user?$select={graph.DELETED_SELECT}&$top=999"
GROUPS = f"/groups?$filter=assignedLicenses/$count ne 0&$count=true&$select={graph.GROUP_SELECT}&$top=999"
SKUS = "/subscribedSkus"
SUBSCRIPTIONS = "/directory/subscriptions"
ROLES = "/roleManagement/directory/roleAssignments"
COMMERCE = "/subscriptions"


def _page_of(row_type: type[Row]) -> msgspec.json.Decoder[Page[Row]]:
    return msgspec.json.Decoder(Page[row_type])  # type: ignore[valid-type]


ORGANIZATION_PAGE = _page_of(wire.Organization)
USER_PAGE = _page_of(wire.User)
DELETED_PAGE = _page_of(wire.DeletedUser)
SKU_PAGE = _page_of(wire.Sku)
SUBSCRIPTION_PAGE = _page_of(wire.Subscription)
ROLE_PAGE = _page_of(wire.Role)
SMALL = (
    Listing(ORGANIZATION, ORGANIZATION_PAGE),
    Listing(DELETED_USERS, DELETED_PAGE),
    Listing(SKUS, SKU_PAGE),
    Listing(SUBSCRIPTIONS, SUBSCRIPTION_PAGE),
    Listing(ROLES, ROLE_PAGE),
    Listing(GROUPS, memberships.GROUPS, eventual=True),
)
"""What is read of a tenant besides its users, whatever the files say."""

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def read(
    transport: Transport,
    commerce: Transport | None,
    pool: Executor,
    named: Sequence[str] = (),
    fields: Collection[str] | None = None,
) -> Current:
    """Read the whole current state. Raises DirectoryError where any of it could not be read.

    `named` are display names or ids of groups that are read whether they hold licences or not; so are
    groups that are members of one that is read. `fields` are our names of the users' fields that are
    used beyond those of every plan, None: all; what is not asked for is None in the users.

    The users' pages are requests of their own; everything else comes by the batch.
    """
    users_task = pool.submit(_users, transport, fields)
    renewals_task = pool.submit(renewals, commerce)
    small = paging.read(transport, (*SMALL, *map(_named_group, named)), pool)
    organizations, deleted, skus, subscriptions, roles, *groups = [rows or [] for rows in small.rows]
    users, renews = users_task.result(), renewals_task.result()
    held = sorted({graph.role_assignment(row) for row in roles}, key=_by_principal)
    everybody = {user.id for user in users}
    strangers = {each.principal_id for each in held} - everybody
    found = memberships.read(transport, chain.from_iterable(groups), strangers, pool)
    return Current(
        taken_at=small.date or datetime.now(UTC),
        organization=_only(organizations),
        users=tuple(users),
        deleted_users=_by_id(graph.Translator().deleted_users(deleted)),
        groups=found.groups,
        skus=_by_id(map(graph.sku, skus)),
        subscriptions=_by_id(graph.subscription(row, renews.get(row.id.lower())) for row in subscriptions),
        role_assignments=tuple(_with_holders_through_groups(held, found.members)),
    )


def protections(
    transport: Transport, pool: Executor, named: Sequence[str]
) -> tuple[tuple[RoleAssignment, ...], tuple[Group, ...]]:
    """Return all role assignments, those through groups included, and the groups that are named."""
    small = paging.read(transport, (Listing(ROLES, ROLE_PAGE), *map(_named_group, named)), pool)
    roles, *listed = [rows or [] for rows in small.rows]
    groups = list(chain.from_iterable(listed))
    held = sorted({graph.role_assignment(row) for row in roles}, key=_by_principal)
    found = memberships.read(transport, groups, {each.principal_id for each in held}, pool)
    named_ids = {row.id.lower() for row in groups}
    return (
        tuple(_with_holders_through_groups(held, found.members)),
        tuple(group for group in found.groups if group.id in named_ids),
    )


def identity(transport: Transport) -> tuple[Organization, datetime]:
    """Return which tenant answers, and its clock: one light call."""
    organizations, answer = transport.get(ORGANIZATION, ORGANIZATION_PAGE)
    return _only(organizations.value), answer.date or datetime.now(UTC)


# ---------------------------------------------------------------- the parts


def _users(transport: Transport, fields: Collection[str] | None) -> list[User]:
    """Read the users, sorted by UPN; one that two pages hold (the tenant moved meanwhile) counts once.

    Raises DirectoryError("incomplete-read") for what no tenant holds: nobody, or two users of one name.
    """
    link = f"/users?$select={graph.user_select(fields)}&$top=999"
    rows = transport.listing(link, USER_PAGE, graph.Translator().users)
    users = sorted({user.id: user for user in rows}.values(), key=lambda user: user.upn)
    twins = next((one.upn for one, other in pairwise(users) if one.upn == other.upn), None)
    if twins or not users:
        message = f"two users are named {twins}" if twins else "it lists no user at all"
        raise DirectoryError("incomplete-read", url=path_of(link), pages=None, message=message)
    return users


def renewals(commerce: Transport | None) -> dict[str, bool]:
    """Return subscription id → whether it renews itself, as far as a commerce API tells."""
    if commerce is None:
        return {}
    rows = commerce.listing(COMMERCE, SUBSCRIPTION_PAGE, list)
    return {row.id.lower(): row.auto_renew for row in rows if row.auto_renew is not None}


def _named_group(name: str) -> Listing:
    """Return how a group is read by display name or id; a name that several bear means all of them."""
    if _GUID.fullmatch(name):
        return memberships.group_listing(name)
    quoted = quote(name.replace("'", "''"))
    link = f"/groups?$filter=displayName eq '{quoted}'&$select={graph.GROUP_SELECT}&$top=999"
    return Listing(link, memberships.GROUPS)


def _only(rows: Sequence[wire.Organization]) -> Organization:
    if len(rows) != 1:
        raise DirectoryError(
            "bad-answer", url=path_of(ORGANIZATION), message="a tenant has exactly one organization"
        )
    return graph.organization(rows[0])


def _with_holders_through_groups(
    held: Iterable[RoleAssignment], members: Mapping[str, tuple[str, ...] | None]
) -> list[RoleAssignment]:
    """Add the members of groups that hold a role: they hold it too, and are protected like others."""
    everyone = set(held)
    for each in held:
        for member in members.get(each.principal_id) or ():
            everyone.add(RoleAssignment(principal_id=member, role=each.role, scope=each.scope))
    return sorted(everyone, key=_by_principal)


def _by_principal(held: RoleAssignment) -> tuple[str, str, str]:
    return held.principal_id, held.role, held.scope


def _by_id(values: Iterable[T]) -> tuple[T, ...]:
    """Return values by id; one that comes twice (pages overlap where the tenant moved) counts once."""
    key: Callable[[Any], str] = lambda value: value.id  # noqa: E731
    return tuple(sorted({key(value): value for value in values}.values(), key=key))
