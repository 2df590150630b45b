"""The embedded MongoDB, started for real."""

from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from server.local.engines.mongo import EmbeddedMongo


async def test_it_has_transactions(mongo: EmbeddedMongo) -> None:
    async with AsyncMongoClient[dict[str, Any]](mongo.uri) as client:
        words = client["emporium_test_local"].words
        async with client.start_session() as session, await session.start_transaction():
            await words.insert_one({"word": "together"}, session=session)
        assert await words.count_documents({}) == 1
        await client.drop_database("emporium_test_local")


async def test_its_data_outlives_a_restart_on_another_port(tmp_path: Path) -> None:
    async with (
        EmbeddedMongo(tmp_path, durable=False) as first,
        AsyncMongoClient[dict[str, Any]](first.uri) as client,
    ):
        await client.kept.words.insert_one({"word": "still here"})
    async with (
        EmbeddedMongo(tmp_path, durable=False) as second,
        AsyncMongoClient[dict[str, Any]](second.uri) as client,
    ):
        assert second.port != first.port
        found = await client.kept.words.find_one()
        assert found is not None
        assert found["word"] == "still here"


async def test_it_refuses_clients_without_the_password(mongo: EmbeddedMongo) -> None:
    async with AsyncMongoClient[dict[str, Any]](
        "127.0.0.1", mongo.port, directConnection=True
    ) as client:
        with pytest.raises(OperationFailure, match="requires authentication"):
            await client["emporium_test_local"].words.insert_one({"word": "mine"})
    assert (mongo.files.directory / "password").stat().st_mode & 0o077 == 0


async def test_an_interrupted_first_start_is_done_again(tmp_path: Path) -> None:
    async with EmbeddedMongo(tmp_path, durable=False) as first:
        first.files.initialised.unlink()
    async with (
        EmbeddedMongo(tmp_path, durable=False) as second,
        AsyncMongoClient[dict[str, Any]](second.uri) as client,
    ):
        assert await client.list_database_names()
