"""The first answer under a key, kept in the transaction of the change, on either driver."""

import asyncio
import uuid

import pytest
from pymongo.errors import DuplicateKeyError

from server.kit import errors
from server.kit.context import Key
from server.kit.mongo import Database, Session
from server.kit.mongo.idempotency import KEYS, change_once


def new_key(body: bytes = b"body") -> Key:
    return Key("ann", "Ping", uuid.uuid4().hex, body)


async def test_a_repeat_gets_the_first_answer_and_changes_nothing(database: Database) -> None:
    key, words = new_key(), database.collection("words")

    async def write(session: Session) -> bytes:
        await words.insert_one({"_id": uuid.uuid4().hex, "key": key.key}, session=session)
        return uuid.uuid4().bytes

    first = await change_once(database, write, key, subject="ann")
    assert await change_once(database, write, key) == first
    assert await words.count_documents({"key": key.key}) == 1
    assert await change_once(database, write, None) != first
    kept = await database.collection(KEYS).find_one({"_id.key": key.key})
    assert kept["subject"] == "ann"


async def test_the_same_key_with_another_body_is_refused(database: Database) -> None:
    async def nothing(session: Session) -> bytes:
        return b"done"

    key = new_key()
    await change_once(database, nothing, key)
    with pytest.raises(errors.IdempotencyKeyReused):
        await change_once(database, nothing, Key(key.caller, key.method, key.key, b"other"))


async def test_of_many_at_once_with_one_key_one_is_made(database: Database) -> None:
    key, words = new_key(), database.collection("words")
    await words.insert_one({"_id": key.key, "count": 0})

    async def count(session: Session) -> bytes:
        await words.update_one({"_id": key.key}, {"$inc": {"count": 1}}, session=session)
        return uuid.uuid4().bytes

    answers = await asyncio.gather(*(change_once(database, count, key) for _ in range(10)))
    assert len(set(answers)) == 1
    assert (await words.find_one({"_id": key.key}))["count"] == 1


async def test_work_that_fails_keeps_no_answer(database: Database) -> None:
    key, words = new_key(), database.collection("words")

    async def collide(session: Session) -> bytes:
        await words.insert_one({"_id": key.key}, session=session)
        await words.insert_one({"_id": key.key}, session=session)
        return b"never"

    with pytest.raises(DuplicateKeyError):
        await change_once(database, collide, key)
    assert await database.collection(KEYS).find_one({"_id.key": key.key}) is None
    assert await words.find_one({"_id": key.key}) is None
