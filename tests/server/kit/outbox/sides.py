"""The two sides of an outbox under test: its database, and the destination of its events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry
from uuid_utils import uuid7

from server.kit import outbox, postgres
from server.kit.backoff import Backoff
from server.kit.outbox import Away, Event, OutboxMetrics, Pace, Refused
from server.kit.outbox.deliveries import register
from server.kit.outbox.relay import Relay
from server.kit.postgres import Connection, Pool
from server.settings import Postgres

QUICK = Pace(
    batch_max=50,
    gather=0.005,
    poll=0.05,
    lease=0.3,
    backoff=Backoff(first_seconds=0.01, seconds_max=0.05),
    grace=2.0,
    trim=0.05,
)
DEAF = Pace(gather=0.005, poll=30.0)  # nothing but a wakeup wakes it in time
TIMEOUT_SECONDS = 10.0


@dataclass
class OtherSide:
    """A destination that records events; fails as it is set."""

    name: str = "analytics"
    refuses: set[bytes] = field(default_factory=set)
    fails_at: set[bytes] = field(default_factory=set)
    is_away: bool = False
    is_broken: bool = False
    arrived: list[Event] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, events: Sequence[Event]) -> None:
        self.batches.append(len(events))
        payloads = {event.payload for event in events}
        if self.is_away:
            raise Away("nobody there")
        if self.refuses & payloads:
            raise Refused("one is bad")
        if self.is_broken or self.fails_at & payloads:
            raise RuntimeError("broken over there")
        self.arrived += events
        self.changed.set()

    @property
    def payloads(self) -> list[bytes]:
        return [event.payload for event in self.arrived]

    async def has(self, *payloads: bytes) -> None:
        """Returns when all of them have arrived."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not set(payloads) <= set(self.payloads):
                self.changed.clear()
                await self.changed.wait()


@dataclass
class Box:
    """A database with an outbox."""

    pool: Pool
    settings: Postgres

    async def empty(self) -> None:
        for table in ("outbox_blocks", "outbox_deliveries", "outbox_destinations", "outbox"):
            await self.pool.execute(f"DELETE FROM {table}")

    async def put(self, *payloads: bytes) -> None:
        """Commits an event with each payload, all of them of aggregates of their own."""
        await self.append([event_of(payload) for payload in payloads])

    async def append(
        self, events: Sequence[Event], connection: Pool | Connection | None = None
    ) -> None:
        write = outbox.append(events)
        await (connection or self.pool).execute(write.statement, *write.arguments)

    async def pending(self) -> int:
        return int(await self.pool.fetchval("SELECT count(*) FROM outbox_deliveries"))

    async def kept(self) -> int:
        return int(await self.pool.fetchval("SELECT count(*) FROM outbox"))

    async def blocks(self) -> list[tuple[bytes, str]]:
        """The payload of each event that has failed, and how it stands."""
        rows = await self.pool.fetch(
            "SELECT payload, state FROM outbox_blocks JOIN outbox ON outbox.id = event_id"
            " ORDER BY position"
        )
        return [(row["payload"], row["state"]) for row in rows]

    async def dead(self) -> list[tuple[str, int]]:
        """The error of each dead letter, and how many events it holds."""
        return [(letter.error, letter.held) for letter in await outbox.list_dead_letters(self.pool)]

    async def relay(
        self,
        destination: outbox.Destination,
        pace: Pace = QUICK,
        metrics: OutboxMetrics | None = None,
    ) -> Relay:
        """A relay whose destination is registered already, to be asked for each batch."""
        await register(self.pool, [destination.name])
        metrics = metrics or OutboxMetrics(CollectorRegistry())
        return Relay(self.pool, destination, metrics, pace)

    @asynccontextmanager
    async def relaying(
        self, *destinations: outbox.Destination, pace: Pace = QUICK
    ) -> AsyncIterator[Callable[[], None]]:
        metrics = OutboxMetrics(CollectorRegistry())
        dsn = self.settings.database_url
        async with outbox.relaying(
            self.pool, dsn, destinations, metrics=metrics, pace=pace
        ) as wake:
            yield wake


def event_of(
    payload: bytes, aggregate_id: str | None = None, version: int = 1, kind: str = "Happened"
) -> Event:
    return Event(
        id=str(uuid7()),
        aggregate_type="thing",
        aggregate_id=aggregate_id or str(uuid7()),
        aggregate_version=version,
        type=f"emporium.test.v1.{kind}",
        payload=payload,
        occurred_at=datetime.now(UTC),
    )


def history_of(name: str, count: int) -> list[Event]:
    """The first events of one aggregate; their payloads are such as `a1`, `a2`."""
    aggregate_id = str(uuid7())
    return [
        event_of(f"{name}{version}".encode(), aggregate_id, version)
        for version in range(1, count + 1)
    ]


def numbered(count: int) -> list[bytes]:
    """That many payloads."""
    return [b"%d" % number for number in range(count)]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Returns when `condition` is true."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not await condition():  # noqa: ASYNC110 - a database offers no event for it
            await asyncio.sleep(0.01)


async def equals(read: Callable[[], Awaitable[object]], value: object) -> bool:
    return await read() == value


async def is_true(truth: bool) -> bool:
    return truth


async def listens(box: Box) -> bool:
    """Whether a connection listens."""
    found = await box.pool.fetchval(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query ILIKE 'LISTEN%'"
    )
    return bool(found)


async def answers(box: Box) -> bool:
    """Whether the database is back."""
    try:
        await postgres.ping(box.pool)
    except postgres.AWAY:
        return False
    return True
