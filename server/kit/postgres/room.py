"""Remembers that a database had no room for a write, so that readiness can follow."""

import time
from collections.abc import Callable

_KEEP_SECONDS = 5.0


class NoRoom(Exception):
    """The database has refused a write for want of room, a moment ago."""


class Room:
    """Whether there was room at the last write.

    Only a write can tell, and a process that is not ready gets none. So a refusal counts for
    `keep_seconds`; then the next write finds out.
    """

    def __init__(
        self, keep_seconds: float = _KEEP_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._missed_until = 0.0

    def missed(self) -> None:
        """A write was refused for want of room."""
        self._missed_until = self._clock() + self._keep_seconds

    def check(self) -> None:
        """Raises `NoRoom` while a refusal counts."""
        if self._clock() < self._missed_until:
            raise NoRoom("the database has no room left")


room = Room()  # of this process's own database
