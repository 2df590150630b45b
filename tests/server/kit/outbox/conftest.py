"""An outbox in a database of its own."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from server.kit import postgres
from server.kit.postgres import migrate
from server.local.engines.postgres import EmbeddedPostgres
from server.settings import Postgres
from tests.server.kit.outbox.sides import Box, OtherSide
from tests.server.kit.tables import creating


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def shared_box(postgres_settings: Postgres) -> AsyncIterator[Box]:
    async with postgres.connected(postgres_settings) as pool:
        yield Box(pool, postgres_settings)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def postgres_settings(postgres: EmbeddedPostgres) -> Postgres:
    """Connects as a service does, with no right but to its rows."""
    database = migrate.Database(f"emporium_outbox_{uuid.uuid4().hex[:8]}", "owner", "service")
    await migrate.prepare_postgres(postgres.admin_dsn, database)
    owner = migrate.dsn(postgres.admin_dsn, database.owner, "owner", database.name)
    connection = await asyncpg.connect(owner)
    await connection.execute(creating("outbox"))
    await connection.close()
    service = migrate.dsn(postgres.admin_dsn, database.name, "service", database.name)
    return Postgres(database_url=service, pool_size_max=20)


@pytest_asyncio.fixture
async def box(shared_box: Box) -> Box:
    """An empty outbox, with no destination."""
    await shared_box.empty()
    return shared_box


@pytest.fixture
def other_side() -> OtherSide:
    return OtherSide()


@pytest.fixture(scope="session")
def admin_dsn(postgres: EmbeddedPostgres) -> str:
    return postgres.admin_dsn
