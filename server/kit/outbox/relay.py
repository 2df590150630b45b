"""Leases events, sends them on, and deals with what does not arrive."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from server.kit import errors
from server.kit.outbox import table
from server.kit.outbox.metrics import OutboxMetrics
from server.kit.outbox.table import Event
from server.kit.postgres import Pool

Send = Callable[[Sequence[Event]], Awaitable[None]]
"""Hands on a batch, whole or not at all; returns when it has arrived.

Raises `Refused` when an event of the batch can never arrive, `Away` when nobody is there to take
anything, and what it likes for all else: that is tried again, but an event is given up after
`Pace.attempts_max` while others arrive.
"""

_log = structlog.get_logger()


class Refused(Exception):
    """The batch holds an event that the other side will never take."""


class Away(Exception):
    """The other side cannot be reached, whatever the batch holds."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a relay paces itself; all but the counts in seconds."""

    batch_max: int = 500
    attempts_max: int = 20  # of an event that fails while others arrive
    # Time for more events to gather after the first: ten batches a second instead of one for each
    # order, which would cost the orders beside them a third of their rate.
    gather: float = 0.1
    poll: float = 1.0  # finds what no ring told of
    lease: float = 15.0  # longer than any send takes
    retry_first: float = 0.1
    retry_max: float = 5.0
    grace: float = 3.0  # for the batch under way when the process is asked to stop

    def delay(self, attempts: int) -> float:
        """The wait after so many failures: doubling, with jitter so that relays spread out."""
        doubled = self.retry_first * 2.0 ** min(attempts - 1, 16)
        return min(doubled, self.retry_max) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


class Relay:
    """Sends on what the outbox of `pool`'s database holds."""

    def __init__(self, pool: Pool, send: Send, metrics: OutboxMetrics, pace: Pace) -> None:
        self._pool = pool
        self._send = send
        self._metrics = metrics
        self._pace = pace
        self._rung = asyncio.Event()
        self._stopping = asyncio.Event()
        self._batch_max = pace.batch_max
        self._failures = 0  # in a row, of the other side or of the database
        self._others_arrive = False  # since the last event that failed

    def wake(self) -> None:
        """Says that there may be something to send."""
        self._rung.set()

    def stop(self) -> None:
        """Lets the batch under way end, and `run` with it."""
        self._stopping.set()
        self._rung.set()

    async def run(self) -> None:
        """Sends until `stop`. Sides that are away are waited for."""
        while not self._stopping.is_set():
            size_max = self._batch_max
            try:
                count = await self.send_batch()
            except (Away, errors.Unavailable, errors.DeadlineExceeded, errors.Conflict) as error:
                await self._hold_back(error)
                continue
            if count and self._failures:
                _log.info("outbox.resumed", failures=self._failures)
                self._failures = 0
            if count < size_max:
                await self._next_ring()

    async def send_batch(self) -> int:
        """Sends one batch of what is due; gives its size.

        Raises `Away` when it did not arrive, after making its events due again.
        """
        events = await table.lease(self._pool, self._batch_max, self._pace.lease)
        if events:
            await self._deliver(events)
            self._batch_max = min(self._batch_max * 2, self._pace.batch_max)
        return len(events)

    async def _deliver(self, events: Sequence[Event]) -> None:
        try:
            await self._send(events)
        except Refused as refusal:
            self._metrics.failed()
            await self._isolate(events, refusal)
        except Exception as error:  # noqa: BLE001 - whatever it is must not stop the relay
            self._metrics.failed()
            if self._is_in_vain(events, error):
                await self._isolate(events, error)
            else:
                await self._try_later(events, error)
        else:
            self._others_arrive = True
            self._metrics.delivered(await table.remove(self._pool, events))

    def _is_in_vain(self, events: Sequence[Event], error: Exception) -> bool:
        """Whether the batch holds an event to give up.

        That others arrive tells one event's fault from that of a side which takes nothing.
        """
        is_worn = any(event.attempts >= self._pace.attempts_max for event in events)
        return is_worn and self._others_arrive and not isinstance(error, Away)

    async def _try_later(self, events: Sequence[Event], error: Exception) -> None:
        """Makes the events due again, and raises `Away`.

        It may be one event's fault, or the batch may be too big: later batches are smaller, and the
        events meet others in them.
        """
        await self._postpone(events)
        self._others_arrive = False
        self._batch_max = max(self._batch_max // 2, 1)
        if not isinstance(error, Away):
            _log.error(
                "outbox.failed", events=len(events), first_id=str(events[0].id), exc_info=error
            )
        raise Away(str(error)) from error

    async def _isolate(self, events: Sequence[Event], error: Exception) -> None:
        """Buries the one bad event, which halving finds among 500 in nine rounds."""
        if len(events) == 1:
            await table.bury(self._pool, events[0], str(error))
            self._others_arrive = False
            self._metrics.buried()
            _log.error("outbox.buried", event_id=str(events[0].id), error=str(error))
            return
        middle = len(events) // 2
        try:
            await self._deliver(events[:middle])
        except Away:
            await self._postpone(events[middle:])
            raise
        await self._deliver(events[middle:])

    async def _postpone(self, events: Sequence[Event]) -> None:
        await table.postpone(
            self._pool, [(event, self._pace.delay(event.attempts)) for event in events]
        )

    async def _hold_back(self, error: Exception) -> None:
        """Rings are no reason to hurry now: only time, or stopping, ends the wait."""
        self._failures += 1
        delay = self._pace.delay(self._failures)
        _log.warning("outbox.waiting", error=str(error), next_try_seconds=round(delay, 3))
        await _first(self._stopping, delay)

    async def _next_ring(self) -> None:
        await _first(self._rung, self._pace.poll)
        if self._rung.is_set():
            await _first(self._stopping, self._pace.gather)
        self._rung.clear()


async def _first(event: asyncio.Event, seconds: float) -> None:
    """Returns when `event` is set, or after `seconds`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
