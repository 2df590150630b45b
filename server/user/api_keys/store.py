"""Where API keys are stored: the interface of a store, and PostgreSQL's."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import asyncpg

from server.kit import errors
from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.outbox import Event, append
from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table, hexadecimal
from server.user.accounts.rows import ROLES
from server.user.accounts.rules import User
from server.user.api_keys.rules import ApiKey, Known, check_room
from server.user.mail.rules import MailRequest
from server.user.revocations import rows as revocations
from server.user.revocations.rules import session_ended

SORTABLE: Mapping[str, type] = {"created_at": datetime}
"""The columns that `ApiKeyStore.list` can sort by, with their types."""


class ApiKeyStore(Protocol):
    """API keys and the hashes of their secrets. Errors as in `UserStore`."""

    async def create(
        self, known: Known, told: MailRequest, once: Key | None, answer: bytes
    ) -> bytes:
        """Stores a new key, with the mail that tells of it, and `answer` under `once`.

        Gives the answer to send: the first one when `once` was used before with the same body; then
        nothing is stored. Raises `IdempotencyKeyReused` when the body was another,
        `TooManyApiKeys`, also to the later of two at once, and `AccountInactive` when the account
        is gone.
        """

    async def list(self, user_id: str, query: PageQuery) -> Page[ApiKey]:
        """One page of the account's keys in the query's order, ties broken by id."""

    async def find(self, key_id: str) -> Known | None:
        """The key, and the hash of its secret; None when there is none."""

    async def note_use(self, key_id: str, now: datetime) -> None:
        """Writes down that the key was used, unless a later use is known."""

    async def export(self, user_id: str) -> Sequence[ApiKey]:
        """All keys of the account."""

    async def delete(self, user_id: str, key_id: str) -> bool:
        """Deletes the account's key, whose tokens end with it; whether there was one."""

    async def delete_all(self, user_id: str, made_until: datetime) -> None:
        """Deletes the account's keys that had been made at that moment, likewise."""


_COLUMNS = (
    *("id", "user_id", "name", "scopes", "created_at", "expires_at", "last_used_at"),
    *("with_second_factor", "role"),
)
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

_DELETE_ALL = "DELETE FROM api_keys WHERE user_id = $1 AND created_at <= $2 RETURNING id"

_ERASE = "DELETE FROM api_keys WHERE user_id = $1 RETURNING id"

_EXPORT = f"SELECT {', '.join(_COLUMNS)} FROM api_keys WHERE user_id = $1 ORDER BY created_at, id"


class PostgresApiKeyStore:
    """An `ApiKeyStore` on a pool of connections to `emporium_user`.

    `encode` puts a mail into the outbox's envelope. `wake` is called after each commit that left
    one there, or added to the feed of revocations.
    """

    def __init__(
        self, pool: Pool, encode: Callable[[MailRequest], Event], wake: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._encode = encode
        self._wake = wake
        self._totals = Totals(pool, _LISTING.table)

    async def create(
        self, known: Known, told: MailRequest, once: Key | None, answer: bytes
    ) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            key = known.key
            await unit.fetch(_TAKE_TURN, key.user_id)
            ((count,),) = await unit.fetch(_COUNT, key.user_id)
            check_room(count)
            row = {name: getattr(key, name) for name in _COLUMNS}
            unit.write(_KEYS.insert([{**row, "secret_hash": hexadecimal(known.secret_hash)}]))
            unit.write(append([self._encode(told)]))
            await unit.flush()
            return answer

        try:
            given = await change_once(self._pool, work, once, subject=known.key.user_id)
        except asyncpg.ForeignKeyViolationError as error:
            raise errors.AccountInactive("the account was deleted or disabled") from error
        self._wake()
        return given

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

    async def export(self, user_id: str) -> Sequence[ApiKey]:
        with translated():
            rows = await self._pool.fetch(_EXPORT, user_id)
        return [_to_key(row) for row in rows]

    async def erase(self, unit: UnitOfWork, user: User) -> Mapping[str, int]:
        """Deletes a person's keys: a part of `personal_data/store.py`."""
        return {"api_keys": len(await unit.fetch(_ERASE, user.id))}

    async def delete(self, user_id: str, key_id: str) -> bool:
        return bool(await self._deleted(user_id, _DELETE, key_id, user_id))

    async def delete_all(self, user_id: str, made_until: datetime) -> None:
        await self._deleted(user_id, _DELETE_ALL, user_id, made_until)

    async def _deleted(self, user_id: str, statement: str, *arguments: Any) -> Sequence[Record]:
        """What the statement deletes, in one transaction with the entries in the feed."""

        async def work(unit: UnitOfWork) -> Sequence[Record]:
            rows = await unit.fetch(statement, *arguments)
            if rows:
                ended = [session_ended(user_id, str(row["id"])) for row in rows]
                unit.write(revocations.append(ended))
            return rows

        rows = await transaction(self._pool, work)
        if rows:
            self._wake()
        return rows


def _to_key(row: Record) -> ApiKey:
    return ApiKey(
        id=str(row["id"]),
        user_id=str(row["user_id"]),
        name=row["name"],
        scopes=tuple(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        with_second_factor=row["with_second_factor"],
        role=ROLES[row["role"]],
    )
