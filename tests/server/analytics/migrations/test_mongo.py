"""The steps that make the analytics database."""

import asyncio
import uuid

import pytest
from pymongo.errors import WriteError

from server.analytics.migrations import mongo as migrations
from server.kit import mongo as kit_mongo
from server.kit.context import Key
from server.kit.mongo import Session
from server.kit.mongo.idempotency import KEYS, change_once
from server.kit.mongo.migrate import steps_of
from server.local.engines.mongo import EmbeddedMongo
from server.settings import Mongo

STEPS = [step.name for step in steps_of(migrations)]
COLLECTIONS = ["order_events", "sales_daily", "events", KEYS]


async def test_steps_are_applied_once_and_in_order(mongo: EmbeddedMongo) -> None:
    name = f"emporium_steps_{uuid.uuid4().hex[:8]}"
    assert await migrations.upgrade(mongo.uri, name) == STEPS != []
    assert await migrations.upgrade(mongo.uri, name) == []


async def test_two_upgrades_at_once_come_to_the_same(mongo: EmbeddedMongo) -> None:
    name = f"emporium_steps_{uuid.uuid4().hex[:8]}"
    await asyncio.gather(*(migrations.upgrade(mongo.uri, name) for _ in range(3)))
    assert await migrations.upgrade(mongo.uri, name) == []


@pytest.mark.parametrize("collection", COLLECTIONS)
async def test_what_is_not_of_the_schema_is_refused(mongo: EmbeddedMongo, collection: str) -> None:
    name = f"emporium_steps_{uuid.uuid4().hex[:8]}"
    await migrations.upgrade(mongo.uri, name)
    settings = Mongo(mongodb_uri=mongo.uri, mongodb_database=name)
    async with kit_mongo.connected(settings) as database:
        with pytest.raises(WriteError, match="failed validation"):
            await database.collection(collection).insert_one({"gross": 1.5})


async def test_the_first_answer_is_kept_for_30_days(mongo: EmbeddedMongo) -> None:
    name = f"emporium_steps_{uuid.uuid4().hex[:8]}"
    await migrations.upgrade(mongo.uri, name)
    key = Key("ann", "Ping", "one", b"body")

    async def answer(session: Session) -> bytes:
        return uuid.uuid4().bytes

    settings = Mongo(mongodb_uri=mongo.uri, mongodb_database=name)
    async with kit_mongo.connected(settings) as database:
        first = await change_once(database, answer, key, subject="ann")
        assert await change_once(database, answer, key) == first
        indexes = await database.command("listIndexes", KEYS)
    expiries = [each.get("expireAfterSeconds") for each in indexes["cursor"]["firstBatch"]]
    assert 30 * 24 * 60 * 60 in expiries
