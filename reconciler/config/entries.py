"""What do the entries of `users`, and the rows of tables, ask of each user? Document → model.Entry.

Where an entry and a row mean the same user, they are one. Whether a file may declare anything of the
user is for planning to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.config.dates import KEEP_LICENCES, day, days
from reconciler.config.document import PROFILE, folded
from reconciler.model import Choice, Entry, Every, Exclusion, Grant, Leaver, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.config.document import Document, Member
    from reconciler.config.licences import Licences
    from reconciler.model import Mode

_MAX_PAIRS = 4096  # pairs of field and value that are kept to be shared; people's names fill any table


class Entries:
    """Makes entries; equal pairs of a field and its value share one object."""

    def __init__(self, document: Document, licences: Licences, mode: Mode) -> None:
        self._document = document
        self._licences = licences
        self._mode = mode
        self._pairs: dict[tuple[str, str | bool], tuple[str, str | bool]] = {}
        sources = (*document.sources, *document.tables)
        self._scopes = {id(source): document.scope(source) for source in sources}

    def all(self) -> Iterator[Entry]:
        """Yield every entry, in no order."""
        licences, scopes, shared = self._licences, self._scopes, self._shared
        for member, row in self._document.people():
            entry: dict[str, Any] = {**row.value, **member.value} if row else member.value
            profile = [shared(pair) for pair in entry.items() if pair[0] in PROFILE]
            profile.sort()
            mode = self._mode
            grants: tuple[Grant, ...] | None = None
            choices: tuple[Choice, ...] = ()
            exclusions: tuple[Exclusion, ...] = ()
            if "licenses" in entry:
                holder = row if row and "licenses" not in member.value else member
                mode, grants, choices = licences.declared(holder, mode)
            if "exclude" in entry:
                exclusions = tuple(licences.exclusions(member))
                licences.contradictions(exclusions, grants or (), choices)
            yield Entry(
                upn=folded("users", str(member.key)),
                location=member.location,
                id=entry["id"].lower() if "id" in entry else None,
                present=entry.get("ensure") != "absent",
                restore=entry["restore"].lower() if "restore" in entry else None,
                profile=tuple(profile),
                usage_location=entry.get("usage_location"),
                mode=mode,
                grants=grants,
                choices=choices,
                exclusions=exclusions,
                leaver=_leaver(member, row) if "leaver" in entry else None,
                priority=int(entry["priority"]) if "priority" in entry else 0,
                scope=self._scope_of_both(member, row) if row else scopes[id(member.source)],
                reason=entry.get("reason"),
            )

    def _shared(self, pair: tuple[str, str | bool]) -> tuple[str, str | bool]:
        """Return a pair equal to `pair`, the same one for many users."""
        if len(self._pairs) < _MAX_PAIRS:
            return self._pairs.setdefault(pair, pair)
        return self._pairs.get(pair, pair)

    def _scope_of_both(self, member: Member, row: Member) -> Scope | None:
        """Return the scope of an entry and a row that mean the same user: that of both their files."""
        own, other = (self._scopes[id(one.source)] for one in (member, row))
        if own is None or other is None or own == other:
            return own or other
        both = Every(conditions=(own.condition, other.condition))
        return Scope(condition=both, owner=own.owner, location=own.location)


def _leaver(member: Member, row: Member | None) -> Leaver:
    """Return when somebody leaves, and what becomes of the account then."""
    holder = row if row and "leaver" not in member.value else member
    said = holder.value["leaver"]
    return Leaver(
        last_day=day(said["last_day"]),
        keep_licenses=days(said["keep_licenses"]) if "keep_licenses" in said else KEEP_LICENCES,
        delete_after=days(said["delete_after"]) if "delete_after" in said else None,
        location=holder.locate("leaver", key=True),
    )
