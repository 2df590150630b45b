"""The steps that make the analytics database."""

import asyncio
import uuid

import pytest
from pymongo.errors import WriteError

from server.analytics.migrations import mongo as migrations
from server.kit import mongo as kit_mongo
from server.local.engines.mongo import EmbeddedMongo
from server.settings import Mongo

STEPS = ["0001_order_events", "0002_sales_daily", "0003_events"]


async def test_steps_are_applied_once_and_in_order(mongo: EmbeddedMongo) -> None:
    name = f"emporium_steps_{uuid.uuid4().hex[:8]}"
    assert await migrations.upgrade(mongo.uri, name) == STEPS
    assert await migrations.upgrade(mongo.uri, name) == []


async def test_two_upgrades_at_once_come_to_the_same(mongo: EmbeddedMongo) -> None:
    name = f"emporium_steps_{uuid.uuid4().hex[:8]}"
    await asyncio.gather(*(migrations.upgrade(mongo.uri, name) for _ in range(3)))
    assert await migrations.upgrade(mongo.uri, name) == []


@pytest.mark.parametrize("collection", ["order_events", "sales_daily", "events"])
async def test_what_is_not_of_the_schema_is_refused(mongo: EmbeddedMongo, collection: str) -> None:
    name = f"emporium_steps_{uuid.uuid4().hex[:8]}"
    await migrations.upgrade(mongo.uri, name)
    settings = Mongo(mongodb_uri=mongo.uri, mongodb_database=name)
    async with kit_mongo.connected(settings) as database:
        with pytest.raises(WriteError, match="failed validation"):
            await database.collection(collection).insert_one({"gross": 1.5})
