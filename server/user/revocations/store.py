"""Where the feed is stored: the interface of a store, and PostgreSQL's."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from server.kit.postgres import Pool, translated
from server.user.revocations.rows import ENTRY, Entry, to_entry

_BATCH_MAX = 1_000


class FeedStore(Protocol):
    """The feed. Errors as in `UserStore`."""

    async def since(self, position: int) -> Sequence[Entry]:
        """The next entries behind `position`, by rising position; none when there are none yet.

        What has been seen once is never preceded by an entry that appears later.
        """

    async def trim(self, keep: timedelta) -> int:
        """Deletes entries that are older than `keep`, so many at a time; gives their number."""


_SINCE = f"""
    SELECT {ENTRY} FROM revocations AS entry WHERE position > $1 ORDER BY position LIMIT $2
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
        return [to_entry(row) for row in rows]

    async def trim(self, keep: timedelta) -> int:
        total = 0
        while True:
            with translated():
                count: int = await self._pool.fetchval(_TRIM, keep, _BATCH_MAX)
            total += count
            if count < _BATCH_MAX:
                return total
