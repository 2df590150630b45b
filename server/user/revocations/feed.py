"""Reads the feed as it grows: into this process's own copy, and for the streams of others.

Each process of the service does, by a statement a second and whenever it is woken. Streams read
the one list that is kept here, each from a position of its own; nothing waits for the slowest.
"""

import asyncio
import math
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from server.kit import background, errors
from server.kit.background import Job
from server.kit.backoff import Backoff
from server.kit.revocations import Revocations, show
from server.user.revocations.rows import Entry
from server.user.revocations.store import FeedStore
from server.user.revocations.wire import Message, Part, to_message, to_part

MARGIN_SECONDS = 60.0
"""For how much longer than a token lives an entry matters: until one that was being signed is."""

_POLL_SECONDS = 1.0  # the contract promises a message a second
_GATHER_SECONDS = 0.05  # for more entries: whatever else is committed wakes as well
PART_MAX = 1_000  # as the contract says
# A stream ends before its connection does (`kit/lifecycle.py`), and others share the connections
# of a restarted process again.
_STREAM_SECONDS = 240.0
_BACKOFF = Backoff(first_seconds=0.1, seconds_max=2.0)


class _Kept(NamedTuple):
    until: float  # by the clock
    position: int
    message: Message


class Feed:
    """What is kept of the feed."""

    def __init__(
        self,
        store: FeedStore,
        copy: Revocations,
        keep_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self.copy = copy
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._kept: list[_Kept] = []
        self._position = 0
        self._read_at: float | None = None  # by the clock
        self._woken = asyncio.Event()
        self._read = asyncio.Event()  # set, and replaced, by each reading
        self._stopping = asyncio.Event()

    def wake(self) -> None:
        """Says that there may be new entries. Costs nothing and never fails."""
        self._woken.set()

    def close(self) -> None:
        """Ends the streams, and refuses new ones."""
        self._stopping.set()
        self._read.set()

    @property
    def position(self) -> int:
        """Up to where it was read."""
        return self._position

    def heard(self, entries: Iterable[Entry]) -> None:
        """Takes entries of some accounts into the copy before they are read with all others.

        They are all that there are of these accounts after `position`, by rising position.
        """
        self.copy.add([to_message(each.revocation) for each in entries], self._keep_seconds)

    @property
    def age_seconds(self) -> float:
        """How long ago it was read; without an end before it was."""
        return math.inf if self._read_at is None else self._clock() - self._read_at

    async def run(self) -> None:
        """Reads until cancelled. Raises `Unavailable` and `DeadlineExceeded`."""
        while True:
            self._woken.clear()
            await self.read()
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._woken.wait()
                    await asyncio.sleep(_GATHER_SECONDS)

    async def read(self) -> None:
        """Reads what is new, and lets the streams know."""
        began = self._clock()
        while entries := await self._store.since(self._position):
            messages = [to_message(entry.revocation) for entry in entries]
            until = self._clock() + self._keep_seconds
            self._kept += [
                _Kept(until, entry.position, message)
                for entry, message in zip(entries, messages, strict=True)
            ]
            self._position = entries[-1].position
            self.copy.add(messages, self._keep_seconds)
        self._forget(began)
        self._read_at = began
        self._read.set()
        self._read = asyncio.Event()

    def _forget(self, now: float) -> None:
        del self._kept[: bisect_right(self._kept, now, key=lambda kept: kept.until)]

    async def after(self, position: int) -> AsyncIterator[Part]:
        """The parts of one stream. Raises `Unavailable` when the process stops."""
        if self._stopping.is_set():
            raise errors.Unavailable("the server stops", retry_after_seconds=1.0)
        began = self._clock()
        if position > self._position:  # of another replica, or from before a restore
            position = 0
        while self._clock() - began < _STREAM_SECONDS:
            read = self._read
            if self._read_at is not None:
                for part in self._parts(position, self._read_at - began):
                    yield part
                    position = part.position
            await read.wait()
            if self._stopping.is_set():
                return

    def _parts(self, position: int, read_after_seconds: float) -> Iterator[Part]:
        """What is kept after `position` and was read by then: one part at least."""
        end = self._position
        while True:
            first = bisect_right(self._kept, position, key=lambda kept: kept.position)
            kept = self._kept[first : first + PART_MAX]
            entries = [each.message for each in kept if each.position <= end]
            complete = not kept or kept[-1].position >= end
            position = end if complete else kept[-1].position
            yield to_part(
                entries, position, read_after_seconds, self._keep_seconds, complete=complete
            )
            if complete:
                return


@asynccontextmanager
async def reading(feed: Feed) -> AsyncIterator[None]:
    """Reads `feed` while the block runs; what there is has been read when it begins."""
    await feed.read()
    show(feed.copy, lambda: feed.age_seconds)
    async with background.running(Job("revocations_reading", feed.run, backoff=_BACKOFF)):
        yield
