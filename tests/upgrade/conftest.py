"""A home that was made at revision 546abbf, in databases of its own."""

import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from server.kit.postgres import migrate
from server.local.engines.mongo import EmbeddedMongo
from server.local.engines.postgres import EmbeddedPostgres
from server.settings import Mongo, Postgres
from tests.upgrade import loading


@dataclass(frozen=True)
class Home:
    """Where its databases are: for the services, and for the roles that migrate."""

    user: Postgres
    order: Postgres
    mongo: Mongo
    user_owner: str
    order_owner: str


NewHome = Callable[[], Awaitable[Home]]


@pytest.fixture(scope="session")
def facts() -> dict[str, Any]:
    """What must be found in it: see `at_546abbf/README.md`."""
    facts: dict[str, Any] = json.loads((loading.FOLDER / "facts.json").read_text(encoding="utf-8"))
    return facts


@pytest.fixture(scope="session")
def new_home(postgres: EmbeddedPostgres, mongo: EmbeddedMongo) -> NewHome:
    """`await new_home()`: the home as it was, not upgraded yet."""

    async def create() -> Home:
        suffix = uuid.uuid4().hex[:8]
        owners: dict[str, str] = {}
        urls: dict[str, str] = {}
        for service in ("user", "order"):
            database = migrate.Database(
                f"emporium_{service}_{suffix}", "owner-password", "password"
            )
            await migrate.prepare_postgres(postgres.admin_dsn, database)
            for dsns, role, password in (
                (owners, database.owner, "owner-password"),
                (urls, database.name, "password"),
            ):
                dsns[service] = migrate.dsn(postgres.admin_dsn, role, password, database.name)
        name = f"emporium_analytics_{suffix}"
        async with AsyncMongoClient[dict[str, Any]](
            mongo.uri, uuidRepresentation="standard"
        ) as client:
            await loading.load(owners["user"], owners["order"], client[name])
        return Home(
            user=Postgres(database_url=urls["user"]),
            order=Postgres(database_url=urls["order"]),
            mongo=Mongo(mongodb_uri=mongo.uri, mongodb_database=name),
            user_owner=owners["user"],
            order_owner=owners["order"],
        )

    return create
