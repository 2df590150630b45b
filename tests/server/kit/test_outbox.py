"""The outbox: at least once, never lost, never stuck behind one bad event."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import asyncpg
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry
from uuid_utils import uuid7

from server.kit import migrate, outbox, postgres
from server.kit.outbox import Away, Event, Pace, Refused, Relay, relaying
from server.kit.outbox import table as outbox_table
from server.kit.outbox.doorbell import Doorbell
from server.kit.outbox.metrics import OutboxMetrics
from server.kit.outbox.relaying import supervised
from server.kit.postgres import Pool
from server.local.postgres import EmbeddedPostgres
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


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def shared_box(postgres_settings: Postgres) -> AsyncIterator[Box]:
    async with postgres.connected(postgres_settings) as pool:
        yield Box(pool, postgres_settings)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def postgres_settings(postgres: EmbeddedPostgres) -> Postgres:
    database = migrate.Database(f"emporium_outbox_{uuid.uuid4().hex[:8]}", "owner", "service")
    await migrate.prepare_postgres(postgres.admin_dsn, database)
    owner = migrate.dsn(postgres.admin_dsn, database.owner, "owner", database.name)
    connection = await asyncpg.connect(owner)
    for statement in outbox.CREATE_TABLES:
        await connection.execute(statement)
    await connection.close()
    service = migrate.dsn(postgres.admin_dsn, database.name, "service", database.name)
    return Postgres(database_url=service, pool_size_max=20)


@pytest_asyncio.fixture
async def box(shared_box: Box) -> Box:
    """An empty outbox."""
    await shared_box.pool.execute("DELETE FROM outbox")
    await shared_box.pool.execute("DELETE FROM outbox_dead_letters")
    return shared_box


@pytest.fixture
def other_side() -> OtherSide:
    return OtherSide()


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - a database offers no event for it
            await asyncio.sleep(0.01)


async def test_what_is_put_arrives_once_and_is_forgotten(box: Box, other_side: OtherSide) -> None:
    await box.put(*numbered(120))
    relay = box.relay(other_side.send)
    assert [await relay.send_batch() for _ in range(4)] == [50, 50, 20, 0]
    assert sorted(other_side.arrived) == sorted(numbered(120))
    assert await box.pending() == 0


async def test_a_crash_between_sending_and_forgetting_sends_again(
    box: Box, other_side: OtherSide
) -> None:
    async def crash_after_sending(events: Sequence[Event]) -> None:
        await other_side.send(events)
        raise asyncio.CancelledError

    await box.put(b"only")
    with pytest.raises(asyncio.CancelledError):
        await box.relay(crash_after_sending).send_batch()
    assert other_side.arrived == [b"only"]

    async with box.relaying(other_side.send):
        await until(lambda: _equals(box.pending, 0))
    assert other_side.arrived == [b"only", b"only"]


async def test_a_leased_event_is_left_alone_until_its_lease_ends(
    box: Box, other_side: OtherSide
) -> None:
    await box.put(b"leased")
    assert len(await outbox_table.lease(box.pool, 10, seconds=60.0)) == 1
    assert await box.relay(other_side.send).send_batch() == 0
    await box.pool.execute("UPDATE outbox SET due_at = due_at - interval '60 seconds'")
    assert await box.relay(other_side.send).send_batch() == 1


async def test_relays_that_race_lose_nothing_and_share_the_work(
    box: Box, other_side: OtherSide
) -> None:
    await box.put(*numbered(2_000))
    relays = [box.relay(other_side.send) for _ in range(4)]

    async def drain(relay: Relay) -> None:
        while await relay.send_batch():
            pass

    await asyncio.gather(*map(drain, relays))
    assert await box.pending() == 0
    assert sorted(other_side.arrived) == sorted(numbered(2_000))


async def test_an_event_that_commits_late_is_not_skipped(box: Box, other_side: OtherSide) -> None:
    relay = box.relay(other_side.send)
    async with box.pool.acquire() as connection:
        late = connection.transaction()
        await late.start()
        await connection.execute("INSERT INTO outbox (id, payload) VALUES ($1, 'late')", uuid7_())
        await box.put(b"early")
        assert await relay.send_batch() == 1
        await late.commit()
    assert await relay.send_batch() == 1
    assert other_side.arrived == [b"early", b"late"]


async def test_one_refused_event_is_buried_and_the_others_arrive(
    box: Box, other_side: OtherSide
) -> None:
    other_side.poison = b"33"
    await box.put(*numbered(50))
    await box.relay(other_side.send).send_batch()
    assert sorted(other_side.arrived) == sorted(set(numbered(50)) - {b"33"})
    assert await box.dead() == [(b"33", "one is bad")]
    assert await box.pending() == 0


async def test_a_side_that_goes_away_during_the_search_costs_no_event(
    box: Box, other_side: OtherSide
) -> None:
    async def send(events: Sequence[Event]) -> None:
        other_side.is_away = len(other_side.batches) == 3
        await other_side.send(events)

    other_side.poison = b"33"
    await box.put(*numbered(50))
    async with box.relaying(send):
        await other_side.has(*set(numbered(50)) - {b"33"})
        await until(lambda: _equals(box.pending, 0))
    assert await box.dead() == [(b"33", "one is bad")]


async def test_dead_letters_can_be_sent_again(box: Box, other_side: OtherSide) -> None:
    other_side.poison = b"bad"
    await box.put(b"bad")
    await box.relay(other_side.send).send_batch()
    other_side.poison = b""

    assert await outbox.replay(box.pool) == 1
    assert await box.dead() == []
    await box.relay(other_side.send).send_batch()
    assert other_side.arrived == [b"bad"]
    assert await outbox.replay(box.pool) == 0


async def test_nothing_is_buried_while_the_other_side_is_away(
    box: Box, other_side: OtherSide
) -> None:
    other_side.is_away = True
    await box.put(*numbered(3))
    async with box.relaying(other_side.send):
        await until(lambda: _is(len(other_side.batches) >= 8))
        assert (await box.pending(), await box.dead()) == (3, [])
        other_side.is_away = False
        await other_side.has(*numbered(3))
        await until(lambda: _equals(box.pending, 0))


async def test_a_backlog_is_sent_without_a_pause_once_somebody_is_there(
    box: Box, other_side: OtherSide
) -> None:
    other_side.is_away = True
    pace = Pace(batch_max=50, poll=30.0, retry_first=0.01, retry_max=0.02)
    async with box.relaying(other_side.send, pace):
        await box.put(*numbered(300))
        await until(lambda: _is(len(other_side.batches) >= 8))
        other_side.is_away = False
        await other_side.has(*numbered(300))


async def test_a_defect_over_there_holds_up_only_its_own_event(
    box: Box, other_side: OtherSide
) -> None:
    other_side.defect = b"7"
    await box.put(*numbered(40))
    async with box.relaying(other_side.send, replace(QUICK, attempts_max=10_000)):
        await other_side.has(*set(numbered(40)) - {b"7"})
        await until(lambda: _equals(box.pending, 1))
        assert await box.dead() == []
        other_side.defect = b""
        await other_side.has(b"7")


async def test_an_event_that_fails_while_others_arrive_is_buried_at_last(
    box: Box, other_side: OtherSide
) -> None:
    other_side.defect = b"bad"
    await box.put(b"bad")
    async with (
        box.relaying(other_side.send, replace(QUICK, attempts_max=3)),
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        for number in itertools.count():
            if await box.dead():
                break
            await box.put(b"%d" % number)
            await other_side.has(b"%d" % number)
    assert await box.dead() == [(b"bad", "broken over there")]
    assert await box.pending() == 0


async def test_nothing_is_buried_while_everything_fails(box: Box, other_side: OtherSide) -> None:
    is_broken = True

    async def send(events: Sequence[Event]) -> None:
        other_side.defect = events[0].payload if is_broken else b""
        await other_side.send(events)

    await box.put(*numbered(3))
    async with box.relaying(send, replace(QUICK, attempts_max=2)):
        await until(lambda: _is(len(other_side.batches) >= 15))
        assert (await box.pending(), await box.dead()) == (3, [])
        is_broken = False
        await other_side.has(*numbered(3))


def test_delays_double_up_to_their_maximum_and_differ() -> None:
    pace = Pace(retry_first=0.1, retry_max=5.0)
    for attempts, most in ((1, 0.1), (2, 0.2), (3, 0.4), (6, 3.2), (7, 5.0), (1_000, 5.0)):
        delays = {pace.delay(attempts) for _ in range(50)}
        assert len(delays) > 1
        assert all(most / 2 <= delay <= most for delay in delays)


async def test_a_failed_event_is_due_again_only_after_its_delay(
    box: Box, other_side: OtherSide
) -> None:
    other_side.is_away = True
    slow = Pace(retry_first=60.0, retry_max=60.0)
    await box.put(b"waits")
    with pytest.raises(Away):
        await box.relay(other_side.send, slow).send_batch()
    assert await box.relay(other_side.send).send_batch() == 0
    due_in = await box.pool.fetchval("SELECT extract(epoch FROM due_at - now()) FROM outbox")
    assert 25 < due_in <= 60


async def test_a_ring_wakes_this_process_at_once(box: Box, other_side: OtherSide) -> None:
    async with box.relaying(other_side.send, DEAF) as ring:
        await until(lambda: _listens(box))
        await box.put(b"rung")
        ring()
        await other_side.has(b"rung")


async def test_a_ring_wakes_the_other_processes_by_notify(box: Box, other_side: OtherSide) -> None:
    async with box.relaying(other_side.send, DEAF):
        await until(lambda: _listens(box))
        bell = Doorbell(box.settings.database_url, lambda: None)
        task = asyncio.create_task(bell.run())
        await box.put(b"far away")
        bell.ring()
        await other_side.has(b"far away")
        task.cancel()


async def test_polling_finds_what_nobody_rang_for(box: Box, other_side: OtherSide) -> None:
    async with box.relaying(other_side.send):
        await box.put(b"silent")
        await other_side.has(b"silent")


async def test_a_lost_listening_connection_comes_back(
    box: Box, other_side: OtherSide, admin_dsn: str
) -> None:
    async with box.relaying(other_side.send, DEAF):
        await until(lambda: _listens(box))
        admin = await asyncpg.connect(admin_dsn)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = $1 AND query ILIKE 'LISTEN%'",
            box.settings.database_url.rpartition("/")[2],
        )
        await admin.close()
        await box.put(b"while deaf")
        # Whatever came meanwhile is looked for as soon as the bell is back.
        await other_side.has(b"while deaf")


async def test_a_relay_survives_a_database_that_goes_away(
    box: Box, other_side: OtherSide, admin_dsn: str
) -> None:
    async with box.relaying(other_side.send):
        for number in range(3):
            admin = await asyncpg.connect(admin_dsn)
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
                box.settings.database_url.rpartition("/")[2],
            )
            await admin.close()
            await until(lambda: _answers(box))
            await box.put(b"after %d" % number)
            await other_side.has(b"after %d" % number)


async def test_leaving_lets_the_batch_under_way_arrive(box: Box, other_side: OtherSide) -> None:
    began = asyncio.Event()

    async def slow_send(events: Sequence[Event]) -> None:
        began.set()
        await asyncio.sleep(0.1)
        await other_side.send(events)

    await box.put(b"under way")
    async with box.relaying(slow_send):
        await began.wait()
    assert other_side.arrived == [b"under way"]
    assert await box.pending() == 0


async def test_metrics_tell_how_much_waits_and_how_old_it_is(
    box: Box, other_side: OtherSide
) -> None:
    registry = CollectorRegistry()
    metrics = OutboxMetrics(registry)
    other_side.poison = b"bad"
    await box.put(b"bad", b"good")
    metrics.show(await outbox_table.look(box.pool))
    assert registry.get_sample_value("outbox_pending") == 2
    assert (registry.get_sample_value("outbox_oldest_age_seconds") or 0) > 0

    await Relay(box.pool, other_side.send, metrics, QUICK).send_batch()
    metrics.show(await outbox_table.look(box.pool))
    expected = {
        "outbox_pending": 0,
        "outbox_oldest_age_seconds": 0,
        "outbox_dead_letters": 1,
        "outbox_delivered_total": 1,
        "outbox_buried_total": 1,
        "outbox_lag_seconds_count": 1,
    }
    assert {name: registry.get_sample_value(name) for name in expected} == expected


async def test_a_crash_of_the_relay_is_logged_and_it_starts_again(
    lines: list[dict[str, object]],
) -> None:
    runs = 0

    async def crash_once() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise RuntimeError("a defect")

    await supervised("relay", crash_once, restart_seconds=0.0)
    assert runs == 2
    assert [line["event"] for line in lines] == ["outbox.crashed"]


@pytest.fixture(scope="session")
def admin_dsn(postgres: EmbeddedPostgres) -> str:
    return postgres.admin_dsn


def uuid7_() -> str:
    return str(uuid7())


async def _equals(read: Callable[[], Awaitable[int]], value: int) -> bool:
    return await read() == value


async def _is(truth: bool) -> bool:
    return truth


async def _listens(box: Box) -> bool:
    found = await box.pool.fetchval(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query ILIKE 'LISTEN%'"
    )
    return bool(found)


async def _answers(box: Box) -> bool:
    try:
        await postgres.ping(box.pool)
    except postgres.AWAY:
        return False
    return True
