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
from server.kit.mongo.lock import LOCKS
from server.kit.mongo.migrate import STEPS as STEPS_APPLIED
from server.kit.mongo.migrate import steps_of
from server.local.engines.mongo import EmbeddedMongo
from server.settings import Mongo

STEPS = [step.name for step in steps_of(migrations)]
BOOKKEEPING = {STEPS_APPLIED, LOCKS}  # of the runner of the steps


async def test_steps_are_applied_once_and_in_order(mongo: EmbeddedMongo) -> None:
    name = f"emporium_steps_{uuid.uuid4().hex[:8]}"
    assert await migrations.upgrade(mongo.uri, name) == STEPS != []
    assert await migrations.upgrade(mongo.uri, name) == []


async def test_two_upgrades_at_once_come_to_the_same(mongo: EmbeddedMongo) -> None:
    name = f"emporium_steps_{uuid.uuid4().hex[:8]}"
    await asyncio.gather(*(migrations.upgrade(mongo.uri, name) for _ in range(3)))
    assert await migrations.upgrade(mongo.uri, name) == []


async def test_what_is_not_of_the_schema_is_refused(mongo: EmbeddedMongo) -> None:
    name = f"emporium_steps_{uuid.uuid4().hex[:8]}"
    await migrations.upgrade(mongo.uri, name)
    settings = Mongo(mongodb_uri=mongo.uri, mongodb_database=name)
    async with kit_mongo.connected(settings) as database:
        listed = (await database.command("listCollections"))["cursor"]["firstBatch"]
        collections = {each["name"] for each in listed} - BOOKKEEPING
        assert {"orders", "sales_daily", "events", KEYS} <= collections
        for collection in sorted(collections):
            with pytest.raises(WriteError, match="failed validation"):
                await database.collection(collection).insert_one({"gross": 1.5})


# MongoDB's dates end at the millisecond, so what callers say and read back is no date.
MAY_BE_DATES = {
    "recorded_at": "nobody reads it but operators",
    "created_at": "its index deletes documents by their age, which only dates have",
    "erased_at": "the user service has it to the microsecond",
    "completed_at": "said by us, and the same whenever it is read",
}


async def test_what_must_be_exact_is_no_date(mongo: EmbeddedMongo) -> None:
    name = f"emporium_steps_{uuid.uuid4().hex[:8]}"
    await migrations.upgrade(mongo.uri, name)
    settings = Mongo(mongodb_uri=mongo.uri, mongodb_database=name)
    async with kit_mongo.connected(settings) as database:
        listed = (await database.command("listCollections"))["cursor"]["firstBatch"]
    schemas = [each["options"].get("validator", {}).get("$jsonSchema", {}) for each in listed]
    fields = [field for schema in schemas for field in schema.get("properties", {}).items()]
    assert {field for field, kept in fields if kept.get("bsonType") == "date"} == {*MAY_BE_DATES}


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
