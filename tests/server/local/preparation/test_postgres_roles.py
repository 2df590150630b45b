"""What each role may not do in the PostgreSQL of a home: walked, role by role."""

from functools import partial
from typing import Any

import asyncpg
import pytest

from server.services import SERVICES, Service
from tests.server.local.preparation.conftest import Databases

RELATIONAL = [service for service in SERVICES if service.postgres]

CHANGES_OF_SCHEMA = (
    "CREATE TABLE mine (word text)",
    "CREATE TEMPORARY TABLE mine (word text)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE TYPE mine AS ENUM ('a')",
    "CREATE INDEX mine ON outbox (id)",
    "ALTER TABLE outbox ADD COLUMN mine text",
    "ALTER TABLE outbox DISABLE TRIGGER ALL",
    "TRUNCATE outbox CASCADE",
    "DROP TABLE outbox CASCADE",
    "COMMENT ON TABLE outbox IS 'mine'",
    "UPDATE alembic_version SET version_num = 'another'",
    "DELETE FROM alembic_version",
)
OF_SUPERUSERS = (
    "CREATE ROLE mine",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE postgres PASSWORD 'mine'",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "SET session_replication_role = 'replica'",
    "CREATE EXTENSION vector",
    "COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'",
    "COPY (SELECT 1) TO '/dev/null'",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT pg_reload_conf()",
    "SELECT rolpassword FROM pg_authid",
    "SELECT lo_import('/etc/hostname')",
)
# Of superusers as well, in no transaction; and what undoes them.
ALONE = {
    "CREATE DATABASE mine": "DROP DATABASE mine",
    "ALTER SYSTEM SET fsync = 'off'": "ALTER SYSTEM RESET fsync",
}


async def refused(connection: Any, statements: tuple[str, ...]) -> set[str]:
    """Those of the statements that the role may not run; each is undone."""
    found = set()
    for statement in (*statements, *ALONE):
        transaction = connection.transaction()
        if statement not in ALONE:
            await transaction.start()
        try:
            await connection.execute(statement)
            if statement in ALONE:
                await connection.execute(ALONE[statement])
        except asyncpg.InsufficientPrivilegeError:
            found.add(statement)
        finally:
            if statement not in ALONE:
                await transaction.rollback()
    return found


@pytest.mark.parametrize("service", RELATIONAL, ids=lambda service: service.name)
async def test_a_services_role_changes_no_schema_and_is_no_superuser(
    databases: Databases, service: Service
) -> None:
    connection = await asyncpg.connect(databases.relational[service.postgres])
    try:
        everything = CHANGES_OF_SCHEMA + OF_SUPERUSERS
        assert await refused(connection, everything) == {*everything, *ALONE}
        assert await connection.fetchval("SELECT count(*) FROM outbox") == 0
    finally:
        await connection.close()


@pytest.mark.parametrize("service", RELATIONAL, ids=lambda service: service.name)
async def test_the_role_that_migrates_changes_its_schema_and_is_no_superuser(
    databases: Databases, service: Service
) -> None:
    connection = await asyncpg.connect(databases.relational[service.owner])
    try:
        found = await refused(connection, CHANGES_OF_SCHEMA + OF_SUPERUSERS)
        assert found == {*OF_SUPERUSERS, *ALONE}
    finally:
        await connection.close()


async def test_the_statements_that_roles_are_refused_are_good_ones(databases: Databases) -> None:
    admin = databases.postgres.admin_dsn
    connection = await asyncpg.connect(admin, database=RELATIONAL[0].postgres)
    try:
        assert not await refused(connection, CHANGES_OF_SCHEMA + OF_SUPERUSERS)
    finally:
        await connection.close()


async def test_a_role_enters_its_own_database_and_no_other(databases: Databases) -> None:
    admin = await asyncpg.connect(databases.postgres.admin_dsn)
    names = await admin.fetch("SELECT datname FROM pg_database WHERE datallowconn")
    await admin.close()
    everywhere = {row["datname"] for row in names}
    assert everywhere > {"postgres", "template1"}
    for role, url in databases.relational.items():
        entered = set()
        for name in everywhere:
            try:
                await (await asyncpg.connect(url, database=name)).close()
            except asyncpg.InsufficientPrivilegeError:
                continue
            entered.add(name)
        assert entered == {role.removesuffix("_owner")}


@pytest.mark.parametrize("door", ["tcp", "socket"])
async def test_nobody_enters_postgres_without_the_password(
    databases: Databases, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    host = "127.0.0.1" if door == "tcp" else str(databases.sockets)
    connect = partial(
        asyncpg.connect, host=host, port=databases.postgres.port, passfile="/nonexistent"
    )
    for role in ("postgres", *databases.relational):
        database = role.removesuffix("_owner")
        for password in (None, "", role, "postgres"):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await connect(user=role, database=database, password=password)
    # The same doors, with the password.
    for url in databases.relational.values():
        await (await connect(url)).close()
