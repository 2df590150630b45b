"""What the tables promise: leases, late commits, several relays, dead letters."""

import asyncio

from uuid_utils import uuid7

from server.kit import outbox
from server.kit.outbox import Relay
from server.kit.outbox import table as outbox_table
from tests.server.kit.outbox.sides import (
    Box,
    OtherSide,
    numbered,
)


async def test_a_leased_event_is_left_alone_until_its_lease_ends(
    box: Box, other_side: OtherSide
) -> None:
    await box.put(b"leased")
    assert len(await outbox_table.lease(box.pool, 10, seconds=60.0)) == 1
    assert await box.relay(other_side.send).send_batch() == 0
    await box.pool.execute("UPDATE outbox SET due_at = due_at - interval '60 seconds'")
    assert await box.relay(other_side.send).send_batch() == 1


async def test_relays_that_race_lose_nothing_and_share_the_work(
    box: Box, other_side: OtherSide
) -> None:
    await box.put(*numbered(2_000))
    relays = [box.relay(other_side.send) for _ in range(4)]

    async def drain(relay: Relay) -> None:
        while await relay.send_batch():
            pass

    await asyncio.gather(*map(drain, relays))
    assert await box.pending() == 0
    assert sorted(other_side.arrived) == sorted(numbered(2_000))


async def test_an_event_that_commits_late_is_not_skipped(box: Box, other_side: OtherSide) -> None:
    relay = box.relay(other_side.send)
    async with box.pool.acquire() as connection:
        late = connection.transaction()
        await late.start()
        await connection.execute(
            "INSERT INTO outbox (id, payload) VALUES ($1, 'late')", str(uuid7())
        )
        await box.put(b"early")
        assert await relay.send_batch() == 1
        await late.commit()
    assert await relay.send_batch() == 1
    assert other_side.arrived == [b"early", b"late"]


async def test_dead_letters_can_be_sent_again(box: Box, other_side: OtherSide) -> None:
    other_side.poison = b"bad"
    await box.put(b"bad")
    await box.relay(other_side.send).send_batch()
    other_side.poison = b""

    assert await outbox.replay(box.pool) == 1
    assert await box.dead() == []
    await box.relay(other_side.send).send_batch()
    assert other_side.arrived == [b"bad"]
    assert await outbox.replay(box.pool) == 0
