"""Where API keys are stored: the interface of a store, and PostgreSQL's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import asyncpg

from server.kit import errors
from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table, hexadecimal
from server.user.api_keys.rules import ApiKey, Known, check_room

SORTABLE: Mapping[str, type] = {"created_at": datetime}
"""The columns that `ApiKeyStore.list` can sort by, with their types."""


class ApiKeyStore(Protocol):
    """API keys and the hashes of their secrets. Errors as in `UserStore`."""

    async def create(self, known: Known, once: Key | None, answer: bytes) -> bytes:
        """Stores a new key, and `answer` under `once`; gives the answer to send.

        That is the first one when `once` was used before with the same body; then nothing is
        stored. Raises `IdempotencyKeyReused` when the body was another, `TooManyApiKeys`, also to
        the later of two at once, and `AccountInactive` when the account is gone.
        """

    async def list(self, user_id: str, query: PageQuery) -> Page[ApiKey]:
        """One page of the account's keys in the query's order, ties broken by id."""

    async def find(self, key_id: str) -> Known | None:
        """The key, and the hash of its secret; None when there is none."""

    async def note_use(self, key_id: str, now: datetime) -> None:
        """Writes down that the key was used, unless a later use is known."""

    async def delete(self, user_id: str, key_id: str) -> bool:
        """Deletes the account's key; whether there was one."""

    async def delete_all(self, user_id: str, made_until: datetime) -> None:
        """Deletes the account's keys that had been made at that moment."""


_COLUMNS = ("id", "user_id", "name", "scopes", "created_at", "expires_at", "last_used_at")
_KEYS = Table("api_keys", (*_COLUMNS, "secret_hash"))
_LISTING = Listing("api_keys", ", ".join(_COLUMNS), SORTABLE, filtered_by="created_at")

# Until it has committed nobody else counts the account's keys.
_TAKE_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('api_keys.' || $1::text, 0))"

_COUNT = "SELECT count(*) FROM api_keys WHERE user_id = $1"

_FIND = f"SELECT {', '.join(_COLUMNS)}, secret_hash FROM api_keys WHERE id = $1"

_NOTE_USE = """
    UPDATE api_keys SET last_used_at = $2
    WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)
"""

_DELETE = "DELETE FROM api_keys WHERE id = $1 AND user_id = $2 RETURNING id"

_DELETE_ALL = "DELETE FROM api_keys WHERE user_id = $1 AND created_at <= $2"


class PostgresApiKeyStore:
    """An `ApiKeyStore` on a pool of connections to `emporium_user`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._totals = Totals(pool, _LISTING.table)

    async def create(self, known: Known, once: Key | None, answer: bytes) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            key = known.key
            await unit.fetch(_TAKE_TURN, key.user_id)
            ((count,),) = await unit.fetch(_COUNT, key.user_id)
            check_room(count)
            row = {name: getattr(key, name) for name in _COLUMNS}
            unit.write(_KEYS.insert([{**row, "secret_hash": hexadecimal(known.secret_hash)}]))
            await unit.flush()
            return answer

        try:
            return await change_once(self._pool, work, once, subject=known.key.user_id)
        except asyncpg.ForeignKeyViolationError as error:
            raise errors.AccountInactive("the account was deleted or disabled") from error

    async def list(self, user_id: str, query: PageQuery) -> Page[ApiKey]:
        where = Where.of(equal={"user_id": user_id})
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([_to_key(row) for row in page.rows])

    async def find(self, key_id: str) -> Known | None:
        with translated():
            row = await self._pool.fetchrow(_FIND, key_id)
        return Known(_to_key(row), row["secret_hash"]) if row else None

    async def note_use(self, key_id: str, now: datetime) -> None:
        with translated():
            await self._pool.execute(_NOTE_USE, key_id, now)

    async def delete(self, user_id: str, key_id: str) -> bool:
        async def work(unit: UnitOfWork) -> bool:
            return bool(await unit.fetch(_DELETE, key_id, user_id))

        return await transaction(self._pool, work)

    async def delete_all(self, user_id: str, made_until: datetime) -> None:
        with translated():
            await self._pool.execute(_DELETE_ALL, user_id, made_until)


def _to_key(row: Record) -> ApiKey:
    return ApiKey(
        id=str(row["id"]),
        user_id=str(row["user_id"]),
        name=row["name"],
        scopes=tuple(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
    )
