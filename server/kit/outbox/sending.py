"""Hands events to a destination, and finds which of them it does not take.

An event that fails alone is only a *suspect*: its destination may be broken as a whole. It is left
out until another event has arrived; that convicts it, and its aggregate is blocked. When there is
nothing else to try, suspects are tried again. So a destination that takes nothing costs no event.
"""

import asyncio
import time
from collections.abc import Sequence

import structlog

from server.kit.outbox import blocks
from server.kit.outbox.deliveries import Deliveries, Delivery
from server.kit.outbox.event import Away, Destination, Refused
from server.kit.outbox.metrics import OutboxMetrics
from server.kit.outbox.pace import Pace

# A destination that fails so many events in a row and takes none in between gets a pause.
_FAILURES_AT_ONCE = 8

_log = structlog.get_logger()


class Failing(Exception):
    """Nothing arrives at the destination."""


class Sending:
    """Sends the batches of one relay."""

    def __init__(
        self, deliveries: Deliveries, destination: Destination, metrics: OutboxMetrics, pace: Pace
    ) -> None:
        self._deliveries = deliveries
        self._destination = destination
        self._metrics = metrics
        self._pace = pace
        self._log = _log.bind(destination=destination.name)
        self._batch_max = pace.batch_max
        self._suspects: dict[str, tuple[Delivery, Exception]] = {}  # by aggregate
        self._arrivals = 0
        self._arrivals_at_failure: dict[str, int] = {}  # by event that is tried again

    async def send_batch(self) -> bool:
        """See `Relay.send_batch`."""
        batch = await self._deliveries.take(self._suspects, self._batch_max, self._pace.bytes_max)
        if batch.has_retries:
            await self._retry_one()
            await self._deliveries.renew()
        if batch.deliveries:
            await self._send(batch.deliveries)
        elif self._suspects:
            self._acquit()
        return batch.has_retries or batch.is_full

    def forget(self) -> None:
        """Drops what was learned of events that another relay sends now."""
        self._suspects.clear()
        self._arrivals_at_failure.clear()

    async def _send(self, batch: Sequence[Delivery]) -> None:
        """Sends a batch; halving finds one event at fault among 500 in nine rounds.

        An event at fault holds back the later ones of its aggregate.
        """
        parts = [list(batch)]  # the first in order is the last in the list
        blocked: set[str] = set()  # aggregates
        failures, arrived = 0, 0
        while parts:
            part = [each for each in parts.pop() if each.event.aggregate_id not in blocked]
            if not part:
                continue
            if len(part) < len(batch):
                await self._deliveries.renew()
            error = await self._attempt(part)
            if error is None:
                arrived = max(arrived, len(part))
                failures = 0
                await self._arrived(part)
            elif len(part) > 1:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
            else:
                blocked.add(part[0].event.aggregate_id)
                failures += await self._failed_alone(part[0], error)
            if failures == _FAILURES_AT_ONCE:
                break
        self._adapt(len(batch), arrived, is_sound=not blocked)
        await self._judge(has_arrived=arrived > 0)

    async def _attempt(self, part: Sequence[Delivery]) -> Exception | None:
        """Gives what went wrong. Raises `Away`."""
        try:
            async with asyncio.timeout(self._pace.send):
                await self._destination.send([each.event for each in part])
        except Away:
            self._metrics.failed(self._destination.name)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is must not stop the relay
            self._metrics.failed(self._destination.name)
            if not isinstance(error, Refused):
                self._log.error(
                    "outbox.failed", events=len(part), first_id=part[0].event.id, exc_info=error
                )
            return error
        return None

    async def _arrived(self, part: Sequence[Delivery]) -> None:
        self._arrivals += 1
        await self._deliveries.acknowledge(part)
        now = time.monotonic()
        ages = (each.age_seconds + now - each.read_at for each in part)
        self._metrics.delivered(self._destination.name, ages)

    async def _failed_alone(self, delivery: Delivery, error: Exception) -> int:
        """Counts as a failure of the destination, unless that has refused the event for good."""
        if isinstance(error, Refused):
            await self._give_up(delivery, delivery.attempts + 1, error)
            return 0
        self._suspects[delivery.event.aggregate_id] = (delivery, error)
        return 1

    async def _judge(self, *, has_arrived: bool) -> None:
        """Blocks the suspects if others have arrived; raises `Failing` if nothing has."""
        if not self._suspects:
            return
        if not has_arrived:
            _, error = next(reversed(self._suspects.values()))
            raise Failing(str(error)) from error
        for delivery, error in self._suspects.values():
            await self._try_later(delivery, 1, error)
        self._suspects.clear()

    def _acquit(self) -> None:
        """There is nobody left whose arrival could convict the suspects: they are tried again."""
        _, error = next(reversed(self._suspects.values()))
        self._suspects.clear()
        raise Failing(str(error)) from error

    async def _retry_one(self) -> None:
        """Tries the event again that has been due for the longest."""
        delivery = await blocks.next_retry(self._deliveries)
        if delivery is None:
            return
        event_id = delivery.event.id
        error = await self._attempt([delivery])
        if error is None:
            self._arrivals_at_failure.pop(event_id, None)
            await self._arrived([delivery])
            return
        # Only what arrived since the last try tells the event's fault from the destination's.
        before = self._arrivals_at_failure.get(event_id, self._arrivals)
        attempts = delivery.attempts + (self._arrivals > before)
        if isinstance(error, Refused) or attempts >= self._pace.attempts_max:
            await self._give_up(delivery, attempts, error)
        else:
            await self._try_later(delivery, attempts, error)

    async def _try_later(self, delivery: Delivery, attempts: int, error: Exception) -> None:
        self._arrivals_at_failure[delivery.event.id] = self._arrivals
        delay = self._pace.backoff.delay(attempts)
        await blocks.retry_later(self._deliveries, delivery, attempts, delay, _text(error))

    async def _give_up(self, delivery: Delivery, attempts: int, error: Exception) -> None:
        self._arrivals_at_failure.pop(delivery.event.id, None)
        await blocks.give_up(self._deliveries, delivery, attempts, _text(error))
        self._log.error("outbox.given_up", event_id=delivery.event.id, error=_text(error))

    def _adapt(self, size: int, arrived: int, *, is_sound: bool) -> None:
        """Makes later batches smaller when nothing was wrong with this one but its size."""
        if is_sound and arrived < size:
            self._batch_max = arrived
        else:
            self._batch_max = min(self._batch_max + self._batch_max // 8 + 1, self._pace.batch_max)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
