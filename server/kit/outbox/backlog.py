"""How much waits, for each destination."""

from dataclasses import dataclass

from server.kit.postgres import Pool, translated

# What is dead, and what it holds, have counts of their own: they do not wait for the relay. A dead
# letter is the first of its aggregate that waits, so what it holds is all the rest of that.
_LOOK = """
    SELECT
        destination.name AS destination,
        waiting.deliveries - waiting.blocked AS pending,
        coalesce(
            (
                SELECT extract(epoch FROM now() - event.created_at)
                FROM outbox_deliveries AS delivery
                JOIN outbox AS event ON event.id = delivery.event_id
                WHERE delivery.destination = destination.name
                  AND delivery.aggregate_id NOT IN (
                      SELECT aggregate_id FROM outbox_blocks AS block
                      WHERE block.destination = destination.name AND state = 'DEAD'
                  )
                ORDER BY delivery.position LIMIT 1
            ), 0
        )::float8 AS oldest_age_seconds,
        dead.letters AS dead_letters,
        greatest(waiting.blocked - dead.letters, 0) AS held
    FROM outbox_destinations AS destination
    CROSS JOIN LATERAL (
        SELECT count(*) AS letters FROM outbox_blocks AS block
        WHERE block.destination = destination.name AND state = 'DEAD'
    ) AS dead
    CROSS JOIN LATERAL (
        SELECT count(*) AS deliveries, count(*) FILTER (
            WHERE aggregate_id IN (
                SELECT aggregate_id FROM outbox_blocks AS block
                WHERE block.destination = destination.name AND state = 'DEAD'
            )
        ) AS blocked
        FROM (
            SELECT aggregate_id FROM outbox_deliveries AS delivery
            WHERE delivery.destination = destination.name LIMIT 1000000
        ) AS counted
    ) AS waiting
    ORDER BY destination.name
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits for one destination."""

    destination: str
    pending: int  # without dead letters and what they hold; a million of all is counted
    oldest_age_seconds: float  # of those
    dead_letters: int
    held: int


async def look(pool: Pool) -> list[Backlog]:
    """The backlog of every destination, now."""
    with translated():
        rows = await pool.fetch(_LOOK)
    return [Backlog(**row) for row in rows]
