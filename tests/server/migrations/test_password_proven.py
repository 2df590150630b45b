"""Which accounts may be given a role, and what keys reach, from the step `password_proven` on."""

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
        email_verified, owner_proven, password_hash
    ) VALUES (
        gen_random_uuid(), $1, 'Ann', $2, 'ACTIVE', now(), now(), 1, true, $3, $4
    )
"""
ADD_KEY = """
    INSERT INTO api_keys (id, user_id, name, scopes, created_at, expires_at, secret_hash)
    SELECT gen_random_uuid(), id, 'ERP', '{users.read}', now(), now(), sha256('secret')
    FROM users WHERE email = 'staff'
"""


async def test_who_has_a_role_keeps_it_and_who_has_none_shows_more_first(
    postgres: EmbeddedPostgres,
) -> None:
    database = migrate.Database(f"emporium_{uuid.uuid4().hex[:8]}", "owner", "service")
    await migrate.prepare_postgres(postgres.admin_dsn, database)
    owner = migrate.dsn(postgres.admin_dsn, database.owner, "owner", database.name)
    await asyncio.to_thread(migrate.upgrade, owner, HISTORY, "0014")
    connection = await asyncpg.connect(owner)
    try:
        await connection.execute(ADD, "staff", "STAFF", True, b"hash")
        await connection.execute(ADD, "opened by staff", "STAFF", False, b"hash")
        await connection.execute(ADD, "customer", "CUSTOMER", True, b"hash")
        await connection.execute(ADD, "imported", "CUSTOMER", False, None)
        await connection.execute(ADD_KEY)
        await asyncio.to_thread(migrate.upgrade, owner, HISTORY, "0015")
        # As a process of before the step writes them, which still runs.
        await connection.execute(ADD, "new", "CUSTOMER", True, b"hash")
        await connection.execute(ADD_KEY)
        rows = await connection.fetch("SELECT email, password_proven FROM users")
        keys = await connection.fetch("SELECT role FROM api_keys ORDER BY role")
    finally:
        await connection.close()
    assert {row["email"]: row["password_proven"] for row in rows} == {
        "staff": True,
        "opened by staff": False,
        "customer": False,
        "imported": True,
        "new": False,
    }
    assert [row["role"] for row in keys] == ["CUSTOMER", "STAFF"]
