"""Deletes idempotency keys, with the answers beside them, and the like after 30 days."""

from collections.abc import Sequence

import structlog

from server.kit.background import Job, Lock
from server.kit.postgres import Pool, translated

_INTERVAL_SECONDS = 3_600.0
_BATCH_MAX = 1_000

# Rows that another process is deleting are skipped.
_DELETE = """
    WITH expired AS (
        SELECT ctid FROM {table} WHERE created_at < now() - interval '30 days'
        LIMIT $1 FOR UPDATE SKIP LOCKED
    ), deleted AS (
        DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM expired)) RETURNING 1
    )
    SELECT count(*) FROM deleted
"""

_log = structlog.get_logger()


def key_expiry(
    pool: Pool,
    lock: Lock,
    every_seconds: float = _INTERVAL_SECONDS,
    also: Sequence[str] = (),
) -> Job:
    """Deletes what is older than 30 days, every hour, in one of the processes that share `lock`.

    `also` are other tables whose rows are of no use then, by their `created_at`.
    """

    async def work() -> None:
        for table in ("idempotency_keys", *also):
            await delete_expired(pool, table=table)

    return Job("idempotency_expiry", work, every_seconds, lock)


async def delete_expired(
    pool: Pool, batch_max: int = _BATCH_MAX, table: str = "idempotency_keys"
) -> int:
    """Deletes what is older than 30 days, in transactions of `batch_max` rows; returns how many."""
    total = 0
    while True:
        with translated():
            count: int = await pool.fetchval(_DELETE.format(table=table), batch_max)
        total += count
        if count < batch_max:
            _log.info("idempotency.expired", count=total, table=table)
            return total
