"""Orders from before histories were kept have what was known of them."""

import asyncio
import uuid
from typing import Any

import asyncpg

from server.kit.postgres import migrate
from server.local.engines.postgres import EmbeddedPostgres
from server.services import named

INSERT = """
    INSERT INTO orders (id, user_id, status, currency, subtotal, discount, shipping_price, tax,
                        total_price, order_date, created_at, updated_at, version)
    VALUES (gen_random_uuid(), CASE WHEN $2 THEN gen_random_uuid() END, $1, 'GBP', 1, 0, 0, 0, 1,
            '2010-12-01 08:00Z', '2026-01-01 10:00Z', '2026-01-02 10:00Z', 3)
"""
KNOWN: dict[str, list[Any]] = {
    "PENDING": [],
    "PAID": ["PENDING"],
    "CANCELLED": ["PENDING"],
    "SHIPPED": ["PAID"],
    "DELIVERED": ["SHIPPED"],
    "REFUNDED": [None],  # from PAID or from DELIVERED
}


async def test_the_history_begins_with_what_is_known(postgres: EmbeddedPostgres) -> None:
    database = migrate.Database(f"emporium_{uuid.uuid4().hex[:8]}", "owner", "service")
    await migrate.prepare_postgres(postgres.admin_dsn, database)
    owner = migrate.dsn(postgres.admin_dsn, database.owner, "owner", database.name)
    history = named("order").migrations_folder("postgres")
    await asyncio.to_thread(migrate.upgrade, owner, history, "0008")
    connection = await asyncpg.connect(owner)
    try:
        for status in KNOWN:
            for has_buyer in (True, False):
                await connection.execute(INSERT, status, has_buyer)
        await asyncio.to_thread(migrate.upgrade, owner, history)
        rows = await connection.fetch(
            "SELECT status, user_id, before, after, occurred_at::date::text AS day, actor_kind"
            " FROM order_moves JOIN orders ON orders.id = order_id ORDER BY occurred_at"
        )
    finally:
        await connection.close()
    for status, before in KNOWN.items():
        for has_buyer in (True, False):
            found = [
                (row["before"], row["after"], row["day"])
                for row in rows
                if (row["status"], row["user_id"] is not None) == (status, has_buyer)
            ]
            # When an anonymous one was moved its erasure has written over.
            moves = [(each, status, "2026-01-02") for each in before if has_buyer]
            assert found == [(None, "PENDING", "2026-01-01"), *moves]
    assert {row["actor_kind"] for row in rows} == {None}
