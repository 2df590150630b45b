"""What is to be posted, in PostgreSQL."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from server.kit.outbox import Event
from server.kit.postgres import Pool, translated
from server.kit.postgres.transaction import UnitOfWork
from server.kit.postgres.writes import Write, hexadecimal, to_json
from server.order.webhooks.rules import RETENTION, Delivery
from server.order.webhooks.store import Batch, Due, Told, rows

_PRUNED_MAX = 1_000  # deliveries in one statement

# One look into an index for each event: what asks for other types costs nothing. An event that
# nobody asks for leaves nothing. Of a batch that the relay sends again the rows are there.
_MESSAGE = ", ".join(rows.MESSAGE_COLUMNS)
_ADD = f"""
    WITH given AS (
        SELECT row_number() OVER () AS place, {_MESSAGE}
        FROM json_populate_recordset(NULL::webhook_messages, $1)
    ), wanted AS MATERIALIZED (
        SELECT place, webhook_id, given.id, given.event_type, given.aggregate_id
        FROM given CROSS JOIN LATERAL (
            SELECT webhook_id FROM webhook_routes
            WHERE webhook_routes.event_type = ANY (ARRAY[given.event_type, '*'])
        ) AS asked
    ), kept AS (
        INSERT INTO webhook_messages ({_MESSAGE})
        SELECT {_MESSAGE} FROM given WHERE id IN (SELECT id FROM wanted)
        ON CONFLICT DO NOTHING
    )
    INSERT INTO webhook_deliveries (webhook_id, id, event_type, aggregate_id)
    SELECT webhook_id, id, event_type, aggregate_id FROM wanted ORDER BY place, webhook_id
    ON CONFLICT DO NOTHING
"""

# From webhook to webhook by the index, however much waits for each.
_READY = """
    WITH RECURSIVE lanes AS (
        (
            SELECT webhook_id FROM webhook_deliveries
            WHERE status = 'PENDING' ORDER BY webhook_id LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT next.webhook_id FROM webhook_deliveries AS next
            WHERE status = 'PENDING' AND next.webhook_id > lanes.webhook_id
            ORDER BY next.webhook_id LIMIT 1
        )
        FROM lanes WHERE lanes.webhook_id IS NOT NULL
    )
    SELECT id FROM lanes JOIN webhooks ON id = webhook_id
    WHERE status = 'ACTIVE' AND EXISTS (
        SELECT FROM webhook_deliveries AS delivery
        WHERE delivery.webhook_id = webhooks.id
          AND delivery.status = 'PENDING' AND due_at <= now()
    )
"""

_TAKE = """
    SELECT * FROM (
        SELECT
            url, secret, failing_since,
            CASE WHEN previous_until > now() THEN previous_secret END AS previous_secret,
            sum(octet_length(payload)) OVER (ORDER BY position) - octet_length(payload)
                AS bytes_before,
            waiting.position, waiting.webhook_id, waiting.status, waiting.attempts, waiting.due_at,
            waiting.last_attempt_at, waiting.response_status, waiting.error, waiting.in_order,
            waiting.created_at,
            message.id, message.event_type, message.aggregate_id, message.aggregate_type,
            message.aggregate_version, message.payload, message.occurred_at
        FROM webhooks
        CROSS JOIN LATERAL (
            SELECT * FROM webhook_deliveries
            WHERE webhook_id = $1 AND status = 'PENDING' AND due_at <= now() AND (
                NOT in_order OR aggregate_id NOT IN (
                    SELECT aggregate_id FROM webhook_deliveries
                    WHERE webhook_id = $1 AND status = 'PENDING' AND due_at > now() AND in_order
                )
            )
            ORDER BY position LIMIT $2
        ) AS waiting
        JOIN webhook_messages AS message ON message.id = waiting.id
        WHERE webhooks.id = $1 AND webhooks.status = 'ACTIVE'
    ) AS ready
    WHERE bytes_before <= $3
    ORDER BY position
"""

_FAILING = "UPDATE webhooks SET failing_since = $2 WHERE id = $1 AND failing_since IS NULL"

_RECOVERED = """
    WITH known AS (UPDATE webhooks SET failing_since = NULL WHERE id = $1)
    UPDATE webhook_deliveries SET due_at = now()
    WHERE $2 AND webhook_id = $1 AND status = 'PENDING' AND due_at > now()
