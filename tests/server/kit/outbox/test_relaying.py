"""Relays beside a service: found work, several processes, lost databases, crashes, the end."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import asyncpg

from server.kit.outbox import Event
from tests.server.kit.outbox.sides import (
    QUICK,
    Box,
    OtherSide,
    answers,
    equals,
    event_of,
    history_of,
    is_true,
    numbered,
    until,
)


async def test_polling_finds_what_nobody_told_of(box: Box, other_side: OtherSide) -> None:
    async with box.relaying(other_side):
        await box.put(b"silent")
        await other_side.has(b"silent")


async def test_a_destination_that_is_away_or_broken_or_hangs_delays_no_other(box: Box) -> None:
    class Hanging(OtherSide):
        async def send(self, events: Sequence[Event]) -> None:
            self.batches.append(len(events))
            await asyncio.Event().wait()

    away, broken = OtherSide("away", is_away=True), OtherSide("broken", is_broken=True)
    hanging, well = Hanging("hanging"), OtherSide("well")
    async with box.relaying(away, broken, hanging, well, pace=replace(QUICK, grace=0.01)):
        for number in numbered(20):
            await box.put(number)
            await well.has(number)
        await until(lambda: is_true(all(side.batches for side in (away, broken, hanging))))
        assert away.payloads + broken.payloads + hanging.payloads == []
    assert well.payloads == numbered(20)
    assert await box.pending() == 60


async def test_two_processes_send_each_event_once_and_one_goes_on_when_the_other_stops(
    box: Box,
) -> None:
    first, second = OtherSide(), OtherSide()
    pace = replace(QUICK, lease=3_600.0)
    async with box.relaying(second, pace=pace):
        async with box.relaying(first, pace=pace):
            await box.append(history_of("a", 3))
            await until(lambda: equals(box.pending, 0))
        # The holder of the lease has released it, or the other would wait for an hour.
        await box.append(history_of("b", 3))
        await second.has(b"b1", b"b2", b"b3")
    received = first.payloads + second.payloads
    assert sorted(received) == [b"a1", b"a2", b"a3", b"b1", b"b2", b"b3"]


async def test_racing_writers_and_relays_keep_the_order_of_each_aggregate(box: Box) -> None:
    """Writers take an aggregate's next version under its lock, as a unit of work does."""
    ids = [event_of(b"").aggregate_id for _ in range(3)]

    async def write(number: int) -> None:
        aggregate_id = ids[number % 3]
        async with box.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", aggregate_id)
            versions[aggregate_id] += 1
            payload = b"%d" % number
            await box.append([event_of(payload, aggregate_id, versions[aggregate_id])], connection)

    versions = dict.fromkeys(ids, 0)
    near, far = OtherSide("near"), OtherSide("far")
    async with box.relaying(near, far), box.relaying(near, far):
        await asyncio.gather(*(write(number) for number in range(150)))
        await near.has(*numbered(150))
        await far.has(*numbered(150))
    for side in (near, far):
        for aggregate_id in ids:
            seen = [e.aggregate_version for e in side.arrived if e.aggregate_id == aggregate_id]
            assert list(dict.fromkeys(seen)) == list(range(1, 51))


async def test_a_relay_survives_a_database_that_goes_away(
    box: Box, other_side: OtherSide, admin_dsn: str
) -> None:
    async with box.relaying(other_side):
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


async def test_leaving_lets_the_batch_under_way_arrive(box: Box) -> None:
    class Slow(OtherSide):
        async def send(self, events: Sequence[Event]) -> None:
            began.set()
            await leaving.wait()
            await super().send(events)

    began, leaving = asyncio.Event(), asyncio.Event()
    slow = Slow()
    async with box.relaying(slow):
        await box.put(b"under way")
        await began.wait()
        asyncio.get_running_loop().call_soon(leaving.set)
    assert slow.payloads == [b"under way"]
    assert await box.pending() == 0


async def test_leaving_cuts_off_a_batch_that_does_not_arrive_and_gives_the_lease_back(
    box: Box, other_side: OtherSide
) -> None:
    class Hanging(OtherSide):
        async def send(self, events: Sequence[Event]) -> None:
            began.set()
            await asyncio.Event().wait()

    began = asyncio.Event()
    async with box.relaying(Hanging(), pace=replace(QUICK, grace=0.01, lease=3_600.0)):
        await box.put(b"stuck")
        await began.wait()
    async with box.relaying(other_side):
        await other_side.has(b"stuck")


async def test_what_everybody_has_is_trimmed(box: Box, other_side: OtherSide) -> None:
    await box.put(b"for nobody")
    async with box.relaying(other_side):
        await box.put(b"for one")
        await until(lambda: equals(box.kept, 0))
