"""Accounts in PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg

from server.kit.context import Role
from server.kit.idempotency import Key, insert_once
from server.kit.keyset import Listing, Where, fetch_page
from server.kit.paging import Page, PageQuery
from server.kit.postgres import Connection, Pool, translated
from server.user.rules import EmailTaken, Filters, Status, User, UserNotFound
from server.user.store import SORTABLE

_COLUMNS = "id, email, full_name, age, role, status, created_at, updated_at, version"

_LISTING = Listing(table="users", columns=_COLUMNS, sortable=SORTABLE)

_INSERT = """
    INSERT INTO users (id, email, full_name, age, role, status, created_at, updated_at, version,
                       password_hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

# A member looked up costs a tenth of a member made from its value.
_ROLES = {role.value: role for role in Role}
_STATUSES = {status.value: status for status in Status}

_GET = f"SELECT {_COLUMNS} FROM users WHERE id = $1"

_LOCK = f"{_GET} FOR UPDATE"

_CREDENTIALS = f"SELECT {_COLUMNS}, password_hash FROM users WHERE lower(email) = lower($1)"

_UPDATE = """
    UPDATE users
    SET email = $2, full_name = $3, age = $4, role = $5, status = $6, updated_at = $7, version = $8
    WHERE id = $1
"""

_DELETE = """
    WITH forgotten AS (
        DELETE FROM idempotency_keys WHERE subject = $1
    )
    DELETE FROM users WHERE id = $1
"""

_CHANGE_HASH = "UPDATE users SET password_hash = $2 WHERE id = $1 RETURNING id"


class PostgresUserStore:
    """A `UserStore` on a pool of connections to `emporium_user`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(
        self, user: User, password_hash: bytes | None, key: Key | None, answer: bytes
    ) -> bytes:
        values: tuple[Any, ...] = (
            user.id,
            user.email,
            user.full_name,
            user.age,
            user.role,
            user.status,
            user.created_at,
            user.updated_at,
            user.version,
            password_hash,
        )
        with _named(user.email):
            return await insert_once(self._pool, _INSERT, values, key, answer, subject=user.id)

    async def get(self, user_id: str) -> User:
        with translated():
            row = await self._pool.fetchrow(_GET, user_id)
        return _user(row, user_id)

    async def credentials(self, email: str) -> tuple[User, bytes | None] | None:
        with translated():
            row = await self._pool.fetchrow(_CREDENTIALS, email)
        return (_user(row, email), row["password_hash"]) if row else None

    async def list(self, filters: Filters, query: PageQuery) -> Page:
        where = Where.of(
            ("status = {}", filters.status),
            ("role = {}", filters.role),
            ("lower(email) = lower({})", filters.email),
            ("created_at >= {}", filters.created_after),
            ("created_at < {}", filters.created_before),
        )
        with translated():
            page = await fetch_page(self._pool, _LISTING, where, query)
        return replace(page, rows=[_user(row, row["id"]) for row in page.rows])

    async def update(self, user_id: str, change: Callable[[User], User]) -> User:
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                user = change(await self._lock(connection, user_id))
                with _named(user.email):
                    await connection.execute(
                        _UPDATE,
                        user.id,
                        user.email,
                        user.full_name,
                        user.age,
                        user.role,
                        user.status,
                        user.updated_at,
                        user.version,
                    )
                return user

    async def delete(self, user_id: str, check: Callable[[User], None]) -> None:
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                check(await self._lock(connection, user_id))
                await connection.execute(_DELETE, user_id)

    async def set_password(self, user_id: UUID, password_hash: bytes) -> None:
        with translated():
            found = await self._pool.fetchval(_CHANGE_HASH, user_id, password_hash)
        if found is None:
            raise UserNotFound(f"user {user_id} does not exist")

    async def _lock(self, connection: Connection, user_id: str) -> User:
        return _user(await connection.fetchrow(_LOCK, user_id), user_id)


@contextmanager
def _named(email: str) -> Iterator[None]:
    """Gives the one constraint that a caller can break its name."""
    try:
        with translated():
            yield
    except asyncpg.UniqueViolationError as error:
        raise EmailTaken(f"{email} is taken", field="email") from error


def _user(row: Any, wanted: object) -> User:
    if row is None:
        raise UserNotFound(f"user {wanted} does not exist")
    return User(
        row["id"],
        row["email"],
        row["full_name"],
        row["age"],
        _ROLES[row["role"]],
        _STATUSES[row["status"]],
        row["created_at"],
        row["updated_at"],
        row["version"],
    )
