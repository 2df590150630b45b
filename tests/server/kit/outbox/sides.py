"""The two sides of an outbox under test: its database, and whoever takes the events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from uuid_utils import uuid7

from server.kit import outbox, postgres
from server.kit.outbox import Away, Event, Pace, Refused, Relay, relaying
from server.kit.outbox.metrics import OutboxMetrics
from server.kit.postgres import Pool
from server.settings import Postgres

QUICK = Pace(
    batch_max=50, gather=0.005, poll=0.05, lease=0.3, retry_first=0.01, retry_max=0.05, grace=2.0
)
DEAF = Pace(gather=0.005, poll=30.0)  # nothing but a ring wakes it in time
PATIENCE_SECONDS = 10.0


@dataclass
class OtherSide:
    """Takes events and remembers them; goes wrong as it is told."""

    poison: bytes = b""
    is_away: bool = False
    defect: bytes = b""
    arrived: list[bytes] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, events: Sequence[Event]) -> None:
        self.batches.append(len(events))
        payloads = [event.payload for event in events]
        if self.is_away:
            raise Away("nobody there")
        if self.poison in payloads:
            raise Refused("one is bad")
        if self.defect in payloads:
            raise RuntimeError("broken over there")
        self.arrived += payloads
        self.changed.set()

    async def has(self, *payloads: bytes) -> None:
        """Returns when all of them have arrived."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not set(payloads) <= set(self.arrived):
                self.changed.clear()
                await self.changed.wait()


@dataclass
class Box:
    """A database with an outbox."""

    pool: Pool
    settings: Postgres

    async def put(self, *payloads: bytes) -> None:
        await self.pool.executemany(
            "INSERT INTO outbox (id, payload) VALUES ($1, $2)",
            [(str(uuid7()), payload) for payload in payloads],
        )

    async def pending(self) -> int:
        return int(await self.pool.fetchval("SELECT count(*) FROM outbox"))

    async def dead(self) -> list[tuple[bytes, str]]:
        rows = await self.pool.fetch("SELECT payload, error FROM outbox_dead_letters ORDER BY id")
        return [(row["payload"], row["error"]) for row in rows]

    def relay(self, send: outbox.Send, pace: Pace = QUICK) -> Relay:
        return Relay(self.pool, send, OutboxMetrics(CollectorRegistry()), pace)

    @asynccontextmanager
    async def relaying(
        self, send: outbox.Send, pace: Pace = QUICK
    ) -> AsyncIterator[Callable[[], None]]:
        metrics = OutboxMetrics(CollectorRegistry())
        dsn = self.settings.database_url
        async with relaying(self.pool, dsn, send, metrics=metrics, pace=pace) as ring:
            yield ring


def numbered(count: int) -> list[bytes]:
    """That many payloads."""
    return [b"%d" % number for number in range(count)]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Returns when `condition` is true."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - a database offers no event for it
            await asyncio.sleep(0.01)


async def equals(read: Callable[[], Awaitable[int]], value: int) -> bool:
    return await read() == value


async def is_true(truth: bool) -> bool:
    return truth


async def listens(box: Box) -> bool:
    """Whether a doorbell is there to hear."""
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
