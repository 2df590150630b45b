"""Keeps a relay for each destination at work beside a service's calls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from server.kit import errors
from server.kit.outbox import backlog
from server.kit.outbox.deliveries import register
from server.kit.outbox.event import Destination
from server.kit.outbox.metrics import OutboxMetrics
from server.kit.outbox.pace import Pace
from server.kit.outbox.relay import Relay
from server.kit.outbox.trimming import Trimming
from server.kit.outbox.wakeup import Wakeup
from server.kit.postgres import Pool

_RESTART_DELAY_SECONDS = 1.0

Wake = Callable[[], None]
"""What a store calls after each commit that left an event. Costs nothing and never fails."""

_log = structlog.get_logger()


@asynccontextmanager
async def relaying(
    pool: Pool,
    dsn: str,
    destinations: Sequence[Destination],
    *,
    metrics: OutboxMetrics | None = None,
    pace: Pace | None = None,
) -> AsyncIterator[Wake]:
    """Sends on what the outbox holds while the block runs; yields what to call after a commit.

    `pool` and `dsn` lead to the same database. Every event that is committed from now on reaches
    every one of `destinations`. On leaving, the batches under way have `pace.grace` seconds to
    arrive; what does not is sent again by whoever runs next. Raises what the database does.
    """
    metrics = metrics or OutboxMetrics()
    pace = pace or Pace()
    await register(pool, [destination.name for destination in destinations])
    relays = [Relay(pool, destination, metrics, pace) for destination in destinations]

    def wake() -> None:
        for relay in relays:
            relay.wake()

    wakeup, trimming = Wakeup(dsn, wake), Trimming(pool)

    async def look() -> None:
        metrics.show(await backlog.look(pool))

    relay_tasks = [asyncio.create_task(supervised("relay", relay.run)) for relay in relays]
    helpers = [
        asyncio.create_task(supervised("wakeup", wakeup.run)),
        asyncio.create_task(supervised("trimming", lambda: _repeated(trimming.trim, pace.trim))),
        asyncio.create_task(supervised("metrics", lambda: _repeated(look, pace.look))),
    ]
    try:
        yield wakeup.notify
    finally:
        await _end(relays, relay_tasks, helpers, pace.grace)


async def _end(
    relays: Sequence[Relay],
    relay_tasks: "Sequence[asyncio.Task[None]]",
    helpers: "Sequence[asyncio.Task[None]]",
    grace_seconds: float,
) -> None:
    for relay in relays:
        relay.stop()
    if relay_tasks:
        await asyncio.wait(relay_tasks, timeout=grace_seconds)
    for task in (*relay_tasks, *helpers):
        task.cancel()
    await asyncio.gather(*relay_tasks, *helpers, return_exceptions=True)
    for relay in relays:
        await relay.release()


async def supervised(
    name: str,
    run: Callable[[], Awaitable[None]],
    restart_seconds: float = _RESTART_DELAY_SECONDS,
) -> None:
    """Runs `run` until it returns, again and again when it crashes."""
    while True:
        try:
            await run()
        except Exception:  # noqa: BLE001 - see below
            # A defect must be seen, and must not end the outbox: events would pile up unsent.
            _log.exception("outbox.crashed", task=name, restart_seconds=restart_seconds)
            await asyncio.sleep(restart_seconds)
        else:
            return


async def _repeated(work: Callable[[], Awaitable[object]], interval_seconds: float) -> None:
    while True:
        try:
            await work()
        except (errors.Unavailable, errors.DeadlineExceeded, errors.Conflict) as error:
            _log.warning("outbox.database_away", error=str(error))
        await asyncio.sleep(interval_seconds)
