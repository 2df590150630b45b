"""A commit wakes the relays of this process, and by NOTIFY those of the others."""

import asyncio

import asyncpg

from server.kit.outbox.wakeup import Wakeup
from tests.server.kit.outbox.sides import DEAF, Box, OtherSide, listens, until


async def test_a_commit_wakes_this_process_at_once(box: Box, other_side: OtherSide) -> None:
    async with box.relaying(other_side, pace=DEAF) as wake:
        await until(lambda: listens(box))
        await box.put(b"event")
        wake()
        await other_side.has(b"event")


async def test_a_commit_wakes_the_other_processes_by_notify(
    box: Box, other_side: OtherSide
) -> None:
    async with box.relaying(other_side, pace=DEAF):
        await until(lambda: listens(box))
        wakeup = Wakeup(box.settings.database_url, lambda: None)
        task = asyncio.create_task(wakeup.run())
        await box.put(b"far away")
        wakeup.notify()
        await other_side.has(b"far away")
        task.cancel()


async def test_a_lost_listening_connection_comes_back(
    box: Box, other_side: OtherSide, admin_dsn: str
) -> None:
    async with box.relaying(other_side, pace=DEAF):
        await until(lambda: listens(box))
        admin = await asyncpg.connect(admin_dsn)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = $1 AND query ILIKE 'LISTEN%'",
            box.settings.database_url.rpartition("/")[2],
        )
        await admin.close()
        await box.put(b"while deaf")
        # Whatever came meanwhile is looked for as soon as the connection is back.
        await other_side.has(b"while deaf")
