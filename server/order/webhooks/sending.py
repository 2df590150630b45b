"""Posts events to webhooks.

`WebhookDestination` makes deliveries of what the outbox relays: rows, in one transaction a batch.
`Sender` posts them, in one process of all: each webhook in a lane of its own, its deliveries of one
aggregate one after the other, those of several side by side. A delivery is marked when its answer
is there, and before the next of its aggregate is posted: a process that dies in between leaves it
to be posted again, with the same id, body and order.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

import structlog

from server.kit import errors
from server.kit.backoff import Backoff
from server.kit.batching import Batcher
from server.kit.outbox import Event
from server.kit.telemetry import brief
from server.order.webhooks import rules
from server.order.webhooks.store import Batch, Due, Queue, Told, WebhookStore

_USER_AGENT = "Emporium-Webhooks/1 (+https://www.standardwebhooks.com)"

_REST = Backoff(first_seconds=1.0, seconds_max=300.0)

_log = structlog.get_logger()
_uniform = random.SystemRandom().uniform


class WebhookDestination:
    """An `outbox.Destination` that leaves a delivery for every webhook that wants the event.

    `whose` says of an event which order it is about, and who its buyer is.
    """

    name = "webhooks"

    def __init__(
        self, queue: Queue, whose: Callable[[Event], tuple[str | None, str | None]]
    ) -> None:
        self._queue = queue
        self._whose = whose

    async def send(self, events: Sequence[Event]) -> None:
        """See `outbox.Destination`."""
        await self._queue.add([Told(event, *self._whose(event)) for event in events])


class Answered(Protocol):
    """What came of a post."""

    @property
    def status(self) -> int: ...
    @property
    def error(self) -> str: ...
    @property
    def retry_after_seconds(self) -> float: ...


Post = Callable[[str, str, Mapping[str, str], bytes], Awaitable[Answered]]
"""Posts a body with headers to a webhook, by its id and URL. Never raises."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Counts, and times in seconds."""

    schedule: Sequence[float] = rules.SCHEDULE
    side_by_side: int = 10  # posts to one receiver
    batch_max: int = 50
    bytes_max: int = 500_000
    # Receivers that take longer than `slow` share places of their own: they hold up no other.
    slow: float = 2.0
    places: int = 200
    slow_batch_max: int = 10
    # One that has failed so many posts in a row rests between posts.
    failures_max: int = 5
    rest: Backoff = _REST
    # One that has failed for so long when a process meets it is taken for one of those.
    known_dead: float = 300.0
    poll: float = 1.0


