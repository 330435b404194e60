"""What do `rules` and `groups` of the files declare? Document → model.Rule and model.WantedGroup.

Their lists of licences are in `add` mode unless they say {replace: [...]}. Whom a rule matches, and
which group a name means, only the tenant can tell.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from reconciler.config.conditions import condition
from reconciler.config.dates import GRACE, days, span
from reconciler.config.document import folded
from reconciler.model import Rule, WantedGroup, WantedMember

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.config.document import Document, Member
    from reconciler.config.licences import Declared, Licences

NOTHING: Declared = ("add", (), ())


def rules(document: Document, licences: Licences) -> Iterator[Rule]:
    """Yield the rules, in no order, but those without a name or condition that could be read."""
    for member in document.members("rules"):
        said: dict[str, Any] = member.value
        if "name" not in said or "when" not in said:
            continue
        name: str = said["name"]
        mode, grants, choices = NOTHING
        if "licenses" in said:
            mode, grants, choices = licences.declared(member, mode, name, span(said))
        exclusions = tuple(licences.exclusions(member, name)) if "exclude" in said else ()
        licences.contradictions(exclusions, grants, choices)
        yield Rule(
            name=name,
            location=member.location,
            when=condition(said["when"]),
            mode=mode,
            grants=grants,
            choices=choices,
            exclusions=exclusions,
            grace=_grace(said),
            priority=int(said.get("priority", 0)),
            scope=document.scope(member.source),
        )


def graces(document: Document) -> dict[str, int]:
    """Return name → days of grace, of every rule with a name that could be read."""
    return {
        member.value["name"]: _grace(member.value)
        for member in document.members("rules")
        if "name" in member.value
    }


def _grace(said: dict[str, Any]) -> int:
    return days(said["grace"]) if "grace" in said else GRACE


def groups(document: Document, licences: Licences) -> Iterator[WantedGroup]:
    """Yield the groups that are declared, in no order."""
    for member in document.members("groups"):
        said: dict[str, Any] = member.value
        mode, grants, _ = licences.declared(member, "add", "groups") if "licenses" in said else NOTHING
        yield WantedGroup(
            name=str(member.key),
            location=member.location,
            id=said["id"].lower() if "id" in said else None,
            mode=mode,
            grants=grants if "licenses" in said else None,
            members=tuple(sorted(_members(member), key=attrgetter("upn"))) if "members" in said else None,
            priority=int(said.get("priority", 0)),
            scope=document.scope(member.source),
        )


def _members(member: Member) -> Iterator[WantedMember]:
    """Yield who shall be in a group, each once."""
    seen: set[str] = set()
    for number, name in enumerate(member.value["members"]):
        upn = folded("users", name)
        if upn not in seen:
            seen.add(upn)
            yield WantedMember(upn=upn, location=member.locate("members", number))
