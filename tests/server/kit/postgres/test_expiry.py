"""Old keys go, young ones stay."""

import asyncio
import uuid

import pytest_asyncio

from server.kit.background import running
from server.kit.postgres import Pool
from server.kit.postgres.advisory_lock import AdvisoryLock
from server.kit.postgres.expiry import delete_expired, key_expiry
from server.settings import Postgres
from tests.server.kit.tables import creating
from tests.waiting import until


@pytest_asyncio.fixture(loop_scope="session")
async def keys(pool: Pool) -> Pool:
    """Connections to an empty table of keys."""
    await pool.execute("DROP TABLE IF EXISTS idempotency_keys")
    await pool.execute(creating("idempotency_keys"))
    return pool


async def keep(pool: Pool, caller: str, count: int, age_days: float) -> None:
    for _ in range(count):
        await pool.execute(
            "INSERT INTO idempotency_keys (caller, method, key, body_hash, answer, created_at)"
            " VALUES ($1, 'Ping', $2, '', '', now() - $3 * interval '1 day')",
            *(caller, uuid.uuid4().hex, age_days),
        )


async def until_empty(pool: Pool) -> None:
    async def is_empty() -> bool:
        return not await pool.fetchval("SELECT EXISTS (SELECT 1 FROM idempotency_keys)")

    await until(is_empty)


async def test_keys_older_than_30_days_are_deleted_batch_by_batch(keys: Pool) -> None:
    await keep(keys, "old", 7, age_days=30.1)
    await keep(keys, "young", 2, age_days=29.9)
    assert await delete_expired(keys, batch_max=3) == 7
    callers = await keys.fetch("SELECT caller FROM idempotency_keys")
    assert [row["caller"] for row in callers] == ["young", "young"]


async def test_two_processes_share_the_work(keys: Pool) -> None:
    await keep(keys, "old", 20, age_days=31)
    counts = await asyncio.gather(
        delete_expired(keys, batch_max=3), delete_expired(keys, batch_max=3)
    )
    assert sum(counts) == 20


async def test_one_process_begins_at_once_and_comes_again(keys: Pool, scratch: Postgres) -> None:
    await keep(keys, "old", 1, age_days=31)
    lock = AdvisoryLock(scratch.database_url)
    async with running(key_expiry(keys, lock, every_seconds=0.02)):
        await until_empty(keys)
        await keep(keys, "old", 1, age_days=31)
        await until_empty(keys)
