"""Ends calls that have run for as long as any may.

`asyncio.timeout` sets a timer for each call, which hardly ever fires, and takes 5 % of what a
GetUser costs (by callgrind, November 2026). All calls here may run equally long, so they are due in
the order in which they began, and one timer is enough for all of them.
"""

import asyncio
import time
from types import TracebackType


class Deadlines:
    """Gives every call that asks for it the same number of seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.running: dict[Bound, None] = {}  # the one that is due first comes first
        self._is_timing = False

    def bound(self) -> "Bound":
        """`with deadlines.bound():` cancels the task in it in time, and raises `TimeoutError`."""
        bound = Bound(self.running, time.monotonic() + self.seconds)
        self.running[bound] = None
        if not self._is_timing:
            self._wake_in(self.seconds)
        return bound

    def _wake_in(self, seconds: float) -> None:
        self._is_timing = True
        asyncio.get_running_loop().call_later(seconds, self._end_what_is_due)

    def _end_what_is_due(self) -> None:
        self._is_timing = False
        now = time.monotonic()
        for bound in list(self.running):
            if bound.due > now:
                self._wake_in(bound.due - now)
                return
            del self.running[bound]
            bound.end()


class Bound:
    """What one task does within a `Deadlines`; used once."""

    __slots__ = ("_has_passed", "_running", "_task", "due")

    def __init__(self, running: "dict[Bound, None]", due: float) -> None:
        self.due = due  # by the monotonic clock
        self._running = running
        self._has_passed = False
        self._task = asyncio.current_task()

    def __enter__(self) -> "Bound":
        return self

    def end(self) -> None:
        """Cancels what runs in the block."""
        self._has_passed = True
        if self._task is not None:
            self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._has_passed:
            del self._running[self]
            return
        # As `asyncio.timeout` has it: somebody else may have cancelled the task as well.
        expired = self._task is not None and not self._task.uncancel()
        if expired and kind is asyncio.CancelledError:
            raise TimeoutError from error
