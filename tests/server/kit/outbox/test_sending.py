"""Never lost, never stuck behind one bad event, never given up for another fault."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from server.kit import outbox
from server.kit.backoff import Backoff
from server.kit.outbox import Away, Event
from server.kit.outbox.sending import Failing
from tests.server.kit.outbox.sides import (
    QUICK,
    TIMEOUT_SECONDS,
    Box,
    OtherSide,
    equals,
    event_of,
    history_of,
    is_true,
    numbered,
    until,
)


async def test_what_is_put_arrives_once_and_is_forgotten(box: Box, other_side: OtherSide) -> None:
    relay = await box.relay(other_side)
    await box.put(*numbered(120))
    assert [await relay.send_batch() for _ in range(3)] == [True, True, False]
    assert other_side.batches == [50, 50, 20]
    assert other_side.payloads == numbered(120)
    assert (await box.pending(), await box.kept()) == (0, 0)


async def test_one_refused_event_is_a_dead_letter_and_the_others_arrive(
    box: Box, other_side: OtherSide
) -> None:
    other_side.refuses = {b"33"}
    relay = await box.relay(other_side)
    await box.put(*numbered(50))
    await relay.send_batch()
    assert other_side.payloads == [each for each in numbered(50) if each != b"33"]
    assert await box.dead() == [("one is bad", 0)]
    assert await box.pending() == 1


async def test_later_events_of_a_refused_one_in_the_same_batch_are_held(
    box: Box, other_side: OtherSide
) -> None:
    other_side.refuses = {b"a2"}
    relay = await box.relay(other_side)
    for events in zip(history_of("a", 5), history_of("b", 5), strict=True):
        await box.append(events)
    await relay.send_batch()
    assert other_side.payloads == [b"a1", b"b1", b"b2", b"b3", b"b4", b"b5"]
    assert await box.dead() == [("one is bad", 3)]


async def test_a_side_that_goes_away_during_the_search_costs_no_event(box: Box) -> None:
    class Leaving(OtherSide):
        async def send(self, events: Sequence[Event]) -> None:
            self.is_away = len(self.batches) == 3
            await super().send(events)

    side = Leaving(refuses={b"33"})
    await box.relay(side)
    await box.put(*numbered(50))
    async with box.relaying(side):
        await side.has(*set(numbered(50)) - {b"33"})
        await until(lambda: equals(box.dead, [("one is bad", 0)]))


async def test_nothing_is_given_up_while_the_other_side_is_away(
    box: Box, other_side: OtherSide
) -> None:
    other_side.is_away = True
    async with box.relaying(other_side):
        await box.put(*numbered(3))
        await until(lambda: is_true(len(other_side.batches) >= 8))
        assert (await box.pending(), await box.blocks()) == (3, [])
        other_side.is_away = False
        await other_side.has(*numbered(3))
        await until(lambda: equals(box.pending, 0))


async def test_a_backlog_is_sent_without_a_pause_once_somebody_is_there(
    box: Box, other_side: OtherSide
) -> None:
    other_side.is_away = True
    pace = replace(QUICK, poll=30.0)
    await box.relay(other_side)
    await box.put(*numbered(300))
    async with box.relaying(other_side, pace=pace):
        await until(lambda: is_true(len(other_side.batches) >= 8))
        other_side.is_away = False
        await other_side.has(*numbered(300))


async def test_an_event_that_fails_is_tried_again_while_only_its_aggregate_waits(
    box: Box, other_side: OtherSide
) -> None:
    other_side.fails_at = {b"a2"}
    await box.relay(other_side)
    await box.put(*numbered(10))
    await box.append(history_of("a", 3))
    async with box.relaying(other_side, pace=replace(QUICK, attempts_max=10_000)):
        await other_side.has(*numbered(10), b"a1")
        await until(lambda: equals(box.blocks, [(b"a2", "RETRYING")]))
        assert await box.dead() == []
        await box.put(b"others flow")
        await other_side.has(b"others flow")
        other_side.fails_at = set()
        await other_side.has(b"a2", b"a3")
        await until(lambda: equals(box.pending, 0))
    assert [each for each in other_side.payloads if each[:1] == b"a"] == [b"a1", b"a2", b"a3"]
    assert await box.blocks() == []


async def test_an_event_that_fails_while_others_arrive_is_given_up_at_last(
    box: Box, other_side: OtherSide
) -> None:
    other_side.fails_at = {b"bad"}
    async with (
        box.relaying(other_side, pace=replace(QUICK, attempts_max=3)),
        asyncio.timeout(TIMEOUT_SECONDS),
    ):
        await box.put(b"bad")
        for number in itertools.count():
            if await box.dead():
                break
            await box.put(b"%d" % number)
            await other_side.has(b"%d" % number)
    (letter,) = await outbox.list_dead_letters(box.pool)
    assert (letter.error, letter.attempts) == ("broken over there", 3)
    assert await box.pending() == 1


async def test_an_event_whose_like_nobody_else_sends_is_not_given_up(
    box: Box, other_side: OtherSide
) -> None:
    other_side.fails_at = {b"bad"}
    async with box.relaying(other_side, pace=replace(QUICK, attempts_max=2)):
        await box.put(b"good", b"bad")
        await other_side.has(b"good")
        sends = len(other_side.batches)
        await until(lambda: is_true(len(other_side.batches) >= sends + 10))
        assert await box.blocks() == [(b"bad", "RETRYING")]


async def test_nothing_is_given_up_while_everything_fails(box: Box, other_side: OtherSide) -> None:
    other_side.is_broken = True
    async with box.relaying(other_side, pace=replace(QUICK, attempts_max=2)):
        await box.put(*numbered(30))
        await until(lambda: is_true(len(other_side.batches) >= 100))
        assert (await box.pending(), await box.blocks()) == (30, [])
        other_side.is_broken = False
        await other_side.has(*numbered(30))
        await until(lambda: equals(box.pending, 0))


async def test_many_bad_events_in_front_do_not_keep_a_good_one_waiting_for_ever(
    box: Box, other_side: OtherSide
) -> None:
    other_side.fails_at = set(numbered(40))
    await box.relay(other_side)
    await box.put(*numbered(40), b"good")
    async with box.relaying(other_side, pace=replace(QUICK, attempts_max=10_000)):
        await other_side.has(b"good")
        await until(lambda: equals(box.blocks, [(each, "RETRYING") for each in numbered(40)]))


async def test_a_broken_side_is_asked_a_few_times_and_then_given_a_pause(
    box: Box, other_side: OtherSide
) -> None:
    other_side.is_broken = True
    relay = await box.relay(other_side)
    await box.put(*numbered(50))
    with pytest.raises(Failing):
        await relay.send_batch()
    assert len(other_side.batches) < 25


async def test_batches_become_as_small_as_the_other_side_can_take(box: Box) -> None:
    class Narrow(OtherSide):
        async def send(self, events: Sequence[Event]) -> None:
            if len(events) > 10:
                raise RuntimeError("too much")
            await super().send(events)

    side = Narrow()
    relay = await box.relay(side, replace(QUICK, batch_max=40))
    await box.put(*numbered(50))
    await relay.send_batch()
    assert side.batches == [10, 10, 10, 10]
    await relay.send_batch()
    assert side.payloads == numbered(50)
    assert await box.blocks() == []


async def test_a_send_that_takes_too_long_has_failed(box: Box) -> None:
    class Hanging(OtherSide):
        async def send(self, events: Sequence[Event]) -> None:
            await asyncio.Event().wait()

    relay = await box.relay(Hanging(), replace(QUICK, send=0.01))
    await box.put(b"lost in there")
    with pytest.raises(Failing):
        await relay.send_batch()
    assert await box.pending() == 1


async def test_a_failed_event_is_due_again_only_after_its_delay(
    box: Box, other_side: OtherSide
) -> None:
    other_side.fails_at = {b"bad"}
    slow = replace(QUICK, backoff=Backoff(first_seconds=60.0, seconds_max=60.0))
    relay = await box.relay(other_side, slow)
    await box.append([event_of(b"bad")])
    await box.put(b"good")
    await relay.send_batch()
    other_side.fails_at = set()
    await relay.send_batch()
    assert other_side.payloads == [b"good"]
    due_in = await box.pool.fetchval("SELECT extract(epoch FROM due_at - now()) FROM outbox_blocks")
    assert 25 < due_in <= 60
    await box.pool.execute("UPDATE outbox_blocks SET due_at = now()")
    await relay.send_batch()
    assert other_side.payloads == [b"good", b"bad"]


async def test_away_says_that_nobody_is_there(box: Box, other_side: OtherSide) -> None:
    other_side.is_away = True
    relay = await box.relay(other_side)
    await box.put(b"waits")
    with pytest.raises(Away):
        await relay.send_batch()
