"""What an operator does about events that a destination did not take.

A dead letter holds back the later events of its own aggregate at its destination, and nothing else,
until it is replayed or skipped.
"""

from dataclasses import dataclass
from datetime import datetime

from server.kit.postgres import Pool, translated

# The unique key of `outbox` finds the events behind each.
_LIST = """
    SELECT block.destination, event.id, event_type, aggregate_type, event.aggregate_id,
           aggregate_version, error, attempts, since, (
               SELECT count(*)
               FROM outbox AS later JOIN outbox_deliveries AS delivery USING (position)
               WHERE later.aggregate_type = event.aggregate_type
                 AND later.aggregate_id = event.aggregate_id
                 AND later.aggregate_version > event.aggregate_version
                 AND delivery.destination = block.destination
           ) AS held
    FROM outbox_blocks AS block JOIN outbox AS event ON event.id = block.event_id
    WHERE state = 'DEAD' AND ($1::text IS NULL OR block.destination = $1)
    ORDER BY since, event.position, block.destination
    LIMIT $2
"""

_REPLAY = """
    WITH replayed AS (
        DELETE FROM outbox_blocks
        WHERE state = 'DEAD'
          AND ($1::text IS NULL OR destination = $1) AND ($2::uuid IS NULL OR event_id = $2)
        RETURNING 1
    )
    SELECT count(*) FROM replayed
"""

_SKIP = """
    WITH skipped AS (
        DELETE FROM outbox_blocks WHERE state = 'DEAD' AND destination = $1 AND event_id = $2
        RETURNING event_id
    )
    DELETE FROM outbox_deliveries AS delivery USING skipped JOIN outbox ON outbox.id = event_id
    WHERE delivery.destination = $1 AND delivery.position = outbox.position
    RETURNING delivery.position
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a destination did not take."""

    destination: str
    event_id: str
    event_type: str
    aggregate_type: str
    aggregate_id: str
    aggregate_version: int
    error: str
    attempts: int
    since: datetime
    held: int  # later events of its aggregate, which wait behind it


async def list_dead_letters(
    pool: Pool, destination: str | None = None, count_max: int = 1_000
) -> list[DeadLetter]:
    """The oldest dead letters, those of one destination or all."""
    with translated():
        rows = await pool.fetch(_LIST, destination, count_max)
    return [
        DeadLetter(
            destination=row["destination"],
            event_id=str(row["id"]),
            event_type=row["event_type"],
            aggregate_type=row["aggregate_type"],
            aggregate_id=str(row["aggregate_id"]),
            aggregate_version=row["aggregate_version"],
            error=row["error"],
            attempts=row["attempts"],
            since=row["since"],
            held=row["held"],
        )
        for row in rows
    ]


async def replay(pool: Pool, *, destination: str | None = None, event_id: str | None = None) -> int:
    """Sends dead letters again, and then what they held back; gives their number.

    Those of one destination, of one event, or all.
    """
    with translated():
        count: int = await pool.fetchval(_REPLAY, destination, event_id)
    return count


async def skip(pool: Pool, destination: str, event_id: str) -> bool:
    """Drops one dead letter for good, and sends what it held back; False when there is none."""
    with translated():
        return bool(await pool.fetch(_SKIP, destination, event_id))
