"""What was paid before there were payments is recorded, and the books add up."""

import asyncio
import uuid
from decimal import Decimal

import asyncpg

from server.kit.postgres import migrate
from server.local.engines.postgres import EmbeddedPostgres
from server.services import named

INSERT = """
    INSERT INTO orders (id, user_id, status, currency, subtotal, discount, shipping_price, tax,
                        total_price, order_date, created_at, updated_at, version)
    VALUES (gen_random_uuid(), gen_random_uuid(), $1, 'GBP', $2, 0, 0, 0, $2,
            '2010-12-01 08:00Z', '2026-01-01 10:00Z', '2026-01-02 10:00Z', 3)
"""
PAID = {"PAID", "SHIPPED", "DELIVERED", "REFUNDED"}


async def test_what_was_paid_before_has_a_payment(postgres: EmbeddedPostgres) -> None:
    database = migrate.Database(f"emporium_{uuid.uuid4().hex[:8]}", "owner", "service")
    await migrate.prepare_postgres(postgres.admin_dsn, database)
    owner = migrate.dsn(postgres.admin_dsn, database.owner, "owner", database.name)
    history = named("order").migrations_folder("postgres")
    await asyncio.to_thread(migrate.upgrade, owner, history, "0016")
    connection = await asyncpg.connect(owner)
    try:
        for status in (*PAID, "PENDING", "CANCELLED"):
            for total in (Decimal(5), Decimal(0)):
                await connection.execute(INSERT, status, total)
        await asyncio.to_thread(migrate.upgrade, owner, history)
        rows = await connection.fetch("""
            SELECT orders.status, total_price, orders.captured, orders.refunded,
                   payments.status AS paid, provider, payments.captured AS taken, (
                       SELECT coalesce(sum(amount), 0) FROM ledger_entries
                       WHERE payment_id = payments.id AND account = 'PROVIDER_BALANCE'
                   ) AS balance
            FROM orders LEFT JOIN payments ON order_id = orders.id
        """)
        total = await connection.fetchval("SELECT sum(amount) FROM ledger_entries")
    finally:
        await connection.close()
    assert total == 0
    for row in rows:
        was_paid = row["status"] in PAID
        assert row["captured"] == (row["total_price"] if was_paid else 0)
        is_back = row["status"] == "REFUNDED"
        assert row["refunded"] == (row["total_price"] if is_back else 0)
        if was_paid and row["total_price"]:
            assert (row["paid"], row["provider"]) == (
                "REFUNDED" if is_back else "CAPTURED",
                "external",
            )
            assert (row["taken"], row["balance"]) == (5, 0 if is_back else 5)
        else:
            assert row["paid"] is None
