"""At least once, never lost, never stuck behind one bad event."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from server.kit.outbox import Away, Event, Pace
from tests.server.kit.outbox.sides import (
    PATIENCE_SECONDS,
    QUICK,
    Box,
    OtherSide,
    equals,
    is_true,
    numbered,
    until,
)


async def test_what_is_put_arrives_once_and_is_forgotten(box: Box, other_side: OtherSide) -> None:
    await box.put(*numbered(120))
    relay = box.relay(other_side.send)
    assert [await relay.send_batch() for _ in range(4)] == [50, 50, 20, 0]
    assert sorted(other_side.arrived) == sorted(numbered(120))
    assert await box.pending() == 0


async def test_a_crash_between_sending_and_forgetting_sends_again(
    box: Box, other_side: OtherSide
) -> None:
    async def crash_after_sending(events: Sequence[Event]) -> None:
        await other_side.send(events)
        raise asyncio.CancelledError

    await box.put(b"only")
    with pytest.raises(asyncio.CancelledError):
        await box.relay(crash_after_sending).send_batch()
    assert other_side.arrived == [b"only"]

    async with box.relaying(other_side.send):
        await until(lambda: equals(box.pending, 0))
    assert other_side.arrived == [b"only", b"only"]


async def test_one_refused_event_is_buried_and_the_others_arrive(
    box: Box, other_side: OtherSide
) -> None:
    other_side.poison = b"33"
    await box.put(*numbered(50))
    await box.relay(other_side.send).send_batch()
    assert sorted(other_side.arrived) == sorted(set(numbered(50)) - {b"33"})
    assert await box.dead() == [(b"33", "one is bad")]
    assert await box.pending() == 0


async def test_a_side_that_goes_away_during_the_search_costs_no_event(
    box: Box, other_side: OtherSide
) -> None:
    async def send(events: Sequence[Event]) -> None:
        other_side.is_away = len(other_side.batches) == 3
        await other_side.send(events)

    other_side.poison = b"33"
    await box.put(*numbered(50))
    async with box.relaying(send):
        await other_side.has(*set(numbered(50)) - {b"33"})
        await until(lambda: equals(box.pending, 0))
    assert await box.dead() == [(b"33", "one is bad")]


async def test_nothing_is_buried_while_the_other_side_is_away(
    box: Box, other_side: OtherSide
) -> None:
    other_side.is_away = True
    await box.put(*numbered(3))
    async with box.relaying(other_side.send):
        await until(lambda: is_true(len(other_side.batches) >= 8))
        assert (await box.pending(), await box.dead()) == (3, [])
        other_side.is_away = False
        await other_side.has(*numbered(3))
        await until(lambda: equals(box.pending, 0))


async def test_a_backlog_is_sent_without_a_pause_once_somebody_is_there(
    box: Box, other_side: OtherSide
) -> None:
    other_side.is_away = True
    pace = Pace(batch_max=50, poll=30.0, retry_first=0.01, retry_max=0.02)
    async with box.relaying(other_side.send, pace):
        await box.put(*numbered(300))
        await until(lambda: is_true(len(other_side.batches) >= 8))
        other_side.is_away = False
        await other_side.has(*numbered(300))


async def test_a_defect_over_there_holds_up_only_its_own_event(
    box: Box, other_side: OtherSide
) -> None:
    other_side.defect = b"7"
    await box.put(*numbered(40))
    async with box.relaying(other_side.send, replace(QUICK, attempts_max=10_000)):
        await other_side.has(*set(numbered(40)) - {b"7"})
        await until(lambda: equals(box.pending, 1))
        assert await box.dead() == []
        other_side.defect = b""
        await other_side.has(b"7")


async def test_an_event_that_fails_while_others_arrive_is_buried_at_last(
    box: Box, other_side: OtherSide
) -> None:
    other_side.defect = b"bad"
    await box.put(b"bad")
    async with (
        box.relaying(other_side.send, replace(QUICK, attempts_max=3)),
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        for number in itertools.count():
            if await box.dead():
                break
            await box.put(b"%d" % number)
            await other_side.has(b"%d" % number)
    assert await box.dead() == [(b"bad", "broken over there")]
    assert await box.pending() == 0


async def test_nothing_is_buried_while_everything_fails(box: Box, other_side: OtherSide) -> None:
    is_broken = True

    async def send(events: Sequence[Event]) -> None:
        other_side.defect = events[0].payload if is_broken else b""
        await other_side.send(events)

    await box.put(*numbered(3))
    async with box.relaying(send, replace(QUICK, attempts_max=2)):
        await until(lambda: is_true(len(other_side.batches) >= 15))
        assert (await box.pending(), await box.dead()) == (3, [])
        is_broken = False
        await other_side.has(*numbered(3))


def test_delays_double_up_to_their_maximum_and_differ() -> None:
    pace = Pace(retry_first=0.1, retry_max=5.0)
    for attempts, most in ((1, 0.1), (2, 0.2), (3, 0.4), (6, 3.2), (7, 5.0), (1_000, 5.0)):
        delays = {pace.delay(attempts) for _ in range(50)}
        assert len(delays) > 1
        assert all(most / 2 <= delay <= most for delay in delays)


async def test_a_failed_event_is_due_again_only_after_its_delay(
    box: Box, other_side: OtherSide
) -> None:
    other_side.is_away = True
    slow = Pace(retry_first=60.0, retry_max=60.0)
    await box.put(b"waits")
    with pytest.raises(Away):
        await box.relay(other_side.send, slow).send_batch()
    assert await box.relay(other_side.send).send_batch() == 0
    due_in = await box.pool.fetchval("SELECT extract(epoch FROM due_at - now()) FROM outbox")
    assert 25 < due_in <= 60
