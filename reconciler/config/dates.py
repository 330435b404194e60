"""Which days does a text of the files mean?

Days are those of UTC, and the schema has seen to it that each text is one. Nothing here knows today.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any, NamedTuple

GRACE = KEEP_LICENCES = 30
"""Days that are meant where `grace` of a rule, or `keep_licenses` of a leaver, is left out."""


class Span(NamedTuple):
    """From the beginning of the day `start` to the end of the day `until`; None: without bound."""

    start: date | None = None
    until: date | None = None

    def within(self, other: Span) -> Span:
        """Return what both have in common; see `empty`."""
        starts = [day for day in (self.start, other.start) if day]
        ends = [day for day in (self.until, other.until) if day]
        return Span(max(starts, default=None), min(ends, default=None))

    @property
    def empty(self) -> bool:
        """Tell whether there is no day in it."""
        return self.start is not None and self.until is not None and self.start > self.until


ALWAYS = Span()


def span(declared: dict[str, Any]) -> Span:
    """Return the days that `from` and `until` of a mapping bound."""
    if "from" not in declared and "until" not in declared:
        return ALWAYS
    start, until = declared.get("from"), declared.get("until")
    return Span(start and day(start), until and day(until))


@lru_cache(maxsize=4096)
def day(text: str) -> date:
    """Return a day written as YYYY-MM-DD."""
    return date.fromisoformat(text)


def instant(text: str) -> datetime:
    """Return when a day begins."""
    return datetime.combine(day(text), time(), UTC)


def days(text: str) -> int:
    """Return a number of days written as 30d."""
    return int(text[:-1])
