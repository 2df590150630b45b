"""`emporium migrate` on databases that it does not run."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from server.local.engines.mongo import EmbeddedMongo
from server.local.engines.postgres import EmbeddedPostgres
from tests.server.cli.running import invoke

Client = AsyncMongoClient[dict[str, Any]]


async def test_users_are_made_in_another_mongodb_for_those_who_were_given_passwords(
    tmp_path: Path,
) -> None:
    async with (
        EmbeddedPostgres(tmp_path / "postgres", durable=False) as postgres,
        EmbeddedMongo(tmp_path / "mongo", durable=False) as mongo,
    ):
        words = ["migrate", "--home", str(tmp_path / "home"), "--database-url", postgres.admin_dsn]
        words += ["--mongodb-uri", mongo.uri]
        ran = await asyncio.to_thread(invoke, *words)
        assert ran.exit_code == 0, ran.output
        assert ran.output.count(": migrated") == 4
        async with Client(mongo.uri) as admin:
            assert not (await admin.admin.command("usersInfo", {"forAllDBs": True}))["users"][1:]

        ran = await asyncio.to_thread(invoke, *words, "--mongodb-password", "user=a/b@c")
        assert ran.exit_code == 0, ran.output
        where = f"127.0.0.1:{mongo.port}/emporium_user?directConnection=true"
        async with Client(f"mongodb://emporium_user:a%2Fb%40c@{where}") as service:
            assert await service.emporium_user.sessions.count_documents({}) == 0
            with pytest.raises(OperationFailure, match="not authorized"):
                await service.emporium_user.mine.insert_one({})

        refused = await asyncio.to_thread(invoke, *words, "--mongodb-password", "order=secret")
        assert refused.exit_code == 2
        assert "SERVICE is one of" in " ".join(refused.output.replace("│", "").split())
        assert "secret" not in refused.output
