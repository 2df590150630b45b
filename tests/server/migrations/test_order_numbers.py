"""Orders from before there were numbers have one each, historical ones too."""

import asyncio
import runpy
import uuid

import asyncpg

from server.kit.postgres import migrate
from server.local.engines.postgres import EmbeddedPostgres
from server.services import named

INSERT = """
    INSERT INTO orders (id, user_id, status, currency, subtotal, discount, shipping_price, tax,
                        total_price, order_date, created_at, updated_at, version)
    SELECT gen_random_uuid(), gen_random_uuid(), 'PAID', 'GBP', 1, 0, 0, 0, 1,
           '2010-12-01 08:00Z', '2026-01-01 10:00Z', '2026-01-02 10:00Z', 3
    FROM generate_series(1, 1000)
"""
COUNT = "SELECT count(DISTINCT number) FROM orders WHERE number BETWEEN 0 AND 1099511627775"


async def test_each_order_gets_a_number_of_its_own(postgres: EmbeddedPostgres) -> None:
    database = migrate.Database(f"emporium_{uuid.uuid4().hex[:8]}", "owner", "service")
    await migrate.prepare_postgres(postgres.admin_dsn, database)
    owner = migrate.dsn(postgres.admin_dsn, database.owner, "owner", database.name)
    history = named("order").migrations_folder("postgres")
    await asyncio.to_thread(migrate.upgrade, owner, history, "0021")
    connection = await asyncpg.connect(owner)
    try:
        await connection.execute(INSERT)
        await asyncio.to_thread(migrate.upgrade, owner, history)
        assert await connection.fetchval(COUNT) == 1000

        # Those that were drawn twice are drawn again, by the same statement.
        await connection.execute("ALTER TABLE orders DROP CONSTRAINT orders_number_is_unique")
        await connection.execute("UPDATE orders SET number = number % 10")
        [step] = history.glob("versions/*_order_numbers.py")
        await connection.execute(runpy.run_path(str(step))["REDRAW"])
        assert await connection.fetchval(COUNT) == 1000
    finally:
        await connection.close()
