"""Where accounts are stored: the interface of a store, and PostgreSQL's."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

import asyncpg

from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.outbox import Event, append
from server.kit.postgres import Pool, translated
from server.kit.postgres.idempotency import write_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table, Write, to_json
from server.kit.standing import Standing
from server.kit.turns import in_turns
from server.user.accounts.rows import COLUMNS, ROLES, to_user
from server.user.accounts.rules import Changed, EmailTaken, Filters, Opened, Status, User, UserEvent

SORTABLE: Mapping[str, type] = {"created_at": datetime, "email": str, "full_name": str}
"""The columns that `UserStore.list` can sort by, with their types."""


class UserStore(Protocol):
    """Accounts, their password hashes, and the outbox of their events.

    Every method raises `Unavailable` when the database is unreachable and `DeadlineExceeded` when
    it is too slow; a change may have been made then, but never half of it.
    """

    async def create(
        self, opened: Opened, password_hash: bytes | None, key: Key | None, answer: bytes
    ) -> bytes:
        """Stores a new account, its event, and `answer` under `key`; returns the answer to send.

        That is `answer`, or the first one when `key` was used before with the same body; then
        nothing is changed. Raises `IdempotencyKeyReused` when the body was another, and
        `EmailTaken`.
        """

    async def get(self, user_id: str) -> User:
        """The account. Raises `UserNotFound`."""

    async def get_many(self, user_ids: Iterable[str]) -> Sequence[User]:
        """The accounts in the order of `user_ids`, each once; without those that are missing."""

    async def standings(self, user_ids: Sequence[str]) -> Mapping[str, Standing]:
        """What those of the accounts that there are may do now, by id."""

    async def list(self, filters: Filters, query: PageQuery) -> Page[User]:
        """One page in the query's order, ties broken by id."""

    async def update(self, user_id: str, change: Callable[[User], Changed]) -> User:
        """Locks the account, stores what `change` makes of it with the event; returns the account.

        `change` is pure, and its exceptions roll everything back. Raises `UserNotFound` and
        `EmailTaken`. Of two concurrent updates the second sees the result of the first.
        """

    async def delete(self, user_id: str, change: Callable[[User], UserEvent]) -> None:
        """Locks the account, deletes it and stores the event, unless `change` raises.

        Raises `UserNotFound`.

        The stored answer to its create is deleted too, so that the key can be used again.
        """


_USERS = Table("users", COLUMNS, lock_rank=10)

_LISTING = Listing("users", _USERS.columns, SORTABLE, filtered_by="created_at")

_INSERT = f"""
    INSERT INTO users ({_USERS.columns}, password_hash)
    SELECT {_USERS.columns}, $2::bytea FROM json_populate_recordset(NULL::users, $1)
"""

_GET = f"SELECT {_USERS.columns} FROM users WHERE id = $1"

_GET_MANY = f"SELECT {_USERS.columns} FROM users WHERE id = ANY($1)"

_GET_STANDINGS = "SELECT id, role, status FROM users WHERE id = ANY($1)"

_LOCK = f"{_GET} FOR UPDATE"

_DELETE = "DELETE FROM users WHERE id = $1"

_DELETE_ANSWERS = "DELETE FROM idempotency_keys WHERE subject = $1"


class PostgresUserStore:
    """A `UserStore` on a pool of connections to `emporium_user`.

    `encode` puts an event into the outbox's envelope. `wake` is called after each commit that left
    an event there.
    """

    def __init__(
        self, pool: Pool, encode: Callable[[UserEvent], Event], wake: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._totals = Totals(pool, _LISTING.table)
        self._encode = encode
        self._wake = wake

    async def create(
        self, opened: Opened, password_hash: bytes | None, key: Key | None, answer: bytes
    ) -> bytes:
        user = opened.user
        writes = [
            Write(_INSERT, (to_json([user]), password_hash)),
            append([self._encode(opened.event)]),
        ]
        with _named():
            given = await write_once(self._pool, writes, key, answer, subject=user.id)
        self._wake()
        return given

    async def get(self, user_id: str) -> User:
        with translated():
            row = await self._pool.fetchrow(_GET, user_id)
        return to_user(row)

    async def get_many(self, user_ids: Iterable[str]) -> Sequence[User]:
        wanted = list(dict.fromkeys(user_id.lower() for user_id in user_ids))
        with translated():
            rows = {str(row["id"]): row for row in await self._pool.fetch(_GET_MANY, wanted)}
        there = [user_id for user_id in wanted if user_id in rows]
        return await in_turns(there, lambda user_id: to_user(rows[user_id]))

    async def standings(self, user_ids: Sequence[str]) -> Mapping[str, Standing]:
        with translated():
            rows = await self._pool.fetch(_GET_STANDINGS, user_ids)
        return {
            str(row["id"]): Standing(ROLES[row["role"]], row["status"] == Status.ACTIVE)
            for row in rows
        }

    async def list(self, filters: Filters, query: PageQuery) -> Page[User]:
        where = Where.of(
            ("lower(email) = lower({})", filters.email),
            ("created_at >= {}", filters.created_after),
            ("created_at < {}", filters.created_before),
            equal={"role": filters.role, "status": filters.status},
        )
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([to_user(row) for row in page.rows])

    async def update(self, user_id: str, change: Callable[[User], Changed]) -> User:
        async def work(unit: UnitOfWork) -> User:
            user, event = change(await _locked(unit, user_id))
            unit.write(_USERS.update([user]))
            if event:
                unit.write(append([self._encode(event)]))
            with _named():
                await unit.flush()
            return user

        user = await transaction(self._pool, work)
        self._wake()
        return user

    async def delete(self, user_id: str, change: Callable[[User], UserEvent]) -> None:
        async def work(unit: UnitOfWork) -> None:
            event = change(await _locked(unit, user_id))
            unit.write(append([self._encode(event)]))
            unit.write(Write(_DELETE_ANSWERS, (user_id,)))
            unit.write(Write(_DELETE, (user_id,)))

        await transaction(self._pool, work)
        self._wake()


async def _locked(unit: UnitOfWork, user_id: str) -> User:
    rows = await unit.lock(_USERS, _LOCK, user_id)
    return to_user(rows[0] if rows else None)


@contextmanager
def _named() -> Iterator[None]:
    """Translates the one constraint that callers can violate."""
    try:
        with translated():
            yield
    except asyncpg.UniqueViolationError as error:
        raise EmailTaken("another account has this e-mail", field="email") from error
