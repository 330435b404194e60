"""What do applied runs remember for the plans to come? Topics, run by run, become model.Remembered.

The journal recalls it of runs that were, the look ahead of runs that may be; both fold it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model import Remembered

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reconciler.plan import Topic

DISABLED = "disabled"
"""Topic (see plan.Topic) of the accounts that shall be deleted and can't sign in."""


class Memory:
    """All that is remembered so far, by topic."""

    def __init__(self, known: Iterable[Remembered] = ()) -> None:
        self._counts = {row.topic: row.count for row in known}
        self._since = {row.topic: dict(row.since) for row in known}
        self._left = {row.topic: dict(row.left) for row in known}

    def take(self, topics: Iterable[Topic], moment: datetime) -> None:
        """Bring it forward over what a run tells at its start."""
        for topic in topics:
            since, left = self._of(topic.topic)
            self._counts[topic.topic] = topic.count
            for user in topic.joined:
                since[user] = moment
                left.pop(user, None)
            for user in topic.left:
                since.pop(user, None)
                left[user] = moment

    def switched(self, user: str, moment: datetime, *, on: bool) -> None:
        """Bring it forward over an account that a run switched on or off."""
        since, _ = self._of(DISABLED)
        since.pop(user, None)
        if not on:
            since[user] = moment

    def rows(self) -> tuple[Remembered, ...]:
        """Return it, sorted by topic."""
        return tuple(
            Remembered(topic=topic, count=count, since=self._since[topic], left=self._left[topic])
            for topic, count in sorted(self._counts.items())
        )

    def _of(self, topic: str) -> tuple[dict[str, datetime], dict[str, datetime]]:
        self._counts.setdefault(topic, 0)
        return self._since.setdefault(topic, {}), self._left.setdefault(topic, {})
