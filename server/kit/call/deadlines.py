"""Ends calls that have run for as long as any may.

`asyncio.timeout` sets a timer for each call, which hardly ever fires, and takes 5 % of what a
GetUser costs (by callgrind, November 2026). All calls here may run equally long, so they are due in
the order in which they began, and one timer is enough for all of them.
"""

import asyncio
from types import TracebackType


class Deadlines:
    """Gives every call that asks for it the same number of seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._running: dict[Bound, None] = {}  # the one that is due first comes first
        self._timer: asyncio.TimerHandle | None = None

    def bound(self) -> "Bound":
        """`with deadlines.bound():` cancels the task in it in time, and raises `TimeoutError`."""
        return Bound(self)

    def add(self, bound: "Bound") -> None:
        """`bound` begins to run."""
        loop = asyncio.get_running_loop()
        bound.due = loop.time() + self.seconds
        self._running[bound] = None
        if self._timer is None:
            self._timer = loop.call_at(bound.due, self._end_what_is_due)

    def remove(self, bound: "Bound") -> None:
        """`bound` has ended, in time or not."""
        self._running.pop(bound, None)

    def _end_what_is_due(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        now = loop.time()
        for bound in list(self._running):
            if bound.due > now:
                self._timer = loop.call_at(bound.due, self._end_what_is_due)
                return
            self.remove(bound)
            bound.end()


class Bound:
    """What one task does within a `Deadlines`; used once."""

    __slots__ = ("_deadlines", "_has_passed", "_task", "due")

    due: float  # by the loop's clock

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._has_passed = False
        self._task = asyncio.current_task()

    def __enter__(self) -> None:
        self._deadlines.add(self)

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
        self._deadlines.remove(self)
        # As `asyncio.timeout` has it: somebody else may have cancelled the task as well.
        expired = self._has_passed and self._task is not None and not self._task.uncancel()
        if expired and kind is asyncio.CancelledError:
            raise TimeoutError from error
