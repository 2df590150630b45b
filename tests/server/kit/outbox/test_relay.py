"""At least once and in order, whichever process sends: crashes, leases, late commits."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from server.kit.outbox import Away, Event
from server.kit.outbox.deliveries import LeaseLost
from tests.server.kit.outbox.sides import (
    QUICK,
    Box,
    OtherSide,
    event_of,
    history_of,
)

# A lease that ends only when a test ends it.
LASTING = replace(QUICK, lease=3_600.0)


async def end_leases(box: Box) -> None:
    await box.pool.execute("UPDATE outbox_destinations SET lease_until = now() - interval '1 s'")


class Crashing(OtherSide):
    """Takes the events, and then its relay dies."""

    async def send(self, events: Sequence[Event]) -> None:
        await super().send(events)
        raise asyncio.CancelledError


async def test_one_relay_at_a_time_sends(box: Box) -> None:
    first, second = OtherSide(), OtherSide()
    holder, waiting = await box.relay(first, LASTING), await box.relay(second, LASTING)
    await holder.send_batch()
    await box.put(b"one")
    with pytest.raises(LeaseLost):
        await waiting.send_batch()
    await holder.send_batch()
    assert (first.payloads, second.payloads) == ([b"one"], [])


async def test_a_lease_that_nobody_renews_is_taken_over(box: Box, other_side: OtherSide) -> None:
    crashing = await box.relay(Crashing(), LASTING)
    waiting = await box.relay(other_side, LASTING)
    await box.append(history_of("a", 3))
    with pytest.raises(asyncio.CancelledError):
        await crashing.send_batch()
    with pytest.raises(LeaseLost):
        await waiting.send_batch()
    await end_leases(box)
    await waiting.send_batch()
    assert other_side.payloads == [b"a1", b"a2", b"a3"]


async def test_a_holder_at_work_keeps_its_lease(box: Box, other_side: OtherSide) -> None:
    relay = await box.relay(other_side, LASTING)
    await relay.send_batch()
    half_over = "UPDATE outbox_destinations SET lease_until = now() + interval '20 minutes'"
    await box.pool.execute(half_over)
    await relay.send_batch()
    assert await box.pool.fetchval(
        "SELECT lease_until > now() + interval '50 minutes' FROM outbox_destinations"
    )


async def test_a_released_lease_is_free_at_once(box: Box, other_side: OtherSide) -> None:
    holder = await box.relay(other_side, LASTING)
    waiting = await box.relay(other_side, LASTING)
    await holder.send_batch()
    await waiting.release()  # which holds nothing
    with pytest.raises(LeaseLost):
        await waiting.send_batch()
    await holder.release()
    assert not await waiting.send_batch()


async def test_a_holder_that_has_lost_its_lease_unknowingly_only_repeats(box: Box) -> None:
    """It stops in the middle of a send, another takes over, and then it goes on."""

    class Paused(OtherSide):
        def __init__(self) -> None:
            super().__init__()
            self.began, self.may_go_on = asyncio.Event(), asyncio.Event()

        async def send(self, events: Sequence[Event]) -> None:
            self.began.set()
            await self.may_go_on.wait()
            await super().send(events)

    paused, awake = Paused(), OtherSide()
    history = history_of("a", 4)
    stale, fresh = await box.relay(paused, LASTING), await box.relay(awake, LASTING)
    await box.append(history[:2])
    sending = asyncio.create_task(stale.send_batch())
    await paused.began.wait()
    await end_leases(box)
    await fresh.send_batch()
    await box.append(history[2:])
    await fresh.send_batch()
    assert awake.payloads == [b"a1", b"a2", b"a3", b"a4"]
    paused.may_go_on.set()
    await sending
    assert paused.payloads == [b"a1", b"a2"]
    assert (await box.pending(), await box.kept(), await box.blocks()) == (0, 0, [])


async def test_a_holder_that_has_lost_its_lease_blocks_nothing(box: Box) -> None:
    class Overtaken(OtherSide):
        async def send(self, events: Sequence[Event]) -> None:
            await end_leases(box)
            with pytest.raises(Away):
                await another.send_batch()
            await super().send(events)

    stale = await box.relay(Overtaken(refuses={b"only"}), LASTING)
    taker = OtherSide(is_away=True)
    another = await box.relay(taker, LASTING)
    await box.put(b"only")
    await stale.send_batch()
    assert await box.blocks() == []
    taker.is_away = False
    await another.send_batch()
    assert taker.payloads == [b"only"]


async def test_an_event_that_commits_late_is_not_skipped(box: Box, other_side: OtherSide) -> None:
    relay = await box.relay(other_side)
    async with box.pool.acquire() as connection:
        late = connection.transaction()
        await late.start()
        await box.append([event_of(b"late")], connection)
        await box.put(b"early")
        await relay.send_batch()
        await late.commit()
    await relay.send_batch()
    assert other_side.payloads == [b"early", b"late"]


async def test_what_is_rolled_back_is_never_told(box: Box, other_side: OtherSide) -> None:
    relay = await box.relay(other_side)
    async with box.pool.acquire() as connection:
        undone = connection.transaction()
        await undone.start()
        await box.append([event_of(b"undone")], connection)
        await undone.rollback()
    await relay.send_batch()
    assert other_side.payloads == []


async def test_a_destination_gets_the_events_since_it_was_registered(box: Box) -> None:
    early, late = OtherSide("early"), OtherSide("late")
    first, second = history_of("a", 2)
    relays = [await box.relay(early)]
    await box.append([first])
    relays.append(await box.relay(late))
    await box.append([second])
    for relay in relays:
        await relay.send_batch()
    assert (early.payloads, late.payloads) == ([b"a1", b"a2"], [b"a2"])
