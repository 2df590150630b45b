"""The demo logins of a home, on a PostgreSQL of its own."""

from pathlib import Path

import asyncpg
import pytest

from server.local.engines.postgres import EmbeddedPostgres
from server.local.errors import LocalError
from server.local.home.credentials import service_dsn
from server.local.home.folder import Home
from server.local.preparation.accounts import ensure
from server.local.preparation.schema import prepare
from server.services import USER


async def test_a_deleted_login_is_made_again_and_a_disabled_one_stays_so(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    async with EmbeddedPostgres(tmp_path / "postgres", durable=False) as postgres:
        await prepare(postgres.admin_dsn, USER, home)
        logins = await ensure(postgres.admin_dsn, home)
        admin, staff, customer = logins
        assert await ensure(postgres.admin_dsn, home) == logins, "nothing is left to do"

        connection = await asyncpg.connect(service_dsn(postgres.admin_dsn, USER, home))
        try:
            disable = "UPDATE users SET status = 'DISABLED' WHERE id = $1 RETURNING id"
            assert await connection.fetchval(disable, admin.user_id)
            await connection.execute("DELETE FROM users WHERE id = $1", staff.user_id)
            again = await ensure(postgres.admin_dsn, home)
            assert (again[0], again[2]) == (admin, customer)
            assert (again[1].role, again[1].email) == (staff.role, staff.email)
            assert again[1].user_id != staff.user_id
            status = "SELECT status FROM users WHERE id = $1"
            assert await connection.fetchval(status, admin.user_id) == "DISABLED"

            # Somebody who has the address of a deleted admin must not become one.
            await connection.execute("DELETE FROM users WHERE id = $1", admin.user_id)
            take = "UPDATE users SET email = $2 WHERE id = $1"
            await connection.execute(take, customer.user_id, admin.email.upper())
            with pytest.raises(LocalError, match="another account has its address") as told:
                await ensure(postgres.admin_dsn, home)
            assert admin.email in told.value.remedy
            role = "SELECT role FROM users WHERE id = $1"
            assert await connection.fetchval(role, customer.user_id) == "CUSTOMER"
        finally:
            await connection.close()
