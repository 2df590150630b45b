"""The embedded MongoDB, started for real."""

from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient

from server.local.mongo import EmbeddedMongo


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
