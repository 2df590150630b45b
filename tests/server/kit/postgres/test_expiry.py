"""Old keys go, young ones stay."""

import asyncio
import uuid

import pytest_asyncio

from server.kit.postgres import Pool
from server.kit.postgres.expiry import forget_old, forgetting
from tests.server.kit.conftest import Lines
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


async def test_keys_older_than_30_days_are_forgotten_batch_by_batch(keys: Pool) -> None:
    await keep(keys, "old", 7, age_days=30.1)
    await keep(keys, "young", 2, age_days=29.9)
    assert await forget_old(keys, batch_max=3) == 7
    callers = await keys.fetch("SELECT caller FROM idempotency_keys")
    assert [row["caller"] for row in callers] == ["young", "young"]


async def test_two_processes_share_the_work(keys: Pool) -> None:
    await keep(keys, "old", 20, age_days=31)
    counts = await asyncio.gather(forget_old(keys, batch_max=3), forget_old(keys, batch_max=3))
    assert sum(counts) == 20


async def test_it_begins_at_once_and_comes_again(keys: Pool) -> None:
    await keep(keys, "old", 1, age_days=31)
    async with forgetting(keys, interval_seconds=0.02):
        await until_empty(keys)
        await keep(keys, "old", 1, age_days=31)
        await until_empty(keys)


async def test_a_failure_is_logged_and_the_next_round_comes(keys: Pool, lines: Lines) -> None:
    await keep(keys, "old", 1, age_days=31)
    await keys.execute("ALTER TABLE idempotency_keys RENAME TO hidden")

    async def has_failed() -> bool:
        return any(line["event"] == "idempotency.not_forgotten" for line in lines)

    async with forgetting(keys, interval_seconds=0.02):
        await until(has_failed)
        await keys.execute("ALTER TABLE hidden RENAME TO idempotency_keys")
        await until_empty(keys)
