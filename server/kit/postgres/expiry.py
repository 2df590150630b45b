"""Forgets the keys of creates, and the answers beside them, once nobody will repeat those."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from server.kit.postgres import Pool

_INTERVAL_SECONDS = 3_600.0
_BATCH_MAX = 1_000

# What another process is deleting just now is left to it.
_FORGET = """
    WITH old AS (
        SELECT ctid FROM idempotency_keys WHERE created_at < now() - interval '30 days'
        LIMIT $1 FOR UPDATE SKIP LOCKED
    ), forgotten AS (
        DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(SELECT ctid FROM old)) RETURNING 1
    )
    SELECT count(*) FROM forgotten
"""

_log = structlog.get_logger()


@asynccontextmanager
async def forgetting(
    pool: Pool, interval_seconds: float = _INTERVAL_SECONDS
) -> AsyncIterator[None]:
    """Forgets what is older than 30 days while the block runs: at once, and then every hour."""
    task = asyncio.create_task(_forget_again_and_again(pool, interval_seconds))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def forget_old(pool: Pool, batch_max: int = _BATCH_MAX) -> int:
    """Forgets what is older than 30 days, in transactions of `batch_max` rows; says how many."""
    total = 0
    while True:
        count: int = await pool.fetchval(_FORGET, batch_max)
        total += count
        if count < batch_max:
            return total


async def _forget_again_and_again(pool: Pool, interval_seconds: float) -> None:
    while True:
        try:
            _log.info("idempotency.forgot", count=await forget_old(pool))
        except Exception:  # noqa: BLE001 - see below
            # Whatever it was must be seen, and must not end this: the hour after may go well.
            _log.exception("idempotency.not_forgotten", next_try_seconds=interval_seconds)
        await asyncio.sleep(interval_seconds)
