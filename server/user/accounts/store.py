"""Where accounts are kept: the contract that a store fulfils, and PostgreSQL's."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

import asyncpg

from server.kit.listing.keyset import Listing, Where, fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.postgres import Connection, Pool, translated
from server.kit.postgres.idempotency import Key, insert_once
from server.user.accounts.rows import COLUMNS, to_user
from server.user.accounts.rules import EmailTaken, Filters, User

SORTABLE: Mapping[str, type] = {"created_at": datetime, "email": str, "full_name": str}
"""By what `UserStore.list` can sort, and of which type that is."""


class UserStore(Protocol):
    """Accounts and their password hashes.

    Every method raises `Unavailable` when the database is away and `DeadlineExceeded` when it is
    too slow; nothing is half-written then, but a change may have been made.
    """

    async def create(
        self, user: User, password_hash: bytes | None, key: Key | None, answer: bytes
    ) -> bytes:
        """Keeps a new account, and `answer` under `key`, together; gives the answer to send.

        That is `answer`, or the first one when `key` was used before with the same body; then
        nothing is changed. Raises `IdempotencyKeyReused` when the body was another, and
        `EmailTaken`.
        """

    async def get(self, user_id: str) -> User:
        """The account. Raises `UserNotFound`."""

    async def list(self, filters: Filters, query: PageQuery) -> Page:
        """One page of `User` rows in the query's order, ties broken by id."""

    async def update(self, user_id: str, change: Callable[[User], User]) -> User:
        """Locks the account, keeps what `change` makes of it, and gives that.

        `change` decides and calls nobody; what it raises undoes everything. Raises `UserNotFound`
        and `EmailTaken`. Of two updates at once the second sees what the first has made.
        """

    async def delete(self, user_id: str, check: Callable[[User], None]) -> None:
        """Locks the account, and deletes it unless `check` raises. Raises `UserNotFound`.

        The answer to its create goes with it, so that its key is as good as new.
        """


_LISTING = Listing(table="users", columns=COLUMNS, sortable=SORTABLE)

_INSERT = """
    INSERT INTO users (id, email, full_name, age, role, status, created_at, updated_at, version,
                       password_hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

_GET = f"SELECT {COLUMNS} FROM users WHERE id = $1"

_LOCK = f"{_GET} FOR UPDATE"

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
        return to_user(row, user_id)

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
        return replace(page, rows=[to_user(row, row["id"]) for row in page.rows])

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

    async def _lock(self, connection: Connection, user_id: str) -> User:
        return to_user(await connection.fetchrow(_LOCK, user_id), user_id)


@contextmanager
def _named(email: str) -> Iterator[None]:
    """Gives the one constraint that a caller can break its name."""
    try:
        with translated():
            yield
    except asyncpg.UniqueViolationError as error:
        raise EmailTaken(f"{email} is taken", field="email") from error
