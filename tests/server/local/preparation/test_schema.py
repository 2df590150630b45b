"""Databases, roles and schema of a home, on a PostgreSQL of its own."""

from pathlib import Path

import asyncpg
import pytest

from server.kit import mongo as kit_mongo
from server.kit.mongo.migrate import STEPS
from server.local.engines.mongo import EmbeddedMongo
from server.local.engines.postgres import EmbeddedPostgres
from server.local.errors import LocalError
from server.local.home.credentials import owner_dsn, service_dsn
from server.local.home.folder import Home
from server.local.preparation.schema import heads, prepare, prepare_mongo
from server.services import ANALYTICS, USER
from server.settings import Mongo


async def test_a_service_has_a_role_that_may_write_rows_but_not_change_the_schema(
    tmp_path: Path,
) -> None:
    home = Home.at(tmp_path)
    home.set_secret("emporium_user", "an operator's own: a/b@c#d")
    async with EmbeddedPostgres(tmp_path / "postgres", durable=False) as postgres:
        assert await prepare(postgres.admin_dsn, USER, home)
        service = await asyncpg.connect(service_dsn(postgres.admin_dsn, USER, home))
        try:
            assert await service.fetchval("SELECT count(*) FROM users") == 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute("CREATE TABLE mine ()")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute("DROP TABLE users")
        finally:
            await service.close()

        assert not await prepare(postgres.admin_dsn, USER, home), "nothing is left to do"

        owner = await asyncpg.connect(owner_dsn(postgres.admin_dsn, USER, home))
        try:
            await owner.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        finally:
            await owner.close()
        assert await prepare(postgres.admin_dsn, USER, home), "a lost schema is made again"


async def test_a_database_that_other_steps_made_is_told_of_with_a_remedy(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    async with EmbeddedMongo(tmp_path / "mongo", durable=False) as mongo:
        assert await prepare_mongo(mongo.uri, ANALYTICS, home, makes_users=True)
        again = await prepare_mongo(mongo.uri, ANALYTICS, home, makes_users=True)
        assert not again, "nothing is left to do"
        settings = Mongo(mongodb_uri=mongo.uri, mongodb_database=ANALYTICS.mongo)
        async with kit_mongo.connected(settings) as database:
            steps = database.collection(STEPS)
            other = {"$set": {"checksum": "of another file"}}
            changed = await steps.find_one_and_update({}, other, sort=[("_id", 1)])
        with pytest.raises(LocalError, match=changed["_id"]) as raised:
            await prepare_mongo(mongo.uri, ANALYTICS, home, makes_users=False)
        assert raised.value.remedy


def test_the_head_is_the_revision_that_no_other_builds_upon(tmp_path: Path) -> None:
    (tmp_path / "0001_a.py").write_text('revision = "0001"\ndown_revision = None\n')
    (tmp_path / "0002_b.py").write_text('revision: str = "0002"\ndown_revision: str = "0001"\n')
    assert heads(tmp_path) == {"0002"}
