"""Events that wait are found by what they hold, taken back, and changed where they are."""

from collections.abc import Sequence
from dataclasses import replace

from server.kit import outbox
from server.kit.outbox import Event
from server.kit.postgres.transaction import UnitOfWork, transaction
from tests.server.kit.outbox.sides import Box, OtherSide, history_of


async def found(box: Box, *texts: str) -> list[bytes]:
    async def work(unit: UnitOfWork) -> list[Event]:
        return await outbox.containing(unit, texts)

    return sorted(event.payload for event in await transaction(box.pool, work))


async def withdraw(box: Box, events: Sequence[Event]) -> None:
    async def work(unit: UnitOfWork) -> None:
        for write in outbox.withdrawn(events):
            unit.write(write)

    await transaction(box.pool, work)


async def test_payloads_are_searched_whatever_else_they_hold(box: Box) -> None:
    ann, bob, wide = history_of("a", 3)
    await box.append([
        replace(ann, payload=b"\x00\x1a\xfe\x01Ann@Example.com\xff"),
        replace(bob, payload=b"\x1abob@example.com"),
        replace(wide, payload="é ann".encode()),
    ])  # fmt: skip
    assert await found(box, "ann@example.COM") == [b"\x00\x1a\xfe\x01Ann@Example.com\xff"]
    assert len(await found(box, "ann@", "bob@")) == 2
    assert await found(box, "nobody") == []


async def test_what_is_withdrawn_is_sent_to_nobody_and_blocks_nothing(box: Box) -> None:
    side = OtherSide(refuses={b"a1"})
    relay = await box.relay(side)
    events = history_of("a", 3)
    await box.append(events)
    await relay.send_batch()
    assert [letter.held for letter in await outbox.list_dead_letters(box.pool)] == [2]
    await withdraw(box, events[:2])
    assert await outbox.list_dead_letters(box.pool) == []
    await relay.send_batch()
    assert side.payloads == [b"a3"]
    assert await box.kept() == 0


async def test_what_is_changed_keeps_its_place(box: Box) -> None:
    side = OtherSide()
    relay = await box.relay(side)
    events = history_of("a", 3)
    await box.append(events)

    async def work(unit: UnitOfWork) -> None:
        waiting = await outbox.of_aggregates(unit, events[0].aggregate_type, [
            events[0].aggregate_id
        ])  # fmt: skip
        assert {event.id for event in waiting} == {event.id for event in events}
        unit.write(outbox.replacing([replace(events[1], payload=b"less")]))

    await transaction(box.pool, work)
    await relay.send_batch()
    assert side.payloads == [b"a1", b"less", b"a3"]
