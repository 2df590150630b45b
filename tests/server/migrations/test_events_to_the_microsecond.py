"""What people did is kept to the microsecond, and what was kept before stays what it was."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from bson.int64 import Int64

from server.analytics.migrations import mongo as history
from server.kit import mongo as kit_mongo
from server.kit.mongo.migrate import downgrade, upgrade
from server.kit.mongo.moments import from_microseconds, to_microseconds
from server.local.engines.mongo import EmbeddedMongo
from server.settings import Mongo

MOMENTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC),
]


def document(occurred_at: Any) -> dict[str, Any]:
    return {
        "_id": uuid.uuid4(),
        "user_id": "ann",
        "type": "product.viewed",
        "occurred_at": occurred_at,
        "properties": {},
        "content_hash": b"hash",
        "recorded_at": datetime.now(UTC),
    }


@pytest.mark.parametrize("finer", [0, 1, 999])
async def test_moments_survive_the_way_there_and_back(mongo: EmbeddedMongo, finer: int) -> None:
    name = f"emporium_history_{uuid.uuid4().hex[:8]}"
    async with kit_mongo.connected(Mongo(mongodb_uri=mongo.uri, mongodb_database=name)) as database:
        await upgrade(database, history, "0004_idempotency_keys")
        events = database.collection("events")
        kept = [document(moment) for moment in MOMENTS]
        await events.insert_many(kept)

        await upgrade(database, history)
        found = {each["_id"]: each["occurred_at"] async for each in events.find({})}
        assert {type(value) for value in found.values()} == {Int64}
        assert [from_microseconds(found[each["_id"]]) for each in kept] == MOMENTS

        await events.update_many({}, {"$inc": {"occurred_at": finer}})
        await downgrade(database, history, "0004_idempotency_keys")
        dates = {each["_id"]: each["occurred_at"] async for each in events.find({})}
        assert [dates[each["_id"]] for each in kept] == MOMENTS


def test_a_moment_near_to_1970_is_as_wide_as_any() -> None:
    assert isinstance(to_microseconds(datetime(1970, 1, 1, tzinfo=UTC)), Int64)
