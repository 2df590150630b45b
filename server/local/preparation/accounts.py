"""The demo logins, made in the database: there is no admin yet who could make the first one."""

from pathlib import Path

import asyncpg

from server.local.errors import LocalError
from server.local.home.credentials import service_dsn
from server.local.home.folder import Home, read_private, write_private
from server.local.home.record import Login
from server.services import USER, Service
from server.settings import Postgres

PEOPLE = {"admin": "Ada Admin", "staff": "Sam Staff", "customer": "Cora Customer"}  # by role


async def ensure(admin_dsn: str, home: Home) -> list[Login]:
    """The three logins, with passwords that are this home's own. Repeatable.

    Of logins that were made in this very database before, those whose accounts have been deleted
    are made again. Nothing else of them is looked at: an account that was shut stays shut, and
    checking one password takes a quarter of a second.

    Raises `LocalError` when somebody else has the address of a deleted one by now.
    """
    database = await database_identity(admin_dsn, USER)
    stored = read_private(_file(home))
    known = [Login(**each) for each in stored.get("logins", []) if stored["database"] == database]
    dsn = service_dsn(admin_dsn, USER, home)
    kept = await _kept(dsn, known)
    if len(kept) == len(PEOPLE):
        return kept
    made = await _make(dsn, home, [role for role in PEOPLE if role not in {k.role for k in kept}])
    logins = sorted([*kept, *made], key=lambda login: [*PEOPLE].index(login.role))
    write_private(_file(home), {"database": database, "logins": [vars(each) for each in logins]})
    return logins


async def _kept(dsn: str, known: list[Login]) -> list[Login]:
    """Those of the `known` logins whose accounts there are."""
    if not known:
        return []
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT id::text, lower(email) AS email FROM users"
            " WHERE id = ANY($1::uuid[]) OR lower(email) = ANY($2)",
            [login.user_id for login in known],
            [login.email for login in known],
        )
    finally:
        await connection.close()
    there, emails = {row["id"] for row in rows}, {row["email"] for row in rows}
    kept = [login for login in known if login.user_id in there]
    for login in known:
        if login not in kept and login.email in emails:
            # With the role of the login and a password that we know, it would be theirs no more.
            raise LocalError(
                f"the demo login {login.role} was deleted, and another account has its address",
                f"Delete the account {login.email}, or change its address; or start a new --home.",
            )
    return kept


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


async def _make(dsn: str, home: Home, roles: list[str]) -> list[Login]:
    from server.kit.context import Role
    from server.kit.postgres import connected
    from server.user.logins.provisioning import ensure_account

    logins = []
    async with connected(Postgres(database_url=dsn, pool_size_min=1)) as pool:
        for role in roles:
            full_name = PEOPLE[role]
            email, password = f"{role}@emporium.example", home.secret(f"login_{role}")
            user_id = await ensure_account(pool, email, full_name, Role(role.upper()), password)
            logins.append(Login(role, email, password, user_id))
    return logins


def _file(home: Home) -> Path:
    return home.data / "logins.json"
