"""What every service's `migrations/env.py` does: run its history as the owner, over asyncpg."""

import asyncio
from functools import partial

import asyncpg
from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from server.kit.postgres import migrate

# The service's role is called what the database is.
_OWNERS_RECORD = """
    DO $$ BEGIN
        EXECUTE format('REVOKE ALL ON alembic_version FROM %I', current_database());
        EXECUTE format('GRANT SELECT ON alembic_version TO %I', current_database());
    END $$
"""


def run() -> None:
    """Runs the migrations that Alembic was called for."""
    asyncio.run(_run_online())


async def _run_online() -> None:
    dsn: str = context.config.attributes["dsn"]
    # The driver reads the URL itself, as everywhere else: SQLAlchemy knows no `sslmode`.
    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=pool.NullPool,
        async_creator=partial(asyncpg.connect, dsn),
    )
    async with engine.connect() as connection:
        await _lock(connection)
        await connection.run_sync(_migrate)
        await connection.commit()
    await engine.dispose()


async def _lock(connection: AsyncConnection) -> None:
    """Waits until no other process migrates this database; the lock ends with the connection."""
    while not await connection.scalar(text(migrate.TRY_LOCK)):
        await connection.rollback()
        await asyncio.sleep(migrate.LOCK_POLL_SECONDS)
    await connection.commit()


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    # What was applied is the owner's to write down; the service may read it.
    connection.execute(text(_OWNERS_RECORD))