"""

_PRUNE_OLD = """
    WITH old AS (
        DELETE FROM webhook_deliveries WHERE (webhook_id, id) IN (
            SELECT webhook_id, id FROM webhook_deliveries
            WHERE created_at < $1 ORDER BY created_at LIMIT $2
        )
        RETURNING 1
    ), unwanted AS (
        DELETE FROM webhook_messages WHERE id IN (
            SELECT id FROM webhook_messages WHERE created_at < $1 ORDER BY created_at LIMIT $2
        )
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM old) + (SELECT count(*) FROM unwanted) AS count
"""

# Of webhooks that were deleted; found by the index, as above.
_PRUNE_GONE = """
    WITH RECURSIVE lanes AS (
        (SELECT webhook_id FROM webhook_deliveries ORDER BY webhook_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT next.webhook_id FROM webhook_deliveries AS next
            WHERE next.webhook_id > lanes.webhook_id ORDER BY next.webhook_id LIMIT 1
        )
        FROM lanes WHERE lanes.webhook_id IS NOT NULL
    ), gone AS (
        DELETE FROM webhook_deliveries WHERE (webhook_id, id) IN (
            SELECT delivery.webhook_id, delivery.id
            FROM lanes JOIN webhook_deliveries AS delivery USING (webhook_id)
            WHERE NOT EXISTS (SELECT FROM webhooks WHERE webhooks.id = lanes.webhook_id)
            LIMIT $1
        )
        RETURNING 1
    )
    SELECT count(*) AS count FROM gone
"""

_FORGET_SECRETS = """
    UPDATE webhooks SET previous_secret = NULL, previous_until = NULL WHERE previous_until <= $1
"""

_ABOUT = f"""
    SELECT {_MESSAGE} FROM webhook_messages WHERE order_id = ANY($1::uuid[])
    UNION
    SELECT {_MESSAGE} FROM webhook_messages WHERE user_id = $2
"""

_ANONYMISE = """
    UPDATE webhook_messages SET payload = given.payload, user_id = NULL
    FROM unnest($1::uuid[], $2::bytea[]) AS given (id, payload)
    WHERE webhook_messages.id = given.id
"""


class PostgresQueue:
    """A `Queue` on a pool of connections; `tell` is called after each commit that left work."""

    def __init__(self, pool: Pool, tell: Callable[[], None]) -> None:
        self._pool = pool
        self._tell = tell

    async def add(self, told: Sequence[Told]) -> None:
        with translated():
            await self._pool.execute(_ADD, to_json([_message(each) for each in told]))
        self._tell()

    async def ready(self) -> Sequence[str]:
        with translated():
            return [str(row["id"]) for row in await self._pool.fetch(_READY)]

    async def take(self, webhook_id: str, count_max: int, bytes_max: int) -> Batch | None:
        with translated():
            found = await self._pool.fetch(_TAKE, webhook_id, count_max, bytes_max)
        if not found:
            return None
        first = found[0]
        secrets = [each for each in (first["secret"], first["previous_secret"]) if each]
        due = [Due(rows.to_delivery(row), rows.to_event(row)) for row in found]
        return Batch(first["url"], secrets, first["failing_since"], due)

    async def mark(self, deliveries: Sequence[Delivery]) -> None:
        marks = rows.DELIVERIES.update(deliveries)
        with translated():
            await self._pool.execute(marks.statement, *marks.arguments)

    async def failing(self, webhook_id: str, since: datetime) -> None:
        with translated():
            await self._pool.execute(_FAILING, webhook_id, since)

    async def recovered(self, webhook_id: str, *, all_due: bool) -> None:
        with translated():
            await self._pool.execute(_RECOVERED, webhook_id, all_due)

    async def prune(self, now: datetime) -> int:
        with translated():
            await self._pool.execute(_FORGET_SECRETS, now)
            old: int = await self._pool.fetchval(_PRUNE_OLD, now - RETENTION, _PRUNED_MAX)
            gone: int = await self._pool.fetchval(_PRUNE_GONE, _PRUNED_MAX)
        return old + gone


class PersonalMessages:
    """What is kept of events of orders; `anonymous` gives an event without the person."""

    def __init__(self, anonymous: Callable[[Event, str], Event]) -> None:
        self._anonymous = anonymous

    async def erase(self, unit: UnitOfWork, order_ids: Sequence[object], user_id: str) -> int:
        """Makes the events of the orders anonymous, and others that name the person; how many."""
        ids, payloads = [], []
        for row in await unit.fetch(_ABOUT, order_ids, user_id):
            event = rows.to_event(row)
            after = self._anonymous(event, user_id)
            if after != event or row["user_id"]:
                ids.append(event.id)
                payloads.append(after.payload)
        if ids:
            unit.write(Write(_ANONYMISE, (ids, payloads)))
        return len(ids)


def _message(told: Told) -> Mapping[str, object]:
    event = told.event
    return {
        "id": event.id,
        "aggregate_type": event.aggregate_type,
        "aggregate_id": event.aggregate_id,
        "aggregate_version": event.aggregate_version,
        "event_type": event.type,
        "payload": hexadecimal(event.payload),
        "occurred_at": event.occurred_at,
        "order_id": told.order_id,
        "user_id": told.user_id,
    }
