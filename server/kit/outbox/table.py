"""The outbox's two tables, and every statement that touches them but the service's own insert."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from server.kit.postgres import Pool, translated

# Rows come and go by the thousand, so dead ones are swept by number, not by share of the table.
_SWEPT_OFTEN = "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000"

CREATE_TABLES = (
    f"""
    CREATE TABLE outbox (
        id         uuid        PRIMARY KEY,
        payload    bytea       NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        due_at     timestamptz NOT NULL DEFAULT now(),
        attempts   integer     NOT NULL DEFAULT 0
    ) WITH ({_SWEPT_OFTEN})
    """,
    "CREATE INDEX outbox_by_due_at ON outbox (due_at)",
    """
    CREATE TABLE outbox_dead_letters (
        id         uuid        PRIMARY KEY,
        payload    bytea       NOT NULL,
        created_at timestamptz NOT NULL,
        attempts   integer     NOT NULL,
        error      text        NOT NULL,
        died_at    timestamptz NOT NULL DEFAULT now()
    )
    """,
)

DROP_TABLES = ("DROP TABLE outbox_dead_letters", "DROP TABLE outbox")

_LEASE = """
    WITH due AS (
        SELECT id FROM outbox
        WHERE due_at <= now()
        ORDER BY due_at
        LIMIT $1
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox SET due_at = now() + $2, attempts = attempts + 1
    FROM due WHERE outbox.id = due.id
    RETURNING outbox.id, payload, attempts
"""

_REMOVE = """
    DELETE FROM outbox WHERE id = ANY($1)
    RETURNING extract(epoch FROM clock_timestamp() - created_at)::float8 AS age_seconds
"""

_POSTPONE = """
    UPDATE outbox SET due_at = now() + delayed.delay
    FROM unnest($1::uuid[], $2::interval[]) AS delayed (id, delay)
    WHERE outbox.id = delayed.id
"""

_BURY = """
    WITH dead AS (
        DELETE FROM outbox WHERE id = $1 RETURNING id, payload, created_at, attempts
    )
    INSERT INTO outbox_dead_letters (id, payload, created_at, attempts, error)
    SELECT id, payload, created_at, attempts, $2 FROM dead
"""

_REPLAY = """
    WITH risen AS (
        DELETE FROM outbox_dead_letters RETURNING id, payload, created_at
    ), sent_again AS (
        INSERT INTO outbox (id, payload, created_at) SELECT id, payload, created_at FROM risen
        RETURNING id
    )
    SELECT count(*) FROM sent_again
"""

# Ids are UUIDv7, so the least is the oldest, and the primary key finds it.
_LOOK = """
    SELECT
        (SELECT count(*) FROM (SELECT FROM outbox LIMIT 1000000) AS counted) AS pending,
        coalesce(
            (SELECT extract(epoch FROM now() - created_at) FROM outbox ORDER BY id LIMIT 1), 0
        )::float8 AS oldest_age_seconds,
        (SELECT count(*) FROM outbox_dead_letters) AS dead_letters
"""


@dataclass(frozen=True, slots=True)
class Event:
    """A row of the outbox, leased."""

    id: Any  # UUID
    payload: bytes
    attempts: int  # this one included


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much is waiting."""

    pending: int
    oldest_age_seconds: float
    dead_letters: int


async def lease(pool: Pool, count_max: int, seconds: float) -> list[Event]:
    """Takes up to `count_max` events that are due, for `seconds`; then they are due again."""
    with translated():
        rows = await pool.fetch(_LEASE, count_max, timedelta(seconds=seconds))
    return [Event(row["id"], row["payload"], row["attempts"]) for row in rows]


async def remove(pool: Pool, events: Sequence[Event]) -> list[float]:
    """Forgets events that have arrived; gives the age of each in seconds, by one clock."""
    with translated():
        rows = await pool.fetch(_REMOVE, [event.id for event in events])
    return [row["age_seconds"] for row in rows]


async def postpone(pool: Pool, delays: Sequence[tuple[Event, float]]) -> None:
    """Makes each event due in so many seconds, instead of when its lease ends."""
    with translated():
        await pool.execute(
            _POSTPONE,
            [event.id for event, _ in delays],
            [timedelta(seconds=seconds) for _, seconds in delays],
        )


async def bury(pool: Pool, event: Event, error: str) -> None:
    """Moves an event that can never arrive to the dead letters."""
    with translated():
        await pool.execute(_BURY, event.id, error)


async def replay(pool: Pool) -> int:
    """Sends all dead letters again, as if they were new. Gives their number."""
    with translated():
        count: int = await pool.fetchval(_REPLAY)
    return count


async def look(pool: Pool) -> Backlog:
    """How much is waiting now; `pending` is counted up to a million."""
    with translated():
        row = await pool.fetchrow(_LOOK)
    assert row is not None
    return Backlog(row["pending"], row["oldest_age_seconds"], row["dead_letters"])
