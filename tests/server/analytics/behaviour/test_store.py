"""What people did, in MongoDB."""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from server.analytics.behaviour import rules
from server.analytics.behaviour.rules import Event, NewEvent
from server.analytics.behaviour.store import MongoEventStore
from server.kit import errors
from server.kit.mongo import Database
from server.kit.mongo.erasing import Erasures


def event(user_id: str = "ann") -> Event:
    new = NewEvent("product.viewed", None, {"product_id": "7", "from_page": "search"})
    return rules.event(new, str(uuid.uuid4()), user_id, datetime.now(UTC))


async def test_a_new_event_is_kept_as_it_is(events: MongoEventStore) -> None:
    sent = event()
    assert await events.record(sent) is None
    assert await events.record(sent) == sent


@pytest.mark.parametrize(
    "moment",
    [
        datetime.min.replace(tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC),
        datetime.max.replace(tzinfo=UTC),
    ],
)
async def test_a_moment_is_read_back_to_the_microsecond(
    events: MongoEventStore, moment: datetime
) -> None:
    sent = replace(event(), occurred_at=moment)
    assert await events.record(sent) is None
    assert await events.record(sent) == sent


async def test_the_first_event_under_an_id_stays(events: MongoEventStore) -> None:
    first = event("ann")
    second = Event(first.id, "bob", "product.liked", first.occurred_at, {}, b"other")
    await events.record(first)
    assert await events.record(second) == first


async def test_of_events_at_once_under_one_id_one_is_kept(events: MongoEventStore) -> None:
    sent = event()
    found = await asyncio.gather(*(events.record(sent) for _ in range(8)))
    assert found.count(None) == 1
    assert found.count(sent) == 7


class Blind:
    """Looks for no tombstone: the control."""

    async def get(self, _: str) -> None:
        return None


@pytest.mark.parametrize("looks", [True, False])
async def test_an_event_that_an_erasure_has_missed_is_taken_back(
    database: Database, looks: bool
) -> None:
    """One that was written before is deleted by the erasure itself; this one comes after."""
    user_id, store = str(uuid.uuid4()), MongoEventStore(database)
    await Erasures(database, "test", [store]).erase(user_id, datetime.now(UTC))
    if not looks:
        store._erased = Blind()  # type: ignore[assignment]  # the defence is off
        await store.record(event(user_id))
    else:
        with pytest.raises(errors.AccountInactive):
            await store.record(event(user_id))
    assert (await store.export(user_id, "")).count == (0 if looks else 1)
