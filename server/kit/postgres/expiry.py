"""Deletes idempotency keys, and the answers beside them, after 30 days."""

from functools import partial

import structlog

from server.kit.background import Job, Lock
from server.kit.postgres import Pool, translated

_INTERVAL_SECONDS = 3_600.0
_BATCH_MAX = 1_000

# Rows that another process is deleting are skipped.
_DELETE = """
    WITH expired AS (
        SELECT ctid FROM idempotency_keys WHERE created_at < now() - interval '30 days'
        LIMIT $1 FOR UPDATE SKIP LOCKED
    ), deleted AS (
        DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(SELECT ctid FROM expired)) RETURNING 1
    )
    SELECT count(*) FROM deleted
"""

_log = structlog.get_logger()


def key_expiry(pool: Pool, lock: Lock, every_seconds: float = _INTERVAL_SECONDS) -> Job:
    """Deletes what is older than 30 days, every hour, in one of the processes that share `lock`."""
    return Job("idempotency_expiry", partial(delete_expired, pool), every_seconds, lock)


async def delete_expired(pool: Pool, batch_max: int = _BATCH_MAX) -> int:
    """Deletes what is older than 30 days, in transactions of `batch_max` rows; returns how many."""
    total = 0
    while True:
        with translated():
            count: int = await pool.fetchval(_DELETE, batch_max)
        total += count
        if count < batch_max:
            _log.info("idempotency.expired", count=total)
            return total
