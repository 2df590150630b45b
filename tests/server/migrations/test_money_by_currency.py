"""Amounts keep what they are when they get more decimals, and when these are taken back."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import pytest
import pytest_asyncio

from server.kit.postgres import migrate
from server.local.engines.postgres import EmbeddedPostgres
from server.services import named

HISTORY = named("order").migrations_folder("postgres")
MOST_BEFORE = Decimal("999999999999.99")
INSERT = """
    INSERT INTO orders (id, user_id, status, currency, subtotal, discount, shipping_price, tax,
                        total_price, order_date, created_at, updated_at, version)
    VALUES (gen_random_uuid(), gen_random_uuid(), 'PENDING', 'GBP', $1, 0, 0, 0, $1,
            now(), now(), now(), 1)
"""


@pytest_asyncio.fixture
async def dsn(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """A database of its own, as it was before."""
    database = migrate.Database(f"emporium_{uuid.uuid4().hex[:8]}", "owner", "service")
    await migrate.prepare_postgres(postgres.admin_dsn, database)
    owner = migrate.dsn(postgres.admin_dsn, database.owner, "owner", database.name)
    await asyncio.to_thread(migrate.upgrade, owner, HISTORY, "0008")
    yield owner


async def test_amounts_stay_what_they_are_up_and_down(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for amount in (Decimal("0.01"), MOST_BEFORE):
            await connection.execute(INSERT, amount)
        before = await connection.fetch("SELECT id, total_price FROM orders ORDER BY total_price")
        await asyncio.to_thread(migrate.upgrade, dsn, HISTORY, "0009")
        await connection.reload_schema_state()
        assert await connection.fetch("SELECT id, total_price FROM orders ORDER BY 2") == before
        with pytest.raises(asyncpg.CheckViolationError, match="orders_add_up"):
            await connection.execute("UPDATE orders SET tax = 0.0001")
        await asyncio.to_thread(migrate.downgrade, dsn, HISTORY, "0008")
        await connection.reload_schema_state()
        assert await connection.fetch("SELECT id, total_price FROM orders ORDER BY 2") == before
    finally:
        await connection.close()


@pytest.mark.parametrize("amount", ["0.0001", "1.255", "1000000000000"])
async def test_an_amount_that_would_not_stay_what_it_is_keeps_the_way_back_closed(
    dsn: str, amount: str
) -> None:
    await asyncio.to_thread(migrate.upgrade, dsn, HISTORY, "0009")
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(INSERT, Decimal(amount))
        with pytest.raises(Exception, match=r"more than two decimals|numeric field overflow"):
            await asyncio.to_thread(migrate.downgrade, dsn, HISTORY, "0008")
        assert await connection.fetchval("SELECT total_price FROM orders") == Decimal(amount)
    finally:
        await connection.close()
