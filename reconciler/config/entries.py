"""What do the entries of `users`, and the rows of tables, ask of each user? Document → model.Entry.

Where an entry and a row mean the same user, they are one. Whether a file may declare anything of the
user is for planning to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.config.dates import KEEP_LICENCES, day, days
from reconciler.config.document import PROFILE, folded
from reconciler.model import Entry, Every, Exclusion, Leaver, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.config.document import Document, Member
    from reconciler.config.licences import Declared, Licences
    from reconciler.config.source import Source
    from reconciler.model import Mode

_MAX_PAIRS = 4096  # pairs of field and value that are kept to be shared; people's names fill any table


class Entries:
    """Makes entries; equal pairs of a field and its value share one object."""

    def __init__(self, document: Document, licences: Licences, mode: Mode) -> None:
        self._document = document
        self._licences = licences
        self._mode = mode
        self._pairs: dict[tuple[str, str | bool], tuple[str, str | bool]] = {}
        self._scopes: dict[int, Scope | None] = {}  # id of a file → its scope

    def all(self) -> Iterator[Entry]:
        """Yield every entry, in no order."""
        for member, row in self._document.people():
            entry: dict[str, Any] = {**row.value, **member.value} if row else member.value
            profile = [self._shared((key, value)) for key, value in entry.items() if key in PROFILE]
            profile.sort()
            declared: Declared | None = None
            exclusions: tuple[Exclusion, ...] = ()
            if "licenses" in entry:
                holder = row if row and "licenses" not in member.value else member
                declared = self._licences.declared(holder, self._mode)
            if "exclude" in entry:
                exclusions = tuple(self._licences.exclusions(member))
                if declared:
                    self._licences.contradictions(exclusions, declared)
            yield Entry(
                upn=folded("users", str(member.key)),
                location=member.location,
                id=entry["id"].lower() if "id" in entry else None,
                present=entry.get("ensure") != "absent",
                restore=entry["restore"].lower() if "restore" in entry else None,
                profile=tuple(profile),
                usage_location=entry.get("usage_location"),
                mode=declared.mode if declared else self._mode,
                grants=declared.grants if declared else None,
                choices=declared.choices if declared else (),
                exclusions=exclusions,
                leaver=_leaver(member, row) if "leaver" in entry else None,
                priority=int(entry.get("priority", 0)),
                scope=self._scope(member, row),
                reason=entry.get("reason"),
            )

    def _shared(self, pair: tuple[str, str | bool]) -> tuple[str, str | bool]:
        """Return a pair equal to `pair`, the same one for many users."""
        if len(self._pairs) < _MAX_PAIRS:
            return self._pairs.setdefault(pair, pair)
        return self._pairs.get(pair, pair)

    def _scope(self, member: Member, row: Member | None) -> Scope | None:
        """Return the scope of an entry: where two files speak of a user, that of both."""
        own = self._scope_of(member.source)
        other = self._scope_of(row.source) if row else None
        if own is None or other is None or own == other:
            return own or other
        both = Every(conditions=(own.condition, other.condition))
        return Scope(condition=both, owner=own.owner, location=own.location)

    def _scope_of(self, source: Source) -> Scope | None:
        """Return the scope of a file, worked out once."""
        if id(source) not in self._scopes:
            self._scopes[id(source)] = self._document.scope(source)
        return self._scopes[id(source)]


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
