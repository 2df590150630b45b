"""Deletes events that every destination has, where the last acknowledgement did not.

That is so when two destinations finish at one moment, when a dead letter is skipped, and when there
is no destination at all. And it lifts blocks of events that are gone: a relay may have made one in
the moment in which the event was withdrawn.
"""

from server.kit.postgres import Pool, translated

_BATCH_MAX = 1_000
_NIL = "00000000-0000-0000-0000-000000000000"

# Events that wait for somebody are most of a long outbox, so this goes through it by the primary
# key, some at a time. What another process deletes just now is left to it.
_TRIM = """
    WITH looked_at AS (
        SELECT id, position FROM outbox WHERE id > $1 ORDER BY id LIMIT $2
    ), delivered AS (
        SELECT outbox.id FROM outbox JOIN looked_at ON looked_at.id = outbox.id
        WHERE looked_at.position NOT IN (
            SELECT position FROM outbox_deliveries
            WHERE destination = ANY (ARRAY(SELECT name FROM outbox_destinations))
              AND position = ANY (ARRAY(SELECT position FROM looked_at))
        )
        FOR UPDATE OF outbox SKIP LOCKED
    ), trimmed AS (
        DELETE FROM outbox WHERE id IN (SELECT id FROM delivered) RETURNING 1
    )
    SELECT (SELECT count(*) FROM trimmed) AS trimmed,
           (SELECT count(*) FROM looked_at) AS looked_at,
           (SELECT id FROM looked_at ORDER BY id DESC LIMIT 1) AS last_id
"""

_LIFT = """
    DELETE FROM outbox_blocks AS block
    WHERE NOT EXISTS (SELECT FROM outbox WHERE outbox.id = block.event_id)
"""


class Trimming:
    """Goes through the outbox again and again."""

    def __init__(self, pool: Pool, batch_max: int = _BATCH_MAX) -> None:
        self._pool = pool
        self._batch_max = batch_max
        self._last_id = _NIL

    async def trim(self) -> int:
        """Looks at the next events, and gives how many it has deleted."""
        with translated():
            await self._pool.execute(_LIFT)
            row = await self._pool.fetchrow(_TRIM, self._last_id, self._batch_max)
        assert row is not None
        is_end = row["looked_at"] < self._batch_max
        self._last_id = _NIL if is_end else str(row["last_id"])
        count: int = row["trimmed"]
        return count
