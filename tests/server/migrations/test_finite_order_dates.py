"""Orders that could be written and never read get their date back."""

import asyncio
import uuid
from datetime import UTC, datetime

import asyncpg
import pytest

from server.kit.postgres import migrate
from server.local.engines.postgres import EmbeddedPostgres
from server.services import named

INSERT = """
    INSERT INTO orders (id, user_id, status, currency, subtotal, discount, shipping_price, tax,
                        total_price, order_date, created_at, updated_at, version)
    VALUES (gen_random_uuid(), gen_random_uuid(), 'PENDING', 'GBP', 1, 0, 0, 0, 1,
            $1::text::timestamptz, now(), now(), 1)
"""


async def test_an_order_of_the_drivers_infinity_gets_its_date_back_and_no_other_gets_in(
    postgres: EmbeddedPostgres,
) -> None:
    database = migrate.Database(f"emporium_{uuid.uuid4().hex[:8]}", "owner", "service")
    await migrate.prepare_postgres(postgres.admin_dsn, database)
    owner = migrate.dsn(postgres.admin_dsn, database.owner, "owner", database.name)
    history = named("order").migrations_folder("postgres")
    await asyncio.to_thread(migrate.upgrade, owner, history, "0003")
    connection = await asyncpg.connect(owner)
    try:
        for written in ("-infinity", "2020-02-20 10:00:00+00", "infinity"):
            await connection.execute(INSERT, written)
        await asyncio.to_thread(migrate.upgrade, owner, history)
        rows = await connection.fetch("SELECT order_date FROM orders ORDER BY order_date")
        assert [row["order_date"] for row in rows] == [
            datetime.min.replace(tzinfo=UTC),
            datetime(2020, 2, 20, 10, tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
        ]
        with pytest.raises(asyncpg.CheckViolationError, match="orders_order_date_is_finite"):
            await connection.execute(INSERT, "-infinity")
    finally:
        await connection.close()
