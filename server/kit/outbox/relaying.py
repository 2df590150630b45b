"""Keeps a relay at work beside a service's calls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from server.kit import errors
from server.kit.outbox import table
from server.kit.outbox.doorbell import Doorbell
from server.kit.outbox.metrics import OutboxMetrics
from server.kit.outbox.relay import Pace, Relay, Send
from server.kit.postgres import Pool

_RESTART_DELAY_SECONDS = 1.0
_LOOK_INTERVAL_SECONDS = 5.0

Ring = Callable[[], None]
"""What a store calls after each commit that left an event. Costs nothing and never fails."""

_log = structlog.get_logger()


@asynccontextmanager
async def relaying(
    pool: Pool,
    dsn: str,
    send: Send,
    *,
    metrics: OutboxMetrics | None = None,
    pace: Pace | None = None,
) -> AsyncIterator[Ring]:
    """Sends on what the outbox holds while the block runs; yields what to call after a commit.

    `pool` and `dsn` lead to the same database. On leaving, the batch under way has `pace.grace`
    seconds to arrive; what does not is sent again by whoever runs next.
    """
    metrics = metrics or OutboxMetrics()
    pace = pace or Pace()
    relay = Relay(pool, send, metrics, pace)
    doorbell = Doorbell(dsn, relay.wake)
    relay_task = asyncio.create_task(supervised("relay", relay.run))
    helpers = (
        asyncio.create_task(supervised("doorbell", doorbell.run)),
        asyncio.create_task(supervised("metrics", lambda: _watch(pool, metrics))),
    )
    try:
        yield doorbell.ring
    finally:
        relay.stop()
        await asyncio.wait((relay_task,), timeout=pace.grace)
        for task in (relay_task, *helpers):
            task.cancel()
        await asyncio.gather(relay_task, *helpers, return_exceptions=True)


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


async def _watch(pool: Pool, metrics: OutboxMetrics) -> None:
    while True:
        try:
            metrics.show(await table.look(pool))
        except (errors.Unavailable, errors.DeadlineExceeded) as error:
            _log.warning("outbox.unseen", error=str(error))
        await asyncio.sleep(_LOOK_INTERVAL_SECONDS)
