"""Where the feed is stored: the interface of a store, and PostgreSQL's."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple, Protocol

from server.kit.context import Role
from server.kit.postgres import Pool, Record, translated
from server.user.revocations.rules import Revocation

_BATCH_MAX = 1_000


class Entry(NamedTuple):
    """A revocation, and its place in the feed."""

    position: int
    revocation: Revocation


class FeedStore(Protocol):
    """The feed. Errors as in `UserStore`."""

    async def since(self, position: int) -> Sequence[Entry]:
        """The next entries behind `position`, by rising position; none when there are none yet.

        What has been seen once is never preceded by an entry that appears later.
        """

    async def trim(self, keep: timedelta) -> int:
        """Deletes entries that are older than `keep`, so many at a time; gives their number."""


_SINCE = """
    SELECT position, user_id, session_id, account_version, role, ends_sessions, spared_session
    FROM revocations WHERE position > $1 ORDER BY position LIMIT $2
"""

_TRIM = """
    WITH deleted AS (
        DELETE FROM revocations WHERE position = ANY (ARRAY(
            SELECT position FROM revocations WHERE created_at < now() - $1::interval LIMIT $2
        )) RETURNING 1
    )
    SELECT count(*) FROM deleted
"""


class PostgresFeedStore:
    """A `FeedStore` on a pool of connections to `emporium_user`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def since(self, position: int) -> Sequence[Entry]:
        with translated():
            rows = await self._pool.fetch(_SINCE, position, _BATCH_MAX)
        return [_entry(row) for row in rows]

    async def trim(self, keep: timedelta) -> int:
        total = 0
        while True:
            with translated():
                count: int = await self._pool.fetchval(_TRIM, keep, _BATCH_MAX)
            total += count
            if count < _BATCH_MAX:
                return total


def _entry(row: Record) -> Entry:
    revocation = Revocation(
        user_id=str(row["user_id"]),
        session_id=str(row["session_id"]) if row["session_id"] else None,
        account_version=row["account_version"],
        role=Role(row["role"]) if row["role"] else None,
        ends_sessions=row["ends_sessions"],
        spared_session=str(row["spared_session"]) if row["spared_session"] else None,
    )
    return Entry(row["position"], revocation)
