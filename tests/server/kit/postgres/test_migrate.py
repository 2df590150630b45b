"""Databases, roles and histories: each service in its own, as a role that cannot change it."""

import asyncio
import sys
import uuid
from pathlib import Path

import asyncpg
import pytest

from server.kit.postgres import migrate
from server.kit.postgres.migrate import Database, dsn
from server.local.engines.postgres import EmbeddedPostgres
from server.services import USER
from tests.waiting import until

CHECKOUT = Path(__file__).parents[4]
USERS = USER.migrations_folder("postgres")
PASSWORD = "p@ss/wo:rd?#'\\ %41"  # nothing in it may be read as part of a URL or a statement


def new_database() -> Database:
    return Database(f"emporium_{uuid.uuid4().hex[:8]}", f"owner {PASSWORD}", PASSWORD)


def owner_dsn(server: EmbeddedPostgres, database: Database) -> str:
    return dsn(server.admin_dsn, database.owner, database.owner_password, database.name)


def service_dsn(server: EmbeddedPostgres, database: Database, name: str | None = None) -> str:
    return dsn(server.admin_dsn, database.name, database.service_password, name or database.name)


async def query(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement)
        return rows
    finally:
        await connection.close()


@pytest.fixture(scope="module")
async def prepared(postgres: EmbeddedPostgres) -> Database:
    """A user database at the head of its history, prepared twice."""
    database = new_database()
    for _ in range(2):
        await migrate.prepare_postgres(postgres.admin_dsn, database)
        await asyncio.to_thread(migrate.upgrade, owner_dsn(postgres, database), USERS)
    return database


async def test_the_service_reads_and_writes_rows(
    postgres: EmbeddedPostgres, prepared: Database
) -> None:
    url = service_dsn(postgres, prepared)
    await query(url, "DELETE FROM users")
    assert await query(url, "SELECT * FROM users") == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "DROP TABLE users",
        "ALTER TABLE users ADD COLUMN extra text",
        "CREATE INDEX mine ON users (age)",
        "TRUNCATE users",
        "CREATE SCHEMA mine",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE ROLE mine",
        "UPDATE alembic_version SET version_num = '0000' RETURNING pg_read_file('/etc/passwd')",
    ],
)
async def test_the_service_cannot_change_the_schema(
    postgres: EmbeddedPostgres, prepared: Database, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await query(service_dsn(postgres, prepared), statement)


async def test_the_service_cannot_reach_another_services_database(
    postgres: EmbeddedPostgres, prepared: Database
) -> None:
    other = new_database()
    await migrate.prepare_postgres(postgres.admin_dsn, other)
    for mine, theirs in ((prepared, other), (other, prepared)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await query(service_dsn(postgres, mine, theirs.name), "SELECT 1")


async def test_lost_statements_end_by_themselves(
    postgres: EmbeddedPostgres, prepared: Database
) -> None:
    url = service_dsn(postgres, prepared)
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    shown = [(await query(url, f"SHOW {name}"))[0][0] for name in names]
    assert shown == [
        migrate.STATEMENT_TIMEOUT,
        migrate.LOCK_TIMEOUT,
        migrate.IDLE_IN_TRANSACTION_TIMEOUT,
    ]


async def test_a_plan_made_for_a_small_table_reads_no_whole_table_when_it_has_grown(
    postgres: EmbeddedPostgres, prepared: Database
) -> None:
    owner = owner_dsn(postgres, prepared)
    await query(owner, "CREATE TABLE growing (id int PRIMARY KEY)")
    try:
        url = service_dsn(postgres, prepared)
        assert await _rows_read_in_whole(url) == 0
        # The control: without the role's setting each call reads all there is.
        assert await _rows_read_in_whole(url, "SET enable_seqscan = on") > 1_000
    finally:
        await query(owner, "DROP TABLE growing")


async def _rows_read_in_whole(url: str, setting: str = "SELECT") -> int:
    """Of 20 times 64 rows that are added and looked up, by plans that the connection keeps."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"{setting}; BEGIN")
        for first in range(0, 20 * 64, 64):
            added = list(range(first, first + 64))
            await connection.fetch("INSERT INTO growing SELECT unnest($1::int[])", added)
            await connection.fetch(
                "SELECT growing.id FROM unnest($1::int[]) AS added JOIN growing ON id = added",
                added,
            )
        read = await connection.fetchval(
            "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'growing'"
        )
        return int(read)
    finally:
        await connection.close()  # which rolls it back


async def test_a_changed_password_is_taken_over(postgres: EmbeddedPostgres) -> None:
    database = new_database()
    await migrate.prepare_postgres(postgres.admin_dsn, database)
    changed = Database(database.name, "new owner", "new service")
    await migrate.prepare_postgres(postgres.admin_dsn, changed)
    assert await query(service_dsn(postgres, changed), "SELECT 1")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await query(service_dsn(postgres, database), "SELECT 1")


async def test_who_prepares_a_database_at_once_takes_turns(postgres: EmbeddedPostgres) -> None:
    database = new_database()
    await asyncio.gather(
        *(migrate.prepare_postgres(postgres.admin_dsn, database) for _ in range(4))
    )
    assert await query(service_dsn(postgres, database), "SELECT 1")


@pytest.mark.timeout(180)  # two more Pythons load Alembic
async def test_processes_that_migrate_at_once_take_turns(postgres: EmbeddedPostgres) -> None:
    database = new_database()
    await migrate.prepare_postgres(postgres.admin_dsn, database)
    owner = owner_dsn(postgres, database)

    async def all_are_there() -> bool:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        return len(await query(owner, f"SELECT FROM pg_stat_activity WHERE {others}")) == 3

    # One holds the lock until the others have come for it, so that they do begin at once.
    holder = await asyncpg.connect(owner)
    assert await holder.fetchval(migrate.TRY_LOCK)
    processes = [await migrating(owner) for _ in range(2)]
    try:
        await until(all_are_there, timeout_seconds=150)
        assert await query(owner, "SELECT FROM pg_tables WHERE schemaname = 'public'") == []
    finally:
        await holder.close()
    outputs = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert await query(service_dsn(postgres, database), "SELECT * FROM users") == []


async def migrating(owner: str) -> asyncio.subprocess.Process:
    """A process that upgrades a user database. Alembic knows only one migration a process."""
    code = (
        "import sys; from pathlib import Path; from server.kit.postgres import migrate;"
        " migrate.upgrade(sys.argv[1], Path(sys.argv[2]))"
    )
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, owner, str(USERS)),
        stderr=asyncio.subprocess.PIPE,
        cwd=CHECKOUT,
    )
