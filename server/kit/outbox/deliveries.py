"""The statements of a relay about what is yet to be delivered, and about its lease.

Every statement works on the destination `$1`; `$2` is the relay that holds it.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg

from server.kit.outbox.event import Event
from server.kit.postgres import Pool, translated
from server.settings import SettingsError

_REGISTER = """
    INSERT INTO outbox_destinations (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING
"""

# The lease is renewed when half of it is over, so that an idle relay writes next to nothing. Of
# every aggregate the lowest position comes first, and one that is blocked is left out whole.
#
# The planner's idea of tables that are empty one moment and full the next is often wrong. NOT IN is
# a hash made once for the statement, whatever it believes. min() walks the index from the left and
# marks what it finds dead there; a plan that reads all entries of the destination would meet those
# deleted since the last vacuum again and again: 21 instead of 7 us of CPU an event, 48 a batch
# (PostgreSQL 18, November 2026).
#
# A batch ends with the event that its bytes go beyond $6 with. The length of a payload is known
# without reading it.
_TAKE = """
    WITH renewed AS (
        UPDATE outbox_destinations SET holder = $2, lease_until = now() + $3::interval
        WHERE name = $1
          AND (lease_until <= now() OR holder = $2 AND lease_until <= now() + $3::interval / 2)
        RETURNING name
    ), held AS (
        SELECT name FROM renewed
        UNION
        SELECT name FROM outbox_destinations
        WHERE name = $1 AND holder = $2 AND lease_until > now()
    )
    SELECT * FROM (
        SELECT
            EXISTS (
                SELECT FROM outbox_blocks
                WHERE destination = $1 AND state = 'RETRYING' AND due_at <= now()
            ) AS has_retries,
            count(event.id) OVER () AS found,
            sum(octet_length(payload)) OVER (ORDER BY waiting.position) - octet_length(payload)
                AS bytes_before,
            waiting.position, event.id, aggregate_type, event.aggregate_id, aggregate_version,
            event_type, payload, traceparent, occurred_at,
            extract(epoch FROM clock_timestamp() - event.created_at)::float8 AS age_seconds
        FROM held
        LEFT JOIN LATERAL (
            SELECT position, event_id FROM outbox_deliveries
            WHERE destination = $1
              AND position >= (
                  SELECT min(position) FROM outbox_deliveries WHERE destination = $1
              )
              AND aggregate_id NOT IN (
                  SELECT aggregate_id FROM outbox_blocks WHERE destination = $1
              )
              AND aggregate_id NOT IN (SELECT unnest($4::uuid[]))
            ORDER BY position
            LIMIT $5
        ) AS waiting ON true
        LEFT JOIN outbox AS event ON event.id = waiting.event_id
    ) AS ready
    WHERE bytes_before IS NULL OR bytes_before <= $6
    ORDER BY position
"""

_RENEW = """
    UPDATE outbox_destinations SET lease_until = now() + $3::interval
    WHERE name = $1 AND holder = $2
    RETURNING name
"""

_RELEASE = """
    UPDATE outbox_destinations SET holder = NULL, lease_until = '-infinity'
    WHERE name = $1 AND holder = $2
"""

# With its last delivery an event goes too. Two destinations that finish at one moment each see the
# other's delivery; `trimming.py` finds what they leave.
_ACKNOWLEDGE = """
    WITH delivered AS (
        DELETE FROM outbox_deliveries WHERE destination = $1 AND position = ANY($2)
    ), unblocked AS (
        DELETE FROM outbox_blocks WHERE destination = $1 AND event_id = ANY($3)
    )
    DELETE FROM outbox
    WHERE id = ANY($3) AND position NOT IN (
        SELECT position FROM outbox_deliveries
        WHERE destination = ANY (ARRAY(SELECT name FROM outbox_destinations WHERE name <> $1))
          AND position = ANY($2)
    )
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to one destination."""

    event: Event
    position: int  # in the order in which events are sent
    age_seconds: float  # since it was committed, at `read_at`
    read_at: float  # by `time.monotonic`
    attempts: int = 0  # that failed and are held against it


@dataclass(frozen=True, slots=True)
class Batch:
    """What a relay that holds the lease may send now."""

    deliveries: Sequence[Delivery]
    has_retries: bool  # whether events that failed before are due
    is_full: bool  # whether there may be more for the next batch


class LeaseLost(Exception):
    """Another relay sends to this destination now."""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What one relay, the `holder`, reads and writes of one destination."""

    pool: Pool
    destination: str
    holder: str
    lease_seconds: float

    async def take(self, suspects: Collection[str], count_max: int, bytes_max: int) -> Batch:
        """The first events of aggregates that are neither blocked nor among `suspects`.

        The payloads of all but the last have `bytes_max` together at most.
        Takes the lease or keeps it. Raises `LeaseLost` when another relay has it.
        """
        lease = timedelta(seconds=self.lease_seconds)
        with translated():
            rows = await self.pool.fetch(
                _TAKE, self.destination, self.holder, lease, list(suspects), count_max, bytes_max
            )
        if not rows:
            raise LeaseLost
        deliveries = [to_delivery(row) for row in rows if row["id"]]
        found = rows[0]["found"]
        is_full = found == count_max or found > len(deliveries)
        return Batch(deliveries, rows[0]["has_retries"], is_full)

    async def renew(self) -> None:
        """Keeps the lease for as long again. Raises `LeaseLost`."""
        lease = timedelta(seconds=self.lease_seconds)
        with translated():
            if not await self.pool.fetchval(_RENEW, self.destination, self.holder, lease):
                raise LeaseLost

    async def release(self) -> None:
        """Lets another relay begin at once."""
        with translated():
            await self.pool.execute(_RELEASE, self.destination, self.holder)

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Forgets what has arrived, and lifts what it was blocked by."""
        with translated():
            await self.pool.execute(
                _ACKNOWLEDGE,
                self.destination,
                [each.position for each in deliveries],
                [each.event.id for each in deliveries],
            )


async def register(pool: Pool, destinations: Sequence[str]) -> None:
    """Makes every event that is committed from now on wait for each of `destinations`.

    It is the first that a starting service asks of its schema, so it raises `SettingsError` when
    there is none.
    """
    with translated():
        try:
            await pool.execute(_REGISTER, destinations)
        except asyncpg.UndefinedTableError as error:
            raise SettingsError(
                "DATABASE_URL: the database lacks this service's tables; run `emporium migrate`"
            ) from error


def to_delivery(row: Any, attempts: int = 0) -> Delivery:
    """A row with the columns of `outbox`, as a delivery."""
    return Delivery(to_event(row), row["position"], row["age_seconds"], time.monotonic(), attempts)


def to_event(row: Any) -> Event:
    """A row with the columns of `outbox`, as an event."""
    return Event(
        id=str(row["id"]),
        aggregate_type=row["aggregate_type"],
        aggregate_id=str(row["aggregate_id"]),
        aggregate_version=row["aggregate_version"],
        type=row["event_type"],
        payload=row["payload"],
        occurred_at=row["occurred_at"],
        traceparent=row["traceparent"],
    )
