"""What is in the tenant now, and who is asking?

Reads everything that a plan rests on, whole or not at all: any page that can't be had ends the
read. Writes nothing, and caches nothing between calls.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec

from reconciler.directory import graph, memberships, wire
from reconciler.directory.exchange import error_of, path_of
from reconciler.directory.transport import BATCH_SIZE
from reconciler.directory.wire import UNREADABLE, Page
from reconciler.errors import DirectoryError
from reconciler.model import Actor, Current, RoleAssignment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from concurrent.futures import Executor

    from reconciler.directory.transport import Transport
    from reconciler.model import DeletedUser, Group, Organization, User

T = TypeVar("T")
Row = TypeVar("Row")

ORGANIZATION = "/organization?$select=id,displayName,countryLetterCode,verifiedDomains"
DELETED_USERS = f"/directory/deletedItems/microsoft.graph.user?$select={graph.DELETED_SELECT}&$top=999"
GROUPS = f"/groups?$filter=assignedLicenses/$count ne 0&$count=true&$select={graph.GROUP_SELECT}&$top=999"
SKUS = "/subscribedSkus"
SUBSCRIPTIONS = "/directory/subscriptions"
ROLES = "/roleManagement/directory/roleAssignments"
ME = "/me?$select=id,userPrincipalName"
MY_ROLES = "/me/transitiveMemberOf/microsoft.graph.directoryRole"
COMMERCE = "/subscriptions"


def _page_of(row_type: type[Row]) -> msgspec.json.Decoder[Page[Row]]:
    return msgspec.json.Decoder(Page[row_type])  # type: ignore[valid-type]


ORGANIZATION_PAGE = _page_of(wire.Organization)
USER_PAGE = _page_of(wire.User)
DELETED_PAGE = _page_of(wire.DeletedUser)
GROUP_PAGE = _page_of(wire.Group)
SKU_PAGE = _page_of(wire.Sku)
SUBSCRIPTION_PAGE = _page_of(wire.Subscription)
ROLE_PAGE = _page_of(wire.Role)
ID_PAGE = _page_of(wire.Id)
ID = msgspec.json.Decoder(wire.Id)
GROUP = msgspec.json.Decoder(wire.Group)
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
    """
    organization, taken_at = identity(transport)
    users_task = pool.submit(_users, transport, fields)
    deleted_task = pool.submit(_deleted_users, transport)
    groups_task = pool.submit(_rows, transport, GROUPS, GROUP_PAGE, eventual=True)
    named_task = pool.submit(_named_groups, transport, named)
    skus_task = pool.submit(_rows, transport, SKUS, SKU_PAGE)
    subscriptions_task = pool.submit(_rows, transport, SUBSCRIPTIONS, SUBSCRIPTION_PAGE)
    roles_task = pool.submit(_rows, transport, ROLES, ROLE_PAGE)
    renewals_task = pool.submit(renewals, commerce)
    groups = [*named_task.result(), *groups_task.result()]
    roles, renews = roles_task.result(), renewals_task.result()
    users, deleted = users_task.result(), deleted_task.result()
    held = sorted({graph.role_assignment(row) for row in roles}, key=_by_principal)
    everybody = {user.id for user in users}
    strangers = sorted({each.principal_id for each in held} - everybody)
    found = memberships.read(transport, groups, strangers, pool)
    return Current(
        taken_at=taken_at,
        organization=organization,
        users=tuple(users),
        deleted_users=tuple(deleted),
        groups=found.groups,
        skus=_by_id(map(graph.sku, skus_task.result())),
        subscriptions=_by_id(
            graph.subscription(row, renews.get(row.id.lower())) for row in subscriptions_task.result()
        ),
        role_assignments=tuple(_with_holders_through_groups(held, found.members)),
    )


def protections(
    transport: Transport, pool: Executor, named: Sequence[str]
) -> tuple[tuple[RoleAssignment, ...], tuple[Group, ...]]:
    """Return all role assignments, those through groups included, and the groups that are named."""
    rows = _rows(transport, ROLES, ROLE_PAGE)
    held = sorted({graph.role_assignment(row) for row in rows}, key=_by_principal)
    groups = _named_groups(transport, named)
    principals = sorted({each.principal_id for each in held})
    found = memberships.read(transport, groups, principals, pool)
    named_ids = {row.id.lower() for row in groups}
    return (
        tuple(_with_holders_through_groups(held, found.members)),
        tuple(group for group in found.groups if group.id in named_ids),
    )


