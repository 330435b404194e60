"""What time is it in the tenant?

The one place that asks the computer's clock. The tenant's own time is that clock plus what `advance`
added (store.Store.now); tests hand in a frozen clock. Nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns an instant in UTC."""


def system() -> datetime:
    """Return the present instant in UTC, to the second: Graph tells no finer ones."""
    return datetime.now(UTC).replace(microsecond=0)


def stamp(instant: datetime) -> str:
    """Return an instant as Graph writes it; such texts sort by time."""
    return utc(instant).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc(instant: datetime) -> datetime:
    """Return an instant in UTC; one without an offset is taken to be in UTC already."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def parse(text: str) -> datetime:
    """Return the instant of a text that `stamp` wrote."""
    return utc(datetime.fromisoformat(text))
