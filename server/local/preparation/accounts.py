"""The demo logins, made in the database: there is no admin yet who could make the first one."""

from pathlib import Path

import asyncpg

from server.local.home.credentials import service_dsn
from server.local.home.folder import Home, read_private, write_private
from server.local.home.record import Login
from server.services import USER, Service
from server.settings import Postgres

PEOPLE = {"admin": "Ada Admin", "staff": "Sam Staff", "customer": "Cora Customer"}  # by role


async def ensure(admin_dsn: str, home: Home) -> list[Login]:
    """The logins of this home, with passwords of its own; made once in a database. Repeatable.

    What becomes of an account afterwards stays so: see `usable`.
    """
    database = await database_identity(admin_dsn, USER)
    stored = read_private(_file(home))
    dsn = service_dsn(admin_dsn, USER, home)
    if stored and stored["database"] == database:
        return await usable(dsn, [Login(**each) for each in stored["logins"]])
    made = await _make(dsn, home)
    write_private(_file(home), {"database": database, "logins": [vars(each) for each in made]})
    return made


async def usable(dsn: str, logins: list[Login]) -> list[Login]:
    """Those of `logins` whose accounts are there, active, and have their role still.

    No password is looked at: checking one takes a quarter of a second. Raises `Unavailable`.
    """
    from server.kit.postgres import connected

    async with connected(Postgres(database_url=dsn, pool_size_min=1)) as pool:
        rows = await pool.fetch(
            "SELECT id::text, lower(role) AS role FROM users"
            " WHERE id = ANY($1::uuid[]) AND status = 'ACTIVE'",
            [login.user_id for login in logins],
        )
    roles = {row["id"]: row["role"] for row in rows}
    return [login for login in logins if roles.get(login.user_id) == login.role]


async def database_identity(admin_dsn: str, service: Service) -> str:
    """Identifies a service's database: a dropped and remade one is another."""
    connection = await asyncpg.connect(admin_dsn)
    try:
        return str(
            await connection.fetchval(
                "SELECT system_identifier || '/' || oid FROM pg_control_system(), pg_database"
                " WHERE datname = $1",
                service.postgres,
            )
        )
    finally:
        await connection.close()


async def _make(dsn: str, home: Home) -> list[Login]:
    from server.kit.context import Role
    from server.kit.postgres import connected
    from server.user.logins.provisioning import ensure_account

    logins = []
    async with connected(Postgres(database_url=dsn, pool_size_min=1)) as pool:
        for role, full_name in PEOPLE.items():
            email, password = f"{role}@emporium.example", home.secret(f"login_{role}")
            user_id = await ensure_account(pool, email, full_name, Role(role.upper()), password)
            logins.append(Login(role, email, password, user_id))
    return logins


def _file(home: Home) -> Path:
    return home.data / "logins.json"
