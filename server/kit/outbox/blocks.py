"""Aggregates that a destination gets no events of: one event failed, and the later ones are held.

A block is RETRYING while the event is tried again, and DEAD once it has been given up: a dead
letter. Only the relay that holds the lease makes blocks, and none for an event that has arrived.
"""

from datetime import timedelta

from server.kit.outbox.deliveries import Deliveries, Delivery, to_delivery
from server.kit.postgres import translated

# The lock keeps another relay from taking over until this is committed.
_BLOCK = """
    INSERT INTO outbox_blocks (destination, aggregate_id, event_id, state, attempts, due_at, error)
    SELECT $1, aggregate_id, event_id,
           CASE WHEN $5::interval IS NULL THEN 'DEAD' ELSE 'RETRYING' END,
           $4, now() + $5::interval, $6
    FROM outbox_deliveries
    WHERE destination = $1 AND position = $3 AND EXISTS (
        SELECT FROM outbox_destinations WHERE name = $1 AND holder = $2 FOR SHARE
    )
    ON CONFLICT (destination, aggregate_id) DO UPDATE SET
        event_id = excluded.event_id, state = excluded.state, attempts = excluded.attempts,
        due_at = excluded.due_at, error = excluded.error
"""

_NEXT_RETRY = """
    SELECT event.*, attempts,
           extract(epoch FROM clock_timestamp() - event.created_at)::float8 AS age_seconds
    FROM outbox_blocks AS block JOIN outbox AS event ON event.id = block.event_id
    WHERE block.destination = $1 AND state = 'RETRYING' AND due_at <= now()
    ORDER BY due_at
    LIMIT 1
"""


async def give_up(deliveries: Deliveries, delivery: Delivery, attempts: int, error: str) -> None:
    """Makes it a dead letter."""
    await _block(deliveries, delivery, attempts, None, error)


async def retry_later(
    deliveries: Deliveries, delivery: Delivery, attempts: int, delay_seconds: float, error: str
) -> None:
    """Holds back its aggregate until it has arrived; it is due again in `delay_seconds`."""
    await _block(deliveries, delivery, attempts, timedelta(seconds=delay_seconds), error)


async def _block(
    deliveries: Deliveries, delivery: Delivery, attempts: int, delay: timedelta | None, error: str
) -> None:
    with translated():
        await deliveries.pool.execute(
            _BLOCK,
            deliveries.destination,
            deliveries.holder,
            delivery.position,
            attempts,
            delay,
            error,
        )


async def next_retry(deliveries: Deliveries) -> Delivery | None:
    """The event that has been due again for the longest."""
    with translated():
        row = await deliveries.pool.fetchrow(_NEXT_RETRY, deliveries.destination)
    return to_delivery(row, row["attempts"]) if row else None