def identity(transport: Transport) -> tuple[Organization, datetime]:
    """Return which tenant answers, and its clock: one light call."""
    organizations, answer = transport.get(ORGANIZATION, ORGANIZATION_PAGE)
    if len(organizations.value) != 1:
        raise DirectoryError(
            "bad-answer", url=path_of(ORGANIZATION), message="a tenant has exactly one organization"
        )
    return graph.organization(organizations.value[0]), answer.date or datetime.now(UTC)


def actor(transport: Transport) -> Actor:
    """Return who the token stands for, with the roles that hold in the whole tenant.

    A role is left out where the assignments show it only for a part of the tenant (an
    administrative unit); one that they don't show at all came through a group, and stays.
    """
    me, _ = transport.get(ME, ID)
    mine = transport.listing(MY_ROLES, ID_PAGE, list)
    link = f"{ROLES}?$filter=principalId eq '{me.id}'"
    scopes: dict[str, set[str]] = {}
    for held in map(graph.role_assignment, _rows(transport, link, ROLE_PAGE)):
        scopes.setdefault(held.role, set()).add(held.scope)
    names = {graph.role_name(row.role_template_id) for row in mine if row.role_template_id}
    return Actor(
        id=me.id.lower(),
        name=(me.user_principal_name or me.id).lower(),
        roles=tuple(sorted(name for name in names if "/" in scopes.get(name, {"/"}))),
    )


# ---------------------------------------------------------------- the parts


def _rows(
    transport: Transport, link: str, decoder: msgspec.json.Decoder[Page[Row]], *, eventual: bool = False
) -> list[Row]:
    return transport.listing(link, decoder, list, eventual=eventual)


def _users(transport: Transport, fields: Collection[str] | None) -> list[User]:
    """Read the users, sorted by UPN; one that two pages hold (the tenant moved meanwhile) counts once."""
    link = f"/users?$select={graph.user_select(fields)}&$top=999"
    rows = transport.listing(link, USER_PAGE, graph.Translator().users)
    return sorted({user.id: user for user in rows}.values(), key=lambda user: user.upn)


def _deleted_users(transport: Transport) -> list[DeletedUser]:
    rows = transport.listing(DELETED_USERS, DELETED_PAGE, graph.Translator().deleted_users)
    return sorted({user.id: user for user in rows}.values(), key=lambda user: user.id)


def renewals(commerce: Transport | None) -> dict[str, bool]:
    """Return subscription id → whether it renews itself, as far as a commerce API tells."""
    if commerce is None:
        return {}
    rows = _rows(commerce, COMMERCE, SUBSCRIPTION_PAGE)
    return {row.id.lower(): row.auto_renew for row in rows if row.auto_renew is not None}


def _named_groups(transport: Transport, names: Sequence[str]) -> list[wire.Group]:
    """Read groups by display name or id; a name that several bear means all of them."""
    found: list[wire.Group] = []
    for start in range(0, len(names), BATCH_SIZE):
        links = [_group_link(name) for name in names[start : start + BATCH_SIZE]]
        for link, answer in zip(links, transport.read_batch(links), strict=True):
            if answer.status == HTTPStatus.NOT_FOUND:  # the id of a user, or of nothing
                continue
            if not answer.ok:
                raise error_of(answer, link)
            try:
                by_name = "$filter" in link
                found += (
                    GROUP_PAGE.decode(answer.content).value if by_name else [GROUP.decode(answer.content)]
                )
            except UNREADABLE as error:
                raise DirectoryError("bad-answer", url=path_of(link), message=str(error)) from error
    return found


def _group_link(name: str) -> str:
    fields = f"$select={graph.GROUP_SELECT}"
    if _GUID.fullmatch(name):
        return f"/groups/{name}?{fields}"
    quoted = quote(name.replace("'", "''"))
    return f"/groups?$filter=displayName eq '{quoted}'&{fields}&$top=999"


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
    key: Callable[[Any], str] = lambda value: value.id  # noqa: E731
    return tuple(sorted(values, key=key))
