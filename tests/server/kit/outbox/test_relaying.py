"""A relay beside a service: found work, lost databases, crashes, the end."""

import asyncio
from collections.abc import Sequence

import asyncpg

from server.kit.outbox import Event
from server.kit.outbox.relaying import supervised
from tests.server.kit.outbox.sides import (
    Box,
    OtherSide,
    answers,
    until,
)


async def test_polling_finds_what_nobody_rang_for(box: Box, other_side: OtherSide) -> None:
    async with box.relaying(other_side.send):
        await box.put(b"silent")
        await other_side.has(b"silent")


async def test_a_relay_survives_a_database_that_goes_away(
    box: Box, other_side: OtherSide, admin_dsn: str
) -> None:
    async with box.relaying(other_side.send):
        for number in range(3):
            admin = await asyncpg.connect(admin_dsn)
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
                box.settings.database_url.rpartition("/")[2],
            )
            await admin.close()
            await until(lambda: answers(box))
            await box.put(b"after %d" % number)
            await other_side.has(b"after %d" % number)


async def test_leaving_lets_the_batch_under_way_arrive(box: Box, other_side: OtherSide) -> None:
    began = asyncio.Event()

    async def slow_send(events: Sequence[Event]) -> None:
        began.set()
        await asyncio.sleep(0.1)
        await other_side.send(events)

    await box.put(b"under way")
    async with box.relaying(slow_send):
        await began.wait()
    assert other_side.arrived == [b"under way"]
    assert await box.pending() == 0


async def test_a_crash_of_the_relay_is_logged_and_it_starts_again(
    lines: list[dict[str, object]],
) -> None:
    runs = 0

    async def crash_once() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise RuntimeError("a defect")

    await supervised("relay", crash_once, restart_seconds=0.0)
    assert runs == 2
    assert [line["event"] for line in lines] == ["outbox.crashed"]
