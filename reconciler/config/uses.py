"""What would carrying out the files take: which abilities, in the words of reconciler.roles?

Of what the files may ever ask for, not of a plan: a user who is named by `name` may have to be created
one day. No tenant is known here, and nobody's roles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.config.document import PROFILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.config.document import Document
    from reconciler.roles import Ability


def abilities(document: Document) -> frozenset[Ability]:
    """Return every ability that some plan of these files can take."""
    return frozenset(_abilities(document))


def _abilities(document: Document) -> Iterator[Ability]:
    unlisted = document.single("unlisted_users")
    if (unlisted is not None and unlisted[1] == "revoke") or any(document.members("rules")):
        yield from ("assign", "revoke")
    defaults = document.single("defaults")
    if defaults is not None:
        if "usage_location" in defaults[1]:
            yield "usage-location"
        if "disable_before_delete" in defaults[1]:
            yield "profile"
    for member in document.members("users"):
        yield from _of_entry(member.value)
    for member in document.members("groups"):
        if "licenses" in member.value:
            yield "group-licenses"
        if "members" in member.value:
            yield "members"
    if any("seats" in row.value or "auto_renew" in row.value for row in document.members("subscriptions")):
        yield "buy"


def _of_entry(entry: dict[str, object]) -> Iterator[Ability]:
    if "licenses" in entry or "exclude" in entry:
        yield from ("assign", "revoke")
    if entry.get("ensure") == "absent" or "restore" in entry:
        yield "delete"
    if "leaver" in entry:
        yield from ("profile", "revoke", "delete")
    if "usage_location" in entry:
        yield "usage-location"
    if PROFILE & entry.keys():
        yield "profile"
    if "name" in entry and "id" not in entry:
        yield "create"
