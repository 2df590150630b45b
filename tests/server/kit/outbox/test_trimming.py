"""What every destination has is kept no longer."""

from server.kit import outbox
from server.kit.outbox.trimming import Trimming
from tests.server.kit.outbox.sides import Box, OtherSide, history_of, numbered


async def test_an_event_is_kept_until_its_last_destination_has_it(box: Box) -> None:
    first, second = OtherSide("first"), OtherSide("second")
    relays = [await box.relay(first), await box.relay(second)]
    await box.put(*numbered(3))
    await relays[0].send_batch()
    assert await Trimming(box.pool).trim() == 0
    assert await box.kept() == 3
    await relays[1].send_batch()
    assert await box.kept() == 0


async def test_what_two_destinations_finish_at_one_moment_is_trimmed(box: Box) -> None:
    first, second = OtherSide("first"), OtherSide("second")
    relay = await box.relay(first)
    other = await box.relay(second)
    await box.put(*numbered(3))
    # The second's acknowledgement is not committed yet when the first's looks for it.
    async with box.pool.acquire() as connection, connection.transaction():
        await connection.execute("DELETE FROM outbox_deliveries WHERE destination = 'second'")
        await relay.send_batch()
    assert (await box.pending(), await box.kept()) == (0, 3)
    assert not await other.send_batch()
    assert await Trimming(box.pool).trim() == 3
    assert await box.kept() == 0


async def test_trimming_goes_through_a_long_outbox_some_at_a_time_and_begins_again(
    box: Box, other_side: OtherSide
) -> None:
    await box.put(*numbered(5))  # for nobody
    await box.relay(other_side)
    await box.put(*numbered(5))  # these wait
    await box.put(*numbered(2))
    trimming = Trimming(box.pool, batch_max=4)
    assert [await trimming.trim() for _ in range(4)] == [4, 1, 0, 0]
    await box.pool.execute("DELETE FROM outbox_deliveries")
    assert [await trimming.trim() for _ in range(2)] == [4, 3]
    assert await box.kept() == 0


async def test_an_event_that_nobody_wants_is_not_kept(box: Box) -> None:
    await box.put(b"for nobody")
    assert await Trimming(box.pool).trim() == 1


async def test_nothing_is_kept_for_a_destination_that_has_been_taken_out(box: Box) -> None:
    await box.relay(OtherSide("gone"))
    await box.put(*numbered(3))
    await box.pool.execute("DELETE FROM outbox_destinations")
    assert await Trimming(box.pool).trim() == 3


async def test_a_dead_letter_is_kept(box: Box) -> None:
    side = OtherSide(refuses={b"bad"})
    relay = await box.relay(side)
    await box.put(b"bad")
    await relay.send_batch()
    assert await Trimming(box.pool).trim() == 0
    assert len(await outbox.list_dead_letters(box.pool)) == 1


async def test_a_block_of_an_event_that_was_withdrawn_is_lifted(box: Box) -> None:
    """A relay that has failed with it makes one when the event has just gone."""
    side = OtherSide(refuses={b"a1"})
    relay = await box.relay(side)
    first, second = history_of("a", 2)
    await box.append([first])
    await relay.send_batch()
    await box.pool.execute("DELETE FROM outbox_deliveries")
    await box.pool.execute("DELETE FROM outbox")
    await box.append([second])
    await relay.send_batch()
    assert side.payloads == [], "it is held back, by nothing that there is"
    await Trimming(box.pool).trim()
    await relay.send_batch()
    assert side.payloads == [b"a2"]
