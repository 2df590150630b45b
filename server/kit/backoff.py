"""How long to wait before trying again.

Waits double from the first to the longest, so that whoever is down is not asked more often than
helps. Each is somewhere between half of that and the whole, so that callers who failed together
do not come back together.
"""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

_DOUBLINGS_MAX = 64  # 2.0 to a greater power may be no float any more

_system_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow exponentially, with jitter and a maximum. Without state, so shareable."""

    first_seconds: float
    seconds_max: float
    uniform: Callable[[float, float], float] = _system_random.uniform

    def delay(self, failures: int) -> float:
        """The wait, in seconds, after so many failures in a row, from 1."""
        doubled = self.first_seconds * 2.0 ** min(failures - 1, _DOUBLINGS_MAX)
        return min(doubled, self.seconds_max) * self.uniform(0.5, 1.0)

    def retries(
        self, within_seconds: float = math.inf, clock: Callable[[], float] = time.monotonic
    ) -> "Retries":
        """One caller's count of failures, which gives up `within_seconds` from now."""
        return Retries(self, within_seconds, clock)


class Retries:
    """Counts the failures of one undertaking, and says how long to wait after each."""

    def __init__(self, backoff: Backoff, within_seconds: float, clock: Callable[[], float]) -> None:
        self._backoff = backoff
        self._clock = clock
        self._give_up_at = clock() + within_seconds
        self._failures = 0

    def failed(self, at_least_seconds: float = 0.0) -> float | None:
        """The wait before the next try, or None when it would end too late to be of use.

        `at_least_seconds` is what the other side asked for, if it did.
        """
        self._failures += 1
        delay = max(self._backoff.delay(self._failures), at_least_seconds)
        return None if self._clock() + delay > self._give_up_at else delay
