"""The demo logins of a home, on a PostgreSQL of its own."""

from pathlib import Path

import asyncpg

from server.local.engines.postgres import EmbeddedPostgres
from server.local.home.credentials import service_dsn
from server.local.home.folder import Home
from server.local.preparation.accounts import ensure
from server.local.preparation.schema import prepare
from server.services import USER


async def test_what_was_made_once_stays_as_people_leave_it(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    async with EmbeddedPostgres(tmp_path / "postgres", durable=False) as postgres:
        await prepare(postgres.admin_dsn, USER, home)
        logins = await ensure(postgres.admin_dsn, home)
        admin, staff, customer = logins
        assert await ensure(postgres.admin_dsn, home) == logins, "nothing is left to do"

        connection = await asyncpg.connect(service_dsn(postgres.admin_dsn, USER, home))
        try:
            for change, left in (
                ("UPDATE users SET role = 'CUSTOMER' WHERE id = $1", [staff, customer]),
                ("UPDATE users SET role = 'ADMIN' WHERE id = $1", logins),
                ("UPDATE users SET status = 'DISABLED' WHERE id = $1", [staff, customer]),
                ("UPDATE users SET status = 'ACTIVE' WHERE id = $1", logins),
                ("DELETE FROM users WHERE id = $1", [staff, customer]),
            ):
                await connection.execute(change, admin.user_id)
                assert await ensure(postgres.admin_dsn, home) == left, change
            assert await connection.fetchval("SELECT count(*) FROM users") == 2
        finally:
            await connection.close()

        (home.data / "logins.json").unlink()  # the control: without the record all are made
        assert len(await ensure(postgres.admin_dsn, home)) == 3
