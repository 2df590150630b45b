"""Which of the accounts that there are count as their owners' from the step `owner_proven` on."""

import asyncio
import uuid

import asyncpg

from server.kit.postgres import migrate
from server.local.engines.postgres import EmbeddedPostgres
from server.migrations import frozen

HISTORY = frozen.SERVER / "user" / "migrations" / "postgres"
ADD = """
    INSERT INTO users (
        id, email, full_name, role, status, created_at, updated_at, version,
        email_verified, password_hash
    ) VALUES (
        gen_random_uuid(), $1, 'Ann', 'CUSTOMER', 'ACTIVE', now(), now(), 1, $2, $3
    )
"""
IS_PROVEN = "SELECT email, owner_proven FROM users"


async def test_who_may_have_signed_in_and_was_verified_is_the_owner(
    postgres: EmbeddedPostgres,
) -> None:
    database = migrate.Database(f"emporium_{uuid.uuid4().hex[:8]}", "owner", "service")
    await migrate.prepare_postgres(postgres.admin_dsn, database)
    owner = migrate.dsn(postgres.admin_dsn, database.owner, "owner", database.name)
    await asyncio.to_thread(migrate.upgrade, owner, HISTORY, "0013")
    connection = await asyncpg.connect(owner)
    try:
        await connection.execute(ADD, "verified", True, b"hash")
        await connection.execute(ADD, "unverified", False, b"hash")
        await connection.execute(ADD, "imported", True, None)
        await asyncio.to_thread(migrate.upgrade, owner, HISTORY, "0014")
        # As a process of before the step writes it, which still runs.
        await connection.execute(ADD, "new", True, b"hash")
        proven = {row["email"]: row["owner_proven"] for row in await connection.fetch(IS_PROVEN)}
    finally:
        await connection.close()
    assert proven == {"verified": True, "unverified": False, "imported": False, "new": False}
