"""How much waits, for each destination."""

from dataclasses import dataclass

from server.kit.postgres import Pool, translated

# Dead letters and what they hold have counts of their own: they do not wait for the relay.
_LOOK = """
    SELECT
        destination.name,
        (
            SELECT count(*) FROM (
                SELECT FROM outbox_deliveries AS delivery
                WHERE delivery.destination = destination.name LIMIT 1000000
            ) AS counted
        ) - dead.letters - dead.held AS pending,
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
        dead.held
    FROM outbox_destinations AS destination
    CROSS JOIN LATERAL (
        SELECT count(*) AS letters, coalesce(sum(behind.held), 0)::bigint AS held
        FROM outbox_blocks AS block JOIN outbox AS event ON event.id = block.event_id
        CROSS JOIN LATERAL (
            SELECT count(*) AS held
            FROM outbox AS later JOIN outbox_deliveries AS delivery USING (position)
            WHERE later.aggregate_type = event.aggregate_type
              AND later.aggregate_id = event.aggregate_id
              AND later.aggregate_version > event.aggregate_version
              AND delivery.destination = block.destination
        ) AS behind
        WHERE block.destination = destination.name AND state = 'DEAD'
    ) AS dead
    ORDER BY destination.name
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits for one destination."""

    destination: str
    pending: int  # counted up to a million; without dead letters and what they hold
    oldest_age_seconds: float  # of those
    dead_letters: int
    held: int


async def look(pool: Pool) -> list[Backlog]:
    """The backlog of every destination, now."""
    with translated():
        rows = await pool.fetch(_LOOK)
    return [Backlog(*row.values()) for row in rows]
