"""Prepares a service's database: roles, the database itself, and its schema.

The owner role may change the schema and is used by migrations only. The service role reads and
writes rows; its own timeouts keep a stuck statement or lock from blocking others. It avoids reading
whole tables: a plan is kept by its connection, and one that was made while a table was small reads
all of it until the table is analyzed, which a fast growing one is a minute late.

Two processes that do this at the same time take turns: the second waits, and finds it done.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config

from server.kit.dsn import dsn

__all__ = ["Database", "downgrade", "dsn", "prepare_postgres", "upgrade"]

STATEMENT_TIMEOUT = "5s"
LOCK_TIMEOUT = "2s"
IDLE_IN_TRANSACTION_TIMEOUT = "10s"

# A lock of the session, in the database that is connected to; it ends with the connection. It is
# polled: a statement that waits for it would keep its snapshot all the while, and CREATE INDEX
# CONCURRENTLY, in the process that has the lock, waits until there is no older snapshot.
TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('emporium.migrate', 0))"
LOCK_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Database:
    """A service's database, and the passwords of its two roles."""

    name: str  # such as `emporium_user`, which is also the service role
    owner_password: str
    service_password: str

    @property
    def owner(self) -> str:
        """The role that migrates."""
        return f"{self.name}_owner"


async def prepare_postgres(admin_dsn: str, database: Database) -> None:
    """Creates the roles and the database, or alters them to what they should be. Repeatable."""
    connection = await asyncpg.connect(admin_dsn)
    try:
        while not await connection.fetchval(TRY_LOCK):  # noqa: ASYNC110 -- another process has it
            await asyncio.sleep(LOCK_POLL_SECONDS)
        await _prepare_role(connection, database.owner, database.owner_password)
        await _prepare_role(connection, database.name, database.service_password)
        if not await connection.fetchval(
            "SELECT 1 FROM pg_database WHERE datname = $1", database.name
        ):
            await connection.execute(f"CREATE DATABASE {database.name} OWNER {database.owner}")
        await connection.execute(f"""
            REVOKE ALL ON DATABASE {database.name} FROM PUBLIC;
            GRANT CONNECT ON DATABASE {database.name} TO {database.name};
            ALTER ROLE {database.name} SET statement_timeout = '{STATEMENT_TIMEOUT}';
            ALTER ROLE {database.name} SET lock_timeout = '{LOCK_TIMEOUT}';
            ALTER ROLE {database.name} SET enable_seqscan = off;
            ALTER ROLE {database.name}
                SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_TIMEOUT}';
        """)
        await _grant_rows(
            dsn(admin_dsn, database.owner, database.owner_password, database.name), database
        )
    finally:
        await connection.close()


async def _prepare_role(
    connection: "asyncpg.Connection[asyncpg.Record]", role: str, password: str
) -> None:
    exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    verb = "ALTER" if exists else "CREATE"
    # A statement about roles takes no parameters, so the server is asked to quote the literal.
    literal = await connection.fetchval("SELECT quote_literal($1::text)", password)
    await connection.execute(f"{verb} ROLE {role} LOGIN PASSWORD {literal}")


async def _grant_rows(owner_dsn: str, database: Database) -> None:
    connection = await asyncpg.connect(owner_dsn)
    try:
        await connection.execute(f"""
            GRANT USAGE ON SCHEMA public TO {database.name};
            ALTER DEFAULT PRIVILEGES
                GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {database.name};
            ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO {database.name};
        """)
    finally:
        await connection.close()


def upgrade(owner_dsn: str, migrations: Path, revision: str = "head") -> None:
    """Brings the schema up to `revision` of the history in `migrations`.

    Blocks; give it a thread.
    """
    command.upgrade(_config(owner_dsn, migrations), revision)


def downgrade(owner_dsn: str, migrations: Path, revision: str) -> None:
    """Takes the schema back to `revision` of the history in `migrations`.

    Blocks; give it a thread.
    """
    command.downgrade(_config(owner_dsn, migrations), revision)


def _config(owner_dsn: str, migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["dsn"] = owner_dsn
    return config
