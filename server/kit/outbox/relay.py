"""Sends the events of one destination, for as long as this process is the one that does."""

import asyncio
from contextlib import suppress

import structlog
from uuid_utils import uuid7

from server.kit import errors
from server.kit.outbox.deliveries import Deliveries, LeaseLost
from server.kit.outbox.event import Away, Destination
from server.kit.outbox.metrics import OutboxMetrics
from server.kit.outbox.pace import Pace
from server.kit.outbox.sending import Failing, Sending
from server.kit.postgres import Pool

_log = structlog.get_logger()

# What ends by itself sooner or later, and is waited for.
_PASSING = (Away, Failing, errors.Unavailable, errors.DeadlineExceeded, errors.Conflict)


class Relay:
    """Sends on what the outbox of `pool`'s database holds for `destination`.

    Any number of relays may share a destination: the one that holds its lease sends, the others
    wait. A relay that has lost the lease without knowing sends some events a second time, and that
    is all it can do.
    """

    def __init__(
        self, pool: Pool, destination: Destination, metrics: OutboxMetrics, pace: Pace
    ) -> None:
        self.name = destination.name
        self._deliveries = Deliveries(pool, destination.name, str(uuid7()), pace.lease)
        self._sending = Sending(self._deliveries, destination, metrics, pace)
        self._pace = pace
        self._log = _log.bind(destination=destination.name)
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._failures = 0  # in a row, of the destination or of the database

    def wake(self) -> None:
        """Says that there may be something to send."""
        self._woken.set()

    def stop(self) -> None:
        """Lets the batch under way end, and `run` with it."""
        self._stopping.set()
        self._woken.set()

    async def release(self) -> None:
        """Lets another relay take over at once. For when `run` has ended."""
        try:
            await self._deliveries.release()
        except (errors.Unavailable, errors.DeadlineExceeded, errors.Conflict) as error:
            self._log.warning("outbox.not_released", error=str(error))

    async def run(self) -> None:
        """Sends until `stop`. A destination that is away is waited for."""
        while not self._stopping.is_set():
            try:
                has_more = await self.send_batch()
            except LeaseLost:
                # Woken or not: only time gives the lease back.
                self._sending.forget()
                await _first(self._stopping, self._pace.poll)
                continue
            except _PASSING as error:
                await self._back_off(error)
                continue
            if self._failures:
                self._log.info("outbox.resumed", failures=self._failures)
                self._failures = 0
            if not has_more:
                await self._next_wakeup()

    async def send_batch(self) -> bool:
        """Sends one batch; tells whether there is more.

        Raises `LeaseLost` when another relay is at work, `Away` or `Failing` when the destination
        takes nothing, and what the database does.
        """
        return await self._sending.send_batch()

    async def _back_off(self, error: Exception) -> None:
        """A wakeup is no reason to hurry now: only time, or stopping, ends the wait."""
        self._failures += 1
        delay = self._pace.backoff.delay(self._failures)
        self._log.warning("outbox.waiting", error=str(error), next_try_seconds=round(delay, 3))
        await _first(self._stopping, delay)

    async def _next_wakeup(self) -> None:
        await _first(self._woken, self._pace.poll)
        if self._woken.is_set():
            await _first(self._stopping, self._pace.gather)
        self._woken.clear()


async def _first(event: asyncio.Event, seconds: float) -> None:
    """Returns when `event` is set, or after `seconds`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
