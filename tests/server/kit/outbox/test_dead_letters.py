"""What an operator sees of dead letters, and may do about them."""

from server.kit import outbox
from tests.server.kit.outbox.sides import Box, OtherSide, equals, history_of, until


async def refused(box: Box, *names: str) -> OtherSide:
    """A side that has refused the first event of each of these aggregates."""
    side = OtherSide(refuses={f"{name}1".encode() for name in names})
    relay = await box.relay(side)
    for name in names:
        await box.append(history_of(name, 3))
    await relay.send_batch()
    assert len(await box.dead()) == len(names)
    return side


async def test_dead_letters_are_listed_with_all_that_an_operator_asks(box: Box) -> None:
    side = OtherSide(refuses={b"a2"})
    relay = await box.relay(side)
    events = history_of("a", 5)
    await box.append(events)
    await relay.send_batch()
    (letter,) = await outbox.list_dead_letters(box.pool, side.name)
    assert letter == outbox.DeadLetter(
        destination=side.name,
        event_id=events[1].id,
        event_type=events[1].type,
        aggregate_type="thing",
        aggregate_id=events[1].aggregate_id,
        aggregate_version=2,
        error="one is bad",
        attempts=1,
        since=letter.since,
        held=3,
    )
    assert await outbox.list_dead_letters(box.pool, "another") == []


async def test_a_dead_letter_holds_back_its_own_aggregate_at_its_own_destination_only(
    box: Box,
) -> None:
    strict, lax = OtherSide("strict", refuses={b"a2"}), OtherSide("lax")
    async with box.relaying(strict, lax):
        await box.append(history_of("a", 4))
        await box.append(history_of("b", 4))
        await strict.has(b"a1", b"b1", b"b2", b"b3", b"b4")
        await lax.has(b"a1", b"a2", b"a3", b"a4", b"b1", b"b2", b"b3", b"b4")
        await until(lambda: equals(box.dead, [("one is bad", 2)]))
    assert {b"a3", b"a4"}.isdisjoint(strict.payloads)


async def test_replaying_all_sends_dead_letters_and_what_they_held_in_order(box: Box) -> None:
    side = await refused(box, "a", "b")
    side.refuses.clear()
    assert await outbox.replay(box.pool) == 2
    async with box.relaying(side):
        await until(lambda: equals(box.pending, 0))
    assert side.payloads == [b"a1", b"a2", b"a3", b"b1", b"b2", b"b3"]
    assert await outbox.replay(box.pool) == 0


async def test_one_dead_letter_can_be_replayed_alone(box: Box) -> None:
    side = await refused(box, "a", "b")
    side.refuses.clear()
    letter, _ = await outbox.list_dead_letters(box.pool)
    assert await outbox.replay(box.pool, event_id=letter.event_id) == 1
    async with box.relaying(side):
        await side.has(b"a1", b"a2", b"a3")
    assert await box.blocks() == [(b"b1", "DEAD")]


async def test_the_dead_letters_of_one_destination_can_be_replayed_alone(box: Box) -> None:
    await refused(box, "a")
    assert await outbox.replay(box.pool, destination="another") == 0
    assert await outbox.replay(box.pool, destination="analytics") == 1


async def test_a_replayed_event_that_is_refused_again_is_a_dead_letter_again(box: Box) -> None:
    side = await refused(box, "a")
    await outbox.replay(box.pool)
    async with box.relaying(side):
        await until(lambda: equals(box.dead, [("one is bad", 2)]))
    assert side.payloads == []


async def test_a_skipped_event_is_dropped_and_its_aggregate_flows_on(box: Box) -> None:
    side = await refused(box, "a")
    (letter,) = await outbox.list_dead_letters(box.pool)
    assert not await outbox.skip(box.pool, "another", letter.event_id)
    assert await outbox.skip(box.pool, letter.destination, letter.event_id)
    assert not await outbox.skip(box.pool, letter.destination, letter.event_id)
    async with box.relaying(side):
        await side.has(b"a2", b"a3")
        await until(lambda: equals(box.kept, 0))
    assert side.payloads == [b"a2", b"a3"]
