"""Rings wake this process, and by NOTIFY the others."""

import asyncio

import asyncpg

from server.kit.outbox.doorbell import Doorbell
from tests.server.kit.outbox.sides import (
    DEAF,
    Box,
    OtherSide,
    listens,
    until,
)


async def test_a_ring_wakes_this_process_at_once(box: Box, other_side: OtherSide) -> None:
    async with box.relaying(other_side.send, DEAF) as ring:
        await until(lambda: listens(box))
        await box.put(b"rung")
        ring()
        await other_side.has(b"rung")


async def test_a_ring_wakes_the_other_processes_by_notify(box: Box, other_side: OtherSide) -> None:
    async with box.relaying(other_side.send, DEAF):
        await until(lambda: listens(box))
        bell = Doorbell(box.settings.database_url, lambda: None)
        task = asyncio.create_task(bell.run())
        await box.put(b"far away")
        bell.ring()
        await other_side.has(b"far away")
        task.cancel()


async def test_a_lost_listening_connection_comes_back(
    box: Box, other_side: OtherSide, admin_dsn: str
) -> None:
    async with box.relaying(other_side.send, DEAF):
        await until(lambda: listens(box))
        admin = await asyncpg.connect(admin_dsn)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = $1 AND query ILIKE 'LISTEN%'",
            box.settings.database_url.rpartition("/")[2],
        )
        await admin.close()
        await box.put(b"while deaf")
        # Whatever came meanwhile is looked for as soon as the bell is back.
        await other_side.has(b"while deaf")
