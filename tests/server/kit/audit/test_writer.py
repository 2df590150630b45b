"""Records are stored in batches, whatever becomes of the database."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from server.kit import background, errors
from server.kit.audit.record import AuditRecord
from server.kit.audit.writer import _DESCRIBED_TOGETHER, BATCH_MAX, AuditWriter, writing
from server.kit.backoff import Backoff
from tests.server.kit.audit.records import record
from tests.server.kit.conftest import Lines


class Database:
    """Takes records, unless it is away."""

    def __init__(self) -> None:
        self.is_away = False
        self.batches: list[list[AuditRecord]] = []
        self.asked = asyncio.Event()

    async def append(self, records: Sequence[AuditRecord]) -> None:
        self.asked.set()
        if self.is_away:
            raise errors.Unavailable("the database cannot be reached")
        self.batches.append([*records])

    @property
    def records(self) -> list[AuditRecord]:
        return [each for batch in self.batches for each in batch]


@pytest.fixture
def database() -> Database:
    return Database()


def writer_to(database: Database, **options: Any) -> AuditWriter:
    return AuditWriter(database.append, registry=CollectorRegistry(), **options)


def add(writer: AuditWriter, made: AuditRecord) -> None:
    writer.add(lambda: made)


def undescribed() -> AuditRecord:
    raise ValueError("a defect")


def distinct(n: int) -> AuditRecord:
    return record(address=f"192.0.2.{n}")


async def test_records_are_stored_in_their_order_and_in_batches(database: Database) -> None:
    writer = writer_to(database)
    given = [distinct(n) for n in range(BATCH_MAX + 1)]
    for each in given:
        add(writer, each)
    await writer.flush()
    assert [len(batch) for batch in database.batches] == [BATCH_MAX, 1]
    assert database.records == given


async def test_calls_are_described_many_at_a_time_and_no_more_wait_for_it(
    database: Database,
) -> None:
    writer = writer_to(database)
    described: list[int] = []

    def describe() -> None:
        described.append(len(described))

    for _ in range(_DESCRIBED_TOGETHER - 1):
        writer.add(describe)
    assert described == []
    writer.add(describe)
    assert len(described) == _DESCRIBED_TOGETHER
    writer.add(describe)
    await writer.flush()
    assert len(described) == _DESCRIBED_TOGETHER + 1, "each once"
    assert database.records == [], "they have no record"


async def test_a_call_that_cannot_be_described_is_told_and_fails_no_other(
    database: Database, lines: Lines
) -> None:
    writer = writer_to(database)
    for _ in range(_DESCRIBED_TOGETHER - 1):
        writer.add(undescribed)
    add(writer, distinct(1))
    await writer.flush()
    assert [each.address for each in database.records] == ["192.0.2.1"]
    assert [line["event"] for line in lines] == ["audit.undescribed"] * (_DESCRIBED_TOGETHER - 1)


async def test_what_is_added_while_it_runs_is_stored_soon(database: Database) -> None:
    async with writing(writer_to(database)) as writer:
        add(writer, record())
        await database.asked.wait()
    assert database.records


async def test_who_is_asked_to_stop_stores_first_what_there_is(database: Database) -> None:
    async with writing(writer_to(database, window_seconds=3_600.0)) as writer:
        for n in range(5):
            add(writer, record(n))
    assert [each.count for each in database.records] == [1, 4]


async def test_a_window_ends_by_itself(database: Database) -> None:
    now = 0.0
    writer = writer_to(database, clock=lambda: now)
    for n in range(5):
        add(writer, record(n))
    await writer.flush()
    assert [each.count for each in database.records] == [1]
    now = 5.0
    await writer.flush()
    assert [each.count for each in database.records] == [1, 4]


async def test_nothing_is_lost_while_the_database_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_BACKOFF", Backoff(0.001, 0.001))
    database.is_away = True
    async with writing(writer_to(database)) as writer:
        add(writer, distinct(1))
        await database.asked.wait()
        add(writer, distinct(2))
        database.is_away = False
    assert [each.address for each in database.records] == ["192.0.2.1", "192.0.2.2"]


async def test_a_buffer_that_is_full_keeps_the_number_and_says_so(
    database: Database, lines: Lines
) -> None:
    writer = writer_to(database, records_max=3)
    for n in range(10):
        add(writer, distinct(n))
    for n in range(10, 14):
        add(writer, distinct(n).with_another(distinct(n)))
    assert writer.unwritten == 18
    await writer.flush()
    whole, counted = database.records[:3], database.records[3:]
    assert [each.address for each in whole] == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]
    assert [(each.count, each.outcome, each.action) for each in counted] == [
        (15, record().outcome, record().action)
    ]
    assert {(each.actor_id, each.address, each.device, each.request_id) for each in counted} == {
        ("", "", "", "")
    }
    assert [line["event"] for line in lines] == ["audit.full"]
    assert writer.unwritten == 0


async def test_what_cannot_be_stored_before_the_end_is_told(
    database: Database, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_BACKOFF", Backoff(0.001, 0.001))
    monkeypatch.setattr("server.kit.audit.writer._GRACE_SECONDS", 0.01)
    database.is_away = True
    async with writing(writer_to(database)) as writer:
        add(writer, record())
        await database.asked.wait()
    assert {"event": "audit.lost", "calls": 1, "log_level": "error"} in lines
