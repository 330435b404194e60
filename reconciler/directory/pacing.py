"""How fast may the tenant be asked, by all threads together?

A budget for writes below the limit that Microsoft documents, a pause for everybody while the tenant asks
for quiet, and fewer batches in flight, further apart, once it had to refuse one. Nothing is sent here, and
nothing is decided about a request.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WINDOW = 150.0  # seconds for which Graph counts the writes of an app in a tenant
BUDGET = 2850  # writes in any such time: 95 % of the 3,000 that are documented
EASY = 0.5  # of the budget: beyond it writes are spread, so that nobody waits for minutes at the end
RATE = BUDGET / WINDOW
SLOWEST = 1.0  # writes a second, however often the tenant refuses
GROWTH = 0.01  # writes a second that the rate regains with each write that was accepted
SLACK = 2.0  # seconds by which whoever came late may be ahead of its turn afterwards
STRAINED = 0.8  # of a limit used: from here on Graph tells how much it is
LONGEST_WAIT = 300.0  # seconds; a tenant that asks for more is told to the user instead
GLANCE = 1.0  # seconds after which whoever waits for its turn looks up
NEVER = float("-inf")


class Closed(Exception):
    """The tenant asks for a pause that is beyond patience: nothing is written now."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the tenant asks to wait {seconds:.0f} seconds")


class Pace:
    """The budget of one tenant. Safe to use from several threads.

    `batches` of writes are in flight at most. `clock` is monotonic, in seconds; `sleep` lets it go on.
    """

    def __init__(
        self,
        batches: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        budget: float = BUDGET,
    ) -> None:
        self._most = float(batches)
        self._clock = clock
        self._sleep = sleep
        self._budget = budget
        self._turn = threading.Condition()
        self._flying = 0
        self._width = float(batches)
        self._sent: deque[tuple[float, int]] = deque()  # when how many writes were sent
        self._used = 0  # writes in the window
        self._next = NEVER  # before this moment no further write
        self._rate: float | None = None  # writes a second; None: the tenant had nothing to say
        self._quiet_until = NEVER
        self._cut_at = NEVER  # when the pace was last lowered

    # ------------------------------------------------------------ before a request

    def wait(self) -> None:
        """Wait while the tenant asks for quiet; a pause beyond patience is not kept by reads."""
        now = self._clock()
        while 0 < (pause := self._quiet_until - now) <= LONGEST_WAIT:
            self._sleep(pause)
            now = max(self._clock(), now + pause)

    def ready(self, count: int, stop: Callable[[], bool] = lambda: False) -> None:
        """Wait until so many writes may be sent, without taking them: what is looked at then is fresh.

        `stop` is asked every second: who wants the run to end need not wait for minutes.
        """
        now = self._clock()
        while 0 < (pause := self._pause(count, now)) <= LONGEST_WAIT and not stop():
            pause = min(pause, GLANCE)
            self._sleep(pause)
            now = max(self._clock(), now + pause)

    @contextmanager
    def writing(self, count: int) -> Iterator[float]:
        """Hold a place for one batch of writes, waited for; yields the moment. Raises Closed."""
        moment = self._admit(count)
        try:
            yield moment
        finally:
            with self._turn:
                self._flying -= 1
                self._turn.notify_all()

    def _admit(self, count: int) -> float:
        now = self._clock()
        while True:
            with self._turn:
                while self._flying >= int(self._width):
                    self._turn.wait()
                now = max(self._clock(), now)
                pause = self._pause(count, now)
                if not pause:
                    self._take(count, now)
                    return now
            if pause > LONGEST_WAIT:
                raise Closed(pause)
            self._sleep(pause)
            now = max(self._clock(), now + pause)

    def _pause(self, count: int, now: float) -> float:
        """Return the seconds until so many writes may be sent."""
        with self._turn:
            while self._sent and self._sent[0][0] + WINDOW <= now:
                self._used -= self._sent.popleft()[1]
            pause = max(0.0, self._quiet_until - now, self._next - now)
            if self._sent and self._used + count > self._budget:
                pause = max(pause, self._sent[0][0] + WINDOW - now)
            return pause

    def _take(self, count: int, now: float) -> None:
        self._flying += 1
        self._sent.append((now, count))
        self._used += count
        gap = count / self._rate if self._rate else 0.0
        if self._used > self._budget * EASY:
            # What is left is spread over the time until the first writes are forgotten.
            left = max(self._budget - self._used, count)
            gap = max(gap, count * (self._sent[0][0] + WINDOW - now) / left)
        self._next = max(self._next, now - SLACK) + gap

    # ------------------------------------------------------------ after it

    def quiet(self, seconds: float) -> None:
        """Let nobody send for a while."""
        with self._turn:
            self._quiet_until = max(self._quiet_until, self._clock() + seconds)

    def strained(self, used: float) -> None:
        """Take note of the part of a limit that is used: near it everybody slows down."""
        if used > STRAINED:
            with self._turn:
                self._rate = self._rate or RATE
            self.quiet(min(used, 2.0) - STRAINED)

    def refused(self, moment: float) -> None:
        """Lower the pace for writes that were sent at `moment` and refused: once for all in flight then."""
        with self._turn:
            if moment > self._cut_at:
                self._cut_at = max(self._clock(), moment)
                self._width = max(1.0, self._width / 2)
                self._rate = max(SLOWEST, (self._rate or RATE) / 2)

    def accepted(self, count: int) -> None:
        """Raise the pace again, little by little, for writes that the tenant took."""
        with self._turn:
            self._width = min(self._most, self._width + 1 / self._width)
            if self._rate:
                self._rate = min(RATE, self._rate + count * GROWTH)
            self._turn.notify_all()
