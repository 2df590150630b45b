"""Keeps a relay for each destination at work beside a service's calls."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from server.kit import background
from server.kit.background import Job
from server.kit.outbox import backlog
from server.kit.outbox.deliveries import register
from server.kit.outbox.event import Destination
from server.kit.outbox.metrics import OutboxMetrics
from server.kit.outbox.pace import Pace
from server.kit.outbox.relay import Relay
from server.kit.outbox.trimming import Trimming
from server.kit.outbox.wakeup import Wakeup
from server.kit.postgres import Pool

Wake = Callable[[], None]
"""What a store calls after each commit that left an event. Costs nothing and never fails."""


@asynccontextmanager
async def relaying(
    pool: Pool,
    dsn: str,
    destinations: Sequence[Destination],
    *,
    metrics: OutboxMetrics | None = None,
    pace: Pace | None = None,
    also_wake: Wake | None = None,
) -> AsyncIterator[Wake]:
    """Sends on what the outbox holds while the block runs; yields what to call after a commit.

    `pool` and `dsn` lead to the same database. Every event that is committed from now on reaches
    every one of `destinations`. On leaving, the batches under way have `pace.grace` seconds to
    arrive; what does not is sent again by whoever runs next. `also_wake` is called whenever there
    may be something new, for who reads it elsewhere. Raises what the database does.
    """
    metrics = metrics or OutboxMetrics()
    pace = pace or Pace()
    await register(pool, [destination.name for destination in destinations])
    relays = [Relay(pool, destination, metrics, pace) for destination in destinations]

    def wake() -> None:
        for relay in relays:
            relay.wake()
        if also_wake:
            also_wake()

    async def look() -> None:
        metrics.show(await backlog.look(pool))

    wakeup = Wakeup(dsn, wake)
    jobs = [
        Job("outbox_wakeup", wakeup.run),
        Job("outbox_trimming", Trimming(pool).trim, every_seconds=pace.trim),
        Job("outbox_backlog", look, every_seconds=pace.look),
    ]
    jobs += [
        Job(f"outbox_{relay.name}", relay.run, stop=relay.stop, grace_seconds=pace.grace)
        for relay in relays
    ]
    try:
        async with background.running(*jobs):
            yield wakeup.notify
    finally:
        for relay in relays:
            await relay.release()