@dataclass(slots=True)
class _Lane:
    """What this process knows of a webhook's receiver."""

    is_met: bool = False  # whether something was posted to it, or tried to be
    failures: int = 0  # in a row
    is_slow: bool = False
    rests_until: float = 0.0  # by the loop's clock
    failing_since: datetime | None = None
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class Sender:
    """Posts what is due. `encode` gives what receivers get, `opened` a secret in plain."""

    def __init__(
        self,
        queue: Queue,
        webhooks: WebhookStore,
        post: Post,
        encode: Callable[[Event], bytes],
        opened: Callable[[bytes, str], str],
        new_id: Callable[[], str],
        pace: Pace | None = None,
    ) -> None:
        self._queue = queue
        self._webhooks = webhooks
        self._post = post
        self._encode = encode
        self._opened = opened
        self._new_id = new_id
        self._pace = pace or Pace()
        self._woken = asyncio.Event()
        self._lanes: dict[str, _Lane] = {}
        self._places = asyncio.Semaphore(self._pace.places)
        self._slow_places = asyncio.Semaphore(self._pace.places)

    def wake(self) -> None:
        """There may be something to post."""
        self._woken.set()

    async def run(self) -> None:
        """Posts until cancelled. Raises what the database does."""
        marks = Batcher(self._mark, size_max=500)
        try:
            while True:
                self._woken.clear()
                self._begin(await self._queue.ready(), marks)
                try:
                    async with asyncio.timeout(self._pace.poll):
                        await self._woken.wait()
                except TimeoutError:
                    continue
        finally:
            tasks = [lane.task for lane in self._lanes.values() if lane.task]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._lanes.clear()
            await marks.close()

    def _begin(self, ready: Sequence[str], marks: "Batcher[rules.Delivery, None]") -> None:
        now = asyncio.get_running_loop().time()
        for webhook_id in ready:
            lane = self._lanes.setdefault(webhook_id, _Lane())
            if not lane.task and lane.rests_until <= now:
                lane.task = asyncio.create_task(self._work(webhook_id, lane, marks))
        for webhook_id in self._lanes.keys() - set(ready):
            lane = self._lanes[webhook_id]
            if not lane.task and lane.rests_until <= now:
                del self._lanes[webhook_id]

    async def _work(
        self, webhook_id: str, lane: _Lane, marks: "Batcher[rules.Delivery, None]"
    ) -> None:
        """Posts what is due for one webhook, until nothing is, or its receiver has to rest."""
        pace, loop = self._pace, asyncio.get_running_loop()
        took = False
        try:
            while lane.failures < pace.failures_max or not took:
                batch = await self._take(webhook_id, lane)
                if batch is None:
                    # What is due waits behind what is not: there is no hurry.
                    lane.rests_until = 0.0 if took else loop.time() + pace.poll
                    return
                took = True
                await self._send(webhook_id, lane, batch, marks)
            rest = pace.rest.delay(lane.failures - pace.failures_max + 1)
            lane.rests_until = loop.time() + rest
        except Exception as error:  # noqa: BLE001 - whatever it is must not stop the other lanes
            lane.rests_until = loop.time() + _tell(webhook_id, error, pace)
        finally:
            lane.task = None

    async def _take(self, webhook_id: str, lane: _Lane) -> Batch | None:
        pace = self._pace
        count_max = pace.slow_batch_max if lane.is_slow else pace.batch_max
        bytes_max = pace.bytes_max * count_max // pace.batch_max
        batch = await self._queue.take(webhook_id, 1 if lane.failures else count_max, bytes_max)
        if batch and batch.failing_since and not lane.is_met:
            failing = (datetime.now(UTC) - batch.failing_since).total_seconds()
            lane.failures = pace.failures_max if failing > pace.known_dead else 0
        lane.is_met = True
        return batch

    async def _send(
        self,
        webhook_id: str,
        lane: _Lane,
        batch: Batch,
        marks: "Batcher[rules.Delivery, None]",
    ) -> None:
        lane.failing_since = batch.failing_since
        secrets = [self._opened(each, webhook_id) for each in batch.secrets]
        chains: dict[str, list[Due]] = {}
        for due in batch.due:
            key = due.delivery.aggregate_id if due.delivery.in_order else due.delivery.id
            chains.setdefault(key, []).append(due)
        beside = asyncio.Semaphore(self._pace.side_by_side)

        async def follow(chain: Sequence[Due]) -> None:
            async with beside:
                for due in chain:
                    if lane.failures >= self._pace.failures_max and len(batch.due) > 1:
                        return
                    if not await self._deliver(due, batch.url, secrets, lane, marks):
                        return

        async with asyncio.TaskGroup() as group:
            for chain in chains.values():
                group.create_task(follow(chain))

    async def _deliver(
        self,
        due: Due,
        url: str,
        secrets: Sequence[str],
        lane: _Lane,
        marks: "Batcher[rules.Delivery, None]",
    ) -> bool:
        """Posts one, and stores what became of it; whether the next of its aggregate may follow."""
        delivery, body = due.delivery, self._encode(due.event)
        loop = asyncio.get_running_loop()
        async with self._slow_places if lane.is_slow else self._places:
            signed = rules.headers(delivery.id, datetime.now(UTC), body, secrets)
            headers = {
                "content-type": "application/json",
                "user-agent": _USER_AGENT,
                **signed,
            }
            began = loop.time()
            answered = await self._post(delivery.webhook_id, url, headers, body)
        outcome = rules.Outcome(answered.status, answered.error, answered.retry_after_seconds)
        now = datetime.now(UTC)
        lane.is_slow = loop.time() - began > self._pace.slow
        if outcome.is_success:
            await self._succeeded(delivery.webhook_id, lane)
        else:
            await self._failed(delivery.webhook_id, lane, now)
        verdict = rules.judge(
            delivery, outcome, lane.failing_since, now, _uniform(0, 1), self._pace.schedule
        )
        if verdict.pause_reason:
            await self._pause(delivery.webhook_id, verdict.pause_reason, now)
            await marks.do(replace(verdict.delivery, attempts=0))
            return False
        await marks.do(verdict.delivery)
        return verdict.delivery.status is not rules.DeliveryStatus.PENDING

    async def _succeeded(self, webhook_id: str, lane: _Lane) -> None:
        if lane.failing_since:
            lane.failing_since = None
            # One event that is never taken is no reason to hurry it.
            was_dead = lane.failures >= self._pace.failures_max
            await self._queue.recovered(webhook_id, all_due=was_dead)
            _log.info("webhooks.recovered", webhook_id=webhook_id)
        lane.failures = 0

    async def _failed(self, webhook_id: str, lane: _Lane, now: datetime) -> None:
        lane.failures += 1
        if lane.failing_since is None:
            lane.failing_since = now
            await self._queue.failing(webhook_id, now)

    async def _pause(self, webhook_id: str, reason: str, now: datetime) -> None:
        event_id = self._new_id()
        await self._webhooks.pause(
            webhook_id, lambda before: rules.paused(before, reason, event_id, now)
        )
        _log.warning("webhooks.paused", webhook_id=webhook_id, reason=reason)

    async def _mark(self, deliveries: Sequence[rules.Delivery]) -> Sequence[None]:
        await self._queue.mark(deliveries)
        return [None] * len(deliveries)


def _tell(webhook_id: str, error: Exception, pace: Pace) -> float:
    """Logs what has stopped a lane; for how many seconds it rests."""
    cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
    if isinstance(cause, errors.Unavailable | errors.DeadlineExceeded | errors.Conflict):
        _log.warning("webhooks.waiting", webhook_id=webhook_id, error=brief(cause))
        return pace.poll
    _log.error("webhooks.failed", webhook_id=webhook_id, exc_info=error)
    return pace.rest.seconds_max
