"""An event arrives unchanged."""

from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import pytest

from tests.server.kit.outbox.sides import Box, OtherSide, event_of, history_of


async def test_an_event_arrives_with_everything_it_was_left_with(
    box: Box, other_side: OtherSide
) -> None:
    event = replace(
        event_of(b"\x00\xff any bytes"),
        occurred_at=datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    relay = await box.relay(other_side)
    await box.append([event, event_of(b"untraced")])
    await relay.send_batch()
    assert other_side.arrived[0] == event
    assert other_side.arrived[1].traceparent is None


async def test_events_of_one_write_are_sent_by_version_however_they_were_given(
    box: Box, other_side: OtherSide
) -> None:
    relay = await box.relay(other_side)
    await box.append(list(reversed(history_of("a", 9))))
    await relay.send_batch()
    assert [event.aggregate_version for event in other_side.arrived] == list(range(1, 10))


async def test_a_version_of_an_aggregate_is_told_once(box: Box) -> None:
    event = event_of(b"first")
    await box.append([event])
    with pytest.raises(asyncpg.UniqueViolationError):
        await box.append([event_of(b"second", event.aggregate_id, event.aggregate_version)])
