"""Where failures are counted, for all processes: the interface of a store, and PostgreSQL's."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.transaction import UnitOfWork
from server.user.throttling.rules import Failures

_EXPIRED_BATCH_MAX = 1_000


class FailureStore(Protocol):
    """Failed attempts, by the keys of their sources. Errors as in `UserStore`.

    Mails are counted here too, by other keys: `email_links/store/recipients.py`.
    """

    async def find(self, keys: Sequence[bytes], now: datetime) -> Mapping[bytes, Failures]:
        """What has failed and still counts."""

    async def add(
        self, keys: Sequence[bytes], now: datetime, expires_at: datetime
    ) -> Mapping[bytes, Failures]:
        """Counts one more failure for each key, and gives what has failed so far.

        `expires_at` is for those that are the first. Of two at the same time each counts.
        """

    async def add_in(
        self, unit: UnitOfWork, key: bytes, now: datetime, expires_at: datetime
    ) -> Failures:
        """As `add`, for one key: it counts if the unit of work is committed."""

    async def clear(self, key: bytes) -> None:
        """Forgets what has failed."""

    async def delete_expired(self, now: datetime) -> int:
        """Deletes what counts no more, so many at a time; gives its number."""


_FIND = """
    SELECT source, failures, expires_at FROM login_failures
    WHERE source = ANY($1) AND expires_at > $2
"""

# In one order, so that no two wait for each other.
_ADD = """
    INSERT INTO login_failures AS old (source, failures, expires_at)
    SELECT source, 1, $3 FROM unnest($1::bytea[]) AS source ORDER BY source
    ON CONFLICT (source) DO UPDATE SET
        failures = CASE WHEN old.expires_at > $2 THEN old.failures + 1 ELSE 1 END,
        expires_at = CASE WHEN old.expires_at > $2 THEN old.expires_at ELSE $3 END
    RETURNING source, failures, expires_at
"""

_CLEAR = "DELETE FROM login_failures WHERE source = $1"

_DELETE_EXPIRED = """
    WITH deleted AS (
        DELETE FROM login_failures WHERE source = ANY (ARRAY(
            SELECT source FROM login_failures WHERE expires_at <= $1
            LIMIT $2 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
    )
    SELECT count(*) FROM deleted
"""


class PostgresFailureStore:
    """A `FailureStore` on a pool of connections to `emporium_user`.

    A row for each source, at most two for a failed attempt, and none for one that was not made.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, keys: Sequence[bytes], now: datetime) -> Mapping[bytes, Failures]:
        with translated():
            return _failures(await self._pool.fetch(_FIND, keys, now))

    async def add(
        self, keys: Sequence[bytes], now: datetime, expires_at: datetime
    ) -> Mapping[bytes, Failures]:
        with translated():
            return _failures(await self._pool.fetch(_ADD, keys, now, expires_at))

    async def add_in(
        self, unit: UnitOfWork, key: bytes, now: datetime, expires_at: datetime
    ) -> Failures:
        return _failures(await unit.fetch(_ADD, [key], now, expires_at))[key]

    async def clear(self, key: bytes) -> None:
        with translated():
            await self._pool.execute(_CLEAR, key)

    async def delete_expired(self, now: datetime) -> int:
        total = 0
        while True:
            with translated():
                count: int = await self._pool.fetchval(_DELETE_EXPIRED, now, _EXPIRED_BATCH_MAX)
            total += count
            if count < _EXPIRED_BATCH_MAX:
                return total


def _failures(rows: Sequence[Record]) -> Mapping[bytes, Failures]:
    return {row["source"]: Failures(row["failures"], row["expires_at"]) for row in rows}
