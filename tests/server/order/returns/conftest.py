"""Two replicas of the order service that take payments, over one database and one sandbox."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from server.kit.postgres import migrate
from server.local.engines.postgres import EmbeddedPostgres
from server.settings import Postgres
from tests.server.order.payments.conftest import (
    _balanced,
    ann,
    anns,
    bob,
    paying_parts,
    payment_settings,
    replicas,
    sandbox,
    services,
    staff,
)

__all__ = [
    "_balanced",
    "ann",
    "anns",
    "bob",
    "owner",
    "paying_parts",
    "payment_settings",
    "replicas",
    "sandbox",
    "services",
    "staff",
]


@pytest_asyncio.fixture
async def owner(
    postgres: EmbeddedPostgres, order_database: Postgres
) -> AsyncIterator[asyncpg.Connection]:
    """Who may change the tables."""
    name = order_database.database_url.rpartition("/")[2].partition("?")[0]
    dsn = migrate.dsn(postgres.admin_dsn, f"{name}_owner", "owner-password", name)
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()
